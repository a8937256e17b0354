package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cohsim/internal/config"
	"cohsim/internal/experiment"
	"cohsim/internal/sweep"
	"cohsim/internal/validate"
)

func calibrateCommand() *cobra.Command {
	var f pointsFlags
	var out string
	var force bool
	var steps int
	cmd := &cobra.Command{
		Use:   "calibrate MACHINE",
		Short: "Fit the free keys of a machine to measured points",
		Long: `Calibrate fits those keys of a machine file that its free_keys lists to the points
whose use is calibrate, and to no others. It prints the file with the fitted values;
comments say what is left of each row, and how far each key moves the rows. The file
itself is never touched, and --out writes only where nothing is, unless --force says so.
A row whose simulation aborts is left out of the fit and named, and one that aborts only with
the fitted values is named too; the exit code is then 3.`,
		Example: "  cohsim calibrate my-host.toml --points my-host.csv --out fitted.toml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("one machine, please: a file or a preset (%s)", strings.Join(shipped("machines"), ", "))
			}
			if out != "" && !force {
				if _, err := os.Stat(out); err == nil {
					return usage("--out: %s exists; --force replaces it", out)
				}
			}
			ms, _, err := machines(args)
			if err != nil {
				return err
			}
			points, seeds, err := f.read()
			if err != nil {
				return err
			}
			fit, err := validate.Calibrate(cmd.Context(), ms[0], points, validate.CalibrateOptions{
				Options: validate.Options{Seeds: seeds, Jobs: f.jobs}, Steps: steps})
			var diag config.Diagnostics
			var failed *experiment.RunError
			switch {
			case errors.As(err, &diag) || errors.As(err, &failed):
				return err
			case err != nil:
				return usage("%v", err)
			}
			text, err := machineText(args[0])
			if err != nil {
				return err
			}
			from := "the shipped points"
			if len(f.points) > 0 {
				from = strings.Join(f.points, ", ")
			}
			fitted := fit.Rewrite(string(text), ms[0].Name, from, seeds)
			fmt.Fprintf(cmd.ErrOrStderr(), "%d keys, %d rows, %d simulations: the root mean square of the error went from %.1f to %.1f %%\n",
				len(fit.Free), len(fit.Results), fit.Runs, 100*fit.Before, 100*fit.After)
			if out == "" {
				err = write(cmd.OutOrStdout(), func(w io.Writer) error { _, err := io.WriteString(w, fitted); return err })
			} else if err = sweep.WriteFile(out, []byte(fitted)); err != nil {
				err = &ioError{err}
			}
			if aborted := append(fit.Aborted, fit.Later...); err == nil && len(aborted) > 0 {
				err = abortedPoints(cmd, aborted)
			}
			return err
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&out, "out", "", "write `FILE`.toml instead of standard output")
	fl.BoolVar(&force, "force", false, "let --out replace a file")
	fl.IntVar(&steps, "steps", 8, "go at most `N` steps, each as many simulations of the rows as there are free keys")
	return cmd
}
