package report

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cohsim/internal/stats"
)

// keyMetrics are what a table shows when nobody says which.
var keyMetrics = []string{"ops.per_second", "op.cycles.mean", "op.cycles.p99", "coh.hitm", "lock.cas.failures"}

// heads are short names of metrics for column heads; others use their own.
var heads = map[string]string{
	"ops.per_second":       "throughput",
	"op.cycles.mean":       "mean op",
	"op.cycles.p50":        "p50 op",
	"op.cycles.p99":        "p99 op",
	"coh.hitm":             "hitm",
	"lock.cas.failures":    "CAS failures",
	"line.run_length.mean": "run length",
}

// Tables makes the tables that specs ask for. Without specs it makes one that
// suits the document: all metrics of a single point, or key metrics over the
// first axis.
func Tables(doc *Document, specs []Spec, opt Options) ([]Table, error) {
	b := newBuilder(doc)
	if len(specs) == 0 {
		if len(b.all) == 0 {
			return nil, nil // nothing was simulated
		}
		if len(b.all) == 1 {
			return []Table{b.vertical(opt)}, nil
		}
		specs = []Spec{b.defaultSpec()}
	}
	var tables []Table
	var errs []error
	for _, s := range specs {
		s = b.without(s)
		if bad := s.Check(b.axes, b.texts()); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		tables = append(tables, b.build(s)...)
	}
	return tables, errors.Join(errs...)
}

// without drops a baseline that none of the points has, where only some were run.
func (b *builder) without(s Spec) Spec {
	axis := s.rowAxis(b.axes)
	if len(s.Columns) > 0 {
		axis = s.Columns[0]
	}
	if s.Baseline != "" && !slices.Contains(b.texts()[axis], s.Baseline) && len(b.values[axis]) > 0 {
		s.Notes = append(slices.Clone(s.Notes), fmt.Sprintf("No ratios: %s = %s was not run.", axis, s.Baseline))
		s.Baseline = ""
	}
	return s
}

// Provenance is the line that says where numbers come from.
// Reports that show means say so themselves; everything else is a median.
func Provenance(doc *Document, specs ...Spec) string {
	var parts []string
	if name := doc.Name(); name != "" {
		parts = append(parts, name)
	}
	if h := doc.ConfigHash; h != "" {
		parts = append(parts, "config "+h[:min(len(h), 12)])
	}
	parts = append(parts, fmt.Sprintf("engine %d", doc.Engine))
	seeds := doc.Seeds()
	switch text := spans(seeds); {
	case len(seeds) == 1:
		parts = append(parts, "seed "+text)
	case len(seeds) > 1 && slices.ContainsFunc(specs, func(s Spec) bool { return s.Statistic == "mean" }):
		parts = append(parts, "seeds "+text)
	case len(seeds) > 1:
		parts = append(parts, "medians of seeds "+text)
	}
	return strings.Join(parts, " · ")
}

