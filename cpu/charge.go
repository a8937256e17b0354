package cpu

import "cohsim/internal/stats"

// Every cycle is charged to exactly one cause: a cycle in which an op retired
// is useful (Issue), any other belongs to what holds the oldest unretired op.

// charge bills the cycles since the last call to the cause found then.
func (c *Core) charge(t int64) {
	d := t - c.now
	if d <= 0 {
		return
	}
	c.now = t
	if c.cur == stats.Inflight {
		c.pending += d
		c.pendPC = c.curPC
		return
	}
	c.bill(c.cur, c.curPC, d)
	if c.hold != nil {
		c.blame(c.cur, c.curPC, c.hold.head, d)
	}
}

func (c *Core) bill(cause stats.Cause, pc int32, cycles int64) {
	c.St.CPU.Cycles[cause] += uint64(cycles)
	if c.Cycles != nil {
		c.Cycles[pc][cause] += uint64(cycles)
	}
}

// settle bills the cycles that the head waited for a line, now that it is
// known who supplied it.
func (c *Core) settle(addr uint64, cause stats.Cause) {
	if c.pending > 0 {
		c.bill(cause, c.pendPC, c.pending)
		c.blame(cause, c.pendPC, -1, c.pending)
		c.port.Stalled(addr, c.pendPC, c.pending, cause)
		c.pending = 0
	}
}

// Cut charges everything up to t, for a snapshot of the counters.
func (c *Core) Cut(t int64) {
	c.charge(t)
	if c.pending > 0 {
		c.bill(stats.Inflight, c.pendPC, c.pending)
		c.pending = 0
	}
}

// look finds out what holds the core from t on.
func (c *Core) look(t int64) {
	if c.head == c.tail {
		c.curPC = min(c.pc, int32(len(c.ops)-1))
		switch {
		case c.Finished || c.Stopped:
			c.cur = stats.Idle
		case t < c.fetchAt:
			c.cur = c.fetchWhy
		case c.sqTail-c.sqHead >= uint64(c.tm.StoreBuffer):
			c.cur = stats.StoreBuf
		default:
			c.cur = stats.Issue
		}
		return
	}
	e := &c.win[c.head&c.mask]
	c.curPC = e.pc
	switch e.phase {
	case executing:
		c.cur = stats.Cause(e.level)
	case filling, remote:
		c.cur = stats.Inflight
	case preparing, holding, posting:
		c.cur = stats.Atomic
	case atHead:
		c.cur = stats.Drain
	case blocked:
		c.cur = stats.Ordering
		if c.sqHead < c.sqRet {
			c.cur = stats.Drain
		}
		for _, i := range c.retry {
			if i == int32(c.head&c.mask) {
				c.cur = stats.Inflight
			}
		}
	case sleeping:
		c.cur = stats.Pause
	case done:
		c.cur = stats.Issue
		if c.heldBack(e) {
			c.cur = stats.Drain
		}
	default:
		c.cur = stats.Issue
	}
	if c.hold != nil && (c.cur == stats.Ordering || c.cur == stats.Drain) {
		c.hold.head = c.holder()
	}
}

// Head describes the oldest unretired op for a dump: its pc, what it waits for,
// and the address it accesses, 0 if none. With an empty window it is the next
// op to fetch.
func (c *Core) Head() (pc int32, waits string, addr uint64) {
	if c.head == c.tail {
		if c.sqHead < c.sqTail {
			q := &c.sq[c.sqHead&c.sqMask]
			return q.pc, "store waits for its line", q.addr
		}
		return min(c.pc, int32(len(c.ops)-1)), "about to fetch", 0
	}
	e := &c.win[c.head&c.mask]
	return e.pc, [...]string{
		waiting: "waits for operands", blocked: "held by ordering", atHead: "waits for the store buffer",
		executing: "executing", filling: "waits for its line", preparing: "locked op, before its line",
		holding: "locked op, holds its line", posting: "locked op, after its line", remote: "waits for the home to perform it",
		sleeping: "sleeps on its word", done: "complete",
	}[e.phase], e.addr
}

// OldestAge is a cycle before which no op that has not retired yet can have
// performed, as far as ghosts are concerned; now if there is none. Only an
// atomic op performs before it retires, and only one at a time.
func (c *Core) OldestAge(now int64) int64 {
	if c.rmw >= 0 {
		if e := &c.win[c.rmw]; e.phase == posting || e.phase == executing || e.phase == remote {
			return min(now, e.perfAt)
		}
	}
	return now
}

// Charged is the cycle up to which cycles are charged.
func (c *Core) Charged() int64 { return c.now }
