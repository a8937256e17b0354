package workloads

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// Kind is one workload.
type Kind struct {
	Name  string // as workload.kind in TOML
	Doc   string // one line
	Locks bool   // it runs on Env.Lock; otherwise lock.kind has no effect
	// Params returns a pointer to a new struct of parameters that holds the
	// defaults. Its fields carry the tags toml, doc, min, max and oneof.
	Params func() any
	// Build makes the plan; params is what Params returned, filled in.
	Build func(env *Env, params any) (*Plan, error)
}

// Env is what a workload is built for.
type Env struct {
	Threads int         // run.tasks
	Cores   int         // run.cores: the first so many threads have a core from the start; 0: all
	Layout  *mem.Layout // has been through vmalock.Supplement
	Space   *mem.Space  // empty, for that layout
	Lock    vmalock.Kind
	ISA     cpu.ISA
	Seed    uint64
	// Seeded is set by Build if the plan depends on Seed otherwise than [Bind.Of] tells:
	// it serves no other seed then.
	Seeded bool
	// CyclesNS converts a duration to core cycles, rounded by the machine's rule.
	CyclesNS func(ns float64) int64
}

// Plan is what the threads of a run do.
type Plan struct {
	Programs []Program
	Threads  []Thread // one per Env.Threads, in order
	Library  cpu.Library
	Init     []vmalock.Word        // memory is zero elsewhere
	Walks    []Walk                // what threads have read before the run
	Judge    func() *vmalock.Judge // a new one; nil if no program has ghosts
	Ops      []string              // regions that count as operations
}

// Walk is lines that a thread alone has read before the run, in that order.
type Walk struct {
	Thread int
	Lines  []uint64
}

// Program is a main program with the values of its parameters.
type Program struct {
	Text   string    // of the main program, "" if it is Main
	Main   *cpu.Proc // nil if it is Text: who has linked that text before need not parse it
	Params map[string]int64
}

// Proc is the main program.
func (p *Program) Proc() *cpu.Proc {
	if p.Main != nil {
		return p.Main
	}
	return mainProc(p.Text)
}

// Thread is one thread: which program it runs, and its registers at the start.
type Thread struct {
	Program int      // index into Plan.Programs
	Task    mem.Addr // its task_struct, for register task
	Bind    []Bind
}

// Bind is the initial value of a role or input of the main program.
type Bind struct {
	Name   string
	Value  uint64
	random bool // Value is the number of a stream
}

// Of is the value in a run with a seed.
func (b *Bind) Of(seed uint64) uint64 {
	if b.random {
		return stream(seed, int(b.Value))
	}
	return b.Value
}

var kinds []Kind

func define(k Kind) Kind {
	kinds = append(kinds, k)
	return k
}

// Kinds lists every workload by name.
func Kinds() []Kind {
	out := slices.Clone(kinds)
	slices.SortFunc(out, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Find looks a kind up by its name.
func Find(name string) (Kind, bool) {
	for _, k := range kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// stream starts a stream of random numbers, one of each thread and further ones. What
// is made of it serves this seed alone; for registers there is [Thread.bindStream].
func (e *Env) stream(n int) uint64 {
	e.Seeded = true
	return stream(e.Seed, n)
}

func stream(seed uint64, n int) uint64 {
	x := cpu.Op{Code: cpu.ALU, Fn: cpu.Mix}
	return x.Eval(x.Eval(seed, 0)^uint64(n), 0)
}

// need reports an error unless the workload gets enough threads.
func (e *Env) need(kind string, threads int) error {
	if e.Threads < threads {
		return fmt.Errorf("workload %q takes at least %d threads, and there are %d: run.tasks, or run.cores", kind, threads, e.Threads)
	}
	return nil
}

// exactly reports an error unless the workload gets that many threads.
func (e *Env) exactly(kind string, threads int) error {
	if e.Threads != threads {
		return fmt.Errorf("workload %q takes exactly %d threads, and there are %d: run.tasks, or run.cores", kind, threads, e.Threads)
	}
	return nil
}
