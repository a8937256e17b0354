package cpu

import "cohsim/internal/stats"

// direct runs ops one after the other without a trip through the window, for
// as long as that is what the window would do: an in-order core (window 1), and
// only arithmetic, branches that go as predicted, marks, stores, loads that hit and
// atomic ops on a line held writable, all complete before *limit, which they may
// lower. A load or an atomic op that takes longer is put into the window here: then the
// core waits for it. It returns the cycle at which the next op enters the window, or that
// op did. The reference engine does without, and the two must agree in every cycle
// charged.
func (c *Core) direct(t int64, limit *int64) int64 {
	c.charge(t)
	until := min(*limit, c.attend)
	queued := c.sqHead < c.sqTail // and nothing but a message moves the queue
	last := int64(0)              // latency of the op before, 0 if it was not run here
	st, now := c.St, c.now
	pc, retired := c.pc, uint64(0)
	row := pc // what follows that op
	ops, infos := c.ops, c.info[:len(c.ops)]
run:
	for {
		op := &ops[pc]
		in := &infos[pc]
		next, cause := t+in.lat, in.cause
		if next >= until || queued && !c.drainAsked && in.slots > 0 { // or the queue moves by itself
			break
		}
		b := uint64(op.Imm)
		if op.B != NoReg {
			b = c.regs[op.B]
		}
		a := uint64(0)
		if op.A != NoReg {
			a = c.regs[op.A]
		}
		to := pc + 1
		switch op.Code {
		case ALU:
			if op.Fn == Clock || op.Fn == Work && (op.B != NoReg || c.left > 0) {
				break run
			}
			v := op.Eval(a, b)
			if op.Dst != NoReg {
				c.regs[op.Dst] = v
			}
			c.chain = noLine
		case Branch:
			took := op.Taken(a, b)
			if took != c.predicts(pc, op) {
				break run
			}
			if c.histories != nil {
				c.learn(pc, took)
				c.histories[pc].ahead = c.histories[pc].past
			}
			if took {
				to = op.Off
			}
		case Load:
			addr := a + uint64(int64(op.Off))
			if op.Flags&Ghosted != 0 || Unaligned(addr, op.Bytes()) || queued && c.behindStores(in, addr) ||
				addr == c.atomicWord && t < c.atomicAt+int64(c.tm.AtomicForward) {
				break run
			}
			v, lat, ok := c.port.PlainLoad(addr, op.Bytes(), until-t)
			cause = stats.L1
			if !ok {
				if c.info[to].slots == 0 { // it enters the window together with this op
					break run
				}
				var r Result
				if v, lat, cause, r = c.port.Load(addr, op.Bytes(), t); r != Done || t+lat >= until {
					c.pc, c.now = pc, now
					i, e := c.admit(op, in, a, b, t)
					e.addr = addr
					pc = to
					c.loaded(i, e, t, v, lat, cause, r)
					break run
				}
			}
			next = t + lat
			if op.Dst != NoReg {
				c.regs[op.Dst] = v
			}
			st.CPU.MemOps++
			c.chain = noLine
		case Store:
			addr := a + uint64(int64(op.Off))
			if op.Flags&Ghosted != 0 || Unaligned(addr, op.Bytes()) || c.tm.StoreCommit > 0 {
				break run
			}
			if !queued && next >= c.drainReady && c.port.PlainStore(addr, op.Bytes(), op.Truncate(b)) {
				c.drainReady = next + 1
			} else {
				if !c.fifo || c.sqTail-c.sqHead >= uint64(c.tm.StoreBuffer) {
					break run
				}
				c.enqueue(pc, op, in, addr, op.Truncate(b), t)
				queued = c.sqHead < c.sqTail
				until = min(*limit, c.attend)
			}
			st.CPU.MemOps++
			c.chain = noLine
		case RMW:
			addr := a + uint64(int64(op.Off))
			unlock := t + int64(c.tm.AtomicPre+c.tm.AtomicHold)
			next, cause = unlock+int64(c.tm.AtomicPost), stats.Atomic
			if op.Flags&Ghosted != 0 || in.far || Unaligned(addr, op.Bytes()) || queued {
				break run
			}
			if next >= until || !c.port.Quiet(addr) {
				if c.info[to].slots == 0 {
					break run
				}
				c.pc, c.now = pc, now
				i, e := c.admit(op, in, a, b, t)
				c.atomics++
				pc = to
				c.execute(i, e, t)
				break run
			}
			c.port.Own(addr, t+int64(c.tm.AtomicPre), true)
			old := c.atomic(op, addr, b, unlock)
			if op.Dst != NoReg {
				c.regs[op.Dst] = old
			}
			st.CPU.MemOps++
			c.chain = addr >> lineShift
		case Mark, Nop:
			// The window fetches it together with the op before, or a cycle later if
			// that took the whole width, and retires it together with that op. A row of
			// them that it has no room for behind that op goes through it.
			if last == 0 || c.tm.RetireWidth == 1 || last == 1 && c.tm.FetchWidth == 1 || uint64(pc-row) >= c.mask {
				break run
			}
			if op.Code == Mark {
				c.mark(op, t)
			}
			if op.Flags&Ghosted != 0 {
				r := GhostRecord{At: t, Thread: int32(c.id), Site: op.Site}
				c.objects(&r)
				c.tell(r)
			}
			pc = to
			continue
		default:
			break run
		}
		retired++
		if d := next - now; d > 0 {
			st.CPU.Cycles[cause] += uint64(d)
		}
		if c.Cycles != nil {
			c.Cycles[pc][cause] += uint64(max(next-now, 0))
			c.Cycles[pc][stats.Issue]++
		}
		now = next + 1
		last = next - t
		t, pc, row = next, to, to
	}
	c.pc, c.now = pc, now
	st.CPU.Cycles[stats.Issue] += retired
	st.CPU.Retired += retired
	c.Progress += retired
	return t
}

