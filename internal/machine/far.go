package machine

import (
	"math/bits"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/noc"
	"cohsim/mesi"
)

// An atomic op at the home: what package mesi's rows leave to the machine, which is
// the op, its operands, the bytes of memory and the time of the home's atomic unit.

// farOp is the atomic op that a unit has under way, and what the home answered. It
// travels with FarOp and FarVal; since a unit sends one at a time, and looks at it only
// when the answer is there, it stays where it is.
type farOp struct {
	op     *cpu.Op // nil: none
	thread int32
	addr   uint64
	b, c   uint64
	old    uint64
	at     int64 // when the home performed it
}

// Far sends an atomic op to its line's home, whatever copy the unit has.
func (p *port) Far(op *cpu.Op, addr, b, c uint64, t int64) cpu.Result {
	u, m := p.u, p.m
	n := addr >> 6
	if !m.has(n) {
		panic(cpu.BadAccess{Addr: addr, Thread: p.th.core.Thread(), PC: -1})
	}
	if u.far.op != nil {
		return cpu.Busy
	}
	u.far = farOp{op: op, addr: addr, b: b, c: c}
	for _, i := range u.threads {
		if &m.threads[i] == p.th {
			u.far.thread = i
		}
	}
	p.th.st.Coh.Far++
	var line mesi.Line
	if f := u.Find(n); f >= 0 {
		line = u.Frames[f].Line
	} else if parked := u.FindParked(n); parked != nil {
		line = parked.Line
	}
	ask := m.proto.Ask(&line, mesi.Far, u.id) // changes no state
	m.sendFromUnit(u, &ask.Sends()[0], &fromCore, int32(n-m.first), -1, t, write, uint8(addr&63))
	p.th.limit = min(p.th.limit, t+m.leastReq+m.leastReply)
	return cpu.Pending
}

// startFar gives the requester's op to the atomic unit of the home at a place, which
// reads the line first and then takes its time; the line is blocked until it is through.
func (m *Machine) startFar(msg *mesi.Msg, l *line, i int32, at *noc.Place, t int64) {
	read, _ := m.fetch(at, m.first+uint64(i), m.units[l.Req].st)
	h := m.homeIndex(at)
	m.homeKey[h]++
	m.sent++
	ev := m.msgs.Add(t+max(read+m.farNS, 1)+m.chaosDelay(msg.Type, m.homeKey[h]), m.homeKey[h])
	*ev = event{msg: *msg, line: i, slot: -1, kind: toHome, at: l.at}
	l.far = farAtHome
	if l.at >= 0 {
		l.far = l.at
	}
}

// Who performed the last atomic op on a line that nobody has cached since: an L3, by
// its number, or one of these.
const (
	farNobody int16 = -2
	farAtHome int16 = -1
)

// performFar performs the op of unit u on memory, where no cache has a copy.
func (m *Machine) performFar(u *unit, l *line, t int64) {
	f := &u.far
	size := f.op.Bytes()
	f.old, f.at = peek(&l.bytes, f.addr, size), t
	v, wrote := f.op.Modify(f.old, f.b, f.c)
	if wrote {
		poke(&l.bytes, f.addr, size, v)
		m.wroteFar(u, l, f.addr, size)
	}
	if m.noPlain {
		m.checkLoad(u, f.addr, size, f.old, t)
		if wrote {
			m.checkStore(u, f.addr, size, v, t)
		}
	}
}

// wroteFar books a write at the home as one of u's: foreign to every other unit that
// had a copy.
func (m *Machine) wroteFar(u *unit, l *line, addr uint64, size int) {
	if l.share == nil {
		return // nobody ever lost a copy
	}
	s := l.share
	if s.lost[u.id] == s.seq { // nobody else has written since: then this is not foreign to u
		s.lost[u.id]++
	}
	s.seq++
	w := words(addr, size)
	s.any |= w
	for ; w != 0; w &= w - 1 {
		s.wrote[bits.TrailingZeros16(w)&15] = s.seq
	}
}

// answered hands the result of a far op to the thread that waits for it, and lets a
// sibling send its own.
func (m *Machine) answered(u *unit, t int64) {
	f := u.far
	u.far.op = nil
	th := &m.threads[f.thread]
	th.core.FarDone(f.old, f.at, t)
	m.wakeThread(f.thread, th.core.Due(t))
	m.mshrFree(u, t)
}

// takenForFar books a copy that the home took back to perform an atomic op: the
// requester's own as one that it gave up, any other as lost to the requester's write.
func (m *Machine) takenForFar(u *unit, fr *cache.Frame, l *line, off uint8, owner bool) {
	if l.Req == u.id {
		m.recalledCopy(u, fr, l)
		return
	}
	m.lostCopy(u, fr, l, owner, off)
}