// spans is a list of numbers with runs of three or more shortened: 1-5, 9.
func spans(n []uint64) string {
	var parts []string
	for i := 0; i < len(n); {
		j := i
		for j+1 < len(n) && n[j+1] == n[j]+1 {
			j++
		}
		if j-i < 2 {
			j = i
			parts = append(parts, fmt.Sprint(n[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", n[i], n[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// builder looks numbers up by point.
type builder struct {
	axes   []string
	values map[string][]Scalar
	all    []point            // in order of first appearance
	cells  map[string]seedsOf // by the point's key
	units  map[string]string
	names  []string // metrics, in order of first appearance
	seeds  int
}

// seedsOf are the records of one point.
type seedsOf []*Record

// values are a metric's, one per seed that has the metric. It is looked up: a table shows
// few of the metrics of a record.
func (s seedsOf) values(metric string) (out []stats.Value) {
	for _, r := range s {
		if m, ok := r.Get(metric); ok {
			out = append(out, m.Value)
		}
	}
	return out
}

func newBuilder(doc *Document) *builder {
	b := &builder{cells: map[string]seedsOf{}, units: map[string]string{}, seeds: len(doc.Seeds())}
	b.axes, b.values = doc.Axes()
	for i := range doc.Records {
		r := &doc.Records[i]
		at := point{}
		for _, a := range r.Point {
			at = at.with(a.Name, a.Value)
		}
		key := b.key(at)
		if b.cells[key] == nil {
			b.all = append(b.all, at)
		}
		b.cells[key] = append(b.cells[key], r)
		for _, m := range r.Metrics {
			if _, ok := b.units[m.Name]; !ok {
				b.units[m.Name] = m.Unit
				b.names = append(b.names, m.Name)
			}
		}
	}
	return b
}

// point is a set of coordinates; with leaves the original alone.
type point []Axis

func (p point) with(name string, v Scalar) point {
	q := slices.Clone(p)
	if i := slices.IndexFunc(q, func(a Axis) bool { return a.Name == name }); i >= 0 {
		q[i].Value = v
		return q
	}
	return append(q, Axis{name, v})
}

// label is the point as a reader says it, without or with the axes' names.
func (p point) label(names bool) string {
	parts := make([]string, len(p))
	for i, a := range p {
		if parts[i] = a.Value.String(); names {
			parts[i] = a.Name + " = " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

func (b *builder) key(p point) string {
	var key []byte
	for _, name := range b.axes {
		for _, a := range p {
			if a.Name == name {
				key = strconv.AppendQuote(key, name)
				key = strconv.AppendQuote(key, a.Value.text)
				key = strconv.AppendBool(key, a.Value.literal)
			}
		}
	}
	return string(key)
}

// texts are the axes' values as text, as Spec.Check wants them.
func (b *builder) texts() map[string][]string {
	texts := map[string][]string{}
	for name, values := range b.values {
		for _, v := range values {
			texts[name] = append(texts[name], v.String())
		}
	}
	return texts
}

// defaultSpec shows key metrics over the first axis that varies; the others
// are columns.
func (b *builder) defaultSpec() Spec {
	s := Spec{Rows: b.axes[0]}
	for _, a := range b.axes {
		if len(b.values[a]) > 1 {
			s.Rows = a
			break
		}
	}
	for _, a := range b.axes {
		if a != s.Rows && len(b.values[a]) > 1 {
			s.Columns = append(s.Columns, a)
		}
	}
	for _, m := range keyMetrics {
		if _, ok := b.units[m]; ok {
			s.Value = append(s.Value, m)
		}
	}
	return s
}

// build makes the tables of one spec: one for each combination of values of
// the axes that are neither rows nor columns, and, if there are columns, one
// for each metric.
func (b *builder) build(s Spec) []Table {
	rows := s.rowAxis(b.axes)
	if len(s.Value) == 0 {
		s.Value = b.defaultSpec().Value
	}
	var rest []string
	for _, a := range b.axes {
		if a != rows && !slices.Contains(s.Columns, a) {
			rest = append(rest, a)
		}
	}
	var tables []Table
	for _, fixed := range b.project(nil, rest) {
		v := view{b: b, spec: s, rows: rows, fixed: fixed, columns: b.project(fixed, s.Columns)}
		if len(s.Columns) == 0 {
			tables = append(tables, v.table(s.Value...))
		}
		for _, m := range s.Value {
			if len(s.Columns) > 0 {
				tables = append(tables, v.table(m))
			}
			if s.Fit == "usl" {
				tables = append(tables, v.usl(m)...)
			}
		}
	}
	return tables
}

// project is every extension of base by coordinates on axes that some point
// has, in the order of the axes' values. (Their product could be far larger,
// where points are excluded.)
func (b *builder) project(base point, axes []string) []point {
	var list []point
	seen := map[string]bool{}
	for _, p := range b.all {
		if slices.ContainsFunc(base, func(a Axis) bool { v, ok := find(p, a.Name); return !ok || v != a.Value }) {
			continue
		}
		q := slices.Clone(base)
		for _, a := range axes {
			if v, ok := find(p, a); ok {
				q = q.with(a, v)
			}
		}
		if key := b.key(q); !seen[key] {
			seen[key] = true
			list = append(list, q)
		}
	}
	slices.SortStableFunc(list, func(p, q point) int {
		for _, a := range axes {
			x, _ := find(p, a)
			y, _ := find(q, a)
			if d := slices.Index(b.values[a], x) - slices.Index(b.values[a], y); d != 0 {
				return d
			}
		}
		return 0
	})
	return list
}
