package cpu

import (
	"slices"

	"cohsim/internal/stats"
)

// The scheduler of a core, as much of it as locks can feel. A core holds the
// context of one task; the others that can run wait in its run queue, in the
// order in which they became runnable, and those that sleep wait for their word.
// Tasks never move to another core.
//
// A task leaves its core when it sleeps, halts, or has used up its time slice
// while another can run and preemption is allowed. It then pays schedule(), the
// next task the switch. A task that sleeps is woken by the store that changes its
// word and by nothing else: the core keeps the word's line, as a spinning wait
// does, and looks again whenever it has lost it.
//
// With one task per core nothing here runs but when that task sleeps.

// nobody as fetchOn is no op's number: fetch stops at once, and until a task runs.
const nobody = ^uint64(0)

// scheduler is what a Core keeps for it.
type scheduler struct {
	attend   int64  // when the scheduler next has something to do; in the past: at every step
	asleep   int    // tasks that sleep, the ones that are being woken included
	posted   uint64 // the word of a task that the scheduler is about to write, 0 for none
	post     uint64 // what it writes: these bits
	keep     uint64 // and of the old ones those
	bytes    int    // its width
	on       int32  // the task whose context the core holds
	state    schedState
	told     bool  // NEED_RESCHED was set for the task that runs
	until    int64 // end of schedule() or of the switch
	sliceEnd int64
	began    uint64 // Progress when the slice began: every slice has its progress
	tasks    []task
	codes    []code
	peer     *Core   // see Peer
	before   []code  // what the core ran before it was renewed with the same config
	queue    []int32 // tasks that can run and do not, first come first served
	words    TaskWords
}

// code is a program as a core runs it.
type code struct {
	prog   *Program
	ops    []Op
	info   []opInfo
	Cycles []stats.CauseCycles // per op of the program, the last for none; nil unless CountCycles
	hold   *holdups            // nil unless CountCycles
	counts []*uint64

	histories []history // of its branches; nil unless they are learned
}

type schedState uint8

const (
	running   schedState = iota
	leaving              // in schedule(), until the store queue is empty too
	untelling            // waits for the line of the flags of the task that left
	clearing             // ... and for that of its on_cpu
	idling               // no task can run
	entering             // on the way to the next task
	setting              // waits for the line of on_cpu of the task that comes
)

// task is one thread's context and what it waits for. The registers and pc of
// the task that the core holds are the core's own.
type task struct {
	id        int // number of the thread
	code      int32
	regs      [NumRegs]uint64
	pc        int32
	depth     int
	opStart   int64
	noPreempt int
	left      int64 // cycles of the private work that it was preempted in
	state     taskState
	op        *Op    // asleep: the op that sleeps
	addr      uint64 // its word
	want      uint64 // and what it compares that with
	at        int64  // waking: when it can run
}

type taskState uint8

const (
	runnable taskState = iota // runs, or is in the queue
	asleep                    // its word cannot change without notice
	looking                   // its word is to be read
	fetching                  // its word's line is on its way
	refused                   // no MSHR was free for that
	waking                    // its word has changed
	halted
)

// AddTask gives the core a thread to run. The first one has the core from the
// start; the others wait for their turn.
func (c *Core) AddTask(id int, prog *Program) {
	k := c.codeOf(prog)
	if k < 0 {
		k = int32(len(c.codes))
		c.codes = append(c.codes, c.newCode(prog))
	}
	n := int32(len(c.tasks))
	c.tasks = append(c.tasks, task{id: id, code: k})
	if n == 0 {
		c.attend, c.sliceEnd = never, c.tm.SliceC
		c.take(0)
		return
	}
	c.queue = append(c.queue, n)
	c.attend = c.sliceEnd
}

// codeOf is the index of a program's code, -1 if the core does not run it.
func (c *Core) codeOf(prog *Program) int32 {
	return int32(slices.IndexFunc(c.codes, func(x code) bool { return x.prog == prog }))
}

// newCode is a program as the core will run it.
func (c *Core) newCode(prog *Program) code {
	x := code{prog: prog, ops: prog.Ops, counts: make([]*uint64, len(prog.Regions))}
	if c.tm.Branches == "learned" {
		x.histories = c.newHistories(len(x.ops))
	}
	if c.peer != nil {
		if k := c.peer.codeOf(prog); k >= 0 {
			x.info = c.peer.codes[k].info
			return x
		}
	}
	for k := range c.before {
		known := &c.before[k]
		if known.prog == prog {
			x.info = known.info
			return x
		}
		if known.prog.retimed(prog) {
			x.info = slices.Clone(known.info)
			for _, p := range prog.params {
				for _, i := range p.work {
					x.info[i] = c.describe(&prog.Ops[i])
				}
			}
			return x
		}
	}
	x.info = make([]opInfo, len(prog.Ops))
	for i := range prog.Ops {
		x.info[i] = c.describe(&prog.Ops[i])
	}
	return x
}

