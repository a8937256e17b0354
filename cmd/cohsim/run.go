package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cohsim/configs"
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
}

func (f *runFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.set, "set", nil, "lay `KEY=VALUE` over the config (run.cores=8)")
	fl.StringArrayVar(&f.points, "point", nil, "only points with `AXIS=VALUE`[,VALUE]")
	fl.IntVar(&f.seed, "seed", 0, "run `N` instead of run.seeds")
	fl.IntVar(&f.jobs, "jobs", 0, "run `N` at a time; 0 is one per CPU of this host")
	fl.StringVar(&f.format, "format", "table", "print as `F`: "+strings.Join(report.Formats(), ", "))
	fl.BoolVar(&f.wide, "wide", false, "leave no column out to fit 80 characters")
}

// load reads the experiment that the flags and the argument describe.
func (f *runFlags) load(cmd *cobra.Command, ref string) (*experiment.Experiment, error) {
	if err := report.CheckFormat(f.format); err != nil {
		return nil, usage("--format: %v", err)
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
	if err := exp.Select(f.points); err != nil {
		return nil, usage("--point: %v", err)
	}
	return exp, nil
}

// open finds an experiment: a file, or else one that is shipped under that name.
func open(ref string, o experiment.Overrides) (*experiment.Experiment, error) {
	if _, err := os.Stat(ref); err != nil && !strings.ContainsRune(ref, filepath.Separator) {
		name := strings.TrimSuffix(ref, ".toml") + ".toml"
		if text, err := fs.ReadFile(configs.FS, name); err == nil {
			return experiment.LoadText(path.Join("configs", name), text, o)
		}
		if !strings.HasSuffix(ref, ".toml") {
			return nil, usage("%q is neither a file nor a shipped experiment (%s)%s",
				ref, strings.Join(shipped("."), ", "), didYouMean(ref, shipped(".")))
		}
	}
	return experiment.Load(ref, o)
}

// progress draws on w, which is standard error, once a run takes long enough for
// anybody to wonder.
func progress(w io.Writer) func(sweep.Progress) {
	file, ok := w.(*os.File)
	terminal := false
	if ok {
		info, err := file.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	line, shown := sweep.Line(w, terminal), false
	return func(p sweep.Progress) {
		if shown || p.Elapsed > time.Second && p.Done < p.Total {
			shown = true
			line(p)
		}
	}
}

func runCommand() *cobra.Command {
	var f runFlags
	var out, program string
	var dry bool
	var lines int
	cmd := &cobra.Command{
		Use:   "run CONFIG",
		Short: "Simulate an experiment and print its tables",
		Long: `Run simulates every point of an experiment with every seed, and prints its tables.

CONFIG is a TOML file, or the name of a shipped experiment where no such file
exists (cohsim list experiments). --set and --point may be repeated. The same config
and seed give the same bytes on any host and with any --jobs. The format is table,
on a terminal or not; csv, json and bench carry every number of every run.`,
		Example: `  cohsim run quickstart
  cohsim run configs/quickstart.toml --set run.cores=8 --format markdown
  cohsim run my.toml --dry-run`,
		Args:              oneConfig,
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines < 0 || lines > 0 && slices.Contains([]string{"csv", "json", "bench"}, f.format) {
				return usage("--lines: a number of lines, shown below tables; cohsim c2c writes them as %s", f.format)
			}
			exp, err := f.load(cmd, args[0])
			if err != nil {
				return err
			}
			if dry {
				return write(cmd.OutOrStdout(), func(w io.Writer) error {
					return report.WriteTables(w, tableFormat(f.format), []report.Table{pointsTable(exp)}, report.Options{Wide: f.wide})
				})
			}
			var cost experiment.CheckCost
			doc, details, err := exp.Run(cmd.Context(), experiment.Options{Jobs: f.jobs, Progress: progress(cmd.ErrOrStderr()), Cost: &cost,
				Detail: program != "" || lines > 0})
			if err != nil {
				return err
			}
			checked(cmd.ErrOrStderr(), &cost)
			var listing []report.Table
			switch {
			case program != "":
				if listing, err = annotate(exp, details, program, len(f.points) > 0); err != nil {
					return err
				}
			case lines > 0:
				listing = c2cTables(exp, details, lines, &f)
			}
			if out != "" {
				if err := writeDir(out, exp, doc); err != nil {
					return &ioError{err}
				}
			}
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				opt := report.Options{Wide: f.wide}
				if program != "" {
					return report.WriteTables(w, tableFormat(f.format), listing, opt)
				}
				if err := report.Write(w, f.format, doc, exp.Reports, opt); err != nil || lines == 0 {
					return err
				}
				fmt.Fprintln(w)
				return report.WriteTables(w, f.format, listing, opt)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "also write every format into `DIR`")
	cmd.Flags().IntVar(&lines, "lines", 0, "also take `N` lines of a point apart, as c2c does")
	cmd.Flags().StringVar(&program, "annotate", "", "list `PROGRAM` instead, with the cycles of each op")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "check everything and list the points")
	return cmd
}

// checked says what asserting coherence during the runs cost.
func checked(w io.Writer, c *experiment.CheckCost) {
	if c.Lines == 0 {
		return
	}
	fmt.Fprintf(w, "coherence checked: all copies of a line %d times", c.Lines)
	if c.Values > 0 {
		fmt.Fprintf(w, ", %d values", c.Values)
	}
	fmt.Fprintf(w, "; the looks at copies took about %.3f of %.3f s of host time\n", float64(c.HostNS)/1e9, c.Runs.Seconds())
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

// extensions are the files of --out.
var extensions = map[string]string{"table": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json", "bench": "bench"}

// writeDir writes NAME.txt, NAME.md, … into dir. Each file appears whole or not
// at all.
func writeDir(dir string, exp *experiment.Experiment, doc *report.Document) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, format := range report.Formats() {
		var b bytes.Buffer
		if err := report.Write(&b, format, doc, exp.Reports, report.Options{}); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, exp.Name+"."+extensions[format]), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file in one step.
func writeFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".cohsim-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails after the rename, as it should
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	return err
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
