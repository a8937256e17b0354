package mesi

import "strconv"

// State is what one cache knows about one line. Names follow the Primer on Memory
// Consistency and Cache Coherence: XY_Z is on its way from X to Y and waits for
// A(cks), D(ata) or both.
type State uint8

// Cache states. I is the zero value: a line nobody has asked for.
const (
	I         State = iota // invalid
	S                      // shared: readable, possibly one of several copies
	E                      // exclusive and clean: readable, writable without a message
	M                      // modified: the only copy, memory is stale
	O                      // owned (MOESI): dirty and shared, answers reads, writes back when evicted
	F                      // forward (MESIF): the one sharer that answers reads
	IS_D                   // read miss sent, waits for data
	ISI_D                  // as IS_D, but an invalidation of a later turn came first: use the data once
	IM_AD                  // write miss sent, waits for data and for acks
	IM_A                   // has the data of a write miss, waits for acks
	SM_AD                  // upgrade sent, still holds a readable copy, waits for the ack count
	SM_A                   // upgrade granted, waits for acks
	OM_AD                  // upgrade from O sent, still the owner, waits for the ack count
	OM_A                   // upgrade from O granted, waits for acks
	MI_A                   // dirty line in the eviction buffer, PutM sent
	EI_A                   // clean exclusive line in the eviction buffer, PutE sent
	SI_A                   // shared line in the eviction buffer, Put sent
	OI_A                   // owned line in the eviction buffer, PutM sent
	II_A                   // dead line in the eviction buffer, waits for PutAck only
	NumStates              // the number of states, not a state
)

var stateNames = [NumStates]string{"I", "S", "E", "M", "O", "F", "IS_D", "ISI_D", "IM_AD", "IM_A",
	"SM_AD", "SM_A", "OM_AD", "OM_A", "MI_A", "EI_A", "SI_A", "OI_A", "II_A"}

func (s State) String() string { return name(stateNames[:], int(s)) }

// In reports whether a set of states, a bit each, has s.
func (s State) In(set uint32) bool { return set>>(s&31)&1 != 0 }

// HomeState is the state of one line at its home (directory).
type HomeState uint8

// Home states. In every state after HO the home works on one transaction and lets all
// requests wait. HI is the zero value.
const (
	HI    HomeState = iota // no cached copy
	HS                     // shared by Sharers; memory is current
	HX                     // one owner, in E or M
	HO                     // one owner in O, and sharers (MOESI)
	B_S                    // a shared copy was sent, waits for UnbS
	B_X                    // an exclusive copy was granted, waits for UnbX
	B_FS                   // a read was forwarded, waits for the unblock and the write-back
	B_FSu                  // as B_FS, unblock seen
	B_FSw                  // as B_FS, write-back seen
	B_FX                   // a write was forwarded, waits for UnbX
	B_FF                   // a read was sent to the forwarder, waits for UnbS (MESIF)
	R_S                    // recall: waits for acks of sharers
	R_X                    // recall: waits for the owner, and for acks of sharers
	A_S                    // far atomic: waits for acks of sharers
	A_X                    // far atomic: waits for the owner, and for acks of sharers
	A_P                    // far atomic: no copy is left, the home performs it
	numHomeStates
)

var homeStateNames = [numHomeStates]string{"I", "S", "X", "O", "B_S", "B_X", "B_FS", "B_FSu", "B_FSw",
	"B_FX", "B_FF", "R_S", "R_X", "A_S", "A_X", "A_P"}

func (s HomeState) String() string { return name(homeStateNames[:], int(s)) }

// Stable reports whether the home can take a request in this state.
func (s HomeState) Stable() bool { return s <= HO }

// MsgType is the kind of a message.
type MsgType uint8

// Messages: requests, then forwards, then replies to caches, then replies to the home.
const (
	GetS    MsgType = iota // read miss
	GetM                   // write miss
	Upg                    // write to a held shared line: permission without data
	PutS                   // eviction of a shared line
	PutE                   // eviction of a clean exclusive line
	PutM                   // eviction of a dirty line, with data
	FarOp                  // an atomic op for the home to perform, with its operands
	FwdGetS                // home to owner or forwarder: serve this reader
	FwdGetM                // home to owner: hand the line to this writer
	Inv                    // home to sharer: drop the copy, ack to the writer
	RcInv                  // home to sharer: drop the copy, ack to the home (recall, far atomic)
	RcX                    // home to owner: give the line back (recall, far atomic)
	DataS                  // shared data; the reader answers UnbS
	DataSn                 // shared data; the home did not block, no unblock
	DataSo                 // shared data from an owner that stays owner; the reader answers UnbO
	DataE                  // clean exclusive data
	DataF                  // shared data, the reader becomes the forwarder
	DataM                  // data for a writer, with the number of acks to collect
	DataD                  // dirty exclusive data for a reader: ownership migrates
	AckCnt                 // upgrade granted, with the number of acks to collect
	InvAck                 // one sharer dropped its copy
	PutAck                 // the eviction is known at the home
	FarVal                 // the far atomic is performed, with the old value
	UnbS                   // transaction complete, requester shares
	UnbO                   // transaction complete, requester shares with an owner
	UnbX                   // transaction complete, requester is the owner
	WbData                 // owner to home: dirty data
	WbClean                // owner to home: memory is already current
	FwdMiss                // forward or recall found no copy: it was dropped silently
	RcAck                  // sharer to home: recall done
	FarDone                // home to itself: the far atomic is through the atomic unit
	numMsgTypes
)

