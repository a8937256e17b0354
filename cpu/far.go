package cpu

import "cohsim/internal/stats"

// An atomic op that the home performs (LSE far atomics): sent from the head of the
// window like any other atomic op, because it cannot be taken back, and ordered by the
// table as if the core performed it itself. It takes no line, so no snoop waits for it.

// isFar reports whether the home performs the op.
func (cfg *Config) isFar(op *Op) bool {
	return op.Code == RMW && op.Flags&Locked == 0 && (op.Flags&Far != 0 || cfg.Atomics == "far")
}

// sendFar sends the op at the head to the home, unless a sibling's is on its way.
func (c *Core) sendFar(i int32, e *entry, t int64) {
	if c.port.Far(e.op, e.addr, e.v[slotB], e.v[slotC], t) != Pending {
		e.phase = filling // MSHRFree moves us
		return
	}
	e.phase = remote
	e.perfAt = t // not earlier
}

// FarDone tells the core that the home performed the op that it sent, at cycle at; old
// is the value the op found.
func (c *Core) FarDone(old uint64, at, t int64) {
	c.notified(t)
	i := c.rmw
	e := &c.win[i]
	c.settle(e.addr, stats.AtHome)
	e.val, e.perfAt = old, at
	c.completed(i, e, t)
	c.look(t)
}
