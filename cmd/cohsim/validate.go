package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"cohsim/configs"
	"cohsim/internal/report"
	"cohsim/internal/sweep"
	"cohsim/internal/validate"
)

// pointsFlags are the flags of commands that run measured points.
type pointsFlags struct {
	points []string
	seeds  int
	jobs   int
}

func (f *pointsFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.points, "points", nil, "take points from `FILE`.csv; without it, from what is shipped")
	fl.IntVar(&f.seeds, "seeds", len(validate.DefaultSeeds), "run every point with `N` seeds and take the median")
	fl.IntVar(&f.jobs, "jobs", 0, "run `N` at a time; 0 is one per CPU of this host")
}

// read reads the points, and says which seeds to run.
func (f *pointsFlags) read() (points []validate.Point, seeds []int, err error) {
	if f.seeds < 1 || f.seeds > 1000 {
		return nil, nil, usage("--seeds: %d is not between 1 and 1000", f.seeds)
	}
	if f.jobs < 0 {
		return nil, nil, usage("--jobs: %d is negative", f.jobs)
	}
	for i := range f.seeds {
		seeds = append(seeds, i+1)
	}
	read := func(name string, text []byte) error {
		ps, err := validate.Parse(name, text)
		points = append(points, ps...)
		return err
	}
	if len(f.points) == 0 {
		names, _ := fs.Glob(configs.FS, "points/*.csv") // the pattern is well formed
		for _, name := range names {
			text, err := fs.ReadFile(configs.FS, name)
			if err == nil {
				err = read("configs/"+name, text)
			}
			if err != nil {
				return nil, nil, err
			}
		}
	}
	for _, name := range f.points {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, usage("--points: %v", err)
		}
		if err := read(name, text); err != nil {
			return nil, nil, err
		}
	}
	return points, seeds, nil
}

// machines finds presets and machine files; without names, every preset.
func machines(refs []string) (out []validate.Machine, free map[string]int, err error) {
	if len(refs) == 0 {
		refs = shipped("machines")
	}
	free = map[string]int{}
	for _, ref := range refs {
		text, err := machineText(ref)
		if err != nil {
			return nil, nil, err
		}
		var head struct {
			Name string
			Free []string `toml:"free_keys"`
		}
		name := strings.TrimSuffix(filepath.Base(ref), ".toml")
		if toml.Unmarshal(text, &head) == nil && head.Name != "" { // its mistakes are told when it is used
			name = head.Name
		}
		free[name] = len(head.Free)
		out = append(out, validate.Machine{Name: name, Ref: ref})
	}
	return out, free, nil
}

