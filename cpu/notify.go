package cpu

import (
	"slices"

	"cohsim/internal/stats"
)

// LineReady tells the core that a line it waits for has arrived, or that its
// request must be made again. What waits performs now, before any snoop of the
// line is looked at: that is what guarantees progress. cause is what supplied
// the line.
func (c *Core) LineReady(line uint64, t int64, cause stats.Cause) {
	c.notified(t)
	if c.head < c.tail {
		if e := &c.win[c.head&c.mask]; e.phase == filling && e.addr>>lineShift == line {
			c.settle(e.addr, cause)
		}
	}
	c.arrived = cause
	if i := c.rmw; i >= 0 {
		if e := &c.win[i]; e.phase == filling && e.addr>>lineShift == line {
			c.again(i, t)
		}
	}
	if c.drainAsked && c.sqHead < c.sqRet {
		c.drainAsked = false
		if c.fifo {
			if c.sq[c.sqHead&c.sqMask].addr>>lineShift == line {
				c.drainAsked = !c.drainOne(c.sqHead, t)
			} else {
				c.drainAsked = true
			}
		} else {
			c.drain(t)
		}
	}
	c.wakeLoads(&c.fills, line, t)
	if c.asleep > 0 {
		c.sleepersReady(fetching, line, t)
	}
	if c.posted != 0 && c.posted>>lineShift == line {
		c.tryPost(t)
	}
	c.arrived = stats.Issue
	c.look(t)
}

// wakeLoads retries, oldest first, the loads of a list that wait for the line
// (any line if line is noLine).
func (c *Core) wakeLoads(list *[]int32, line uint64, t int64) {
	if len(*list) == 1 {
		if i := (*list)[0]; line == noLine || c.win[i].addr>>lineShift == line {
			*list = (*list)[:0]
			c.load(i, &c.win[i], t)
		}
		return
	}
	go_ := c.woken[:0]
	keep := (*list)[:0]
	for _, i := range *list {
		if line == noLine || c.win[i].addr>>lineShift == line {
			go_ = append(go_, i)
		} else {
			keep = append(keep, i)
		}
	}
	*list = keep
	c.woken = go_
	for k := 1; k < len(go_); k++ {
		for j := k; j > 0 && c.win[go_[j]].seq < c.win[go_[j-1]].seq; j-- {
			go_[j], go_[j-1] = go_[j-1], go_[j]
		}
	}
	for _, i := range go_ {
		c.load(i, &c.win[i], t)
	}
}

// LoadReady is LineReady for an in-order core whose only business until the end of
// cycle t+1 is a load that waits for the line: it performs now and retires in the
// next cycle, and the core goes on from there. It reports false, and has done
// nothing, if that is not so.
func (c *Core) LoadReady(line uint64, t int64, cause stats.Cause) bool {
	if c.head+1 != c.tail || c.attend <= t+1 || c.asleep > 0 || c.posted != 0 || c.Stopped || len(c.gone) > 0 {
		return false
	}
	e := &c.win[c.head&c.mask]
	if e.phase != filling || e.op.Code != Load || e.addr>>lineShift != line || e.addr == c.atomicWord || e.op.Flags&Ghosted != 0 || c.info[c.pc].slots == 0 {
		return false
	}
	if c.sqHead < c.sqTail && (!c.drainAsked || !c.fifo || c.sq[c.sqHead&c.sqMask].addr>>lineShift == line || c.behindStores(&c.info[e.pc], e.addr)) {
		return false
	}
	val, ok := c.port.Arrived(e.addr, e.op.Bytes(), t)
	if !ok {
		return false
	}
	c.notified(t)
	c.settle(e.addr, cause)
	c.fills = c.fills[:0]
	if d := t + 1 - c.now; d > 0 {
		c.bill(cause, e.pc, d)
	}
	c.bill(stats.Issue, e.pc, 1)
	c.now = t + 2
	if dst := e.op.Dst; dst != NoReg {
		c.regs[dst], c.rename[dst] = val, 0
	}
	c.unpend(e.set)
	c.chain = noLine
	c.head++
	c.used = 0
	c.St.CPU.MemOps++
	c.St.CPU.Retired++
	c.Progress++
	return true
}

// Due is the first cycle from t on at which the core has something to do after
// a notification at t. An in-order core whose one op is under way or waits for a
// line has nothing to fetch and nothing to retire.
func (c *Core) Due(t int64) int64 {
	if !c.InOrder || c.head == c.tail || len(c.gone) > 0 || c.attend <= t {
		return t
	}
	switch c.win[c.head&c.mask].phase {
	case executing, filling, preparing, holding, posting:
	default:
		return t
	}
	if c.info[c.pc].slots == 0 {
		return t
	}
	next := c.nextDone()
	if c.sqHead < c.sqRet && !(c.fifo && c.drainAsked) {
		next = min(next, c.drainReady)
	}
	return max(min(next, c.attend), t)
}