// admit puts the op at pc into the empty window at cycle t, with its operands.
func (c *Core) admit(op *Op, in *opInfo, a, b uint64, t int64) (int32, *entry) {
	c.cal.now = t
	i, e := c.occupy(op, in)
	e.v[slotA], e.v[slotB] = a, b
	if op.C != NoReg {
		e.v[slotC] = c.regs[op.C]
	}
	if op.Dst != NoReg {
		c.rename[op.Dst] = e.seq + 1
	}
	return i, e
}

// enqueue puts a store that enters the window at cycle t into the store queue, and
// does what follows in the next cycle, in which it retires.
func (c *Core) enqueue(pc int32, op *Op, in *opInfo, addr, val uint64, t int64) {
	if c.tm.StorePrefetch == "address" {
		c.port.Own(addr, t, false)
	}
	t++
	if c.tm.StorePrefetch == "retire" && c.sqHead < c.sqRet { // the oldest asks by leaving
		c.port.Own(addr, t, false)
	}
	q := &c.sq[c.sqTail&c.sqMask]
	q.pc, q.bytes, q.class, q.epoch, q.gates = pc, uint8(op.Bytes()), in.st.C, c.epoch, noLink
	q.hasAddr, q.hasData, q.gone, q.missed = true, true, false, false
	q.addr, q.val = addr, val
	c.sqTail++
	c.sqRet++
	c.filter[bucket(addr)]++
	c.pend[in.st.C]++
	c.pendSet |= 1 << in.st.C
	c.drain(t)
	c.loseGone(t)
}

// atomic is the locked part of an RMW that runs directly: what the window does
// when it unlocks.
func (c *Core) atomic(op *Op, addr, b uint64, t int64) uint64 {
	expected := uint64(0)
	if op.C != NoReg {
		expected = c.regs[op.C]
	}
	c.atomicWord, c.atomicAt = addr, t
	old, _ := c.port.Modify(op, addr, b, expected, t, false)
	return old
}

// behindStores reports whether a load has to do with the stores in the queue:
// to wait for them, or to take its value from one.
func (c *Core) behindStores(in *opInfo, addr uint64) bool {
	return c.pendSet&c.wait[in.ld.C] != 0 || c.holds[in.ld.C] || c.filter[bucket(addr)] > 0
}

// mayRunDirectly reports whether nothing is in the pipeline, but for stores that
// wait for a line.
func (c *Core) mayRunDirectly(t int64) bool {
	return c.InOrder && c.head == c.tail && (c.sqHead == c.sqTail || c.fifo && c.drainAsked) &&
		t >= c.fetchAt && t < c.attend && c.asleep == 0 && c.fetchOn == 0 && !c.halted && !c.Stopped && !c.armed
}

// goesOn ends the phase of the one op in the window at cycle t and reports whether that
// is all there is to do then: if the op has a further phase, nothing retires and nothing
// enters. next is when the core wants to run again.
func (c *Core) goesOn(t int64) (next int64, ok bool) {
	if c.head+1 != c.tail || t >= c.attend || c.sqHead < c.sqTail || c.pinned || len(c.gone) > 0 || c.info[c.pc].slots == 0 {
		return 0, false
	}
	e := &c.win[c.head&c.mask]
	if e.at != t || e.phase != preparing && e.phase != holding {
		return 0, false
	}
	c.charge(t)
	c.complete(t)
	c.look(t)
	switch e.phase {
	case preparing, holding, posting:
		return min(e.at, c.attend), len(c.gone) == 0
	case filling:
		return c.attend, len(c.gone) == 0
	}
	return 0, false
}

// rewind starts the window and the store queue anew from their first entries
// while they are empty, so that an in-order core keeps using the same few.
func (c *Core) rewind() {
	c.head, c.tail = 0, 0
	if c.sqHead == c.sqTail {
		c.sqHead, c.sqRet, c.sqTail = 0, 0, 0
	}
}
