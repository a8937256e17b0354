package report

import (
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"cohsim/internal/stats"
)

// ComparisonFormats lists the formats of WriteComparison: those of Write, and robot,
// the two columns of the kernel's test robot.
func ComparisonFormats() []string { return append(slices.Clone(formats[:]), "robot") }

// CheckComparisonFormat is an error if a comparison has no format of that name.
func CheckComparisonFormat(format string) error {
	if known := ComparisonFormats(); !slices.Contains(known, format) {
		return fmt.Errorf("unknown format %q%s", format, suggest(format, known))
	}
	return nil
}

// shortList is how many rows of a list are shown unless Options.Wide is set.
const shortList = 12

// WriteComparison prints what differs. The formats csv and json have every metric
// that moved at every point, and json the runs that one side lacks; bench has both results whole, told apart by the key
// result, for benchstat -col result; the others show the points that moved most
// unless opt.Wide is set.
func WriteComparison(w io.Writer, format string, c *Comparison, opt Options) error {
	switch format {
	case "bench":
		return writeBenchPair(w, c.Base, c.Head)
	case "robot":
		return robot(w, c)
	case "csv": // one table, for readers that take a file for one
		return writeTables(w, format, "", c.tidy()[:1], opt)
	case "json":
		return writeTables(w, format, "", c.tidy(), opt)
	}
	return writeTables(w, format, c.Verdict(), c.tables(opt.Wide), opt)
}