func validateCommand() *cobra.Command {
	var f pointsFlags
	var strict, wide bool
	var format, figure, document string
	cmd := &cobra.Command{
		Use:   "validate [MACHINE]...",
		Short: "Hold the model against measured hardware",
		Long: `Validate runs the workload behind every measured point and says how far off the
model is: per point, per family of points (geometric mean, 90th percentile, maximum,
Kendall's tau), which directions it gets right, and which targets it reaches.
A point whose simulation aborts is listed with the reason; the exit code is then 3. It is 1 if
no point could be run, and with --strict if a target is missed.

MACHINE is a preset or a file; without one, every preset. Points are shipped, and
come from anywhere with --points: a CSV with the columns
` + strings.Join(validate.Columns(), ",") + `.`,
		Example: `  cohsim validate skylake-client
  cohsim validate my-host.toml --points my-host.csv --strict`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return shipped("machines"), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := report.CheckFormat(format); err != nil {
				return usage("--format: %v", err)
			}
			ms, free, err := machines(args)
			if err != nil {
				return err
			}
			points, seeds, err := f.read()
			if err != nil {
				return err
			}
			if len(args) > 0 { // points of other machines were not asked for
				all := points
				points = slices.DeleteFunc(slices.Clone(points), func(p validate.Point) bool {
					return !slices.ContainsFunc(ms, func(m validate.Machine) bool { return m.Name == p.Machine })
				})
				if len(points) == 0 {
					return usage("no point names %s; %s", strings.Join(args, " or "), validate.Named(all))
				}
			}
			plan, err := validate.NewPlan(points, ms, seeds)
			if err != nil {
				return err
			}
			results, uncovered, err := plan.Run(cmd.Context(), validate.Options{Jobs: f.jobs, Progress: progress(cmd.ErrOrStderr(), nil)})
			if err != nil {
				return err
			}
			rep := validate.Judge(results, uncovered, free)
			if figure != "" {
				if err := writeFigure(figure, rep); err != nil {
					return err
				}
			}
			if document != "" {
				err = writeDocument(document, figure, rep, ms)
			} else {
				err = write(cmd.OutOrStdout(), func(w io.Writer) error {
					if format == "bench" {
						return report.WriteBench(w, rep.Document())
					}
					return report.WriteTables(w, format, rep.Tables(), report.Options{Wide: wide})
				})
			}
			switch {
			case err != nil:
				return err
			case len(rep.Aborted) > 0:
				return abortedPoints(cmd, rep.Aborted)
			case len(results) == 0:
				fmt.Fprintln(cmd.ErrOrStderr(), "cohsim validate: no point could be run, so nothing was held against the model; the table says why")
				return exitCode(exitFailed)
			case document == "" && strict && rep.Missed():
				fmt.Fprintln(cmd.ErrOrStderr(), "cohsim validate: a target is missed")
				return exitCode(exitFailed)
			}
			return nil
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&strict, "strict", false, "exit with 1 if a target is missed")
	fl.StringVar(&format, "format", "table", "print as `F`: "+strings.Join(report.Formats(), ", "))
	fl.BoolVar(&wide, "wide", false, "leave no column out to fit 80 characters")
	fl.StringVar(&document, "document", "", "write everything as one Markdown `FILE` instead, such as docs/validation.md")
	fl.StringVar(&figure, "figure", "", "also draw simulated against measured into `FILE`.svg or .png")
	return cmd
}

// abortedPoints says on stderr which points' runs aborted, and why.
func abortedPoints(cmd *cobra.Command, points []validate.Uncovered) error {
	for _, p := range points {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: simulation aborted: %s: %s\n", cmd.CommandPath(), p.ID, p.Why)
	}
	return exitCode(exitAborted)
}

// writeDocument writes the document that is kept in docs.
func writeDocument(file, figure string, rep *validate.Report, ms []validate.Machine) error {
	sources := map[string]string{}
	for _, m := range ms {
		text, err := machineText(m.Ref)
		if err != nil {
			return err
		}
		sources[m.Name] = string(text)
	}
	command := "cohsim validate --document " + filepath.ToSlash(file)
	if figure != "" {
		command += " --figure " + filepath.ToSlash(figure)
		if rel, err := filepath.Rel(filepath.Dir(file), figure); err == nil {
			figure = filepath.ToSlash(rel)
		}
	}
	var b bytes.Buffer
	if err := rep.WriteDocument(&b, command, figure, sources); err != nil {
		return err
	}
	if err := sweep.WriteFile(file, b.Bytes()); err != nil {
		return &ioError{err}
	}
	return nil
}

// machineText is the text of a preset or of a machine file.
func machineText(ref string) (text []byte, err error) {
	if strings.HasSuffix(ref, ".toml") || strings.ContainsRune(ref, filepath.Separator) {
		if text, err = os.ReadFile(ref); err != nil {
			err = usage("%v", err)
		}
		return text, err
	}
	if strings.HasSuffix(ref, ".csv") {
		return nil, usage("%q is no machine; a file of measured points goes with --points: cohsim validate MACHINE --points %s", ref, ref)
	}
	if text, err = fs.ReadFile(configs.FS, "machines/"+ref+".toml"); err != nil {
		err = oneOf("machine", ref, shipped("machines"))
	}
	return text, err
}

// writeFigure draws the report's scatter; the file's name says how.
func writeFigure(file string, rep *validate.Report) error {
	ext := strings.TrimPrefix(filepath.Ext(file), ".")
	data, err := report.DrawScatter(rep.Scatter(), ext)
	if err != nil {
		return usage("--figure: %v", err)
	}
	if err := sweep.WriteFile(file, data); err != nil {
		return &ioError{err}
	}
	return nil
}
