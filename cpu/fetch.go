package cpu

import "math/bits"

type fetchState uint8

const (
	fetchNone fetchState = iota // nothing until something retires, completes or drains
	fetchMore                   // the width was used up: go on next cycle
)

// fetch brings ops into the window along the predicted path.
func (c *Core) fetch(t int64) fetchState {
	if c.halted || c.Stopped || c.fetchOn != 0 {
		return fetchNone
	}
	if t < c.fetchAt {
		return fetchNone
	}
	for n := 0; n < c.tm.FetchWidth; {
		op := &c.ops[c.pc]
		in := &c.info[c.pc]
		if c.tail-c.head > c.mask || c.used > 0 && c.used+int(in.slots) > c.tm.Window {
			return fetchNone
		}
		if op.Code == Store && c.sqTail-c.sqHead >= uint64(c.tm.StoreBuffer) {
			return fetchNone
		}
		if in.slots > 0 {
			n++
		}
		c.insert(op, in, t)
		if c.halted || c.fetchOn != 0 {
			return fetchNone
		}
	}
	return fetchMore
}

// insert puts the op at pc into the window and moves pc along.
func (c *Core) insert(op *Op, in *opInfo, t int64) {
	i, e := c.occupy(op, in)
	if c.loops != nil && c.loops.seen != nil {
		c.loops.seen.fetched = append(c.loops.seen.fetched, c.pc)
	}
	switch op.Code {
	case Nop, Mark:
		e.phase = done
		c.pc++
		return
	case Halt:
		e.phase = done
		c.halted = true
		return
	case Store:
		q := &c.sq[c.sqTail&c.sqMask]
		q.pc, q.bytes, q.class, q.epoch, q.gates = c.pc, uint8(op.Bytes()), in.st.C, c.epoch, noLink
		q.hasAddr, q.hasData, q.gone, q.missed = false, false, false, false
		c.sqTail++
		c.sqUnknown++
	case Fence:
		if op.Fn == StoreF {
			c.epoch++
		}
		if op.Fn == LFence || op.Fn == ISB {
			c.fetchOn = e.seq + 1
		}
	case Pause:
		c.fetchOn = e.seq + 1
	case RMW, StoreExcl:
		c.atomics++
	}

	if op.B != NoReg {
		c.operand(i, e, slotB, op.B)
	} else {
		e.v[slotB] = uint64(op.Imm)
	}
	if op.A != NoReg {
		c.operand(i, e, slotA, op.A)
	} else {
		e.v[slotA] = 0
	}
	if op.C != NoReg {
		c.operand(i, e, slotC, op.C)
	}
	if op.Dst != NoReg {
		c.rename[op.Dst] = e.seq + 1
	}
	if op.Code == Branch {
		if op.Fn != Always {
			c.unresolved++
		}
		will := c.predicts(c.pc, op)
		if c.histories != nil {
			h := &c.histories[c.pc]
			h.ahead = h.ahead.then(will)
		}
		if will {
			e.flags |= taken
			c.pc = op.Off
		} else {
			c.pc++
		}
	} else {
		c.pc++
	}
	if op.Code == Store && e.need&(1<<slotA) == 0 {
		c.storeAddress(e, t)
	}
	if e.need == 0 {
		c.execute(i, e, t)
	}
}

// occupy gives the op at pc the window's next entry.
func (c *Core) occupy(op *Op, in *opInfo) (i int32, e *entry) {
	i = int32(c.tail & c.mask)
	e = &c.win[i]
	e.op, e.seq, e.phase = op, c.tail, waiting
	e.ld, e.st, e.set = in.ld.C, in.st.C, in.set
	e.flags, e.need, e.level, e.slots = 0, 0, uint8(in.cause), in.slots
	e.deps, e.gates = noLink, noLink
	e.sq, e.pc, e.epoch = c.sqTail, c.pc, c.epoch
	c.tail++
	c.used += int(in.slots)
	for s := in.set; s != 0; s &= s - 1 {
		k := bits.TrailingZeros16(uint16(s))
		c.pend[k]++
	}
	c.pendSet |= in.set
	return i, e
}

// operand reads a source operand, or links the entry to its producer.
func (c *Core) operand(i int32, e *entry, s int, r Reg) {
	p := c.rename[r]
	if p == 0 {
		e.v[s] = c.regs[r]
		return
	}
	prod := &c.win[(p-1)&c.mask]
	if prod.phase == done {
		e.v[s] = prod.val
		return
	}
	e.next[s] = prod.deps
	prod.deps = link(i)<<2 | link(s)
	e.need |= 1 << s
}

// operandReady is called when a linked operand has arrived.
func (c *Core) operandReady(i int32, e *entry, s int, t int64) {
	e.need &^= 1 << s
	if s == slotA && e.op.Code == Store {
		c.storeAddress(e, t)
	}
	if e.need == 0 {
		c.execute(i, e, t)
	}
}
