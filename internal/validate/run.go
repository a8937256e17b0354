package validate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cohsim/internal/config"
	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/sweep"
	"cohsim/workloads"
)

// Machine is a machine to judge.
type Machine struct {
	Name string   // as points call it
	Ref  string   // a preset's name, or the path of a file
	Set  []string // KEY=VALUE, laid over it
}

// Options say how to run points.
type Options struct {
	Seeds    []int // of every point; nil is [DefaultSeeds]
	Jobs     int
	Progress func(sweep.Progress)
}

// DefaultSeeds are the replicates of a point; its simulated value is their median.
var DefaultSeeds = []int{1, 2, 3, 4, 5}

// Result is one point and what the model says of it.
type Result struct {
	*Point
	Sim      float64 // median over the seeds
	Min, Max float64 // over the seeds
}

// Uncovered is a point that has no result: it was not run, or aborted.
type Uncovered struct {
	*Point
	Why     string
	Aborted bool // at least one of its runs, and Why says how the first of them ended
}

// Plan is what can be run of a points file.
type Plan struct {
	cases     []simCase
	Uncovered []Uncovered
}

// simCase is a point as an experiment of one config.
type simCase struct {
	point *Point
	bench bench
	exp   *experiment.Experiment
}

// NewPlan builds the experiment behind every point whose machine is among those
// given. Parameters and placements that a workload or machine does not know
// are mistakes of the points file, and the error; a machine or a workload that is
// not there at all makes the point uncovered.
func NewPlan(points []Point, machines []Machine, seeds []int) (*Plan, error) {
	if len(seeds) == 0 {
		seeds = DefaultSeeds
	}
	plan := &Plan{}
	var bad config.Diagnostics
	for i := range points {
		p := &points[i]
		m := slices.IndexFunc(machines, func(m Machine) bool { return m.Name == p.Machine })
		if m < 0 {
			plan.Uncovered = append(plan.Uncovered, Uncovered{p, fmt.Sprintf("no machine %q", p.Machine), false})
			continue
		}
		if _, ok := workloads.Find(p.Workload); !ok {
			plan.Uncovered = append(plan.Uncovered, Uncovered{p, fmt.Sprintf("no workload %q", p.Workload), false})
			continue
		}
		b := benchOf(p.Workload)
		exp, err := experiment.LoadText(p.ID, []byte(p.config(machines[m], b, seeds)), experiment.Overrides{Set: machines[m].Set})
		if err != nil {
			bad = append(bad, p.blame(err)...)
			continue
		}
		plan.cases = append(plan.cases, simCase{p, b, exp})
	}
	if len(bad) > 0 {
		return nil, bad
	}
	return plan, nil
}

// config is the experiment behind a point.
func (p *Point) config(m Machine, b bench, seeds []int) string {
	ref := m.Ref
	if strings.HasSuffix(ref, ".toml") {
		if abs, err := filepath.Abs(ref); err == nil {
			ref = abs
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "machine = %q\n[workload]\nkind = %q\n", ref, p.Workload)
	cores := b.threads
	for _, q := range p.Params {
		if q.Name == "threads" {
			if n, ok := q.Value.(int64); ok {
				cores = int(n)
				continue
			}
		}
		fmt.Fprintf(&s, "%s = %s\n", q.Name, tomlValue(q.Value))
	}
	warmup, measure := 10_000, 100_000
	switch {
	case b.finite:
		warmup, measure = 0, 1_000_000_000
		if p.Get("blocks") == nil {
			fmt.Fprintf(&s, "blocks = 8\n") // 2,048 lines
		}
	case p.Get("bytes") != nil: // longer where only a part of the lines is in a cache
		if n, ok := p.Get("bytes").(int64); ok && n > 0 {
			measure = int(min(max(n/64*20, 100_000), 3_000_000))
		}
	}
	fmt.Fprintf(&s, "[run]\ncores = %d\nplacement = %q\nwarmup_ns = %d\nmeasure_ns = %d\nseeds = [", cores, p.Placement, warmup, measure)
	for i, seed := range seeds {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(strconv.Itoa(seed))
	}
	s.WriteString("]\n")
	return s.String()
}

func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	return fmt.Sprint(v)
}

