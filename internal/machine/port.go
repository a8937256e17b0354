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
	if !p.th.ready {
		if v, lat, ok := p.PlainLoad(addr, bytes, never64); ok {
			return v, lat, stats.L1, cpu.Done
		}
	}
	return p.load(addr, bytes, t)
}

const never64 = int64(1) << 62

func (p *port) PlainLoad(addr uint64, bytes int, most int64) (val uint64, lat int64, ok bool) {
	u := p.u
	if h := u.Held(addr >> 6); h.Allows(cache.MayRead|cache.Plain) && u.l1Lat < most {
		u.L1.Touch(h.L1())
		p.th.st.Cache.L1Hits++
		return peek(&u.Frames[h.Frame()].Data, addr, bytes), u.l1Lat, true
	}
	return 0, 0, false
}

func (p *port) PlainStore(addr uint64, bytes int, val uint64) bool {
	u := p.u
	if h := u.Held(addr >> 6); h.Allows(cache.MayWrite | cache.Plain) {
		u.L1.Touch(h.L1())
		p.th.st.Cache.L1Hits++
		poke(&u.Frames[h.Frame()].Data, addr, bytes, val)
		return true
	}
	return false
}

func (p *port) HitLoad(addr uint64, bytes int) (uint64, cpu.Hit, bool) {
	if h := p.u.Held(addr >> 6); h.Allows(cache.MayRead | cache.Plain) {
		f := h.Frame()
		return peek(&p.u.Frames[f].Data, addr, bytes), cpu.Hit{Frame: f, Way: h.L1()}, true
	}
	return 0, cpu.Hit{}, false
}

func (p *port) HitStore(addr uint64) (cpu.Hit, bool) {
	h := p.u.Held(addr >> 6)
	return cpu.Hit{Frame: h.Frame(), Way: h.L1()}, h.Allows(cache.MayWrite | cache.Plain)
}

func (p *port) UseHit(h cpu.Hit) { p.u.L1.Touch(h.Way) }

func (p *port) WriteHit(h cpu.Hit, addr uint64, bytes int, val uint64) {
	p.u.L1.Touch(h.Way)
	poke(&p.u.Frames[h.Frame].Data, addr, bytes, val)
}

// load is Load for everything but the plain L1 hit.
func (p *port) load(addr uint64, bytes int, t int64) (uint64, int64, stats.Cause, cpu.Result) {
	line := addr >> 6
	h := p.u.Held(line)
	f := h.Frame()
	if f < 0 {
		return 0, 0, 0, p.miss(line, addr, mesi.Load, true, t)
	}
	fr := &p.u.Frames[f]
	switch {
	case p.m.proto.Readable(fr.State):
		lat, level := p.u.l1Lat, stats.L1
		if h.L1() < 0 {
			lat, level = p.m.l2Lat, stats.L2
		}
		lat = max(lat, p.Handover(addr)-t)
		p.hit(h)
		return p.read(fr, addr, bytes, t), lat, level, cpu.Done
	case fr.State == mesi.I: // its bytes may serve one load and it is about to go
		if !fr.Once || p.th != p.m.once {
			return 0, 0, 0, cpu.Pending
		}
		fr.Once = false
		p.touch(fr, addr, bytes)
		return peek(&fr.Data, addr, bytes), 1, stats.L1, cpu.Done
	}
	p.join(fr, addr)
	return 0, 0, 0, cpu.Pending
}

func (p *port) Arrived(addr uint64, bytes int, t int64) (uint64, bool) {
	h := p.u.Held(addr >> 6)
	fr := &p.u.Frames[h.Frame()]
	if !p.m.proto.Readable(fr.State) || p.m.noPlain {
		return 0, false
	}
	p.hit(h)
	p.touch(fr, addr, bytes)
	return peek(&fr.Data, addr, bytes), true
}

// hit counts a hit and makes its line the most recent.
func (p *port) hit(h cache.Held) {
	if w := h.L1(); w >= 0 {
		if !p.th.ready {
			p.th.st.Cache.L1Hits++
		}
		p.u.L1.Touch(w)
		return
	}
	if !p.th.ready {
		p.th.st.Cache.L1Misses++
		p.th.st.Cache.L2Hits++
	}
	p.u.Use(h.Frame())
}

func (p *port) Store(addr uint64, bytes int, val uint64, t int64) cpu.Result {
	if !p.th.ready && p.PlainStore(addr, bytes, val) {
		return cpu.Done
	}
	f, r := p.own(addr, t, true)
	if r == cpu.Done {
		p.touch(&p.u.Frames[f], addr, bytes)
		p.write(&p.u.Frames[f], addr, bytes, val, t)
	}
	return r
}

