package cpu

import (
	"math/bits"
	"slices"

	"cohsim/internal/stats"
)

// A loop whose accesses all hit settles: after some rounds the pipeline is in a
// state in which it was before, seen from the cycle and from the ops in it, and its
// schedule repeats for as long as the outcomes do. The core notices that, and replays
// the schedule (replay.go) instead of working it out again. So the rules of timing
// are in one place, the step; the reference engine has nothing else, and the two must
// agree.
//
// An outcome is what the state does not say: how a branch goes, whether an access hits,
// whether it meets an older store of its word. Values are no part of the state.

// loops is what a core knows of those it runs.
type loops struct {
	known    []*period // replayed last first
	here     *period   // the core was left at the start of this one, and has not stepped since
	seen     *period   // the candidate, nil if there is none
	before   *books    // when the candidate began
	spare    []*period // periods that are done with, whose memory serves the next
	lastPC   int32
	turns    int // jumps back of fetch since something disturbed the pipeline
	patience int // turns until a candidate begins
	rounds   uint64

	// The ops of a replay, see replay.go.
	ops    []ran
	first  uint64 // number of the oldest op in the window
	tail   uint64 // of the next op
	stores []wrote
	next   uint64 // of the next store
	done   uint64 // stores from this one on are not visible
	words  [512]struct{ word, store uint64 }
}

const (
	knownLoops   = 4
	leastTurns   = 8
	mostTurns    = 4096
	mostFetched  = 4096 // ops in a round
	mostFailures = 8    // of replays, in a row
)

// period is one round of a loop: what was seen from its start to its end, which
// is the same state again.
type period struct {
	start   picture
	entries []entryPicture
	stores  []storePicture
	learned []history

	at       int64 // where it began
	tail, sq uint64
	fetched  []int32 // pc of each op
	acts     []act
	meetings []meeting

	// What a replay needs.
	cycles   int64
	steps    []step
	nStores  int
	grown    []stats.Growth // counters
	held     []Holdup       // by position in holdups.list
	progress uint64
	failures int
}

// act is an access to the cache.
type act struct {
	n     int32 // number of the load or store, counted from the first op or store that the round fetched
	store bool
}

// meeting is a load that took its value from a store of the queue.
type meeting struct{ n, back int32 }

// books is what has been counted.
type books struct {
	st       stats.Counters
	cycles   []stats.CauseCycles
	held     []Holdup
	progress uint64
}

// step is one op of a round.
type step struct {
	pc    int32
	taken bool
	back  int32 // a load takes its value from the store so many stores before it; 0: from the cache
}

// picture is the state of a pipeline, with times counted from the cycle that runs
// next and ops from the oldest in the window. Equal pictures, of window and store
// queue too, go on in the same way while outcomes are the same. A test lists what
// becomes of each field of the core.
type picture struct {
	prog                         *Program
	completions                  uint64
	now, calendar                int64
	settled, drainReady, opStart int64
	fetchOn                      uint64
	pc, ops                      int32
	curPC, holder                int32
	used, unresolved, unasked    int
	depth, noPreempt, sqUnknown  int
	retired, queue               uint64
	cur                          stats.Cause
	drainAsked                   bool
}

type entryPicture struct {
	at, since   int64
	pc, by      int32
	sq, epoch   int32
	deps, gates link
	next        [numSlots]link
	phase       phase
	flags       entryFlags
	need, level uint8
	set         ClassSet
}

type storePicture struct {
	gates                          link
	pc, epoch                      int32
	hasAddr, hasData, gone, missed bool
}

// Replay says, before the run, whether the core replays settled loops. It may if no
// other thread shares its caches.
func (c *Core) Replay(on bool) {
	if !on {
		c.loops = nil
		return
	}
	old := c.loops
	if old == nil {
		old = new(loops)
	}
	old.giveUp()
	*old = loops{patience: leastTurns, next: 1, ops: old.ops, stores: old.stores, before: old.before, spare: append(old.spare, old.known...), known: old.known[:0]}
	if old.before == nil {
		old.before = new(books)
	}
	c.loops = old
}

// Rounds is how many rounds of loops were replayed.
func (c *Core) Rounds() uint64 {
	if c.loops == nil {
		return 0
	}
	return c.loops.rounds
}

// disturbed gives up what has been seen of a round: something happened that a replay
// knows nothing of.
func (l *loops) disturbed() {
	l.here = nil
	l.turns = 0
	l.giveUp()
}

