package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cohsim/internal/config"
	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/stats"
)

func c2cCommand() *cobra.Command {
	var f runFlags
	var lines int
	cmd := &cobra.Command{
		Use:   "c2c CONFIG",
		Short: "Say which lines and fields the cores fight over, and what it costs",
		Long: `C2c simulates an experiment and says why it is as slow as it is: which lines the
cores take from each other, which fields of them, which field's accesses take the
copies that which other field's then miss, and which ops wait how long. The
columns are those of perf c2c, but exact: every miss is counted, none is sampled.

A sweep gets one row a point, and then the lines of the points that stand last on
every axis of numbers (as a rule: most cores); --point chooses others.`,
		Example: `  cohsim c2c quickstart
  cohsim c2c quickstart --point cores=8 --point lock=vm_refcnt --lines 5`,
		Args: oneConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.format == "bench" {
				return usage("--format: c2c comes as table, markdown, latex, csv or json, not bench")
			}
			if lines < 1 {
				return usage("--lines: %d lines are none", lines)
			}
			exp, err := f.load(cmd, args[0])
			if err != nil {
				return err
			}
			_, details, err := exp.Run(cmd.Context(), experiment.Options{Jobs: f.jobs, Progress: progress(cmd.ErrOrStderr()), Detail: true})
			if err != nil {
				return err
			}
			fights := mergeSeeds(details)
			var tables []report.Table
			if len(fights) > 1 {
				tables = append(tables, overview(exp, fights))
			}
			for i := range fights {
				if len(f.points) > 0 || last(exp, fights[i].point) {
					tables = append(tables, fights[i].tables(lines)...)
				}
			}
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				return report.WriteTables(w, f.format, tables, report.Options{Wide: f.wide})
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&lines, "lines", 3, "how many `lines` of each point are taken apart")
	return cmd
}

// fight is what the seeds of one point have together.
type fight struct {
	point       *config.Point
	lines       []machine.LineReport
	ops, cycles uint64
}

// mergeSeeds adds up the runs of each point. Lines have the same addresses in
// all of them, because a workload places its objects in a fixed order.
func mergeSeeds(details []experiment.PointResult) []*fight {
	var out []*fight
	for _, d := range details {
		if len(out) == 0 || out[len(out)-1].point != d.Point {
			out = append(out, &fight{point: d.Point})
		}
		f := out[len(out)-1]
		f.ops += d.Ops
		f.cycles += d.Cycles
		f.lines = machine.MergeLines(f.lines, d.Lines)
	}
	return out
}

// last tells whether a point stands last on every axis of numbers.
func last(exp *experiment.Experiment, p *config.Point) bool {
	for i, l := range p.Labels {
		switch l.Value.(type) {
		case int64, float64:
			values := exp.Axes[i].Values
			if l.Value != values[len(values)-1].Label {
				return false
			}
		}
	}
	return true
}

