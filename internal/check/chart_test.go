package check

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// violated explores a named mutant and returns its counterexample.
func violated(t *testing.T, name string) (*Protocol, *Violation) {
	t.Helper()
	for _, n := range NamedMutants() {
		if n.Name != name {
			continue
		}
		m, err := n.Build()
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewProtocol(m.P, ProtocolConfig{Caches: 3, Symmetry: true})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Explore(s, Options{})
		if err != nil || r.Violation == nil {
			t.Fatalf("%v, violation %v", err, r.Violation)
		}
		return s, r.Violation
	}
	t.Fatalf("no mutant %s", name)
	return nil, nil
}

// TestCounterexampleNamesEachCacheTheSameThroughout replays a path found under
// symmetry: every message taken must have been sent before, by and to the same names.
func TestCounterexampleNamesEachCacheTheSameThroughout(t *testing.T) {
	for _, name := range []string{"M2", "M5", "M8", "M14", "M16"} {
		_, v := violated(t, name)
		var flying []Arrow
		for i, s := range v.Path {
			if g := s.Gets; g != nil {
				found := false
				for j, a := range flying {
					if a.To == g.To && a.Text == g.Text && (g.From == "" || a.From == g.From) {
						flying = append(flying[:j], flying[j+1:]...)
						found = true
						break
					}
				}
				if !found {
					t.Errorf("%s step %d takes %v, which nobody sent", name, i+1, *g)
				}
			}
			flying = append(flying, s.Sends...)
		}
	}
}

func TestChartIsTheShortestStoryOfTheMistake(t *testing.T) {
	s, v := violated(t, "M12")
	got := Chart(s, v.Path)
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != len(v.Path)+1 {
		t.Errorf("%d lines for %d steps\n%s", len(lines), len(v.Path), got)
	}
	if !strings.Contains(lines[0], "c0") || !strings.Contains(lines[0], "home") {
		t.Errorf("no column heads in\n%s", got)
	}
	if !strings.Contains(got, "GetS from") || !strings.Contains(got, "sends DataE > ") {
		t.Errorf("the wrong grant is not in the chart\n%s", got)
	}
}

func TestSVGChartIsWellFormedAndDrawsEveryMessage(t *testing.T) {
	s, v := violated(t, "M2")
	svg := ChartSVG(s, v.Path)
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	for _, st := range v.Path {
		sent += len(st.Sends)
	}
	if n := strings.Count(svg, "marker-end"); n != sent {
		t.Errorf("%d arrows for %d messages", n, sent)
	}
}
