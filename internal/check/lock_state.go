package check

import (
	"slices"

	"cohsim/cpu"
)

// A state in words: two numbers each, of shared memory, of the judge's state, and of the
// part of each task: where it is, what it holds, its own words of memory, the registers
// that are still read, and its ops in flight.

// Words implements [System].
func (l *Lock) Words() int { return (len(l.ids) + 1) / 2 }

func packIDs(k []uint64, ids []uint32) {
	clear(k)
	for i, id := range ids {
		k[i/2] |= uint64(id) << (32 * (i & 1))
	}
}

func unpackIDs(k []uint64, ids []uint32) {
	for i := range ids {
		ids[i] = uint32(k[i/2] >> (32 * (i & 1)))
	}
}

const (
	idMem = iota
	idGhost
	idTasks // of task 0
)

// open makes l.cur the state k, with views.
func (l *Lock) open(k []uint64) {
	unpackIDs(k, l.from)
	shared := l.mems.get(l.from[idMem])
	l.cur.mem = append(l.cur.mem[:0], shared...)
	l.cur.mem = append(l.cur.mem, l.words.initial[len(shared):]...)
	for i := range l.threads {
		c := l.decode(i, l.from[idTasks+i])
		l.cur.th[i], l.holds[i] = c.th, c.holds
		for j, slot := range l.words.private[i] {
			l.cur.mem[slot] = c.priv[j]
		}
	}
}

// decode finds or makes the decoded part of a task.
func (l *Lock) decode(i int, id uint32) *lockCached {
	c := &l.cache[i][id%lockCache]
	if c.id == id+1 {
		return c
	}
	c.id = id + 1
	w := l.locals[i].get(id)
	p, t := &l.threads[i], &c.th
	t.pc = int(w[0] & 0xffff)
	n, front := int(w[0]>>16&0xff), int(w[0]>>32&0xffff)
	t.monitor = monitor{armed: w[0]>>24&1 != 0, stale: w[0]>>25&1 != 0, void: w[0]>>26&1 != 0}
	c.holds = w[1]
	w = w[2:]
	if t.monitor.armed {
		t.monitor.addr = w[0]
		w = w[1:]
	}
	private := len(l.words.private[i])
	c.priv = append(c.priv[:0], w[:private]...)
	w = w[private:]
	t.regs = t.regs[:0]
	for j, r := range p.regs {
		switch {
		case r == cpu.TaskReg:
			t.regs = append(t.regs, l.regs[i][j])
		case l.live[i][front]>>r&1 != 0:
			t.regs = append(t.regs, w[0])
			w = w[1:]
		default:
			t.regs = append(t.regs, 0)
		}
	}
	t.win = t.win[:0]
	for range n {
		b := w[0]
		w = w[1:]
		e := inflight{pc: int(b & 0xffff), fwd: int(b>>16&0xffff) - 1, rdone: b>>32&1 != 0, wdone: b>>33&1 != 0, stale: b>>34&1 != 0,
			void: b>>35&1 != 0, freed: b>>36&1 != 0, told: b>>37&1 != 0, guess: uint8(b >> 38)}
		if e.rdone {
			e.val = w[0]
			w = w[1:]
		}
		t.win = append(t.win, e)
	}
	l.look(t, p)
	return c
}

// encode numbers the part of task i in a state, and what holds for it.
func (l *Lock) encode(s *weakState, i int, holds uint64) uint32 {
	p, t := &l.threads[i], &s.th[i]
	front := t.pc
	if len(t.win) > 0 {
		front = t.win[0].pc
	}
	m := t.monitor
	k := append(l.key[:0], uint64(t.pc)|uint64(len(t.win))<<16|bit(m.armed, 24)|bit(m.stale, 25)|bit(m.void, 26)|uint64(front)<<32, holds)
	if m.armed {
		k = append(k, m.addr)
	}
	for _, slot := range l.words.private[i] {
		k = append(k, s.mem[slot])
	}
	for j, r := range p.regs {
		if r != cpu.TaskReg && l.live[i][front]>>r&1 != 0 {
			k = append(k, t.regs[j])
		}
	}
	for j := range t.win {
		e := &t.win[j]
		k = append(k, uint64(e.pc)|uint64(e.fwd+1)<<16|bit(e.rdone, 32)|bit(e.wdone, 33)|bit(e.stale, 34)|bit(e.void, 35)|bit(e.freed, 36)|bit(e.told, 37)|uint64(e.guess)<<38)
		if e.rdone {
			k = append(k, e.val)
		}
	}
	l.key = k
	id, isNew := l.locals[i].id(k)
	if isNew {
		f := lockPart{ended: t.pc == len(p.ops) && len(t.win) == 0, guessing: t.guessing()}
		for _, v := range k[2:] {
			f.tied = f.tied || l.words.namesEqual(v)
		}
		if m.armed {
			f.listens(m.addr)
		}
		for n := range t.win {
			if t.halfway(n) {
				f.halfway = append(f.halfway, t.views[n].addr)
			}
			if t.hasRead(n) {
				f.listens(t.views[n].addr)
			}
		}
		parts := l.partsOf(i)
		*parts = append(*parts, f)
	}
	return id
}