func (p *port) Quiet(addr uint64) bool {
	f := p.u.Find(addr >> 6)
	return f >= 0 && p.m.proto.Writable(p.u.Frames[f].State) && len(p.u.threads) == 1 && !p.u.refused
}

func (p *port) Own(addr uint64, t int64, demand bool) cpu.Result {
	_, r := p.own(addr, t, demand)
	return r
}

// own asks for a line writable; its frame is returned if it is.
func (p *port) own(addr uint64, t int64, demand bool) (int32, cpu.Result) {
	line := addr >> 6
	h := p.u.Held(line)
	f := h.Frame()
	if f < 0 {
		return f, p.miss(line, addr, mesi.Store, demand, t)
	}
	fr := &p.u.Frames[f]
	switch {
	case p.m.proto.Writable(fr.State):
		if demand {
			p.hit(h)
		}
		return f, cpu.Done
	case fr.State == mesi.I: // its bytes served one load and it is about to go
		return f, cpu.Pending
	case fr.MSHR >= 0: // a transaction is under way; what it brings may not be enough
		if demand {
			p.join(fr, addr)
		}
		return f, cpu.Pending
	}
	// A readable copy: ask for permission.
	if p.u.FreeMSHRs() == 0 {
		return f, cpu.Busy
	}
	if demand && !p.th.ready {
		p.countMiss()
	}
	p.th.st.Cache.Upgrade++
	p.u.Miss(f, line, uint8(addr&63), demand)
	p.request(fr, line, addr, mesi.Store, t)
	return f, cpu.Pending
}

func (p *port) Prefetch(addr uint64, t int64) {
	if p.u.Find(addr>>6) < 0 {
		p.miss(addr>>6, addr, mesi.Load, false, t)
	}
}

// frame is the frame of a line that the unit holds.
func (p *port) frame(addr uint64) *cache.Frame { return &p.u.Frames[p.u.Find(addr>>6)] }

func (p *port) Peek(addr uint64, bytes int, t int64) uint64 {
	return p.read(p.frame(addr), addr, bytes, t)
}

// read reads a word of a held line, as an access of its own.
func (p *port) read(fr *cache.Frame, addr uint64, bytes int, t int64) uint64 {
	p.touch(fr, addr, bytes)
	v := peek(&fr.Data, addr, bytes)
	if p.m.noPlain {
		p.m.checkLoad(p.u, addr, bytes, v, t)
	}
	return v
}

func (p *port) Modify(op *cpu.Op, addr, b, expected uint64, t int64, unlock bool) (old uint64, wrote bool) {
	fr, bytes := p.frame(addr), op.Bytes()
	old = p.read(fr, addr, bytes, t)
	if fr.Locked = t; unlock {
		p.unlock(fr, t)
	}
	v, wrote := op.Modify(old, b, expected)
	if wrote {
		p.write(fr, addr, bytes, v, t)
	}
	return old, wrote
}

func (p *port) Poke(addr uint64, bytes int, val uint64, t int64) {
	p.write(p.frame(addr), addr, bytes, val, t)
}

// write writes a word of a writable line.
func (p *port) write(fr *cache.Frame, addr uint64, bytes int, val uint64, t int64) {
	if fr.State != mesi.M {
		p.m.proto.Ask(&fr.Line, mesi.Store, p.u.id)
		if fr.State != mesi.M {
			panic(bug("store to a line that is not writable"))
		}
		p.m.sync(p.u, fr)
	}
	if fr.Tracked {
		fr.Written |= words(addr, bytes)
	}
	poke(&fr.Data, addr, bytes, val)
	if p.m.noPlain {
		p.m.checkStore(p.u, addr, bytes, val, t)
	}
	if len(p.u.threads) > 1 {
		fr.Wrote, fr.WroteAt = p.th.number, t
		p.m.siblingStore(p.u, p.th, addr>>6, t)
	}
}

func (p *port) Lock(addr uint64) { p.frame(addr).Pinned++ }

func (p *port) Handover(addr uint64) int64 {
	if len(p.u.threads) == 1 {
		return 0
	}
	f := p.u.Held(addr >> 6).Frame()
	if f < 0 {
		return 0
	}
	if fr := &p.u.Frames[f]; fr.Wrote != 0 && fr.Wrote != p.th.number {
		return fr.WroteAt + int64(p.m.cfg.Core.Sibling)
	}
	return 0
}

