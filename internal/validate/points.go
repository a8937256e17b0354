package validate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"cohsim/internal/config"
	"cohsim/internal/structs"
)

// Point is one measured figure and what it takes to measure it again.
type Point struct {
	Calibrate bool   // may be fitted; others are only looked at
	ID        string // unique in its file
	Machine   string
	Placement string
	Workload  string
	Params    []Param // sorted by name
	Metric    Metric
	Value     float64
	Lo, Hi    float64 // measured noise range; both are Value if it is not known
	Ranged    bool    // the noise range is known
	Source    string
	Note      string

	at [numColumns]config.Span // of each field, for messages
}

// Param is a parameter of a workload: an int64, float64, bool or string.
type Param struct {
	Name  string
	Value any
}

// Columns of a points file. They may stand in any order.
const (
	colUse = iota
	colID
	colMachine
	colPlacement
	colWorkload
	colParams
	colMetric
	colValue
	colLo
	colHi
	colSource
	colNote
	numColumns
)

var columns = [numColumns]string{"use", "id", "machine", "placement", "workload", "params", "metric", "value", "lo", "hi", "source", "note"}

// Columns are the columns of a points file, in their usual order.
func Columns() []string { return columns[:] }

// Parse reads a points file. name stands in front of messages. The error is
// config.Diagnostics with every mistake of the file.
func Parse(name string, text []byte) ([]Point, error) {
	p := parser{src: config.NewSource(name, text), ids: map[string]int{}}
	p.file()
	if len(p.list) > 0 {
		return nil, p.list
	}
	return p.points, nil
}

// Named says which machines points name, for messages.
func Named(points []Point) string {
	var names []string
	for i := range points {
		if m := points[i].Machine; !slices.Contains(names, m) {
			names = append(names, m)
		}
	}
	if len(names) == 0 {
		return "there are no points"
	}
	return "the points are of " + strings.Join(names, ", ") + " (the name stands in the machine's file; cohsim measure --name sets it)"
}

type parser struct {
	src    *config.Source
	starts []int
	list   config.Diagnostics
	points []Point
	ids    map[string]int // line of each id
	index  [numColumns]int
}

func (p *parser) fail(at config.Span, format string, args ...any) {
	p.list = append(p.list, config.Diagnostic{At: at, Msg: fmt.Sprintf(format, args...)})
}

func (p *parser) file() {
	p.starts = []int{0}
	for i, c := range p.src.Text {
		if c == '\n' {
			p.starts = append(p.starts, i+1)
		}
	}
	r := csv.NewReader(strings.NewReader(p.src.Text))
	r.FieldsPerRecord = -1
	r.Comment = '#'
	head := true
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			p.fail(p.span(bad.Line, bad.Column, 1), "%v", bad.Err)
			return // where the next field starts is anyone's guess
		} else if err != nil {
			p.fail(p.span(1, 1, 1), "%v", err)
			return
		}
		spans := make([]config.Span, len(row))
		for i := range row {
			line, col := r.FieldPos(i)
			spans[i] = p.span(line, col, max(1, len(row[i])))
		}
		if head {
			head = false
			if !p.header(row, spans) {
				return
			}
			continue
		}
		p.row(row, spans)
	}
	if head {
		p.fail(p.span(1, 1, 1), "the file is empty: it needs a line with the columns %s", strings.Join(columns[:], ","))
	}
}

// span is n bytes from a line and column, both from 1, the column in bytes.
func (p *parser) span(line, col, n int) config.Span {
	start := len(p.src.Text)
	if line-1 < len(p.starts) {
		start = min(p.starts[line-1]+col-1, start)
	}
	return config.Span{Src: p.src, Start: start, End: start + n}
}

func (p *parser) header(row []string, spans []config.Span) bool {
	for c := range p.index {
		p.index[c] = -1
	}
	for i, name := range row {
		c := slices.Index(columns[:], name)
		switch {
		case c < 0:
			p.fail(spans[i], "unknown column %q%s; the columns are %s", name, meant(name, columns[:]), strings.Join(columns[:], ", "))
		case p.index[c] >= 0:
			p.fail(spans[i], "column %q stands here twice", name)
		default:
			p.index[c] = i
		}
	}
	for c, i := range p.index {
		if i < 0 {
			p.fail(config.Span{Src: p.src, Start: spans[0].Start, End: spans[len(spans)-1].End}, "the column %q is missing; the columns are %s", columns[c], strings.Join(columns[:], ", "))
		}
	}
	return len(p.list) == 0
}

