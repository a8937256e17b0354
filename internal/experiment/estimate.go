package experiment

import (
	"cmp"
	"runtime"
	"slices"
	"time"

	"cohsim/internal/machine"
)

const (
	probes      = 24                    // runs that Estimate tries
	probeShare  = 50                    // of a run's simulated time: so small a part is tried first
	probeTime   = 20 * time.Millisecond // and a larger one if that takes the host less than this
	probeBudget = 2 * time.Second       // after this the rest is inferred
)

var processStart = time.Now()

// Estimate guesses how much time of a CPU of this host the runs of the plan in todo
// take together, and how long they take, jobs at a time (0: one per CPU), if nobody
// else wants the CPUs. It tries a small part of some of them.
func (e *Experiment) Estimate(todo []int, jobs int) (cpu, wall time.Duration) {
	if len(todo) == 0 {
		return 0, 0
	}
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	byCost := slices.Clone(todo)
	slices.SortStableFunc(byCost, func(a, b int) int { return cmp.Compare(e.cost(b), e.cost(a)) })
	var longest, known time.Duration
	stride := max(1, len(byCost)/probes)
	begin, last := time.Now(), 0
	for k, i := range byCost {
		if k == 0 || k%stride == 0 && time.Since(begin) < probeBudget {
			known, last = e.probe(i), i
		}
		took := time.Duration(float64(known) * float64(e.cost(i)) / float64(max(1, e.cost(last))))
		cpu += took
		longest = max(longest, took)
	}
	return cpu, max(longest, cpu/time.Duration(jobs))
}

// probe infers how long run i takes from its first part.
func (e *Experiment) probe(i int) time.Duration {
	p, seed := e.run(i)
	took := func(ns float64) time.Duration {
		begin := cpuTime()
		setup, err := e.points[p.Config].setup(seed)
		if err != nil {
			return 0 // Load has built the same
		}
		setup.WarmupNS, setup.MeasureNS, setup.StuckNS = 0, ns, 0
		_, _ = machine.Simulate(setup) // a part may well end without an operation: that is no matter here
		return cpuTime() - begin
	}
	build := min(took(1), took(1)) // the first of all is slower
	total := float64(p.Config.Run.WarmupNS + p.Config.Run.MeasureNS)
	for part := total / probeShare; ; part *= 4 {
		part = min(part, total)
		if t := max(0, took(part)-build); t >= probeTime || part == total {
			return build + time.Duration(float64(t)*total/part)
		}
	}
}
