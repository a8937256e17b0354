package cpu

import "fmt"

// Reg names one of a thread's registers. Register 0 is TaskReg.
type Reg uint8

const (
	NumRegs     = 64
	TaskReg Reg = 0    // always holds the address of the thread's task_struct
	NoReg   Reg = 0xff // "no operand": an immediate instead, or a result nobody wants
)

// Code is the kind of a micro-op.
type Code uint8

const (
	Nop       Code = iota
	Load           // Dst = [A+Off]
	Store          // [A+Off] = B|Imm
	RMW            // Dst = old [A+Off]; [A+Off] = Modify(old, B|Imm, C); atomic
	LoadExcl       // load-linked: Dst = [A+Off], sets the monitor
	StoreExcl      // store-conditional: [A+Off] = B|Imm if the monitor holds; Dst = 0 on success, 1 on failure
	Fence          // Fn is a fence kind
	Prefetch       // asks for the line of A+Off, never binds a value
	ALU            // Dst = Eval(A, B|Imm)
	Branch         // to Off (an op index) if Taken(A, B|Imm)
	Pause          // spin hint: holds back younger ops for the machine's pause time
	Wait           // Dst = [A+Off], complete only once Taken(value, B|Imm) holds; sleeps on the line in between
	Mark           // begins or ends a named region, counts an event, turns preemption off or on (Fn); takes no cycle
	Halt           // the thread is finished
	NumCodes
)

// Fn refines a Code.
type Fn uint8

const (
	FnNone Fn = iota

	// RMW
	Add  // old + B
	Swap // B
	Cas  // B if old == C; otherwise nothing is written
	And  // old & B
	Or   // old | B

	// ALU (Add, And, Or as above)
	Mov   // B
	Sub   // A - B
	Xor   // A ^ B
	Shl   // A << B
	Shr   // A >> B
	Mul   // A * B
	Mix   // a fixed pseudo-random permutation of A (splitmix64), for workloads' choices
	Rem   // A mod B, 0 if B is 0
	Clock // the time in ns, in whole ns; where there is no time (a checker) always 0
	Work  // B cycles of private work: latency Imm, that many window slots, no operands

	// Branch and Wait (unsigned comparisons)
	Always
	EQ
	NE
	LT
	GE
	AnySet  // A & B != 0
	NoneSet // A & B == 0

	// Fence
	Full   // every older access before every younger one (mfence, dmb ish)
	LoadF  // older loads before every younger access (dmb ishld)
	StoreF // older stores before younger stores (dmb ishst, sfence)
	LFence // x86 lfence: younger ops start only when older ones are complete
	ISB    // context synchronisation: younger loads wait for older branches and addresses

	// Prefetch
	ForRead
	ForWrite

	// Mark
	Begin
	End
	Count
	PreemptOff // until the PreemptOn that belongs to it, no end of a time slice takes the task off its core
	PreemptOn
	NumFns
)

// Order is the ordering an access asks for. Lowering to an ISA may strengthen
// it (x86 makes every RMW fully ordered) and never weakens it.
type Order uint8

const (
	Plain  Order = iota
	Acq          // ldar, casa, ldaxr
	AcqPC        // ldapr: acquire that may pass an older release store
	Rel          // stlr, ldaddl, stlxr
	AcqRel       // both
)

// Flags of an op.
type Flags uint8

const (
	Size8   Flags = 1 << iota // an 8-byte access (otherwise 4 bytes)
	Likely                    // branch predicted taken (otherwise not taken)
	Sleep                     // Wait: pays the scheduler's costs (schedule() and wake-up), not a spin
	Locked                    // RMW: x86 locked op, drains the store buffer and is a full fence
	Far                       // RMW performed at the home (LSE far atomic)
	Ghosted                   // the op's Site carries ghost annotations
)

// Op is one micro-op: plain data, at most 24 bytes. Registers that are NoReg
// stand for "absent"; where a value operand B is absent, Imm is the value.
type Op struct {
	Code  Code
	Fn    Fn
	Order Order
	Flags Flags
	Dst   Reg
	A     Reg   // address base, or first ALU/branch operand
	B     Reg   // value operand
	C     Reg   // expected value of a Cas
	Off   int32 // address offset; branch target (op index)
	Site  int32 // index into Program.Sites
	Imm   int64
}

// Bytes is the width of the op's access.
func (o *Op) Bytes() int {
	if o.Flags&Size8 != 0 {
		return 8
	}
	return 4
}

// IsMem reports whether the op accesses memory with a value (not a prefetch).
func (o *Op) IsMem() bool {
	switch o.Code {
	case Load, Store, RMW, LoadExcl, StoreExcl, Wait:
		return true
	}
	return false
}

// Truncate cuts v to the width of the op's access.
func (o *Op) Truncate(v uint64) uint64 {
	if o.Flags&Size8 == 0 {
		return uint64(uint32(v))
	}
	return v
}

// Eval is the result of an ALU op on operand values a and b (b already holds
// Imm where B is NoReg).
func (o *Op) Eval(a, b uint64) uint64 {
	switch o.Fn {
	case Mov:
		return b
	case Add:
		return a + b
	case Sub:
		return a - b
	case And:
		return a & b
	case Or:
		return a | b
	case Xor:
		return a ^ b
	case Shl:
		return a << (b & 63)
	case Shr:
		return a >> (b & 63)
	case Mul:
		return a * b
	case Rem:
		if b == 0 {
			return 0
		}
		return a % b
	case Mix:
		return mix64(a)
	}
	return 0
}

// Modify is the effect of an RMW on the old value: what is written, and
// whether anything is.
func (o *Op) Modify(old, b, c uint64) (val uint64, write bool) {
	switch o.Fn {
	case Add:
		return o.Truncate(old + b), true
	case Swap:
		return o.Truncate(b), true
	case Cas:
		return o.Truncate(b), old == o.Truncate(c)
	case And:
		return old & o.Truncate(b), true
	case Or:
		return old | o.Truncate(b), true
	}
	panic(fmt.Sprintf("cpu: RMW with Fn %d", o.Fn))
}

// Taken is the outcome of a Branch, or of a Wait's condition, on a and b.
func (o *Op) Taken(a, b uint64) bool {
	switch o.Fn {
	case Always:
		return true
	case EQ:
		return a == b
	case NE:
		return a != b
	case LT:
		return a < b
	case GE:
		return a >= b
	case AnySet:
		return a&b != 0
	case NoneSet:
		return a&b == 0
	}
	panic(fmt.Sprintf("cpu: branch with Fn %d", o.Fn))
}

// mix64 is the finaliser of splitmix64 (Steele, Lea, Flood 2014) on the next
// state: a bijection, so a register can serve as a private random stream.
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
