package check

import (
	"fmt"
	"runtime"

	"cohsim/mesi"
)

// MaxCaches is the largest protocol system that can be encoded.
const MaxCaches = 12

// ProtocolConfig says what to explore about a protocol.
type ProtocolConfig struct {
	Caches   int
	Symmetry bool // explore one state per class of renamed caches
	Migrate  bool // owners may answer reads with ownership, or share
}

// Protocol is one line, Caches caches, one home and two data values, driven by the rows
// of a mesi.Protocol. Every message in flight has a slot of its kind and end point; a
// slot that is already taken breaks a law, so the slots are a bag and not a bound.
//
// A fill and the access that waited for it are separate steps, and a core may do any of
// its accesses at any time: a superset of what the machine does.
type Protocol struct {
	p    *mesi.Protocol
	cfg  ProtocolConfig
	n    int
	cov  mesi.Coverage
	core [NumStates][]mesi.CoreEvent // events that lead somewhere; the rest wait or hit

	seenStates uint32                           // cache states visited, for the events left out of core
	seenStall  [numHomeStates]uint32            // requests seen waiting in a blocked state
	pureStall  [numHomeStates][numRequests]bool // the row only stalls
	readMask   uint32                           // states in which a load uses the bytes

	may func(c int, on mesi.State, ev mesi.CoreEvent) bool // forbids core events when not nil

	entry mesi.Entry
	out   mesi.Out
	trace *[]Step // not nil while Label runs
	err   error   // law broken by the step under way
}

const (
	NumStates     = int(mesi.II_A) + 1
	numRequests   = int(mesi.FarOp) + 1
	numHomeStates = int(mesi.A_P) + 1
)

// A state is one word per cache and one for the home. A field of a message slot is 0
// when the slot is empty, a data value v is stored as v+1 where it may be absent.
const (
	stAt, stMask     = 0, 31
	cdAt, cdMask     = 5, 3 // the line's bytes
	balAt, balMask   = 7, 31
	reqAt, reqMask   = 12, 7  // request to the home: 1 + type
	reqvAt           = 15     // its data (PutM)
	fwdAt, fwdMask   = 16, 7  // forward to this cache: 1 + type - FwdGetS
	fwdwAt, fwdwMask = 19, 15 // its requester: 1 + cache
	fwdnAt, fwdnMask = 23, 15 // its ack count
	datAt, datMask   = 27, 15
	datvAt           = 31
	datnAt, datnMask = 32, 15
	iacAt, iacMask   = 36, 15 // InvAcks in flight to this cache; who sent them does not matter
	pakAt            = 40
	unbAt, unbMask   = 41, 3
	shrAt            = 43    // the home lists this cache
	farAt, farMask   = 44, 3 // far atomic: 1 asked for, 2 taken by the home, 3 answered
	usedBits         = 46

	dsAt, dsMask   = 0, 15
	memAt          = 4
	ownAt, ownMask = 5, 15
	rqAt, rqMask   = 9, 15
	dacAt, dacMask = 13, 15
	wbAt, wbMask   = 17, 3 // an owner's answer to the home: 1 + type - WbData
	wbvAt          = 19
	riaAt, riaMask = 20, 15 // recall acks in flight
	lastAt         = 24     // value of the latest store
	coarseAt       = 25
	doneAt         = 26 // the far atomic is in the home's atomic unit
)

func get(w uint64, at, mask uint) uint64 { return w >> at & uint64(mask) }

func set(w *uint64, at, mask uint, v uint64) { *w = *w&^(uint64(mask)<<at) | v<<at }

// NewProtocol returns the system of a protocol. An error is a config error.
func NewProtocol(p *mesi.Protocol, cfg ProtocolConfig) (*Protocol, error) {
	if cfg.Caches < 1 || cfg.Caches > MaxCaches {
		return nil, fmt.Errorf("%d caches: allowed are 1 to %d", cfg.Caches, MaxCaches)
	}
	if cfg.Symmetry && p.Options().SharerPointers > 0 {
		return nil, fmt.Errorf("a coarse sharer list tells groups of caches apart: explore without symmetry")
	}
	q := *p
	s := &Protocol{p: &q, cfg: cfg, n: cfg.Caches}
	q.Cov = &s.cov
	for st := range NumStates {
		state := mesi.State(st)
		if p.Readable(state) {
			s.readMask |= 1 << st
		}
		for _, ev := range []mesi.CoreEvent{mesi.Load, mesi.Store, mesi.Evict, mesi.SilentEvict, mesi.Far} {
			on := mesi.CacheEvent(ev)
			to, do, ok := p.CacheRow(state, on)
			switch {
			case !ok && ev >= mesi.Evict:
				continue
			case ok && to == state && (len(do) == 1 && (do[0] == mesi.WaitHere || do[0] == mesi.HitNow && ev == mesi.Load)):
				continue // a self-loop: counted at the end
			}
			s.core[st] = append(s.core[st], ev)
		}
	}
	for st := range numHomeStates {
		for r := mesi.GetS; r <= mesi.FarOp; r++ {
			hs := mesi.HomeState(st)
			e := mesi.Entry{State: hs}
			to, do, ok := p.HomeRow(hs, mesi.EventAtHome(&e, mesi.Msg{Type: r}))
			s.pureStall[st][r] = !hs.Stable() && ok && to == hs && len(do) == 1 && do[0] == mesi.StallHere
		}
	}
	return s, nil
}

