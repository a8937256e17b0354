package cpu

import "cohsim/internal/stats"

// store is one entry of the store queue: from dispatch until it is visible.
type store struct {
	addr    uint64
	val     uint64
	object  [2]uint64 // ghosts' registers, taken when it retires
	epoch   uint32
	pc      int32
	bytes   uint8
	class   Class
	hasAddr bool
	hasData bool
	gone    bool // visible; it leaves when all older ones have
	missed  bool
	gates   link // loads and fences that wait for this store
}

const lineShift = 6

func bucket(addr uint64) uint64 { return (addr >> 3) * 0x9e3779b97f4a7c15 >> 56 }

// storeAddress is called when a store's address is known.
func (c *Core) storeAddress(e *entry, t int64) {
	q := &c.sq[e.sq&c.sqMask]
	e.addr = e.address()
	q.addr, q.hasAddr = e.addr, true
	c.sqUnknown--
	c.filter[bucket(q.addr)]++
	if c.tm.StorePrefetch == "address" {
		c.ask(e, t)
	}
	if q.gates != noLink {
		c.open(&q.gates, t)
	}
}

// ask requests ownership of e's line early, without binding anything. A core
// that took lines from others for ops on a path that may be wrong would disturb
// them for nothing, so behind an unresolved branch it waits.
func (c *Core) ask(e *entry, t int64) {
	if c.unresolved > 0 {
		e.flags |= unasked
		c.unasked++
		return
	}
	c.port.Own(e.addr, t, false)
}

// askAgain asks for what waited for branches that are resolved now.
func (c *Core) askAgain(t int64) {
	for n := c.head; n < c.tail && c.unasked > 0; n++ {
		e := &c.win[n&c.mask]
		if e.op.Code == Branch && e.op.Fn != Always && e.phase != done {
			return
		}
		if e.flags&unasked != 0 {
			c.asked(e, t)
		}
	}
}

func (c *Core) asked(e *entry, t int64) {
	e.flags &^= unasked
	c.unasked--
	c.port.Own(e.addr, t, false)
}

// storeRetired hands a store over to the drain.
func (c *Core) storeRetired(e *entry, t int64) {
	if Unaligned(e.addr, e.op.Bytes()) {
		panic(c.bad(e))
	}
	if e.flags&unasked != 0 {
		c.asked(e, t)
	}
	if c.tm.StorePrefetch == "retire" && c.sqHead < c.sqRet { // the oldest asks by leaving
		c.port.Own(e.addr, t, false)
	}
	if c.sqHead == c.sqRet { // an empty queue has to start up; what follows is pipelined
		c.drainReady = max(c.drainReady, t+int64(c.tm.StoreCommit))
	}
	q := &c.sq[e.sq&c.sqMask]
	c.sqRet++
	c.drainAsked = c.drainAsked && c.fifo
	if e.op.Flags&Ghosted != 0 {
		r := GhostRecord{Site: e.op.Site}
		c.objects(&r)
		q.object = r.Objects
	}
}

// drain makes at most one store visible (and those that merge with it).
func (c *Core) drain(t int64) {
	if c.sqHead == c.sqRet || t < c.drainReady || c.drainAsked && c.fifo {
		return
	}
	if c.fifo {
		c.drainAsked = !c.drainOne(c.sqHead, t)
		return
	}
	// Out of order: the oldest store that may leave and has its line.
	for n := c.sqHead; n < c.sqRet; n++ {
		if q := &c.sq[n&c.sqMask]; !q.gone && c.mayLeave(n, q) && c.drainOne(n, t) {
			c.drainAsked = false
			return
		}
	}
	c.drainAsked = true // every candidate has asked: LineReady or MSHRFree moves us
}

// mayLeave reports whether the ordering table, store fences and same-address
// order let store n become visible before the older ones that have not.
func (c *Core) mayLeave(n uint64, q *store) bool {
	for k := c.sqHead; k < n; k++ {
		o := &c.sq[k&c.sqMask]
		if !o.gone && (o.epoch != q.epoch || o.addr>>3 == q.addr>>3 || c.model.MustPrecede(o.class, q.class)) {
			return false
		}
	}
	return true
}

// drainOne writes store n if its line is writable.
func (c *Core) drainOne(n uint64, t int64) bool {
	q := &c.sq[n&c.sqMask]
	if c.write(q, t) != Done {
		q.missed = true
		return false
	}
	missed := q.missed
	c.visible(n, q, t)
	if c.tm.StoreMerge {
		for k := n + 1; k < c.sqRet; k++ {
			o := &c.sq[k&c.sqMask]
			if o.gone || o.addr>>lineShift != q.addr>>lineShift || o.epoch != q.epoch || c.write(o, t) != Done {
				break
			}
			if c.loops != nil {
				c.loops.disturbed()
			}
			c.visible(k, o, t)
		}
	}
	for c.sqHead < c.sqRet && c.sq[c.sqHead&c.sqMask].gone {
		c.sqHead++
	}
	if missed {
		c.drainReady = t + c.tm.StoreRestartC
	}
	c.drainReady = max(c.drainReady, t+1)
	return true
}

