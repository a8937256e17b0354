package check

import (
	"fmt"

	"cohsim/mesi"
)

// coreStep takes what a core may do. A store that hits is one step per value.
func (s *Protocol) coreStep(k []uint64, b *Batch, c int, ev mesi.CoreEvent) {
	n := b.Copy(k)
	l := line(n[c])
	s.out.Msgs = s.out.Msgs[:0]
	f := s.p.Core(&l, ev, mesi.Node(c), &s.out)
	s.settle(n, c, l, f, 0)
	if ev != mesi.Store || f&mesi.Hit == 0 {
		s.noteCore(c, ev, n)
		return
	}
	for v := range uint64(2) {
		if v == 1 {
			n = b.Copy(n)
		}
		set(&n[c], cdAt, cdMask, v+1)
		set(&n[s.n], lastAt, 1, v)
		s.noteCore(c, ev, n)
	}
}

// cacheStep delivers a message whose slot bits are given (an InvAck is a count) and
// whose data value is v-1.
func (s *Protocol) cacheStep(k []uint64, b *Batch, c int, m mesi.Msg, slot, v uint64, migrate bool) {
	n := b.Copy(k)
	n[c] &^= slot
	if slot == 0 {
		n[c] -= 1 << iacAt
	}
	l := line(n[c])
	s.out.Msgs = s.out.Msgs[:0]
	f := s.p.Cache(&l, &m, migrate, mesi.Node(c), &s.out)
	s.settle(n, c, l, f, v)
	s.noteMsg(m, n)
}

func line(w uint64) mesi.Line {
	return mesi.Line{State: mesi.State(get(w, stAt, stMask)), Bal: int16(int64(w<<(64-balAt-5)) >> 59)}
}

// settle stores the outcome of a step at cache c: line, messages, bytes.
func (s *Protocol) settle(n []uint64, c int, l mesi.Line, f mesi.Effect, v uint64) {
	cd := get(n[c], cdAt, cdMask)
	for i := range s.out.Msgs {
		s.put(n, &s.out.Msgs[i], cd)
	}
	if f&mesi.Fill != 0 {
		cd = v
	}
	if f&mesi.Drop != 0 {
		cd = 0
	}
	w := n[c] &^ (stMask<<stAt | cdMask<<cdAt | balMask<<balAt)
	n[c] = w | uint64(l.State) | cd<<cdAt | uint64(l.Bal)&balMask<<balAt
	if l.Bal > 15 || l.Bal < -15 {
		s.fail("ack balance", "%v of cache %d", l.Bal, c)
	}
}

// homeStep delivers a message to the home; v is its data value.
func (s *Protocol) homeStep(k []uint64, b *Batch, m mesi.Msg, v uint64) {
	n := b.Copy(k)
	switch t := m.Type; {
	case t <= mesi.PutM:
		n[m.From] &^= uint64(reqMask)<<reqAt | 1<<reqvAt
	case t == mesi.FarOp:
		set(&n[m.From], farAt, farMask, 2)
	case t <= mesi.UnbX:
		n[m.From] &^= uint64(unbMask) << unbAt
	case t <= mesi.FwdMiss:
		n[s.n] &^= uint64(wbMask)<<wbAt | 1<<wbvAt
	case t == mesi.FarDone:
		n[s.n] &^= 1 << doneAt
	default:
		n[s.n] -= 1 << riaAt
	}
	if m.Type >= mesi.UnbS && m.Type <= mesi.UnbX && uint64(m.From)+1 != get(k[s.n], rqAt, rqMask) {
		s.fail("unblock from the requester", "%v from %v", m.Type, m.From)
	}
	s.load(n)
	s.out.Msgs = s.out.Msgs[:0]
	f := s.p.Home(&s.entry, &m, &s.out)
	if f&mesi.Stall != 0 { // a row that does more than stall was fired for its effect
		copy(n, k)
	}
	s.store(n, f, v)
	if f&mesi.PerformFar == 0 {
		s.noteMsg(m, n)
		return
	}
	if get(n[s.n], memAt, 1) != get(n[s.n], lastAt, 1) {
		s.fail("far atomic reads the last store", "memory holds %d", get(n[s.n], memAt, 1))
	}
	for v := range uint64(2) { // one step per value written, the old one included: a CAS that fails
		if v == 1 {
			n = b.Copy(n)
		}
		set(&n[s.n], memAt, 1, v)
		set(&n[s.n], lastAt, 1, v)
		s.noteMsg(m, n)
	}
}

func (s *Protocol) recallStep(k []uint64, b *Batch) {
	n := b.Copy(k)
	s.load(n)
	s.out.Msgs = s.out.Msgs[:0]
	f := s.p.Recall(&s.entry, &s.out)
	s.store(n, f, 0)
	if s.trace != nil {
		s.note(Step{Actor: "home", What: "Recall"}, n)
	}
}

