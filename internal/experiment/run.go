package experiment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
	// Detail keeps what a document has no place for, see [PointResult]. It is not
	// in records either, so that every run is simulated.
	Detail bool
	// Shard chooses a part of the runs.
	Shard sweep.Shard
	// Archive, of this experiment's [Experiment.Plan], has the records of runs that
	// need not be simulated again, and takes those of runs that are.
	Archive *Archive
}

// CheckCost is what asserting coherence and judging locks cost the host: never the results.
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

// head is a document without records.
func (e *Experiment) head() (report.Document, error) {
	resolved, err := e.Resolved().MarshalJSON()
	return report.Document{Engine: machine.Engine, Config: resolved, ConfigHash: e.Hash()}, err
}

// Plan lists the runs of the experiment, each with the key of its record.
func (e *Experiment) Plan() (*Plan, error) {
	head, err := e.head()
	if err != nil {
		return nil, err
	}
	p := &Plan{Schema: planSchema, Engine: head.Engine, Name: e.Name, Config: head.Config, ConfigHash: head.ConfigHash, Command: e.Command, Reports: e.Reports, Figures: e.Figures}
	for i := range e.Points {
		identity, err := e.identity(&e.Points[i])
		if err != nil {
			return nil, err
		}
		axes := Axes(&e.Points[i])
		for _, seed := range e.Seeds {
			p.Runs = append(p.Runs, PlannedRun{Key: runKey(head.Engine, identity, uint64(seed)), Point: axes, Seed: uint64(seed)})
		}
	}
	return p, nil
}

// Todo are the runs that [Experiment.Run] would simulate, as indices into the runs
// of the plan.
func (e *Experiment) Todo(opt Options) []int {
	var todo []int
	for i := range len(e.Points) * len(e.Seeds) {
		stored := opt.Archive != nil && opt.Archive.records[i] != nil
		if opt.Shard.Has(i) && (opt.Detail || !stored) {
			todo = append(todo, i)
		}
	}
	return todo
}

// run is the point and the seed of run i of the plan.
func (e *Experiment) run(i int) (*config.Point, int) {
	return &e.Points[i/len(e.Seeds)], e.Seeds[i%len(e.Seeds)]
}

// RunName says which run of the plan i is, for people.
func (e *Experiment) RunName(i int) string {
	p, seed := e.run(i)
	if len(e.Seeds) == 1 {
		return p.String()
	}
	return strings.TrimSpace(fmt.Sprintf("%s seed %d", p, seed))
}

// Run simulates every point with every seed, but what opt leaves out. It stops at
// the first failure, in the order of the points; details are nil unless asked for.
// The document has the records that there are then, those of the archive included.
// A record that cannot be stored is a [*StoreError].
func (e *Experiment) Run(ctx context.Context, opt Options) (*report.Document, []PointResult, error) {
	records := make([]*report.Record, len(e.Points)*len(e.Seeds))
	var head report.Document
	var err error
	if a := opt.Archive; a != nil {
		head, records = a.Plan.head(), a.records
	} else if head, err = e.head(); err != nil {
		return nil, nil, err
	}
	var details []PointResult
	todo := e.Todo(opt)
	err = sweep.Run(ctx, len(todo), sweep.Options{
		Workers: opt.Jobs, Progress: opt.Progress,
		Cost: func(k int) uint64 { return e.cost(todo[k]) },
	}, func(_ context.Context, k int) (outcome, error) {
		p, seed := e.run(todo[k])
		out, err := e.simulate(p, seed, opt.Detail)
		if err != nil || opt.Archive == nil {
			return out, err
		}
		return out, opt.Archive.keep(todo[k], &out.record)
	}, func(k int, o outcome) error {
		records[todo[k]] = &o.record
		if c := opt.Cost; c != nil {
			c.Lines += o.checked.Lines
			c.Values += o.checked.Values
			c.HostNS += o.checked.HostNS
			c.Events += o.checked.Events
			c.JudgeNS += o.checked.JudgeNS
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
			point, seed := e.run(todo[p.Index])
			err = &RunError{e, point, seed, &machine.Bug{What: fmt.Sprintf("seed %d: %v", seed, p.Value), Stack: string(p.Stack)}}
		}
		return nil, nil, err
	}
	return document(head, records), details, nil
}

// cost weighs the work of run i of the plan.
func (e *Experiment) cost(i int) uint64 {
	p, _ := e.run(i)
	return uint64(p.Config.Run.Cores) * uint64(p.Config.Run.WarmupNS+p.Config.Run.MeasureNS)
}

// Simulate runs one point with one seed. The error is a [*RunError].
func (e *Experiment) Simulate(p *config.Point, seed int) (report.Record, error) {
	out, err := e.simulate(p, seed, false)
	return out.record, err
}

// simulate is one job.
func (e *Experiment) simulate(p *config.Point, seed int, detail bool) (outcome, error) {
	fail := func(err error) (outcome, error) { return outcome{}, &RunError{e, p, seed, err} }
	start := time.Now()
	m, err := e.build(p, seed, detail)
	if err != nil {
		return fail(err)
	}
	res, err := m.Simulate()
	if err != nil {
		return fail(err)
	}
	e.used.give(m)
	out := outcome{checked: res.Checked, took: time.Since(start), record: report.Record{Point: Axes(p), Seed: uint64(seed), Metrics: res.Run.Readings(absent(p.Config)...)}}
	if detail {
		total := &res.Run.Total
		out.detail = PointResult{p, seed, res.Lines, total.Ops.Latency.Count(), total.CPU.Total, res.Programs}
	}
	return out, nil
}

// build makes the machine of a run, of one that is done with if there is any.
func (e *Experiment) build(p *config.Point, seed int, detail bool) (*machine.Machine, error) {
	setup, err := e.points[p.Config].setup(seed)
	if err != nil {
		return nil, &machine.Bug{What: fmt.Sprintf("seed %d: %v", seed, err)} // Load has built the same
	}
	start := time.Now()
	setup.PerOp, setup.Clock = detail, func() int64 { return int64(time.Since(start)) }
	setup.From = e.used.take()
	return machine.New(setup)
}

// machines are those of runs that are over, at most one for each worker: the next
// runs' are built from them.
type machines struct {
	mu   sync.Mutex
	idle []*machine.Machine
}

// take is one of them, nil if there is none.
func (u *machines) take() *machine.Machine {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.idle) - 1
	if n < 0 {
		return nil
	}
	m := u.idle[n]
	u.idle = u.idle[:n]
	return m
}

func (u *machines) give(m *machine.Machine) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle = append(u.idle, m)
}

// Release gives back the memory of machines that runs are over on. Whoever holds many
// experiments calls it when one is done; later runs are as before.
func (e *Experiment) Release() {
	e.used.mu.Lock()
	defer e.used.mu.Unlock()
	e.used.idle = nil
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
