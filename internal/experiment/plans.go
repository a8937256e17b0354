package experiment

import (
	"fmt"
	"sync"

	"cohsim/internal/machine"
	"cohsim/internal/mem"
	"cohsim/workloads"
)

// planned is what a workload makes for a point. Runs do not change it: points that
// differ in the machine alone share it, and the seeds of a point, unless its Build
// looked at the seed.
type planned struct {
	key  planKey
	plan *workloads.Plan
	// space has the objects of plan, and init is its Init.
	space *mem.Space
	init  []machine.Word
}

type planKey struct {
	of     string // all but the seed that the plan depends on
	seeded bool
	seed   uint64
}

// plans remembers the latest ones, as far as there is room. Runs ask it at once.
type plans struct {
	mu    sync.Mutex
	known map[planKey]*planned
	order []*planned // the oldest first
	words int
}

// plannedWords is how many initial values plans has room for: with the objects that
// these are in, some 100 MB.
const plannedWords = 1 << 20

func (ps *plans) find(key planKey) *planned {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.known[key]
}

func (ps *plans) add(p *planned) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.known == nil {
		ps.known = map[planKey]*planned{}
	}
	if ps.known[p.key] != nil {
		return // of another run, at the same time
	}
	ps.known[p.key] = p
	ps.order = append(ps.order, p)
	for ps.words += len(p.init); ps.words > plannedWords && len(ps.order) > 1; ps.order = ps.order[1:] {
		delete(ps.known, ps.order[0].key)
		ps.words -= len(ps.order[0].init)
		ps.order[0] = nil
	}
}

// planKey is all but the seed that the plan of a point depends on.
func (p *point) planKey() string {
	return fmt.Sprintf("%s %+v %s %+v %p %v %d %d %v", p.kind.Name, p.cfg.Workload.Params, p.lock.Source.File, p.lock.Options,
		p.layout, p.isa, p.cfg.Run.Threads(), p.cfg.Run.Cores, p.cfg.Machine.Core.ClockMHz)
}

// plan asks the workload what the threads do, on a space of its own, unless it has been
// asked.
func (p *point) plan(seed uint64) (*planned, error) {
	for _, key := range []planKey{{of: p.of}, {p.of, true, seed}} {
		if known := p.plans.find(key); known != nil {
			return known, nil
		}
	}
	made := &planned{space: mem.NewSpace(p.layout)}
	env := &workloads.Env{
		Threads: p.cfg.Run.Threads(), Cores: p.cfg.Run.Cores, Layout: p.layout, Space: made.space, Lock: p.lock, ISA: p.isa, Seed: seed,
		CyclesNS: p.cfg.Machine.Core.Cycles,
	}
	var err error
	if made.plan, err = p.kind.Build(env, p.cfg.Workload.Params); err != nil {
		return nil, err
	}
	for _, w := range made.plan.Init {
		made.init = append(made.init, machine.Word(w))
	}
	if made.key = (planKey{of: p.of}); env.Seeded {
		made.key = planKey{p.of, true, seed}
	}
	if len(made.init) < mostRemembered {
		p.plans.add(made)
	}
	return made, nil
}

// mostRemembered is up to how many words a plan is remembered: larger ones would fill the
// host's memory, and simulating them takes longer than making them.
const mostRemembered = 1 << 16
