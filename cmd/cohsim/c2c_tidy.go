package main

import (
	"fmt"

	"cohsim/internal/report"
	"cohsim/internal/stats"
)

// tidy is everything that c2c knows, for programs to read: every point and every
// line, exact counts, one observation a row. The three tables are fields, pairs
// of fields, and ops.
func (k *fought) tidy() []report.Table {
	axes, _ := k.axes()
	table := func(title string, names ...string) report.Table {
		t := report.Table{Title: title}
		for _, a := range axes {
			t.Columns = append(t.Columns, report.Column{Name: a})
		}
		for _, n := range names {
			t.Columns = append(t.Columns, report.Column{Name: n})
		}
		return t
	}
	fields := table("fields", "ops", "total_cycles", "line", "offset", "field", "cycles", "misses", "hitm_local", "hitm_remote",
		"stores", "invalidations", "true_sharing", "false_sharing")
	pairs := table("pairs", "ops", "line", "missed", "taken_by", "copies")
	ops := table("ops", "ops", "total_cycles", "line", "field", "program", "program_line", "op", "cycles")
	for _, f := range k.Points {
		var point []report.Cell
		for _, a := range f.Point {
			point = append(point, report.Str(a.Value.String()))
		}
		row := func(cells ...any) []report.Cell {
			r := append([]report.Cell(nil), point...)
			for _, c := range cells {
				switch c := c.(type) {
				case uint64:
					r = append(r, report.Num(stats.Int(c)))
				default:
					r = append(r, report.Str(fmt.Sprint(c)))
				}
			}
			return r
		}
		for i := range f.Lines {
			l := &f.Lines[i]
			at := fmt.Sprintf("%#x", uint64(l.Addr))
			for _, w := range l.Words {
				fields.Rows = append(fields.Rows, row(f.Ops, f.Cycles, at, uint64(w.Offset), w.Symbol, w.Cycles, w.Misses,
					w.HitMLocal, w.HitMRemote, w.Stores, w.Invalidated, w.True, w.False))
			}
			for _, p := range l.Pairs {
				pairs.Rows = append(pairs.Rows, row(f.Ops, at, p.Victim, p.By, p.Count))
			}
			for _, s := range l.Stalls {
				ops.Rows = append(ops.Rows, row(f.Ops, f.Cycles, at, s.Field, s.Proc, uint64(s.Line), s.Text, s.Cycles))
			}
		}
	}
	return []report.Table{fields, pairs, ops}
}
