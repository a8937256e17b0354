package cpu

import (
	"math/bits"
	"slices"

	"cohsim/internal/stats"
)

const never = int64(1) << 62

// Timing is Config in core cycles.
type Timing struct {
	Config
	StoreRestartC, PauseC                     int64
	ScheduleC, SwitchC, WakeupC, IPIC, SliceC int64
}

// Cycles is a time in ns in core cycles, rounded to the nearest.
func (cfg *Config) Cycles(ns float64) int64 { return CyclesNS(ns, cfg.ClockMHz) }

// CyclesNS is a time in ns in cycles of a clock, rounded to the nearest. The
// time is first rounded to whole picoseconds, so that the result is exact
// integer arithmetic on every host.
func CyclesNS(ns float64, mhz int) int64 {
	ps := int64(ns*1000 + 0.5)
	return (ps*int64(mhz) + 500_000) / 1_000_000
}

// Core is one hardware thread and runs its tasks' linked programs, one at a time.
// It owns everything private to the hardware thread; the caches it shares with
// siblings are behind its Port.
type Core struct {
	// What an in-order core touches for every op comes first, close together.
	code           // its program
	id         int // number of the thread that the task is whose context it holds
	pc         int32
	port       Port
	St         *stats.Counters
	now        int64 // time up to which cycles are charged
	cur        stats.Cause
	arrived    stats.Cause // what supplied the line that is arriving, Issue outside LineReady
	fetchWhy   stats.Cause
	halted     bool // Halt was fetched
	Stopped    bool // fetch no more: the run is over, let the machine drain
	Finished   bool // every task has halted
	InOrder    bool // window 1, and the engine may take short cuts
	fifo       bool // stores become visible in order
	drainAsked bool // the store that must leave next has asked for its line
	armed      bool // exclusive monitor set
	pendSet    ClassSet
	rmw        int32 // index of the RMW, SC or Wait that works at the head, -1
	curPC      int32
	pendPC     int32
	pending    int64 // cycles of the head's miss whose supplier is not known yet
	*rules
	scheduler

	win        []entry
	mask       uint64
	head, tail uint64
	used       int   // window slots taken
	settled    int64 // when the last of the accesses, fences and branches was done that have left the window
	fetchAt    int64
	fetchOn    uint64 // seq+1 of an op that blocks fetch until it is done, 0 if none
	drainReady int64
	sqHead     uint64 // oldest store not yet visible
	sqRet      uint64 // oldest store not yet retired
	sqTail     uint64
	sq         []store
	sqMask     uint64
	atomicWord uint64   // address of the last RMW that performed
	atomicAt   int64    // and when
	chain      uint64   // line of the last retired RMW if nothing that counts followed it (followed), noLine otherwise
	Progress   uint64   // retired ops, for the watchdog
	loops      *loops   // nil unless settled loops are replayed
	gone       []uint64 // lines given up during the step
	fills      []int32  // loads that wait for a line
	retry      []int32  // loads that wait for a free MSHR
	pend       [NumClasses]int32
	regs       [NumRegs]uint64 // architectural: as of the last retired op

	unresolved int    // branches in the window that are not resolved
	unasked    int    // ops that are to ask for ownership when they are
	atomics    int    // atomic ops in the window that have not performed
	epoch      uint32 // store fences fetched
	sqUnknown  int    // stores whose address is not known
	monitor    uint64
	heldUntil  int64  // end of the time for which the line is kept after the load-linked
	pinned     bool   // and from evictions too
	scFailed   int    // store-conditionals in a row, whoever's
	yield      uint64 // line that a snoop gets before the next locked op does, until yieldTo
	yieldTo    int64
	woken      []int32
	due        []int32
	cal        calendar
	rename     [NumRegs]uint64 // seq+1 of the youngest producer in the window, 0 if none
	filter     [256]uint16     // stores in the queue by hash of their address
	depth      int
	noPreempt  int   // PreemptOff that are in force
	left       int64 // cycles of private work left when the task was preempted
	opStart    int64
	Halted     int         // tasks that have halted
	report     GhostRecord // the last one: good until the next
}

// rules are what a core's config and memory model say. Cores of one machine share them.
type rules struct {
	model *Model
	wait  [NumClasses]ClassSet // older classes that a load of the class waits for
	holds [NumClasses]bool     // a load of the class retires only with the store queue drained
	tm    Timing
}

