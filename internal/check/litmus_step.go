package check

import (
	"fmt"
	"slices"

	"cohsim/cpu"
)

// A litmusMove is one step of a thread. Arithmetic, fences and resolved branches take
// none: they follow from the rest.
type litmusMove struct {
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
func (l *Litmus) moves(s *litmusState, out []litmusMove) []litmusMove {
	for i := range s.th {
		t := &s.th[i]
		for n := range t.win {
			if from, ok := t.source(n, l.cfg.Model); ok {
				out = append(out, litmusMove{kind: performLoad, thread: i, op: n, from: from})
			}
			if l.mayStore(s, i, n) {
				out = append(out, litmusMove{kind: performStore, thread: i, op: n})
			}
		}
		if t.pc != blocked {
			continue
		}
		n := len(t.win) - 1
		kind := guessBranch
		if t.views[n].op.Code == cpu.StoreExcl {
			kind = guessStoreExcl
		} else if !l.guesses {
			continue
		}
		out = append(out, litmusMove{kind: kind, thread: i, op: n, guess: guessYes}, litmusMove{kind: kind, thread: i, op: n, guess: guessNo})
	}
	return out
}

// take performs a move and lets every thread settle; false means that a guess has
// turned out wrong.
func (l *Litmus) take(s *litmusState, m litmusMove) bool {
	t := &s.th[m.thread]
	e, v := &t.win[m.op], &t.views[m.op]
	switch m.kind {
	case performLoad:
		if m.from >= 0 {
			e.val = v.op.Truncate(t.views[m.from].data)
		} else {
			w := slices.Index(l.cfg.Addr, v.addr)
			if w < 0 {
				return false // a wrong path: it may read anywhere
			}
			e.val = v.op.Truncate(s.mem[w])
		}
		e.fwd, e.rdone = m.from, true
	case performStore:
		w := slices.Index(l.cfg.Addr, v.addr)
		if w < 0 {
			return false
		}
		s.mem[w] = v.data
		e.wdone = true
		l.stored(s, m.thread, m.op, v.addr)
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
	for i := range s.th {
		if (i == m.thread || m.kind == performStore) && !l.settle(s, i) {
			return false
		}
	}
	return true
}

// stored tells the loads that have read from addr that op n of thread i stored there.
func (l *Litmus) stored(s *litmusState, i, n int, addr uint64) {
	own := &s.th[i]
	if own.views[n].op.Code != cpu.StoreExcl {
		switch ll := own.linked(n); {
		case ll == -1 && own.monitor.addr == addr:
			own.monitor.void = true
		case ll >= 0 && own.views[ll].addrOK && own.views[ll].addr == addr:
			own.win[ll].void = true
		}
	}
	for k := range s.th {
		if k == i {
			continue
		}
		t := &s.th[k]
		for j := range t.win {
			if v := &t.views[j]; v.hasLd && t.win[j].rdone && v.addr == addr && t.fromMemory(j) {
				t.win[j].stale = true
			}
		}
		if t.monitor.armed && t.monitor.addr == addr {
			t.monitor.stale = true
		}
	}
}

// settle does what takes no step in thread i: it forgets what no rule will ask for,
// retires finished ops and fetches new ones. The views are up to date afterwards. False
// means that a guess has turned out wrong.
func (l *Litmus) settle(s *litmusState, i int) bool {
	t, p := &s.th[i], &l.threads[i]
	l.look(s, i)
	if t.doomed() {
		return false
	}
	for {
		changed := t.retire(p)
		for t.pc < len(p.ops) && len(t.win) < p.window { // not blocked
			op := &p.ops[t.pc]
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
		}
		if changed {
			l.look(s, i)
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
func (t *litmusThreadState) retire(p *litmusProgram) bool {
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
func (t *litmusThreadState) forget() {
	pending := false
	for j := range t.win {
		e, v := &t.win[j], &t.views[j]
		if e.stale && !pending && v.op.Code != cpu.LoadExcl && !v.open {
			e.stale = false
		}
		pending = pending || v.hasLd && !e.rdone
	}
}

// Next implements [System].
func (l *Litmus) Next(k []uint64, b *Batch) error {
	l.steps(k, func(litmusMove) { l.encode(&l.scratch, b.Copy(k)) }, func() {
		d := b.Copy(k)
		for i := range d {
			d[i] = ^uint64(0)
		}
	})
	return nil
}

// steps calls each for every move that leads to a state, which is then in l.scratch, and
// stuck if there is none.
func (l *Litmus) steps(k []uint64, each func(litmusMove), stuck func()) {
	if l.dead(k) || l.final(k) {
		return
	}
	l.view(k)
	alive := false
	for _, m := range l.moves(&l.scratch, nil) {
		l.view(k)
		if l.take(&l.scratch, m) {
			alive = true
			each(m)
		}
	}
	if !alive {
		stuck()
	}
}

// view makes l.scratch the state k, with views.
func (l *Litmus) view(k []uint64) {
	l.decode(k, &l.scratch)
	for i := range l.scratch.th {
		l.look(&l.scratch, i)
	}
}

// Label implements [System].
func (l *Litmus) Label(k []uint64) []Step {
	var out []Step
	l.steps(k, func(m litmusMove) {
		var s litmusState
		l.decode(k, &s)
		l.look(&s, m.thread)
		out = append(out, l.describe(&s, m))
	}, func() { out = append(out, Step{Actor: "P0", What: "a guess was wrong"}) })
	return out
}

func (l *Litmus) describe(s *litmusState, m litmusMove) Step {
	t, p := &s.th[m.thread], &l.threads[m.thread]
	e, v := &t.win[m.op], &t.views[m.op]
	text := fmt.Sprintf("op %d", e.pc)
	if p.text != nil {
		text = p.text[e.pc]
	}
	word := func() string {
		if w := slices.Index(l.cfg.Addr, v.addr); w >= 0 && l.cfg.Names != nil {
			return l.cfg.Names[w]
		}
		return fmt.Sprintf("%#x", v.addr)
	}
	st := Step{Actor: fmt.Sprintf("P%d", m.thread)}
	switch m.kind {
	case performLoad:
		val, how := uint64(0), "memory"
		if m.from >= 0 {
			val, how = t.views[m.from].data, "its own pending store"
		} else if w := slices.Index(l.cfg.Addr, v.addr); w >= 0 {
			val = s.mem[w]
		}
		st.What = fmt.Sprintf("%s: reads %s = %d from %s", text, word(), val, how)
	case performStore:
		st.What = fmt.Sprintf("%s: %s = %d becomes visible", text, word(), v.data)
	case guessBranch:
		st.What = text + ": predicted taken"
		if m.guess == guessNo {
			st.What = text + ": predicted not taken"
		}
	case guessStoreExcl:
		st.What = text + ": will succeed"
		if m.guess == guessNo {
			st.What = text + ": fails"
		}
	}
	return st
}
