package report

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"cohsim/internal/stats"
)

// drawn fills one figure with numbers.
type drawn struct {
	b     *builder
	spec  FigureSpec
	x     string
	fixed point
	fig   *Figure
}

// axis sets the positions and labels of x: numbers where all values are numbers,
// otherwise one place after the other.
func (d *drawn) axis() {
	f, numeric, powers := d.fig, true, true
	for _, v := range d.b.values[d.x] {
		f.Ticks = append(f.Ticks, v.String())
		n, err := strconv.ParseFloat(v.String(), 64)
		numeric = numeric && err == nil && v.IsNumber()
		powers = powers && n >= 1 && n == math.Trunc(n) && bits.OnesCount64(uint64(n)) == 1
		f.Xs = append(f.Xs, n)
	}
	positive := !slices.ContainsFunc(f.Xs, func(x float64) bool { return x <= 0 })
	f.Log2 = numeric && positive && (d.spec.Scale == "log2" || d.spec.Scale == "auto" && powers && len(f.Xs) > 2)
	if !numeric || f.Bars {
		for i := range f.Xs {
			f.Xs[i] = float64(i)
		}
	}
}

// table statistics of the figure.
func (d *drawn) statistics() Spec {
	s := NewSpec()
	if d.spec.Interval == "ci95" {
		s.Statistic, s.Interval = "mean", "ci95"
	}
	return s
}

func (d *drawn) metrics(otherwise ...string) []string {
	if len(d.spec.Value) > 0 {
		return d.spec.Value
	}
	return otherwise
}

// lines are one for each series, or for each metric.
func (d *drawn) lines() {
	metrics := d.metrics("ops.per_second")
	series := d.b.project(d.fixed, d.spec.Series)
	for _, at := range series {
		for _, m := range metrics {
			l := Line{Name: at[len(d.fixed):].label(false)}
			if len(metrics) > 1 {
				l.Name = m
			}
			spread := false
			st := d.statistics()
			for _, x := range d.b.values[d.x] {
				e := st.estimate(d.b.seedValues(at.with(d.x, x), m))
				l.Y = append(l.Y, number64(e.center))
				l.Lo, l.Hi = append(l.Lo, number64(e.lo)), append(l.Hi, number64(e.hi))
				spread = spread || !e.lo.IsMissing()
			}
			if !spread {
				l.Lo, l.Hi = nil, nil
			}
			if slices.ContainsFunc(l.Y, func(y float64) bool { return !math.IsNaN(y) }) {
				d.fig.Lines = append(d.fig.Lines, l)
			}
		}
	}
	d.fig.Y = d.quantity(metrics)
}

// bars are stacks of parts; series stand side by side.
func (d *drawn) bars() {
	var metrics []string
	for _, m := range d.metrics("cpu.cycles.*") {
		prefix, all := strings.CutSuffix(m, "*")
		if !all {
			metrics = append(metrics, m)
			continue
		}
		for _, name := range d.b.names {
			// Parts, and neither their sum nor parts of parts.
			if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "total" && !strings.Contains(rest, ".") {
				metrics = append(metrics, name)
			}
		}
	}
	groups := d.b.project(d.fixed, d.spec.Series)
	st := d.statistics()
	sums := make([]float64, len(groups)*len(d.fig.Xs))
	for _, m := range metrics {
		l := Line{Name: m[strings.LastIndexByte(m, '.')+1:]}
		any := false
		for g, at := range groups {
			for i, x := range d.b.values[d.x] {
				v := number64(st.estimate(d.b.seedValues(at.with(d.x, x), m)).center)
				if math.IsNaN(v) {
					v = 0
				}
				any = any || v != 0
				sums[g*len(d.fig.Xs)+i] += v
				l.Y = append(l.Y, v)
			}
		}
		if any {
			d.fig.Lines = append(d.fig.Lines, l)
		}
	}
	for _, at := range groups {
		d.fig.Groups = append(d.fig.Groups, at[len(d.fixed):].label(false))
	}
	d.fig.Y = d.quantity(metrics)
	if d.spec.Percent {
		for k := range d.fig.Lines {
			for i := range d.fig.Lines[k].Y {
				if sums[i] != 0 {
					d.fig.Lines[k].Y[i] *= 100 / sums[i]
				}
			}
		}
		d.fig.Y = "share in %"
	}
	d.gather()
}

// mostParts is how many parts of a bar can be told apart.
const mostParts = 8

// gather adds the smallest parts up, so that as many are left as there are looks.
func (d *drawn) gather() {
	f := d.fig
	total := func(l Line) (sum float64) {
		for _, y := range l.Y {
			sum += y
		}
		return sum
	}
	if len(f.Lines) <= mostParts {
		return
	}
	order := slices.Clone(f.Lines)
	slices.SortStableFunc(order, func(a, b Line) int {
		if total(a) > total(b) {
			return -1
		}
		return 1
	})
	least := total(order[mostParts-2])
	rest := Line{Name: "other", Y: make([]float64, len(f.Lines[0].Y))}
	var kept []Line
	for _, l := range f.Lines {
		if total(l) >= least && len(kept) < mostParts-1 {
			kept = append(kept, l)
			continue
		}
		for i, y := range l.Y {
			rest.Y[i] += y
		}
	}
	f.Lines = append(kept, rest)
}

// heatmap is one number for every pair of x and y.
func (d *drawn) heatmap() {
	m := d.metrics("ops.per_second")[0]
	st := d.statistics()
	for _, y := range d.b.values[d.spec.Y] {
		d.fig.Rows = append(d.fig.Rows, y.String())
		var row []float64
		for _, x := range d.b.values[d.x] {
			row = append(row, number64(st.estimate(d.b.seedValues(d.fixed.with(d.spec.Y, y).with(d.x, x), m)).center))
		}
		d.fig.Cells = append(d.fig.Cells, row)
	}
	d.fig.Y, d.fig.Unit = d.spec.Y, d.quantity([]string{m})
	for i := range d.fig.Xs {
		d.fig.Xs[i] = float64(i)
	}
}

// quantity is what a metric counts, for an axis: the unit, and the name unless a
// title says it.
func (d *drawn) quantity(metrics []string) string {
	unit := d.b.units[metrics[0]]
	if len(metrics) == 1 {
		name := metrics[0]
		if short, ok := heads[name]; ok {
			name = short
		}
		if unit != "" {
			return name + " in " + unit
		}
		return name
	}
	return unit
}

// number64 is NaN for what is missing.
func number64(v stats.Value) float64 {
	f, ok := v.Float64()
	if !ok {
		return math.NaN()
	}
	return f
}
