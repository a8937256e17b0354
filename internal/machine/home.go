package machine

import (
	"cohsim/internal/noc"
	"cohsim/internal/sim"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

type simEvent = sim.Event[event]

// atHome handles a message that reached a home, or the L3 that may serve it.
func (m *Machine) atHome(ev *event, key uint64, t int64) {
	l := &m.lines[ev.line]
	if ev.msg.Type.IsRequest() {
		if ev.kind == toL3 && !m.servedHere(l, ev) {
			m.passOn(ev, t)
			return
		}
		if m.homeNS > 0 && ev.flags&slotted == 0 {
			h := m.homeIndex(m.requestAt(ev))
			start := max(t, m.homeUse[h])
			m.homeUse[h] = start + m.homeNS
			ev.flags |= slotted
			if start > t {
				m.msgs.Push(start, key, *ev)
				return
			}
		}
	}
	m.received++
	m.remember(ev, t)
	if m.dirs == nil {
		m.homeStep(l, ev, t)
		m.drain(l, t)
		return
	}
	i := ev.line
	if m.admit(l, ev, t, false) {
		m.homeStep(l, ev, t)
		m.directoryStep(l, i, t) // lines that wait for a way come before the line's own next request
		m.drain(l, t)
	}
	m.directoryStep(l, i, t)
}

// drain presents a line's queued requests until its home is busy again.
func (m *Machine) drain(l *line, t int64) {
	for l.head >= 0 && l.State.Stable() && !l.waits {
		next, at := m.dequeue(l, t)
		if at > t { // it finds out when it tries again; until then the line is anybody's
			m.received--
			next.flags |= retried
			h := m.homeIndex(m.requestAt(&next))
			m.homeKey[h]++
			m.msgs.Push(at, m.homeKey[h], next)
			return
		}
		if next.kind == toL3 && !m.servedHere(l, &next) {
			m.received--
			m.passOn(&next, t)
			continue
		}
		if m.dirs != nil && !m.admit(l, &next, t, true) {
			return
		}
		m.homeStep(l, &next, t)
	}
}

// servedHere reports whether a request that is at its requester's own L3 is
// served there: if every copy lies behind that L3, or if the transaction in
// progress is for a core behind it. A line that no core has is served at its home,
// unless this L3 served it last and its slice of the LLC still has it; atomic ops
// on it are served at the L3 that performs them, until another L3 asks.
func (m *Machine) servedHere(l *line, ev *event) bool {
	l3 := m.units[ev.msg.From].place.L3
	if !l.State.Stable() {
		// Behind a request of the same L3 it waits there, wherever that is served.
		return l.Req >= 0 && m.units[l.Req].place.L3 == l3
	}
	switch l.State {
	case mesi.HI:
		return l.far == l3 || l.far == farNobody && ev.msg.Type == mesi.FarOp ||
			l.at == l3 && m.llc != nil && m.llcAt(&m.l3s[l3].place).Find(m.first+uint64(ev.line)) >= 0
	case mesi.HX, mesi.HO:
		if m.units[l.Owner].place.L3 != l3 {
			return false
		}
	}
	for i, own := range m.l3s[l3].units {
		if l.Sharers.Word(i)&^own != 0 {
			return false
		}
	}
	return true
}

// passOn sends a request from its requester's L3 to the line's home, which
// takes the difference of the two ways.
func (m *Machine) passOn(ev *event, t int64) {
	u := &m.units[ev.msg.From]
	here := m.l3s[u.place.L3].place
	home := m.lines[ev.line].home
	d := m.net.Leg(noc.Request, u.place, home, home) - m.net.Leg(noc.Request, u.place, here, home)
	ev.kind = toHome
	h := m.homeIndex(&here)
	m.homeKey[h]++
	m.msgs.Push(t+max(d, 1)+m.chaosDelay(ev.msg.Type, m.homeKey[h]), m.homeKey[h], *ev)
}

// requestAt is the place where a request is being looked at.
func (m *Machine) requestAt(ev *event) *noc.Place {
	if ev.kind == toL3 {
		return &m.l3s[m.units[ev.msg.From].place.L3].place
	}
	return &m.lines[ev.line].home
}

// homeStep presents a message to the line's home and sends what it says.
func (m *Machine) homeStep(l *line, ev *event, t int64) {
	n := m.first + uint64(ev.line)
	request := ev.msg.Type.IsRequest()
	if request && l.State.Stable() {
		l.at = -1
		if ev.kind == toL3 {
			l.at = m.units[ev.msg.From].place.L3
		}
		l.offset, l.write = ev.offset, ev.flags&write != 0
	}
	m.out.Msgs = m.out.Msgs[:0]
	eff := m.proto.Home(&l.Entry, &ev.msg, &m.out)
	if eff&mesi.Stall != 0 {
		m.enqueue(l, ev, t)
		return
	}
	place := m.servedAt(l)
	if eff&mesi.WriteMem != 0 {
		l.bytes = m.slots[ev.slot].bytes
		if m.llc != nil {
			m.fill(place, n)
		}
	}
	m.giveSlot(ev.slot)
	if len(m.out.Msgs) == 0 {
		return
	}
	if l.far != farNobody && l.State != mesi.A_P && l.State != mesi.HI {
		l.far = farNobody
	}
	h := m.homeIndex(place)
	st := m.units[max(l.Req, 0)].st
	for i := range m.out.Msgs {
		msg := &m.out.Msgs[i]
		s, extra, cause := int32(-1), int64(0), stats.Upgrade
		switch msg.Type {
		case mesi.Inv, mesi.RcInv:
			st.Coh.Inv++
		case mesi.FwdGetS, mesi.FwdGetM, mesi.RcX:
			st.Coh.Fwd++
		case mesi.FarDone:
			m.startFar(msg, l, ev.line, place, t)
			continue
		case mesi.FarVal:
			m.performFar(&m.units[msg.To], l, t)
		}
		if msg.Data == mesi.FromMem {
			s = m.takeSlot()
			m.slots[s].bytes = l.bytes
			extra, cause = m.fetch(place, n, st)
			if l.at < 0 && m.topo.L3Local && m.llc != nil {
				m.fill(&m.l3s[m.units[msg.To].place.L3].place, n)
			}
		}
		m.sendFromHome(msg, ev.line, s, h, place, t, extra, cause)
	}
}

// enqueue makes a request wait for its line.
func (m *Machine) enqueue(l *line, ev *event, t int64) {
	i := m.freeQ
	if i < 0 {
		m.queue = append(m.queue, queued{})
		i = int32(len(m.queue) - 1)
	} else {
		m.freeQ = m.queue[i].next
	}
	q := &m.queue[i]
	q.ev, q.next, q.at = *ev, -1, t
	if ev.flags&retried == 0 {
		q.ev.delay = 0
	}
	if l.head < 0 {
		l.head = i
	} else {
		m.queue[l.tail].next = i
	}
	l.tail = i
}

// maxReplays bounds how often a request tries again in vain: then it is served as soon as
// its line is free. Without jitter others can else come first for ever.
const maxReplays = 1000

// dequeue takes the line's next request: the oldest, a random one, or, if requests
// try again by themselves, the first to do so. It returns the cycle of that.
func (m *Machine) dequeue(l *line, t int64) (event, int64) {
	prev, i := int32(-1), l.head
	at := t
	switch {
	case m.replay > 0:
		at = never64
		for p, k := int32(-1), l.head; k >= 0; p, k = k, m.queue[k].next {
			q := &m.queue[k]
			next := q.at + (t-q.at+m.replay-1)/m.replay*m.replay
			late := int64(q.ev.delay)+t-q.at >= maxReplays*m.replay
			if late {
				next = t
			}
			if next < at {
				at, prev, i = next, p, k
			}
			if late {
				break
			}
		}
		q := &m.queue[i]
		q.ev.delay += int32(at - q.at)
	case m.randomHome:
		n := 0
		for k := l.head; k >= 0; k = m.queue[k].next {
			n++
		}
		for range m.homeRng[0].Intn(n) {
			prev, i = i, m.queue[i].next
		}
	}
	q := &m.queue[i]
	if prev < 0 {
		l.head = q.next
	} else {
		m.queue[prev].next = q.next
	}
	if l.tail == i {
		l.tail = prev
	}
	ev := q.ev
	q.next, m.freeQ = m.freeQ, i
	return ev, at
}
