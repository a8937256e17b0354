package cpu

import "cohsim/internal/stats"

// direct runs ops one after the other without a trip through the window, for
// as long as that is what the window would do: an in-order core (window 1), no
// store queued, and only arithmetic, branches that go as predicted, and
// accesses that hit plainly and complete before limit. It returns the cycle at
// which the next op enters the window. The reference engine does without, and
// the two must agree in every cycle charged.
func (c *Core) direct(t, limit int64) int64 {
	c.charge(t)
	for {
		pc := c.pc
		op := &c.ops[pc]
		in := &c.info[pc]
		next, cause := t+in.lat, in.cause
		if next >= limit {
			return t
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
			if op.Fn == Work && op.B != NoReg {
				return t
			}
			v := op.Eval(a, b)
			if op.Dst != NoReg {
				c.regs[op.Dst] = v
			}
			c.chain = noLine
		case Branch:
			took := op.Taken(a, b)
			if took != (op.Fn == Always || op.Flags&Likely != 0) {
				return t
			}
			if took {
				to = op.Off
			}
		case Load:
			if op.Flags&Ghosted != 0 {
				return t
			}
			v, lat, ok := c.port.PlainLoad(a+uint64(int64(op.Off)), op.Bytes(), limit-t)
			if !ok {
				return t
			}
			next, cause = t+lat, stats.L1
			if op.Dst != NoReg {
				c.regs[op.Dst] = v
			}
			c.St.CPU.MemOps++
			c.chain = noLine
		case Store:
			if op.Flags&Ghosted != 0 || t+1 < c.drainReady || !c.port.PlainStore(a+uint64(int64(op.Off)), op.Bytes(), op.Truncate(b)) {
				return t
			}
			c.drainReady = next + 1
			c.St.CPU.MemOps++
			c.chain = noLine
		default:
			return t
		}
		c.pc = to
		c.St.CPU.Retired++
		c.Progress++
		cycles := &c.Cycles[pc]
		if d := uint64(next - c.now); d > 0 {
			c.St.CPU.Cycles[cause] += d
			cycles[cause] += d
		}
		c.St.CPU.Cycles[stats.Issue]++
		cycles[stats.Issue]++
		c.now = next + 1
		t = next
	}
}

// mayRunDirectly reports whether nothing is in the pipeline.
func (c *Core) mayRunDirectly(t int64) bool {
	return c.InOrder && c.head == c.tail && c.sqHead == c.sqTail && t >= c.fetchAt && c.fetchOn == 0 && !c.halted && !c.Stopped && !c.armed
}