func newRules(cfg Config, m *Model) rules {
	r := rules{model: m}
	r.tm = Timing{Config: cfg, StoreRestartC: cfg.Cycles(cfg.StoreRestart), PauseC: max(1, cfg.Cycles(cfg.PauseNS)),
		ScheduleC: cfg.Cycles(cfg.ScheduleNS), SwitchC: cfg.Cycles(cfg.SwitchNS), WakeupC: cfg.Cycles(cfg.WakeupNS),
		IPIC: cfg.Cycles(cfg.IPINS), SliceC: max(1, cfg.Cycles(cfg.SliceNS))}
	for k := range NumClasses {
		r.wait[k] = m.Before[k] &^ m.Squash
		if cfg.AtomicLoads == "wait" {
			r.wait[k] |= m.Before[k] & Squashing(StAL)
		}
		r.holds[k] = m.Before[k]&m.Squash&Squashing(St, StL) != 0 // locked ops perform before they retire
	}
	return r
}

type opInfo struct {
	ld, st ClassPair
	set    ClassSet
	slots  int16
	lat    int64
	cause  stats.Cause
	far    bool // performed at the home
}

// ClassPair is a class that an op may lack.
type ClassPair struct {
	C  Class
	OK bool
}

// NewCore returns a core without tasks.
func NewCore(cfg Config, m *Model, port Port, st *stats.Counters) *Core {
	c := new(Core)
	c.Renew(cfg, m, port, st)
	return c
}

// Renew makes a core the one that NewCore returns, of the memory that it has.
func (c *Core) Renew(cfg Config, m *Model, port Port, st *stats.Counters) {
	old := *c
	*c = Core{port: port, St: st, rmw: -1, chain: noLine, loops: old.loops, rules: old.rules}
	if r := newRules(cfg, m); c.rules == nil || *c.rules != r {
		own := r
		c.rules = &own
	}
	size := 1 << bits.Len(uint(cfg.Window+7))
	c.win = old.win
	if len(c.win) == size {
		clear(c.win)
	} else {
		c.win = make([]entry, size)
	}
	c.mask = uint64(size - 1)
	c.fills, c.retry, c.woken, c.due, c.cal.far = old.fills, old.retry, old.woken, old.due, old.cal.far
	for _, list := range []*[]int32{&c.fills, &c.retry, &c.woken, &c.due, &c.cal.far} {
		*list = slices.Grow((*list)[:0], size) // of entries of the window
	}
	size = 1 << bits.Len(uint(cfg.StoreBuffer-1))
	c.sq = slices.Grow(old.sq[:0], size)[:size]
	clear(c.sq)
	c.sqMask = uint64(size - 1)
	c.gone, c.queue, c.tasks, c.codes = old.gone[:0], old.queue[:0], old.tasks[:0], old.codes[:0]
	if old.rules != nil && old.tm == c.tm {
		c.before = slices.Clone(old.codes)
	}
	c.cal.reset(-1)
	c.fifo = m.StoresInOrder()
}

func (c *Core) describe(op *Op) opInfo {
	var in opInfo
	var ld, st Class
	ld, st, in.ld.OK, in.st.OK = op.Classes()
	in.ld.C, in.st.C = ld, st
	if in.ld.OK {
		in.set |= 1 << ld
	}
	if in.st.OK {
		in.set |= 1 << st
	}
	in.far = c.tm.isFar(op)
	in.slots, in.lat, in.cause = 1, int64(c.tm.ALUCycles), stats.ALU
	switch op.Code {
	case Nop, Mark, Halt:
		in.slots, in.lat = 0, 0
	case ALU:
		switch op.Fn {
		case Mul, Rem:
			in.lat = int64(c.tm.MulCycles)
		case Work:
			in.slots = int16(min(max(op.Imm, 1), int64(c.tm.Window)))
			in.lat = max(op.Imm, 1)
		}
	case Fence:
		in.cause = stats.Fence
		switch op.Fn {
		case Full:
			in.lat = int64(c.tm.FenceFull)
		case LoadF:
			in.lat = int64(c.tm.FenceLoad)
		case StoreF:
			in.lat = int64(c.tm.FenceStore)
		case LFence:
			in.lat = int64(c.tm.LFence)
		case ISB:
			in.lat = int64(c.tm.ISB)
		}
		in.lat = max(in.lat, 1)
	case Pause:
		in.lat, in.cause = c.tm.PauseC, stats.Pause
	case Store, Prefetch:
		in.lat, in.cause = 1, stats.Issue
	}
	return in
}

