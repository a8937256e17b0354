package check

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cohsim/cpu"
	"cohsim/internal/mem"
)

// describe says what a move does, from the state before it.
func (l *Lock) describe(s *weakState, m weakMove) Step {
	t := &s.th[m.thread]
	e, v := &t.win[m.op], &t.views[m.op]
	st := Step{Actor: l.cfg.Tasks[m.thread].Name, What: l.site(m.thread, e.pc)}
	field := l.symbol(v.addr)
	switch m.kind {
	case performLoad:
		val, _ := l.value(s, m.thread, m.op, m.from)
		st.Op, st.Value = "load "+field, l.print(val)
		switch {
		case m.from >= 0:
			st.Value += " (own)"
		case v.op.Code == cpu.Wait:
			st.Op = "wait " + field
		case v.op.Code == cpu.RMW:
			st.Op = fnWord(v.op) + " " + field
			if new, write := v.op.Modify(val, v.b, v.c); write {
				st.Value += "→" + l.print(new)
			} else {
				st.Value += " fails"
			}
			if v.st != cpu.StAL {
				st.Op = fnWord(v.op) + "↓ " + field // its load half
			}
		}
	case performStore:
		old, _ := l.words.load(s.mem, v.addr)
		st.Op, st.Value = "store "+field, l.print(v.op.Truncate(old))+"→"+l.print(v.data)
		if v.op.Code == cpu.RMW {
			st.Op = fnWord(v.op) + "↑ " + field // its store half
		}
	case guessBranch, guessStoreExcl:
		st.Op, st.Value = "guess", map[bool]string{true: "yes", false: "no"}[m.guess == guessYes]
	}
	return st
}

func fnWord(op *cpu.Op) string {
	switch op.Fn {
	case cpu.Cas:
		return "cas"
	case cpu.Swap:
		return "swap"
	case cpu.And:
		return "and"
	case cpu.Or:
		return "or"
	}
	return "add"
}

// symbol names a word in short: of the first mm and VMA, the field alone.
func (l *Lock) symbol(addr uint64) string {
	s := l.cfg.World.Space.Symbol(mem.Addr(addr))
	for _, only := range []string{"mm.", "vma[0]."} {
		s = strings.TrimPrefix(s, only)
	}
	for i, t := range l.cfg.Tasks {
		s = strings.Replace(s, fmt.Sprintf("task[%d].", i), t.Name+".", 1)
	}
	return strings.TrimSuffix(s, ".sequence")
}

// print writes a value: an object by its name.
func (l *Lock) print(v uint64) string {
	if l.words.at(v&^3) >= 0 && v > 0xfff {
		if o, _, ok := l.cfg.World.Space.Resolve(mem.Addr(v)); ok && o.Base == mem.Addr(v) {
			for i := range l.cfg.Tasks {
				if o.Name == fmt.Sprintf("task[%d]", i) {
					return l.cfg.Tasks[i].Name
				}
			}
			return o.Name
		}
	}
	if v < 10 {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%#x", v)
}

// where says what each task that is not at its end would do next.
func (l *Lock) where(k []uint64) (out []string, asleep, running bool) {
	l.open(k)
	for i := range l.threads {
		if l.part(i, l.from[idTasks+i]).ended {
			continue
		}
		t := &l.cur.th[i]
		pc, how := t.pc, "is at"
		if len(t.win) > 0 {
			pc = t.win[0].pc
			if v := &t.views[0]; v.op.Code == cpu.Wait {
				how = "waits at"
				if v.op.Flags&cpu.Sleep != 0 {
					how, asleep = "sleeps at", true
				}
			}
		}
		running = running || how == "is at"
		out = append(out, fmt.Sprintf("%s %s %s", l.cfg.Tasks[i].Name, how, l.site(i, pc)))
	}
	return out, asleep, running
}

// Timeline draws a path: a line a step, two columns a task, what it does to which word
// and the value, and below what the marks in it mean.
func (l *Lock) Timeline(path []Step) string {
	op, val := make([]int, len(l.cfg.Tasks)), make([]int, len(l.cfg.Tasks))
	column := map[string]int{}
	for i, t := range l.cfg.Tasks {
		column[t.Name] = i
		op[i] = len(t.Name)
	}
	for _, s := range path {
		i := column[s.Actor]
		op[i] = max(op[i], utf8.RuneCountInString(s.Op))
		val[i] = max(val[i], utf8.RuneCountInString(s.Value))
	}
	var b strings.Builder
	line := func(head string, at func(i int) (string, string)) {
		text := head
		for i := range op {
			o, v := at(i)
			text += " " + pad(o, op[i]) + " " + pad(v, val[i])
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	line("    ", func(i int) (string, string) { return l.cfg.Tasks[i].Name, "" })
	for n, s := range path {
		line(fmt.Sprintf("%3d ", n+1), func(i int) (string, string) {
			if i == column[s.Actor] {
				return s.Op, s.Value
			}
			return "", ""
		})
	}
	for _, m := range marks {
		if strings.Contains(b.String(), m.mark) {
			b.WriteString("    " + m.means + "\n")
		}
	}
	return b.String()
}

// marks are what a Timeline explains if it has them.
var marks = []struct{ mark, means string }{
	{"↓", "↓, ↑: the load and the store of an atomic op, when others come between"},
	{"(own)", "(own): the value of an older store of the task that has not left it yet"},
	{"guess", "guess: what the core takes a branch, or a store-conditional, to do before it knows"},
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