// overview has a row a point: what its lines cost together, and the worst one.
func overview(exp *experiment.Experiment, fights []*fight) report.Table {
	t := report.Table{Title: "Cycles that wait for lines of other cores", Keys: len(exp.Axes)}
	for _, a := range exp.Axes {
		t.Columns = append(t.Columns, report.Column{Name: a.Name, Right: !a.Variant})
	}
	t.Columns = append(t.Columns, percent("of all"), perOp("cycles"), perOp("misses"), report.Column{Name: "worst line, by its hottest field"}, percent("of all"))
	for _, f := range fights {
		var row []report.Cell
		for _, l := range f.point.Labels {
			row = append(row, report.Str(label(l.Value)))
		}
		var all machine.WordReport
		for i := range f.lines {
			all.Add(&f.lines[i].Total)
		}
		row = append(row, share(all.Cycles, f.cycles), ratio(all.Cycles, f.ops), ratio(all.Misses, f.ops))
		if len(f.lines) == 0 {
			row = append(row, report.Str("-"), report.Num(stats.Missing))
		} else {
			l := &f.lines[0]
			row = append(row, report.Str(hottest(l)), share(l.Total.Cycles, f.cycles))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// tables takes one point apart: its lines, then each of the first few.
func (f *fight) tables(n int) []report.Table {
	title := f.point.String()
	if title == "" {
		title = "Lines by cost"
	}
	t := report.Table{Title: title, Columns: []report.Column{
		{Name: "#", Right: true}, {Name: "line of"}, percent("cycles"), perOp("cycles"),
		count("misses"), count("HITM local"), count("HITM remote"), count("stores"), count("invs"), count("true"), count("false"),
	}, Keys: 2}
	var rest machine.WordReport
	others := 0
	for i := range f.lines {
		l := &f.lines[i]
		if i >= 3*n {
			rest.Add(&l.Total)
			others++
			continue
		}
		t.Rows = append(t.Rows, append([]report.Cell{report.Str(fmt.Sprint(i + 1)), report.Str(hottest(l))}, f.counts(&l.Total)...))
	}
	if others > 0 {
		t.Rows = append(t.Rows, append([]report.Cell{report.Str(""), report.Str(fmt.Sprintf("%d more lines", others))}, f.counts(&rest)...))
	}
	if len(f.lines) == 0 {
		t.Notes = append(t.Notes, "No line was taken by one core from another.")
	}
	out := []report.Table{t}
	for i := range f.lines[:min(n, len(f.lines))] {
		out = append(out, f.line(i)...)
	}
	return out
}

// counts are the columns after the name: perf c2c's.
func (f *fight) counts(w *machine.WordReport) []report.Cell {
	return []report.Cell{
		share(w.Cycles, f.cycles), ratio(w.Cycles, f.ops),
		report.Count(w.Misses), report.Count(w.HitMLocal), report.Count(w.HitMRemote), report.Count(w.Stores),
		report.Count(w.Invalidated), report.Count(w.True), report.Count(w.False),
	}
}

// line takes one line apart: its fields, who disturbs whom, and who waits.
func (f *fight) line(i int) []report.Table {
	l := &f.lines[i]
	head := fmt.Sprintf("Line %d, %#x: ", i+1, uint64(l.Addr))
	fields := report.Table{Title: head + "fields", Columns: []report.Column{
		{Name: "+", Right: true}, {Name: "field"}, percent("cycles"), perOp("cycles"),
		count("misses"), count("HITM local"), count("HITM remote"), count("stores"), count("invs"), count("true"), count("false"),
	}, Keys: 2}
	for k := range l.Words {
		w := &l.Words[k]
		fields.Rows = append(fields.Rows, append([]report.Cell{report.Str(fmt.Sprint(w.Offset)), report.Str(w.Symbol)}, f.counts(w)...))
	}
	pairs := report.Table{Title: head + "which accesses take the copies that which others miss", Columns: []report.Column{
		{Name: "misses on"}, {Name: "because of"}, count("copies"), percent("of all"),
	}}
	var copies uint64
	for _, p := range l.Pairs {
		copies += p.Count
	}
	for _, p := range l.Pairs {
		if p.Count*100 < copies {
			break // sorted; what is below 1 % explains nothing
		}
		pairs.Rows = append(pairs.Rows, []report.Cell{report.Str(p.Victim), report.Str(p.By), report.Count(p.Count), share(p.Count, copies)})
	}
	ops := report.Table{Title: head + "ops that wait", Columns: []report.Column{
		percent("cycles"), perOp("cycles"), {Name: "program:line"}, {Name: "op", Wrap: true},
	}}
	for _, s := range l.Stalls {
		if s.Cycles*100 < l.Total.Cycles {
			break
		}
		ops.Rows = append(ops.Rows, []report.Cell{share(s.Cycles, f.cycles), ratio(s.Cycles, f.ops),
			report.Str(fmt.Sprintf("%s:%d", s.Proc, s.Line)), report.Str(s.Text)})
	}
	out := []report.Table{fields}
	if len(pairs.Rows) > 0 {
		out = append(out, pairs)
	}
	if len(ops.Rows) > 0 {
		out = append(out, ops)
	}
	return out
}

// hottest names a line by the field in it that costs most, and says how many
// others have traffic.
func hottest(l *machine.LineReport) string {
	best := 0
	for i := range l.Words {
		if l.Words[i].Cycles > l.Words[best].Cycles {
			best = i
		}
	}
	name := l.Words[best].Symbol
	if n := len(l.Words) - 1; n > 0 {
		name += fmt.Sprintf(" +%d", n)
	}
	return name
}

func percent(name string) report.Column {
	return report.Column{Name: name, Unit: "%", Fixed: true, Decimals: 1}
}

func perOp(name string) report.Column {
	return report.Column{Name: name, Unit: "/op", Fixed: true, Decimals: 1}
}

func count(name string) report.Column { return report.Column{Name: name} }

func share(part, whole uint64) report.Cell { return report.Num(stats.Ratio(part, whole, 100)) }

func ratio(n, per uint64) report.Cell { return report.Num(stats.Ratio(n, per, 1)) }

// label is the value of an axis as tables show it.
func label(v any) string {
	s, err := report.ScalarOf(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return s.String()
}
