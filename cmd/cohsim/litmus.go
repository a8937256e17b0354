package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cohsim/cpu"
	"cohsim/internal/check"
	"cohsim/internal/litmus"
)

const litmusUsage = `usage: cohsim litmus [flags] [FILE|DIR]...

litmus explores every execution of litmus tests under a memory model, the same ordering
table that the simulated cores obey, and prints the set of all outcomes. Tests are in the
X86_64 or AArch64 litmus format, or .uop programs with a condition (docs/uop.md), which
run on every instruction set; a directory stands for the *.litmus and *.uop files in it.
Without FILE the project's own suite runs against its known outcomes.

flags:
  --model M            sc, tso or armv8 (default: tso for X86_64, armv8 for AArch64)
  --isa ISA            lower .uop tests to x86-64, arm64-lse or arm64-llsc only; repeatable
  --verdicts FILE.tsv  known outcome sets, by the folder of a test and its name; repeatable
  --cycle 'EDGE ...'   the test of a cycle: 'PodWW Rfe DpAddrdR Fre'
  --arch A             what the cycle is written for: X86_64 or AArch64 (default)
  --print              print the tests, run nothing
  --outcomes           print outcome sets also of many tests
  --witness            say step by step how the condition comes to be met
  --timed N            also run each test N times on the simulated cores, with different
                       seeds, places and delays: none may show a forbidden outcome
  --window N           ops in flight of a thread that loops (default 8)
  --max-states N       give up beyond (default 10000000)
  --format F           table (default), markdown, latex, csv or json
  --wide               do not fit tables to 80 columns

An outcome outside the known set is forbidden: exit code 1, as for a ~exists or forall
that does not hold. A smaller set is reported, and no failure.
`

// The exit codes of this subcommand, out of those that all of cohsim uses.
const (
	litmusOK        = 0
	litmusForbidden = 1
	litmusUse       = 2 // nothing was explored
	litmusIO        = 4
)

type litmusFlags struct {
	model    string
	isas     []cpu.ISA // of .uop tests
	verdicts []string
	cycle    string
	arch     string
	print    bool
	outcomes bool
	witness  bool
	timed    int
	opt      litmus.Options
	format   string
	wide     bool
	paths    []string
}

// litmusRow is what one test came to.
type litmusRow struct {
	result   *litmus.Result
	relation string // to the known outcomes; "" if there are none
	extra    []litmus.Outcome
	missing  []litmus.Outcome
	weak     []litmus.Outcome // those that sc forbids; known only if the cores ran
	timed    timedSeen        // what the cores did, if they ran
	failed   string           // why the test fails, "" if it does not
}

// cmdLitmus is the subcommand litmus. Args stand after that word.
func cmdLitmus(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f, err := parseLitmus(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, litmusUsage)
		return litmusOK
	}
	var tests []*litmus.Test
	var known litmus.Verdicts
	if err == nil {
		tests, known, err = litmusTests(f, stdout)
	}
	if err != nil {
		var where litmus.Errors
		var one litmus.Error
		if errors.As(err, &where) || errors.As(err, &one) {
			fmt.Fprintln(stderr, err) // has its positions
		} else {
			fmt.Fprintln(stderr, "cohsim litmus: error:", err)
		}
		return litmusUse
	}
	if f.print {
		return litmusOK
	}
	start := time.Now()
	var rows []litmusRow
	var states int64
	code := litmusOK
	if f.witness { // a path ends an exploration, so there is no set to compare
		known = nil
	}
	for _, t := range tests {
		r, err := t.Run(f.opt)
		row := litmusRow{}
		if err == nil {
			row = judgeLitmus(r, known)
			row.weak, err = weakOutcomes(r, f)
		}
		if err != nil {
			fmt.Fprintln(stderr, "cohsim litmus: error:", err)
			return litmusUse
		}
		states += r.States
		rows = append(rows, row)
	}
	if f.timed > 0 {
		if err := timedAll(ctx, rows, f.timed, progress(stderr, nil)); err != nil {
			fmt.Fprintln(stderr, "cohsim litmus: error:", err)
			return exitAborted
		}
		if hint := tooFewRuns(rows, f.timed); hint != "" {
			fmt.Fprintln(stderr, "cohsim litmus: "+hint)
		}
		for _, r := range rows {
			if len(r.timed.stuck) > 0 {
				fmt.Fprintf(stderr, "cohsim litmus: %s: on the cores, seeds %v did not end in %d cycles\n", litmusName(r.result.Test), r.timed.stuck, timedLimit)
				code = exitAborted
			}
		}
	}
	if !f.witness && slices.ContainsFunc(rows, func(r litmusRow) bool { return r.failed != "" }) {
		code = litmusForbidden
	}
	fmt.Fprintf(stderr, "%d tests, %d states, %.2f s\n", len(rows), states, time.Since(start).Seconds())
	if err := writeLitmus(f, rows, known != nil, stdout); err != nil {
		fmt.Fprintln(stderr, "cohsim litmus:", err)
		return litmusIO
	}
	return code
}

