package cpu

import "math/bits"

// ran is an op of a replay.
type ran struct {
	a, b, val, addr uint64
	hit             Hit
	old             uint64 // what its register had before
	dst             Reg
}

// wrote is a store of a replay that is not visible.
type wrote struct {
	addr, val uint64
	hit       Hit
	bytes     int
}

func (l *loops) makeRoom(ops, stores int) {
	if len(l.ops) < ops {
		l.ops = make([]ran, 1<<bits.Len(uint(ops)))
	}
	if len(l.stores) < stores {
		l.stores = make([]wrote, 1<<bits.Len(uint(stores)))
	}
}

func (l *loops) op(n uint64) *ran      { return &l.ops[n&uint64(len(l.ops)-1)] }
func (l *loops) wrote(n uint64) *wrote { return &l.stores[n&uint64(len(l.stores)-1)] }

// replay runs whole rounds of the period for as long as they end by the limit and have
// the outcomes that the period has. The core must look like the period's start; it does
// so afterwards, at the cycle returned. Ops are run in the order of the program, each
// when it is fetched; accesses touch the cache in the order of the schedule.
//
// The window and the store queue stay as they are meanwhile, and only get other values
// and later times at the end: nothing in them counts from the first op ever.
func (c *Core) replay(p *period, t, limit int64) int64 {
	l := c.loops
	limit = min(limit, c.attend)
	if t+p.cycles > limit {
		return t
	}
	rounds := int64(0)
	if c.enterLoop(p) {
		for end := t + p.cycles; end <= limit && c.round(p); end += p.cycles {
			rounds++
		}
	}
	l.turns = 0
	if rounds > 0 {
		l.disturbed() // what a candidate has seen lacks these rounds
		c.pour(p, rounds)
		l.rounds += uint64(rounds)
		l.here, l.patience, p.failures = p, leastTurns, 0
	} else if p.failures++; p.failures == mostFailures {
		l.known = l.known[:copy(l.known, l.known[1:])] // it is the first
		l.patience = mostTurns
	}
	c.takeBack(l.first)
	return t + rounds*p.cycles
}

// enterLoop runs the ops in the window: those that have not executed are not known to have
// the outcomes of the period. The registers are from now on as of the last op fetched.
func (c *Core) enterLoop(p *period) bool {
	l := c.loops
	l.first, l.tail, l.done = 0, 0, l.next
	for n := c.sqHead; n < c.sqRet; n++ {
		q := &c.sq[n&c.sqMask]
		if !c.runStore(q.addr, q.val, int(q.bytes), q.gone) {
			return false
		}
	}
	k := (len(p.steps) - int(c.tail-c.head)%len(p.steps)) % len(p.steps)
	for n := c.head; n < c.tail; n++ {
		e := &c.win[n&c.mask]
		if e.op.Code == Load && e.flags&performed != 0 {
			r := l.op(l.tail)
			*r = ran{a: e.v[slotA], b: e.v[slotB], val: e.val, addr: e.addr}
			c.assign(e.op, r)
		} else if !c.run(&p.steps[k]) {
			return false
		}
		if k++; k == len(p.steps) {
			k = 0
		}
	}
	return true
}

// round runs the ops of one round, and if all have the outcomes of the period makes
// their accesses, and those of the ops before them that happen now.
func (c *Core) round(p *period) bool {
	l := c.loops
	tail, next := l.tail, l.next
	for k := range p.steps {
		if !c.run(&p.steps[k]) {
			c.takeBack(tail)
			return false
		}
	}
	for _, a := range p.acts {
		if a.store {
			w := l.wrote(next + uint64(int64(a.n)))
			c.port.WriteHit(w.hit, w.addr, w.bytes, w.val)
		} else {
			c.port.UseHit(l.op(tail + uint64(int64(a.n))).hit)
		}
	}
	l.first += uint64(len(p.steps))
	l.done += uint64(p.nStores)
	return true
}

// run gives an op its value, and reports whether it has the outcome of the step.
func (c *Core) run(s *step) bool {
	l := c.loops
	op := &c.ops[s.pc]
	r := l.op(l.tail)
	a, b := uint64(0), uint64(op.Imm)
	if op.A != NoReg {
		a = c.regs[op.A]
	}
	if op.B != NoReg {
		b = c.regs[op.B]
	}
	r.a, r.b = a, b
	switch op.Code {
	case ALU:
		r.val = op.Eval(a, b)
	case Branch:
		if op.Taken(a, b) != s.taken {
			return false
		}
	case Load:
		r.addr = a + uint64(int64(op.Off))
		if !c.runLoad(op, s, r) {
			return false
		}
	case Store:
		r.addr = a + uint64(int64(op.Off))
		if !c.runStore(r.addr, op.Truncate(b), op.Bytes(), false) {
			return false
		}
	case Prefetch: // of a line that is there
		r.addr = a + uint64(int64(op.Off))
		_, ok := c.port.HitStore(r.addr)
		if op.Fn == ForRead && !ok {
			_, _, ok = c.port.HitLoad(r.addr&^7, 8)
		}
		if !ok {
			return false
		}
	}
	c.assign(op, r)
	return true
}