// Thread is the number of the thread whose context the core holds.
func (c *Core) Thread() int { return c.id }

// Reg is a register's architectural value.
func (c *Core) Reg(r Reg) uint64 { return c.regs[r] }

// Run executes cycles from t on for as long as they lie before *limit, which
// calls to the port may lower, and returns the cycle at which the core wants
// to run next (never if only the port's notifications can move it).
func (c *Core) Run(t int64, limit *int64) int64 {
	for {
		if c.loops != nil {
			if t = c.turn(t, *limit); t >= *limit {
				return t
			}
		}
		next := c.step(t, limit)
		if next >= *limit {
			return next
		}
		t = next
	}
}

// step executes cycle t, and directly what may follow before *limit (which the
// ops of cycle t may lower), and returns
// the next cycle with something to do.
func (c *Core) step(t int64, limit *int64) int64 {
	if c.InOrder {
		if next, ok := c.goesOn(t); ok {
			return next
		}
	}
	lost := false
	if !c.mayRunDirectly(t) || len(c.gone) > 0 {
		lost = c.begun(t)
	}
	if c.mayRunDirectly(t) {
		c.rewind()
		t = c.direct(t, limit)
		c.cal.now = t
		if c.head < c.tail { // an op that waits
			next := min(c.nextDone(), c.attend)
			if c.loseGone(t) {
				next = min(next, t+1)
			}
			c.look(t)
			return next
		}
	}
	fetched := c.fetch(t)
	oldest := &c.win[c.head&c.mask] // if there is one: squashes empty the window, too
	if c.head < c.tail && oldest.phase == atHead {
		c.begin(int32(c.head&c.mask), oldest, t)
	}
	lost = c.loseGone(t) || lost
	next := c.nextDone()
	if lost {
		next = min(next, t+1)
	}
	if c.sqHead < c.sqRet && !c.drainAsked {
		next = min(next, max(t+1, c.drainReady))
	}
	if c.head < c.tail && oldest.phase == done && !c.heldBack(oldest) {
		next = min(next, t+1)
	}
	if fetched == fetchMore {
		next = min(next, t+1)
	}
	if t < c.fetchAt {
		next = min(next, c.fetchAt)
	}
	if t < c.attend {
		next = min(next, c.attend)
	}
	if c.pinned {
		next = min(next, c.heldUntil)
	}
	c.look(t)
	return next
}

// begun does what comes before the ops that are new in cycle t: completions,
// retirement, a store that leaves the queue, the scheduler. It reports whether a line
// was lost that mattered.
func (c *Core) begun(t int64) (lost bool) {
	c.charge(t)
	if c.pinned && t >= c.heldUntil {
		c.unpin(t)
	}
	c.loseGone(t) // what a sibling's miss evicted since the last step: before anything retires
	c.complete(t)
	retired := c.retire(t)
	c.drain(t)
	lost = c.loseGone(t) // what the drain evicted: before anything younger binds
	if retired >= 0 {
		// The cycle in which ops retired is useful; what follows is the head's.
		c.bill(stats.Issue, retired, 1)
		c.now = t + 1
	}
	if c.attend <= t {
		c.attendTo(t)
	}
	return lost
}

