package check

import (
	"errors"
	"unsafe"
)

// What a task can do next depends on a small part of a state, its situation: the task's own
// part, shared memory, what the judge knows, which others are at their ends, and on which
// words they are halfway through an atomic. To the other tasks' parts a move does nothing
// but that those hear of its stores that have read from there. Most states differ in what
// others have in flight, so there are far fewer situations than states, and what can be
// done in one is worked out once: for the check of vm_refcnt under armv8 in 138,000
// situations, not for 3 tasks in 3.5 million states.

// lockOutcome is a move of a task and where it leads.
type lockOutcome struct {
	move              weakMove
	local, mem, ghost uint32 // numbers of the parts that it changes
	stores            uint32 // what it stores to, see Lock.stored
	err               error  // the law that it breaks, after these stores
}

// lockMoves holds the outcomes of all situations of a task.
type lockMoves struct {
	situations *intern
	ends       []uint32 // of each situation in outcomes
	outcomes   []lockOutcome
}

// of returns the outcomes of a situation by number.
func (m *lockMoves) of(id uint32) []lockOutcome {
	from := uint32(0)
	if id > 0 {
		from = m.ends[id-1]
	}
	return m.outcomes[from:m.ends[id]]
}

// bytes returns the memory held.
func (m *lockMoves) bytes() int64 {
	return m.situations.bytes() + 4*int64(cap(m.ends)) + int64(unsafe.Sizeof(lockOutcome{}))*int64(cap(m.outcomes))
}

// Next implements [System].
func (l *Lock) Next(k []uint64, b *Batch) error {
	err := l.steps(k, func(_ weakMove, ids []uint32) {
		if ids != nil {
			packIDs(b.Copy(k), ids)
		}
	})
	if err == nil && l.words.news {
		return errNews
	}
	return err
}

// errNews ends an exploration that rests on too little knowledge of the memory.
var errNews = errors.New("the memory is used in a way that was not known")

// Label implements [System].
func (l *Lock) Label(k []uint64) []Step {
	var out []Step
	// The error is that of Next, of the last move.
	_ = l.steps(k, func(m weakMove, _ []uint32) {
		l.open(k)
		out = append(out, l.describe(&l.cur, m))
	})
	return out
}

// steps calls each for every move, with the numbers of the state that it leads to; with none
// for the last if that breaks a law, which is the error.
func (l *Lock) steps(k []uint64, each func(m weakMove, ids []uint32)) error {
	unpackIDs(k, l.from)
	l.ended = l.atEnd()
	for i := range l.threads {
		moves := &l.moves[i]
		id, isNew := moves.situations.id(l.situation(i))
		if isNew {
			l.workOut(k, i)
		}
		for n := range moves.of(id) {
			o := &moves.of(id)[n]
			copy(l.ids, l.from)
			if !l.hear(k, i, o.stores) {
				continue
			}
			if o.err != nil {
				each(o.move, nil)
				return o.err
			}
			l.ids[idMem], l.ids[idGhost], l.ids[idTasks+i] = o.mem, o.ghost, o.local
			each(o.move, l.ids)
		}
	}
	return nil
}

// atEnd says which tasks of the state l.from are at their ends, as bits.
func (l *Lock) atEnd() (tasks uint64) {
	for i := range l.threads {
		if l.part(i, l.from[idTasks+i]).ended {
			tasks |= 1 << i
		}
	}
	return tasks
}

// situation is all of the state l.from that the moves of task i depend on.
func (l *Lock) situation(i int) []uint64 {
	key := append(l.key[:0], uint64(l.from[idTasks+i])|uint64(l.from[idMem])<<32, uint64(l.from[idGhost])|(l.ended&^(1<<i))<<32)
	for j := range l.threads {
		if j != i {
			key = append(key, l.part(j, l.from[idTasks+j]).halfway...)
		}
	}
	l.key = key
	return key
}

// workOut adds the outcomes of the situation that task i is in, in the state k.
func (l *Lock) workOut(k []uint64, i int) {
	l.open(k)
	moves := &l.moves[i]
	l.moving = l.movesOf(&l.cur, i, l.moving[:0])
	for _, m := range l.moving {
		s := &l.next
		s.mem = append(s.mem[:0], l.cur.mem...)
		copy(s.th, l.cur.th)
		l.own(s, i)
		l.judging, l.stores, l.err = false, l.stores[:0], nil
		ok := l.perform(s, m) && l.hurry(s, i)
		l.buffers[i] = s.th[i] // keeps what has grown
		if !ok && l.err == nil {
			continue
		}
		o := lockOutcome{move: m, ghost: l.from[idGhost], err: l.err}
		o.stores, _ = l.stored.id(l.stores)
		if ok {
			holds := l.holds[i]
			if l.judging {
				holds, o.ghost = l.judge.Holds(i), l.encodeGhost()
			}
			o.mem, o.local = l.encodeMem(s), l.encode(s, i, holds)
		}
		moves.outcomes = append(moves.outcomes, o)
	}
	moves.ends = append(moves.ends, uint32(len(moves.outcomes)))
}

// hear lets all tasks but i, which has stored, hear of it: l.ids gets the numbers of what
// becomes of them. False means that a guess of one has turned out wrong.
func (l *Lock) hear(k []uint64, i int, stores uint32) bool {
	for _, addr := range l.stored.get(stores) {
		for j := range l.threads {
			if j == i {
				continue
			}
			id := l.ids[idTasks+j]
			heard := l.part(j, id).heard
			for n := range heard {
				h := &heard[n]
				if h.addr != addr {
					continue
				}
				if !h.known {
					h.known = true
					h.to, h.dead = l.workOutHearing(k, j, id, addr)
				}
				if h.dead {
					return false
				}
				l.ids[idTasks+j] = h.to
			}
		}
	}
	return true
}

// workOutHearing finds what becomes of the part of task j when another stores to addr; in
// the state k the task has its own memory as in the part.
func (l *Lock) workOutHearing(k []uint64, j int, id uint32, addr uint64) (to uint32, dead bool) {
	l.open(k)
	s := &l.next
	s.mem = append(s.mem[:0], l.cur.mem...)
	c := l.decode(j, id)
	s.th[j] = c.th
	l.own(s, j)
	ok := l.weak.hear(s, j, addr)
	l.buffers[j] = s.th[j]
	if !ok {
		return 0, true
	}
	return l.encode(s, j, c.holds), false
}

// own gives task i slices of its own in the state s, which shares them with the cache.
func (l *Lock) own(s *weakState, i int) {
	t, b := &s.th[i], &l.buffers[i]
	b.regs = append(b.regs[:0], t.regs...)
	b.win = append(b.win[:0], t.win...)
	b.views = append(b.views[:0], t.views...)
	t.regs, t.win, t.views = b.regs, b.win, b.views
}
