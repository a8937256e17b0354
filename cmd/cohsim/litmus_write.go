package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"cohsim/internal/litmus"
)

// manyTests is how many tests it takes for their outcomes not to be printed.
const manyTests = 12

// writeLitmus prints a table of suites for many tests and the outcome sets of few.
func writeLitmus(f *litmusFlags, rows []litmusRow, compared bool, w io.Writer) error {
	var b strings.Builder
	switch {
	case f.format == "json":
		return litmusJSON(rows, w)
	case f.format == "csv":
		litmusCSV(rows, &b)
	default:
		if len(rows) > manyTests {
			litmusSuites(f, rows, compared, &b)
			b.WriteString("\n")
		}
		litmusLines(f, rows, &b)
		if f.outcomes || len(rows) <= manyTests {
			for i := range rows {
				litmusOutcomes(f, &rows[i], &b)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// litmusSuites counts how the tests of each suite compare.
func litmusSuites(f *litmusFlags, rows []litmusRow, compared bool, b *strings.Builder) {
	type count struct {
		suite, model             string
		tests, met, failed       int
		equal, smaller, larger   int
		states, largest, unknown int64
		seen                     int
	}
	var cs []*count
	total := &count{suite: "all"}
	for _, r := range rows {
		i := slices.IndexFunc(cs, func(c *count) bool { return c.suite == r.result.Test.Suite && c.model == r.result.Model.Name })
		if i < 0 {
			i = len(cs)
			cs = append(cs, &count{suite: r.result.Test.Suite, model: r.result.Model.Name})
		}
		for _, c := range []*count{cs[i], total} {
			c.tests++
			c.states += r.result.States
			c.largest = max(c.largest, r.result.States)
			if r.result.Positive > 0 {
				c.met++
			}
			if r.failed != "" {
				c.failed++
			}
			if r.met() {
				c.seen++
			}
			switch r.relation {
			case string(litmus.Equal):
				c.equal++
			case string(litmus.Smaller):
				c.smaller++
			case string(litmus.Larger):
				c.larger++
			default:
				c.unknown++
			}
		}
	}
	table := [][]string{{"suite", "model", "tests", "met", "failed"}}
	if compared {
		table[0] = append(table[0], "equal", "smaller", "larger", "unknown")
	}
	if f.timed > 0 {
		table[0] = append(table[0], "seen")
	}
	table[0] = append(table[0], "states", "largest")
	for _, c := range append(cs, total) {
		row := []string{c.suite, c.model, fmt.Sprint(c.tests), fmt.Sprint(c.met), fmt.Sprint(c.failed)}
		if compared {
			row = append(row, fmt.Sprint(c.equal), fmt.Sprint(c.smaller), fmt.Sprint(c.larger), fmt.Sprint(c.unknown))
		}
		if f.timed > 0 {
			row = append(row, fmt.Sprint(c.seen))
		}
		table = append(table, append(row, fmt.Sprint(c.states), fmt.Sprint(c.largest)))
	}
	b.WriteString(verifyTable(f.format, table))
}

// met says that the cores showed an outcome that meets the condition.
func (r *litmusRow) met() bool {
	for o, n := range r.timed.seen {
		if n > 0 && r.result.Meets(o) {
			return true
		}
	}
	return false
}

// litmusLines prints a line for each test, of many only those that differ or fail.
func litmusLines(f *litmusFlags, rows []litmusRow, b *strings.Builder) {
	table := [][]string{{"test", "model", "condition", "outcomes", "states", "verdict"}}
	for _, r := range rows {
		verdict := r.relation
		if r.failed != "" {
			verdict = "FAILS: " + r.failed
		}
		if len(rows) > manyTests && (verdict == "" || verdict == string(litmus.Equal)) {
			continue
		}
		states := fmt.Sprint(r.result.States)
		if r.result.Window > 0 {
			states += fmt.Sprintf(" (window %d)", r.result.Window)
		}
		table = append(table, []string{litmusName(r.result.Test), r.result.Model.Name, r.result.Observation(),
			fmt.Sprint(len(r.result.Outcomes)), states, verdict})
	}
	if len(table) > 1 {
		b.WriteString(verifyTable(f.format, table))
	}
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

// litmusOutcomes prints the outcome set of a test, those that meet the condition marked.
func litmusOutcomes(f *litmusFlags, r *litmusRow, b *strings.Builder) {
	t := r.result.Test
	fmt.Fprintf(b, "\n%s: %s %v\n", t.Name, t.Quant, &t.Cond)
	if f.witness {
		if r.result.Positive == 0 {
			b.WriteString("  never met\n")
		}
		for i, s := range r.result.Path {
			fmt.Fprintf(b, "  %2d. %s: %s\n", i+1, s.Actor, s.What)
		}
		return
	}
	for _, o := range r.result.Outcomes {
		mark := " "
		if r.result.Meets(o) {
			mark = "*"
		}
		note := ""
		if slices.Contains(r.extra, o) {
			note = "   outside the known set"
		}
		if r.timed.seen != nil {
			note = fmt.Sprintf("   seen %d times%s", r.timed.seen[o], note)
		}
		fmt.Fprintf(b, "  %s %s%s\n", mark, o, note)
	}
	for _, o := range slices.Sorted(maps.Keys(r.timed.seen)) {
		if !slices.Contains(r.result.Outcomes, o) {
			fmt.Fprintf(b, "    %s   seen %d times, FORBIDDEN\n", o, r.timed.seen[o])
		}
	}
	for _, o := range r.missing {
		fmt.Fprintf(b, "    %s   known, not found\n", o)
	}
}

func litmusCSV(rows []litmusRow, b *strings.Builder) {
	b.WriteString("suite,test,arch,model,observation,states,relation,outcome,meets\n")
	for _, r := range rows {
		for _, o := range r.result.Outcomes {
			fmt.Fprintf(b, "%s,%s,%v,%s,%s,%d,%s,%s,%v\n", r.result.Test.Suite, r.result.Test.FileName(), r.result.Test.Arch, r.result.Model.Name,
				r.result.Observation(), r.result.States, r.relation, o, r.result.Meets(o))
		}
	}
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
			Seen: r.timed.seen, Extra: r.extra, Missing: r.missing, Failed: r.failed}
		if r.relation != "" {
			j.Relation = &r.relation
		}
		tests = append(tests, j)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"schema": "cohsim.litmus/v1", "tests": tests})
}