// assign ends an op's run.
func (c *Core) assign(op *Op, r *ran) {
	if r.dst = op.Dst; r.dst != NoReg {
		r.old = c.regs[r.dst]
		c.regs[r.dst] = r.val
	}
	c.loops.tail++
}

func (c *Core) runLoad(op *Op, s *step, r *ran) (ok bool) {
	l := c.loops
	bytes := op.Bytes()
	if Unaligned(r.addr, bytes) {
		return false
	}
	n, met := l.meets(r.addr >> 3)
	if !met {
		if s.back != 0 {
			return false
		}
		r.val, r.hit, ok = c.port.HitLoad(r.addr, bytes)
		return ok
	}
	w := l.wrote(n)
	if l.next-n != uint64(s.back) || w.bytes < bytes || w.bytes == 4 && w.addr != r.addr {
		return false
	}
	r.val = w.val
	if r.addr != w.addr {
		r.val >>= 32
	}
	r.val = op.Truncate(r.val)
	return true
}

// runStore puts a store behind the others.
func (c *Core) runStore(addr, val uint64, bytes int, gone bool) bool {
	l := c.loops
	if Unaligned(addr, bytes) {
		return false
	}
	w := l.wrote(l.next)
	w.addr, w.val, w.bytes = addr, val, bytes
	if !gone {
		var ok bool
		if w.hit, ok = c.port.HitStore(addr); !ok {
			return false
		}
	}
	if c.tm.StoreMerge && l.next > l.done && l.wrote(l.next-1).addr>>lineShift == addr>>lineShift {
		return false // the two may leave together, which no two of the period do
	}
	x := &l.words[wordBucket(addr>>3)]
	x.word, x.store = addr>>3, l.next
	l.next++
	return true
}

func wordBucket(word uint64) uint64 { return word * 0x9e3779b97f4a7c15 >> 55 }

// meets finds the youngest store of a word that is not visible.
func (l *loops) meets(word uint64) (n uint64, met bool) {
	x := &l.words[wordBucket(word)]
	if x.store < l.done || x.store >= l.next {
		return 0, false
	}
	if x.word == word {
		return x.store, true
	}
	for n := l.next; n > l.done; n-- {
		if l.wrote(n-1).addr>>3 == word {
			return n - 1, true
		}
	}
	return 0, false
}

// takeBack undoes what the ops from number n on did to the registers.
func (c *Core) takeBack(n uint64) {
	l := c.loops
	for l.tail > n {
		l.tail--
		if r := l.op(l.tail); r.dst != NoReg {
			c.regs[r.dst] = r.old
		}
	}
}

// pour gives the ops in the window and the stores in the queue the values of those
// that are there after so many rounds, and moves all times and counts along.
func (c *Core) pour(p *period, rounds int64) {
	l := c.loops
	d := rounds * p.cycles
	for n := c.head; n < c.tail; n++ {
		e, r := &c.win[n&c.mask], l.op(l.first+n-c.head)
		e.v[slotA], e.v[slotB], e.val, e.addr = r.a, r.b, r.val, r.addr
		e.at += d
		e.perfAt += d
	}
	for n := c.sqHead; n < c.sqTail; n++ {
		q, w := &c.sq[n&c.sqMask], l.wrote(l.done+n-c.sqHead)
		if q.hasAddr && !q.gone {
			c.filter[bucket(q.addr)]--
			c.filter[bucket(w.addr)]++
		}
		q.addr, q.val = w.addr, w.val
	}
	c.now += d
	c.settled += d
	c.drainReady += d
	c.opStart += d
	c.cal.shift(d)
	if c.hold != nil {
		for i := range c.hold.since {
			c.hold.since[i] += d
		}
		for k, h := range p.held {
			c.hold.list[k].Held += uint64(rounds) * h.Held
			c.hold.list[k].Stall += uint64(rounds) * h.Stall
		}
	}
	for _, g := range p.grown {
		*g.Counter += uint64(rounds) * g.By
	}
	c.Progress += uint64(rounds) * p.progress
}
