package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

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

  cycles  share of all cores' cycles that an access to the line held up
  misses  transactions that an access started; HITM: served by a core that had
          modified the line; stores: those that wanted to write
  invs    copies that they took from other cores
  true    misses because another core wrote a word that is then used; false: only
          neighbours of what is used were written


A sweep gets one row a point, and then the lines of the points that stand last on
every axis of numbers (as a rule: most cores); --point chooses others. The formats
csv and json have every line of every point, in three tables: fields, pairs, ops.`,
		Example: `  cohsim c2c quickstart
  cohsim c2c quickstart --point cores=8 --point lock=vm_refcnt --lines 5`,
		Args:              oneConfig,
		ValidArgsFunction: completeConfig,
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
			opt := experiment.Options{Jobs: f.jobs, Detail: true}
			opt.Progress = progress(cmd.ErrOrStderr(), exp.RunName)
			_, details, err := exp.Run(cmd.Context(), opt)
			if err != nil {
				return err
			}
			tables := c2cTables(exp, details, lines, &f)
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				return report.WriteTables(w, f.format, tables, report.Options{Wide: f.wide})
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&lines, "lines", 5, "take `N` lines of a point apart, if they cost 1 %")
	return cmd
}

// c2cTables are those of a format: tidy ones for programs, few for people.
func c2cTables(exp *experiment.Experiment, details []experiment.PointResult, lines int, f *runFlags) []report.Table {
	fights := mergeSeeds(details)
	if f.format == "csv" || f.format == "json" {
		return tidy(exp, fights)
	}
	var tables []report.Table
	if len(fights) > 1 {
		tables = append(tables, overview(exp, fights))
	}
	for i := range fights {
		if len(f.points) > 0 || last(exp, fights[i].point) {
			tables = append(tables, fights[i].tables(lines)...)
		}
	}
	return tables
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
	t := report.Table{Title: "Cycles of all cores that wait for lines of other cores", Keys: len(exp.Axes)}
	for _, a := range exp.Axes {
		name := a.Name[strings.LastIndexByte(a.Name, '.')+1:]
		if name == "kind" {
			name = a.Name // of what?
		}
		_, text := a.Values[0].Label.(string)
		t.Columns = append(t.Columns, report.Column{Name: name, Right: !text})
	}
	t.Columns = append(t.Columns, percent("waiting"), report.Column{Name: "cycles", Unit: "/op"}, perOp("misses"),
		report.Column{Name: "mostly for"}, report.Column{Name: "beside it", Unit: "fields", Optional: true})
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
			row = append(row, report.Str(hottest(l)), report.Count(uint64(len(l.Words)-1)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// tables takes one point apart: its lines and their fields, which accesses
// disturb which, and the ops that pay.
func (f *fight) tables(n int) []report.Table {
	shown := f.lines[:min(n, len(f.lines))]
	for len(shown) > 1 && shown[len(shown)-1].Total.Cycles*100 < f.cycles {
		shown = shown[:len(shown)-1] // below 1 % of the time
	}
	remote := slices.ContainsFunc(shown, func(l machine.LineReport) bool { return l.Total.HitMRemote > 0 })
	title := f.point.String()
	if title == "" {
		title = "Lines by cost"
	}
	if len(f.lines) == 0 {
		return []report.Table{{Title: title + ": no core took a line from another", Columns: []report.Column{{Name: "field"}}}}
	}
	lines := report.Table{Title: title, Keys: 3, Columns: []report.Column{
		{Name: "#", Right: true}, {Name: "+", Right: true}, {Name: "field"}, percent("cycles"), perOp("misses"), perOp("HITM"),
	}}
	if remote {
		lines.Columns = append(lines.Columns, perOp("remote"))
	}
	lines.Columns = append(lines.Columns, optional(perOp("stores")), optional(perOp("invs")), perOp("true"), perOp("false"))
	row := func(number, offset, name string, w *machine.WordReport) {
		r := []report.Cell{report.Str(number), report.Str(offset), report.Str(name),
			share(w.Cycles, f.cycles), ratio(w.Misses, f.ops), ratio(w.HitMLocal+w.HitMRemote, f.ops)}
		if remote {
			r = append(r, ratio(w.HitMRemote, f.ops))
		}
		lines.Rows = append(lines.Rows, append(r, ratio(w.Stores, f.ops), ratio(w.Invalidated, f.ops), ratio(w.True, f.ops), ratio(w.False, f.ops)))
	}
	for i := range shown {
		l := &shown[i]
		number := fmt.Sprint(i + 1)
		if len(l.Words) > 1 {
			row(number, "", fmt.Sprintf("line %#x", uint64(l.Addr)), &l.Total)
			number = ""
		}
		for k := range l.Words {
			row(number, fmt.Sprint(l.Words[k].Offset), l.Words[k].Symbol, &l.Words[k])
		}
	}
	if len(f.lines) > len(shown) {
		var rest machine.WordReport
		for i := len(shown); i < len(f.lines); i++ {
			rest.Add(&f.lines[i].Total)
		}
		row("", "", fmt.Sprintf("%d more lines", len(f.lines)-len(shown)), &rest)
	}
	out := []report.Table{lines}
	for _, t := range []report.Table{f.pairs(shown), f.stalls(shown)} {
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// pairs says whose accesses took the copies that were then missed.
func (f *fight) pairs(lines []machine.LineReport) report.Table {
	t := report.Table{Columns: []report.Column{{Name: "misses on"}, {Name: "because of accesses to"}, perOp("copies")}}
	for i := range lines {
		for _, p := range lines[i].Pairs {
			if p.Count*100 < f.ops || p.Count*50 < lines[i].Total.Misses {
				break // sorted; what happens to so few operations or misses explains nothing
			}
			t.Rows = append(t.Rows, []report.Cell{report.Str(p.Victim), report.Str(p.By), ratio(p.Count, f.ops)})
		}
	}
	return t
}

// stalls are the ops that wait for the lines, the longest first.
func (f *fight) stalls(lines []machine.LineReport) report.Table {
	t := report.Table{Columns: []report.Column{percent("cycles"), {Name: "cycles", Unit: "/op"}, {Name: "op that waits", Wrap: true}}}
	var all []machine.Stall
	for i := range lines {
		all = append(all, lines[i].Stalls...)
	}
	slices.SortStableFunc(all, func(a, b machine.Stall) int { return cmp.Compare(b.Cycles, a.Cycles) })
	for _, s := range all {
		if s.Cycles*200 < f.cycles || f.ops == 0 {
			break // below 0.5 %
		}
		t.Rows = append(t.Rows, []report.Cell{share(s.Cycles, f.cycles), ratio(s.Cycles, f.ops),
			report.Str(fmt.Sprintf("%s:%d: %s", s.Proc, s.Line, s.Text))})
	}
	return t
}

// hottest names a line by the field in it that costs most.
func hottest(l *machine.LineReport) string {
	best := 0
	for i := range l.Words {
		if l.Words[i].Cycles > l.Words[best].Cycles {
			best = i
		}
	}
	return l.Words[best].Symbol
}

func percent(name string) report.Column {
	return report.Column{Name: name, Unit: "%", Fixed: true, Decimals: 1}
}

func perOp(name string) report.Column {
	return report.Column{Name: name, Unit: "/op", Fixed: true, Decimals: 2}
}

// optional is a column that gives way where the table is too wide.
func optional(c report.Column) report.Column {
	c.Optional = true
	return c
}

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
