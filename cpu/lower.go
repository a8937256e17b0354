package cpu

import "fmt"

// ISA is an instruction set that portable programs are lowered to.
type ISA uint8

const (
	X86_64    ISA = iota // lock-prefixed atomics, each a full barrier
	ARM64LSE             // single-instruction atomics with acquire and release forms
	ARM64LLSC            // load-linked / store-conditional loops
	NumISAs
)

// String is the name used in machine files: "x86-64", "arm64-lse", "arm64-llsc".
func (i ISA) String() string {
	if i < NumISAs {
		return lowerings[i].name
	}
	return fmt.Sprintf("ISA(%d)", uint8(i))
}

// ParseISA finds an ISA by its name.
func ParseISA(name string) (ISA, error) {
	names := make([]string, NumISAs)
	for i := range names {
		names[i] = ISA(i).String()
		if names[i] == name {
			return ISA(i), nil
		}
	}
	err := fmt.Errorf("unknown isa %q; there are x86-64, arm64-lse and arm64-llsc", name)
	if near := nearest(name, names); near != "" {
		err = fmt.Errorf("unknown isa %q; did you mean %q?", name, near)
	}
	return 0, err
}

// atomicShape is what an rmw or cas becomes.
type atomicShape uint8

const (
	// lockedOp is one op with a lock prefix: fully ordered, whatever was asked.
	lockedOp atomicShape = iota
	// singleOp is one op that keeps its order (casa, ldaddl, …).
	singleOp
	// exclusiveLoop is prefetchw; ll; compute; sc; branch back if sc failed. A
	// cas branches out on a mismatch. The order goes to the half that needs it:
	//	acq     ll.acq … sc
	//	rel     ll     … sc.rel
	//	acqrel  ll     … sc.rel; fence.full (a cas: only behind success)
	// Note: ll.acq with sc.rel would be weaker than a full barrier towards
	// younger accesses, which may pass the sc; kernels end in dmb ish instead.
	exclusiveLoop
)

// lowering is what one ISA makes of the portable instructions.
type lowering struct {
	name   string
	loads  [len(orderWords)]Order // load and ll: order written -> order of the op
	stores [len(orderWords)]Order // store and sc
	atomic atomicShape
	far    bool // .far is kept; elsewhere it is dropped, for no such form exists
	excl   bool // ll and sc exist
	// Barriers. stackRMW: a locked add of 0 to the task's own stack line,
	// cheaper than mfence. FnNone: the model orders this already, no op.
	stackRMW     bool
	mb, rmb, wmb Fn
	swapMB       bool               // store.mb is one locked swap; otherwise a store and mb
	fences       []string           // of fence.*
	mnemonics    func(o *Op) string // the machine's own name of an op, for listings
}

// lowerings is the whole of what depends on the ISA:
//
//	.uop             x86-64                   arm64-lse            arm64-llsc
//	load.acq         mov                      ldar                 ldar
//	load.acqpc       mov                      ldapr                ldar (no ldapr before v8.3)
//	store.rel        mov                      stlr                 stlr
//	rmw, cas         lock …                   ldadd[a][l], cas[a]  prfm; ld[a]xr/st[l]xr loop
//	rmw.acqrel, cas  lock …                   ldaddal, casal       prfm; ldxr/stlxr loop; dmb ish
//	.far             dropped                  far atomic           dropped
//	ll, sc           error                    ld[a]xr, st[l]xr     ld[a]xr, st[l]xr
//	mb               lock addl $0, stack      dmb ish              dmb ish
//	rmb              nothing                  dmb ishld            dmb ishld
//	wmb              nothing                  dmb ishst            dmb ishst
//	store.mb         xchg                     str; dmb ish         str; dmb ish
//	fence.full       mfence                   dmb ish              dmb ish
//	fence.st         sfence                   dmb ishst            dmb ishst
//	fence.ld         error                    dmb ishld            dmb ishld
//	fence.isb        error                    isb                  isb
//	fence.lfence     lfence                   error                error
//
// mb, rmb and wmb are the portable barriers. fence.* names a fence of the ISA
// itself, so one that the ISA lacks is an error and never silently nothing.
var lowerings = [NumISAs]lowering{
	X86_64: {
		name:   "x86-64",
		atomic: lockedOp,
		// All orders map to Plain: tso gives every load acquire and every store
		// release order for nothing.
		stackRMW:  true,
		swapMB:    true,
		fences:    []string{"full", "st", "lfence"},
		mnemonics: x86Mnemonic,
	},
	ARM64LSE: {
		name:      "arm64-lse",
		loads:     [...]Order{Plain: Plain, Acq: Acq, AcqPC: AcqPC, Rel: Plain, AcqRel: Acq},
		stores:    [...]Order{Plain: Plain, Acq: Plain, AcqPC: Plain, Rel: Rel, AcqRel: Rel},
		atomic:    singleOp,
		far:       true,
		excl:      true,
		mb:        Full,
		rmb:       LoadF,
		wmb:       StoreF,
		fences:    []string{"full", "ld", "st", "isb"},
		mnemonics: armMnemonic,
	},
	ARM64LLSC: {
		name:      "arm64-llsc",
		loads:     [...]Order{Plain: Plain, Acq: Acq, AcqPC: Acq, Rel: Plain, AcqRel: Acq},
		stores:    [...]Order{Plain: Plain, Acq: Plain, AcqPC: Plain, Rel: Rel, AcqRel: Rel},
		atomic:    exclusiveLoop,
		excl:      true,
		mb:        Full,
		rmb:       LoadF,
		wmb:       StoreF,
		fences:    []string{"full", "ld", "st", "isb"},
		mnemonics: armMnemonic,
	},
}

