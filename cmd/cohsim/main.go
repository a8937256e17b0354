// Command cohsim simulates cache coherence under multi-core locks.
//
//	cohsim run CONFIG        simulate an experiment, print its tables
//	cohsim compare BASE NEW  say which metrics moved, fail on a regression
//	cohsim merge DIR...      join the shards of a sweep
//	cohsim c2c CONFIG|DIR    say which lines and fields the cores fight over
//	cohsim list, show        what there is: locks, workloads, machines, …
//	cohsim metrics, explain  what a number, a key or a law means
//	cohsim layout            import and draw struct layouts
//	cohsim verify            model-check the protocol tables
//	cohsim check             explore what tasks can do with a lock
//	cohsim litmus            explore litmus tests under the memory models
//	cohsim validate          hold the model against measured hardware
//	cohsim calibrate         fit the free keys of a machine to measured points
//
// Results go to standard output, everything else to standard error. Exit codes:
// 0 ok; 1 a check failed; 2 a mistake in the command line or in a file it names,
// nothing was simulated; 3 the simulation was aborted (deadlock, livelock, a lock
// violated); 4 input or output failed; 70 a bug in cohsim; 130 interrupted.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// A sweep leaves much short-lived garbage beside a small heap: collecting it less
	// often costs some memory and saves a tenth of the time of short runs.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A run cannot be stopped half way, and every file that is written appears whole
	// or not at all: leaving at once is prompt and loses only the runs under way.
	context.AfterFunc(ctx, func() {
		fmt.Fprintln(os.Stderr, "\ncohsim: interrupted")
		if note := onInterrupt.Load(); note != nil {
			fmt.Fprintln(os.Stderr, (*note)())
		}
		os.Exit(exitInterrupted)
	})
	code := run(os.Args[1:], os.Stdout, os.Stderr)
	_ = stop // ends with the process; calling it would look like an interrupt
	os.Exit(code)
}

// run is the whole program.
func run(args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "cohsim: bug: %v\n%s", r, debug.Stack())
			reproduce(stderr, args)
			code = exitBug
		}
	}()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	return finish(stderr, cmd, args, err)
}

// newRoot is the tree of commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "cohsim",
		Short:         "A cycle-level simulator of cache coherence under multi-core locks",
		SilenceErrors: true, // finish prints them
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // so that RunE, not cobra, words the error
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usage("unknown command %q%s; `cohsim help` lists them", args[0], didYouMean(args[0], commandNames(cmd)))
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand(root))
	cobra.EnableCommandSorting = false // help lists what one starts with first
	root.AddCommand(runCommand(), compareCommand(), mergeCommand(), resultsCommand(), c2cCommand(), listCommand(), showCommand(), explainCommand(), metricsCommand(),
		layoutCommand(), verifyCommand(), checkCommand(), litmusCommand(), validateCommand(), calibrateCommand(), measureCommand(), versionCommand())
	return root
}

// helpCommand is cobra's, but a command that there is not is a mistake.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return oneOf("command", args[0], commandNames(root))
			}
			return cmd.Help()
		},
	}
}

// layoutCommand parses its own flags.
func layoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "layout import|show",
		Short:              "Import struct layouts from BTF or DWARF, and draw them",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return exited(cmdLayout(args, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
}

// verifyCommand parses its own flags.
func verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "verify [PROTOCOL]...",
		Short:              "Model-check the protocol tables that the simulator runs",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return exited(cmdVerify(args, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
}

// litmusCommand parses its own flags.
func litmusCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "litmus [FILE|DIR]...",
		Short:              "Explore litmus tests under the memory models that the cores obey",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return exited(cmdLitmus(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
}
