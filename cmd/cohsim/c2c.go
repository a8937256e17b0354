package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/stats"
)

func c2cCommand() *cobra.Command {
	var f runFlags
	var lines int
	var out string
	cmd := &cobra.Command{
		Use:   "c2c CONFIG|DIR",
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
csv and json have every line of every point, in three tables: fields, pairs, ops.

With --out all of that is kept in DIR, as NAME.c2c.json, and c2c DIR prints it again
without simulating; run --lines --out keeps it, too.`,
		Example: `  cohsim c2c quickstart
  cohsim c2c quickstart --point cores=8 --point lock=vm_refcnt --lines 5
  cohsim c2c quickstart --out results/mine; cohsim c2c results/mine --format csv`,
		Args:              oneConfig,
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.format == "bench" {
				return usage("--format: c2c comes as table, markdown, latex, csv or json, not bench")
			}
			if lines < 1 {
				return usage("--lines: %d lines are none", lines)
			}
			k, err := f.fought(cmd, args[0])
			if err != nil {
				return err
			}
			if out != "" {
				if err := k.write(out); err != nil {
					return &ioError{err}
				}
			}
			tables := k.tables(lines, &f)
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				return report.WriteTables(w, f.format, tables, report.Options{Wide: f.wide})
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&lines, "lines", 5, "take `N` lines of a point apart, if they cost 1 %")
	cmd.Flags().StringVar(&out, "out", "", "keep what c2c knows in `DIR`")
	return cmd
}

// fought simulates the experiment that ref names, or reads what a directory keeps.
func (f *runFlags) fought(cmd *cobra.Command, ref string) (*fought, error) {
	if info, err := os.Stat(ref); err == nil && info.IsDir() {
		for _, flag := range []string{"set", "seed", "jobs", "out"} {
			if cmd.Flags().Changed(flag) {
				return nil, usage("--%s: c2c of a directory simulates nothing; name the config instead", flag)
			}
		}
		if err := f.checkPrinting(); err != nil {
			return nil, err
		}
		return readFought(ref, f.points)
	}
	exp, err := f.load(cmd, ref)
	if err != nil {
		return nil, err
	}
	opt := experiment.Options{Jobs: f.jobs, Detail: true}
	opt.Progress = progress(cmd.ErrOrStderr(), exp.RunName)
	_, details, err := exp.Run(cmd.Context(), opt)
	if err != nil {
		return nil, err
	}
	return foughtIn(exp, details), nil
}

// legend explains the columns, once, below the last table.
const legend = "+: byte in the line; misses: line absent or not writable; HITM: of these, modified in another cache; " +
	"stores: that wanted to write; invs: copies taken from others; true: the word used had been written by another core; false: only its neighbours."

// tables are those of a format: tidy ones for programs, few for people.
func (k *fought) tables(lines int, f *runFlags) []report.Table {
	if f.format == "csv" || f.format == "json" {
		return k.tidy()
	}
	var apart, tables []report.Table
	_, values := k.axes()
	shown := last(values)
	for _, fight := range k.Points {
		if len(f.points) > 0 || shown(fight.Point) {
			apart = append(apart, fight.tables(lines)...)
		}
	}
	if len(k.Points) > 1 || len(apart) == 0 {
		tables = append(tables, k.overview())
	}
	if tables = append(tables, apart...); len(apart) > 0 {
		end := &tables[len(tables)-1]
		end.Notes = append(end.Notes, legend)
	}
	return tables
}

// overview has a row a point: what its lines cost together, and the worst one.
func (k *fought) overview() report.Table {
	axes, values := k.axes()
	t := report.Table{Title: "Cycles of all cores that wait for lines of other cores", Keys: len(axes)}
	for _, a := range axes {
		name := a[strings.LastIndexByte(a, '.')+1:]
		if name == "kind" {
			name = a // of what?
		}
		t.Columns = append(t.Columns, report.Column{Name: name, Right: values[a][0].IsNumber()})
	}
	t.Columns = append(t.Columns, percent("waiting"), report.Column{Name: "cycles", Unit: "/op"}, perOp("misses"),
		report.Column{Name: "mostly for"}, report.Column{Name: "beside it", Unit: "fields", Optional: true})
	quiet := false
	for _, f := range k.Points {
		var row []report.Cell
		for _, a := range f.Point {
			row = append(row, report.Str(a.Value.String()))
		}
		var all machine.WordReport
		for i := range f.Lines {
			all.Add(&f.Lines[i].Total)
		}
		row = append(row, share(all.Cycles, f.Cycles), ratio(all.Cycles, f.Ops), ratio(all.Misses, f.Ops))
		if len(f.Lines) == 0 {
			quiet = true
			row = append(row, report.Str("-"), report.Num(stats.Missing))
		} else {
			l := &f.Lines[0]
			row = append(row, report.Str(hottest(l)), report.Count(uint64(len(l.Words)-1)))
		}
		t.Rows = append(t.Rows, row)
	}
	if quiet {
		t.Notes = append(t.Notes, "-: no core took a line from another.")
	}
	return t
}

// tables takes one point apart: its lines and their fields, which accesses
// disturb which, and the ops that pay.
func (f *fight) tables(n int) []report.Table {
	shown := f.Lines[:min(n, len(f.Lines))]
	for len(shown) > 1 && shown[len(shown)-1].Total.Cycles*100 < f.Cycles {
		shown = shown[:len(shown)-1] // below 1 % of the time
	}
	remote := slices.ContainsFunc(shown, func(l machine.LineReport) bool { return l.Total.HitMRemote > 0 })
	name := title(f.Point)
	if name == "" {
		name = "Lines by cost"
	}
	if len(f.Lines) == 0 {
		return nil // the overview says so
	}
	lines := report.Table{Title: name, Keys: 3, Columns: []report.Column{
		{Name: "#", Right: true}, {Name: "+", Right: true}, {Name: "field"}, percent("cycles"), perOp("misses"), perOp("HITM"),
	}}
	if remote {
		lines.Columns = append(lines.Columns, perOp("remote"))
	}
	lines.Columns = append(lines.Columns, optional(perOp("stores")), optional(perOp("invs")), perOp("true"), perOp("false"))
	row := func(number, offset, name string, w *machine.WordReport) {
		r := []report.Cell{report.Str(number), report.Str(offset), report.Str(name),
			share(w.Cycles, f.Cycles), ratio(w.Misses, f.Ops), ratio(w.HitMLocal+w.HitMRemote, f.Ops)}
		if remote {
			r = append(r, ratio(w.HitMRemote, f.Ops))
		}
		lines.Rows = append(lines.Rows, append(r, ratio(w.Stores, f.Ops), ratio(w.Invalidated, f.Ops), ratio(w.True, f.Ops), ratio(w.False, f.Ops)))
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
	if len(f.Lines) > len(shown) {
		var rest machine.WordReport
		for i := len(shown); i < len(f.Lines); i++ {
			rest.Add(&f.Lines[i].Total)
		}
		row("", "", fmt.Sprintf("%d more lines", len(f.Lines)-len(shown)), &rest)
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
			if p.Count*100 < f.Ops || p.Count*50 < lines[i].Total.Misses {
				break // sorted; what happens to so few operations or misses explains nothing
			}
			t.Rows = append(t.Rows, []report.Cell{report.Str(p.Victim), report.Str(p.By), ratio(p.Count, f.Ops)})
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
		if s.Cycles*200 < f.Cycles || f.Ops == 0 {
			break // below 0.5 %
		}
		t.Rows = append(t.Rows, []report.Cell{share(s.Cycles, f.Cycles), ratio(s.Cycles, f.Ops),
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