// Words implements System.
func (s *Protocol) Words() int { return s.n + 1 }

// Initial implements System: nobody has the line, memory holds the last store.
func (s *Protocol) Initial(b *Batch) { b.Copy(make([]uint64, s.n+1)) }

// Goal implements System: no cache and no home is in the middle of anything.
func (s *Protocol) Goal(k []uint64) bool {
	for _, w := range k[:s.n] {
		if get(w, stAt, stMask) > uint64(mesi.F) || get(w, farAt, farMask) != 0 {
			return false
		}
	}
	return mesi.HomeState(get(k[s.n], dsAt, dsMask)).Stable()
}

// Coverage returns what the exploration met: every row fired, and every request that
// waited in a blocked home.
func (s *Protocol) Coverage() *mesi.Coverage {
	c := s.cov
	for st := range numHomeStates {
		for r := range numRequests {
			if s.seenStall[st]>>r&1 != 0 {
				e := mesi.Entry{State: mesi.HomeState(st)}
				c.Count(mesi.HomeState(st), mesi.EventAtHome(&e, mesi.Msg{Type: mesi.MsgType(r)}))
			}
		}
	}
	for st := range NumStates {
		if s.seenStates>>st&1 == 0 {
			continue
		}
		for _, on := range []mesi.CacheEvent{mesi.OnLoad, mesi.OnStore} {
			if c.CacheCount(mesi.State(st), on) == 0 && s.p.Has(mesi.State(st), on) {
				c.CountCache(mesi.State(st), on)
			}
		}
	}
	return &c
}

