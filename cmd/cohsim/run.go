package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cohsim/internal/config"
	"cohsim/internal/experiment"
	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

// runFlags are the flags of every command that simulates.
type runFlags struct {
	set    []string
	points []string
	seed   int
	jobs   int
	format string
	wide   bool
	latex  report.Options // what only latex has
}

// printing are the options of a format. command is how the numbers came to be.
func (f *runFlags) printing(command string) report.Options {
	o := f.latex
	if o.Wide = f.wide; f.format != "table" { // there it has just been typed
		o.Command = command
	}
	return o
}

func (f *runFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.set, "set", nil, "lay `KEY=VALUE` over the config (run.cores=8)")
	fl.StringArrayVar(&f.points, "point", nil, "only points with `AXIS=VALUE`[,VALUE]")
	fl.IntVar(&f.seed, "seed", 0, "run `N` instead of run.seeds")
	fl.IntVar(&f.jobs, "jobs", 0, "run `N` at a time; 0 is one per CPU of this host")
	f.addPrinting(cmd)
}

// addPrinting are the flags of every command that prints tables.
func (f *runFlags) addPrinting(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.format, "format", "table", "print as `F`: "+strings.Join(report.Formats(), ", "))
	cmd.Flags().BoolVar(&f.wide, "wide", false, "leave no column out to fit 80 characters")
	cmd.Flags().StringVar(&f.latex.Caption, "caption", "", "latex: put tables in floats with this `TEXT`")
	cmd.Flags().StringVar(&f.latex.Label, "label", "", "latex: and this `LABEL`; further tables get -2, -3, …")
	cmd.Flags().BoolVar(&f.latex.SI, "siunitx", false, "latex: align numbers with the package siunitx")
	cmd.Flags().BoolVar(&f.latex.Alone, "document", false, "latex: a document that compiles, not a fragment")
}

// checkPrinting finds flags that the format has no use for.
func (f *runFlags) checkPrinting() error {
	if err := report.CheckFormat(f.format); err != nil {
		return usage("--format: %v", err)
	}
	if f.latex != (report.Options{}) && f.format != "latex" {
		return usage("--caption, --label, --siunitx and --document are for --format latex, not %s", f.format)
	}
	return nil
}

// load reads the experiment that the flags and the argument describe.
func (f *runFlags) load(cmd *cobra.Command, ref string) (*experiment.Experiment, error) {
	if err := f.checkPrinting(); err != nil {
		return nil, err
	}
	o := experiment.Overrides{Set: f.set}
	if cmd.Flags().Changed("seed") {
		if f.seed < 0 {
			return nil, usage("--seed: %d is negative", f.seed)
		}
		o.Seed = &f.seed
	}
	if f.jobs < 0 {
		return nil, usage("--jobs: %d is negative", f.jobs)
	}
	exp, err := open(ref, o)
	if err != nil {
		return nil, err
	}
	for _, w := range exp.Warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), w.Warning())
	}
	if err := exp.Select(f.points); err != nil {
		return nil, usage("--point: %v", err)
	}
	return exp, nil
}

// open finds an experiment: a file, or else one that is shipped under that name.
func open(ref string, o experiment.Overrides) (*experiment.Experiment, error) {
	if _, err := os.Stat(ref); err != nil {
		bare, inPath := strings.TrimSuffix(filepath.Base(ref), ".toml"), strings.ContainsRune(ref, filepath.Separator)
		switch known := slices.Contains(shipped("."), bare); {
		case known && !inPath:
			return experiment.LoadShipped(bare+".toml", o)
		case known && errors.Is(err, fs.ErrNotExist):
			return nil, usage("there is no file %s; the experiment %s is built in: name it without a path, and it runs anywhere", ref, bare)
		case !inPath && !strings.HasSuffix(ref, ".toml"):
			return nil, usage("%q is neither a file nor a shipped experiment (%s)%s",
				ref, strings.Join(shipped("."), ", "), didYouMean(ref, shipped(".")))
		}
	}
	return experiment.Load(ref, o)
}

// progress draws on w, which is standard error, once a run takes long enough for
// anybody to wonder.
// It says what runs now if name tells.
func progress(w io.Writer, name func(i int) string) func(sweep.Progress) {
	line, shown := sweep.Line(w, isTerminal(w), name), false
	return func(p sweep.Progress) {
		if shown || p.Elapsed > time.Second && p.Done < p.Total {
			shown = true
			line(p)
		}
	}
}

