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
	if ev.kind == departed {
		m.depart(ev, e.Key, e.At)
		return
	}
	if ev.kind != toUnit {
		m.atHome(ev, e.Key, e.At)
		return
	}
	u := &m.units[ev.msg.To]
	u.Reserve()
	n := m.first + uint64(ev.line)
	f := u.Find(n)
	if ev.msg.Type.VN() == mesi.Forward {
		owned := f >= 0 && m.proto.Writable(u.Frames[f].State)
		for _, i := range u.threads {
			if until, grace := m.threads[i].core.SnoopHold(n, owned, e.At, int(ev.grace)); until > e.At {
				ev.grace = uint8(grace)
				u.inbox.add(until, m.now)
				m.msgs.Push(until, e.Key, *ev)
				return
			}
		}
		for _, i := range u.threads {
			m.threads[i].core.Snooped(n)
		}
	}
	m.received++
	m.remember(ev, e.At)
	m.atUnit(u, f, ev, e.At)
}

// States whose holder owns the line, and states of a copy newer than memory.
const (
	owning   = 1<<mesi.M | 1<<mesi.E | 1<<mesi.O | 1<<mesi.OM_AD
	modified = 1<<mesi.M | 1<<mesi.O | 1<<mesi.OM_AD | 1<<mesi.MI_A | 1<<mesi.OI_A
)

// atUnit presents a message to a unit's copy of the line: frame f, or an entry
// of the eviction buffer if f is negative.
func (m *Machine) atUnit(u *unit, f int32, ev *event, t int64) {
	n := m.first + uint64(ev.line)
	l := &m.lines[ev.line]
	var none mesi.Line
	state, bytes := &none, (*[cache.LineBytes]byte)(nil)
	var fr *cache.Frame
	var parked *cache.Parked
	if f >= 0 {
		fr = &u.Frames[f]
		state, bytes = &fr.Line, &fr.Data
	} else if parked = u.FindParked(n); parked != nil {
		state, bytes = &parked.Line, &parked.Data
	}

	was := state.State
	m.out.Msgs = m.out.Msgs[:0]
	migrate := ev.msg.Type == mesi.FwdGetS && fr != nil && m.migrates(u, fr, was, ev, t)
	eff := m.proto.Cache(state, &ev.msg, migrate, u.id, &m.out)
	if eff == 0 && ev.msg.Type == mesi.InvAck {
		return // one of many
	}
	if ev.msg.Type == mesi.FarVal {
		m.answered(u, t)
		return
	}
	if was == mesi.IS_D && state.State == mesi.ISI_D {
		u.MSHRs[fr.MSHR].Oldest = m.oldestWaiting(u, n)
	}
	if eff&(mesi.Lost|mesi.Downgraded) != 0 && fr != nil {
		owner := was.In(owning)
		switch {
		case ev.msg.Type == mesi.RcInv || ev.msg.Type == mesi.RcX:
			if ev.flags&write != 0 {
				m.takenForFar(u, fr, l, ev.offset, owner)
			} else {
				m.recalledCopy(u, fr, l)
			}
		case eff&mesi.Lost != 0:
			m.lostCopy(u, fr, n, owner, ev.offset)
		default:
			m.endOwnership(u, fr, l, true)
		}
	}
	var fl evFlags
	if was.In(modified) {
		fl = dirty
	}
	for i := range m.out.Msgs {
		msg := &m.out.Msgs[i]
		s := int32(-1)
		if msg.Data == mesi.FromLine {
			s = m.takeSlot()
			m.slots[s].bytes = *bytes
		}
		if msg.Type == mesi.WbData {
			u.st.Coh.Writeback++
		}
		m.sendFromUnit(u, msg, l, ev.line, s, t, fl|ev.flags&write, ev.offset)
	}
	if eff&mesi.Fill != 0 {
		fr.Data = m.slots[ev.slot].bytes
		mshr := &u.MSHRs[fr.MSHR]
		mshr.Cause = uint8(ev.cause)
		m.arrived(u, fr, l, ev, mshr)
		fr.Tracked = l.share != nil
	} else if ev.msg.Type == mesi.AckCnt {
		u.MSHRs[fr.MSHR].Cause = uint8(stats.Upgrade)
	}
	m.giveSlot(ev.slot)
	if fr != nil {
		if ev.msg.Acks > 0 && ev.msg.To == u.id && (ev.msg.Type == mesi.DataM || ev.msg.Type == mesi.AckCnt) || ev.msg.Type == mesi.AckCnt && l.share != nil {
			m.shareOf(l) // others lose their copies: what is written now will be foreign to them
			fr.Tracked = true
		}
		m.sync(u, fr)
	}
	if eff&mesi.Freed != 0 {
		waited := parked.Waited
		u.Unpark(parked)
		if waited {
			m.lineReady(u, n, t, stats.Drain)
		}
		m.mshrFree(u, t)
		return
	}
	if fr == nil {
		return
	}
	if eff&mesi.Perform != 0 {
		cause, oldest := stats.Cause(u.MSHRs[fr.MSHR].Cause), u.MSHRs[fr.MSHR].Oldest
		u.Filled(f)
		fr.Once = eff&mesi.UseOnce != 0 && oldest > 0
		if fr.Once {
			m.once = &m.threads[oldest-1]
		}
		fr.Pinned++ // what waits performs before the line can be evicted again
		m.lineReady(u, n, t, cause)
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
		m.mshrFree(u, t)
	}
	if eff&mesi.Lost != 0 {
		if fr.State == mesi.I && fr.Tag == n {
			u.Empty(f)
		}
		m.lineLost(u, n, t)
	}
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
	m.out.Msgs = m.out.Msgs[:0]
	eff := m.proto.Core(&fr.Line, m.evictEvent(u, fr), u.id, &m.out)
	for i := range m.out.Msgs {
		msg := &m.out.Msgs[i]
		s := int32(-1)
		if msg.Data == mesi.FromLine {
			s = m.takeSlot()
			m.slots[s].bytes = fr.Data
		}
		if msg.Type == mesi.PutM {
			th.st.Coh.Writeback++
		}
		m.sendFromUnit(u, msg, l, int32(n-m.first), s, t, 0, 0)
	}
	if m.noPlain {
		m.check.add(logged{at: t, msg: mesi.Msg{From: u.id}, kind: logEvict, line: int32(n - m.first), cache: fr.State})
	}
	if eff&mesi.Parked != 0 {
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
