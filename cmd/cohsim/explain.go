package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"cohsim/internal/config"
	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/stats"
	"cohsim/vmalock"
	"cohsim/workloads"
)

func metricsCommand() *cobra.Command {
	var format string
	var wide bool
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "List every metric with its unit, meaning and formula",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := report.CheckFormat(format); err != nil || format == "bench" {
				return usage("--format: metrics come as table, markdown, latex, csv or json, not %q", format)
			}
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				return report.WriteTables(w, format, []report.Table{report.Metrics()}, report.Options{Wide: wide})
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "print as `F`: table, markdown, latex, csv, json")
	cmd.Flags().BoolVar(&wide, "wide", false, "do not fit the table to 80 characters")
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the engine number and the schema of results",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "cohsim engine %d, results %s\nEqual engine, config and seed give equal bytes on every host.\n", machine.Engine, report.Schema)
				return err
			})
		},
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, and %q is one", cmd.Name(), args[0])
	}
	return nil
}

// entry is a key, a workload, a lock, a law or a metric that can be explained.
type entry struct{ name, text string }

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain KEY|METRIC|WORKLOAD|LOCK|LAW...",
		Short: "Say what a key of a config, a metric, a workload, a lock or a law is",
		Example: `  cohsim explain machine.core.window coh.hitm
  cohsim explain machine.fabric            a table explains all its keys
  cohsim explain I4                        a law that a check or a run found broken`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("name a key (machine.core.window) or a metric (coh.hitm); `cohsim metrics` lists the metrics")
			}
			all := entries()
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				for i, a := range args {
					found, err := explain(all, a)
					if err != nil {
						return err
					}
					for j, text := range found {
						if i+j > 0 {
							fmt.Fprintln(w)
						}
						fmt.Fprint(w, text)
					}
				}
				return nil
			})
		},
	}
}

// explain finds everything of that name: the whole of it, the end of it, or the
// table above it.
func explain(all []entry, name string) (found []string, err error) {
	match := func(f func(string) bool) {
		for _, e := range all {
			if len(found) < 200 && f(e.name) {
				found = append(found, e.text)
			}
		}
	}
	match(func(n string) bool { return n == name || strings.HasPrefix(n, name+".") })
	if len(found) == 0 {
		match(func(n string) bool { return strings.HasSuffix(n, "."+name) })
	}
	if len(found) > 0 {
		return found, nil
	}
	var names []string
	for _, e := range all {
		names = append(names, e.name)
	}
	return nil, usage("there is no key, metric, workload, lock or law %q%s", name, didYouMean(name, names))
}

// entries are all keys of a config, then all workloads, locks, laws and metrics.
func entries() (out []entry) {
	add := func(where string, keys []config.Key) {
		for _, k := range keys {
			out = append(out, entry{k.Path, keyText(k, where)})
		}
	}
	m, run := machine.DefaultConfig(), config.DefaultRun()
	add("", config.Keys("machine", &m))
	for _, k := range workloads.Kinds() {
		if p := (experiment.Workloads{}).Params(k.Name); p != nil && reflect.TypeOf(p).Elem().Kind() == reflect.Struct {
			add("workload "+k.Name, config.Keys("workload", p))
		}
	}
	add("", config.Keys("lock", experiment.Locks{}.Params(vmalock.FileLock)))
	add("", config.Keys("run", &run))
	spec, figure := report.NewSpec(), report.NewFigureSpec()
	add("", config.Keys("report", &spec))
	add("", config.Keys("figure", &figure))
	for _, k := range []config.Key{
		{Path: "name", Type: "string", Doc: "name of the experiment; the file's name if it is left out"},
		{Path: "doc", Type: "string", Doc: "the question that the experiment asks"},
		{Path: "machine.base", Type: "string", Doc: "machine that the keys lie over: a shipped name, or a path; machine = \"x\" is short for it"},
		{Path: "workload.kind", Type: "string", Doc: "what the threads do", OneOf: experiment.Workloads{}.Names(), Default: quoted(experiment.Workloads{}.Names()[0])},
		{Path: "lock.kind", Type: "string", Doc: "the lock that page faults run on; it brings its default layout", OneOf: experiment.Locks{}.Names(), Default: quoted(experiment.Locks{}.Names()[0])},
		{Path: "layout", Type: "string or array of strings", Doc: "layouts laid over the lock's own, each a shipped name or a path"},
		{Path: "sweep", Type: "table", Doc: "axes: a quoted key = a list of values, or { from, to, step }, or { from, to, times }"},
		{Path: "variant", Type: "array of tables", Doc: "an axis of named variants: axis, name, set = { \"key\" = value, … }"},
		{Path: "exclude", Type: "array of tables", Doc: "points to leave out: axis = value or list of values, all of which must hold"},
	} {
		add("", []config.Key{k})
	}
	for _, k := range workloads.Kinds() {
		out = append(out, entry{k.Name, fmt.Sprintf("%s (workload)\n  %s\n", k.Name, k.Doc)})
	}
	for _, k := range vmalock.Kinds() {
		out = append(out, entry{k.Name, fmt.Sprintf("%s (lock)\n  %s\n", k.Name, k.Doc)})
	}
	for _, l := range vmalock.Laws() {
		out = append(out, entry{l.Name, fmt.Sprintf("%s (law of locks)\n  %s\n", l.Name, l.Doc)})
	}
	for _, m := range stats.Metrics() {
		text := fmt.Sprintf("%s (metric, %s)\n  %s\n  %s\n", m.Name, m.Unit, m.Doc, m.Formula)
		if m.Better != "" {
			text += "  better: " + m.Better + "\n"
		}
		out = append(out, entry{m.Name, text})
	}
	return out
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

// keyText explains one key in a few lines.
func keyText(k config.Key, where string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n  %s\n", k.Path, strings.Trim(k.Type+", "+where, ", "), k.Doc)
	if len(k.OneOf) > 0 {
		fmt.Fprintf(&b, "  one of: %s\n", strings.Join(k.OneOf, ", "))
	}
	switch {
	case k.Min != "" && k.Max != "":
		fmt.Fprintf(&b, "  range: %s to %s\n", k.Min, k.Max)
	case k.Min != "":
		fmt.Fprintf(&b, "  range: from %s\n", k.Min)
	case k.Max != "":
		fmt.Fprintf(&b, "  range: up to %s\n", k.Max)
	}
	if k.Default != "" {
		fmt.Fprintf(&b, "  default: %s\n", k.Default)
	}
	return b.String()
}
