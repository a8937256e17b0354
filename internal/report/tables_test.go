package report

import (
	"bytes"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"cohsim/internal/stats"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func text(t *testing.T, format string, d *Document, specs []Spec, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, d, specs, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it); got\n%s", file, got)
	}
}

func TestGoldenOfEveryFormatAndShape(t *testing.T) {
	locks, cores := quickLocks, []int{1, 2, 4, 8, 16}
	for name, c := range map[string]struct {
		doc     *Document
		specs   []Spec
		opt     Options
		formats []string
	}{
		"spec":         {sampleDoc(locks, cores, 1), []Spec{quickSpec}, Options{}, []string{"table", "markdown", "latex", "html"}},
		"spec-seeds":   {sampleDoc(locks, cores, 3), []Spec{quickSpec}, Options{}, []string{"table", "markdown"}},
		"spec-siunitx": {sampleDoc(locks, cores, 1), []Spec{quickSpec}, Options{SI: true, Alone: true}, []string{"latex"}},
		"spec-wide":    {sampleDoc(locks, cores, 3), []Spec{quickSpec}, Options{Wide: true}, []string{"table"}},
		"default":      {sampleDoc(locks[:1], cores, 1), nil, Options{}, []string{"table"}},
		"default-axes": {sampleDoc(locks, cores, 1), nil, Options{}, []string{"table"}},
		"point":        {sampleDoc(locks[:1], []int{4}, 1), nil, Options{}, []string{"table", "markdown"}},
		"point-seeds":  {sampleDoc(locks[:1], []int{4}, 3), nil, Options{}, []string{"table"}},
		"float": {sampleDoc(locks[:2], cores, 1), []Spec{{Columns: []string{"lock"}, Value: []string{"coh.hitm"}, Notes: []string{"100 % simulated"}}},
			Options{Caption: "HITM & more", Label: "tab:hitm"}, []string{"latex"}},
		"small": {sampleDoc(locks[:1], []int{2}, 2), nil, Options{}, []string{"json", "csv", "bench"}},
	} {
		for _, f := range c.formats {
			golden(t, name+"."+f, text(t, f, c.doc, c.specs, c.opt))
		}
	}
}

// counterTable has the shapes that commands print: names, counts, mixed signs.
func counterTable() Table {
	return Table{
		Title: "Contended lines", Keys: 2, Notes: []string{"a | b"},
		Columns: []Column{{Name: "line"}, {Name: "field"}, {Name: "hitm local"}, {Name: "hitm remote"}, {Name: "inv"},
			{Name: "true sharing"}, {Name: "false sharing"}, {Name: "cycles", Unit: "cycles"},
			{Name: "change", Unit: "%"}, {Name: "share", Unit: "%", Fixed: true, Decimals: 1}},
		Rows: [][]Cell{
			{Str("mm"), Str("mm.mm_lock_seq"), Count(12), Count(123456), Count(7), Count(8), Count(0), Count(123456789),
				Num(stats.Rat(big.NewRat(-7, 3))), Num(stats.Ratio(1, 3, 100))},
			nil,
			{Str("vma[3]"), Str("vma[3].vm_refcnt"), Count(12345678), Count(1), Num(stats.Missing), Count(8), Count(0), Count(89),
				Num(stats.Rat(big.NewRat(70, 3))), Num(stats.Ratio(2, 3, 100))},
		},
	}
}

func TestGoldenOfACommandsTable(t *testing.T) {
	for _, f := range []string{"table", "markdown", "latex", "csv", "json"} {
		var b bytes.Buffer
		metrics := Metrics()
		metrics.Rows, metrics.Notes = metrics.Rows[:10], nil // what all are is no matter of this package
		if err := WriteTables(&b, f, []Table{counterTable(), metrics}, Options{}); err != nil {
			t.Fatal(err)
		}
		golden(t, "command."+f, b.String())
	}
}

