package report

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/internal/stats"
)

// FigureSpec says which figure to draw of a document: a [[figure]] section of a
// config. Axes that are neither x, y nor series give one figure for each of their
// values.
type FigureSpec struct {
	Title    string   `toml:"title" doc:"heading of the figure; empty: made from the metric"`
	Kind     string   `toml:"kind" oneof:"lines bars heatmap" doc:"lines of a metric over x; bars stacked of parts that add up, for every x; or a map of a metric over two axes"`
	X        string   `toml:"x" doc:"axis from left to right; empty: the first"`
	Y        string   `toml:"y" doc:"axis from bottom to top, of a heatmap only"`
	Series   []string `toml:"series" doc:"axis, or list of axes, whose values are lines, or bars side by side; empty: one for each metric"`
	Value    []string `toml:"value" doc:"metric, or list of metrics: of bars the parts, a trailing * standing for all metrics that begin so; empty: ops.per_second, of bars cpu.cycles.*"`
	Scale    string   `toml:"scale" oneof:"auto linear log2" doc:"of x; auto is log2 where every value is a power of two"`
	From0    bool     `toml:"from_zero" doc:"whether lines start the y axis at 0"`
	Interval string   `toml:"interval" oneof:"range ci95" doc:"what the error bars of lines are: the range over seeds around the median, or the 95 % confidence interval around the mean"`
	Percent  bool     `toml:"percent" doc:"whether bars show shares of their sum"`
	Width    string   `toml:"width" oneof:"column page" doc:"one column of a paper, 8.5 cm, or the page, 17.5 cm"`
}

// NewFigureSpec is a figure with every key at its default.
func NewFigureSpec() FigureSpec {
	return FigureSpec{Kind: "lines", Scale: "auto", From0: true, Interval: "range", Width: "column"}
}

// Check finds every name in s that no document with these axes will have. The
// errors are *KeyError.
func (s FigureSpec) Check(axes []string) []error {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, &KeyError{Section: "figure", Key: key, Msg: fmt.Sprintf(format, args...)})
	}
	relate := func(key, format string, args ...any) {
		errs = append(errs, &KeyError{"figure", key, fmt.Sprintf(format, args...), true})
	}
	used := map[string]bool{}
	isAxis := func(key, name string) {
		switch {
		case used[name]:
			relate(key, "axis %q has a place already", name)
		case len(axes) == 0:
			fail(key, "unknown axis %q: this config sweeps nothing", name)
		case !slices.Contains(axes, name):
			fail(key, "unknown axis %q%s", name, suggest(name, axes))
		}
		used[name] = true
	}
	if len(axes) == 0 && s.X == "" {
		relate("x", "nothing to draw over: this config sweeps nothing")
	}
	if s.X != "" {
		isAxis("x", s.X)
	} else if len(axes) > 0 {
		used[s.xAxis(axes)] = true
	}
	switch {
	case s.Kind == "heatmap" && s.Y == "":
		relate("y", "a heatmap needs a second axis%s", suggest("", axes))
	case s.Kind != "heatmap" && s.Y != "":
		relate("y", "only a heatmap has a second axis; for %s, name the metric as value", s.Kind)
	case s.Y != "":
		isAxis("y", s.Y)
	}
	if s.Kind == "heatmap" && len(s.Series) > 0 {
		relate("series", "a heatmap has no series")
	} else {
		for _, a := range s.Series {
			isAxis("series", a)
		}
	}
	var known []string
	for _, m := range stats.Metrics() {
		known = append(known, m.Name)
	}
	for _, v := range s.Value {
		prefix, all := strings.CutSuffix(v, "*")
		switch {
		case all && s.Kind != "bars":
			relate("value", "only the parts of bars may be named by %q", v)
		case all && !slices.ContainsFunc(known, func(m string) bool { return strings.HasPrefix(m, prefix) }):
			fail("value", "no metric begins with %q", prefix)
		case !all && !slices.Contains(known, v):
			fail("value", "unknown metric %q%s", v, suggest(v, known))
		}
	}
	if len(s.Value) > 1 && s.Kind == "heatmap" {
		relate("value", "a heatmap shows one metric")
	}
	if len(s.Value) > 1 && s.Kind == "lines" && len(s.Series) > 0 {
		relate("value", "several metrics over several series are too much for one figure; draw one each")
	}
	return errs
}

// xAxis is the axis of x, or "".
func (s FigureSpec) xAxis(axes []string) string {
	if s.X != "" {
		return s.X
	}
	for _, a := range axes {
		if a != s.Y && !slices.Contains(s.Series, a) {
			return a
		}
	}
	return ""
}

// Figure is a figure ready to be drawn in any format.
type Figure struct {
	Name   string   // for files: "lines-1"
	Source []string // lines of small print: where the numbers come from
	Title  string
	X, Y   string // what the axes are, with units
	Width  string // as FigureSpec.Width
	Log2   bool
	From0  bool
	Ticks  []string // of x: every value
	Xs     []float64
	Lines  []Line // of lines and, one for each part, of bars
	Bars   bool
	Groups []string // of bars: the series side by side, "" for one
	Rows   []string // of a heatmap: every value of y, from the bottom
	Cells  [][]float64
	Unit   string // of a heatmap's colours
	means  bool   // of seeds, not medians
}

// Line is a series of points. Missing values are NaN. Lo and Hi are the ends of
// error bars, empty if there are none.
type Line struct {
	Name      string
	Y, Lo, Hi []float64
}

// Figures makes the figures that specs ask for.
// command is how to make them again, or "".
func Figures(doc *Document, specs []FigureSpec, command string) ([]Figure, error) {
	b := newBuilder(doc)
	var out []Figure
	var errs []error
	for i, s := range specs {
		if bad := s.Check(b.axes); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		out = append(out, b.figures(s, i)...)
	}
	if len(errs) > 0 {
		return nil, errs[0]
	}
	for i := range out {
		out[i].Source = []string{Provenance(doc, Spec{Statistic: map[bool]string{true: "mean"}[out[i].means]})}
		if command != "" {
			out[i].Source = append(out[i].Source, command)
		}
	}
	return out, nil
}

func (b *builder) figures(s FigureSpec, number int) []Figure {
	x := s.xAxis(b.axes)
	var rest []string
	for _, a := range b.axes {
		if a != x && a != s.Y && !slices.Contains(s.Series, a) {
			rest = append(rest, a)
		}
	}
	var out []Figure
	for k, fixed := range b.project(nil, rest) {
		f := Figure{Name: fmt.Sprintf("figure-%d", number+1), X: x, Width: s.Width, From0: s.From0, Bars: s.Kind == "bars", means: s.Interval == "ci95"}
		if len(rest) > 0 {
			f.Name += fmt.Sprintf("-%d", k+1)
		}
		d := drawn{b: b, spec: s, x: x, fixed: fixed, fig: &f}
		d.axis()
		switch s.Kind {
		case "lines":
			d.lines()
		case "bars":
			d.bars()
		case "heatmap":
			d.heatmap()
		}
		f.Title = s.Title
		if len(fixed) > 0 {
			if f.Title != "" {
				f.Title += " · "
			}
			f.Title += fixed.label(true)
		}
		out = append(out, f)
	}
	return out
}
