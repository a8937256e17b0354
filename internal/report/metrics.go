package report

import (
	"strings"

	"cohsim/internal/stats"
)

// Metrics is the table of every metric: what `cohsim metrics` prints.
func Metrics() Table {
	t := Table{
		Title:   "Metrics",
		Columns: []Column{{Name: "layer"}, {Name: "metric"}, {Name: "unit"}, {Name: "meaning", Wrap: true}},
	}
	last := ""
	inputs := "Counters that only formulas use:"
	for _, m := range stats.Inputs() {
		inputs += " " + m.Name + " (" + m.Unit + "),"
	}
	t.Notes = []string{strings.TrimSuffix(inputs, ",") + "."}
	for _, m := range stats.Metrics() {
		if last != "" && m.Layer != last {
			t.Rows = append(t.Rows, nil)
		}
		last = m.Layer
		meaning := m.Doc
		if m.Formula != "counted" {
			meaning += "; = " + m.Formula
		}
		t.Rows = append(t.Rows, []Cell{Str(m.Layer), Str(m.Name), Str(m.Unit), Str(meaning)})
	}
	return t
}
