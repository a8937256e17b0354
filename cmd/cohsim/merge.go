package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"cohsim/internal/experiment"
	"cohsim/internal/report"
)

// missingShown is how many missing runs are named one by one.
const missingShown = 20

func mergeCommand() *cobra.Command {
	var f runFlags
	var out string
	cmd := &cobra.Command{
		Use:   "merge DIR...",
		Short: "Join the shards of a sweep, and name the runs that are missing",
		Long: `Merge copies the runs of all DIRs into the first, which need not exist, or into
that of --out; the others are left as they are. It can be repeated, and DIRs may have
runs in common. If every run of the sweep is there then, it writes and prints what
run --out would have, to the byte; if not, it names what is missing, and the exit code
is 1. A sweep is known by its name; shards of another config or engine are refused.`,
		Example: `  cohsim run contention --out a --shard 1/2    # on one host
  cohsim run contention --out b --shard 2/2    # on another
  cohsim merge all a b`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("no directory is given: name those of run --out")
			}
			if err := f.checkPrinting(); err != nil {
				return err
			}
			if out == "" {
				out = args[0]
			}
			archives, err := mergeInto(cmd.ErrOrStderr(), out, args)
			if err != nil {
				return err
			}
			incomplete := false
			for _, a := range archives {
				if !a.Complete() {
					incomplete = true
					tellMissing(cmd.ErrOrStderr(), a)
					continue
				}
				if err := closeArchive(cmd.ErrOrStderr(), a, len(a.Plan.Runs)); err != nil {
					return err
				}
				err := write(cmd.OutOrStdout(), func(w io.Writer) error {
					return report.Write(w, f.format, a.Document(), a.Plan.Reports, f.printing(a.Plan.Command))
				})
				if err != nil {
					return err
				}
			}
			if incomplete {
				return exitCode(exitFailed)
			}
			return nil
		},
	}
	f.addPrinting(cmd)
	cmd.Flags().StringVar(&out, "out", "", "join into `DIR` instead of the first one")
	return cmd
}

// mergeInto brings the runs of every sweep in dirs to the store in out.
func mergeInto(stderr io.Writer, out string, dirs []string) ([]*experiment.Archive, error) {
	joined := map[string]*experiment.Archive{} // by the sweep's name
	seen := map[string]string{}                // where it was found first
	var order []*experiment.Archive
	found := false
	for _, dir := range dirs {
		if _, err := os.Stat(dir); dir == out && os.IsNotExist(err) {
			continue
		}
		plans, err := experiment.Plans(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usage("%s: there is no such directory", dir)
		}
		if err != nil {
			return nil, &ioError{err}
		}
		if len(plans) == 0 && dir != out {
			return nil, usage("%s has no sweep: no NAME%s, which run --out writes", dir, experiment.PlanSuffix)
		}
		for _, plan := range plans {
			found = true
			a := joined[plan.Name]
			if a == nil {
				if err := refuseOther(out, plan, dir); err != nil {
					return nil, err
				}
				if a, err = experiment.CreateArchive(out, plan); err != nil {
					return nil, &ioError{err}
				}
				warnDamaged(stderr, a)
				joined[plan.Name], seen[plan.Name] = a, dir
				order = append(order, a)
			}
			if !a.Plan.Equal(plan) {
				return nil, otherSweep(a.Plan, seen[plan.Name], plan, dir)
			}
			if dir == out {
				continue
			}
			part, err := experiment.OpenArchive(dir, plan)
			if err != nil {
				return nil, &ioError{err}
			}
			warnDamaged(stderr, part)
			added, err := a.Add(part)
			if err != nil {
				return nil, &ioError{err}
			}
			fmt.Fprintf(stderr, "%s: %s; %d are new in %s\n", plan.Name, progressOf(part), added, out)
		}
	}
	if !found {
		return nil, usage("%s has no sweep: no NAME%s, which run --out writes", out, experiment.PlanSuffix)
	}
	return order, nil
}

// refuseOther keeps merge from replacing the plan of another sweep of that name.
func refuseOther(into string, plan *experiment.Plan, dir string) error {
	there, err := experiment.Plans(into)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &ioError{err}
	}
	for _, p := range there {
		if p.Name == plan.Name && !p.Equal(plan) {
			return otherSweep(p, into, plan, dir)
		}
	}
	return nil
}

func otherSweep(p *experiment.Plan, dirP string, q *experiment.Plan, dirQ string) error {
	return usage("%s: %s and %s have different sweeps: config %s, engine %d and config %s, engine %d",
		p.Name, dirP, dirQ, p.ConfigHash, p.Engine, q.ConfigHash, q.Engine)
}

func tellMissing(stderr io.Writer, a *experiment.Archive) {
	missing := a.Missing()
	fmt.Fprintf(stderr, "%s: %s; missing are\n", a.Plan.Name, progressOf(a))
	for i, r := range missing {
		if i == missingShown {
			fmt.Fprintf(stderr, "  and %d more\n", len(missing)-i)
			break
		}
		fmt.Fprintf(stderr, "  %s\n", r)
	}
}