// isTerminal reports whether somebody sees w as it is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func runCommand() *cobra.Command {
	var f runFlags
	var out, part, program, figures string
	var dry bool
	var lines int
	cmd := &cobra.Command{
		Use:   "run CONFIG",
		Short: "Simulate an experiment and print its tables",
		Long: `Run simulates every point of an experiment with every seed, and prints its tables.

CONFIG is a TOML file, or the name of a shipped experiment where no such file
exists (cohsim list experiments). --set and --point may be repeated. The same config
and seed give the same bytes on any host and with any --jobs. The format is table,
on a terminal or not; csv, json and bench carry every number of every run.

With --out every run is stored in DIR once it is done. Runs that are there already
are not simulated again, so a sweep that was interrupted or killed goes on with the
same command, and gives the same bytes as one that was not. Once all runs are there,
DIR gets the tables in every format. --shard 1/4 simulates every fourth run, here or
on another host, with the same DIR or one that cohsim merge joins later.`,
		Example: `  cohsim run quickstart
  cohsim run configs/quickstart.toml --set run.cores=8 --format markdown
  cohsim run my.toml --dry-run
  cohsim run contention --out results/contention`,
		Args:              oneConfig,
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines < 0 {
				return usage("--lines: %d is negative", lines)
			}
			if lines > 0 && slices.Contains([]string{"csv", "json", "bench"}, f.format) {
				return usage("--lines: a number of lines, shown below tables; cohsim c2c writes them as %s", f.format)
			}
			exp, err := f.load(cmd, args[0])
			if err != nil {
				return err
			}
			if figures != "" && len(exp.Figures) == 0 {
				return usage("--figures: %s has no [[figure]]; cohsim explain figure.kind tells how to ask for one", args[0])
			}
			var listed func(*config.Point) bool
			if program != "" {
				if listed, err = annotated(exp, program, len(f.points) > 0); err != nil {
					return err
				}
			}
			stderr := cmd.ErrOrStderr()
			var cost experiment.CheckCost
			opt := experiment.Options{Jobs: f.jobs, Cost: &cost, Detail: program != "" || lines > 0}
			if part != "" {
				if opt.Shard, err = sweep.ParseShard(part); err != nil {
					return usage("--shard: %v", err)
				}
			}
			if out != "" {
				if opt.Archive, err = openArchive(stderr, exp, out, dry); err != nil {
					return err
				}
			}
			if figures != "" && !dry { // before the runs, whose tables would be lost
				if err := os.MkdirAll(figures, 0o777); err != nil {
					return &ioError{err}
				}
			}
			if part != "" && out == "" {
				fmt.Fprintf(stderr, "warning: shard %s alone, the tables below are of its runs only; with --out DIR cohsim merge joins the shards\n", part)
			}
			todo := exp.Todo(opt)
			if dry {
				cpu, wall := exp.Estimate(todo, f.jobs)
				fmt.Fprintf(stderr, "%d runs to simulate: about %s of CPU time, %s in all on this host\n", len(todo), sweep.Span(cpu), sweep.Span(wall))
				return write(cmd.OutOrStdout(), func(w io.Writer) error {
					return report.WriteTables(w, tableFormat(f.format), []report.Table{pointsTable(exp)}, report.Options{Wide: f.wide})
				})
			}
			if opt.Archive == nil && len(todo) > 1 {
				note := func() string {
					return "nothing is kept; with --out DIR the runs that are done are, and the same command goes on from there"
				}
				onInterrupt.Store(&note)
			}
			opt.Progress = progress(stderr, func(i int) string { return exp.RunName(todo[i]) })
			doc, details, err := exp.Run(cmd.Context(), opt)
			if err != nil {
				return stored(err, opt.Archive)
			}
			checked(stderr, &cost)
			warnFew(stderr, doc)
			var listing []report.Table
			switch {
			case program != "":
				listing = annotate(details, program, listed)
			case lines > 0:
				k := foughtIn(exp, details)
				if listing = k.tables(lines, &f); out != "" && part == "" {
					if err := k.write(out); err != nil {
						return &ioError{err}
					}
				}
			}
			if figures != "" {
				put := func(name string, text []byte) error {
					return sweep.WriteFile(filepath.Join(figures, exp.Name+"-"+name), text)
				}
				if err := drawFigures(doc, exp.Figures, exp.Command, report.FigureFormats(), put); err != nil {
					return &ioError{err}
				}
			}
			if opt.Archive != nil {
				if err := closeArchive(stderr, opt.Archive, len(todo)); err != nil {
					return err
				}
			}
			if opt.Archive != nil && !opt.Archive.Complete() {
				return nil // a table of some of the runs would look like one of all
			}
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				print := f.printing(exp.Command)
				if program != "" {
					return report.WriteTables(w, tableFormat(f.format), listing, print)
				}
				if err := report.Write(w, f.format, doc, exp.Reports, print); err != nil || lines == 0 {
					return err
				}
				fmt.Fprintln(w)
				return report.WriteTables(w, f.format, listing, print)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "keep the runs in `DIR`, go on from those that are there, write every format")
	cmd.Flags().StringVar(&figures, "figures", "", "draw the figures into `DIR`, as "+strings.Join(report.FigureFormats(), ", "))
	cmd.Flags().StringVar(&part, "shard", "", "simulate only part `I/N` of the runs: 1/4, 2/4, …")
	cmd.Flags().IntVar(&lines, "lines", 0, "also take `N` lines of a point apart, as c2c does")
	cmd.Flags().StringVar(&program, "annotate", "", "list `PROGRAM` instead, with the cycles of each op and which op it waited for")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "check everything, list the points, estimate the time")
	return cmd
}

