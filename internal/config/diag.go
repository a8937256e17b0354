package config

import (
	"fmt"
	"sort"
	"strings"
)

// Diagnostic is one mistake of a user.
type Diagnostic struct {
	At   Span
	Msg  string   // what is wrong and, where it can be said, what to write
	Note []string // further lines: which point of a sweep, where the other one is
}

// Error is "file:line:col: error: message" and the excerpt.
func (d Diagnostic) Error() string { return d.text("error") }

// Warning is Error for what is no mistake for certain.
func (d Diagnostic) Warning() string { return d.text("warning") }

func (d Diagnostic) text(kind string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s\n", d.At, kind, d.Msg)
	b.WriteString(d.At.Excerpt())
	for _, n := range d.Note {
		fmt.Fprintf(&b, "      = %s\n", n)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Diagnostics is every mistake that was found, in the order of the sources and,
// within a source, of its text.
type Diagnostics []Diagnostic

func (ds Diagnostics) Error() string {
	var parts []string
	for _, d := range ds {
		parts = append(parts, d.Error())
	}
	return strings.Join(parts, "\n")
}

// collector gathers diagnostics and drops repetitions: the points of a sweep
// share most of their keys, and each mistake is to be told once.
type collector struct {
	list  Diagnostics
	seen  map[diagKey]bool
	order map[*Source]int
}

type diagKey struct {
	src   *Source
	start int
	msg   string
}

func newCollector() *collector {
	return &collector{seen: map[diagKey]bool{}, order: map[*Source]int{}}
}

// add takes d unless it was told already.
func (c *collector) add(d Diagnostic) {
	key := diagKey{d.At.Src, d.At.Start, d.Msg}
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	if _, ok := c.order[d.At.Src]; !ok {
		c.order[d.At.Src] = len(c.order)
	}
	c.list = append(c.list, d)
}

func (c *collector) errorf(at Span, format string, args ...any) {
	c.add(Diagnostic{At: at, Msg: fmt.Sprintf(format, args...)})
}

// err is nil if nothing was found, else [Diagnostics].
func (c *collector) err() error {
	if len(c.list) == 0 {
		return nil
	}
	out := append(Diagnostics(nil), c.list...)
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i].At, out[j].At
		if a.Src != b.Src {
			return c.order[a.Src] < c.order[b.Src]
		}
		return a.Start < b.Start
	})
	return out
}