// lockPart is what the other tasks, and the explorer, need to know of a task's part of a
// state.
type lockPart struct {
	ended    bool // the task is at its end
	guessing bool // it rests on a guess that may prove wrong
	tied     bool // it names a task that has equals

	halfway []uint64      // words of atomics that have read and are still to store
	heard   []lockHearing // what becomes of it by another's store
}

// lockHearing is what becomes of a task's part of a state when another task stores to a
// word from which it has read.
type lockHearing struct {
	addr  uint64
	known bool
	dead  bool   // a guess has turned out wrong
	to    uint32 // number of the part
}

// listens notes that the task has read from an address.
func (p *lockPart) listens(addr uint64) {
	if !slices.ContainsFunc(p.heard, func(h lockHearing) bool { return h.addr == addr }) {
		p.heard = append(p.heard, lockHearing{addr: addr})
	}
}

// partsOf is what is known of the parts of a task, by number. Equal tasks share it.
func (l *Lock) partsOf(i int) *[]lockPart {
	if i < l.cfg.Equal {
		i = 0
	}
	return &l.parts[i]
}

func (l *Lock) part(i int, id uint32) *lockPart { return &(*l.partsOf(i))[id] }

// guessing says that something was done which holds only if a guess proves right: behind
// an op that is not done, or in the first half of an atomic whose second must follow.
func (t *weakThread) guessing() bool {
	waits := false
	for j := range t.win {
		e, v := &t.win[j], &t.views[j]
		switch {
		case e.guess != guessNone && !v.done, v.hasLd && v.hasSt && !v.open && e.rdone && !e.wdone:
			return true
		case waits && (e.rdone || e.wdone):
			return true
		}
		waits = waits || !v.done
	}
	return false
}

// encodeMem numbers the words that several tasks touch.
func (l *Lock) encodeMem(s *weakState) uint32 {
	id, isNew := l.mems.id(s.mem[:l.words.shared])
	if isNew {
		tied := false
		for _, v := range s.mem[:l.words.shared] {
			tied = tied || l.words.namesEqual(v)
		}
		l.memTied = append(l.memTied, tied)
	}
	return id
}

// encodeGhost numbers what the judge knows.
func (l *Lock) encodeGhost() uint32 {
	l.key = l.judge.State(l.key[:0])
	id, isNew := l.ghosts.id(l.key)
	if isNew {
		tied := false
		for i := range l.cfg.Equal {
			tied = tied || l.judge.Names(i)
		}
		l.ghostTied = append(l.ghostTied, tied)
		freed := false
		for _, m := range l.cfg.World.MMs {
			freed = freed || l.judge.Freed(m)
		}
		l.ghostFreed = append(l.ghostFreed, freed)
	}
	return id
}

// Canon implements [System]: equal tasks stand in the order of their numbers.
func (l *Lock) Canon(k []uint64) {
	if l.cfg.Equal < 2 || l.cfg.Unreduced {
		return
	}
	unpackIDs(k, l.ids)
	if l.memTied[l.ids[idMem]] || l.ghostTied[l.ids[idGhost]] {
		return
	}
	equal := l.ids[idTasks : idTasks+l.cfg.Equal]
	for _, id := range equal {
		if l.parts[0][id].tied {
			return
		}
	}
	for i := 1; i < len(equal); i++ {
		for j := i; j > 0 && equal[j] < equal[j-1]; j-- {
			equal[j], equal[j-1] = equal[j-1], equal[j]
		}
	}
	packIDs(k, l.ids)
}

// Goal implements [System]: every task is at its end.
func (l *Lock) Goal(k []uint64) bool {
	unpackIDs(k, l.ids)
	for i := range l.threads {
		if !l.part(i, l.ids[idTasks+i]).ended {
			return false
		}
	}
	return true
}

// Guessing implements [Guesser].
func (l *Lock) Guessing(k []uint64) bool {
	unpackIDs(k, l.ids)
	for i := range l.threads {
		if l.part(i, l.ids[idTasks+i]).guessing {
			return true
		}
	}
	return false
}

// Check implements [System]: at the end everything was given back.
func (l *Lock) Check(k []uint64) error {
	if !l.Goal(k) {
		return nil
	}
	l.open(k)
	l.setJudge()
	w := l.cfg.World
	for _, v := range w.VMAs {
		if err := l.judge.Idle(v.Addr); err != nil {
			return lockBroken(err)
		}
	}
	for _, m := range w.MMs {
		if err := l.judge.Idle(m); err != nil {
			return lockBroken(err)
		}
	}
	return nil
}

// setJudge makes the judge know the state l.cur.
func (l *Lock) setJudge() {
	l.judge.SetState(l.ghosts.get(l.from[idGhost]))
	for i, h := range l.holds {
		l.judge.SetHolds(i, h)
	}
}
