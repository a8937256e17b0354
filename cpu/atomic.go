package cpu

// The ops that run at the head of the window, when nothing older is left in
// it: locked and exclusive accesses, waits, and serialising fences.

const noLine = ^uint64(0)

// begin starts the op at the head if the store queue lets it.
func (c *Core) begin(i int32, e *entry, t int64) {
	if e.flags&unasked != 0 {
		c.asked(e, t)
	}
	if e.op.Code == Fence {
		e.phase = executing
		c.schedule(i, t+c.info[e.pc].lat)
		return
	}
	if c.blockingStore(e) != nil {
		return // drain moves on, then step begins the op
	}
	if Unaligned(e.addr, e.op.Bytes()) {
		panic(c.bad(e))
	}
	c.rmw = i
	switch e.op.Code {
	case RMW:
		if c.chain == e.addr>>lineShift {
			e.flags |= chained
		}
		if c.tm.AtomicPre > 0 && !c.info[e.pc].far {
			// Arithmetic that is still to retire before it holds up none of this phase:
			// it began when all that could have stopped the op was over.
			if at := max(e.at, c.settled) + int64(c.tm.AtomicPre); at > t {
				e.phase = preparing
				c.schedule(i, at)
				return
			}
		}
		c.needLine(i, e, t)
	case LoadExcl, Wait:
		c.watch(i, e, t)
	case StoreExcl:
		c.storeExclusive(i, e, t)
	}
}

// blockingStore finds a store that has left the window, but is not visible, and
// must become so before e may perform: by the ordering table, a store fence
// between them, or because it is to the same line. It is nil if there is none.
func (c *Core) blockingStore(e *entry) *store {
	if c.sqHead == c.sqRet {
		return nil
	}
	var set ClassSet
	in := &c.info[e.pc]
	if in.ld.OK {
		set |= c.model.Before[in.ld.C]
	}
	if in.st.OK {
		set |= c.model.Before[in.st.C]
	}
	for n := c.sqHead; n < c.sqRet; n++ {
		q := &c.sq[n&c.sqMask]
		if !q.gone && (set.Has(q.class) || in.st.OK && q.epoch != e.epoch || q.addr>>lineShift == e.addr>>lineShift) {
			return q
		}
	}
	return nil
}

// needLine locks the line of an RMW if it is writable, and else waits for it.
func (c *Core) needLine(i int32, e *entry, t int64) {
	if c.info[e.pc].far {
		c.sendFar(i, e, t)
		return
	}
	if c.yield == e.addr>>lineShift && t < c.yieldTo {
		e.phase = preparing // a snoop comes first
		c.schedule(i, c.yieldTo)
		return
	}
	if c.port.Own(e.addr, t, true) != Done {
		e.phase = filling
		e.flags |= missed
		return
	}
	c.port.Lock(e.addr)
	e.phase = holding
	c.schedule(i, t+int64(c.tm.AtomicHold))
}

// watch performs the load of a load-linked or a Wait.
func (c *Core) watch(i int32, e *entry, t int64) {
	// A line that is writable counts as a hit of the load below alone; else the first call
	// asks for it without counting, and the second as the access that waits.
	insist := e.op.Code == LoadExcl && c.tm.ExclusiveTries > 0 && c.scFailed >= c.tm.ExclusiveTries
	if insist && c.port.Own(e.addr, t, false) != Done && c.port.Own(e.addr, t, true) != Done {
		e.phase = filling
		e.flags |= missed
		return
	}
	val, lat, level, r := c.port.Load(e.addr, e.op.Bytes(), t)
	if r == Fault {
		panic(c.bad(e))
	}
	if r != Done {
		e.phase = filling
		e.flags |= missed
		return
	}
	e.level = uint8(level)
	if e.op.Code == Wait && !e.op.Taken(val, e.v[slotB]) {
		if e.op.Flags&Sleep != 0 {
			c.sleep(e, t)
			return
		}
		e.phase = sleeping // LineLost moves us
		return
	}
	e.val, e.perfAt = val, t
	if e.op.Code == LoadExcl {
		if l := e.addr >> lineShift; !c.armed || c.monitor != l { // one that spins does not hold the line for ever
			if c.pinned {
				c.unpin(t)
			}
			c.monitor, c.armed, c.heldUntil = l, true, t+int64(c.tm.ExclusiveHold)
			if insist {
				c.heldUntil = t + int64(max(c.tm.ExclusiveHold, 1))<<min(c.scFailed-c.tm.ExclusiveTries, longestHold)
				c.pin(e.addr)
			}
		}
	}
	e.phase = executing
	c.schedule(i, t+lat)
}

// longestHold is how many times the hold of a line for a store-conditional that keeps
// failing is doubled.
const longestHold = 10

// pin keeps the line of a load-linked from evictions, for as long as its monitor is set
// and the hold has not ended.
func (c *Core) pin(addr uint64) {
	c.port.Lock(addr)
	c.pinned = true
}

func (c *Core) unpin(t int64) {
	c.port.Unlock(c.monitor<<lineShift, t)
	c.pinned = false
}

// disarm clears the monitor.
func (c *Core) disarm(t int64) {
	if c.pinned {
		c.unpin(t)
	}
	c.armed = false
}