// giveUp ends the candidate, if there is one.
func (l *loops) giveUp() {
	if l.seen != nil {
		l.spare, l.seen = append(l.spare, l.seen), nil
	}
}

// fetched, readCache, wroteCache and met note what belongs to a round.
func (l *loops) readCache(seq uint64) {
	if p := l.seen; p != nil {
		p.acts = append(p.acts, act{int32(int64(seq - p.tail)), false})
	}
}

func (l *loops) wroteCache(n uint64) {
	if p := l.seen; p != nil {
		p.acts = append(p.acts, act{int32(int64(n - p.sq)), true})
	}
}

func (l *loops) met(seq, back uint64) {
	if p := l.seen; p != nil {
		p.meetings = append(p.meetings, meeting{int32(int64(seq - p.tail)), int32(back)})
	}
}

// calm reports whether nothing is under way that a picture does not show.
func (c *Core) calm(t int64) bool {
	return len(c.fills) == 0 && len(c.retry) == 0 && len(c.gone) == 0 && c.rmw < 0 && !c.armed && c.atomics == 0 && c.chain == noLine &&
		c.pending == 0 && c.fetchAt <= t && !c.halted && !c.Stopped && c.left == 0 &&
		c.state == running && c.asleep == 0 && c.posted == 0 && t < c.attend &&
		c.atomicAt+int64(c.tm.AtomicForward) <= t
}

// turn is called before each step with its cycle. It replays what it can before limit
// and returns the cycle of the step to take.
func (c *Core) turn(t, limit int64) int64 {
	l := c.loops
	here := l.here
	l.here = nil
	if c.pc < l.lastPC {
		l.turns++
	}
	l.lastPC = c.pc
	for k, p := range l.known {
		if c.begins(p, t) && (p == here || c.looksLike(p, t)) {
			if k > 0 {
				copy(l.known[1:k+1], l.known[:k])
				l.known[0] = p
			}
			return c.replay(p, t, limit)
		}
	}
	if p := l.seen; p != nil {
		if c.begins(p, t) && c.looksLike(p, t) {
			if c.finish(p, t) {
				l.seen = nil
				if len(l.known) < knownLoops {
					l.known = append(l.known, nil)
				}
				copy(l.known[1:], l.known)
				l.known[0] = p
				return c.replay(p, t, limit)
			}
			l.giveUp()
		} else if len(p.fetched) > mostFetched {
			l.giveUp()
		}
	}
	if l.turns >= l.patience && c.calm(t) {
		l.turns = 0
		l.patience = min(2*l.patience, mostTurns)
		c.watchFrom(t)
	}
	return t
}

// watchFrom begins a candidate at cycle t.
func (c *Core) watchFrom(t int64) {
	l := c.loops
	l.giveUp()
	p := new(period)
	if n := len(l.spare) - 1; n >= 0 {
		p, l.spare = l.spare[n], l.spare[:n]
	}
	*p = period{
		at: t, tail: c.tail, sq: c.sqTail, start: c.picture(t), learned: append(p.learned[:0], c.histories...),
		entries: p.entries[:0], stores: p.stores[:0], fetched: p.fetched[:0], acts: p.acts[:0], meetings: p.meetings[:0], steps: p.steps[:0],
	}
	for n := c.head; n < c.tail; n++ {
		p.entries = append(p.entries, c.entryPicture(n, t))
	}
	for n := c.sqHead; n < c.sqTail; n++ {
		p.stores = append(p.stores, c.storePicture(n))
	}
	b := l.before
	b.st, b.cycles, b.held, b.progress = *c.St, append(b.cycles[:0], c.Cycles...), b.held[:0], c.Progress
	if c.hold != nil {
		b.held = append(b.held, c.hold.list...)
	}
	l.seen = p
}

// begins reports whether the core may be at the start of a period, but for what
// looksLike compares.
func (c *Core) begins(p *period, t int64) bool {
	s := &p.start
	return s.pc == c.pc && s.ops == int32(c.tail-c.head) && s.completions == c.completions(t) && c.calm(t) && *s == c.picture(t)
}

// completions is when ops in the window complete, in the 64 cycles from t on.
func (c *Core) completions(t int64) uint64 { return bits.RotateLeft64(c.cal.bits, -int(t&63)) }

// looksLike reports whether window and store queue look as when the period began.
func (c *Core) looksLike(p *period, t int64) bool {
	for n := c.head; n < c.tail; n++ {
		if p.entries[n-c.head] != c.entryPicture(n, t) {
			return false
		}
	}
	for n := c.sqHead; n < c.sqTail; n++ {
		if p.stores[n-c.sqHead] != c.storePicture(n) {
			return false
		}
	}
	return slices.Equal(p.learned, c.histories)
}