// checked says what asserting coherence and judging locks during the runs cost.
func checked(w io.Writer, c *experiment.CheckCost) {
	var parts []string
	if c.Events > 0 {
		parts = append(parts, fmt.Sprintf("locks judged: %d events (%.3f s)", c.Events, float64(c.JudgeNS)/1e9))
	}
	if c.Lines > 0 {
		parts = append(parts, fmt.Sprintf("coherence checked: lines %d times (%.3f s)", c.Lines, float64(c.HostNS)/1e9))
	}
	if c.Values > 0 {
		parts = append(parts, fmt.Sprintf("%d values", c.Values))
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "%s; of %.3f s of host time\n", strings.Join(parts, ", "), c.Runs.Seconds())
	}
}

// fewOps is below how many operations the numbers of a run say little.
const fewOps = 30

// warnFew says which runs were too short to say much.
func warnFew(w io.Writer, doc *report.Document) {
	few, least := 0, uint64(fewOps)
	var worst *report.Record
	for i := range doc.Records {
		r := &doc.Records[i]
		n, ok := r.Get("ops.count")
		if !ok || n.Value.IsMissing() || n.Value.Rat().Num().Uint64() >= fewOps {
			continue
		}
		few++
		if count := n.Value.Rat().Num().Uint64(); count < least {
			least, worst = count, r
		}
	}
	if few > 0 {
		at := title(worst.Point)
		if at != "" {
			at = " at " + at
		}
		fmt.Fprintf(w, "cohsim: warning: %d of %d runs completed fewer than %d operations, one of them %d%s: too few to say much; raise run.measure_ns\n",
			few, len(doc.Records), fewOps, least, at)
	}
}

// completeConfig offers the shipped experiments; the shell adds files.
func completeConfig(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return shipped("."), cobra.ShellCompDirectiveDefault
}

// oneConfig is the argument check of commands that take a config.
func oneConfig(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return usage("no config is given; name a file or a shipped experiment: %s", strings.Join(shipped("."), ", "))
	case 1:
		return nil
	}
	return usage("one config at a time: %s are %d", strings.Join(args, " "), len(args))
}

// tableFormat is f, or table where f has no place for tables.
func tableFormat(f string) string {
	if f == "bench" {
		return "table"
	}
	return f
}

// write prints all or nothing: what is made up half way must not reach a pipe.
func write(w io.Writer, make func(io.Writer) error) error {
	var b bytes.Buffer
	if err := make(&b); err != nil {
		return err
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return &ioError{err}
	}
	return nil
}

// pointsTable lists what would be run.
func pointsTable(exp *experiment.Experiment) report.Table {
	t := report.Table{Title: fmt.Sprintf("%s: %d points × %d seeds", exp.Name, len(exp.Points), len(exp.Seeds)),
		Columns: []report.Column{{Name: "point", Right: true}}}
	if len(exp.Points) == 1 {
		t.Title = strings.Replace(t.Title, "points", "point", 1)
	}
	if len(exp.Seeds) == 1 {
		t.Title = strings.Replace(t.Title, "seeds", "seed", 1)
	}
	for _, a := range exp.Axes {
		t.Columns = append(t.Columns, report.Column{Name: a.Name})
	}
	t.Columns = append(t.Columns, report.Column{Name: "config"})
	for i := range exp.Points {
		p := &exp.Points[i]
		row := []report.Cell{report.Str(fmt.Sprint(i + 1))}
		for _, l := range p.Labels {
			row = append(row, report.Str(fmt.Sprint(l.Value)))
		}
		t.Rows = append(t.Rows, append(row, report.Str(p.Hash())))
	}
	return t
}
