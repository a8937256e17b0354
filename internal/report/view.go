package report

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"cohsim/internal/stats"
)

// view is one spec applied to one combination of the remaining axes.
type view struct {
	b       *builder
	spec    Spec
	rows    string // axis of the rows
	fixed   point  // the remaining axes
	columns []point
}

// exists reports whether a point was simulated.
func (v *view) exists(p point) bool { return v.b.cells[v.b.key(p)] != nil }

// table has one group of columns per column point and metric: the median, its
// range if there are seeds, and its ratio to the baseline if there is one.
func (v *view) table(metrics ...string) Table {
	t := Table{
		Title:   v.title(metrics),
		Columns: []Column{{Name: v.rows, Right: v.numericRows()}},
		Notes:   append([]string(nil), v.spec.Notes...),
	}
	axis, base, hasBase := v.baseline()
	if hasBase {
		t.Notes = append(t.Notes, fmt.Sprintf("× base: ratio to %s = %s.", axis, base))
	}
	type column struct {
		at     point
		metric string
		ratio  bool
	}
	var columns []column
	for _, c := range v.columns {
		for _, m := range metrics {
			name := m
			if len(v.spec.Columns) > 0 {
				name = c[len(v.fixed):].label(false)
			} else if short, ok := heads[m]; ok {
				name = short
			}
			col := column{at: c, metric: m}
			if coord, ok := find(c, axis); hasBase && !(ok && coord == base) {
				col.ratio = true
			}
			columns = append(columns, col)
			t.Columns = append(t.Columns, Column{Name: name, Unit: v.b.units[m], Group: m, Precision: v.spec.Precision})
			if v.b.seeds > 1 {
				t.Columns = append(t.Columns, Column{Name: v.spec.intervalName(), Unit: v.b.units[m], Group: m, Optional: true, Tied: true})
			}
			if col.ratio {
				t.Columns = append(t.Columns, Column{Name: "× base", Fixed: true, Decimals: 2, Tied: true})
				if v.b.seeds > 1 {
					t.Columns = append(t.Columns, Column{Name: v.spec.intervalName(), Fixed: true, Decimals: 2, Optional: true, Tied: true})
				}
			}
		}
	}
	if m := v.spec.method(v.b.seeds); m != "" {
		t.Notes = append(t.Notes, m)
	}
	spread := worst{}
	sums := make([][]stats.Value, len(t.Columns)) // of what a geometric mean is taken
	for _, r := range v.b.values[v.rows] {
		if !v.anyAt(r) {
			continue
		}
		row := []Cell{Str(r.String())}
		for _, c := range columns {
			at := c.at.with(v.rows, r)
			values := v.b.seedValues(at, c.metric)
			e := v.spec.estimate(values)
			sums[len(row)] = append(sums[len(row)], e.center)
			row = append(row, Num(e.center))
			if v.b.seeds > 1 {
				row = append(row, Range(e.lo, e.hi))
				spread.add(e, at, c.metric)
			}
			if c.ratio {
				r := v.spec.ratio(values, v.b.seedValues(at.with(axis, base), c.metric))
				sums[len(row)] = append(sums[len(row)], r.center)
				row = append(row, Num(r.center))
				if v.b.seeds > 1 {
					row = append(row, Range(r.lo, r.hi))
				}
			}
		}
		t.Rows = append(t.Rows, row)
	}
	if v.spec.Summary == "geomean" && len(t.Rows) > 0 {
		row := []Cell{Str("geomean")}
		for _, values := range sums[1:] {
			if values == nil { // an interval
				row = append(row, Str(""))
				continue
			}
			row = append(row, Num(geomean(values)))
		}
		t.Rows = append(t.Rows, nil, row)
	}
	t.Instead = spread.note(len(metrics) > 1, v.spec.Interval)
	return t
}

func (v *view) anyAt(row Scalar) bool {
	for _, c := range v.columns {
		if v.exists(c.with(v.rows, row)) {
			return true
		}
	}
	return false
}

func (v *view) numericRows() bool {
	for _, r := range v.b.values[v.rows] {
		if !r.IsNumber() {
			return false
		}
	}
	return true
}

// baseline is the coordinate that ratios refer to.
func (v *view) baseline() (axis string, value Scalar, ok bool) {
	if v.spec.Baseline == "" {
		return "", Scalar{}, false
	}
	axis = v.rows
	if len(v.spec.Columns) > 0 {
		axis = v.spec.Columns[0]
	}
	for _, s := range v.b.values[axis] {
		if s.String() == v.spec.Baseline {
			return axis, s, true
		}
	}
	return "", Scalar{}, false
}