func (c *Core) picture(t int64) picture {
	p := picture{
		prog: c.prog, completions: c.completions(t),
		now: c.now - t, calendar: c.cal.now - t, settled: c.settled - t, drainReady: max(c.drainReady-t, 0),
		pc: c.pc, ops: int32(c.tail - c.head), curPC: c.curPC, cur: c.cur,
		used: c.used, unresolved: c.unresolved, unasked: c.unasked, depth: c.depth, noPreempt: c.noPreempt,
		sqUnknown: c.sqUnknown, retired: c.sqRet - c.sqHead, queue: c.sqTail - c.sqHead, drainAsked: c.drainAsked,
	}
	if c.depth > 0 {
		p.opStart = c.opStart - t
	}
	if c.fetchOn != 0 {
		p.fetchOn = c.fetchOn - c.head
	}
	if c.hold != nil && (c.cur == stats.Ordering || c.cur == stats.Drain) {
		p.holder = c.hold.head
	}
	return p
}

func (c *Core) entryPicture(n uint64, t int64) entryPicture {
	i := int32(n & c.mask)
	e := &c.win[i]
	p := entryPicture{
		pc: e.pc, sq: int32(int64(max(e.sq, c.sqHead) - c.sqHead)), epoch: int32(c.epoch - e.epoch),
		deps: c.fromHead(e.deps), gates: c.fromHead(e.gates),
		phase: e.phase, flags: e.flags, need: e.need, level: e.level, set: e.set,
	}
	for s := range slotGate {
		if e.need&(1<<s) != 0 {
			p.next[s] = c.fromHead(e.next[s])
		}
	}
	switch e.phase {
	case executing, done:
		if c.info[e.pc].slots > 0 {
			p.at = e.at - t
		}
	case blocked:
		p.next[slotGate] = c.fromHead(e.next[slotGate])
		if c.hold != nil {
			p.since, p.by = c.hold.since[i]-t, c.hold.by[i]
		}
	}
	return p
}

func (c *Core) storePicture(n uint64) storePicture {
	q := &c.sq[n&c.sqMask]
	return storePicture{c.fromHead(q.gates), q.pc, int32(c.epoch - q.epoch), q.hasAddr, q.hasData, q.gone, q.missed}
}

// fromHead is a link counted from the oldest op.
func (c *Core) fromHead(l link) link {
	if l == noLink {
		return l
	}
	return link((uint64(l>>2)-c.head)&c.mask)<<2 | l&3
}

// finish makes of a round that was seen whole what its replay needs, if it can be
// replayed.
func (c *Core) finish(p *period, t int64) bool {
	p.cycles = t - p.at
	before := c.loops.before
	st, was := c.St, &before.st
	cache := st.Cache
	cache.L1Hits = was.Cache.L1Hits
	if cache != was.Cache || st.Coh != was.Coh || len(p.fetched) == 0 {
		return false
	}
	for k, pc := range p.fetched {
		op := &c.ops[pc]
		next := c.pc
		if k+1 < len(p.fetched) {
			next = p.fetched[k+1]
		}
		switch op.Code {
		case Nop, Mark, Fence, Pause, Load, Branch, Prefetch:
		case ALU:
			if op.Fn == Clock || op.Fn == Work && op.B != NoReg {
				return false
			}
		case Store:
			p.nStores++
		default:
			return false
		}
		if op.Flags&Ghosted != 0 {
			return false
		}
		p.steps = append(p.steps, step{pc: pc, taken: op.Code == Branch && (op.Fn == Always || next != pc+1)})
	}
	for _, m := range p.meetings {
		n := int(m.n) % len(p.steps)
		if n < 0 {
			n += len(p.steps)
		}
		p.steps[n].back = m.back
	}
	p.grown = stats.Grown(nil, st, was)
	for pc := range c.Cycles {
		p.grown = stats.Grown(p.grown, &c.Cycles[pc], &before.cycles[pc])
	}
	if c.hold != nil {
		p.held = slices.Clone(c.hold.list)
		for k, h := range before.held {
			p.held[k].Held -= h.Held
			p.held[k].Stall -= h.Stall
		}
	}
	p.progress = c.Progress - before.progress
	p.fetched, p.meetings = p.fetched[:0], p.meetings[:0]
	c.loops.makeRoom(len(c.win)+len(p.steps), len(c.sq)+p.nStores)
	return true
}
