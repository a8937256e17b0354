package report

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"

	"cohsim/internal/stats"
)

// Comparison is the exact difference between two results: no number is rounded
// before it is compared, and a metric that is the same in both is not in it. Records
// are matched by point and seed.
type Comparison struct {
	Base, Head         *Document // the records that both have, in the order of Base
	Points             []PointDiff
	OnlyBase, OnlyHead []string // points and seeds that the other one lacks
	Config             []KeyDiff
	Failures           []Failure // of rules, in the order of the points
	Tolerated          int       // metrics of points that moved by no more than they may
}

// PointDiff is one point at which metrics moved.
type PointDiff struct {
	Point   []Axis
	Metrics []MetricDiff // by layer; in a layer those first that moved most cycles, then by percentage
	// Cycles is how many cycles changed their cause, were won or were lost: the sum of
	// the differences of all cpu.cycles.CAUSE. Points are sorted by its share of all.
	Cycles, Share stats.Value
}

// MetricDiff is one metric that moved at one point.
type MetricDiff struct {
	stats.Metric
	Base, Head stats.Value // medians over the seeds
	// Percent is the change; missing where Base is 0 or either value is missing.
	Percent stats.Value
	// Test compares the seeds; nil if there is only one, so that the numbers are exact.
	Test *benchmath.Comparison

	base, head []stats.Value // one for each seed
}

// Chance tells whether the seeds of each side differ among themselves as much as the
// two sides do. Samples too small to show any difference do not show chance either.
func (m *MetricDiff) Chance() bool {
	return m.Test != nil && len(m.Test.Warnings) == 0 && m.Test.P > m.Test.Alpha
}

// Failure is a rule that a metric breaks at a point.
type Failure struct {
	Rule  Rule
	Point []Axis
	MetricDiff
}

// Identical tells whether both results have the same records with the same numbers.
func (c *Comparison) Identical() bool {
	return c.Equal() && c.Tolerated == 0
}

// Equal tells whether both have the same records, and no number moved by more than
// it may.
func (c *Comparison) Equal() bool {
	return len(c.Points) == 0 && len(c.OnlyBase) == 0 && len(c.OnlyHead) == 0
}

