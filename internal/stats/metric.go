package stats

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// Metric describes one named number of a result.
type Metric struct {
	Name    string // dotted, lower case; a public contract
	Unit    string // "cycles", "ops/s", …; never empty
	Layer   string // one of Layers
	Doc     string // what it counts, one line
	Formula string // "counted", or how it follows from counters
	Better  string // "higher", "lower", or "" if neither is good in itself
}

// Reading is a metric's value in one run.
type Reading struct {
	Name  string
	Unit  string
	Value Value
}

// Derived declares a metric that is computed once, on output: the sum of Num
// times Scale over the sum of Den (or the constant Div), or a quantile of the
// histogram Of. A ratio is missing where its denominator is 0.
type Derived struct {
	Metric
	Num, Den   []string // names of counters, internal ones included
	Scale, Div uint64   // factors; 0 means 1
	Of         string   // name of a histogram
	Quantile   [2]uint64
}

var layers = [...]string{"sim", "ops", "cpu", "cache", "coh", "lock"}

// Layers lists the layers, in the order in which metrics are listed.
func Layers() []string { return layers[:] }

// entry is a compiled metric: where its value comes from.
type entry struct {
	Metric
	internal bool
	word     int      // index of the counter in a Run's words
	from     *formula // or how to derive it
}

type formula struct {
	num, den []int // words to sum
	scale    uint64
	div      uint64
	of       int // word at which a histogram starts
	quantile [2]uint64
}

// registry is built once from the tags of Run and never changes.
var registry = compile(reflect.TypeFor[Run](), derived)

// Metrics lists every public metric: by layer, and in the order of
// declaration within a layer.
func Metrics() []Metric {
	var list []Metric
	for _, e := range registry {
		if !e.internal {
			list = append(list, e.Metric)
		}
	}
	return list
}

// Inputs lists the internal counters that formulas name.
func Inputs() []Metric {
	var list []Metric
	for _, e := range registry {
		if e.internal {
			list = append(list, e.Metric)
		}
	}
	return list
}

// Find is the public metric of that name.
func Find(name string) (Metric, bool) {
	for _, e := range registry {
		if !e.internal && e.Name == name {
			return e.Metric, true
		}
	}
	return Metric{}, false
}

// Readings is the value of every public metric of r, in the order of Metrics.
// Metrics whose name starts with one of the prefixes in absent ("l2.") belong
// to something that the machine does not have: they are missing, not 0.
func (r *Run) Readings(absent ...string) []Reading {
	w := words(r)
	list := make([]Reading, 0, len(registry))
	for _, e := range registry {
		if e.internal {
			continue
		}
		v := e.value(w)
		if slices.ContainsFunc(absent, func(p string) bool { return strings.HasPrefix(e.Name, p) }) {
			v = Missing
		}
		list = append(list, Reading{e.Name, e.Unit, v})
	}
	return list
}

func (e *entry) value(w []uint64) Value {
	f := e.from
	if f == nil {
		return Int(w[e.word])
	}
	if f.quantile[1] != 0 {
		h := (*Histogram)(unsafe.Pointer(&w[f.of]))
		return h.Quantile(f.quantile[0], f.quantile[1])
	}
	sum := func(idx []int) (s uint64) {
		for _, i := range idx {
			s += w[i]
		}
		return s
	}
	den := f.div
	if len(f.den) > 0 {
		den = sum(f.den)
	}
	return Ratio(sum(f.num), den, f.scale)
}

// compile reads the tags. It panics on a field without tags or a formula that
// names no counter: both are mistakes in counters.go that any test run shows.
func compile(t reflect.Type, derived []Derived) []entry {
	var list []entry
	word := 0
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			e := entry{word: word, internal: f.Tag.Get("internal") != "", Metric: Metric{
				Name: f.Tag.Get("metric"), Unit: f.Tag.Get("unit"), Layer: f.Tag.Get("layer"),
				Doc: f.Tag.Get("doc"), Better: f.Tag.Get("better"), Formula: "counted"}}
			switch f.Type {
			case reflect.TypeFor[uint64]():
				list = append(list, e)
			case reflect.TypeFor[CauseCycles]():
				prefix := e.Name
				for c := range NumCauses {
					for _, s := range sums {
						if s.first == c {
							list = append(list, sumOf(e.Metric, prefix, word, s))
						}
					}
					e.Name, e.Doc, e.word = prefix+"."+c.String(), c.Doc(), word+int(c)
					list = append(list, e)
				}
			case reflect.TypeFor[Histogram]():
				// Count and sum are its first two words.
				count, sum := e, e
				count.Name += ".count"
				count.Doc = "how many: " + e.Doc
				sum.Name += ".sum"
				sum.word++
				list = append(list, count, sum)
			default:
				walk(f.Type) // panics if f is no struct
				continue
			}
			word += int(f.Type.Size() / 8)
		}
	}
	mustBeWords(t)
	walk(t)

	find := func(name string) int {
		i := slices.IndexFunc(list, func(e entry) bool { return e.Name == name && e.from == nil })
		if i < 0 {
			panic(fmt.Sprintf("stats: a formula names %q, which is no counter", name))
		}
		return list[i].word
	}
	for _, d := range derived {
		f := &formula{scale: max(1, d.Scale), div: max(1, d.Div), quantile: d.Quantile}
		for _, n := range d.Num {
			f.num = append(f.num, find(n))
		}
		for _, n := range d.Den {
			f.den = append(f.den, find(n))
		}
		if d.Of != "" {
			f.of = find(d.Of + ".count")
		}
		d.Metric.Formula = d.formula()
		list = append(list, entry{Metric: d.Metric, from: f})
	}
	for _, e := range list {
		if e.Name == "" || e.Unit == "" || e.Doc == "" || !slices.Contains(layers[:], e.Layer) {
			panic(fmt.Sprintf("stats: metric %q lacks a name, unit, doc or layer", e.Name))
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		return slices.Index(layers[:], a.Layer) - slices.Index(layers[:], b.Layer)
	})
	return list
}

// sumOf is the metric that adds up some causes, counted from a word on.
func sumOf(m Metric, prefix string, word int, s causeSum) entry {
	m.Name, m.Doc = prefix+"."+s.name, s.doc
	f := &formula{scale: 1, div: 1}
	var names []string
	for c := s.first; c < s.first+s.parts; c++ {
		f.num = append(f.num, word+int(c))
		names = append(names, prefix+"."+c.String())
	}
	m.Formula = strings.Join(names, " + ")
	return entry{Metric: m, from: f}
}

// formula is d as a reader would write it.
func (d *Derived) formula() string {
	if d.Of != "" {
		return fmt.Sprintf("%d/%d quantile of %s", d.Quantile[0], d.Quantile[1], d.Of)
	}
	sum := func(names []string) string {
		s := strings.Join(names, " + ")
		if len(names) > 1 {
			s = "(" + s + ")"
		}
		return s
	}
	s := sum(d.Num)
	if d.Scale > 1 {
		factor := strconv.FormatUint(d.Scale, 10)
		if zeros := len(factor) - 1; zeros > 3 && strings.TrimRight(factor, "0") == "1" {
			factor = fmt.Sprintf("10^%d", zeros)
		}
		s = factor + " × " + s
	}
	if len(d.Den) > 0 {
		s += " / " + sum(d.Den)
	} else if d.Div > 1 {
		s = fmt.Sprintf("%s / %d", s, d.Div)
	} else {
		s = strings.Trim(s, "()")
	}
	return s
}
