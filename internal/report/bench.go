package report

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"cohsim/internal/stats"
)

// WriteBench writes the text format of Go benchmarks, one line per record, so
// that benchstat can compare and pivot results. The unit of a number is the
// metric's name, since two metrics may share a unit. Axes become name parts by
// their last word (run.cores is /cores, if that is unambiguous). With one seed
// per point the numbers are declared exact; seeds are samples otherwise.
func WriteBench(w io.Writer, d *Document) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "engine: %d\nconfig-hash: %s\n\n", d.Engine, oneWord(d.ConfigHash))
	benchLines(&b, d)
	_, err := w.Write(b.Bytes())
	return err
}

// writeBenchPair writes two results, told apart by the key result. What is said of
// each holds for both, since benchstat compares only what has the same keys else.
func writeBenchPair(w io.Writer, base, head *Document) error {
	var b bytes.Buffer
	for _, s := range []struct {
		name string
		doc  *Document
	}{{"base", base}, {"head", head}} {
		fmt.Fprintf(&b, "%s-engine: %d\n%s-config-hash: %s\n", s.name, s.doc.Engine, s.name, oneWord(s.doc.ConfigHash))
	}
	b.WriteString("result: base\n\n")
	benchLines(&b, base)
	b.WriteString("\nresult: head\n\n")
	benchLines(&b, head)
	_, err := w.Write(b.Bytes())
	return err
}

// benchLines are the units and the records of a result.
func benchLines(b *bytes.Buffer, d *Document) {
	exact := len(d.Seeds()) == 1
	seen := map[string]bool{}
	for i := range d.Records {
		for _, m := range d.Records[i].Metrics {
			if seen[m.Name] {
				continue
			}
			seen[m.Name] = true
			known, _ := stats.Find(m.Name)
			traits := ""
			if known.Better != "" {
				traits += " better=" + known.Better
			}
			if exact {
				traits += " assume=exact"
			}
			if traits != "" {
				fmt.Fprintf(b, "Unit %s%s\n", oneWord(m.Name), traits)
			}
		}
	}
	b.WriteByte('\n')
	axes, _ := d.Axes()
	short := shortNames(axes)
	whole := "Benchmark" + camel(d.Name())
	var words, of []string // the names of the last record's metrics as one word, and as they are
	for i := range d.Records {
		r := &d.Records[i]
		name := whole
		for i, a := range axes {
			if v, ok := r.Axis(a); ok {
				name += "/" + oneWord(short[i]) + "=" + oneWord(v.String())
			}
		}
		// A trailing -8 would be read as GOMAXPROCS.
		name = procs.ReplaceAllString(name, "_$1")
		b.WriteString(name + " 1")
		for j := range r.Metrics {
			m := &r.Metrics[j]
			if j == len(of) {
				words, of = append(words, ""), append(of, "")
			}
			if of[j] != m.Name {
				words[j], of[j] = oneWord(m.Name), m.Name
			}
			if !m.Value.IsMissing() {
				b.WriteByte(' ')
				b.Write(m.Value.Append(b.AvailableBuffer()))
				b.WriteByte(' ')
				b.WriteString(words[j])
			}
		}
		b.WriteByte('\n')
	}
}

var procs = regexp.MustCompile(`-(\d+)$`)

// shortNames are the last words of dotted names, where they stay distinct.
func shortNames(names []string) []string {
	last := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	short := make([]string, len(names))
	for i, n := range names {
		short[i] = last(n)
		if short[i] == "" || slices.ContainsFunc(names, func(o string) bool { return o != n && last(o) == short[i] }) {
			short[i] = n
		}
	}
	return short
}

// camel is s as a Go name: fault-storm becomes FaultStorm.
func camel(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// oneWord replaces what would split or end a benchmark name.
func oneWord(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '/' {
			return '_'
		}
		return r
	}, s)
}
