package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cohsim/internal/measure"
)

func measureCommand() *cobra.Command {
	var budget time.Duration
	var name, pairs string
	cmd := &cobra.Command{
		Use:   "measure [--budget 60s] [--name MACHINE] [--pairs FILE.csv]",
		Short: "Measure this host into a points file",
		Long: `Measure runs the loops behind measured points on this host: pinned threads, real
atomics, short windows, those thrown away in which a thread lost its CPU. What it
prints is a points file for calibrate and validate:

  cohsim measure --name mine > mine.csv
  cohsim calibrate mine.toml --points mine.csv
  cohsim validate ./mine.toml --points mine.csv

It uses no more threads than the process may use CPUs (taskset limits both), and
says on stderr what cannot be measured here. Close other programs first: a busy
host gives wide ranges, not an error. Only Linux.`,
		Example: `  cohsim measure > host.csv
  cohsim measure --budget 10s --pairs matrix.csv > host.csv
  taskset -c 0-3 cohsim measure --name four-cores`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if budget < 100*time.Millisecond || budget > 24*time.Hour {
				return usage("--budget: %v is not between 100ms and 24h", budget)
			}
			if name != "" && !regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`).MatchString(name) {
				return usage("--name: %q is no name of a machine; it takes lower-case letters, digits, and . _ - between them", name)
			}
			return measureHost(cmd, budget, name, pairs)
		},
	}
	cmd.Flags().DurationVar(&budget, "budget", time.Minute, "take about `TIME`, for example 60s or 5m")
	cmd.Flags().StringVar(&name, "name", "", "name of the `MACHINE` in the rows; without it, after the CPU's model")
	cmd.Flags().StringVar(&pairs, "pairs", "", "write the one-way latency of every measured pair of CPUs to `FILE`")
	return cmd
}

func measureHost(cmd *cobra.Command, budget time.Duration, name, pairs string) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	host, err := measure.Look()
	if err != nil {
		return &ioError{err}
	}
	if name == "" {
		name = slug(host.Model)
	}
	var matrix io.WriteCloser
	if pairs != "" { // found out before, not after, the minutes of measuring
		if matrix, err = os.Create(pairs); err != nil {
			return &ioError{err}
		}
		defer matrix.Close()
	}
	fmt.Fprintf(stderr, "%s, %d CPUs; about %v\n", host.Model, len(host.CPUs), budget)
	terminal := isTerminal(stderr)
	res, err := measure.Run(cmd.Context(), host, measure.Options{Budget: budget, Progress: func(done, total int, what string) {
		if terminal {
			fmt.Fprintf(stderr, "\r\x1b[K%d/%d %s", done, total, what)
		} else if 10*done/total != 10*(done-1)/total {
			fmt.Fprintf(stderr, "%3d%%  %s\n", 100*done/total, what)
		}
	}})
	if terminal {
		fmt.Fprint(stderr, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	for _, m := range res.Missing {
		fmt.Fprintf(stderr, "not measured: %s\n", m)
	}
	noisy := 0
	for _, r := range res.Rows {
		if strings.HasPrefix(r.Note, "noisy") {
			noisy++
		}
	}
	if noisy > 0 {
		fmt.Fprintf(stderr, "warning: %d of %d rows are noisy: threads lost their CPUs to others in most windows\n", noisy, len(res.Rows))
	}
	source := fmt.Sprintf("cohsim measure on %s, clock about %.2f GHz", host.Model, res.ClockGHz)
	if err := measure.WriteCSV(stdout, name, source, res.Rows); err != nil {
		return &ioError{err}
	}
	if matrix == nil {
		return nil
	}
	if err := errors.Join(writePairs(matrix, res.Pairs), matrix.Close()); err != nil {
		return &ioError{err}
	}
	return nil
}

func writePairs(w io.Writer, pairs []measure.Pair) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"cpu_a", "cpu_b", "distance", "one_way_ns"}) // the error stays
	for _, p := range pairs {
		_ = out.Write([]string{strconv.Itoa(p.A), strconv.Itoa(p.B), p.Distance, strconv.FormatFloat(p.NS, 'g', 4, 64)})
	}
	out.Flush()
	return out.Error()
}

// slug makes a machine's name of a CPU's: "amd-epyc-7313-16-core-processor".
func slug(model string) string {
	s := regexp.MustCompile(`\([^)]*\)|@.*`).ReplaceAllString(strings.ToLower(model), "")
	s = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(s, "-"), "-")
	if s == "" {
		return "host"
	}
	return s
}