// MSHRFree tells the core that a refused request may be made again.
func (c *Core) MSHRFree(t int64) {
	c.notified(t)
	if i := c.rmw; i >= 0 && c.win[i].phase == filling {
		c.again(i, t)
	}
	// Stores that have left the window are older than any load that was refused:
	// they ask first, or loads that they will squash could starve them.
	c.drainAsked = false
	c.drain(t)
	if len(c.retry) > 0 {
		c.wakeLoads(&c.retry, noLine, t)
	}
	if c.asleep > 0 {
		c.sleepersReady(refused, noLine, t)
	}
	if c.posted != 0 {
		c.tryPost(t)
	}
	c.look(t)
}

// Wants reports whether a request of this core was refused for lack of an MSHR
// and has not been repeated.
func (c *Core) Wants() bool {
	return len(c.retry) > 0 || c.drainAsked || c.rmw >= 0 && c.win[c.rmw].phase == filling || c.posted != 0 ||
		c.asleep > 0 && slices.ContainsFunc(c.tasks, func(p task) bool { return p.state == refused })
}

// LineLost tells the core that somebody else took its line, or that it was
// evicted: monitors fall, sleepers look again, and loads that bound a value
// early and may not keep it are squashed, with all that followed them. It
// returns the cycle at which the core wants to run for that.
func (c *Core) LineLost(line uint64, t int64) int64 {
	if !c.concerned(line) {
		if c.sqHead < c.sqRet && !c.fifo {
			return t // these stores ask again whenever anything happens
		}
		return never
	}
	c.notified(t)
	if c.armed && c.monitor == line {
		c.disarm(t)
	}
	if i := c.rmw; i >= 0 {
		if e := &c.win[i]; e.phase == sleeping && e.addr>>lineShift == line {
			e.phase = atHead
		}
	}
	if c.asleep > 0 {
		c.sleepersLost(line, t)
	}
	var older ClassSet // classes that have not performed, older than n
	if c.sqHead < c.sqRet {
		for n := c.sqHead; n < c.sqRet; n++ {
			if q := &c.sq[n&c.sqMask]; !q.gone {
				older |= 1 << q.class
			}
		}
	}
	for n := c.head; n < c.tail; n++ {
		e := &c.win[n&c.mask]
		if e.op.Code == Load && e.flags&performed != 0 && e.addr>>lineShift == line && c.mustSquash(e, older) {
			c.St.CPU.Squashes++
			c.squash(n, e.pc, t, t+int64(c.tm.SquashCost), false)
			break
		}
		older |= e.set
	}
	c.look(t)
	return t
}

// concerned reports whether the loss of a line may matter to the core.
func (c *Core) concerned(line uint64) bool {
	if c.armed && c.monitor == line {
		return true
	}
	if i := c.rmw; i >= 0 && c.win[i].phase == sleeping && c.win[i].addr>>lineShift == line {
		return true
	}
	if c.asleep > 0 && c.sleepsOn(line) {
		return true
	}
	for n := c.head; n < c.tail; n++ {
		if e := &c.win[n&c.mask]; e.flags&performed != 0 && e.op.Code == Load && e.addr>>lineShift == line {
			return true
		}
	}
	return false
}

// AwaitsFirst reports whether the core's oldest op, with no store before it on
// its way, is a load that waits for the line.
func (c *Core) AwaitsFirst(line uint64) bool {
	if c.head == c.tail || c.sqHead < c.sqRet {
		return false
	}
	e := &c.win[c.head&c.mask]
	return (e.op.Code == Load || e.op.Code == LoadExcl) && e.flags&missed != 0 && e.flags&performed == 0 && e.addr>>lineShift == line
}

// LineGone tells the core, possibly from inside its own step, that its caches
// gave a line up. It acts like LineLost at the end of the step, or at the start
// of the next if a sibling's step was the cause.
func (c *Core) LineGone(line uint64) { c.gone = append(c.gone, line) }

// loseGone tells whether that mattered: the core may then have something to do
// in the next cycle, such as to fetch again what it squashed.
func (c *Core) loseGone(t int64) (mattered bool) { return len(c.gone) > 0 && c.loseLines(t) }

func (c *Core) loseLines(t int64) (mattered bool) {
	for _, line := range c.gone {
		mattered = c.LineLost(line, t) == t || mattered
	}
	c.gone = c.gone[:0]
	return mattered
}