// write stores q's value through the port.
func (c *Core) write(q *store, t int64) Result {
	op := &c.ops[q.pc]
	if op.Flags&Ghosted == 0 {
		return c.port.Store(q.addr, int(q.bytes), q.val, t)
	}
	if r := c.port.Own(q.addr, t, true); r != Done {
		return r
	}
	g := GhostRecord{At: t, Thread: int32(c.id), Site: op.Site, Addr: q.addr, Old: c.port.Peek(q.addr, int(q.bytes), t), New: q.val, Objects: q.object}
	c.port.Poke(q.addr, int(q.bytes), q.val, t)
	c.tell(g)
	return Done
}

// visible takes store n, which is, off the store queue's books.
func (c *Core) visible(n uint64, q *store, t int64) {
	q.gone = true
	if c.loops != nil {
		c.loops.wroteCache(n)
	}
	c.settled = max(c.settled, t)
	c.stored(q.addr, int(q.bytes), t)
	c.filter[bucket(q.addr)]--
	c.unpend(1 << q.class)
	if q.gates != noLink {
		c.open(&q.gates, t)
	}
}

// load binds a load's value: from an older store of this core, from the cache,
// or later, when its line is there.
func (c *Core) load(i int32, e *entry, t int64) {
	e.addr = e.address()
	if Unaligned(e.addr, e.op.Bytes()) {
		c.fault(i, e, t)
		return
	}
	if set := c.wait[e.ld]; c.pendSet&set != 0 {
		if g, by := c.blocker(e, set); g != nil {
			c.gate(i, e, g, by, t)
			return
		}
	}
	if c.atomics > 0 {
		// An older atomic op on the word that has not performed yet writes it first,
		// whatever the table says of their order.
		for n := e.seq; n > c.head; n-- {
			o := &c.win[(n-1)&c.mask]
			if o.set == 0 || o.op.Code != RMW && o.op.Code != StoreExcl {
				continue
			}
			if o.need&(1<<slotA) != 0 || o.address()>>3 == e.addr>>3 {
				c.gate(i, e, &o.gates, o.pc, t)
				return
			}
		}
	}
	if c.sqUnknown > 0 || c.filter[bucket(e.addr)] > 0 {
		if c.forward(i, e, t) {
			return
		}
	}
	val, lat, level, r := c.port.Load(e.addr, e.op.Bytes(), t)
	c.loaded(i, e, t, val, lat, level, r)
}

// loaded takes what the port answered to a load.
func (c *Core) loaded(i int32, e *entry, t int64, val uint64, lat int64, level stats.Cause, r Result) {
	switch r {
	case Done:
		e.val, e.perfAt, e.level = val, t, uint8(level)
		e.flags |= performed
		e.phase = executing
		if c.arrived != stats.Issue { // the word that just came in is used at once
			lat, e.level = 1, uint8(c.arrived)
		}
		if e.addr == c.atomicWord { // there is no forwarding from a locked op
			lat = max(lat, c.atomicAt+int64(c.tm.AtomicForward)-t)
		}
		if c.loops != nil {
			c.loops.readCache(e.seq)
		}
		c.schedule(i, t+lat)
	case Pending:
		e.phase = filling
		e.flags |= missed
		c.fills = append(c.fills, i)
	case Fault:
		c.fault(i, e, t)
	case Busy:
		e.phase = blocked
		c.retry = append(c.retry, i)
	}
}

// fault lets a load go on with 0: it may stand on a wrong path, and counts only
// if it retires.
func (c *Core) fault(i int32, e *entry, t int64) {
	e.val, e.flags = 0, e.flags|faulted
	e.phase = executing
	c.schedule(i, t+1)
}

// forward looks for e's value in the store queue, youngest older store first.
// It reports whether the load is taken care of.
func (c *Core) forward(i int32, e *entry, t int64) bool {
	for n := e.sq; n > c.sqHead; n-- {
		q := &c.sq[(n-1)&c.sqMask]
		switch {
		case q.gone:
		case !q.hasAddr:
			c.gate(i, e, &q.gates, q.pc, t)
			return true
		case q.addr>>3 != e.addr>>3:
		case q.bytes == 4 && e.op.Bytes() == 4 && q.addr != e.addr: // the other half
		case !q.hasData:
			c.gate(i, e, &q.gates, q.pc, t)
			return true
		case int(q.bytes) < e.op.Bytes(): // part of the value: wait until it is in the cache
			if c.loops != nil {
				c.loops.disturbed()
			}
			c.gate(i, e, &q.gates, q.pc, t)
			return true
		default:
			v := q.val
			if e.addr != q.addr {
				v >>= 32
			}
			e.val, e.perfAt = e.op.Truncate(v), t
			e.flags |= performed
			e.level = uint8(stats.L1)
			if c.loops != nil {
				c.loops.met(e.seq, e.sq-(n-1))
			}
			if c.tm.ForwardCycles == 0 { // renamed: the value is the store's operand
				e.at = t
				c.completed(i, e, t)
				return true
			}
			e.phase = executing
			c.schedule(i, t+int64(c.tm.ForwardCycles))
			return true
		}
	}
	return false
}