// blame turns mistakes in the config behind a point into mistakes of its row.
// Mistakes of the machine's own file keep their place.
func (p *Point) blame(err error) config.Diagnostics {
	ds, ok := err.(config.Diagnostics)
	if !ok {
		return config.Diagnostics{{At: p.at[colParams], Msg: err.Error()}}
	}
	var out config.Diagnostics
	for _, d := range ds {
		if d.At.Src != nil && d.At.Src.Name != p.ID {
			out = append(out, d)
			continue
		}
		at := p.at[colParams]
		if strings.Contains(d.Msg, "placement") {
			at = p.at[colPlacement]
		}
		out = append(out, config.Diagnostic{At: at, Msg: d.Msg, Note: d.Note})
	}
	return out
}

// ran is what a run of a point came to: a value, 0 if it has none, or why it aborted.
type ran struct {
	value   float64
	aborted string
}

// Run simulates every case of the plan with every seed, in one pool. A run that
// aborts says something about its point, and stops no other.
func (plan *Plan) Run(ctx context.Context, opt Options) ([]Result, []Uncovered, error) {
	if len(plan.cases) == 0 {
		return nil, plan.Uncovered, nil
	}
	seeds := len(plan.cases[0].exp.Seeds)
	values := make([][]float64, len(plan.cases))
	aborted := make([]string, len(plan.cases))
	err := sweep.Run(ctx, len(plan.cases)*seeds, sweep.Options{
		Workers: opt.Jobs, Progress: opt.Progress,
		Cost: func(i int) uint64 { return uint64(plan.cases[i/seeds].exp.Base.Run.Cores) },
	}, func(_ context.Context, i int) (ran, error) {
		v, err := plan.cases[i/seeds].run(i % seeds)
		if a, ok := errors.AsType[*machine.Aborted](err); ok {
			return ran{aborted: a.Why}, nil
		}
		return ran{value: v}, err
	}, func(i int, r ran) error {
		values[i/seeds] = append(values[i/seeds], r.value)
		aborted[i/seeds] = cmp.Or(aborted[i/seeds], r.aborted)
		if (i+1)%seeds == 0 {
			plan.cases[i/seeds].exp.Release()
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	var out []Result
	missing := slices.Clone(plan.Uncovered)
	for i, vs := range values {
		c := &plan.cases[i]
		if aborted[i] != "" {
			missing = append(missing, Uncovered{c.point, aborted[i], true})
			continue
		}
		if slices.Contains(vs, 0) {
			missing = append(missing, Uncovered{c.point, fmt.Sprintf("%s has no %s", c.point.Workload, c.point.Metric.Name), false})
			continue
		}
		slices.Sort(vs)
		mid := vs[len(vs)/2]
		if len(vs)%2 == 0 {
			mid = (vs[len(vs)/2-1] + mid) / 2
		}
		out = append(out, Result{c.point, mid, vs[0], vs[len(vs)-1]})
	}
	return out, missing, nil
}

// run is the point's metric with the k-th seed, 0 if the run has no such number.
func (c *simCase) run(k int) (float64, error) {
	rec, err := c.exp.Simulate(&c.exp.Points[0], c.exp.Seeds[k])
	if err != nil {
		return 0, err
	}
	cfg := c.exp.Points[0].Config
	r := reading{
		clockMHz: float64(cfg.Machine.Core.ClockMHz), bench: c.bench, threads: cfg.Run.Cores,
		get: func(name string) float64 {
			m, _ := rec.Get(name)
			f, _ := m.Value.Float64()
			return f
		},
	}
	v, ok := c.point.Metric.of(&r)
	if !ok {
		return 0, nil
	}
	return v, nil
}
