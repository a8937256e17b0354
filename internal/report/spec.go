package report

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/internal/stats"
)

// Spec says which table to make of a document: the [report] section of a
// config. Axes that are neither rows nor columns give one table for each of
// their values.
type Spec struct {
	Title     string   `toml:"title" doc:"heading of the table; empty: made from the metric"`
	Rows      string   `toml:"rows" doc:"axis whose values are the rows; empty: the first axis that is not a column"`
	Columns   []string `toml:"columns" doc:"axis, or list of axes, whose values are the columns; empty: the metrics are the columns"`
	Value     []string `toml:"value" doc:"metric, or list of metrics, to show; empty: a few key metrics"`
	Baseline  string   `toml:"baseline" doc:"value of the first column axis (without columns: of the row axis) to which the others are compared as a ratio"`
	Statistic string   `toml:"statistic" oneof:"median mean" doc:"what stands for several seeds"`
	Interval  string   `toml:"interval" oneof:"range ci95" doc:"what is told of the spread over seeds: least and greatest, or the 95 % confidence interval of the mean (Student's t), which needs statistic = \"mean\""`
	Summary   string   `toml:"summary" oneof:"none geomean" doc:"a last row: the geometric mean of each column's numbers"`
	Fit       string   `toml:"fit" oneof:"none usl" doc:"usl: a second table with the Universal Scalability Law fitted to each column of a throughput over run.cores, and a third with what it leaves unexplained"`
	Precision int      `toml:"precision" min:"0" max:"9" doc:"significant digits of the largest number of a column; 0: chosen to fit"`
	Notes     []string `toml:"notes" doc:"lines printed below the table"`
}

// NewSpec is a report with every key at its default.
func NewSpec() Spec {
	return Spec{Statistic: "median", Interval: "range", Summary: "none", Fit: "none"}
}

// KeyError is a fault in one key of a Spec; the caller knows the file and line.
type KeyError struct {
	Section string // "report" or "figure"
	Key     string // as written there: "rows", "value", …
	Msg     string
	Related bool // whether another key of the section may be the one that is wrong
}

func (e *KeyError) Error() string { return e.Section + "." + e.Key + ": " + e.Msg }

// Check finds every name in s that no document with these axes and values will
// have. values gives the text of each axis's values, in any order. Metrics are
// those of stats.Metrics. The errors are *KeyError.
func (s Spec) Check(axes []string, values map[string][]string) []error {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, &KeyError{Section: "report", Key: key, Msg: fmt.Sprintf(format, args...)})
	}
	relate := func(key, format string, args ...any) {
		errs = append(errs, &KeyError{"report", key, fmt.Sprintf(format, args...), true})
	}
	isAxis := func(key, name string) bool {
		if slices.Contains(axes, name) {
			return true
		}
		if len(axes) == 0 {
			fail(key, "unknown axis %q: this config sweeps nothing", name)
		} else {
			fail(key, "unknown axis %q%s", name, suggest(name, axes))
		}
		return false
	}
	if s.Rows != "" {
		isAxis("rows", s.Rows)
	}
	for i, c := range s.Columns {
		if !isAxis("columns", c) {
			continue
		}
		if c == s.Rows {
			relate("columns", "axis %q is already the rows", c)
		}
		if slices.Contains(s.Columns[:i], c) {
			fail("columns", "axis %q is listed twice", c)
		}
	}
	if s.Rows == "" && len(s.Columns) > 0 && len(errs) == 0 && len(s.Columns) >= len(axes) {
		relate("columns", "no axis is left for the rows")
	}
	var metrics []string
	for _, m := range stats.Metrics() {
		metrics = append(metrics, m.Name)
	}
	for i, v := range s.Value {
		if !slices.Contains(metrics, v) {
			fail("value", "unknown metric %q%s", v, suggest(v, metrics))
		} else if slices.Contains(s.Value[:i], v) {
			fail("value", "metric %q is listed twice", v)
		}
	}
	if s.Baseline != "" {
		axis := s.rowAxis(axes)
		if len(s.Columns) > 0 {
			axis = s.Columns[0]
		}
		switch known := values[axis]; {
		case axis == "":
			relate("baseline", "nothing to compare with: this config sweeps nothing")
		case slices.Contains(axes, axis) && !slices.Contains(known, s.Baseline):
			relate("baseline", "axis %q has no value %q%s", axis, s.Baseline, suggest(s.Baseline, known))
		}
	}
	if s.Interval == "ci95" && s.Statistic != "mean" {
		relate("interval", "\"ci95\" is an interval of the mean, and needs statistic = \"mean\"")
	}
	if axis := s.rowAxis(axes); s.Fit == "usl" && axis != "run.cores" {
		relate("fit", "\"usl\" fits throughput against run.cores, so that axis must be the rows%s", map[bool]string{true: "", false: ", not " + axis}[axis == ""])
	}
	if s.Precision < 0 || s.Precision > stats.Digits {
		fail("precision", "%d is not between 0 and %d", s.Precision, stats.Digits)
	}
	return errs
}

// rowAxis is the axis of the rows, or "" if there is none to take.
func (s Spec) rowAxis(axes []string) string {
	if s.Rows != "" {
		return s.Rows
	}
	for _, a := range axes {
		if !slices.Contains(s.Columns, a) {
			return a
		}
	}
	return ""
}

// suggest proposes the known name nearest to a mistyped one, or lists the
// known ones if they are few.
func suggest(name string, known []string) string {
	best, dist := "", len(name)/3+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < dist {
			best, dist = k, d
		}
		// The last part alone is how people abbreviate: cores for run.cores.
		if i := strings.LastIndexByte(k, '.'); i >= 0 && k[i+1:] == name {
			best, dist = k, 0
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(known) > 0 && len(known) <= 8:
		return "; there are " + strings.Join(known, ", ")
	}
	return ""
}

// editDistance is the number of letters to insert, delete, replace, or swap with
// their neighbour.
func editDistance(a, b string) int {
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(next[j]+1, row[j+1]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], above[j-1]+1)
			}
		}
		above, row = row, next
	}
	return row[len(b)]
}