// weakOutcomes are those that sequential consistency forbids.
func weakOutcomes(r *litmus.Result, f *litmusFlags) ([]litmus.Outcome, error) {
	if f.timed == 0 {
		return nil, nil
	}
	opt := f.opt
	opt.Model = cpu.SC
	sc, err := r.Test.Run(opt)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(r.Outcomes), func(o litmus.Outcome) bool { return slices.Contains(sc.Outcomes, o) }), nil
}

// judgeLitmus compares a result with what is known.
func judgeLitmus(r *litmus.Result, known litmus.Verdicts) litmusRow {
	row := litmusRow{result: r}
	if v := known.Of(r.Test); v != nil {
		var rel litmus.Relation
		rel, row.extra, row.missing = v.Compare(r.Outcomes)
		row.relation = string(rel)
		if rel == litmus.Larger {
			row.failed = fmt.Sprintf("outcome outside the known set: %s", row.extra[0])
		}
	} else if r.Test.Quant != "exists" && !r.Holds() {
		row.failed = fmt.Sprintf("%s (%v) does not hold", r.Test.Quant, &r.Test.Cond)
	}
	return row
}

func parseLitmus(args []string) (*litmusFlags, error) {
	f := &litmusFlags{}
	fs := flag.NewFlagSet("litmus", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&f.model, "model", "", "")
	fs.Func("isa", "", func(s string) error {
		isa, err := cpu.ParseISA(s)
		f.isas = append(f.isas, isa)
		return err
	})
	fs.Func("verdicts", "", func(s string) error { f.verdicts = append(f.verdicts, s); return nil })
	fs.StringVar(&f.cycle, "cycle", "", "")
	fs.StringVar(&f.arch, "arch", "AArch64", "")
	fs.BoolVar(&f.print, "print", false, "")
	fs.BoolVar(&f.outcomes, "outcomes", false, "")
	fs.BoolVar(&f.witness, "witness", false, "")
	fs.IntVar(&f.timed, "timed", 0, "")
	fs.IntVar(&f.opt.Window, "window", check.DefaultWindow, "")
	fs.IntVar(&f.opt.MaxStates, "max-states", 10_000_000, "")
	fs.StringVar(&f.format, "format", "table", "")
	fs.BoolVar(&f.wide, "wide", false, "")
	for { // flags and files may be mixed
		if err := fs.Parse(args); err != nil {
			return nil, flagMistake(fs, err)
		}
		if args = fs.Args(); len(args) == 0 {
			break
		}
		f.paths, args = append(f.paths, args[0]), args[1:]
	}
	if f.isas == nil {
		for isa := range cpu.NumISAs {
			f.isas = append(f.isas, isa)
		}
	}
	f.opt.Witness = f.witness
	if f.model != "" {
		if f.opt.Model = cpu.ModelByName(f.model); f.opt.Model == nil {
			return nil, fmt.Errorf("--model %s: allowed are sc, tso, armv8", f.model)
		}
	}
	if !slices.Contains([]string{"X86_64", "AArch64"}, f.arch) {
		return nil, fmt.Errorf("--arch %s: allowed are X86_64, AArch64", f.arch)
	}
	if !slices.Contains([]string{"table", "markdown", "latex", "csv", "json"}, f.format) {
		return nil, fmt.Errorf("--format %s: allowed are table, markdown, latex, csv, json", f.format)
	}
	if f.opt.Window < 1 || f.opt.Window > 100 {
		return nil, fmt.Errorf("--window %d: allowed are 1 to 100", f.opt.Window)
	}
	if f.timed < 0 || f.timed > 0 && f.witness {
		return nil, fmt.Errorf("--timed %d: allowed are 0 and more, and not with --witness", f.timed)
	}
	if f.opt.MaxStates < 1 {
		return nil, fmt.Errorf("--max-states %d: allowed are 1 and more", f.opt.MaxStates)
	}
	return f, nil
}