// load unpacks the home's entry.
func (s *Protocol) load(n []uint64) {
	h := n[s.n]
	e := &s.entry
	e.State = mesi.HomeState(get(h, dsAt, dsMask))
	e.Owner = mesi.Node(get(h, ownAt, ownMask)) - 1
	e.Req = mesi.Node(get(h, rqAt, rqMask)) - 1
	e.Acks = int16(get(h, dacAt, dacMask))
	e.Coarse = get(h, coarseAt, 1) != 0
	var shr uint64
	for c, w := range n[:s.n] {
		shr |= w >> shrAt & 1 << c
	}
	e.Sharers.SetWord(shr)
}

// store packs the home's entry, and sends what the step sent.
func (s *Protocol) store(n []uint64, f mesi.Effect, v uint64) {
	e := &s.entry
	h := n[s.n]
	if f&mesi.WriteMem != 0 {
		set(&h, memAt, 1, v)
	}
	h &^= dsMask<<dsAt | ownMask<<ownAt | rqMask<<rqAt | dacMask<<dacAt | 1<<coarseAt
	h |= uint64(e.State)<<dsAt | uint64(e.Owner+1)<<ownAt | uint64(e.Req+1)<<rqAt | uint64(e.Acks)&dacMask<<dacAt
	if e.Coarse {
		h |= 1 << coarseAt
	}
	n[s.n] = h
	if e.Acks < 0 {
		s.fail("recall ack", "more acks than copies")
	}
	shr := e.Sharers.Word(0)
	for c := range s.n {
		set(&n[c], shrAt, 1, shr>>c&1)
	}
	mem := get(h, memAt, 1) + 1
	for i := range s.out.Msgs {
		s.put(n, &s.out.Msgs[i], mem)
	}
}

// put places a message into its slot; v-1 is the value it carries if it carries one.
func (s *Protocol) put(n []uint64, m *mesi.Msg, v uint64) {
	t := m.Type
	if m.Data == mesi.NoData {
		v = 1
	} else if v == 0 {
		s.fail("data value", "%v sends %v without having the data", m.From, t)
		v = 1
	}
	switch {
	case t <= mesi.PutM:
		s.take(&n[m.From], reqAt, reqMask, uint64(t)+1, m)
		if t == mesi.PutM {
			n[m.From] |= (v - 1) << reqvAt
		}
	case t == mesi.FarOp:
		s.take(&n[m.From], farAt, farMask, 1, m)
	case t <= mesi.RcX:
		if m.To < 0 || int(m.To) >= s.n {
			s.fail("address", "%v to %v", t, m.To)
			return
		}
		s.take(&n[m.To], fwdAt, fwdMask, uint64(t-mesi.FwdGetS)+1, m)
		n[m.To] |= uint64(m.Req+1)<<fwdwAt | s.count(m)<<fwdnAt
	case t <= mesi.PutAck:
		if m.To < 0 || int(m.To) >= s.n {
			s.fail("address", "%v to %v", t, m.To)
			return
		}
		w := &n[m.To]
		switch t {
		case mesi.InvAck:
			s.bump(w, iacAt, iacMask, m)
		case mesi.PutAck:
			s.take(w, pakAt, 1, 1, m)
		default:
			s.take(w, datAt, datMask, uint64(t-mesi.DataS)+1, m)
			*w |= s.count(m) << datnAt
			if m.Data != mesi.NoData {
				*w |= (v - 1) << datvAt
				if v-1 != get(n[s.n], lastAt, 1) {
					s.fail("data reply carries the last store", "%v from %v to %v", t, m.From, m.To)
				}
			}
		}
	case t == mesi.FarVal:
		if m.To < 0 || int(m.To) >= s.n || get(n[m.To], farAt, farMask) != 2 {
			s.fail("one answer per far atomic", "to %v", m.To)
			return
		}
		set(&n[m.To], farAt, farMask, 3)
	case t <= mesi.UnbX:
		s.take(&n[m.From], unbAt, unbMask, uint64(t-mesi.UnbS)+1, m)
	case t <= mesi.FwdMiss:
		s.take(&n[s.n], wbAt, wbMask, uint64(t-mesi.WbData)+1, m)
		if t == mesi.WbData {
			n[s.n] |= (v - 1) << wbvAt
		}
	case t == mesi.FarDone:
		s.take(&n[s.n], doneAt, 1, 1, m)
	default:
		s.bump(&n[s.n], riaAt, riaMask, m)
	}
}

func (s *Protocol) take(w *uint64, at, mask uint, v uint64, m *mesi.Msg) {
	if get(*w, at, mask) != 0 {
		s.fail("one message per kind", "a second %v from %v to %v", m.Type, m.From, m.To)
		return
	}
	*w |= v << at
}

func (s *Protocol) bump(w *uint64, at, mask uint, m *mesi.Msg) {
	if get(*w, at, mask) == uint64(mask) {
		s.fail("ack count", "too many %v", m.Type)
		return
	}
	*w += 1 << at
}

func (s *Protocol) count(m *mesi.Msg) uint64 {
	if m.Acks < 0 || m.Acks > datnMask {
		s.fail("ack count", "%d in %v", m.Acks, m.Type)
		return 0
	}
	return uint64(m.Acks)
}

func (s *Protocol) fail(law, format string, args ...any) {
	if s.err == nil {
		s.err = &Broken{Law: law, Detail: fmt.Sprintf(format, args...)}
	}
}