var fenceFns = map[string]Fn{"full": Full, "ld": LoadF, "st": StoreF, "lfence": LFence, "isb": ISB}

var rmwFns = map[string]Fn{"add": Add, "swap": Swap, "and": And, "or": Or}

var aluFns = map[string]Fn{
	"mov": Mov, "add": Add, "sub": Sub, "and": And, "or": Or, "xor": Xor,
	"shl": Shl, "shr": Shr, "mul": Mul, "rem": Rem, "mix": Mix,
}

var condFns = map[string]Fn{
	"beq": EQ, "bne": NE, "blt": LT, "bge": GE, "bset": AnySet, "bclr": NoneSet,
	"eq": EQ, "ne": NE, "lt": LT, "ge": GE, "set": AnySet, "clr": NoneSet,
}

// Mnemonic is the machine instruction that op stands for on isa, without
// operands: "lock cmpxchg", "casa", "ldaxr". Ops that are no single machine
// instruction have none ("").
func (o *Op) Mnemonic(isa ISA) string {
	if isa >= NumISAs {
		return ""
	}
	return lowerings[isa].mnemonics(o)
}

func x86Mnemonic(o *Op) string {
	switch o.Code {
	case Load, Store:
		return "mov"
	case RMW:
		switch {
		case o.Fn == Cas:
			return "lock cmpxchg"
		case o.Fn == Swap:
			return "xchg" // locks without a prefix
		case o.Fn == Add && o.Dst != NoReg:
			return "lock xadd"
		}
		// Note: and/or with a result stand for a cmpxchg loop of the compiler.
		return "lock " + fnWords[o.Fn]
	case Fence:
		return [NumFns]string{Full: "mfence", StoreF: "sfence", LFence: "lfence"}[o.Fn]
	case Prefetch:
		if o.Fn == ForWrite {
			return "prefetchw"
		}
		return "prefetcht0"
	case Branch:
		return [NumFns]string{Always: "jmp", EQ: "je", NE: "jne", LT: "jb", GE: "jae", AnySet: "jnz", NoneSet: "jz"}[o.Fn]
	case Pause:
		return "pause"
	}
	return ""
}

func armMnemonic(o *Op) string {
	// suffix picks the letters of acquire and release forms.
	suffix := [...]string{Plain: "", Acq: "a", AcqPC: "a", Rel: "l", AcqRel: "al"}[o.Order]
	switch o.Code {
	case Load:
		return [...]string{Plain: "ldr", Acq: "ldar", AcqPC: "ldapr", Rel: "ldr", AcqRel: "ldar"}[o.Order]
	case Store:
		if o.Order == Rel {
			return "stlr"
		}
		return "str"
	case LoadExcl:
		return "ld" + suffix + "xr"
	case StoreExcl:
		return "st" + suffix + "xr"
	case RMW:
		name := [NumFns]string{Cas: "cas", Swap: "swp", Add: "ldadd", And: "ldclr", Or: "ldset"}[o.Fn]
		if o.Dst == NoReg && (o.Order == Plain || o.Order == Rel) && o.Fn != Cas && o.Fn != Swap {
			name = "st" + name[2:]
		}
		return name + suffix
	case Fence:
		return [NumFns]string{Full: "dmb ish", LoadF: "dmb ishld", StoreF: "dmb ishst", ISB: "isb"}[o.Fn]
	case Prefetch:
		if o.Fn == ForWrite {
			return "prfm pstl1strm"
		}
		return "prfm pldl1keep"
	case Branch:
		return [NumFns]string{Always: "b", EQ: "b.eq", NE: "b.ne", LT: "b.lo", GE: "b.hs", AnySet: "b.ne", NoneSet: "b.eq"}[o.Fn]
	case Pause:
		return "yield"
	}
	return ""
}

// fnWords are the .uop words of functions, for listings of ops.
var fnWords = [NumFns]string{
	Add: "add", Swap: "swap", Cas: "cas", And: "and", Or: "or",
	Mov: "mov", Sub: "sub", Xor: "xor", Shl: "shl", Shr: "shr", Mul: "mul", Mix: "mix", Rem: "rem", Clock: "clock", Work: "work",
	Always: "jump", EQ: "eq", NE: "ne", LT: "lt", GE: "ge", AnySet: "set", NoneSet: "clr",
	Full: "full", LoadF: "ld", StoreF: "st", LFence: "lfence", ISB: "isb",
	ForRead: "prefetch", ForWrite: "prefetchw", Begin: "begin", End: "end", Count: "count", PreemptOff: "preempt.off", PreemptOn: "preempt.on",
}