// litmusTests reads what the command line names, and the verdicts. With --print the
// text of the tests goes to w.
func litmusTests(f *litmusFlags, w io.Writer) ([]*litmus.Test, litmus.Verdicts, error) {
	var known litmus.Verdicts
	for _, name := range f.verdicts {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		vs, err := litmus.ReadVerdicts(name, file)
		file.Close()
		if err != nil {
			return nil, nil, err
		}
		if known == nil {
			known = litmus.Verdicts{}
		}
		for k, v := range vs {
			known[k] = v
		}
	}
	var tests []*litmus.Test
	var wrong litmus.Errors
	take := func(t *litmus.Test, err error) error {
		var es litmus.Errors
		switch {
		case errors.As(err, &es):
			wrong = append(wrong, es...)
		case err != nil:
			return err
		default:
			tests = append(tests, t)
		}
		return nil
	}
	add := func(file, text string) error {
		if filepath.Ext(file) == ".uop" {
			for _, isa := range f.isas {
				if err := take(litmus.ParseUop(file, text, isa)); err != nil {
					return err
				}
				if len(wrong) > 0 {
					break // the others would say the same
				}
			}
		} else if err := take(litmus.Parse(file, text)); err != nil {
			return err
		}
		if f.print {
			fmt.Fprintln(w, strings.TrimSpace(text))
		}
		return nil
	}
	switch {
	case f.cycle != "":
		if len(f.paths) > 0 {
			return nil, nil, errors.New("--cycle and FILE exclude each other")
		}
		arch := litmus.AArch64
		if f.arch == "X86_64" {
			arch = litmus.X86
		}
		text, err := litmus.Generate(arch, "cycle", f.cycle)
		if err != nil {
			return nil, nil, err
		}
		if err := add("cycle.litmus", text); err != nil {
			return nil, nil, err
		}
	case len(f.paths) == 0:
		for _, e := range litmus.Suite() {
			text, err := e.Text()
			if err != nil {
				return nil, nil, err
			}
			if err := add(e.Path(), text); err != nil {
				return nil, nil, err
			}
		}
		if known == nil && f.model == "" {
			var err error
			if known, err = litmus.Known(); err != nil {
				return nil, nil, err
			}
		}
	default:
		files, err := litmusFiles(f.paths)
		if err != nil {
			return nil, nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, err
			}
			before := len(tests)
			if err := add(file, string(text)); err != nil {
				return nil, nil, err
			}
			// The suite of a test is the name of its folder, also for a bare file name.
			if whole, err := filepath.Abs(file); err == nil {
				for _, t := range tests[before:] {
					t.Suite = filepath.Base(filepath.Dir(whole))
				}
			}
		}
	}
	if len(wrong) > 0 {
		return nil, nil, wrong
	}
	return tests, known, nil
}

// litmusFiles replaces directories by the tests in them.
func litmusFiles(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (strings.HasSuffix(name, ".litmus") || strings.HasSuffix(name, ".uop")) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s: no *.litmus or *.uop file in it", p)
		}
	}
	return files, nil
}
