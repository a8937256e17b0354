package machine

import (
	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/noc"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// deliver handles a message event.
func (m *Machine) deliver(e *simEvent) {
	ev := &e.P
	if ev.kind != toUnit {
		if ev.kind == departed {
			m.depart(ev, e.Key, e.At)
			return
		}
		m.atHome(ev, e.Key, e.At)
		return
	}
	u := &m.units[ev.msg.To]
	u.Reserve()
	f := u.Find(m.first + uint64(ev.line))
	if !ev.msg.Type.IsForward() {
		m.received++
		m.remember(ev, e.At)
		m.reply(u, f, ev, e.At)
		return
	}
	if (u.alone == nil || u.alone.core.Guards()) && m.heldOff(u, f, e) {
		return
	}
	m.received++
	m.remember(ev, e.At)
	if f < 0 {
		m.atNoFrame(u, ev, e.At)
		return
	}
	m.snoop(u, f, ev, e.At)
}

// heldOff puts a snoop off while a core keeps the line of frame f from it.
func (m *Machine) heldOff(u *unit, f int32, e *simEvent) bool {
	ev := &e.P
	n := m.first + uint64(ev.line)
	for _, i := range u.threads {
		core := m.threads[i].core
		if !core.Guards() {
			continue
		}
		owned := f >= 0 && m.proto.Writable(u.Frames[f].State)
		if until, grace := core.SnoopHold(n, owned, e.At, int(ev.grace)); until > e.At {
			ev.grace = uint8(grace)
			u.inbox.add(until, m.now)
			m.msgs.Push(until, e.Key, *ev)
			return true
		}
	}
	for _, i := range u.threads {
		m.threads[i].core.Snooped(n)
	}
	return false
}

// States whose holder owns the line, and states of a copy newer than memory.
const (
	owning   = 1<<mesi.M | 1<<mesi.E | 1<<mesi.O | 1<<mesi.OM_AD
	modified = 1<<mesi.M | 1<<mesi.O | 1<<mesi.OM_AD | 1<<mesi.MI_A | 1<<mesi.OI_A
)

// snoop presents a forward to the copy in frame f.
func (m *Machine) snoop(u *unit, f int32, ev *event, t int64) {
	n := m.first + uint64(ev.line)
	l, fr := &m.lines[ev.line], &u.Frames[f]
	was := fr.State
	migrate := ev.msg.Type == mesi.FwdGetS && m.migrates(u, fr, was, ev, t)
	row := m.proto.Receive(&fr.Line, &ev.msg, migrate, u.id)
	if was == mesi.IS_D && fr.State == mesi.ISI_D {
		u.MSHRs[fr.MSHR].Oldest = m.oldestWaiting(u, n)
	}
	if row.Effect&(mesi.Lost|mesi.Downgraded) != 0 {
		owner := was.In(owning)
		switch {
		case ev.msg.Type == mesi.RcInv || ev.msg.Type == mesi.RcX:
			if ev.flags&write != 0 {
				m.takenForFar(u, fr, l, ev.offset, owner)
			} else {
				m.recalledCopy(u, fr, l)
			}
		case row.Effect&mesi.Lost != 0:
			m.lostCopy(u, fr, l, owner, ev.offset)
		default:
			m.endOwnership(u, fr, l, true)
		}
	}
	m.answer(u, row, ev, was, &fr.Data, t)
	if fr.State == mesi.I && row.Effect&mesi.Lost != 0 {
		u.Empty(f)
	} else {
		m.sync(u, fr)
	}
	if row.Effect&mesi.Lost != 0 {
		m.lineLost(u, n, t)
	}
}

// answer sends what a row says because of a message; bytes are those of the copy,
// which was in a state.
func (m *Machine) answer(u *unit, row *mesi.Move, ev *event, was mesi.State, bytes *[cache.LineBytes]byte, t int64) {
	fl := ev.flags & write
	if was.In(modified) {
		fl |= dirty
	}
	for i := range row.Sends() {
		s := &row.Sends()[i]
		slot := int32(-1)
		if s.Data == mesi.FromLine {
			slot = m.takeSlot()
			m.slots[slot].bytes = *bytes
		}
		if s.Type == mesi.WbData {
			u.st.Coh.Writeback++
		}
		m.sendFromUnit(u, s, &ev.msg, ev.line, slot, t, fl, ev.offset)
	}
}

// atNoFrame presents a message to an entry of the eviction buffer, or to a unit that
// has nothing of the line.
func (m *Machine) atNoFrame(u *unit, ev *event, t int64) {
	var none mesi.Line
	line, bytes := &none, (*[cache.LineBytes]byte)(nil)
	n := m.first + uint64(ev.line)
	parked := u.FindParked(n)
	if parked != nil {
		line, bytes = &parked.Line, &parked.Data
	}
	was := line.State
	row := m.proto.Receive(line, &ev.msg, false, u.id)
	if ev.msg.Type == mesi.FarVal {
		m.answered(u, t)
		return
	}
	m.answer(u, row, ev, was, bytes, t)
	m.giveSlot(ev.slot)
	if row.Effect&mesi.Freed != 0 {
		waited := parked.Waited
		u.Unpark(parked)
		if waited {
			m.lineReady(u, n, t, stats.Drain)
		}
		m.mshrFree(u, t)
	}
}

// reply presents a reply to the transaction that frame f waits for.
func (m *Machine) reply(u *unit, f int32, ev *event, t int64) {
	if f < 0 {
		m.atNoFrame(u, ev, t)
		return
	}
	fr := &u.Frames[f]
	row := m.proto.Receive(&fr.Line, &ev.msg, false, u.id)
	eff := row.Effect
	if eff == 0 && ev.msg.Type == mesi.InvAck {
		return // one of many
	}
	if ev.msg.Type == mesi.FarVal {
		m.answered(u, t)
		return
	}
	l := &m.lines[ev.line]
	m.answer(u, row, ev, mesi.I, nil, t)
	mshr := &u.MSHRs[fr.MSHR]
	if eff&mesi.Fill != 0 {
		fr.Data = m.slots[ev.slot].bytes
		m.giveSlot(ev.slot)
		mshr.Cause = uint8(ev.cause)
		m.arrived(u, fr, l, ev, mshr)
		fr.Tracked = l.share != nil
	} else if ev.msg.Type == mesi.AckCnt {
		mshr.Cause = uint8(stats.Upgrade)
	}
	if ev.msg.Type == mesi.AckCnt && l.share != nil || ev.msg.Acks > 0 {
		m.shareOf(l) // others lose their copies: what is written now will be foreign to them
		fr.Tracked = true
	}
	m.sync(u, fr)
	if eff&mesi.Perform == 0 {
		return
	}
	n, cause, oldest := m.first+uint64(ev.line), stats.Cause(mshr.Cause), mshr.Oldest
	u.Filled(f)
	fr.Once = eff&mesi.UseOnce != 0 && oldest > 0
	if fr.Once {
		m.once = &m.threads[oldest-1]
	}
	fr.Pinned++ // what waits performs before the line can be evicted again
	ahead := u.alone != nil && m.loadReady(u.alone, u, n, t, cause)
	if !ahead {
		m.lineReady(u, n, t, cause)
	}
	fr.Pinned--
	fr.Once = false
	if eff&mesi.UseOnce != 0 {
		m.copyEnds(u, fr, l)
		*l.past.of(u.id, len(m.units)) = lost
		m.shareOf(l).lost[u.id] = m.shareOf(l).seq
	}
	if fr.State == mesi.I && fr.Tag == n {
		u.Empty(f)
		m.lineLost(u, n, t)
		m.lineReady(u, n, t, cause)
	}
	if ahead {
		m.goOn(u, t)
		return
	}
	m.mshrFree(u, t)
}

// oldestWaiting is 1 + the thread of the unit whose oldest op is a load that waits
// for the line, 0 if there is none. Only that load may use data that come after
// an invalidation: with all before it done, it has its place in the order where
// the invalidation came. Any younger one, or one that joins later, may already
// stand behind something newer.
func (m *Machine) oldestWaiting(u *unit, n uint64) uint16 {
	for _, i := range u.threads {
		if m.threads[i].core.AwaitsFirst(n) {
			return uint16(i) + 1
		}
	}
	return 0
}

// migrates decides how an owner answers a read: with a shared copy, or by
// handing the line over.
func (m *Machine) migrates(u *unit, fr *cache.Frame, was mesi.State, ev *event, t int64) bool {
	if was != mesi.M && was != mesi.E {
		return false
	}
	d := noc.Between(u.place, m.units[ev.msg.Req].place)
	switch m.readDirty[d] {
	case share:
		return false
	case migrateIfWritten:
		// Nobody records the writes of an uncontended line; it is in M because its
		// owner wrote it.
		if fr.Tracked && fr.Written == 0 {
			return false
		}
	}
	return was == mesi.M && (m.lockedShare == 0 || t-fr.Locked >= m.lockedShare)
}

func (m *Machine) lineReady(u *unit, n uint64, t int64, cause stats.Cause) {
	for _, i := range u.threads {
		th := &m.threads[i]
		th.ready = true
		th.core.LineReady(n, t, cause)
		th.ready = false
		m.wakeThread(i, th.core.Due(t))
	}
}

func (m *Machine) lineLost(u *unit, n uint64, t int64) {
	for _, i := range u.threads {
		m.wakeThread(i, m.threads[i].core.LineLost(n, t))
	}
}

func (m *Machine) mshrFree(u *unit, t int64) {
	for _, i := range u.threads {
		if th := &m.threads[i]; th.core.Wants() {
			th.core.MSHRFree(t)
			m.wakeThread(i, th.core.Due(t))
		}
	}
}

// evict makes room in frame f. It reports false if the eviction buffer is full.
func (m *Machine) evict(u *unit, th *thread, f int32, t int64) bool {
	if !u.CanPark() {
		return false
	}
	fr := &u.Frames[f]
	n := fr.Tag
	l := m.line(n)
	m.copyEnds(u, fr, l)
	*l.past.of(u.id, len(m.units)) = evicted
	row := m.proto.Ask(&fr.Line, m.evictEvent(u, fr), u.id)
	for i := range row.Sends() {
		s := &row.Sends()[i]
		slot := int32(-1)
		if s.Data == mesi.FromLine {
			slot = m.takeSlot()
			m.slots[slot].bytes = fr.Data
		}
		if s.Type == mesi.PutM {
			th.st.Coh.Writeback++
		}
		m.sendFromUnit(u, s, &fromCore, int32(n-m.first), slot, t, 0, 0)
	}
	if m.noPlain {
		m.check.add(logged{at: t, msg: mesi.Msg{From: u.id}, kind: logEvict, line: int32(n - m.first), cache: fr.State})
	}
	if row.Effect&mesi.Parked != 0 {
		u.Park(f)
	}
	u.Empty(f)
	u.dropped(m, n, t, th)
	return true
}

// dropped tells the unit's threads, from inside the run of one of them, that
// the line is gone.
func (u *unit) dropped(m *Machine, n uint64, t int64, running *thread) {
	for _, i := range u.threads {
		th := &m.threads[i]
		th.core.LineGone(n)
		if th != running {
			m.wakeThread(i, t+1)
			running.limit = min(running.limit, t+1)
		}
	}
}

// siblingStore tells the other threads of a unit that one of them wrote a line.
func (m *Machine) siblingStore(u *unit, by *thread, n uint64, t int64) {
	for _, i := range u.threads {
		if th := &m.threads[i]; th != by {
			th.core.LineLost(n, t)
			m.wakeThread(i, t+1)
			by.limit = min(by.limit, t+1)
		}
	}
}

var _ cpu.Port = (*port)(nil)
