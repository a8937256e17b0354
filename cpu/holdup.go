package cpu

import "cohsim/internal/stats"

// Holdup is what one op of a program waited for another: because the memory model
// orders them, or because they access the same address.
type Holdup struct {
	Op, By int32  // indices of ops; By is -1 where the core's own eviction held Op up
	Held   uint64 // cycles in which Op could have run but for By; they may overlap with others
	Stall  uint64 // cycles charged to Op as ordering or drain that By caused: these sum exactly
}

// holdups records those of one program. It exists only while cycles are charged to ops.
type holdups struct {
	list  []Holdup // in the order of first occurrence
	since []int64  // per window entry: when it began to wait
	by    []int32  // and for which op
	head  int32    // what holds the oldest op, where it is charged to ordering or drain
}

// of is the record of a pair.
func (h *holdups) of(op, by int32) *Holdup {
	for i := range h.list {
		if p := &h.list[i]; p.Op == op && p.By == by {
			return p
		}
	}
	h.list = append(h.list, Holdup{Op: op, By: by})
	return &h.list[len(h.list)-1]
}

// letGo ends the wait of window entry i.
func (c *Core) letGo(i int32, t int64) {
	if d := t - c.hold.since[i]; d > 0 {
		c.hold.of(c.win[i].pc, c.hold.by[i]).Held += uint64(d)
	}
}

// blame charges cycles of ordering or drain to the op behind them.
func (c *Core) blame(cause stats.Cause, pc, by int32, cycles int64) {
	if c.hold != nil && (cause == stats.Ordering || cause == stats.Drain) {
		c.hold.of(pc, by).Stall += uint64(cycles)
	}
}

// holder finds the op that holds up the oldest op of the window.
func (c *Core) holder() int32 {
	i := int32(c.head & c.mask)
	e := &c.win[i]
	switch {
	case e.phase == blocked:
		return c.hold.by[i]
	case e.phase == atHead:
		if q := c.blockingStore(e); q != nil {
			return q.pc
		}
	case c.sqHead < c.sqRet:
		return c.sq[c.sqHead&c.sqMask].pc
	}
	return -1
}