// storeExclusive performs a store-conditional, or fails it.
func (c *Core) storeExclusive(i int32, e *entry, t int64) {
	e.val = 1
	if c.armed && c.monitor == e.addr>>lineShift {
		if c.port.Own(e.addr, t, true) != Done {
			e.phase = filling
			e.flags |= missed
			return
		}
		e.v[slotC] = c.port.Peek(e.addr, e.op.Bytes(), t) // the old value, for ghosts
		c.port.Poke(e.addr, e.op.Bytes(), e.op.Truncate(e.v[slotB]), t)
		c.stored(e.addr, e.op.Bytes(), t)
		e.val, e.perfAt = 0, t
		c.scFailed = 0
	} else {
		c.scFailed++
	}
	c.disarm(t)
	e.phase = executing
	c.schedule(i, t+int64(c.tm.StoreExclusive))
}

// atomicPhase ends a phase of an op at the head. It reports whether the op has
// a further phase to go.
func (c *Core) atomicPhase(i int32, e *entry, t int64) bool {
	switch e.phase {
	case preparing:
		c.needLine(i, e, t)
		return true
	case holding:
		if at := c.port.Handover(e.addr); at > t { // a sibling has written the line meanwhile
			c.schedule(i, at)
			return true
		}
		old, wrote := c.port.Modify(e.op, e.addr, e.v[slotB], e.v[slotC], t, true)
		if wrote {
			c.stored(e.addr, e.op.Bytes(), t)
		}
		e.val, e.perfAt = old, t
		c.atomicWord, c.atomicAt = e.addr, t
		e.phase = posting
		if c.tm.AtomicPost > 0 {
			c.schedule(i, t+int64(c.tm.AtomicPost))
		}
		c.perform(e, t) // unlocked: younger loads may start
		if c.tm.AtomicPost > 0 {
			return true
		}
	}
	c.rmw = -1
	if e.op.Code == RMW {
		c.chain = e.addr >> lineShift
		if c.info[e.pc].far {
			c.chain = noLine
		}
	}
	return false
}

// again retries the op at the head that waits for a line or an MSHR.
func (c *Core) again(i int32, t int64) {
	switch e := &c.win[i]; e.op.Code {
	case RMW:
		c.needLine(i, e, t)
	case LoadExcl, Wait:
		c.watch(i, e, t)
	case StoreExcl:
		c.storeExclusive(i, e, t)
	}
}

// Guards reports whether the core may keep a line from snoops, or notices them: only
// then SnoopHold and Snooped need be called.
func (c *Core) Guards() bool { return c.armed || c.rmw >= 0 }

// SnoopHold says until when a snoop for the line, arriving at t, has to wait:
// the middle of a locked op's latency holds the line, and up to AtomicGrace
// further locked ops run first if they follow back to back. used counts the
// grace this snoop has given already; the new count is returned with the cycle
// (0: answer now). owned says that the line is held with write permission.
func (c *Core) SnoopHold(line uint64, owned bool, t int64, used int) (until int64, grace int) {
	if c.armed && owned && c.monitor == line && t < c.heldUntil {
		// The store-conditional is a few cycles away; without this, cores can take
		// the line from each other for ever and no store-conditional succeeds.
		return min(t+4, c.heldUntil), used
	}
	if c.pinned && c.monitor == line { // the snoop comes before the step that would
		c.unpin(t)
	}
	if c.rmw < 0 {
		return 0, used
	}
	e := &c.win[c.rmw]
	if e.op.Code != RMW || e.addr>>lineShift != line {
		return 0, used
	}
	more := used < c.tm.AtomicGrace
	switch e.phase {
	case holding:
		if c.tm.AtomicPre+c.tm.AtomicPost > 0 {
			return e.at + 1, used
		}
		// The next op would lock the line in the cycle in which this one unlocks it.
		if more && c.followed(e, line) {
			return e.at + int64(c.tm.AtomicHold) + 1, used + 1
		}
		c.yield, c.yieldTo = line, e.at+1
		return e.at + 1, used
	case preparing:
		if more && e.flags&chained != 0 {
			return e.at + int64(c.tm.AtomicHold) + 1, used + 1
		}
	case posting:
		if more && c.followed(e, line) {
			return e.at + int64(c.tm.AtomicPre+c.tm.AtomicHold) + 1, used + 1
		}
	}
	return 0, used
}

// Snooped tells the core that a snoop of a line is about to be answered: it ends an
// exclusive access to the line, also if the core keeps a readable copy.
func (c *Core) Snooped(line uint64) {
	if c.monitor == line {
		c.armed = false
	}
}

// followed reports whether the next op after e is an RMW on the same line, but for
// branches, marks and arithmetic that is done: in the queue of memory accesses the two
// are neighbours.
func (c *Core) followed(e *entry, line uint64) bool {
	for n := e.seq + 1; n < c.tail; n++ {
		o := &c.win[n&c.mask]
		switch o.op.Code {
		case Branch, Mark, Nop:
			continue
		case ALU:
			if o.phase == done {
				continue
			}
		}
		return o.op.Code == RMW && !c.info[o.pc].far && o.need&(1<<slotA) == 0 && o.address()>>lineShift == line
	}
	return false
}
