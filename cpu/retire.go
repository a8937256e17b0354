package cpu

// heldBack reports whether a completed op at the head may not retire: a load
// that bound its value before an older store, which sc orders, is visible.
func (c *Core) heldBack(e *entry) bool {
	return c.sqHead < c.sqRet && e.op.Code == Load && c.holds[e.ld]
}

// retire takes completed ops off the head, in order. It returns the pc of an op
// that retired, -1 if none did.
func (c *Core) retire(t int64) int32 {
	pc := int32(-1)
	for n := 0; n < c.tm.RetireWidth && c.head < c.tail; {
		i := int32(c.head & c.mask)
		e := &c.win[i]
		if e.phase == atHead {
			c.begin(i, e, t)
		}
		if e.phase != done || c.heldBack(e) {
			break
		}
		op := e.op
		if op.Dst != NoReg {
			c.regs[op.Dst] = e.val
			if c.rename[op.Dst] == e.seq+1 {
				c.rename[op.Dst] = 0
			}
		}
		switch op.Code {
		case Load, RMW, LoadExcl, Wait:
			if e.flags&faulted != 0 {
				panic(c.bad(e))
			}
			c.St.CPU.MemOps++
			c.settled = max(c.settled, e.at)
		case Store:
			c.St.CPU.MemOps++
			c.storeRetired(e, t)
		case StoreExcl:
			c.St.CPU.MemOps++
			c.settled = max(c.settled, e.at)
		case Fence:
			c.settled = max(c.settled, e.at)
		case Branch:
			c.settled = max(c.settled, e.at)
			if c.histories != nil {
				c.learn(e.pc, e.flags&taken != 0)
			}
		case Mark:
			c.mark(op, t)
		}
		if op.Flags&Ghosted != 0 && op.Code != Store {
			c.ghost(e, t)
		}
		switch op.Code {
		case RMW, Branch, Mark, Nop:
		case ALU:
			if e.at > c.atomicAt+int64(c.tm.AtomicPost) { // it was not done with the locked op
				c.chain = noLine
			}
		default:
			c.chain = noLine
		}
		c.head++
		c.used -= int(e.slots)
		if e.slots > 0 {
			n++
			pc = e.pc
			c.St.CPU.Retired++
			c.Progress++
		}
		if op.Code == Halt {
			c.exit(t)
		}
		if c.attend <= t && c.preempted(t) {
			break // for the interrupt, before another op begins at the head
		}
	}
	return pc
}

// mark begins or ends a region, counts, or turns preemption off or on.
func (c *Core) mark(op *Op, t int64) {
	switch op.Fn {
	case Begin:
		if c.depth == 0 {
			c.opStart = t
		}
		c.depth++
	case End:
		if c.depth--; c.depth == 0 {
			c.St.Ops.Latency.Record(uint64(t - c.opStart))
		}
	case PreemptOff:
		c.noPreempt++
	case PreemptOn:
		c.noPreempt--
	case Count:
		if n := c.counts[c.prog.Sites[op.Site].Region]; n != nil {
			*n++
		}
	}
}

// ghost reports an annotated op that is retiring.
func (c *Core) ghost(e *entry, t int64) {
	r := GhostRecord{At: t, Thread: int32(c.id), Site: e.op.Site}
	switch e.op.Code {
	case Load, LoadExcl, Wait: // counts from its retirement: a load may be early for long
		r.Addr, r.Old, r.New = e.addr, e.val, e.val
	case RMW:
		r.At, r.Addr, r.Old = e.perfAt, e.addr, e.val
		v, wrote := e.op.Modify(e.val, e.v[slotB], e.v[slotC])
		if !wrote {
			return
		}
		r.New = v
	case StoreExcl:
		if e.val != 0 {
			return
		}
		r.At, r.Addr, r.Old, r.New = e.perfAt, e.addr, e.v[slotC], e.op.Truncate(e.v[slotB])
	}
	c.objects(&r)
	c.tell(r)
}

// objects fills in the registers that the site's ghosts name.
func (c *Core) objects(r *GhostRecord) {
	for k, g := range c.prog.Sites[r.Site].Ghosts {
		if k < len(r.Objects) {
			r.Objects[k] = c.regs[g.Reg]
		}
	}
}

// tell passes a record on, from a place of its own: what goes through an interface
// would be allocated.
func (c *Core) tell(r GhostRecord) {
	c.report = r
	c.port.Ghost(&c.report)
}
