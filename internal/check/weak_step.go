package check

import "cohsim/cpu"

// A weakMove is one step of a thread. Arithmetic, fences and resolved branches take
// none: they follow from the rest.
type weakMove struct {
	kind   moveKind
	thread int
	op     int // in the window
	from   int // load: the op its value comes from, -1 for memory
	guess  uint8
}

type moveKind uint8

const (
	performLoad moveKind = iota
	performStore
	guessBranch
	guessStoreExcl
)

// moves lists what can happen in a state whose views are filled in.
func (w *weak) moves(s *weakState, out []weakMove) []weakMove {
	for i := range s.th {
		out = w.movesOf(s, i, out)
	}
	return out
}

// movesOf lists what thread i can do.
func (w *weak) movesOf(s *weakState, i int, out []weakMove) []weakMove {
	t := &s.th[i]
	for n := range t.win {
		if from, ok := t.source(n, w.model); ok && w.mayLoad(s, i, n, from) {
			out = append(out, weakMove{kind: performLoad, thread: i, op: n, from: from})
		}
		if w.mayStore(s, i, n) {
			out = append(out, weakMove{kind: performStore, thread: i, op: n})
		}
	}
	if t.pc != blocked {
		return out
	}
	n := len(t.win) - 1
	kind := guessBranch
	if t.views[n].op.Code == cpu.StoreExcl {
		kind = guessStoreExcl
	} else if !w.guesses {
		return out
	}
	return append(out, weakMove{kind: kind, thread: i, op: n, guess: guessYes}, weakMove{kind: kind, thread: i, op: n, guess: guessNo})
}

// value is what the load half of op n would read from there.
func (w *weak) value(s *weakState, i, n, from int) (val uint64, ok bool) {
	t := &s.th[i]
	v := &t.views[n]
	if from >= 0 {
		return v.op.Truncate(t.views[from].data), true
	}
	val, ok = w.memory.load(s.mem, v.addr)
	return v.op.Truncate(val), ok
}

// mayLoad says that the load half of op n, whose value is there, may perform: a wait only
// when its condition holds, and an atomic that will store not between another's halves,
// because neither could ever store then.
func (w *weak) mayLoad(s *weakState, i, n, from int) bool {
	v := &s.th[i].views[n]
	switch v.op.Code {
	case cpu.Wait:
		val, ok := w.value(s, i, n, from)
		return ok && v.bOK && v.op.Taken(val, v.b)
	case cpu.RMW:
		if from >= 0 || v.op.Fn == cpu.Cas && !v.cOK {
			return v.cOK || v.op.Fn != cpu.Cas || !w.decided
		}
		val, ok := w.value(s, i, n, from)
		if !ok {
			return true
		}
		_, stores := v.op.Modify(val, v.b, v.c)
		return !stores || !s.between(i, v.addr)
	}
	return true
}

// take performs a move and tells everybody of it; false means that a guess has turned out
// wrong.
func (w *weak) take(s *weakState, m weakMove) bool {
	addr := s.th[m.thread].views[m.op].addr
	if !w.act(s, m) {
		return false
	}
	for i := range s.th {
		if m.kind == performStore && i != m.thread && !w.hear(s, i, addr) {
			return false
		}
	}
	return true
}

// act performs a move, in the thread that it is of alone: the others are still to hear of a
// store. False means that a guess has turned out wrong.
func (w *weak) act(s *weakState, m weakMove) bool {
	t := &s.th[m.thread]
	e, v := &t.win[m.op], &t.views[m.op]
	switch m.kind {
	case performLoad:
		val, ok := w.value(s, m.thread, m.op, m.from)
		if !ok {
			return false // a wrong path: it may read anywhere
		}
		e.val = val
		e.fwd, e.rdone = m.from, true
	case performStore:
		if !w.memory.store(s.mem, v.addr, v.data) {
			return false
		}
		e.wdone = true
		t.stored(m.op)
	case guessBranch:
		e.guess = m.guess
		t.pc = e.pc + 1
		if m.guess == guessYes {
			t.pc = int(v.op.Off)
		}
	case guessStoreExcl:
		e.guess = m.guess
		t.pc = e.pc + 1
	}
	return w.settle(s, m.thread)
}

