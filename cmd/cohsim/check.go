package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/check"
	"cohsim/internal/report"
	"cohsim/internal/structs"
	"cohsim/vmalock"
)

type checkFlags struct {
	models                      []string
	isa                         string
	readers, writers, detachers int
	rounds                      int
	scenario, mutant            string
	mmapLock                    string
	window, maxStates           int
	unreduced                   bool
	format                      string
}

func checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [LOCK]...",
		Short: "Explore everything that tasks can do with a lock under a memory model",
		Long: `Check explores every interleaving of a few tasks that use a lock, and every
reordering of their memory accesses that the memory model allows. It runs the very
micro-op programs that the simulated cores run, and holds every step to the laws that
runs are judged by: readers and writers exclude each other, reference counts move along
legal edges only, nobody touches memory after giving it back, no wake-up is lost, and
from everywhere all tasks can still come to their ends.

LOCK is the name of a lock (cohsim list locks) or a .uop file of your own; without one
every lock is checked. A reader takes a page fault; a writer changes the VMA that it
faults in; a detacher unmaps it, frees it, and makes its memory a VMA of another mm.
Each does so once (--rounds). mmap_lock is an atomic lock here and the tree one word.

A broken law ends the exploration with a shortest story of how it comes about: one line
a step, two columns a task, what it does to which word and the value. Exit code 1. With
--mutant it is the other way round: the mistake is caught, and the exit code 0, if a law
breaks, and 1 if none does.`,
		Example: `  cohsim check                                   # every lock, every model
  cohsim check vm_refcnt --model tso --readers 2 --writers 1
  cohsim check vm_refcnt --mutant relaxed-read-cas   # a known mistake, and its story
  cohsim check --mutant all                      # must all be caught
  cohsim check ./my-lock.uop`,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range []string{"readers", "writers", "detachers"} {
				if n, _ := cmd.Flags().GetInt(name); n < 0 && cmd.Flags().Changed(name) {
					return usage("--%s %d: allowed are 0 and more", name, n)
				}
			}
			return f.run(cmd, args)
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.models, "model", nil, "`M`: sc, tso or armv8; repeatable (default: all)")
	fl.StringVar(&f.isa, "isa", "", "x86-64, arm64-lse or arm64-llsc (default: x86-64, on armv8 arm64-lse)")
	fl.IntVar(&f.readers, "readers", -1, "tasks that fault (default 3 on sc, 2 on tso, 1 on armv8)")
	fl.IntVar(&f.writers, "writers", -1, "tasks that write-lock the VMA (default 1)")
	fl.IntVar(&f.detachers, "detachers", -1, "tasks that unmap it (default 0 on sc, 1 on tso and armv8)")
	for _, name := range []string{"readers", "writers", "detachers"} {
		fl.Lookup(name).DefValue = "0" // help says what -1 stands for
	}
	fl.IntVar(&f.rounds, "rounds", 1, "rounds of each reader and writer")
	fl.StringVar(&f.scenario, "scenario", "", "what the tasks do: "+strings.Join(check.ScenarioNames(), ", ")+" (default depends on the lock)")
	fl.StringVar(&f.mutant, "mutant", "", "check with a known mistake: its `NAME`, all, or list")
	fl.StringVar(&f.mmapLock, "mmap-lock", "atomic", "atomic, or full: the programs of the semaphore itself, for small sizes")
	fl.IntVar(&f.window, "window", 0, "ops of a task in flight, which bounds how far accesses are reordered (default: all on sc and tso, 8 on armv8)")
	fl.IntVar(&f.maxStates, "max-states", 50_000_000, "give up beyond")
	fl.BoolVar(&f.unreduced, "unreduced", false, "explore every step of every task, also those that no other can see")
	fl.StringVar(&f.format, "format", "table", "table, markdown, csv or json")
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, args []string) error {
	if !slices.Contains([]string{"table", "markdown", "csv", "json"}, f.format) {
		return usage("--format %s: allowed are table, markdown, csv, json", f.format)
	}
	if f.mutant == "list" {
		return f.listMutants(cmd.OutOrStdout())
	}
	var reqs []check.LockRequest
	var err error
	switch {
	case f.mutant != "":
		reqs, err = f.mutants(args)
	default:
		reqs, err = f.requests(args)
	}
	if err != nil {
		return err
	}
	var reports []*check.LockReport
	for _, req := range reqs {
		what := req.Lock.Name
		if req.Mutant != nil {
			what = req.Mutant.Name
		}
		req.Progress = func(states, transitions int64) {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s: %d states, %d steps so far\n", what, req.Model.Name, states, transitions)
		}
		r, err := check.CheckLock(req)
		switch {
		case errors.Is(err, check.ErrTooBig):
			fmt.Fprintf(cmd.ErrOrStderr(), "cohsim check: %s: undecided after %d states; fewer tasks, or --max-states\n", what, f.maxStates)
			return exitCode(exitAborted)
		case err != nil:
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s: search %.3f s, liveness %.3f s, %.1f MB\n", what, req.Model.Name,
			r.Host.Search.Seconds(), r.Host.Liveness.Seconds(), float64(r.Host.Bytes)/1e6)
		reports = append(reports, r)
	}
	if err := write(cmd.OutOrStdout(), func(w io.Writer) error { return f.write(w, reports) }); err != nil {
		return err
	}
	return exited(f.verdict(reports))
}