// Verdict is the comparison in one sentence.
func (c *Comparison) Verdict() string {
	b := newBuilder(c.Base)
	runs := many(len(c.Base.Records), "run") + " at " + many(len(b.all), "point")
	var parts []string
	switch {
	case c.Identical():
		return fmt.Sprintf("identical: %s, %d metrics each", runs, len(b.names))
	case len(c.Points) == 0 && c.Tolerated > 0:
		parts = append(parts, fmt.Sprintf("equal within the tolerances, which were needed %s: %s", many(c.Tolerated, "time"), runs))
	case len(c.Points) == 0:
		parts = append(parts, "what both have is identical: "+runs)
	default:
		moved := map[string]bool{}
		for i := range c.Points {
			for _, m := range c.Points[i].Metrics {
				moved[m.Name] = true
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %d metrics moved, at %d of %s", len(moved), len(b.names), len(c.Points), many(len(b.all), "point")))
	}
	if n := len(c.OnlyBase); n > 0 {
		parts = append(parts, many(n, "run")+" missing in head")
	}
	if n := len(c.OnlyHead); n > 0 {
		parts = append(parts, many(n, "run")+" missing in base")
	}
	if n := len(c.Failures); n > 0 {
		parts = append(parts, "rules broken "+many(n, "time"))
	}
	return strings.Join(parts, "; ")
}

// many is a number with its noun.
func many(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// tables are for people.
func (c *Comparison) tables(all bool) (out []Table) {
	sides := Table{Columns: []Column{{Name: "result"}, {Name: "experiment"}, {Name: "config"}, {Name: "engine", Right: true}, {Name: "seeds", Right: true}}}
	for _, d := range []struct {
		name string
		doc  *Document
	}{{"base", c.Base}, {"head", c.Head}} {
		sides.Rows = append(sides.Rows, []Cell{Str(d.name), Str(d.doc.Name()), Str(d.doc.ConfigHash), Str(fmt.Sprint(d.doc.Engine)), Str(spans(d.doc.Seeds()))})
	}
	out = append(out, sides)
	cut := func(t Table) {
		if n := len(t.Rows); n > shortList && !all {
			t.Rows = t.Rows[:shortList]
			t.Notes = append(t.Notes, fmt.Sprintf("and %d more; --wide shows them.", n-shortList))
		}
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	keys := Table{Title: "Keys of the config that differ", Columns: []Column{{Name: "key"}, {Name: "base", Wrap: true}, {Name: "head", Wrap: true}}}
	for _, k := range c.Config {
		keys.Rows = append(keys.Rows, []Cell{Str(k.Key), Str(k.Base), Str(k.Head)})
	}
	cut(keys)
	for _, l := range []struct {
		title string
		runs  []string
	}{{"Runs that head lacks", c.OnlyBase}, {"Runs that base lacks", c.OnlyHead}} {
		t := Table{Title: l.title, Columns: []Column{{Name: "run", Wrap: true}}}
		for _, r := range l.runs {
			t.Rows = append(t.Rows, []Cell{Str(r)})
		}
		cut(t)
	}
	broken := Table{Title: "Rules that are broken", Columns: []Column{{Name: "rule"}, {Name: "base", PerCell: true, Precision: 6},
		{Name: "head", PerCell: true, Precision: 6}, {Name: "change", Right: true}, {Name: "at", Wrap: true}}}
	if axes, _ := c.Base.Axes(); len(axes) > 0 {
		broken.Columns[4].Name = "at " + strings.Join(axes, ", ")
	}
	for i := range c.Failures {
		f := &c.Failures[i]
		broken.Rows = append(broken.Rows, []Cell{Str(f.Name + ">" + f.Rule.limit), Num(f.Base), Num(f.Head), Str(f.change()), Str(point(f.Point).label(false))})
	}
	cut(broken)
	if len(c.Points) > 1 {
		out = append(out, c.overview())
	}
	for i := range c.Points {
		if i > 0 && !all {
			last := &out[len(out)-1]
			last.Notes = append(last.Notes, fmt.Sprintf("Metrics moved at %s more, with a smaller share of the cycles; --wide shows them.", many(len(c.Points)-1, "point")))
			break
		}
		out = append(out, c.Points[i].table())
	}
	return out
}

// changeColumns are the columns of MetricDiff.cells.
func changeColumns(name string) []Column {
	return []Column{{Name: name}, {Name: "base", PerCell: true, Precision: 6}, {Name: "head", PerCell: true, Precision: 6}, {Name: "change", Right: true}, {Name: "unit"}}
}

func (m *MetricDiff) cells() []Cell {
	return []Cell{Str(m.Name), Num(m.Base), Num(m.Head), Str(m.change()), Str(m.Unit)}
}

// change is the percentage for people, with ~ where it may be chance.
func (m *MetricDiff) change() string {
	s := m.percentText()
	if m.Chance() {
		s += " ~"
	}
	return s
}

func (m *MetricDiff) percentText() string {
	switch {
	case m.Base.IsMissing():
		return "new"
	case m.Head.IsMissing():
		return "gone"
	case m.delta().Sign() == 0:
		return "seeds only" // the medians are equal
	case m.Percent.IsMissing():
		return "from 0"
	}
	r := m.Percent.Rat()
	text := r.FloatString(1)
	if abs := new(big.Rat).Abs(r); abs.Cmp(big.NewRat(1, 10)) < 0 {
		text = r.FloatString(4)
		if abs.Cmp(big.NewRat(1, 20000)) < 0 {
			text = map[int]string{1: "0.0001", -1: "-0.0001"}[r.Sign()] // never shown as nothing
		}
	}
	if r.Sign() > 0 {
		text = "+" + text
	}
	return text + " %"
}

// overview has one row for each metric that moved anywhere, with the point at which
// it moved most.
func (c *Comparison) overview() Table {
	t := Table{Title: "Metrics that moved", Keys: 2, Columns: append([]Column{{Name: "layer"}}, changeColumns("metric")...)}
	t.Columns[len(t.Columns)-1].Optional = true // the unit
	t.Columns = append(t.Columns, Column{Name: "points", Right: true}, Column{Name: "most at", Wrap: true, Optional: true})
	worst := map[string]*MetricDiff{}
	where := map[string]point{}
	count := map[string]int{}
	var all PointDiff
	for i := range c.Points {
		for k := range c.Points[i].Metrics {
			m := &c.Points[i].Metrics[k]
			if count[m.Name]++; worst[m.Name] == nil || compareRats(abs(m.delta()), abs(worst[m.Name].delta())) > 0 {
				worst[m.Name], where[m.Name] = m, point(c.Points[i].Point)
			}
		}
	}
	for _, name := range newBuilder(c.Base).names {
		if worst[name] != nil {
			all.Metrics = append(all.Metrics, *worst[name])
		}
	}
	for _, name := range newBuilder(c.Head).names {
		if m := worst[name]; m != nil && !slices.ContainsFunc(all.Metrics, func(o MetricDiff) bool { return o.Name == name }) {
			all.Metrics = append(all.Metrics, *m)
		}
	}
	all.sort()
	t.Rows = all.rows(func(m *MetricDiff) []Cell {
		return []Cell{Str(fmt.Sprint(count[m.Name])), Str(where[m.Name].label(true))}
	})
	t.Notes = []string{"base and head are those of the point with the largest difference."}
	return t
}

// table is one point by itself.
func (p *PointDiff) table() Table {
	t := Table{Title: point(p.Point).label(true), Keys: 2, Columns: append([]Column{{Name: "layer"}}, changeColumns("metric")...)}
	if t.Title == "" {
		t.Title = "What moved"
	}
	if p.Cycles.Sign() > 0 {
		t.Title += fmt.Sprintf(": %s core cycles moved", scale{}.format(p.Cycles))
		if !p.Share.IsMissing() {
			t.Title += fmt.Sprintf(", %s %% of all", p.Share.Rat().FloatString(2))
		}
	}
	tested, small, chance := false, false, false
	for i := range p.Metrics {
		if test := p.Metrics[i].Test; test != nil {
			tested, small, chance = true, small || len(test.Warnings) > 0, chance || p.Metrics[i].Chance()
		}
	}
	var more func(*MetricDiff) []Cell
	if tested && !small {
		t.Columns = append(t.Columns, Column{Name: "p", Fixed: true, Decimals: 3})
		more = func(m *MetricDiff) []Cell { return []Cell{Num(m.p())} }
	}
	t.Rows = p.rows(more)
	if tested {
		t.Notes = append(t.Notes, "base and head are medians over the seeds.")
	}
	if small {
		t.Notes = append(t.Notes, "Four seeds or more are needed to tell a difference from chance.")
	}
	if chance {
		t.Notes = append(t.Notes, "~: may be chance, by the Mann-Whitney U test over the seeds.")
	}
	return t
}

// rows has an empty row between layers.
func (p *PointDiff) rows(more func(*MetricDiff) []Cell) (rows [][]Cell) {
	last := ""
	for i := range p.Metrics {
		m := &p.Metrics[i]
		layer := m.Layer
		if layer == last {
			layer = ""
		} else if i > 0 {
			rows = append(rows, nil)
		}
		last = m.Layer
		row := append([]Cell{Str(layer)}, m.cells()...)
		if more != nil {
			row = append(row, more(m)...)
		}
		rows = append(rows, row)
	}
	return rows
}

// p is the probability that the seeds differ so much by chance.
func (m *MetricDiff) p() stats.Value {
	if m.Test == nil {
		return stats.Missing
	}
	r := new(big.Rat).SetFloat64(m.Test.P)
	if r == nil {
		return stats.Missing
	}
	return stats.Rat(r)
}

// tidy are for programs: a row for each metric that moved at a point, and the runs
// that one side lacks.
func (c *Comparison) tidy() []Table {
	axes, _ := c.Base.Axes()
	moved := Table{Title: "moved"}
	for _, a := range axes {
		moved.Columns = append(moved.Columns, Column{Name: a})
	}
	for _, name := range []string{"layer", "metric", "unit", "base", "head", "percent", "p", "broken"} {
		moved.Columns = append(moved.Columns, Column{Name: name})
	}
	for i := range c.Points {
		p := &c.Points[i]
		for k := range p.Metrics {
			m := &p.Metrics[k]
			var row []Cell
			for _, a := range axes {
				v, _ := find(p.Point, a)
				row = append(row, Str(v.String()))
			}
			row = append(row, Str(m.Layer), Str(m.Name), Str(m.Unit), Num(m.Base), Num(m.Head), Num(m.Percent), Num(m.p()), Str(c.rulesBroken(p.Point, m.Name)))
			moved.Rows = append(moved.Rows, row)
		}
	}
	out := []Table{moved}
	lacking := Table{Title: "unmatched", Columns: []Column{{Name: "missing in"}, {Name: "run"}}}
	for _, r := range c.OnlyBase {
		lacking.Rows = append(lacking.Rows, []Cell{Str("head"), Str(r)})
	}
	for _, r := range c.OnlyHead {
		lacking.Rows = append(lacking.Rows, []Cell{Str("base"), Str(r)})
	}
	if len(lacking.Rows) > 0 {
		out = append(out, lacking)
	}
	return out
}

// rulesBroken are the rules that a metric breaks at a point, with blanks between.
func (c *Comparison) rulesBroken(at []Axis, metric string) string {
	var out []string
	for i := range c.Failures {
		if f := &c.Failures[i]; f.Name == metric && slices.Equal(f.Point, at) {
			out = append(out, f.Rule.String())
		}
	}
	return strings.Join(out, " ")
}