// mustSquash reports whether a load that bound its value early has lost the
// right to it. Under the table: an older access that it must follow has not
// performed. Where loads are in order by the table, cores do not look that
// closely: every load but the window's oldest goes, also one that took the value
// of an own store (the measured slowdown beside a writer needs both). Elsewhere: an
// older load of the same address has not performed.
func (c *Core) mustSquash(e *entry, older ClassSet) bool {
	if older&c.model.Before[e.ld] != 0 {
		return true
	}
	if !c.model.SameAddressLoads {
		return e.seq > c.head
	}
	if older&(Squashing(Ld, LdN, LdQ, LdA)) != 0 {
		for n := c.head; n < e.seq; n++ {
			o := &c.win[n&c.mask]
			if in := &c.info[o.pc]; in.ld.OK && o.op.Code != Fence && o.flags&performed == 0 && o.set != 0 &&
				(o.need&(1<<slotA) != 0 || o.address()>>3 == e.addr>>3) {
				return true
			}
		}
	}
	return false
}

// squash takes the ops from seq on out of the window and fetches from pc again.
func (c *Core) squash(from uint64, pc int32, t, resume int64, wrongPath bool) {
	if c.loops != nil {
		c.loops.disturbed()
	}
	for n := from; n < c.tail; n++ {
		e := &c.win[n&c.mask]
		if wrongPath && e.op.Code == Load && (e.flags&(performed|missed) != 0) {
			c.St.CPU.WrongPath++
		}
		c.used -= int(e.slots)
		if e.set != 0 && (e.op.Code == RMW || e.op.Code == StoreExcl) {
			c.atomics--
		}
		c.unpend(e.set)
		if e.op.Code == Branch && e.op.Fn != Always && e.phase != done {
			c.unresolved--
		}
		if e.flags&unasked != 0 {
			c.unasked--
		}
		if e.op.Code == Store {
			q := &c.sq[e.sq&c.sqMask]
			if q.hasAddr {
				c.filter[bucket(q.addr)]--
			} else {
				c.sqUnknown--
			}
			c.sqTail = min(c.sqTail, e.sq)
		}
		if e.op.Code == Fence && e.op.Fn == StoreF {
			c.epoch--
		}
	}
	end := c.tail
	c.tail = from
	if c.histories != nil {
		c.unlearn(end)
	}
	c.halted = false
	if c.fetchOn > from {
		c.fetchOn = 0
	}
	c.pc = pc
	c.fetchAt, c.fetchWhy = resume, stats.Squash
	if c.rmw >= 0 && c.win[c.rmw].seq >= from {
		c.rmw = -1
	}

	// Rebuild what pointed at the ops that are gone.
	for r := range c.rename {
		c.rename[r] = 0
	}
	for k := range c.cal.head {
		c.cal.head[k] = -1
	}
	c.cal.bits, c.cal.far = 0, c.cal.far[:0]
	for n := c.head; n < c.tail; n++ {
		i := int32(n & c.mask)
		e := &c.win[i]
		e.deps = c.prune(e.deps)
		e.gates = c.prune(e.gates)
		if e.op.Dst != NoReg {
			c.rename[e.op.Dst] = n + 1
		}
		switch e.phase {
		case executing, preparing, holding, posting:
			if e.at > c.cal.now {
				c.schedule(i, e.at)
			}
		}
	}
	for n := c.sqHead; n < c.sqTail; n++ {
		q := &c.sq[n&c.sqMask]
		q.gates = c.prune(q.gates)
	}
	c.fills = c.pruneList(c.fills)
	c.retry = c.pruneList(c.retry)
}

// prune drops the links of squashed ops from a list, keeping its order.
func (c *Core) prune(l link) link {
	first := noLink
	last := noLink
	for l != noLink {
		u := &c.win[l>>2]
		next := u.next[l&3]
		if u.seq < c.tail && u.seq >= c.head {
			if last == noLink {
				first = l
			} else {
				c.win[last>>2].next[last&3] = l
			}
			u.next[l&3] = noLink
			last = l
		}
		l = next
	}
	return first
}

func (c *Core) pruneList(list []int32) []int32 {
	keep := list[:0]
	for _, i := range list {
		if c.win[i].seq < c.tail {
			keep = append(keep, i)
		}
	}
	return keep
}

// notified brings the core's clocks up to a notification at cycle t, which
// comes before the core's own step of that cycle.
func (c *Core) notified(t int64) {
	if c.loops != nil {
		c.loops.disturbed()
	}
	c.charge(t)
	c.cal.now = max(c.cal.now, t-1)
}
