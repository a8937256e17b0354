package machine

import (
	"cohsim/cache"
	"cohsim/internal/noc"
	"cohsim/internal/sim"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// has reports whether a line number is memory of this run.
func (m *Machine) has(n uint64) bool { return n >= m.first && n-m.first < uint64(len(m.lines)) }

func (m *Machine) line(n uint64) *line {
	if !m.has(n) {
		panic(bug("access outside the run's memory"))
	}
	return &m.lines[n-m.first]
}

// homeOf is the place of a line's home.
func (m *Machine) homeOf(n uint64) noc.Place {
	s := m.socket0
	if m.topo.Home == "interleave" && m.topo.Sockets > 1 {
		s = int(n * 0x9e3779b97f4a7c15 >> 40 % uint64(m.topo.Sockets))
	}
	return m.topo.HomePlace(s, n)
}

// servedAt is the place where a line's transaction in progress is served.
func (m *Machine) servedAt(l *line, n uint64) noc.Place {
	if l.at >= 0 {
		return m.topo.L3Place(l.at)
	}
	return m.homeOf(n)
}

// homeIndex numbers the places that serve lines: L3s, then memory sides.
func (m *Machine) homeIndex(p noc.Place) int {
	if p.L3 >= 0 {
		return int(p.L3)
	}
	return m.topo.Sockets*m.topo.L3PerSocket + int(p.Socket)
}

func (m *Machine) takeSlot() int32 {
	i := m.freeSlot
	if i < 0 {
		m.slots = append(m.slots, slot{})
		return int32(len(m.slots) - 1)
	}
	m.freeSlot = m.slots[i].next
	return i
}

func (m *Machine) giveSlot(i int32) {
	if i >= 0 {
		m.slots[i].next = m.freeSlot
		m.freeSlot = i
	}
}

// sendFromUnit sends a message of a unit at cycle t. Requests go to the
// requester's own L3 first where lines may be served there.
func (m *Machine) sendFromUnit(u *unit, msg mesi.Msg, n uint64, s int32, t int64, fl evFlags, off uint8) {
	ev := event{msg: msg, line: int32(n - m.first), slot: s, flags: fl, offset: off, kind: toHome, at: -1}
	l := &m.lines[ev.line]
	if msg.Type.VN() != mesi.Request {
		ev.at = l.at
	}
	home := m.servedAt(l, n)
	part, to := noc.Completion, home
	switch {
	case msg.Type.VN() == mesi.Request:
		part, to = noc.Request, m.homeOf(n)
		if m.topo.L3Local {
			ev.kind, to = toL3, m.topo.L3Place(u.place.L3)
		}
	case !msg.Type.ToHome():
		part, to = noc.Data, m.units[msg.To].place
		ev.kind = toUnit
		ev.dist = noc.Between(u.place, to)
		ev.cause = [...]stats.Cause{stats.Near, stats.Far, stats.Remote}[ev.dist]
	}
	u.seq++
	key := sim.Key(int(u.id), u.seq)
	m.push(&ev, key, u.place, to, t, m.net.Jitter(m.net.Leg(part, u.place, to, home), &u.rng))
}

// sendFromHome sends a message of the home of line n at cycle t; extra is the
// time to get the bytes.
func (m *Machine) sendFromHome(msg mesi.Msg, n uint64, s int32, t, extra int64, cause stats.Cause, fl evFlags) {
	l := m.line(n)
	from := m.servedAt(l, n)
	h := m.homeIndex(from)
	to := m.units[msg.To].place
	part := noc.Data
	if msg.Type.VN() == mesi.Forward {
		part = noc.Snoop
	}
	ev := event{msg: msg, line: int32(n - m.first), slot: s, kind: toUnit, cause: cause, flags: fl, offset: l.offset,
		dist: noc.Between(from, to), at: l.at}
	m.homeSeq[h]++
	key := sim.Key(len(m.units)+h, m.homeSeq[h])
	m.push(&ev, key, from, to, t, m.net.Jitter(m.net.Leg(part, from, to, from), &m.homeRng[h])+extra)
}

// push schedules a message that takes d cycles on free links.
func (m *Machine) push(ev *event, key uint64, from, to noc.Place, t, d int64) {
	m.sent++
	if m.net.Queues() {
		// Links are reserved one cycle after a message is sent, in the order of
		// events, so that running ahead cannot change who is first.
		ev.final, ev.kind, ev.delay = ev.kind, departed, int32(max(d-1, 1))
		m.msgs.Push(t+1, key, *ev)
		return
	}
	if ev.kind == toUnit {
		m.units[ev.msg.To].inbox.push(t + d)
	}
	m.msgs.Push(t+d, key, *ev)
}

// depart takes a message that reached its first link to its arrival.
func (m *Machine) depart(ev *event, key uint64, t int64) {
	n := m.first + uint64(ev.line)
	home := m.homeOf(n)
	if ev.at >= 0 {
		home = m.topo.L3Place(ev.at)
	}
	from, to := home, home
	if ev.msg.From >= 0 {
		from = m.units[ev.msg.From].place
	}
	switch ev.kind = ev.final; ev.kind {
	case toUnit:
		to = m.units[ev.msg.To].place
	case toL3:
		to = m.topo.L3Place(from.L3)
	}
	at := m.net.Route(from, to, t, int64(ev.delay))
	if ev.kind == toUnit {
		m.units[ev.msg.To].inbox.push(at)
	}
	m.msgs.Push(at, key, *ev)
}

// fetch looks a line up in the LLC at a place, fills it, and says what reading
// its bytes costs.
func (m *Machine) fetch(p noc.Place, n uint64, st *stats.Counters) (int64, stats.Cause) {
	if m.llc == nil {
		return m.dram, stats.DRAM
	}
	a := m.llcAt(p)
	if i := a.Find(n); i >= 0 {
		a.Touch(i)
		st.Cache.LLCHits++
		return m.llcHit, stats.LLC
	}
	m.keep(a, n)
	st.Cache.LLCMisses++
	return m.dram, stats.DRAM
}

func (m *Machine) llcAt(p noc.Place) *cache.Array {
	h := m.homeIndex(p)
	if m.llc[h] == nil {
		m.llc[h] = cache.NewArray(cache.Config{Bytes: m.cfg.LLC.Bytes, Ways: m.cfg.LLC.Ways, Replacement: "lru"})
	}
	return m.llc[h]
}

func (m *Machine) keep(a *cache.Array, n uint64) {
	i := a.Room(n)
	if i < 0 {
		i = a.Victim(n, nil)
	}
	a.Set(i, n, 0, 0)
	a.Touch(i)
}