func (p *parser) row(row []string, spans []config.Span) {
	if len(row) != numColumns {
		p.fail(config.Span{Src: p.src, Start: spans[0].Start, End: spans[len(spans)-1].End}, "%d fields for %d columns", len(row), numColumns)
		return
	}
	pt := Point{}
	text := func(c int) string { return row[p.index[c]] }
	for c := range columns {
		pt.at[c] = spans[p.index[c]]
	}
	switch use := text(colUse); use {
	case "calibrate":
		pt.Calibrate = true
	case "validate":
	default:
		p.fail(pt.at[colUse], "use %q%s: a point is for calibrate or validate", use, meant(use, []string{"calibrate", "validate"}))
	}
	name := func(c int) string {
		s := text(c)
		if s == "" {
			p.fail(pt.at[c], "%s is empty", columns[c])
		}
		return s
	}
	pt.ID, pt.Machine, pt.Placement, pt.Workload = name(colID), name(colMachine), text(colPlacement), name(colWorkload)
	line, _ := p.src.Position(pt.at[colID].Start)
	if first, ok := p.ids[pt.ID]; ok {
		p.fail(pt.at[colID], "the id %q stands in line %d already", pt.ID, first)
	} else if pt.ID != "" {
		p.ids[pt.ID] = line
	}
	pt.Params = p.params(text(colParams), pt.at[colParams])
	m, ok := metricOf(text(colMetric))
	if !ok {
		p.fail(pt.at[colMetric], "unknown metric %q%s; metrics are %s", text(colMetric), meant(text(colMetric), metricNames()), strings.Join(metricNames(), ", "))
	}
	pt.Metric = m
	number := func(c int) (float64, bool) {
		s := text(c)
		v, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
			p.fail(pt.at[c], "%s %q is no number", columns[c], s)
		case v <= 0:
			p.fail(pt.at[c], "%s %s is not above 0: every metric is a time, a rate or a count", columns[c], s)
		default:
			return v, true
		}
		return 0, false
	}
	var fine bool
	if pt.Value, fine = number(colValue); fine {
		pt.Lo, pt.Hi = pt.Value, pt.Value
		switch lo, hi := text(colLo), text(colHi); {
		case lo == "" && hi == "":
		case lo == "" || hi == "":
			p.fail(pt.at[colLo], "lo and hi are the two ends of one range: give both, or none")
		default:
			l, ok1 := number(colLo)
			h, ok2 := number(colHi)
			if ok1 && ok2 {
				if l > pt.Value || h < pt.Value {
					p.fail(pt.at[colValue], "value %s lies outside its range %s to %s", text(colValue), lo, hi)
				}
				pt.Lo, pt.Hi, pt.Ranged = l, h, true
			}
		}
	}
	if pt.Source = text(colSource); pt.Source == "" {
		p.fail(pt.at[colSource], "source is empty: say who measured this, or how")
	}
	pt.Note = text(colNote)
	p.points = append(p.points, pt)
}

// params reads a TOML inline table of plain values.
func (p *parser) params(text string, at config.Span) []Param {
	var doc struct{ Params map[string]any }
	if strings.ContainsAny(text, "\r\n") {
		p.fail(at, "params take one line")
		return nil
	}
	if text != "" {
		if _, err := toml.Decode("params = "+text, &doc); err != nil {
			var bad toml.ParseError
			if errors.As(err, &bad) {
				err = errors.New(bad.Message)
			}
			p.fail(at, "params %s are no TOML inline table such as {threads = 2}: %v", text, err)
			return nil
		}
	}
	var out []Param
	for k, v := range doc.Params {
		switch v.(type) {
		case int64, float64, bool, string:
		default:
			p.fail(at, "params: %s is a %T; parameters are numbers, strings and booleans", k, v)
		}
		out = append(out, Param{k, v})
	}
	slices.SortFunc(out, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Get is the value of a parameter, nil if the point does not give it.
func (p *Point) Get(name string) any {
	for _, q := range p.Params {
		if q.Name == name {
			return q.Value
		}
	}
	return nil
}

// meant is a suggestion, or nothing.
func meant(word string, known []string) string {
	if near := structs.Nearest(word, known); len(near) > 0 {
		return fmt.Sprintf("; did you mean %q?", near[0])
	}
	return ""
}