// Next implements System.
func (s *Protocol) Next(k []uint64, b *Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			b.Undo()
			switch u := r.(type) {
			case mesi.Unspecified:
				s.note(Step{Actor: u.Self.String(), What: "unspecified event: " + u.Event + " in " + u.State}, k)
				err = &Broken{Law: "unspecified event", Detail: u.Error()}
			case runtime.Error: // a row that uses an owner or requester who is nobody
				s.note(Step{Actor: mesi.Home.String(), What: u.Error()}, k)
				err = &Broken{Law: "impossible step", Detail: u.Error()}
			default:
				panic(r)
			}
		}
	}()
	s.err = nil
	home := k[s.n]
	ds := mesi.HomeState(get(home, dsAt, dsMask))
	for c := range s.n {
		w := k[c]
		st := get(w, stAt, stMask)
		s.seenStates |= 1 << st
		for _, ev := range s.core[st] {
			if s.may != nil && !s.may(c, mesi.State(st), ev) || ev == mesi.Far && get(w, farAt, farMask) != 0 {
				continue
			}
			s.coreStep(k, b, c, ev)
		}
		const waiting = uint64(fwdMask)<<fwdAt | uint64(datMask)<<datAt | uint64(iacMask)<<iacAt |
			1<<pakAt | uint64(reqMask)<<reqAt | uint64(unbMask)<<unbAt | uint64(farMask)<<farAt
		if w&waiting == 0 {
			continue
		}
		self := mesi.Node(c)
		if f := get(w, fwdAt, fwdMask); f != 0 {
			m := mesi.Msg{Type: mesi.FwdGetS + mesi.MsgType(f-1), From: mesi.Home, To: self,
				Req: mesi.Node(get(w, fwdwAt, fwdwMask)) - 1, Acks: int16(get(w, fwdnAt, fwdnMask))}
			const slot = uint64(fwdMask)<<fwdAt | uint64(fwdwMask)<<fwdwAt | uint64(fwdnMask)<<fwdnAt
			s.cacheStep(k, b, c, m, slot, 0, false)
			if s.cfg.Migrate && m.Type == mesi.FwdGetS &&
				mesi.EventAtCache(mesi.Line{State: mesi.State(st)}, m, true) != mesi.OnFwdGetS {
				s.cacheStep(k, b, c, m, slot, 0, true)
			}
		}
		if d := get(w, datAt, datMask); d != 0 {
			m := mesi.Msg{Type: mesi.DataS + mesi.MsgType(d-1), From: mesi.Home, To: self, Req: mesi.Home,
				Acks: int16(get(w, datnAt, datnMask))}
			const slot = uint64(datMask)<<datAt | 1<<datvAt | uint64(datnMask)<<datnAt
			s.cacheStep(k, b, c, m, slot, get(w, datvAt, 1)+1, false)
		}
		if get(w, iacAt, iacMask) != 0 {
			s.cacheStep(k, b, c, mesi.Msg{Type: mesi.InvAck, From: mesi.Home, To: self, Req: mesi.Home}, 0, 0, false)
		}
		if get(w, pakAt, 1) != 0 {
			s.cacheStep(k, b, c, mesi.Msg{Type: mesi.PutAck, From: mesi.Home, To: self, Req: mesi.Home}, 1<<pakAt, 0, false)
		}
		if r := get(w, reqAt, reqMask); r != 0 {
			t := mesi.MsgType(r - 1)
			if s.pureStall[ds][t] {
				s.seenStall[ds] |= 1 << t
			} else {
				s.homeStep(k, b, mesi.Msg{Type: t, From: self, To: mesi.Home, Req: mesi.Home}, get(w, reqvAt, 1))
			}
		}
		switch get(w, farAt, farMask) {
		case 1:
			if s.pureStall[ds][mesi.FarOp] {
				s.seenStall[ds] |= 1 << mesi.FarOp
			} else {
				s.homeStep(k, b, mesi.Msg{Type: mesi.FarOp, From: self, To: mesi.Home, Req: mesi.Home}, 0)
			}
		case 3:
			s.cacheStep(k, b, c, mesi.Msg{Type: mesi.FarVal, From: mesi.Home, To: self, Req: mesi.Home}, uint64(farMask)<<farAt, 0, false)
		}
		if u := get(w, unbAt, unbMask); u != 0 {
			s.homeStep(k, b, mesi.Msg{Type: mesi.UnbS + mesi.MsgType(u-1), From: self, To: mesi.Home, Req: mesi.Home}, 0)
		}
	}
	if wb := get(home, wbAt, wbMask); wb != 0 {
		t := mesi.WbData + mesi.MsgType(wb-1)
		from := mesi.Node(get(home, ownAt, ownMask)) - 1
		s.homeStep(k, b, mesi.Msg{Type: t, From: from, To: mesi.Home, Req: mesi.Home}, get(home, wbvAt, 1))
	}
	if get(home, riaAt, riaMask) != 0 {
		s.homeStep(k, b, mesi.Msg{Type: mesi.RcAck, From: mesi.Home, To: mesi.Home, Req: mesi.Home}, 0)
	}
	if get(home, doneAt, 1) != 0 {
		s.homeStep(k, b, mesi.Msg{Type: mesi.FarDone, From: mesi.Home, To: mesi.Home, Req: mesi.Home}, 0)
	}
	if ds.Stable() && ds != mesi.HI && s.p.Options().Recall {
		s.recallStep(k, b)
	}
	return s.err
}

// Label implements System.
func (s *Protocol) Label(k []uint64) []Step {
	var steps []Step
	cov, states, stall := s.cov, s.seenStates, s.seenStall
	s.trace = &steps
	// An error was or will be reported by the exploration itself.
	_ = s.Next(k, &Batch{words: s.n + 1})
	s.trace, s.cov, s.seenStates, s.seenStall = nil, cov, states, stall
	return steps
}

// Unreached lists the rows that the exploration never used.
func (s *Protocol) Unreached() []mesi.Pair {
	c := s.Coverage()
	var rows []mesi.Pair
	for _, r := range s.p.CacheRows() {
		if c.CacheCount(r.From, r.On) == 0 {
			rows = append(rows, mesi.Pair{State: r.From.String(), Event: r.On.String()})
		}
	}
	for _, r := range s.p.HomeRows() {
		if c.HomeCount(r.From, r.On) == 0 {
			rows = append(rows, mesi.Pair{AtHome: true, State: r.From.String(), Event: r.On.String()})
		}
	}
	return rows
}