// stored notes that op n has stored to where a load-linked of the thread has read.
func (t *weakThread) stored(n int) {
	addr := t.views[n].addr
	if t.views[n].op.Code == cpu.StoreExcl {
		return
	}
	switch ll := t.linked(n); {
	case ll == -1 && t.monitor.addr == addr:
		t.monitor.void = true
	case ll >= 0 && t.views[ll].addrOK && t.views[ll].addr == addr:
		t.win[ll].void = true
	}
}

// hear tells thread i that another has stored to addr, which concerns it if it has read
// from there. False means that a guess has turned out wrong.
func (w *weak) hear(s *weakState, i int, addr uint64) bool {
	t := &s.th[i]
	concerned := t.monitor.armed && t.monitor.addr == addr
	if concerned {
		t.monitor.stale = true
	}
	for n := range t.win {
		if t.hasRead(n) && t.views[n].addr == addr {
			t.win[n].stale = true
			concerned = true
		}
	}
	return !concerned || w.settle(s, i)
}

// inflight says that the op at pc is in the window.
func (t *weakThread) inflight(pc int) bool {
	for n := range t.win {
		if t.win[n].pc == pc {
			return true
		}
	}
	return false
}

// hasRead says that op n has read memory.
func (t *weakThread) hasRead(n int) bool {
	return t.views[n].hasLd && t.win[n].rdone && t.fromMemory(n)
}

// settle does what takes no step in thread i: it forgets what no rule will ask for,
// retires finished ops and fetches new ones. The views are up to date afterwards. False
// means that a guess has turned out wrong.
func (w *weak) settle(s *weakState, i int) bool {
	t, p := &s.th[i], &w.threads[i]
	w.look(t, p)
	if t.doomed() {
		return false
	}
	for {
		changed := w.retire(s, i)
		for !t.sealed && t.pc < len(p.ops) && len(t.win) < p.window { // not blocked
			op := &p.ops[t.pc]
			if w.oneRound && t.inflight(t.pc) {
				break
			}
			if op.Code == cpu.Halt {
				t.pc = len(p.ops)
				break
			}
			t.win = append(t.win, inflight{pc: t.pc, fwd: -1})
			changed = true
			t.pc++
			if op.Code == cpu.StoreExcl || op.Code == cpu.Branch && int(op.Off) != t.pc {
				t.pc = blocked
			}
			// Behind what holds everything back nothing could happen yet.
			ld, st, hasLd, hasSt := op.Classes()
			t.sealed = hasLd && w.seals.Has(ld) || hasSt && w.seals.Has(st)
		}
		if changed {
			w.look(t, p)
		}
		if n := len(t.win) - 1; t.pc == blocked && t.views[n].takenOK {
			t.pc = t.win[n].pc + 1
			if t.views[n].taken {
				t.pc = int(t.views[n].op.Off)
			}
			continue
		}
		if !changed {
			break
		}
	}
	t.forget()
	return true
}

// retire takes finished ops off the front of the window.
func (w *weak) retire(s *weakState, i int) bool {
	t, p := &s.th[i], &w.threads[i]
	n := 0
	for n < len(t.win) && t.views[n].done {
		e, v := &t.win[n], &t.views[n]
		if v.op.Code == cpu.Branch && n == len(t.win)-1 && t.pc == blocked {
			break // settle has to follow it first
		}
		switch v.op.Code {
		case cpu.LoadExcl:
			t.monitor = monitor{addr: v.addr, armed: true, stale: e.stale, void: e.void}
		case cpu.StoreExcl:
			t.monitor = monitor{}
		}
		if v.op.Dst != cpu.NoReg && v.resOK {
			t.regs[p.index[v.op.Dst]] = v.res
		}
		if w.retired != nil {
			w.retired(s, i, e, v)
		}
		n++
	}
	if n == 0 {
		return false
	}
	t.win = t.win[:copy(t.win, t.win[n:])]
	t.views = t.views[:copy(t.views, t.views[n:])]
	for j := range t.win {
		t.win[j].fwd = max(-1, t.win[j].fwd-n)
	}
	return true
}

// forget drops marks that no rule asks for any more, so that fewer states differ.
func (t *weakThread) forget() {
	pending := false
	for j := range t.win {
		e, v := &t.win[j], &t.views[j]
		if e.stale && !pending && v.op.Code != cpu.LoadExcl && !v.open {
			e.stale = false
		}
		pending = pending || v.hasLd && !e.rdone
	}
}
