package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cohsim/internal/experiment"
	"cohsim/internal/sweep"
)

// What results/ has of an experiment: tables to read and to paste, every number of
// every run as the baseline of compare, and figures.
var (
	resultFormats = []string{"markdown", "latex", "json"}
	resultFigures = []string{"svg", "tex"}
)

func resultsCommand() *cobra.Command {
	var dir string
	var check bool
	var jobs int
	cmd := &cobra.Command{
		Use:   "results [EXPERIMENT]...",
		Short: "Regenerate results/ from the shipped experiments, or check it",
		Long: `Results runs shipped experiments, all of them without arguments, and writes their
tables, figures and baselines into DIR/EXPERIMENT. With --check it writes nothing and
compares instead: any byte of difference is named, and the exit code is 1. Results
name the engine's number and no revision, so they change only when the model does.`,
		Example: `  cohsim results
  cohsim results quickstart --check
  cohsim compare results/writers/writers.json new.json`,
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			if jobs < 0 {
				return usage("--jobs: %d is negative", jobs)
			}
			if len(args) == 0 {
				args = shipped(".")
			}
			for _, name := range args {
				if !slices.Contains(shipped("."), name) {
					return oneOf("shipped experiment", name, shipped("."))
				}
			}
			if info, err := os.Stat(dir); !cmd.Flags().Changed("dir") && (err != nil || !info.IsDir()) {
				return usage("there is no directory %s here: run this at the top of cohsim's source tree, or say --dir DIR", dir)
			}
			var differ []string
			for _, name := range args {
				n, err := regenerate(cmd, name, filepath.Join(dir, name), jobs, check)
				if err != nil {
					return err
				}
				if n > 0 {
					differ = append(differ, name)
				}
			}
			if len(differ) > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "files differ; cohsim results %s writes them\n", strings.Join(differ, " "))
				return exitCode(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "results", "where results are, a `DIR` for each experiment in it")
	cmd.Flags().BoolVar(&check, "check", false, "compare with what is there, byte by byte, and write nothing")
	cmd.Flags().IntVar(&jobs, "jobs", 0, "run `N` at a time; 0 is one per CPU of this host")
	return cmd
}

// regenerate runs one experiment and writes or checks its files; it returns how
// many differ.
func regenerate(cmd *cobra.Command, name, dir string, jobs int, check bool) (differ int, err error) {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	exp, err := experiment.LoadShipped(name+".toml", experiment.Overrides{})
	if err != nil {
		return 0, err
	}
	plan, err := exp.Plan()
	if err != nil {
		return 0, err
	}
	opt := experiment.Options{Jobs: jobs}
	todo := exp.Todo(opt)
	opt.Progress = progress(stderr, func(i int) string { return exp.RunName(todo[i]) })
	doc, _, err := exp.Run(cmd.Context(), opt)
	if err != nil {
		return 0, err
	}
	if !check {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return 0, &ioError{err}
		}
	}
	files, changed := 0, 0
	err = outputs(doc, plan, resultFormats, resultFigures, func(file string, text []byte) error {
		path := filepath.Join(dir, file)
		files++
		old, err := os.ReadFile(path)
		if err == nil && bytes.Equal(old, text) {
			return nil
		}
		changed++
		if check {
			what := "differs"
			if err != nil {
				what = "is missing"
			}
			fmt.Fprintf(stdout, "%s %s\n", path, what)
			return nil
		}
		if err := sweep.WriteFile(path, text); err != nil {
			return &ioError{err}
		}
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case check && changed == 0:
		fmt.Fprintf(stdout, "%s: all %d files are as they are made\n", name, files)
	case !check:
		fmt.Fprintf(stdout, "%s: %d of %d files in %s changed\n", name, changed, files, dir)
	}
	if check {
		differ = changed
	}
	return differ, nil
}