func TestTerminalTablesFitTheirWidth(t *testing.T) {
	for _, width := range []int{0, 40, 60, 100} {
		for _, seeds := range []int{1, 4} {
			for _, n := range []int{1, 2, 4} {
				s := quickSpec
				s.Value = []string{"ops.per_second", "op.cycles.mean"}
				for _, specs := range [][]Spec{nil, {s}, {{Rows: "lock"}}} {
					out := text(t, "table", sampleDoc(quickLocks[:n], []int{1, 256}, seeds), specs, Options{Width: width})
					limit := width
					if limit == 0 {
						limit = 80
					}
					for line := range strings.Lines(out) {
						if w := utf8.RuneCountInString(strings.TrimRight(line, "\n")); w > limit && limit >= 60 {
							t.Errorf("width %d, %d seeds, %d locks: %d columns: %s", width, seeds, n, w, line)
						}
					}
				}
			}
		}
	}
}

func TestAGridDoesNotDependOnTheGridDrawnBefore(t *testing.T) {
	wide := grid{names: []string{"lock", "a long name\nof two lines", "share"}, units: []string{"", "ns", "%"},
		right: []bool{false, true, true}, rows: [][]string{{"vm_refcnt", "12345678", "1"}, nil, {"x", "1", "100"}}}
	narrow := grid{names: []string{"n", "word"}, units: []string{"", ""}, right: []bool{true, false}, rows: [][]string{{"1", "a"}, {"10", "bcd"}}}
	empty := grid{names: []string{"none"}, units: []string{""}, right: []bool{true}}
	reused := newPen()
	for i, g := range []*grid{&wide, &narrow, &empty, &wide, &wide, &empty, &narrow} {
		var got, want strings.Builder
		if err := reused.draw(&got, g); err != nil {
			t.Fatal(err)
		}
		if err := newPen().draw(&want, g); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("grid %d: a pen used before draws\n%s\na new one\n%s", i, &got, &want)
		}
	}
}

func TestWideTablesKeepEveryColumnInOneBlock(t *testing.T) {
	out := text(t, "table", sampleDoc(quickLocks, []int{1}, 3), []Spec{quickSpec}, Options{Wide: true})
	if strings.Count(out, "run.cores") != 1 || strings.Count(out, "min..max") != 4+3 {
		t.Errorf("got\n%s", out)
	}
}

func TestLinesHaveNoBlanksAtTheirEnds(t *testing.T) {
	out := text(t, "table", sampleDoc(quickLocks, []int{1, 2}, 3), nil, Options{})
	for line := range strings.Lines(out) {
		if strings.HasSuffix(line, " \n") {
			t.Errorf("%q", line)
		}
	}
}

func TestOneSeedIsNeverGivenARange(t *testing.T) {
	for _, format := range []string{"table", "markdown", "latex"} {
		out := text(t, format, sampleDoc(quickLocks, []int{1, 2}, 1), nil, Options{Wide: true})
		if strings.Contains(out, "min") || strings.Contains(out, "..") || strings.Contains(out, "median") || strings.Contains(out, "range") {
			t.Errorf("%s:\n%s", format, out)
		}
	}
}

// tiny makes a document with one metric of the given values per lock and seed.
func tiny(values map[string][]string) *Document {
	d := &Document{Engine: 1}
	for _, lock := range []string{"a", "b", "c"} {
		for i, s := range values[lock] {
			v, err := stats.ParseValue(s)
			if err != nil {
				panic(err)
			}
			d.Records = append(d.Records, Record{Point: []Axis{{"lock", Text(lock)}}, Seed: uint64(i + 1),
				Metrics: []stats.Reading{{Name: "coh.inv", Unit: "messages", Value: v}}})
		}
	}
	return d
}

func tinyTable(t *testing.T, d *Document, s Spec) Table {
	t.Helper()
	s.Value = []string{"coh.inv"}
	tables, err := Tables(d, []Spec{s}, Options{})
	if err != nil || len(tables) != 1 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	return tables[0]
}