var msgNames = [numMsgTypes]string{"GetS", "GetM", "Upg", "PutS", "PutE", "PutM", "FarOp", "FwdGetS", "FwdGetM",
	"Inv", "RcInv", "RcX", "DataS", "DataSn", "DataSo", "DataE", "DataF", "DataM", "DataD", "AckCnt",
	"InvAck", "PutAck", "FarVal", "UnbS", "UnbO", "UnbX", "WbData", "WbClean", "FwdMiss", "RcAck", "FarDone"}

func (t MsgType) String() string { return name(msgNames[:], int(t)) }

// VN is a virtual network. None of them keeps any order.
type VN uint8

// Virtual networks. Handling a message sends only on networks after its own.
const (
	Request VN = iota // cache to home; may wait at the home
	Forward           // home to cache; never refused by a cache
	Reply             // to anyone; always sunk
)

var vnNames = [...]string{"request", "forward", "reply"}

func (v VN) String() string { return name(vnNames[:], int(v)) }

// VN returns the virtual network that carries the message.
func (t MsgType) VN() VN {
	switch {
	case t <= FarOp:
		return Request
	case t <= RcX:
		return Forward
	}
	return Reply
}

// IsRequest reports whether VN is Request.
func (t MsgType) IsRequest() bool { return t <= FarOp }

// IsForward reports whether VN is Forward.
func (t MsgType) IsForward() bool { return t-FwdGetS <= RcX-FwdGetS }

// ToHome reports whether the message is addressed to the home.
func (t MsgType) ToHome() bool { return t <= FarOp || t >= UnbS }

// Node is an end point of a message: a cache, or the home of the line.
type Node int16

// Home is the home of the line a message is about.
const Home Node = -1

func (n Node) String() string {
	if n == Home {
		return "home"
	}
	return "c" + strconv.Itoa(int(n))
}

// Source says where the bytes of an outgoing message come from.
type Source uint8

// Sources of bytes.
const (
	NoData   Source = iota // the message carries no bytes
	FromLine               // the sender's copy, as it was before this step's Fill or Drop
	FromMem                // the home's memory, after this step's WriteMem
)

// Msg is one message about one line.
type Msg struct {
	Type MsgType
	Data Source
	From Node
	To   Node
	Req  Node  // requester that a forward serves; Home in all other messages
	Acks int16 // InvAcks the requester has to collect (FwdGetM, DataM, AckCnt)
}

// Line is what one cache knows of one line. The zero value is an invalid line.
type Line struct {
	State State
	Bal   int16 // acks expected minus received; negative when acks came first, 0 outside transactions
}

// Entry is what the home knows of one line. Start from NewEntry or the zero value.
type Entry struct {
	State   HomeState
	Coarse  bool  // Sharers is rounded up to whole groups of caches
	Owner   Node  // owner in HX and HO, forwarder in HS (MESIF), or -1
	Req     Node  // requester of the transaction in progress, or -1
	Acks    int16 // recall acks outstanding
	Sharers Set
}

// NewEntry returns the entry of a line that no cache has.
func NewEntry() Entry { return Entry{Owner: -1, Req: -1} }

// Out collects the messages of a step. The caller resets it with Msgs = Msgs[:0].
type Out struct{ Msgs []Msg }

// add appends a message, field by field: a composite would be put together on the
// stack and copied in wider pieces than it was written in, which stalls the host.
func (o *Out) add(t MsgType, d Source, from, to, req Node, acks int16) {
	n := len(o.Msgs)
	if n == cap(o.Msgs) {
		o.Msgs = append(o.Msgs, Msg{})
	}
	o.Msgs = o.Msgs[:n+1]
	m := &o.Msgs[n]
	m.Type, m.Data, m.From, m.To, m.Req, m.Acks = t, d, from, to, req, acks
}

// CoreEvent is what a core, or the replacement policy of its cache, wants from a line.
type CoreEvent uint8

// Core events. Stores, locked operations and prefetches for write are all Store; an
// atomic op that the home shall perform is Far.
const (
	Load        CoreEvent = iota // read permission wanted
	Store                        // write permission wanted
	Evict                        // the way is needed; announced to the home where the options say so
	SilentEvict                  // as Evict, and silent where both kinds are allowed
	Far                          // the home shall perform an atomic op; the line is not wanted here
)

var coreEventNames = [...]string{"Load", "Store", "Evict", "SilentEvict", "Far"}

func (e CoreEvent) String() string { return name(coreEventNames[:], int(e)) }

// Effect tells the caller of a step what to do besides sending messages.
type Effect uint16

// Effects at a cache, then at the home.
const (
	Hit        Effect = 1 << iota // the core request may be performed now
	Wait                          // the core request waits in the MSHR, or for the eviction buffer
	Perform                       // the transaction completed: perform the waiting access in this cycle
	Fill                          // line bytes := message bytes
	Drop                          // line bytes are dead
	Freed                         // the entry of the eviction buffer is gone
	UseOnce                       // the one oldest waiting load may use the bytes, then they are dead (comes with Drop)
	Lost                          // somebody else took read permission: speculative loads must be checked
	Downgraded                    // somebody else took write permission; the copy stays readable
	Parked                        // the line moved to the eviction buffer; the way is free
	WriteMem                      // memory bytes := message bytes
	PerformFar                    // the home performs the requester's atomic op on the memory bytes
	Stall                         // the home is blocked and took no notice: queue and present again
	Unblocked                     // the home is stable after this step: present the next queued request
	numEffects = iota
)

var effectNames = [numEffects]string{"Hit", "Wait", "Perform", "Fill", "Drop", "Freed", "UseOnce", "Lost",
	"Downgraded", "Parked", "WriteMem", "PerformFar", "Stall", "Unblocked"}

func (f Effect) String() string {
	s := ""
	for i, n := range effectNames {
		if f&(1<<i) != 0 {
			if s != "" {
				s += "|"
			}
			s += n
		}
	}
	return s
}

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "?" + strconv.Itoa(i)
}
