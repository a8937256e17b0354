package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"cohsim/internal/litmus"
	"cohsim/internal/report"
)

// manyTests is how many tests it takes for their outcomes not to be printed.
const manyTests = 12

// writeLitmus prints tables of suites and shapes for many tests and the outcome sets of few.
func writeLitmus(f *litmusFlags, rows []litmusRow, compared bool, w io.Writer) error {
	if f.format == "json" {
		return litmusJSON(rows, w)
	}
	var tables []report.Table
	if f.format == "csv" {
		tables = append(tables, litmusTidy(f, rows))
	} else {
		if len(rows) > manyTests {
			tables = append(tables, litmusSuites(rows, compared))
		}
		if f.timed > 0 && slices.ContainsFunc(rows, func(r litmusRow) bool { return len(r.weak) > 0 }) && len(rows) > 1 {
			tables = append(tables, litmusShapes(rows))
		}
		if t := litmusLines(rows); len(t.Rows) > 0 {
			tables = append(tables, t)
		}
		if f.outcomes || len(rows) <= manyTests {
			for i := range rows {
				if f.witness {
					tables = append(tables, litmusPath(&rows[i]))
				} else {
					tables = append(tables, litmusOutcomes(f, &rows[i]))
				}
			}
		}
	}
	return report.WriteTables(w, f.format, tables, report.Options{Wide: f.wide})
}

// plain is a column of exact small numbers or of text.
func plain(names ...string) []report.Column {
	var cs []report.Column
	for _, n := range names {
		cs = append(cs, report.Column{Name: n, Fixed: true})
	}
	return cs
}

func count(n int) report.Cell { return report.Count(uint64(n)) }

// litmusSuites counts how the tests of each suite compare.
func litmusSuites(rows []litmusRow, compared bool) report.Table {
	type suite struct {
		name, model             string
		tests, met, failed      int
		equal, smaller, unknown int
		states, largest         int64
	}
	var all []*suite
	total := &suite{name: "all"}
	for _, r := range rows {
		i := slices.IndexFunc(all, func(c *suite) bool { return c.name == r.result.Test.Suite && c.model == r.result.Model.Name })
		if i < 0 {
			i = len(all)
			all = append(all, &suite{name: r.result.Test.Suite, model: r.result.Model.Name})
		}
		for _, c := range []*suite{all[i], total} {
			c.tests++
			c.states += r.result.States
			c.largest = max(c.largest, r.result.States)
			if r.result.Positive > 0 {
				c.met++
			}
			if r.failed != "" {
				c.failed++
			}
			switch r.relation {
			case string(litmus.Equal):
				c.equal++
			case string(litmus.Smaller):
				c.smaller++
			case "":
				c.unknown++
			}
		}
	}
	t := report.Table{Columns: plain("suite", "model", "tests", "met", "failed"), Keys: 2}
	if compared {
		t.Columns = append(t.Columns, plain("equal", "smaller", "unknown")...)
	}
	t.Columns = append(t.Columns, optional(plain("states")[0]), optional(plain("largest")[0]))
	for _, c := range append(all, total) {
		row := []report.Cell{report.Str(c.name), report.Str(c.model), count(c.tests), count(c.met), count(c.failed)}
		if compared {
			row = append(row, count(c.equal), count(c.smaller), count(c.unknown))
		}
		t.Rows = append(t.Rows, append(row, count(int(c.states)), count(int(c.largest))))
	}
	return t
}

