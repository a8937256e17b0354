package machine

import (
	"encoding/binary"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// port is a thread's way to its unit. Its calls come from inside the thread's
// run, at local times that may lie ahead of global time, and touch nothing but
// the unit and the events it sends.
type port struct {
	m  *Machine
	th *thread
	u  *unit
}

func peek(b *[cache.LineBytes]byte, addr uint64, bytes int) uint64 {
	o := addr & (cache.LineBytes - 1)
	if bytes == 8 {
		return binary.LittleEndian.Uint64(b[o:])
	}
	return uint64(binary.LittleEndian.Uint32(b[o:]))
}

func poke(b *[cache.LineBytes]byte, addr uint64, bytes int, v uint64) {
	o := addr & (cache.LineBytes - 1)
	if bytes == 8 {
		binary.LittleEndian.PutUint64(b[o:], v)
		return
	}
	binary.LittleEndian.PutUint32(b[o:], uint32(v))
}

// words is the set of 4-byte words of a line that an access touches.
func words(addr uint64, bytes int) uint16 {
	return uint16(1<<(bytes>>2)-1) << (addr >> 2 & 15)
}

func (p *port) Load(addr uint64, bytes int, t int64) (uint64, int64, stats.Cause, cpu.Result) {
	line := addr >> 6
	f, inL1 := p.u.Find(line)
	if f >= 0 {
		fr := &p.u.Frames[f]
		if p.m.proto.Readable(fr.State) {
			lat, level := int64(p.m.cfg.L1.LatencyCycles), stats.L1
			if !inL1 {
				lat, level = int64(p.m.cfg.L2.LatencyCycles), stats.L2
			}
			if !p.th.ready {
				p.count(inL1)
			}
			p.u.Use(f, line, inL1)
			p.touch(fr, addr, bytes)
			return peek(&fr.Data, addr, bytes), lat, level, cpu.Done
		}
		if fr.State == mesi.I {
			if !fr.Once {
				return 0, 0, 0, cpu.Pending
			}
			fr.Once = false
			p.touch(fr, addr, bytes)
			return peek(&fr.Data, addr, bytes), 1, stats.L1, cpu.Done
		}
		p.join(fr, addr)
		return 0, 0, 0, cpu.Pending
	}
	return 0, 0, 0, p.miss(line, addr, mesi.Load, true, t)
}

func (p *port) Store(addr uint64, bytes int, val uint64, t int64) cpu.Result {
	r := p.Own(addr, t, true)
	if r == cpu.Done {
		p.Poke(addr, bytes, val, t)
	}
	return r
}

func (p *port) Own(addr uint64, t int64, demand bool) cpu.Result {
	line := addr >> 6
	f, inL1 := p.u.Find(line)
	if f < 0 {
		return p.miss(line, addr, mesi.Store, demand, t)
	}
	fr := &p.u.Frames[f]
	switch {
	case p.m.proto.Writable(fr.State):
		if demand {
			if !p.th.ready {
				p.count(inL1)
			}
			p.u.Use(f, line, inL1)
		}
		return cpu.Done
	case fr.State == mesi.I: // its bytes served one load and it is about to go
		return cpu.Pending
	case fr.MSHR >= 0: // a transaction is under way; what it brings may not be enough
		if demand {
			p.join(fr, addr)
		}
		return cpu.Pending
	}
	// A readable copy: ask for permission.
	if p.u.FreeMSHRs() == 0 {
		return cpu.Busy
	}
	if demand && !p.th.ready {
		p.th.st.Cache.L1Misses++
		if p.u.TwoLevels() {
			p.th.st.Cache.L2Misses++
		}
	}
	p.th.st.Cache.Upgrade++
	p.u.Miss(f, line, uint8(addr&63), demand)
	p.request(fr, line, addr, mesi.Store, t)
	return cpu.Pending
}

func (p *port) Prefetch(addr uint64, t int64) {
	if f, _ := p.u.Find(addr >> 6); f < 0 {
		p.miss(addr>>6, addr, mesi.Load, false, t)
	}
}

func (p *port) Peek(addr uint64, bytes int, t int64) uint64 {
	f, _ := p.u.Find(addr >> 6)
	fr := &p.u.Frames[f]
	p.touch(fr, addr, bytes)
	return peek(&fr.Data, addr, bytes)
}

func (p *port) Poke(addr uint64, bytes int, val uint64, t int64) {
	f, _ := p.u.Find(addr >> 6)
	fr := &p.u.Frames[f]
	if fr.State != mesi.M {
		p.m.out.Msgs = p.m.out.Msgs[:0]
		p.m.proto.Core(&fr.Line, mesi.Store, p.u.id, &p.m.out)
		if fr.State != mesi.M {
			panic(bug("store to a line that is not writable"))
		}
	}
	p.touch(fr, addr, bytes)
	fr.Written |= words(addr, bytes)
	poke(&fr.Data, addr, bytes, val)
	if len(p.u.threads) > 1 {
		p.m.siblingStore(p.u, p.th, addr>>6, t)
	}
}

func (p *port) Lock(addr uint64) {
	f, _ := p.u.Find(addr >> 6)
	p.u.Frames[f].Pinned++
}

func (p *port) Unlock(addr uint64, t int64) {
	f, _ := p.u.Find(addr >> 6)
	p.u.Frames[f].Pinned--
	p.u.Frames[f].Locked = t
}

func (p *port) Ghost(g *cpu.GhostRecord) { p.m.ghosts.add(p.th.prog, g) }

func (p *port) Stalled(addr uint64, pc int32, cycles int64, cause stats.Cause) {
	if s := p.m.line(addr >> 6).share; s != nil {
		s.stalled(addr, p.th.prog, pc, cycles)
	}
}

// count counts a hit.
func (p *port) count(inL1 bool) {
	if inL1 {
		p.th.st.Cache.L1Hits++
	} else {
		p.th.st.Cache.L1Misses++
		p.th.st.Cache.L2Hits++
	}
}

// join notes that an op waits for a line that is on its way.
func (p *port) join(fr *cache.Frame, addr uint64) {
	mshr := &p.u.MSHRs[fr.MSHR]
	if !mshr.Demand {
		mshr.Demand, mshr.Offset = true, uint8(addr&63)
	}
	if !p.th.ready {
		p.th.st.Cache.L1Misses++
		if p.u.TwoLevels() {
			p.th.st.Cache.L2Misses++
		}
	}
}

// touch records an access to a held line: once it meets a word that another
// core wrote since the last copy was lost, the miss that brought the line was
// true sharing.
func (p *port) touch(fr *cache.Frame, addr uint64, bytes int) {
	fr.Ops++
	if fr.Class == cache.Undecided && fr.Foreign&words(addr, bytes) != 0 {
		fr.Class = cache.Settled
		p.th.st.Cache.TrueSharing++
		if s := p.m.line(addr >> 6).share; s != nil {
			s.words[addr>>2&15].trueSharing++
		}
	}
}

// miss starts a transaction for a line that the unit does not hold.
func (p *port) miss(line, addr uint64, ev mesi.CoreEvent, demand bool, t int64) cpu.Result {
	u, m := p.u, p.m
	if pk := u.FindParked(line); pk != nil {
		pk.Waited = true
		if demand && !p.th.ready {
			p.countMiss()
		}
		return cpu.Pending
	}
	// A prefetch leaves the last MSHR to demands.
	if free := u.FreeMSHRs(); free == 0 || !demand && free == 1 {
		return cpu.Busy
	}
	f := u.Victim(line, m.proto.Stable)
	if f < 0 || u.Tag(f) != cache.NoLine && !m.evict(u, p.th, f, t) {
		return cpu.Busy
	}
	if demand && !p.th.ready {
		p.countMiss()
	}
	u.Place(f, line)
	u.Miss(f, line, uint8(addr&63), demand)
	fr := &u.Frames[f]
	m.classify(u, p.th, fr, line, addr)
	p.request(fr, line, addr, ev, t)
	if m.cfg.Adjacent && demand {
		if buddy := line ^ 1; m.has(buddy) {
			if g, _ := u.Find(buddy); g < 0 {
				p.miss(buddy, buddy<<6, ev, false, t)
			}
		}
	}
	return cpu.Pending
}

func (p *port) countMiss() {
	p.th.st.Cache.L1Misses++
	if p.u.TwoLevels() {
		p.th.st.Cache.L2Misses++
	}
}

// request presents a core request to the protocol and sends what it says.
func (p *port) request(fr *cache.Frame, line, addr uint64, ev mesi.CoreEvent, t int64) {
	m := p.m
	m.out.Msgs = m.out.Msgs[:0]
	eff := m.proto.Core(&fr.Line, ev, p.u.id, &m.out)
	if eff&mesi.Drop != 0 { // a protocol without upgrades gives its copy up to ask again
		m.copyEnds(p.u, fr, m.line(line))
		p.u.dropped(m, line, t, p.th)
	}
	for i := range m.out.Msgs {
		msg := &m.out.Msgs[i]
		switch msg.Type {
		case mesi.GetS:
			p.th.st.Coh.GetS++
		case mesi.GetM:
			p.th.st.Coh.GetM++
		case mesi.Upg:
			p.th.st.Coh.Upgrade++
		}
		var fl evFlags
		if ev == mesi.Store {
			fl = write
		}
		m.sendFromUnit(p.u, *msg, line, -1, t, fl, uint8(addr&63))
	}
	// The reply cannot come before a request has gone and an answer returned.
	p.th.limit = min(p.th.limit, t+m.leastReq+m.leastReply)
}
