package validate

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/stats"
)

// Tables are the report for people: a table of points per machine, errors by
// family, claims, targets, and what was not run. A table without rows is left out.
func (rep *Report) Tables() []report.Table {
	var out []report.Table
	for _, m := range rep.Machines {
		out = append(out, rep.points(m))
	}
	if len(rep.Results) > 0 {
		out = append(out, rep.errors())
	}
	if len(rep.Claims) > 0 {
		out = append(out, rep.claims())
	}
	if len(rep.Targets) > 0 {
		out = append(out, rep.targetTable())
	}
	return append(out, rep.absent()...)
}

func (rep *Report) points(m string) report.Table {
	t := report.Table{Title: m, Columns: []report.Column{
		{Name: "point", Wrap: true}, {Name: "use"}, {Name: "unit"},
		{Name: "simulated", PerCell: true, Precision: 4}, {Name: "min..max", PerCell: true, Precision: 4, Optional: true},
		{Name: "measured", PerCell: true, Precision: 4}, {Name: "noise", PerCell: true, Precision: 4, Optional: true, Tied: true},
		{Name: "ln", Fixed: true, Decimals: 3, Optional: true}, {Name: "error %", Fixed: true, Decimals: 1},
	}, Notes: []string{"error: the factor between simulated and measured, less one; 0 inside the measured noise."}}
	for i := range rep.Results {
		r := &rep.Results[i]
		if r.Machine != m {
			continue
		}
		use, noise := "validate", report.Str("")
		if r.Calibrate {
			use = "calibrate"
		}
		if r.Ranged {
			noise = report.Range(value(r.Lo), value(r.Hi))
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Str(strings.TrimPrefix(r.ID, m+".")), report.Str(use), report.Str(r.Metric.Unit),
			report.Num(value(r.Sim)), report.Range(value(r.Min), value(r.Max)),
			report.Num(value(r.Value)), noise, report.Num(value(r.Err())), report.Num(value(100 * math.Expm1(r.Err()))),
		})
	}
	return t
}

func (rep *Report) errors() report.Table {
	t := report.Table{Title: "errors", Keys: 2, Columns: []report.Column{
		{Name: "machine"}, {Name: "rows"}, {Name: "points", Right: true}, {Name: "mean %", Fixed: true, Decimals: 1},
		{Name: "p90 %", Fixed: true, Decimals: 1}, {Name: "max %", Fixed: true, Decimals: 1}, {Name: "tau", Fixed: true, Decimals: 2},
	}, Notes: []string{"mean: geometric mean. Families hold rows for validation only. tau: Kendall's tau-b of the ranking."}}
	add := func(name string, f Family, s Score) {
		if s.Points == 0 {
			return
		}
		t.Rows = append(t.Rows, []report.Cell{report.Str(name), report.Str(string(f)), report.Count(uint64(s.Points)),
			pct(s.Mean), pct(s.P90), pct(s.Max), number(s.Tau)})
	}
	for _, m := range append(rep.Machines, "") {
		name := m
		if m == "" {
			name = "all machines"
		}
		before := len(t.Rows)
		for _, f := range append(append([]Family{Fitted}, families...), All) {
			add(name, f, rep.Score(m, f))
			if len(t.Rows) > before {
				name = ""
			}
		}
		t.Rows = append(t.Rows, nil)
	}
	row := func(f Family) {
		n := 0
		for _, m := range rep.Machines {
			if rep.Score(m, f).Points > 0 {
				n++
			}
		}
		if n == 0 {
			return
		}
		t.Rows = append(t.Rows, []report.Cell{report.Str(fmt.Sprintf("average of %d machines", n)), report.Str(string(f)), report.Str(""),
			pct(rep.perMachine(f, func(s Score) float64 { return s.Mean })), pct(rep.perMachine(f, func(s Score) float64 { return s.P90 })),
			pct(rep.perMachine(f, func(s Score) float64 { return s.Max })), report.Str("")})
	}
	row(Fitted)
	row(All)
	return t
}

func pct(e float64) report.Cell { return number(100 * math.Expm1(e)) }

func number(f float64) report.Cell {
	if math.IsNaN(f) {
		return report.Num(stats.Missing)
	}
	return report.Num(value(f))
}

func (rep *Report) claims() report.Table {
	t := report.Table{Title: "directional claims", Columns: []report.Column{
		{Name: "claim", Wrap: true}, {Name: "machine"}, {Name: "points", Wrap: true}, {Name: "hardware"},
		{Name: "measured ratio", Fixed: true, Decimals: 2}, {Name: "simulated", Fixed: true, Decimals: 2}, {Name: "verdict"},
	}}
	for i := range rep.Claims {
		v := &rep.Claims[i]
		verdict := "passed"
		if !v.OK {
			verdict = "FAILED"
		}
		t.Rows = append(t.Rows, []report.Cell{report.Str(v.Claim.Name), report.Str(v.A.Machine), report.Str(v.Describe()), report.Str(v.Says()),
			report.Num(value(v.A.Value / v.B.Value)), report.Num(value(v.A.Sim / v.B.Sim)), report.Str(verdict)})
	}
	return t
}

func (rep *Report) targetTable() report.Table {
	t := report.Table{Title: "targets", Columns: []report.Column{{Name: "target", Wrap: true}, {Name: "reached", Wrap: true}, {Name: "verdict"}}}
	for _, g := range rep.Targets {
		verdict := "reached"
		if !g.OK {
			verdict = "MISSED"
		}
		t.Rows = append(t.Rows, []report.Cell{report.Str(g.Name), report.Str(g.Reached), report.Str(verdict)})
	}
	return t
}

// absent are tables of the points without a result, if there are any.
func (rep *Report) absent() (out []report.Table) {
	for _, l := range []struct {
		title  string
		points []Uncovered
	}{{"aborted", rep.Aborted}, {"not covered", rep.Uncovered}} {
		t := report.Table{Title: l.title, Columns: []report.Column{{Name: "point", Wrap: true}, {Name: "why", Wrap: true}}}
		for _, u := range l.points {
			t.Rows = append(t.Rows, []report.Cell{report.Str(u.ID), report.Str(u.Why)})
		}
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// Document is the report for programs: a record per point.
func (rep *Report) Document() *report.Document {
	doc := &report.Document{Engine: machine.Engine, Config: json.RawMessage(`{"name":"validate"}`)}
	for i := range rep.Results {
		r := &rep.Results[i]
		use := "validate"
		if r.Calibrate {
			use = "calibrate"
		}
		doc.Records = append(doc.Records, report.Record{
			Point: []report.Axis{{Name: "point", Value: report.Text(r.ID)}, {Name: "use", Value: report.Text(use)}, {Name: "family", Value: report.Text(string(r.Family()))}, {Name: "unit", Value: report.Text(r.Metric.Unit)}},
			Metrics: []stats.Reading{
				{Name: "simulated", Unit: r.Metric.Unit, Value: value(r.Sim)}, {Name: "measured", Unit: r.Metric.Unit, Value: value(r.Value)},
				{Name: "measured.lo", Unit: r.Metric.Unit, Value: value(r.Lo)}, {Name: "measured.hi", Unit: r.Metric.Unit, Value: value(r.Hi)},
				{Name: "error.ln", Unit: "ln", Value: value(r.Err())},
			},
		})
	}
	return doc
}
