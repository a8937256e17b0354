package experiment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cohsim/internal/config"
	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

// Options tune a run; the zero value is useful.
type Options struct {
	Jobs     int                  // runs at a time; 0 is one per host CPU
	Progress func(sweep.Progress) // see sweep.Options
	// Cost is told what the checks of run.check cost, if it is not nil.
	Cost *CheckCost
	// Detail keeps what a document has no place for, see [PointResult].
	Detail bool
}

// CheckCost is what asserting coherence cost the host: never the results.
type CheckCost struct {
	machine.Checked
	Runs time.Duration // all runs, the checks included
}

// PointResult is what a run says beyond its metrics.
type PointResult struct {
	Point  *config.Point
	Seed   int
	Lines  []machine.LineReport // contended lines, most costly first
	Ops    uint64               // operations completed in the measured span
	Cycles uint64               // of all cores in it
	// Programs are the cycles of each op of each program.
	Programs []machine.ProgramCycles
}

// RunError is a run that failed.
type RunError struct {
	Experiment *Experiment
	Point      *config.Point
	Seed       int
	Err        error // *machine.Aborted, *machine.Bug, or what made the run impossible; it names the seed
}

func (e *RunError) Error() string {
	if s := e.Point.String(); s != "" {
		return "at the point " + s + ", " + e.Err.Error()
	}
	return e.Err.Error()
}

func (e *RunError) Unwrap() error { return e.Err }

// outcome is what one job hands back: small, because results wait for their turn.
type outcome struct {
	record  report.Record
	detail  PointResult
	checked machine.Checked
	took    time.Duration
}

// Run simulates every point with every seed. It stops at the first failure, in
// the order of the points; details are nil unless asked for.
func (e *Experiment) Run(ctx context.Context, opt Options) (*report.Document, []PointResult, error) {
	resolved, err := e.Resolved().MarshalJSON()
	if err != nil {
		return nil, nil, err
	}
	doc := &report.Document{Engine: machine.Engine, Config: resolved, ConfigHash: e.Hash()}
	var details []PointResult
	seeds := len(e.Seeds)
	err = sweep.Run(ctx, len(e.Points)*seeds, sweep.Options{
		Workers: opt.Jobs, Progress: opt.Progress,
		Cost: func(i int) uint64 { return cost(e.Points[i/seeds].Config) },
	}, func(_ context.Context, i int) (outcome, error) {
		return e.simulate(&e.Points[i/seeds], e.Seeds[i%seeds], opt.Detail)
	}, func(_ int, o outcome) error {
		doc.Records = append(doc.Records, o.record)
		if c := opt.Cost; c != nil {
			c.Lines += o.checked.Lines
			c.Values += o.checked.Values
			c.HostNS += o.checked.HostNS
			c.Runs += o.took
		}
		if opt.Detail {
			details = append(details, o.detail)
		}
		return nil
	})
	if err != nil {
		var p *sweep.PanicError
		if errors.As(err, &p) { // outside the machine, which recovers its own
			err = &RunError{e, &e.Points[p.Index/seeds], e.Seeds[p.Index%seeds],
				&machine.Bug{What: fmt.Sprintf("seed %d: %v", e.Seeds[p.Index%seeds], p.Value), Stack: string(p.Stack)}}
		}
		return nil, nil, err
	}
	return doc, details, nil
}

// cost estimates the work of a run.
func cost(cfg *config.Config) uint64 {
	return uint64(cfg.Run.Cores) * uint64(cfg.Run.WarmupNS+cfg.Run.MeasureNS)
}

// Simulate runs one point with one seed. The error is a [*RunError].
func (e *Experiment) Simulate(p *config.Point, seed int) (report.Record, error) {
	out, err := e.simulate(p, seed, false)
	return out.record, err
}

// simulate is one job.
func (e *Experiment) simulate(p *config.Point, seed int, detail bool) (outcome, error) {
	fail := func(err error) (outcome, error) { return outcome{}, &RunError{e, p, seed, err} }
	setup, err := e.points[p.Config].setup(seed)
	if err != nil {
		return fail(&machine.Bug{What: fmt.Sprintf("seed %d: %v", seed, err)}) // Load has built the same
	}
	setup.PerOp = detail
	start := time.Now()
	setup.Clock = func() int64 { return int64(time.Since(start)) }
	res, err := machine.Simulate(setup)
	if err != nil {
		return fail(err)
	}
	out := outcome{checked: res.Checked, took: time.Since(start), record: report.Record{Seed: uint64(seed), Metrics: res.Run.Readings(absent(p.Config)...)}}
	for _, l := range p.Labels {
		v, err := report.ScalarOf(l.Value)
		if err != nil {
			return fail(&machine.Bug{What: err.Error()})
		}
		out.record.Point = append(out.record.Point, report.Axis{Name: l.Axis, Value: v})
	}
	if detail {
		total := &res.Run.Total
		out.detail = PointResult{p, seed, res.Lines, total.Ops.Latency.Count(), total.CPU.Total, res.Programs}
	}
	return out, nil
}

// absent are the prefixes of metrics about what the machine does not have.
func absent(cfg *config.Config) []string {
	var out []string
	if cfg.Machine.L2.Bytes == 0 {
		out = append(out, "l2.")
	}
	if cfg.Machine.LLC.Bytes == 0 {
		out = append(out, "llc.")
	}
	if cfg.Machine.Directory.Entries == 0 {
		out = append(out, "coh.recall")
	}
	return out
}
