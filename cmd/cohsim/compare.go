package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cohsim/internal/report"
)

func compareCommand() *cobra.Command {
	var failOn, tolerance []string
	var format string
	var wide bool
	cmd := &cobra.Command{
		Use:   "compare BASE NEW",
		Short: "Say which metrics moved between two results, and fail on regressions",
		Long: `Compare says exactly what differs between two results: every metric of every point,
the points by the share of their cycles that moved, and the metrics of a point by layer.

BASE and NEW are each a result file (json or csv), a directory that run --out has
filled, or REVISION:PATH, a file or directory as git has it in that revision.

The exit code is 1 on a regression. Without --fail-on that is any difference beyond
the tolerances, and any run that only one side has. With --fail-on it is a metric that
got worse by more than PCT percent at any point (either way, if the metric is neither
better high nor low: see cohsim metrics), one that NEW does not give any more, and any
run of BASE that NEW lacks. METRIC may contain * for any part of a name.

Results are exact for a seed. Where there are several seeds, medians are compared, and
with four or more a difference that a Mann-Whitney U test takes for chance is marked
with ~ and breaks no rule. The format robot is the two columns of the kernel's test
robot; bench has both results for benchstat -col result.`,
		Example: `  cohsim compare base.json new.json
  cohsim compare HEAD~1:results/contention results/contention
  cohsim compare base.json new.json --fail-on 'op.cycles.mean>2' --fail-on 'coh.*>0'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("two results are compared, and %d are given: BASE and NEW", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := report.CheckComparisonFormat(format); err != nil {
				return usage("--format: %v", err)
			}
			rules, err := parseRules("--fail-on", failOn, report.ParseRule)
			if err != nil {
				return err
			}
			tolerances, err := parseRules("--tolerance", tolerance, report.ParseTolerance)
			if err != nil {
				return err
			}
			base, err := loadResult(args[0])
			if err != nil {
				return err
			}
			head, err := loadResult(args[1])
			if err != nil {
				return err
			}
			c := report.Compare(base, head, tolerances, rules)
			if err := c.Comparable(); err != nil {
				return usage("%s and %s: %v", args[0], args[1], err)
			}
			err = write(cmd.OutOrStdout(), func(w io.Writer) error {
				return report.WriteComparison(w, format, c, report.Options{Wide: wide})
			})
			if err != nil {
				return err
			}
			switch format {
			case "csv", "json", "bench": // which have no place for it
				fmt.Fprintln(cmd.ErrOrStderr(), c.Verdict())
				for _, r := range c.OnlyBase {
					fmt.Fprintf(cmd.ErrOrStderr(), "missing in %s: %s\n", args[1], r)
				}
				for _, r := range c.OnlyHead {
					fmt.Fprintf(cmd.ErrOrStderr(), "missing in %s: %s\n", args[0], r)
				}
			}
			if len(rules) == 0 && !c.Equal() || len(rules) > 0 && len(c.Failures)+len(c.OnlyBase) > 0 {
				return exitCode(exitFailed)
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&failOn, "fail-on", nil, "`METRIC>PCT`: fail if the metric gets worse by more percent")
	fl.StringArrayVar(&tolerance, "tolerance", nil, "`METRIC=PCT`: let the metric move by so many percent")
	fl.StringVar(&format, "format", "table", "print as `F`: "+strings.Join(report.ComparisonFormats(), ", "))
	fl.BoolVar(&wide, "wide", false, "show every point, and do not fit 80 characters")
	return cmd
}

func parseRules(flag string, texts []string, parse func(string) (report.Rule, error)) (out []report.Rule, err error) {
	for _, text := range texts {
		r, err := parse(text)
		if err != nil {
			return nil, usage("%s: %v", flag, err)
		}
		out = append(out, r)
	}
	return out, nil
}
