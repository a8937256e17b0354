package cpu

// lookAt reads the word of a task that sleeps.
func (c *Core) lookAt(p *task, t int64) {
	val, _, _, r := c.port.Load(p.addr, p.op.Bytes(), t)
	switch {
	case r == Pending:
		p.state = fetching
	case r == Busy:
		p.state = refused
	case p.op.Taken(val, p.want):
		p.state, p.at = waking, t+c.tm.WakeupC
		c.attend = min(c.attend, p.at)
	default:
		p.state = asleep
	}
}

// sleepsOn reports whether a task sleeps on a word of the line.
func (c *Core) sleepsOn(line uint64) bool {
	for i := range c.tasks {
		if p := &c.tasks[i]; p.state == asleep && p.addr>>lineShift == line {
			return true
		}
	}
	return false
}

// sleepersLost makes the tasks that sleep on a word of a line look again, which
// the core has lost.
func (c *Core) sleepersLost(line uint64, t int64) {
	for i := range c.tasks {
		if p := &c.tasks[i]; p.state == asleep && p.addr>>lineShift == line {
			p.state = looking
			c.attend = t
		}
	}
}

// sleepersReady makes those look that waited for the line, or for an MSHR.
func (c *Core) sleepersReady(from taskState, line uint64, t int64) {
	for i := range c.tasks {
		if p := &c.tasks[i]; p.state == from && (from == refused || p.addr>>lineShift == line) {
			c.lookAt(p, t)
		}
	}
}

// stored tells the scheduler that the core itself changed a word at cycle t: no
// line is lost by that.
func (c *Core) stored(addr uint64, bytes int, t int64) {
	if c.asleep == 0 {
		return
	}
	for i := range c.tasks {
		if p := &c.tasks[i]; p.state == asleep && p.addr < addr+uint64(bytes) && addr < p.addr+uint64(p.op.Bytes()) {
			p.state = looking
			c.attend = min(c.attend, t+1) // another task may be due at t
		}
	}
}
