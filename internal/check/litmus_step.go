package check

import (
	"fmt"
	"slices"
)

// Next implements [System].
func (l *Litmus) Next(k []uint64, b *Batch) error {
	l.steps(k, func(weakMove) { l.encode(&l.scratch, b.Copy(k)) }, func() {
		d := b.Copy(k)
		for i := range d {
			d[i] = ^uint64(0)
		}
	})
	return nil
}

// steps calls each for every move that leads to a state, which is then in l.scratch, and
// stuck if there is none.
func (l *Litmus) steps(k []uint64, each func(weakMove), stuck func()) {
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
		l.look(&l.scratch.th[i], &l.threads[i])
	}
}

// Label implements [System].
func (l *Litmus) Label(k []uint64) []Step {
	var out []Step
	l.steps(k, func(m weakMove) {
		var s weakState
		l.decode(k, &s)
		l.look(&s.th[m.thread], &l.threads[m.thread])
		out = append(out, l.describe(&s, m))
	}, func() { out = append(out, Step{Actor: "P0", What: "a guess was wrong"}) })
	return out
}

func (l *Litmus) describe(s *weakState, m weakMove) Step {
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

// litmusMemory holds the addresses of the words of memory.
type litmusMemory []uint64

func (a litmusMemory) load(mem []uint64, addr uint64) (uint64, bool) {
	if w := slices.Index(a, addr); w >= 0 {
		return mem[w], true
	}
	return 0, false
}

func (a litmusMemory) store(mem []uint64, addr, val uint64) bool {
	w := slices.Index(a, addr)
	if w >= 0 {
		mem[w] = val
	}
	return w >= 0
}
