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

// plans remembers the latest ones: a few, because they may be large. Runs ask it at once.
type plans struct {
	mu     sync.Mutex
	latest [8]*planned
	oldest int
}

func (ps *plans) find(key planKey) *planned {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.latest {
		if p != nil && p.key == key {
			return p
		}
	}
	return nil
}

func (ps *plans) add(p *planned) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.latest[ps.oldest] = p
	ps.oldest = (ps.oldest + 1) % len(ps.latest)
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
	p.plans.add(made)
	return made, nil
}
