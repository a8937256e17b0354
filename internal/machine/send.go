package machine

import (
	"cohsim/cache"
	"cohsim/internal/noc"
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
func (m *Machine) servedAt(l *line) *noc.Place {
	if l.at >= 0 {
		return &m.l3s[l.at].place
	}
	return &l.home
}

// homeIndex numbers the places that serve lines: L3s, then memory sides.
func (m *Machine) homeIndex(p *noc.Place) int {
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

// sendFromUnit sends what a row says, because of message in, about line i of the run
// at cycle t. Requests go to the requester's own L3 first where lines may be served
// there.
func (m *Machine) sendFromUnit(u *unit, s *mesi.Send, in *mesi.Msg, i, slot int32, t int64, fl evFlags, off uint8) {
	l := &m.lines[i]
	node, acks := s.To(in)
	home := m.servedAt(l)
	part, to, kind, at, cause := noc.Completion, home, toHome, l.at, stats.Issue
	var inbox *arrivals
	switch {
	case s.ToReq:
		v := &m.units[node]
		part, to, kind, inbox = noc.Supply, &v.place, toUnit, &v.inbox
		if slot < 0 {
			part = noc.Ack
		}
		cause = suppliers[noc.Between(u.place, v.place)]
	case s.Type.IsRequest():
		part, to, at = noc.Request, &l.home, -1
		if m.topo.L3Local {
			kind, to = toL3, &m.l3s[u.place.L3].place
		}
	}
	u.key++
	m.sent++
	arrives := t + m.net.Delay(part, &u.place, to, home, &u.rng)
	var ev *event
	if m.detours {
		ev = m.detour(kind, s.Type, inbox, u.key, t, arrives-t)
	} else {
		if inbox != nil {
			inbox.add(arrives, m.now)
		}
		ev = m.msgs.Add(arrives, u.key)
		ev.kind = kind
	}
	ev.msg.Type, ev.msg.From, ev.msg.To, ev.msg.Req, ev.msg.Acks = s.Type, u.id, node, mesi.Home, acks
	ev.line, ev.slot, ev.grace, ev.at, ev.cause, ev.flags, ev.offset = i, slot, 0, at, cause, fl, off
	if m.noPlain && slot >= 0 {
		m.checkSent(ev)
	}
}

// suppliers are the causes that a miss is charged to by the distance of the
// core whose copy served it.
var suppliers = [noc.NumDistances]stats.Cause{stats.Near, stats.Far, stats.Remote}

// sendFromHome sends a message about line i of the run from the place that serves
// it, home h, at cycle t; extra is the time to get the bytes.
func (m *Machine) sendFromHome(msg *mesi.Msg, i, slot int32, h int, from *noc.Place, t, extra int64, cause stats.Cause) {
	l := &m.lines[i]
	part := noc.Data
	if msg.Type.IsForward() {
		part = noc.Snoop
	}
	v := &m.units[msg.To]
	m.homeKey[h]++
	key := m.homeKey[h]
	m.sent++
	arrives := t + m.net.Delay(part, from, &v.place, from, &m.homeRng[h]) + extra
	var ev *event
	if m.detours {
		ev = m.detour(toUnit, msg.Type, &v.inbox, key, t, arrives-t)
	} else {
		v.inbox.add(arrives, m.now)
		ev = m.msgs.Add(arrives, key)
		ev.kind = toUnit
	}
	fl := evFlags(0)
	if l.write {
		fl = write
	}
	ev.msg.Type, ev.msg.From, ev.msg.To, ev.msg.Req, ev.msg.Acks = msg.Type, mesi.Home, msg.To, msg.Req, msg.Acks
	ev.line, ev.slot, ev.grace, ev.at, ev.cause, ev.flags, ev.offset = i, slot, 0, l.at, cause, fl, l.offset
	if m.noPlain && slot >= 0 {
		m.checkSent(ev)
	}
}

// detour schedules a message, which takes d cycles on free links, where chaos makes it
// slower or messages compete for links.
//
//go:noinline
func (m *Machine) detour(kind uint8, what mesi.MsgType, inbox *arrivals, key uint64, t, d int64) *event {
	d += m.chaosDelay(what, key)
	if m.net.Queues() {
		// Links are reserved one cycle after a message is sent, in the order of
		// events, so that running ahead cannot change who is first.
		ev := m.msgs.Add(t+1, key)
		ev.final, ev.kind, ev.delay = kind, departed, int32(max(d-1, 1))
		return ev
	}
	if inbox != nil {
		inbox.add(t+d, m.now)
	}
	ev := m.msgs.Add(t+d, key)
	ev.kind = kind
	return ev
}

// depart takes a message that reached its first link to its arrival.
func (m *Machine) depart(ev *event, key uint64, t int64) {
	home := m.lines[ev.line].home
	if ev.at >= 0 {
		home = m.l3s[ev.at].place
	}
	from, to := home, home
	if ev.msg.From >= 0 {
		from = m.units[ev.msg.From].place
	}
	switch ev.kind = ev.final; ev.kind {
	case toUnit:
		to = m.units[ev.msg.To].place
	case toL3:
		to = m.l3s[from.L3].place
	}
	at := m.net.Route(from, to, t, int64(ev.delay))
	if ev.kind == toUnit {
		m.units[ev.msg.To].inbox.add(at, m.now)
	}
	m.msgs.Push(at, key, *ev)
}

// fetch looks a line up in the LLC at a place, fills it, and says what reading
// its bytes costs.
func (m *Machine) fetch(p *noc.Place, n uint64, st *stats.Counters) (int64, stats.Cause) {
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

func (m *Machine) llcAt(p *noc.Place) *cache.Array {
	h := m.homeIndex(p)
	if m.llc[h] == nil {
		if n := len(m.spareLLC) - 1; n >= 0 {
			m.llc[h], m.spareLLC = m.spareLLC[n], m.spareLLC[:n]
		} else {
			m.llc[h] = cache.NewArray(m.llcGeometry())
		}
	}
	return m.llc[h]
}

func (m *Machine) llcGeometry() cache.Config {
	return cache.Config{Bytes: m.cfg.LLC.Bytes, Ways: m.cfg.LLC.Ways, Replacement: "lru"}
}

// fill puts a line into the LLC at a place, unless it is there.
func (m *Machine) fill(p *noc.Place, n uint64) {
	if a := m.llcAt(p); a.Find(n) < 0 {
		m.keep(a, n)
	}
}

func (m *Machine) keep(a *cache.Array, n uint64) {
	i := a.Room(n)
	if i < 0 {
		i = a.Victim(n, nil)
	}
	a.Set(i, n)
	a.Touch(i)
}