// Compare compares two results. A metric that a tolerance matches does not count as
// moved up to that change; rules say what is a failure.
func Compare(base, head *Document, tolerances, rules []Rule) *Comparison {
	c := &Comparison{Config: configDiff(base.Config, head.Config)}
	c.match(base, head)
	b, h := newBuilder(c.Base), newBuilder(c.Head)
	names := slices.Clone(b.names)
	for _, n := range h.names {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for i, at := range b.all {
		// Both documents have the same records in the same order.
		keyB, keyH := b.key(at), h.key(h.all[i])
		p := PointDiff{Point: at}
		for _, name := range names {
			m := diff(name, b.cells[keyB].values(name), h.cells[keyH].values(name))
			if slices.EqualFunc(m.base, m.head, func(x, y stats.Value) bool { return x == y }) {
				continue
			}
			if m.Unit = b.units[name]; m.Unit == "" {
				m.Unit = h.units[name]
			}
			for _, r := range rules {
				if r.Matches(name) && r.broken(&m) {
					c.Failures = append(c.Failures, Failure{r, at, m})
				}
			}
			if slices.ContainsFunc(tolerances, func(r Rule) bool { return r.Matches(name) && !m.beyond(r.Percent) }) {
				c.Tolerated++
				continue
			}
			p.Metrics = append(p.Metrics, m)
		}
		if len(p.Metrics) > 0 {
			p.sort()
			p.countCycles(b, keyB, h, keyH)
			c.Points = append(c.Points, p)
		}
	}
	slices.SortStableFunc(c.Points, func(x, y PointDiff) int { return compareValues(y.Share, x.Share) })
	return c
}

// match brings the records of both into one order and keeps those that both have.
func (c *Comparison) match(base, head *Document) {
	at := map[string]*Record{}
	for i := range head.Records {
		at[recordKey(&head.Records[i])] = &head.Records[i]
	}
	b, h := *base, *head
	b.Records, h.Records = nil, nil
	for i := range base.Records {
		r := &base.Records[i]
		key := recordKey(r)
		if other := at[key]; other != nil {
			b.Records = append(b.Records, *r)
			h.Records = append(h.Records, *other)
			delete(at, key)
		} else {
			c.OnlyBase = append(c.OnlyBase, recordName(r))
		}
	}
	for i := range head.Records {
		if r := &head.Records[i]; at[recordKey(r)] != nil {
			c.OnlyHead = append(c.OnlyHead, recordName(r))
		}
	}
	c.Base, c.Head = &b, &h
}

// recordKey is the same for equal points, whatever the order of their axes.
func recordKey(r *Record) string {
	axes := slices.Clone(r.Point)
	slices.SortFunc(axes, func(a, b Axis) int { return strings.Compare(a.Name, b.Name) })
	return recordName(&Record{Point: axes, Seed: r.Seed})
}

func recordName(r *Record) string {
	parts := []string{}
	for _, a := range r.Point {
		parts = append(parts, a.Name+"="+a.Value.json())
	}
	return strings.Join(append(parts, "seed="+stats.Int(r.Seed).String()), " ")
}

// diff is the change of one metric; values are in the order of the seeds.
func diff(name string, base, head []stats.Value) MetricDiff {
	m := MetricDiff{base: base, head: head, Base: center(base), Head: center(head)}
	m.Metric, _ = stats.Find(name)
	m.Name = name
	if d := m.delta(); d != nil && m.Base.Sign() != 0 {
		d.Quo(d, m.Base.Rat())
		m.Percent = stats.Rat(d.Mul(d, big.NewRat(100, 1)))
	}
	x, y := floats(base), floats(head)
	if len(x) > 1 && len(y) > 1 {
		t := benchmath.DefaultThresholds
		test := benchmath.AssumeNothing.Compare(benchmath.NewSample(x, &t), benchmath.NewSample(y, &t))
		m.Test = &test
	}
	return m
}

// delta is Head - Base, or nil if either is missing.
func (m *MetricDiff) delta() *big.Rat {
	if m.Base.IsMissing() || m.Head.IsMissing() {
		return nil
	}
	d := m.Head.Rat()
	return d.Sub(d, m.Base.Rat())
}

// beyond tells whether the metric changed by more than so many percent. What came
// from 0, or from or to nothing, changed by more than any percentage.
func (m *MetricDiff) beyond(percent *big.Rat) bool {
	d := m.delta()
	if d == nil {
		return true
	}
	// |delta| > percent/100 × |base|, without rounding the quotient
	limit := m.Base.Rat()
	limit.Abs(limit)
	limit.Mul(limit, percent).Quo(limit, big.NewRat(100, 1))
	return d.Abs(d).Cmp(limit) > 0
}

// sort brings metrics into the order of PointDiff.
func (p *PointDiff) sort() {
	slices.SortStableFunc(p.Metrics, func(x, y MetricDiff) int {
		layer := func(m *MetricDiff) int { return slices.Index(stats.Layers(), m.Layer) }
		cycles := func(m *MetricDiff) int { return map[bool]int{true: 0, false: 1}[m.Unit == "cycles"] }
		return cmp.Or(cmp.Compare(layer(&x), layer(&y)), cmp.Compare(cycles(&x), cycles(&y)), compareRats(y.size(), x.size()))
	})
}

// size is what metrics of one layer and unit are sorted by: cycles where they are
// cycles, percent otherwise; nil is more than any number.
func (m *MetricDiff) size() *big.Rat {
	d := m.delta()
	if d == nil || m.Unit == "cycles" || d.Sign() == 0 {
		return abs(d)
	}
	return abs(m.Percent.Rat())
}

func abs(r *big.Rat) *big.Rat {
	if r == nil {
		return nil
	}
	return new(big.Rat).Abs(r)
}

// compareRats takes nil for the largest.
func compareRats(a, b *big.Rat) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Cmp(b)
}

func compareValues(a, b stats.Value) int {
	switch {
	case a.IsMissing() && b.IsMissing():
		return 0
	case a.IsMissing():
		return -1
	case b.IsMissing():
		return 1
	}
	return a.Rat().Cmp(b.Rat())
}

const (
	causes   = "cpu.cycles."
	causeSum = "cpu.cycles.total"
)

func (p *PointDiff) countCycles(b *builder, keyB string, h *builder, keyH string) {
	sum := new(big.Rat)
	for _, name := range b.names {
		if !strings.HasPrefix(name, causes) || name == causeSum {
			continue
		}
		m := MetricDiff{Base: center(b.cells[keyB].values(name)), Head: center(h.cells[keyH].values(name))}
		if d := m.delta(); d != nil {
			sum.Add(sum, d.Abs(d))
		}
	}
	p.Cycles = stats.Rat(sum)
	if all := center(b.cells[keyB].values(causeSum)); !all.IsMissing() && all.Sign() != 0 {
		p.Share = stats.Rat(sum.Quo(sum, all.Rat()).Mul(sum, big.NewRat(100, 1)))
	}
}

func floats(values []stats.Value) (out []float64) {
	for _, v := range values {
		if f, ok := v.Float64(); ok {
			out = append(out, f)
		}
	}
	return out
}
