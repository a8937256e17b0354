package litmus

import (
	"fmt"
	"maps"
	"slices"

	"cohsim/cpu"
	"cohsim/internal/check"
)

// Options say how a test is explored.
type Options struct {
	Model     *cpu.Model // nil: that of the test's architecture
	Window    int        // ops in flight in a thread that loops; 0 is check.DefaultWindow
	MaxStates int        // give up beyond; 0 is no limit
	Witness   bool       // stop at the first outcome that meets the condition
}

// Result is what exploring a test found.
type Result struct {
	Test     *Test
	Model    *cpu.Model
	Outcomes []Outcome // sorted
	Positive int       // outcomes that meet the condition
	States   int64
	Window   int          // see Options.Window; 0 if no thread loops
	Path     []check.Step // Witness: how the condition comes to be met
	meets    map[Outcome]bool
}

// Meets says whether one of the outcomes meets the test's condition.
func (r *Result) Meets(o Outcome) bool { return r.meets[o] }

// Observation is the classic word for how often the condition is met.
func (r *Result) Observation() string {
	switch r.Positive {
	case 0:
		return "Never"
	case len(r.Outcomes):
		return "Always"
	}
	return "Sometimes"
}

// Holds says whether the test's claim is true: an "exists" is met by some outcome,
// a "~exists" by none, a "forall" by all.
func (r *Result) Holds() bool {
	switch r.Test.Quant {
	case "~exists":
		return r.Positive == 0
	case "forall":
		return r.Positive == len(r.Outcomes)
	}
	return r.Positive > 0
}

// lineBytes keeps locations in lines of their own.
const lineBytes = 64

// addresses places the locations of a test.
func (t *Test) addresses() []uint64 {
	var as []uint64
	for i := range t.Locs {
		as = append(as, 0x10000+uint64(i)*lineBytes)
	}
	return as
}

// Loops says that some thread jumps backward.
func (t *Test) Loops() bool {
	for _, th := range t.Threads {
		for i, op := range th.Ops {
			if op.Code == cpu.Branch && int(op.Off) <= i {
				return true
			}
		}
	}
	return false
}

// Run explores every execution of the test.
func (t *Test) Run(o Options) (*Result, error) {
	if o.Model == nil {
		o.Model = t.Model()
	}
	if o.Window == 0 {
		o.Window = check.DefaultWindow
	}
	addr := t.addresses()
	cfg := check.LitmusConfig{Model: o.Model, Addr: addr, Window: o.Window}
	for _, l := range t.Locs {
		cfg.Init = append(cfg.Init, t.Word(l.Init))
		cfg.Names = append(cfg.Names, l.Name)
	}
	for i := range t.Threads {
		th := &t.Threads[i]
		regs := map[cpu.Reg]uint64{}
		for _, r := range th.Init {
			regs[r.Reg] = uint64(r.Value)
			if r.Loc >= 0 {
				regs[r.Reg] = addr[r.Loc]
			}
		}
		cfg.Threads = append(cfg.Threads, check.LitmusThread{Ops: th.Ops, Regs: regs, Text: th.Text})
	}
	for _, v := range t.Observe {
		cfg.Observe = append(cfg.Observe, check.Observed{Thread: v.Thread, Reg: v.Reg, Word: v.Loc})
	}
	meets := func(out []uint64) bool {
		return t.Cond.holds(func(v Var) int64 {
			return t.number(out[slices.IndexFunc(t.Observe, func(w Var) bool { return w.Thread == v.Thread && w.Name == v.Name })])
		}, addr)
	}
	if o.Witness {
		cfg.Forbidden = meets
	}
	sys, err := check.NewLitmus(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	found, err := check.Explore(sys, check.Options{NoLiveness: true, MaxStates: o.MaxStates})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	r := &Result{Test: t, Model: o.Model, States: found.States}
	if t.Loops() {
		r.Window = o.Window
	}
	if found.Violation != nil {
		r.Path = found.Violation.Path
	}
	r.meets = map[Outcome]bool{}
	for _, out := range sys.Outcomes() {
		s := t.OutcomeOf(out, addr)
		if !r.meets[s] && meets(out) {
			r.Positive++
		}
		r.meets[s] = meets(out)
	}
	r.Outcomes = slices.Sorted(maps.Keys(r.meets))
	if len(r.Outcomes) == 0 && !o.Witness {
		return nil, fmt.Errorf("%s: no execution ends", t.Name)
	}
	return r, nil
}

// OutcomeOf writes the values of what is observed; addr holds where the locations lie.
func (t *Test) OutcomeOf(vals []uint64, addr []uint64) Outcome {
	var parts []string
	for i, v := range t.Observe {
		s := fmt.Sprint(t.number(vals[i]))
		if l := slices.Index(addr, vals[i]); l >= 0 {
			s = t.Locs[l].Name
		}
		parts = append(parts, fmt.Sprintf("%v=%s", v, s))
	}
	return outcomeOf(parts)
}
