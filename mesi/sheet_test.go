package mesi

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden tables")

// TestTablesAreThoseInTheGoldenFiles makes every change of a row visible in review.
func TestTablesAreThoseInTheGoldenFiles(t *testing.T) {
	for _, name := range Names() {
		p, err := New(name, DefaultOptions(name))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := p.WriteMarkdown(&b); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".md")
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s is not the table of %s; go test ./mesi -update rewrites it", file, name)
		}
	}
}

func everyProtocol(t *testing.T, f func(t *testing.T, p *Protocol)) {
	for _, name := range Names() {
		o := DefaultOptions(name)
		o.Recall, o.PutS, o.FarAtomics = true, true, true
		p, err := New(name, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { f(t, p) })
	}
}

// TestSheetsShowEveryRowOnce counts the cells: a row that no sheet shows is a row that a
// reader does not know of.
func TestSheetsShowEveryRowOnce(t *testing.T) {
	everyProtocol(t, func(t *testing.T, p *Protocol) {
		cells := 0
		for _, s := range p.Sheets() {
			for _, r := range s.Rows {
				if len(r) != len(s.Head) {
					t.Errorf("%s: %d cells under %d heads", s.Title, len(r), len(s.Head))
				}
				for _, c := range r[1:] {
					if c != "" {
						cells++
					}
				}
			}
		}
		stalls := 0
		for _, r := range p.HomeRows() {
			if r.Do != nil && r.Do[0] == StallHere {
				stalls++
			}
		}
		if want := len(p.CacheRows()) + len(p.HomeRows()) - stalls; cells != want {
			t.Errorf("%d cells, %d rows that do not stall", cells, want)
		}
		if why := p.Why(); len(why.Rows) != cells {
			t.Errorf("%d reasons for %d rows", len(why.Rows), cells)
		}
	})
}

func TestActionsAreShownUnlessTheyOnlySteerTheMachine(t *testing.T) {
	hidden := map[Action]bool{TakeReq: true, ForgetReq: true, FreeEntry: true, LosePerm: true, LoseWrite: true, ParkLine: true}
	for a := noAction + 1; a < numActions; a++ {
		if (verbs[a] == "") != hidden[a] {
			t.Errorf("%v is shown as %q", a, verbs[a])
		}
	}
}

func TestMarkdownTablesAreRectangular(t *testing.T) {
	everyProtocol(t, func(t *testing.T, p *Protocol) {
		var b strings.Builder
		if err := p.WriteMarkdown(&b); err != nil {
			t.Fatal(err)
		}
		cols := 0
		for _, l := range strings.Split(b.String(), "\n") {
			if !strings.HasPrefix(l, "|") {
				cols = 0
				continue
			}
			n := strings.Count(l, "|")
			if cols != 0 && n != cols {
				t.Errorf("%d bars, not %d, in %s", n, cols, l)
			}
			cols = n
		}
	})
}

func TestLaTeXIsBalancedAndEscaped(t *testing.T) {
	everyProtocol(t, func(t *testing.T, p *Protocol) {
		var b strings.Builder
		if err := p.WriteLaTeX(&b); err != nil {
			t.Fatal(err)
		}
		s := b.String()
		if strings.Count(s, `\begin{`) != strings.Count(s, `\end{`) || strings.Count(s, "{") != strings.Count(s, "}") {
			t.Error("unbalanced environments or braces")
		}
		if i := strings.Index(strings.ReplaceAll(s, `\_`, ""), "_"); i >= 0 {
			t.Error("a bare underscore")
		}
	})
}

func TestDiagramsDrawEveryStateOfTheTables(t *testing.T) {
	everyProtocol(t, func(t *testing.T, p *Protocol) {
		var svg, dot strings.Builder
		if err := p.WriteSVG(&svg); err != nil {
			t.Fatal(err)
		}
		if err := p.WriteDOT(&dot); err != nil {
			t.Fatal(err)
		}
		for _, r := range p.CacheRows() {
			if !strings.Contains(svg.String(), ">"+r.From.String()+"</text>") || !strings.Contains(dot.String(), `"cache `+r.From.String()+`"`) {
				t.Errorf("no %v in a diagram", r.From)
			}
			if _, ok := cachePlaces[r.From.String()]; !ok {
				t.Errorf("no place for %v", r.From)
			}
		}
		for _, r := range p.HomeRows() {
			if _, ok := homePlaces[r.From.String()]; !ok {
				t.Errorf("no place for home state %v", r.From)
			}
		}
		d := xml.NewDecoder(strings.NewReader(svg.String()))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}