// verdict is the exit code: a check fails that breaks a law, and one of a known mistake
// that breaks none. In a scenario that asks a question a broken law is an answer.
func (f *checkFlags) verdict(reports []*check.LockReport) int {
	for _, r := range reports {
		broken := r.Law != ""
		if known := r.Mutant != ""; broken == known || check.IsQuestion(r.Scenario) && !known {
			continue
		}
		return exitFailed
	}
	return exitOK
}

// requests are the checks that the command line asks for.
func (f *checkFlags) requests(args []string) ([]check.LockRequest, error) {
	locks, err := checkLocks(args)
	if err != nil {
		return nil, err
	}
	models := cpu.Models()
	if len(f.models) > 0 {
		models = nil
		for _, name := range f.models {
			m := cpu.ModelByName(name)
			if m == nil {
				var names []string
				for _, m := range cpu.Models() {
					names = append(names, m.Name)
				}
				return nil, oneOf("memory model", name, names)
			}
			models = append(models, m)
		}
	}
	var reqs []check.LockRequest
	for _, l := range locks {
		for _, m := range models {
			req := check.DefaultLockRequest(l, m)
			if err := f.fill(&req); err != nil {
				return nil, err
			}
			reqs = append(reqs, req)
		}
	}
	return reqs, nil
}

// fill sets what flags say.
func (f *checkFlags) fill(req *check.LockRequest) error {
	if f.scenario != "" {
		if !slices.Contains(check.ScenarioNames(), f.scenario) {
			return oneOf("scenario", f.scenario, check.ScenarioNames())
		}
		req.Scenario = f.scenario
		if !check.Detaches(f.scenario) {
			if f.detachers > 0 {
				return usage("--detachers %d: the scenario %s has nothing to detach; leave the flag out", f.detachers, f.scenario)
			}
			req.Detachers = 0
		}
	}
	for _, n := range []struct {
		flag string
		is   int
		set  *int
	}{{"readers", f.readers, &req.Readers}, {"writers", f.writers, &req.Writers}, {"detachers", f.detachers, &req.Detachers}} {
		if n.is >= 0 {
			*n.set = n.is
		}
		if *n.set > check.MaxLockTasks {
			return usage("--%s %d: at most %d", n.flag, *n.set, check.MaxLockTasks)
		}
	}
	if req.Readers+req.Writers+req.Detachers == 0 {
		return usage("--readers, --writers and --detachers are all 0: there is nothing to check")
	}
	if f.isa != "" {
		isa, err := cpu.ParseISA(f.isa)
		if err != nil {
			return usage("--isa: %v", err)
		}
		req.ISA = isa
	}
	if req.ISA == cpu.X86_64 && req.Model == cpu.ARMv8 {
		return usage("--isa %v: the machine reorders what x86-64 needs no barriers for: armv8 takes an arm64", req.ISA)
	}
	switch f.mmapLock {
	case "atomic", "full":
		req.FullMmapLock = f.mmapLock == "full"
	default:
		return usage("--mmap-lock %s: allowed are atomic, full", f.mmapLock)
	}
	if f.rounds < 1 || f.rounds > 100 {
		return usage("--rounds %d: 1 to 100", f.rounds)
	}
	if f.window != 0 {
		req.Window = f.window
	}
	if req.Window < 0 || req.Window > check.MaxLockWindow {
		return usage("--window %d: 1 to %d", f.window, check.MaxLockWindow)
	}
	req.Rounds, req.MaxStates, req.Unreduced = f.rounds, f.maxStates, f.unreduced
	layout, err := structs.Load(configs.FS, ".", req.Lock.Layout)
	if err != nil {
		return usage("lock %s: layout: %v", req.Lock.Name, err)
	}
	req.Layout = vmalock.Supplement(layout)
	return nil
}

// checkLocks finds locks by name or file.
func checkLocks(args []string) ([]vmalock.Kind, error) {
	if len(args) == 0 {
		return vmalock.Kinds(), nil
	}
	var locks []vmalock.Kind
	for _, a := range args {
		if strings.HasSuffix(a, ".uop") {
			text, err := os.ReadFile(a)
			if err != nil {
				return nil, usage("%v", err)
			}
			k, err := vmalock.ParseKind(a, string(text))
			if err != nil {
				return nil, err
			}
			locks = append(locks, k)
			continue
		}
		k, ok := vmalock.Find(a)
		if !ok {
			var names []string
			for _, k := range vmalock.Kinds() {
				names = append(names, k.Name)
			}
			return nil, oneOf("lock", filepath.Base(a), names)
		}
		locks = append(locks, k)
	}
	return locks, nil
}