// Peer names another core of the same config that has not run yet: what that one knows
// of a program need not be found out again.
func (c *Core) Peer(o *Core) { c.peer, c.rules = o, o.rules }

// SetReg sets a register of the task added last before the run.
func (c *Core) SetReg(r Reg, v uint64) {
	if n := len(c.tasks) - 1; n > 0 {
		c.tasks[n].regs[r] = v
	} else {
		c.regs[r] = v
	}
}

// CountInto makes Mark Count ops of a region, in the program of the task added
// last, add to a counter.
func (c *Core) CountInto(region int, counter *uint64) {
	c.codes[c.tasks[len(c.tasks)-1].code].counts[region] = counter
}

// CountCycles makes the core charge cycles to ops, too, and record what held them up,
// once all tasks are there.
func (c *Core) CountCycles() {
	for i := range c.codes {
		c.codes[i].Cycles = make([]stats.CauseCycles, len(c.codes[i].ops)+1)
		c.codes[i].hold = &holdups{since: make([]int64, len(c.win)), by: make([]int32, len(c.win))}
	}
	c.code = c.codes[c.tasks[c.on].code]
}

// Programs calls f for each program that the core's tasks run, with the cycles
// charged to its ops and what held them up.
func (c *Core) Programs(f func(prog *Program, tasks int, cycles []stats.CauseCycles, holdups []Holdup)) {
	for i := range c.codes {
		n := 0
		for k := range c.tasks {
			if c.tasks[k].code == int32(i) {
				n++
			}
		}
		f(c.codes[i].prog, n, c.codes[i].Cycles, c.codes[i].hold.list)
	}
}

// Program is what the task runs that the core holds.
func (c *Core) Program() *Program { return c.prog }

// take puts a task's context into the core.
func (c *Core) take(n int32) {
	p := &c.tasks[n]
	c.on, c.id = n, p.id
	c.code = c.codes[p.code]
	c.regs, c.pc = p.regs, p.pc
	c.depth, c.opStart, c.noPreempt, c.left = p.depth, p.opStart, p.noPreempt, p.left
	c.armed, c.chain, c.halted = false, noLine, false
}

// save takes it out.
func (c *Core) save() {
	p := &c.tasks[c.on]
	p.regs, p.pc = c.regs, c.pc
	p.depth, p.opStart, p.noPreempt, p.left = c.depth, c.opStart, c.noPreempt, c.left
}

// leave takes the task that runs off the core: at the op at the window's head, or
// at the next op to fetch.
func (c *Core) leave(t int64, s taskState) {
	if c.pinned {
		c.disarm(t) // or snoops would wait for a store-conditional that does not come
	}
	if c.head < c.tail {
		e := &c.win[c.head&c.mask]
		if e.phase == executing && e.op.Fn == Work && e.op.Code == ALU {
			c.left = e.at - t
		}
		c.squash(c.head, e.pc, t, never, false)
	}
	c.fetchAt, c.fetchWhy, c.fetchOn = never, stats.Schedule, nobody
	c.state, c.until = leaving, t+c.tm.ScheduleC
	c.attend = max(c.until, t+1)
	c.tasks[c.on].state = s
	switch s {
	case runnable:
		c.queue = append(c.queue, c.on)
	case asleep:
		c.asleep++
	}
	c.attend = min(c.attend, c.nextWaking())
}

// sleep makes the task leave whose Wait at the head found its condition not met.
func (c *Core) sleep(e *entry, t int64) {
	p := &c.tasks[c.on]
	p.op, p.addr, p.want = e.op, e.addr, e.v[slotB]
	c.rmw = -1
	e.phase = sleeping
	c.leave(t, asleep)
}

// exit makes the task leave that has halted. With the last one the core has
// finished.
func (c *Core) exit(t int64) {
	c.Halted++
	if len(c.queue) == 0 && c.asleep == 0 {
		c.tasks[c.on].state = halted
		c.Finished = true
		return
	}
	c.leave(t, halted)
}

// mayPreempt reports whether the task that runs may be preempted where it stands:
// with preemption off only between its operations, which is where it would return
// to user mode; otherwise wherever it has not disabled preemption.
func (c *Core) mayPreempt() bool {
	if c.tm.Preemption == "none" {
		return c.depth == 0
	}
	return c.noPreempt == 0
}

// preempted reports whether the time slice is over, another task can run, and
// this one may be preempted.
func (c *Core) preempted(t int64) bool {
	return c.state == running && len(c.queue) > 0 && t >= c.sliceEnd && c.mayPreempt()
}

