package report

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"cohsim/internal/stats"
)

func values(t *testing.T, s string) (list []stats.Value) {
	for f := range strings.FieldsSeq(s) {
		v, err := stats.ParseValue(f)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

func TestAColumnIsScaledAndRoundedAsOne(t *testing.T) {
	for _, c := range []struct{ in, want, unit string }{
		{"0 7 123456", "0 7 123,456", "ops"},
		{"1234567 12345678", "1.23 12.35", "M ops"},
		{"3 12345678", "3 12,345,678", "ops"},             // scaled, 3 would vanish
		{"20000 12345678", "0.020 12.346", "M ops"},       // two digits of the smallest
		{"123456789012 9000000000", "123.5 9.0", "G ops"}, // largest gets four
		{"1.5 2.25", "1.500 2.250", "ops"},
		{"0.001 12.5", "0.0010 12.5000", "ops"},
		{"0.0000123 99", "0.0000 99.0000", "ops"}, // spans too much to fit
		{"1999999.5", "2.000", "M ops"},
		{"921.5 21903.25", "922 21,903", "ops"},
		{"3.5 812345.25", "3.5 812,345.3", "ops"},
		{"-1234.5 null 0", "-1,235 - 0", "ops"},
		{"-0.001 100", "-0.001 100.000", "ops"},
		{"5000000000000000000", "5,000,000", "T ops"},
		{"null null", "- -", "ops"},
	} {
		vs := values(t, c.in)
		s := fit(vs, 0)
		var got []string
		for _, v := range vs {
			got = append(got, s.format(v))
		}
		if strings.Join(got, " ") != c.want || s.unit("ops") != c.unit {
			t.Errorf("%s: got %v %s, want %s %s", c.in, got, s.unit("ops"), c.want, c.unit)
		}
	}
}

func TestPrecisionIsTheDigitsOfTheLargestNumber(t *testing.T) {
	vs := values(t, "12.3456 0.00123")
	for digits, want := range map[int]string{1: "12", 2: "12", 3: "12.3", 6: "12.3456"} {
		if got := fit(vs, digits).format(vs[0]); got != want {
			t.Errorf("precision %d: %s, want %s", digits, got, want)
		}
	}
}

func TestNanosecondsScaleToTheUnitsOfClocks(t *testing.T) {
	for in, want := range map[string]string{"1500": "ns", "1500000": "ms", "2500000000": "s"} {
		if got := fit(values(t, in), 0).unit("ns"); got != want {
			t.Errorf("%s ns are shown in %s, want %s", in, got, want)
		}
	}
}

var hostile = "a|b `c` *d* _e_ <f> [g](h) \\ # & % $ ^ ~ {i} \"j\"\n\x1b[31mk"

func hostileTable() Table {
	return Table{Title: hostile, Columns: []Column{{Name: hostile}, {Name: "n", Unit: "a|b"}},
		Rows: [][]Cell{{Str(hostile), Count(1)}}, Notes: []string{hostile}}
}

func render(t *testing.T, format string, tables ...Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTables(&b, format, tables, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextIsEscapedInEveryFormat(t *testing.T) {
	for line := range strings.Lines(render(t, "markdown", hostileTable())) {
		bare := strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, "")
		if n := strings.Count(bare, "|"); n != 0 && n != 3 {
			t.Errorf("%d cells in %s", n-1, line)
		}
	}
	tex := render(t, "latex", hostileTable())
	if !strings.Contains(tex, `a\textbar{}b `+"`c`"+` *d* \_e\_ \textless{}f\textgreater{} {[}g{]}(h) \textbackslash{} \# \& \% \$ \textasciicircum{} \textasciitilde{} \{i\} ''j''  {[}31mk & 1 \\`) {
		t.Errorf("got\n%s", tex)
	}
	if out := render(t, "table", hostileTable()); strings.ContainsRune(out, '\x1b') {
		t.Error("an escape code reaches the terminal")
	}
	rows, err := csv.NewReader(strings.NewReader(render(t, "csv", hostileTable()))).ReadAll()
	if err != nil || rows[1][0] != hostile {
		t.Errorf("csv: %v, %q", err, rows)
	}
}

func TestDecimalPointsMeetInColumnsThatMixUnits(t *testing.T) {
	table := Table{Columns: []Column{{Name: "v", PerCell: true}}}
	for _, v := range values(t, "1234567 12.5 0.25 null") {
		table.Rows = append(table.Rows, []Cell{Num(v)})
	}
	want := `
             v
───────────────
 1,234,567
        12.50
         0.250
             -
`
	if out := render(t, "table", table); "\n"+out != want {
		t.Errorf("got\n%s", out)
	}
}

func TestSpecsAreCheckedWithSuggestions(t *testing.T) {
	axes := []string{"run.cores", "lock"}
	vals := map[string][]string{"run.cores": {"1", "8"}, "lock": {"mmap_lock", "vm_refcnt"}}
	for _, c := range []struct {
		s    Spec
		want string
	}{
		{Spec{}, ""},
		{quickSpec, ""},
		{Spec{Rows: "lock", Baseline: "vm_refcnt"}, ""},
		{Spec{Rows: "cores"}, `report.rows: unknown axis "cores"; did you mean "run.cores"?`},
		{Spec{Columns: []string{"lokc"}}, `report.columns: unknown axis "lokc"; did you mean "lock"?`},
		{Spec{Columns: []string{"zzzzzzzz"}}, `report.columns: unknown axis "zzzzzzzz"; there are run.cores, lock`},
		{Spec{Rows: "lock", Columns: []string{"lock"}}, `report.columns: axis "lock" is already the rows`},
		{Spec{Columns: []string{"lock", "lock"}}, `report.columns: axis "lock" is listed twice`},
		{Spec{Columns: []string{"lock", "run.cores"}}, `report.columns: no axis is left for the rows`},
		{Spec{Value: []string{"ops.per_secnd"}}, `report.value: unknown metric "ops.per_secnd"; did you mean "ops.per_second"?`},
		{Spec{Value: []string{"hitm"}}, `report.value: unknown metric "hitm"; did you mean "coh.hitm"?`},
		{Spec{Columns: []string{"lock"}, Baseline: "mmap"}, `report.baseline: axis "lock" has no value "mmap"; there are mmap_lock, vm_refcnt`},
		{Spec{Precision: 12}, `report.precision: 12 is not between 0 and 9`},
	} {
		var got []string
		for _, err := range c.s.Check(axes, vals) {
			got = append(got, err.Error())
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", c.s, strings.Join(got, "\n"), c.want)
		}
	}
	if errs := (Spec{Rows: "x", Columns: []string{"y"}, Value: []string{"z"}, Baseline: "w"}).Check(nil, nil); len(errs) != 3 {
		t.Errorf("not all faults in one pass: %v", errs)
	}
	if errs := (Spec{Baseline: "w"}).Check(nil, nil); len(errs) != 1 {
		t.Errorf("a baseline without an axis: %v", errs)
	}
}