// execute starts an op whose operands are ready, or retries one that was held.
func (c *Core) execute(i int32, e *entry, t int64) {
	in := &c.info[e.pc]
	switch e.op.Code {
	case ALU:
		lat := in.lat
		if e.op.Fn == Work {
			if e.op.B != NoReg {
				lat = int64(max(e.v[slotB], 1))
			}
			if c.left > 0 { // the first op since the task was preempted in it
				lat, c.left = c.left, 0
			}
		}
		e.val = e.op.Eval(e.v[slotA], e.v[slotB])
		if e.op.Fn == Clock {
			e.val = uint64(t) * 1000 / uint64(c.tm.ClockMHz)
		}
		e.phase = executing
		c.schedule(i, t+lat)
	case Branch, Pause:
		e.phase = executing
		c.schedule(i, t+in.lat)
	case Load:
		c.load(i, e, t)
	case Store:
		q := &c.sq[e.sq&c.sqMask]
		q.val = e.op.Truncate(e.v[slotB])
		q.hasData = true
		e.phase = executing
		c.schedule(i, t+1)
		c.open(&q.gates, t)
	case Prefetch:
		e.addr = e.address()
		if e.op.Fn == ForWrite {
			c.port.Own(e.addr, t, false)
		} else {
			c.port.Prefetch(e.addr, t)
		}
		e.phase = executing
		c.schedule(i, t+1)
	case Fence:
		c.fence(i, e, t)
	case RMW, StoreExcl, LoadExcl, Wait:
		e.addr = e.address()
		e.phase, e.at = atHead, t
		if c.tm.AtomicPrefetch && e.op.Code == RMW && !c.info[e.pc].far {
			c.ask(e, t)
		}
		if e.seq == c.head {
			c.begin(i, e, t)
		}
	}
}

// fence performs once every older access its class orders has; younger ops
// that it orders are gated on it, and nothing else stalls.
func (c *Core) fence(i int32, e *entry, t int64) {
	if c.fetchOn == e.seq+1 { // lfence, isb
		e.phase = atHead
		if e.seq == c.head {
			c.begin(i, e, t)
		}
		return
	}
	if e.ld != FST { // a store fence is an order of the store queue, kept by epochs
		// Fences of a core execute one after the other.
		if g, by := c.blocker(e, c.model.Before[e.ld]|Squashing(FSY, FLD)); g != nil {
			c.gate(i, e, g, by, t)
			return
		}
	}
	e.phase = executing
	c.schedule(i, t+c.info[e.pc].lat)
}

// blocker returns the gates and the pc of the oldest op before e that has a class
// of the set to perform, nil if there is none.
func (c *Core) blocker(e *entry, set ClassSet) (gates *link, pc int32) {
	if c.pendSet&set == 0 {
		return nil, 0
	}
	for q := c.sqHead; q < c.sqRet; q++ {
		if s := &c.sq[q&c.sqMask]; !s.gone && set.Has(s.class) {
			return &s.gates, s.pc
		}
	}
	for n := c.head; n < e.seq; n++ {
		o := &c.win[n&c.mask]
		if o.set&set != 0 {
			if o.op.Code == Store {
				return &c.sq[o.sq&c.sqMask].gates, o.pc
			}
			return &o.gates, o.pc
		}
	}
	return nil, 0
}

// perform marks e's accesses as performed and lets go what waited for that.
func (c *Core) perform(e *entry, t int64) {
	c.unpend(e.set)
	e.set = 0
	if e.op.Code == RMW || e.op.Code == StoreExcl {
		c.atomics--
	}
	if e.gates != noLink {
		c.open(&e.gates, t)
	}
}

func (c *Core) unpend(set ClassSet) {
	for s := set; s != 0; s &= s - 1 {
		k := bits.TrailingZeros16(uint16(s))
		if c.pend[k]--; c.pend[k] == 0 {
			c.pendSet &^= 1 << k
		}
	}
}

// completed ends the phase of an op whose time has come.
func (c *Core) completed(i int32, e *entry, t int64) {
	switch e.op.Code {
	case Branch:
		e.phase = done
		if e.op.Fn != Always {
			c.unresolved--
		}
		if took := e.op.Taken(e.v[slotA], e.v[slotB]); took != (e.flags&taken != 0) {
			c.St.CPU.Mispredicts++
			e.flags ^= taken // from now on: how it went
			to := e.pc + 1
			if took {
				to = e.op.Off
			}
			c.squash(e.seq+1, to, t, t+int64(c.tm.MispredictCost), true)
		}
		if c.unasked > 0 {
			c.askAgain(t)
		}
		return
	case RMW, StoreExcl, LoadExcl, Wait:
		if c.atomicPhase(i, e, t) {
			return
		}
	case Store: // performs when it leaves the store queue
		e.phase = done
		return
	}
	e.phase = done
	if c.fetchOn == e.seq+1 {
		c.fetchOn = 0
	}
	if e.set != 0 {
		c.perform(e, t)
	}
	c.fire(e, t)
}