// interruptible reports whether the window can be thrown away: nothing in it has
// performed for good, or waits for a line that it will be charged for, and the
// task got on a little in its slice.
func (c *Core) interruptible() bool {
	if c.head < c.tail {
		switch e := &c.win[c.head&c.mask]; e.phase {
		case sleeping:
			return true
		case waiting, blocked:
		case executing, atHead:
			if c.rmw >= 0 {
				return false
			}
		case done:
			if e.op.Code == RMW || e.op.Code == StoreExcl {
				return false
			}
		default:
			return false
		}
	}
	return c.Progress != c.began
}

// attendTo does what the scheduler has to do at cycle t.
func (c *Core) attendTo(t int64) {
	if c.Stopped {
		c.attend = never
		return
	}
	if c.asleep > 0 {
		for i := range c.tasks {
			p := &c.tasks[i]
			if p.state == looking {
				c.lookAt(p, t)
			}
			if p.state == waking && p.at <= t {
				p.state = runnable
				c.asleep--
				c.queue = append(c.queue, int32(i))
			}
		}
	}
	if c.preempted(t) && c.interruptible() {
		c.leave(t, runnable)
	}
	if c.state == running && len(c.queue) > 0 && t >= c.sliceEnd && !c.told && c.words.FlagBytes > 0 {
		c.told = true
		c.putWord(c.words.Flags, c.words.FlagBytes, ^uint64(0), c.words.NeedResched, t)
	}
	if c.state == leaving && t >= c.until && c.sqHead == c.sqTail && c.posted == 0 {
		c.state = untelling
		if c.told {
			c.told = false
			c.putWord(c.words.Flags, c.words.FlagBytes, ^c.words.NeedResched, 0, t)
		} else {
			c.written(t)
		}
	}
	if c.state == idling && len(c.queue) > 0 {
		c.fetchWhy = stats.Schedule
		c.enter(t, c.tm.IPIC)
	}
	if c.state == entering && t >= c.until {
		c.state = setting
		c.writeOnCPU(1, t)
	}
	// What is next?
	c.attend = c.nextWaking()
	switch c.state {
	case running:
		if len(c.queue) > 0 {
			c.attend = min(c.attend, c.sliceEnd)
		}
	case leaving, entering:
		c.attend = min(c.attend, max(c.until, t+1))
	}
}

// nextWaking is when the first of the tasks that are being woken can run.
func (c *Core) nextWaking() int64 {
	t := never
	if c.asleep > 0 {
		for i := range c.tasks {
			if p := &c.tasks[i]; p.state == waking {
				t = min(t, p.at)
			}
		}
	}
	return t
}

// next picks the task to run after the one that left, or none.
func (c *Core) next(t int64) {
	if len(c.queue) == 0 {
		c.state, c.fetchWhy = idling, stats.Sleep
		return
	}
	c.enter(t, 0)
}

// enter starts the switch to the first task of the queue.
func (c *Core) enter(t, delay int64) {
	n := c.queue[0]
	c.queue = c.queue[:copy(c.queue, c.queue[1:])]
	if n != c.on {
		delay += c.tm.SwitchC
		c.take(n)
	}
	c.state, c.until = entering, t+delay
}

// resume lets the task that the core holds run.
func (c *Core) resume(t int64) {
	c.state, c.fetchAt, c.fetchOn, c.sliceEnd = running, t, 0, t+c.tm.SliceC
	c.began = c.Progress
}

// UnderWay is for how long the oldest operation under way has been so at cycle t, 0 if
// there is none.
func (c *Core) UnderWay(t int64) (longest int64) {
	if c.depth > 0 {
		longest = t - c.opStart
	}
	for i := range c.tasks {
		if p := &c.tasks[i]; int32(i) != c.on && p.depth > 0 {
			longest = max(longest, t-p.opStart)
		}
	}
	return longest
}

// Unfinished calls f for each task that has not halted, with the op that it stands
// at, what it waits for, and the address that this is about, 0 if none.
func (c *Core) Unfinished(f func(id int, prog *Program, pc int32, waits string, addr uint64)) {
	for i := range c.tasks {
		p := &c.tasks[i]
		prog, pc, waits, addr := c.codes[p.code].prog, p.pc, "waits for its turn", uint64(0)
		switch {
		case p.state == halted:
			continue
		case p.state != runnable:
			waits, addr = "sleeps on its word", p.addr
		case int32(i) == c.on && c.state == running:
			pc, waits, addr = c.Head()
		}
		if int32(i) == c.on && c.state != running {
			pc = c.pc
		}
		f(p.id, prog, min(pc, int32(len(prog.Ops)-1)), waits, addr)
	}
}
