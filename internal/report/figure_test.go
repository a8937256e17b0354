package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func figures(t *testing.T, d *Document, s FigureSpec) []Figure {
	t.Helper()
	fs, err := Figures(d, []FigureSpec{s}, "cohsim run configs/fault-storm.toml")
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// figureCases are figures of every kind, on one made-up sweep.
func figureCases() map[string]FigureSpec {
	lines, bars, heat, wide := NewFigureSpec(), NewFigureSpec(), NewFigureSpec(), NewFigureSpec()
	lines.Series, lines.Title = []string{"lock"}, "Page faults & 100 % of_them"
	bars.Kind, bars.Series, bars.Percent = "bars", []string{"lock"}, true
	heat.Kind, heat.X, heat.Y = "heatmap", "run.cores", "lock"
	wide.Series, wide.Width, wide.Interval = []string{"lock"}, "page", "ci95"
	return map[string]FigureSpec{"lines": lines, "bars": bars, "heatmap": heat, "wide": wide}
}

func TestFiguresAreTheSameBytesEachTime(t *testing.T) {
	d := sampleDoc(quickLocks, []int{1, 2, 4, 8, 16}, 3)
	for name, s := range figureCases() {
		for _, format := range FigureFormats() {
			f := figures(t, d, s)
			first, err := f[0].Draw(format)
			if err != nil {
				t.Fatalf("%s.%s: %v", name, format, err)
			}
			second, _ := figures(t, d, s)[0].Draw(format)
			if !bytes.Equal(first, second) {
				t.Errorf("%s.%s differs from one drawing to the next", name, format)
			}
			if len(first) < 500 {
				t.Errorf("%s.%s has %d bytes", name, format, len(first))
			}
			if dir := os.Getenv("COHSIM_FIGURES"); dir != "" { // to look at
				if err := os.WriteFile(filepath.Join(dir, name+"."+format), first, 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestAFigureSaysWhatItCannotDraw(t *testing.T) {
	axes := []string{"run.cores", "lock"}
	for want, s := range map[string]FigureSpec{
		`figure.x: unknown axis "run.core"; did you mean "run.cores"?`:                                 {Kind: "lines", X: "run.core"},
		`figure.series: axis "run.cores" has a place already`:                                          {Kind: "lines", Series: []string{"run.cores"}, X: "run.cores"},
		`figure.y: a heatmap needs a second axis; there are run.cores, lock`:                           {Kind: "heatmap", X: "lock"},
		`figure.y: only a heatmap has a second axis; for bars, name the metric as value`:               {Kind: "bars", Y: "lock"},
		`figure.value: unknown metric "ops.per_secnd"; did you mean "ops.per_second"?`:                 {Kind: "lines", Value: []string{"ops.per_secnd"}},
		`figure.value: no metric begins with "cpu.cycels."`:                                            {Kind: "bars", Value: []string{"cpu.cycels.*"}},
		`figure.value: several metrics over several series are too much for one figure; draw one each`: {Kind: "lines", Series: []string{"lock"}, Value: []string{"coh.hitm", "coh.inv"}},
	} {
		errs := s.Check(axes)
		if len(errs) != 1 || errs[0].Error() != want {
			t.Errorf("got %v, want %s", errs, want)
		}
	}
	if errs := NewFigureSpec().Check(nil); len(errs) != 1 {
		t.Errorf("a config without axes: %v", errs)
	}
}

// What stands in a figure is what the records say: here the heights of bars, which
// add up to the total, and the ends of the error bars.
func TestFiguresShowTheRecords(t *testing.T) {
	d := sampleDoc(quickLocks[:2], []int{1, 2, 4}, 3)
	s := NewFigureSpec()
	s.Kind, s.Series = "bars", []string{"lock"}
	f := figures(t, d, s)[0]
	sum := make([]float64, 6)
	for _, l := range f.Lines {
		for i, y := range l.Y {
			sum[i] += y
		}
	}
	for i, cores := range []float64{1, 2, 4, 1, 2, 4} {
		if want := 740_000 * cores; sum[i] < want*0.999999 || sum[i] > want*1.000001 {
			t.Errorf("bar %d is %g high, not %g", i, sum[i], want)
		}
	}
	s = NewFigureSpec()
	s.Series = []string{"lock"}
	f = figures(t, d, s)[0]
	table, err := Tables(d, []Spec{{Rows: "run.cores", Columns: []string{"lock"}, Value: []string{"ops.per_second"}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for r, row := range table[0].Rows {
		for l := range f.Lines {
			y, _ := row[1+2*l].Value.Float64()
			lo, _ := row[2+2*l].Value.Float64()
			hi, _ := row[2+2*l].To.Float64()
			if g := f.Lines[l]; g.Y[r] != y || g.Lo[r] != lo || g.Hi[r] != hi {
				t.Errorf("%s at %s: %g in [%g, %g], the table says %g in [%g, %g]", g.Name, row[0].Text, g.Y[r], g.Lo[r], g.Hi[r], y, lo, hi)
			}
		}
	}
	if !f.Log2 {
		t.Error("powers of two are not drawn over a logarithmic axis")
	}
}

// One seed is exact: no bar says otherwise.
func TestOneSeedHasNoErrorBars(t *testing.T) {
	for _, l := range figures(t, sampleDoc(quickLocks[:1], []int{1, 2}, 1), NewFigureSpec())[0].Lines {
		if l.Lo != nil || l.Hi != nil {
			t.Errorf("%q has bars", l.Name)
		}
	}
}

// Everything for papers compiles: tables as fragment and document, with and
// without siunitx, and figures, with names full of what LaTeX treats specially.
func TestLatexCompiles(t *testing.T) {
	pdflatex, err := exec.LookPath("pdflatex")
	if err != nil {
		t.Skip("there is no pdflatex here")
	}
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	compile := func(name string) {
		cmd := exec.Command(pdflatex, "-interaction=nonstopmode", "-halt-on-error", name)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	d := sampleDoc([]string{`50%_of $x^2 & {#1}~\ <"|">`, "mmap_lock"}, []int{1, 2, 4}, 3)
	s := Spec{Rows: "run.cores", Columns: []string{"lock"}, Value: []string{"ops.per_second"}, Baseline: "mmap_lock", Fit: "usl", Summary: "geomean"}
	packages := "\\documentclass{article}\n\\usepackage{booktabs}\n"
	body := ""
	for name, o := range map[string]Options{"plain": {}, "float": {Caption: "100 % & more", Label: "tab:x"}, "si": {SI: true}} {
		put(name+".tex", text(t, "latex", d, []Spec{s}, o))
		if body += "\\input{" + name + "}\n"; o.SI {
			packages += "\\usepackage{siunitx}\n"
		}
		o.Alone = true
		put(name+"-alone.tex", text(t, "latex", d, []Spec{s}, o))
		compile(name + "-alone.tex")
	}
	for name, f := range figureCases() {
		if f.Kind == "heatmap" {
			f.Title = `a title of 100 % & "more" $_^`
		}
		tex, err := figures(t, d, f)[0].Draw("tex")
		if err != nil {
			t.Fatal(err)
		}
		put(name+".tex", string(tex))
		body += "\\input{" + name + "}\n\n"
	}
	put("paper.tex", packages+"\\usepackage{pgf}\n\\begin{document}\n"+body+"\\end{document}\n")
	compile("paper.tex")
}