func (v *view) title(metrics []string) string {
	var parts []string
	if v.spec.Title != "" {
		parts = append(parts, v.spec.Title)
	}
	if len(v.fixed) > 0 {
		parts = append(parts, v.fixed.label(true))
	}
	if len(metrics) == 1 && (v.spec.Title == "" || len(v.spec.Value) > 1) {
		name := metrics[0]
		if m, ok := stats.Find(name); ok && v.spec.Title == "" {
			name += ": " + m.Doc
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, " · ")
}

// worst remembers the widest spread over seeds, for the note that stands in
// for ranges where they do not fit.
type worst struct {
	share  stats.Value // (hi - lo) / center, in percent
	at     point
	metric string
}

func (w *worst) add(s estimate, at point, metric string) {
	if s.center.IsMissing() || s.center.Sign() == 0 || s.lo.IsMissing() {
		return
	}
	share := new(big.Rat).Sub(s.hi.Rat(), s.lo.Rat())
	share.Quo(share, s.center.Rat()).Mul(share, big.NewRat(100, 1))
	if w.at == nil || share.Cmp(w.share.Rat()) > 0 {
		if v := stats.Rat(share); !v.IsMissing() {
			*w = worst{v, at, metric}
		}
	}
}

func (w *worst) note(metric bool, interval string) string {
	if w.at == nil {
		return ""
	}
	where := w.at.label(true)
	if metric {
		where += ", " + w.metric
	}
	if interval == "ci95" {
		return fmt.Sprintf("Widest 95 %% interval: %s %% of the mean (%s).", scale{decimals: 1}.format(w.share), where)
	}
	return fmt.Sprintf("Widest range over seeds: %s %% of the median (%s).", scale{decimals: 1}.format(w.share), where)
}

// find is p's coordinate on an axis.
func find(p point, axis string) (Scalar, bool) {
	for _, a := range p {
		if a.Name == axis {
			return a.Value, true
		}
	}
	return Scalar{}, false
}

// quotient is a/b, missing if either is or if b is 0.
func quotient(a, b stats.Value) stats.Value {
	if a.IsMissing() || b.IsMissing() || b.Sign() == 0 {
		return stats.Missing
	}
	return stats.Rat(new(big.Rat).Quo(a.Rat(), b.Rat()))
}

func half(r *big.Rat) *big.Rat { return r.Quo(r, big.NewRat(2, 1)) }

// vertical lists every metric of a single point, grouped by layer, with each
// part of cpu.cycles as a share of the total.
func (b *builder) vertical(opt Options) Table {
	p := point{}
	for _, a := range b.axes {
		p = p.with(a, b.values[a][0])
	}
	t := Table{Title: p.label(true), Keys: 2, Columns: []Column{
		{Name: "layer"}, {Name: "metric"}, {Name: "value", PerCell: true, Precision: 6}, {Name: "unit"},
		{Name: "share %", Fixed: true, Decimals: 1},
	}}
	seeds := b.seeds > 1
	if seeds {
		t.Columns = append(t.Columns, Column{Name: "min..max", PerCell: true, Precision: 6, Optional: true})
	}
	spec := NewSpec()
	at := func(name string) estimate { return spec.estimate(b.seedValues(p, name)) }
	total := at("cpu.cycles.total").center
	zero, last := 0, ""
	for _, name := range b.names {
		values := b.seedValues(p, name)
		s := at(name)
		if !opt.Wide && !slices.ContainsFunc(values, func(v stats.Value) bool { return v.Sign() != 0 }) {
			zero++
			continue
		}
		m, _ := stats.Find(name)
		layer := m.Layer
		if layer != last && last != "" {
			t.Rows = append(t.Rows, nil)
		}
		row := []Cell{Str(layer), Str(name), Num(s.center), Str(b.units[name]), Str("")}
		if layer == last {
			row[0] = Str("") // said once a group
		}
		if last = layer; strings.HasPrefix(name, "cpu.cycles.") {
			if share := quotient(s.center, total); !share.IsMissing() {
				row[4] = Num(stats.Rat(new(big.Rat).Mul(share.Rat(), big.NewRat(100, 1))))
			}
		}
		if seeds {
			row = append(row, Range(s.lo, s.hi))
		}
		t.Rows = append(t.Rows, row)
	}
	if zero > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d metrics that are zero or missing are left out; --wide shows them.", zero))
	}
	return t
}