// write prints the reports, and what breaks a law after them.
func (f *checkFlags) write(w io.Writer, reports []*check.LockReport) error {
	if f.format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"schema": "cohsim.check/v1", "reports": reports})
	}
	t := report.Table{Columns: []report.Column{{Name: "lock"}, {Name: "model"}, {Name: "isa"}, {Name: "tasks"}, {Name: "scenario"},
		{Name: "states", Right: true}, {Name: "depth", Right: true}, {Name: "verdict"}}}
	for _, r := range reports {
		verdict := "holds"
		if r.Law != "" {
			verdict = "broken: " + r.Law
		}
		t.Rows = append(t.Rows, []report.Cell{report.Str(r.Lock), report.Str(r.Model), report.Str(r.ISA), report.Str(r.Tasks()), report.Str(r.Scenario),
			report.Str(fmt.Sprint(r.States)), report.Str(fmt.Sprint(r.Depth)), report.Str(verdict)})
		if f.mutant == "" && f.detachers < 0 && r.Detachers == 0 && check.Detaches(r.Scenario) {
			t.Notes = []string{"Where the tasks have no D nobody unmaps a VMA: see --detachers."}
		}
	}
	if f.mutant != "" {
		t.Columns = slices.Delete(t.Columns, 2, 3) // 80 columns
		t.Columns[0].Name, t.Columns[6].Name = "mutant", "caught by"
		for i, r := range reports {
			row := slices.Delete(t.Rows[i], 2, 3)
			row[0], row[6] = report.Str(r.Mutant), report.Str(r.Law)
			if r.Law == "" {
				row[6] = report.Str("NOT CAUGHT")
			}
			t.Rows[i] = row
		}
	}
	if err := report.WriteTables(w, f.format, []report.Table{t}, report.Options{}); err != nil {
		return err
	}
	if f.mutant == "all" || f.format == "csv" {
		return nil
	}
	for _, r := range reports {
		if r.Law == "" {
			continue
		}
		what := r.Lock
		if r.Mutant != "" {
			what = r.Mutant + " is caught: " + r.Lock
		}
		fmt.Fprintf(w, "\n%s under %s breaks %s\n  %s\n\n%s", what, r.Model, r.Law, r.Detail, r.Timeline)
		if n := len(r.Path); n > 0 {
			fmt.Fprintf(w, "The last step is %s at %s\n", r.Path[n-1].Actor, r.Path[n-1].What)
		}
	}
	return nil
}

// mutants are the checks of known mistakes.
func (f *checkFlags) mutants(args []string) ([]check.LockRequest, error) {
	if len(args) > 0 && !slices.Equal(args, []string{vmalock.VMRefcnt.Name}) {
		return nil, usage("--mutant: the known mistakes are of %s", vmalock.VMRefcnt.Name)
	}
	mutants := vmalock.Mutants()
	if f.mutant != "all" {
		m, ok := vmalock.FindMutant(f.mutant)
		if !ok {
			var names []string
			for _, m := range mutants {
				names = append(names, m.Name)
			}
			return nil, oneOf("mutant", f.mutant, names)
		}
		mutants = []vmalock.Mutant{m}
	}
	var reqs []check.LockRequest
	for _, m := range mutants {
		models := []string{m.Model}
		if len(f.models) > 0 {
			models = f.models
		}
		for _, name := range models {
			model := cpu.ModelByName(name)
			if model == nil {
				return nil, usage("there is no memory model %q", name)
			}
			req := check.DefaultLockRequest(vmalock.VMRefcnt, model)
			req.Mutant, req.Scenario = &m, m.Scenario
			req.Readers, req.Writers, req.Detachers = m.Readers, m.Writers, m.Detachers
			if m.Window > 0 {
				req.Window = m.Window
			}
			if err := f.fill(&req); err != nil {
				return nil, err
			}
			reqs = append(reqs, req)
		}
	}
	return reqs, nil
}

func (f *checkFlags) listMutants(w io.Writer) error {
	t := report.Table{Columns: []report.Column{{Name: "mutant"}, {Name: "what is wrong", Wrap: true}, {Name: "where it comes from", Wrap: true}}}
	for _, m := range vmalock.Mutants() {
		t.Rows = append(t.Rows, []report.Cell{report.Str(m.Name), report.Str(m.Doc), report.Str(m.Source)})
	}
	return write(w, func(w io.Writer) error {
		return report.WriteTables(w, f.format, []report.Table{t}, report.Options{})
	})
}
