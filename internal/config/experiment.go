package config

import (
	"cohsim/internal/machine"
	"cohsim/internal/mem"
	"cohsim/internal/report"
)

// Config is everything that decides the result of one run, apart from its seed.
type Config struct {
	Machine  machine.Config
	Workload Choice
	Lock     Choice
	// Layouts lie over the lock's default layout, in this order.
	Layouts []Layout
	Run     Run
}

// Choice is a kind picked by name and the parameters that the kind takes.
type Choice struct {
	Kind   string
	Params any // pointer to the kind's own struct; nil if it takes none
}

// Layout is one layout that the experiment names.
type Layout struct {
	Ref    string // as written: a shipped name, or a path
	Layout *mem.Layout
}

// Run says how long and where.
type Run struct {
	Cores     int    `toml:"cores" min:"1" doc:"hardware threads that take part"`
	Tasks     int    `toml:"tasks" min:"0" max:"100000" doc:"threads of the workload, dealt out to the cores in turn; 0 is one per core"`
	Placement string `toml:"placement" doc:"which threads: a name from the machine's [placements], taken from its front; empty takes threads 0, 1, 2, …"`
	WarmupNS  int    `toml:"warmup_ns" min:"0" max:"1000000000000" doc:"simulated time before counting starts"`
	MeasureNS int    `toml:"measure_ns" min:"1" max:"1000000000000" doc:"simulated time during which operations are counted, on every core"`
	Seeds     []int  `toml:"seeds" min:"0" doc:"one replicate of every point for each seed"`
	ChaosNS   int    `toml:"chaos_ns" min:"0" max:"1000000" doc:"delay every message by up to so much more, at random, so that rare orders of messages become common; 0 does not"`
	// Check and Engine are left out of the dump, because they must make no
	// difference to the bytes.
	Check       string `toml:"check" oneof:"off sample full" dump:"-" doc:"assert that one cache writes or many read, and that copies are equal: never, after one message in 256, or after each, and then also the value of every load; the laws of locks are judged unless it is never"`
	Engine      string `toml:"engine" oneof:"runahead reference" dump:"-" doc:"run private work ahead of the global clock, or take one event per operation; both give the same results"`
	LimitCycles int    `toml:"limit_cycles" min:"0" doc:"abort a run after so many cycles; 0 stops at the end of the window"`
}

// DefaultRun is a short run on the whole machine's first core.
func DefaultRun() Run {
	return Run{Cores: 1, WarmupNS: 20_000, MeasureNS: 200_000, Seeds: []int{1}, Check: "sample", Engine: "runahead"}
}

// Threads is how many threads the workload has.
func (r Run) Threads() int {
	if r.Tasks == 0 {
		return r.Cores
	}
	return r.Tasks
}

// Problems checks what tags cannot say.
func (r Run) Problems() []string {
	if len(r.Seeds) == 0 {
		return []string{"seeds: a run needs at least one seed"}
	}
	seen := map[int]bool{}
	for _, s := range r.Seeds {
		if seen[s] {
			return []string{"seeds: a seed stands twice; a replicate of a replicate says nothing new"}
		}
		seen[s] = true
	}
	return nil
}

// Experiment is a config file with everything that it names.
type Experiment struct {
	Name string
	Doc  string
	Path string // of the file, as it was given
	// Base is the config that the axes vary. Where an axis sets a key at every
	// point, the key's value here is never used.
	Base     *Config
	Points   []Point // what is to be run, once for each seed, in the order of the axes
	Seeds    []int
	Axes     []Axis
	Excludes []Exclude
	Reports  []report.Spec       // of [report] or [[report]]
	Figures  []report.FigureSpec // of [figure] or [[figure]]
	Warnings Diagnostics         // what can be run and is hardly meant

	root   *Node // the file with --set laid over it
	loader *loader
}

// Axis is one dimension of a sweep.
type Axis struct {
	Name    string // a key, "run.cores", or the name of an axis of variants
	Variant bool
	Values  []AxisValue
	at      Span
	fixed   bool // to one value, by --set
}

// AxisValue is one value of an axis: a label and the keys it sets.
type AxisValue struct {
	// Label is the value in a result's point: int64, float64, string or bool.
	Label any
	sets  []setting
	at    Span
}

// setting is one key that an axis value sets.
type setting struct {
	path []string
	node *Node
}

// Exclude leaves out every point that has one of the values given for each of
// the axes named.
type Exclude struct {
	terms []term
	at    Span
}

type term struct {
	axis   int
	labels []any
}