func TestSeedsAreShownAsMedianAndRange(t *testing.T) {
	table := tinyTable(t, tiny(map[string][]string{"a": {"9", "1", "5"}, "b": {"4", "1", "2", "9"}, "c": {"null", "7", "null"}}), Spec{})
	for i, want := range []string{"5 1 9", "3 1 9", "7 null null"} {
		r := table.Rows[i]
		if got := strings.Join([]string{r[1].Value.String(), r[2].Value.String(), r[2].To.String()}, " "); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
}

func TestRatiosReferToTheBaseline(t *testing.T) {
	d := tiny(map[string][]string{"a": {"4"}, "b": {"6"}, "c": {"null"}})
	table := tinyTable(t, d, Spec{Baseline: "a"})
	for i, want := range []string{"1", "1.5", "null"} {
		if got := table.Rows[i][2].Value.String(); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
	for _, base := range []string{"0", "null"} {
		table := tinyTable(t, tiny(map[string][]string{"a": {base}, "b": {"6"}}), Spec{Baseline: "a"})
		if got := table.Rows[1][2].Value; !got.IsMissing() {
			t.Errorf("ratio to %s is %s", base, got)
		}
	}
}

func TestExcludedPointsAreMissingAndEmptyRowsAndColumnsLeftOut(t *testing.T) {
	d := sampleDoc(quickLocks[:3], []int{1, 2, 4}, 1)
	d.Records = slices.DeleteFunc(d.Records, func(r Record) bool {
		cores, _ := r.Axis("run.cores")
		lock, _ := r.Axis("lock")
		return cores.String() == "2" || lock == Text("vm_refcnt") || cores.String() == "4" && lock == Text("mmap_lock")
	})
	tables, err := Tables(d, []Spec{{Rows: "run.cores", Columns: []string{"lock"}, Value: []string{"coh.hitm"}}}, Options{})
	if err != nil || len(tables) != 1 || len(tables[0].Columns) != 3 || len(tables[0].Rows) != 2 {
		t.Fatalf("%v\n%+v", err, tables)
	}
	if v := tables[0].Rows[1][1]; !v.Value.IsMissing() {
		t.Errorf("an excluded point reads %s", v.Value)
	}
}

func TestRemainingAxesGiveATableForEachValue(t *testing.T) {
	tables, err := Tables(sampleDoc(quickLocks[:2], []int{1, 2, 4}, 1), []Spec{{Rows: "lock", Value: []string{"coh.hitm", "coh.inv"}}}, Options{})
	if err != nil || len(tables) != 3 || tables[2].Title != "run.cores = 4" || len(tables[2].Columns) != 3 {
		t.Errorf("%v\n%+v", err, tables)
	}
}

func TestADocumentWithoutRecordsPrintsItsProvenance(t *testing.T) {
	if out := text(t, "table", &Document{Engine: 7}, nil, Options{}); out != "engine 7\n" {
		t.Errorf("got %q", out)
	}
}

func TestWriteErrorsAreReported(t *testing.T) {
	for _, format := range Formats() {
		if err := Write(full{}, format, sampleDoc(quickLocks, []int{1, 2}, 1), nil, Options{}); err != os.ErrClosed {
			t.Errorf("%s: %v", format, err)
		}
	}
	if err := Write(full{}, "tabel", oddDoc(), nil, Options{}); err == nil || err.Error() != `unknown format "tabel"; did you mean "table"?` {
		t.Errorf("got %v", err)
	}
	if err := WriteTables(full{}, "bench", nil, Options{}); err == nil {
		t.Error("bench printed tables")
	}
	ragged := Table{Columns: make([]Column, 2), Rows: [][]Cell{{Str("x")}}}
	if err := WriteTables(full{}, "table", []Table{ragged}, Options{}); err == nil || !strings.Contains(err.Error(), "1 cells for 2 columns") {
		t.Errorf("got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }
