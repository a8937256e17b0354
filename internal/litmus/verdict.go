package litmus

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Verdict is the known outcome set of a test.
type Verdict struct {
	Suite, Test string
	Observation string // Never, Sometimes, Always, as the file has it
	Outcomes    []Outcome
}

// Verdicts is a verdict file. A test is known by its suite, the folder it lies in, and
// its name.
type Verdicts map[string]*Verdict

func verdictKey(suite, test string) string { return suite + "/" + test }

// ReadVerdicts reads a tab-separated file whose first line names the columns; suite,
// test, observation and states count. States are set apart by "|".
func ReadVerdicts(file string, r io.Reader) (Verdicts, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	vs := Verdicts{}
	col := map[string]int{}
	for n, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		f := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if n == 0 {
			for i, h := range f {
				col[h] = i
			}
			for _, h := range []string{"suite", "test", "observation", "states"} {
				if _, ok := col[h]; !ok {
					return nil, Error{file, 1, 1, fmt.Sprintf("a verdict file has the column %q", h)}
				}
			}
			continue
		}
		if len(f) < len(col) {
			return nil, Error{file, n + 1, 1, fmt.Sprintf("%d columns, not %d", len(f), len(col))}
		}
		v := &Verdict{Suite: f[col["suite"]], Test: f[col["test"]], Observation: f[col["observation"]]}
		for s := range strings.SplitSeq(f[col["states"]], "|") {
			v.Outcomes = append(v.Outcomes, ParseOutcome(s))
		}
		slices.Sort(v.Outcomes)
		vs[verdictKey(v.Suite, v.Test)] = v
	}
	return vs, nil
}

// WriteVerdicts writes results as a verdict file.
func WriteVerdicts(w io.Writer, rs []*Result) error {
	var b strings.Builder
	b.WriteString("suite\ttest\tobservation\tn_states\tstates\n")
	for _, r := range rs {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t", r.Test.Suite, r.Test.FileName(), r.Observation(), len(r.Outcomes))
		for i, o := range r.Outcomes {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(string(o))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Of returns the verdict on a test. The name counts, or the name of its file.
func (vs Verdicts) Of(t *Test) *Verdict {
	if v := vs[verdictKey(t.Suite, t.FileName())]; v != nil {
		return v
	}
	return vs[verdictKey(t.Suite, t.Name)]
}

// Relation compares two outcome sets.
type Relation string

const (
	Equal   Relation = "equal"
	Smaller Relation = "smaller" // nothing outside the set, but not all of it
	Larger  Relation = "larger"  // an outcome outside the set: forbidden
)

// Compare says how the outcomes found relate to the verdict's, on what both name.
// Extra are those outside the set, missing those not found.
func (v *Verdict) Compare(found []Outcome) (rel Relation, extra, missing []Outcome) {
	var names []string
	if len(v.Outcomes) > 0 && len(found) > 0 {
		own := found[0].names()
		for _, n := range v.Outcomes[0].names() {
			if slices.Contains(own, n) {
				names = append(names, n)
			}
		}
	}
	cut := func(os []Outcome) map[Outcome]bool {
		set := map[Outcome]bool{}
		for _, o := range os {
			set[o.project(names)] = true
		}
		return set
	}
	want, got := cut(v.Outcomes), cut(found)
	for _, o := range slices.Sorted(maps.Keys(got)) {
		if !want[o] {
			extra = append(extra, o)
		}
	}
	for _, o := range slices.Sorted(maps.Keys(want)) {
		if !got[o] {
			missing = append(missing, o)
		}
	}
	switch {
	case len(extra) > 0:
		return Larger, extra, missing
	case len(missing) > 0:
		return Smaller, extra, missing
	}
	return Equal, nil, nil
}
