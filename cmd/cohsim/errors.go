package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/structs"
	"cohsim/internal/sweep"
)

// The exit codes of the built binary.
const (
	exitOK          = 0
	exitFailed      = 1   // a check failed: a missed target, a regression, missing runs
	exitUsage       = 2   // usage or config error, nothing simulated
	exitAborted     = 3   // deadlock, livelock, a violated lock
	exitIO          = 4   // output could not be written
	exitBug         = 70  // a fault of cohsim
	exitInterrupted = 130 // as shells have it for SIGINT
)

// usageError is a mistake in the command line.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// ioError is output that could not be written.
type ioError struct{ err error }

func (e *ioError) Error() string { return e.err.Error() }
func (e *ioError) Unwrap() error { return e.err }

// exitCode is the error of a command that has printed all there is to say.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func exited(code int) error {
	if code == exitOK {
		return nil
	}
	return exitCode(code)
}

// finish prints an error and turns it into an exit code.
func finish(w io.Writer, cmd *cobra.Command, args []string, err error) int {
	var (
		code     exitCode
		user     *usageError
		output   *ioError
		failed   *experiment.RunError
		aborted  *machine.Aborted
		bug      *machine.Bug
		panicked *sweep.PanicError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &panicked):
		fmt.Fprintf(w, "cohsim: bug: %v\n%s", panicked.Value, panicked.Stack)
		return exitBug
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &user):
		fmt.Fprintf(w, "%s: error: %s\n", cmd.CommandPath(), user.msg)
		return exitUsage
	case errors.As(err, &output):
		fmt.Fprintf(w, "%s: error: %v\n", cmd.CommandPath(), output.err)
		return exitIO
	case errors.As(err, &aborted):
		fmt.Fprintf(w, "cohsim: simulation aborted: %v\n%s", err, aborted.Dump)
		if errors.As(err, &failed) {
			fmt.Fprintf(w, "to see this run alone: %s\n", again(cmd, args, failed))
		}
		return exitAborted
	case errors.As(err, &bug):
		fmt.Fprintf(w, "cohsim: %v\n%s%s", err, bug.Dump, bug.Stack)
		if errors.As(err, &failed) {
			fmt.Fprintf(w, "please report this with the config and: %s\n", again(cmd, args, failed))
		}
		return exitBug
	}
	// Config errors carry their own positions.
	fmt.Fprintln(w, err)
	return exitUsage
}

// again is the command line that repeats one failed run.
func again(cmd *cobra.Command, args []string, e *experiment.RunError) string {
	words := append(strings.Fields(cmd.CommandPath()), e.Experiment.Ref)
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--set="); ok {
			words = append(words, "--set", v)
		} else if a == "--set" && i+1 < len(args) {
			words = append(words, "--set", args[i+1])
		}
	}
	for _, l := range e.Point.Labels {
		words = append(words, "--point", fmt.Sprintf("%s=%v", l.Axis, l.Value))
	}
	words = append(words, "--seed", fmt.Sprint(e.Seed))
	return shell(words)
}

// reproduce prints the command line of a crash outside a run.
func reproduce(w io.Writer, args []string) {
	fmt.Fprintf(w, "please report this with: %s\n", shell(append([]string{"cohsim"}, args...)))
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./=:,+@%-]+$`)

// shell joins words so that a shell takes them apart again.
func shell(words []string) string {
	out := slices.Clone(words)
	for i, w := range out {
		if !plainWord.MatchString(w) {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// flagError words what pflag says of flags, with the one that was meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		dashes := "--"
		if unknown.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return usage("unknown flag %s%s%s", dashes, unknown.GetSpecifiedName(), didYouMeanFlag(unknown.GetSpecifiedName(), names))
	}
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		what := map[string]string{"int": "a whole number", "bool": "true or false", "duration": "a duration such as 90s"}[value.GetFlag().Value.Type()]
		if what == "" {
			what = value.GetFlag().Value.Type()
		}
		return usage("--%s takes %s, not %q", value.GetFlag().Name, what, value.GetValue())
	}
	var empty *pflag.ValueRequiredError
	if errors.As(err, &empty) {
		return usage("--%s needs a value", empty.GetSpecifiedName())
	}
	return usage("%s", err)
}

var noValue = regexp.MustCompile(`^invalid value "(.*)" for flag -(.*): parse error$`)

// flagMistake is flagError for the commands that parse their flags with package flag.
func flagMistake(fs *flag.FlagSet, err error) error {
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("unknown flag --%s%s", strings.TrimPrefix(name, "-"), didYouMeanFlag(name, names))
	}
	if m := noValue.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("--%s takes a whole number, not %q", m[2], m[1])
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return fmt.Errorf("--%s needs a value", name)
	}
	return err
}

func didYouMean(word string, known []string) string {
	if near := structs.Nearest(word, known); len(near) > 0 {
		return fmt.Sprintf("; did you mean %q?", near[0])
	}
	return ""
}

func didYouMeanFlag(word string, known []string) string {
	if near := structs.Nearest(word, known); len(near) > 0 {
		return "; did you mean --" + near[0] + "?"
	}
	return ""
}

// oneOf is the error of a word that is none of those known.
func oneOf(what, word string, known []string) error {
	if hint := didYouMean(word, known); hint != "" {
		return usage("there is no %s %q%s", what, word, hint)
	}
	return usage("there is no %s %q; there are %s", what, word, strings.Join(known, ", "))
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}