func (p *port) Unlock(addr uint64, t int64) {
	fr := p.frame(addr)
	fr.Locked = t
	p.unlock(fr, t)
}

func (p *port) unlock(fr *cache.Frame, t int64) {
	fr.Pinned--
	if p.u.refused {
		p.m.retryNext(p.u, p.th, t)
	}
}

func (p *port) Ghost(g *cpu.GhostRecord) { p.m.ghosts.add(p.th.core.Program(), g) }

func (p *port) Stalled(addr uint64, pc int32, cycles int64, cause stats.Cause) {
	if s := p.m.line(addr >> 6).share; s != nil {
		s.stalled(addr, p.th.core.Program(), pc, cycles)
	}
}

// join notes that an op waits for a line that is on its way.
func (p *port) join(fr *cache.Frame, addr uint64) {
	mshr := &p.u.MSHRs[fr.MSHR]
	if !mshr.Demand {
		mshr.Demand, mshr.Offset = true, uint8(addr&63)
	}
	if !p.th.ready {
		p.countMiss()
	}
}

// touch records an access to a held line: once it meets a word that another
// core wrote since the last copy was lost, the miss that brought the line was
// true sharing.
func (p *port) touch(fr *cache.Frame, addr uint64, bytes int) {
	if fr.Tracked {
		p.track(fr, addr, bytes)
	}
}

func (p *port) track(fr *cache.Frame, addr uint64, bytes int) {
	fr.Ops++
	if fr.Class == cache.Undecided && fr.Foreign&words(addr, bytes) != 0 {
		fr.Class = cache.Settled
		p.th.st.Cache.TrueSharing++
		p.m.line(addr >> 6).share.words[addr>>2&15].trueSharing++
	}
}

// miss starts a transaction for a line that the unit does not hold.
func (p *port) miss(line, addr uint64, ev mesi.CoreEvent, demand bool, t int64) cpu.Result {
	u, m := p.u, p.m
	if !m.has(line) {
		if demand && ev == mesi.Store { // a store or an atomic op has retired, or is next to
			panic(cpu.BadAccess{Addr: addr, Thread: p.th.core.Thread(), PC: -1})
		}
		return cpu.Fault
	}
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
	f, taken := u.Take(line, m.stable)
	if !taken {
		if f < 0 || !m.evict(u, p.th, f, t) {
			u.refused = true // perhaps for a way that a locked op holds
			return cpu.Busy
		}
		f, _ = u.Take(line, m.stable)
	}
	if demand && !p.th.ready {
		p.countMiss()
	}
	u.Miss(f, line, uint8(addr&63), demand)
	fr := &u.Frames[f]
	m.classify(u, p.th, fr, line, addr)
	p.request(fr, line, addr, ev, t)
	if m.cfg.Adjacent && (demand || ev == mesi.Store) { // stores often ask before they must
		if buddy := line ^ 1; m.has(buddy) {
			if u.Find(buddy) < 0 {
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

// fromCore stands for the message in hand where a core asks.
var fromCore mesi.Msg

// request presents a core request to the protocol and sends what it says.
func (p *port) request(fr *cache.Frame, line, addr uint64, ev mesi.CoreEvent, t int64) {
	m := p.m
	ask := m.proto.Ask(&fr.Line, ev, p.u.id)
	m.sync(p.u, fr)
	if ask.Effect&mesi.Drop != 0 { // a protocol without upgrades gives its copy up to ask again
		m.copyEnds(p.u, fr, m.line(line))
		p.u.dropped(m, line, t, p.th)
	}
	var fl evFlags
	if ev == mesi.Store {
		fl = write
	}
	for i := range ask.Sends() {
		s := &ask.Sends()[i]
		switch s.Type {
		case mesi.GetS:
			p.th.st.Coh.GetS++
		case mesi.GetM:
			p.th.st.Coh.GetM++
		case mesi.Upg:
			p.th.st.Coh.Upgrade++
		}
		m.sendFromUnit(p.u, s, &fromCore, int32(line-m.first), -1, t, fl, uint8(addr&63))
	}
	// The reply cannot come before a request has gone and an answer returned.
	p.th.limit = min(p.th.limit, t+m.leastReq+m.leastReply)
}

// sync tells the unit's index what a frame's state allows without a look at the
// frame. Threads that share caches never hit plainly: they must hear of each
// other's stores.
func (m *Machine) sync(u *unit, fr *cache.Frame) {
	r := m.rights[fr.State]
	if fr.Tracked || len(u.threads) > 1 {
		r &^= cache.Plain
	}
	u.Sync(fr, r)
}
