package machine

import (
	"slices"

	"cohsim/cpu"
	"cohsim/internal/stats"
)

// ProgramCycles is where the threads of one program spent the measured span.
type ProgramCycles struct {
	Program *cpu.Program
	Threads int
	Ops     []stats.CauseCycles // per op of the program
	Between stats.CauseCycles   // charged to none: fetch, the end of the program
	Holdups []cpu.Holdup        // what ops waited for each other
}

// hold adds times × h to the record of its pair.
func (p *ProgramCycles) hold(h cpu.Holdup, times uint64) {
	for i := range p.Holdups {
		if q := &p.Holdups[i]; q.Op == h.Op && q.By == h.By {
			q.Held += times * h.Held
			q.Stall += times * h.Stall
			return
		}
	}
	p.Holdups = append(p.Holdups, cpu.Holdup{Op: h.Op, By: h.By, Held: times * h.Held, Stall: times * h.Stall})
}

// opCycles sums what has been charged to each op so far over the threads that
// share a program. Programs are in the order of the first thread that runs them.
func (m *Machine) opCycles() []ProgramCycles {
	var out []ProgramCycles
	index := map[*cpu.Program]int{} // looked up, never iterated
	for i := range m.threads {
		m.threads[i].core.Programs(func(prog *cpu.Program, tasks int, cycles []stats.CauseCycles, holdups []cpu.Holdup) {
			k, ok := index[prog]
			if !ok {
				k = len(out)
				index[prog] = k
				out = append(out, ProgramCycles{Program: prog, Ops: make([]stats.CauseCycles, len(prog.Ops))})
			}
			p := &out[k]
			p.Threads += tasks
			for op := range p.Ops {
				plus(&p.Ops[op], &cycles[op], 1)
			}
			plus(&p.Between, &cycles[len(p.Ops)], 1)
			for _, h := range holdups {
				p.hold(h, 1)
			}
		})
	}
	return out
}

// sinceCycles is what was charged after before was taken.
func (m *Machine) sinceCycles(before []ProgramCycles) []ProgramCycles {
	after := m.opCycles()
	for k := range after {
		p, b := &after[k], &before[k]
		for op := range p.Ops {
			plus(&p.Ops[op], &b.Ops[op], ^uint64(0))
		}
		plus(&p.Between, &b.Between, ^uint64(0))
		for _, h := range b.Holdups {
			p.hold(h, ^uint64(0))
		}
	}
	return after
}

// plus adds times × c; all ones is minus one.
func plus(to, c *stats.CauseCycles, times uint64) {
	for i := range c {
		to[i] += times * c[i]
	}
}

// Plus is the sum of two runs of one program.
func (p *ProgramCycles) Plus(o *ProgramCycles) ProgramCycles {
	sum := ProgramCycles{Program: p.Program, Threads: p.Threads, Ops: make([]stats.CauseCycles, len(p.Ops)), Between: p.Between, Holdups: slices.Clone(p.Holdups)}
	for op := range sum.Ops {
		sum.Ops[op] = p.Ops[op]
		plus(&sum.Ops[op], &o.Ops[op], 1)
	}
	plus(&sum.Between, &o.Between, 1)
	for _, h := range o.Holdups {
		sum.hold(h, 1)
	}
	return sum
}