// litmusShapes says which weak outcomes the cores showed, of those that the model
// allows.
func litmusShapes(rows []litmusRow) report.Table {
	type shape struct {
		name, model                string
		tests, weak, shown         int
		allowed, seen, runs, total int
	}
	var all []*shape
	sum := &shape{name: "all"}
	for i := range rows {
		r := &rows[i]
		name, model := r.result.Test.Shape(), r.result.Model.Name
		n := slices.IndexFunc(all, func(c *shape) bool { return c.name == name && c.model == model })
		if n < 0 {
			n = len(all)
			all = append(all, &shape{name: name, model: model})
		}
		for _, c := range []*shape{all[n], sum} {
			c.tests++
			if len(r.weak) == 0 {
				continue
			}
			c.weak++
			c.allowed += len(r.weak)
			c.total += r.timed.runs
			before := c.seen
			for _, o := range r.weak {
				if n := r.timed.seen[o]; n > 0 {
					c.seen++
					c.runs += n
				}
			}
			if c.seen > before {
				c.shown++
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *shape) int { return b.tests - a.tests })
	t := report.Table{Title: "Weak outcomes on the cores, of those that the model allows", Keys: 2,
		Columns: append(plain("shape", "model", "tests", "with weak", "shown", "outcomes", "seen", "in runs", "of"), percent("share")),
		Notes: []string{"A weak outcome is one that sc forbids; tests without one are not counted further.",
			"with weak, shown: tests for which the model allows a weak outcome, and on which the cores showed one."}}
	for _, c := range append(all, sum) {
		if c.weak > 0 {
			t.Rows = append(t.Rows, []report.Cell{report.Str(c.name), report.Str(c.model), count(c.tests), count(c.weak), count(c.shown),
				count(c.allowed), count(c.seen), count(c.runs), count(c.total), share(uint64(c.runs), uint64(c.total))})
		}
	}
	return t
}

// litmusLines has a line for each test, of many only those that differ or fail.
func litmusLines(rows []litmusRow) report.Table {
	t := report.Table{Keys: 2, Columns: append(plain("test", "model", "condition", "outcomes"),
		optional(plain("states")[0]), report.Column{Name: "verdict", Wrap: true})}
	var window int
	for _, r := range rows {
		verdict := r.relation
		if r.failed != "" {
			verdict = "FAILS: " + r.failed
		}
		window = max(window, r.result.Window)
		if len(rows) > manyTests && (verdict == "" || verdict == string(litmus.Equal)) {
			continue
		}
		t.Rows = append(t.Rows, []report.Cell{report.Str(litmusName(r.result.Test)), report.Str(r.result.Model.Name), report.Str(r.result.Observation()),
			count(len(r.result.Outcomes)), count(int(r.result.States)), report.Str(verdict)})
	}
	if window > 0 && len(t.Rows) > 0 {
		t.Notes = []string{fmt.Sprintf("Threads that loop have up to %d ops in flight.", window)}
	}
	return t
}

// litmusName is a test's suite and file, "cycle" if it has none, and the instruction set
// where the file leaves that open.
func litmusName(t *litmus.Test) string {
	name := t.FileName()
	if t.Suite != "." {
		name = t.Suite + "/" + name
	}
	if filepath.Ext(t.File) == ".uop" {
		name += " on " + t.Arch
	}
	return name
}

func litmusTitle(r *litmusRow) string {
	t := r.result.Test
	return fmt.Sprintf("%s, %s: %s %v", litmusName(t), r.result.Model.Name, t.Quant, &t.Cond)
}

// litmusPath is how the condition comes to be met.
func litmusPath(r *litmusRow) report.Table {
	t := report.Table{Title: litmusTitle(r), Columns: append(plain("step", "thread"), report.Column{Name: "does", Wrap: true})}
	if r.result.Positive == 0 {
		t.Notes = []string{"The condition is never met."}
	}
	for i, s := range r.result.Path {
		t.Rows = append(t.Rows, []report.Cell{count(i + 1), report.Str(s.Actor), report.Str(s.What)})
	}
	return t
}

// litmusOutcomes has what the model allows and what the cores showed side by side.
func litmusOutcomes(f *litmusFlags, r *litmusRow) report.Table {
	t := report.Table{Title: litmusTitle(r), Columns: plain("outcome", "condition", "model")}
	if f.timed > 0 {
		t.Columns = append(t.Columns, append(plain("cores"), percent("share"))...)
	}
	add := func(o litmus.Outcome, model string) {
		met := ""
		if r.result.Meets(o) {
			met = "met"
		}
		row := []report.Cell{report.Str(string(o)), report.Str(met), report.Str(model)}
		if f.timed > 0 {
			row = append(row, count(r.timed.seen[o]), share(uint64(r.timed.seen[o]), uint64(r.timed.runs)))
		}
		t.Rows = append(t.Rows, row)
	}
	for _, o := range r.result.Outcomes {
		switch {
		case slices.Contains(r.extra, o):
			add(o, "outside the known set")
		case slices.Contains(r.weak, o):
			add(o, "weak")
		default:
			add(o, "allowed")
		}
	}
	for _, o := range slices.Sorted(maps.Keys(r.timed.seen)) {
		if !slices.Contains(r.result.Outcomes, o) {
			add(o, "FORBIDDEN")
		}
	}
	for _, o := range r.missing {
		add(o, "known, not found")
	}
	return t
}

// litmusTidy has an outcome a row.
func litmusTidy(f *litmusFlags, rows []litmusRow) report.Table {
	t := report.Table{Columns: plain("suite", "test", "arch", "model", "observation", "states", "relation", "outcome", "meets")}
	if f.timed > 0 {
		t.Columns = append(t.Columns, plain("weak", "seen", "runs")...)
	}
	for i := range rows {
		r := &rows[i]
		for _, o := range r.all() {
			row := []report.Cell{report.Str(r.result.Test.Suite), report.Str(r.result.Test.FileName()), report.Str(r.result.Test.Arch), report.Str(r.result.Model.Name),
				report.Str(r.result.Observation()), count(int(r.result.States)), report.Str(r.relation), report.Str(string(o)), report.Str(fmt.Sprint(r.result.Meets(o)))}
			if f.timed > 0 {
				row = append(row, report.Str(fmt.Sprint(slices.Contains(r.weak, o))), count(r.timed.seen[o]), count(r.timed.runs))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// all are the outcomes of the model, then those that the cores alone showed.
func (r *litmusRow) all() []litmus.Outcome {
	os := slices.Clone(r.result.Outcomes)
	for _, o := range slices.Sorted(maps.Keys(r.timed.seen)) {
		if !slices.Contains(os, o) {
			os = append(os, o)
		}
	}
	return os
}

func litmusJSON(rows []litmusRow, w io.Writer) error {
	type test struct {
		Suite       string                 `json:"suite"`
		Test        string                 `json:"test"`
		Arch        string                 `json:"arch"`
		Model       string                 `json:"model"`
		Condition   string                 `json:"condition"`
		Observation string                 `json:"observation"`
		Outcomes    []litmus.Outcome       `json:"outcomes"`
		States      int64                  `json:"states"`
		Window      int                    `json:"window,omitempty"`
		Relation    *string                `json:"relation"`
		Weak        []litmus.Outcome       `json:"weak,omitempty"`
		Runs        int                    `json:"runs,omitempty"`
		Seen        map[litmus.Outcome]int `json:"seen,omitempty"`
		Extra       []litmus.Outcome       `json:"extra,omitempty"`
		Missing     []litmus.Outcome       `json:"missing,omitempty"`
		Failed      string                 `json:"failed,omitempty"`
	}
	tests := []test{}
	for _, r := range rows {
		t := r.result.Test
		j := test{Suite: t.Suite, Test: t.FileName(), Arch: t.Arch, Model: r.result.Model.Name, Condition: t.Quant + " " + t.Cond.String(),
			Observation: r.result.Observation(), Outcomes: r.result.Outcomes, States: r.result.States, Window: r.result.Window,
			Weak: r.weak, Runs: r.timed.runs, Seen: r.timed.seen, Extra: r.extra, Missing: r.missing, Failed: r.failed}
		if r.relation != "" {
			j.Relation = &r.relation
		}
		tests = append(tests, j)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"schema": "cohsim.litmus/v1", "tests": tests})
}
