package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cohsim/internal/stats"
)

func jsonOf(t *testing.T, d *Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func oddDoc() *Document {
	half, _ := ScalarOf(0.5)
	big, _ := ScalarOf(uint64(1<<64 - 1))
	yes, _ := ScalarOf(true)
	return &Document{Engine: 3, ConfigHash: "ab", Config: json.RawMessage(`{"name":"a <b> & \"c\"","n":[1,2.50]}`), Records: []Record{
		{Point: []Axis{{"z", half}, {"a", big}, {"flag", yes}, {"s", Text("8, \"x\"\n|_é")}}, Seed: 1<<64 - 1,
			Metrics: []stats.Reading{{Name: "b.x", Unit: "", Value: stats.Missing}, {Name: "a.y", Unit: "ops/s", Value: stats.Ratio(1, 3, 1)}}},
		{Seed: 0},
	}}
}

func TestADocumentReadsBackEqual(t *testing.T) {
	for _, d := range []*Document{{}, oddDoc(), sampleDoc(quickLocks, []int{1, 64}, 3)} {
		text := jsonOf(t, d)
		back, err := ReadJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, d) {
			t.Errorf("wrote %+v\nread %+v", d, back)
		}
		if again := jsonOf(t, back); again != text {
			t.Errorf("written again it reads\n%s", again)
		}
	}
}

func TestTheSchemaIsTheOneOthersRead(t *testing.T) {
	var doc struct {
		Schema  string         `json:"schema"`
		Engine  int            `json:"engine"`
		Config  map[string]any `json:"config"`
		Hash    string         `json:"config_hash"`
		Records []struct {
			Point   map[string]any `json:"point"`
			Seed    uint64         `json:"seed"`
			Metrics map[string]struct {
				Value *float64 `json:"value"`
				Unit  string   `json:"unit"`
			} `json:"metrics"`
		} `json:"records"`
	}
	dec := json.NewDecoder(strings.NewReader(jsonOf(t, sampleDoc(quickLocks, []int{2}, 1))))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	r := doc.Records[0]
	if doc.Schema != "cohsim.result/v1" || doc.Engine != 1 || r.Seed != 1 || r.Point["run.cores"] != 2.0 || r.Point["lock"] != "mmap_lock" {
		t.Errorf("got %+v", doc)
	}
	if v := r.Metrics["ops.per_second"]; v.Value == nil || *v.Value != 6425000 || v.Unit != "ops/s" {
		t.Errorf("ops.per_second = %+v", v)
	}
	if v := r.Metrics["l2.hits"]; v.Value != nil {
		t.Error("a missing value is not null")
	}
}

func TestEveryFormatGivesTheSameBytesEveryTime(t *testing.T) {
	for _, format := range Formats() {
		var first string
		for i := range 20 {
			var b bytes.Buffer
			d := sampleDoc(quickLocks, []int{1, 2, 4}, 2)
			if err := Write(&b, format, d, []Spec{quickSpec, {}}, Options{}); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = b.String()
			} else if b.String() != first {
				t.Fatalf("%s differs from run to run", format)
			}
		}
	}
}

func TestABadDocumentIsAnErrorThatNamesItsLine(t *testing.T) {
	good := jsonOf(t, sampleDoc(quickLocks[:1], []int{1}, 1))
	for _, c := range []struct{ old, new, want string }{
		{"cohsim.result/v1", "cohsim.result/v2", `line 2: schema "cohsim.result/v2"`},
		{`"engine": 1`, `"engine": -1`, "line 3: want a whole number"},
		{`"engine": 1`, `"engine": "1"`, "line 3: want a whole number"},
		{`"engine": 1,`, ``, `key "engine" is missing`},
		{`"seed": 1`, `"sead": 1`, `unknown key "sead"`},
		{`"seed": 1`, `"seed": 1.5`, "want a whole number"},
		{`"seed": 1`, `"seed": 1, "seed": 2`, `key "seed" occurs twice`},
		{`"run.cores": 1`, `"run.cores": [1]`, `axis "run.cores": want`},
		{`"run.cores": 1`, `"run.cores": null`, `axis "run.cores": want`},
		{`"value": null`, `"value": "1"`, "neither a number nor null"},
		{`"value": null`, `"value": 1e99`, "out of range"},
		{`"unit": "cycles"`, `"unit": 1`, "want a string"},
		{`"records": [`, `"records": [[`, "line"},
		{"}\n", "} x\n", "line"},
		{good, "", "line 1"},
		{good, "[]", "want an object"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good {
			t.Fatalf("%q does not occur", c.old)
		}
		if _, err := ReadJSON(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: got %v, want %q", c.old, c.new, err, c.want)
		}
	}
}

func TestAnInvalidConfigIsNotWritten(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, &Document{Config: json.RawMessage(`{`)}); err == nil || b.Len() > 0 {
		t.Errorf("%v, wrote %q", err, b.String())
	}
}

func TestCSVHasOneObservationARow(t *testing.T) {
	d := sampleDoc(quickLocks, []int{1, 2}, 2)
	var b bytes.Buffer
	if err := WriteCSV(&b, d, "cohsim run x.toml"); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if head, _, _ := strings.Cut(text, "\n"); head != "run.cores,lock,seed,metric,value,unit,engine,config_hash,command" {
		t.Errorf("header %q", head)
	}
	if want := 1 + len(d.Records)*len(d.Records[0].Metrics); strings.Count(text, "\n") != want {
		t.Errorf("%d lines, want %d", strings.Count(text, "\n"), want)
	}
	if !strings.Contains(text, fmt.Sprintf("\n1,mmap_lock,1,l2.hits,,accesses,%d,%s,cohsim run x.toml\n", d.Engine, d.ConfigHash)) {
		t.Error("a missing value is not an empty field")
	}
	back, err := ReadCSV(&b)
	if err != nil || !reflect.DeepEqual(back.Records, d.Records) || back.Engine != d.Engine || back.ConfigHash != d.ConfigHash {
		t.Errorf("reads back different: %v", err)
	}
}

func TestABadCSVIsAnErrorThatNamesItsLine(t *testing.T) {
	head := "run.cores,seed,metric,value,unit\n"
	for text, want := range map[string]string{
		"":                             "line 1: no header",
		"seed,metric,unit\n":           "line 1: the columns do not end",
		"a,a,seed,metric,value,unit\n": `line 1: axis "a"`,
		head + "1,1,a.b,1\n":           "line 2",
		"seed,metric,value,unit,engine,config_hash,command\n1,a.b,1,u,x,h,c\n":                  `line 2: engine "x"`,
		"seed,metric,value,unit,engine,config_hash,command\n1,a.b,1,u,1,h,c\n1,a.c,1,u,2,h,c\n": "line 3: the row is of another result",
		head + "1,x,a.b,1,u\n":                           `line 2: seed "x"`,
		head + "1,+1,a.b,1,u\n":                          `line 2: seed "+1"`,
		head + "1,1,a.b,one,u\n":                         "line 2: value \"one\"",
		head + "1,1,,1,u\n":                              "line 2: metric \"\"",
		head + "1,1,a.b,1,u\n1,1,a.b,1,u\n":              "line 3: metric \"a.b\"",
		head + "1,1,a.b,1,u\n2,1,a.b,1,u\n1,1,a.c,1,u\n": "line 4: the rows of a point and seed are not adjacent",
	} {
		if _, err := ReadCSV(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestBenchmarkTextNamesAxesAndDeclaresExactNumbers(t *testing.T) {
	text := func(d *Document) string {
		var b bytes.Buffer
		if err := WriteBench(&b, d); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one := text(sampleDoc(quickLocks, []int{8}, 1))
	for _, want := range []string{
		"\nUnit ops.per_second better=higher assume=exact\n", "\nUnit coh.hitm better=lower assume=exact\n",
		"\nBenchmarkFaultStorm/cores=8/lock=refcount_on_own_line 1 740000 sim.cycles ",
	} {
		if !strings.Contains(one, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(one, "null") {
		t.Error("a missing value is a number")
	}
	if strings.Contains(text(sampleDoc(quickLocks, []int{8}, 2)), "assume=exact") {
		t.Error("samples over seeds are declared exact")
	}
	for line := range strings.Lines(one) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Benchmark") && len(f)%2 != 0 {
			t.Errorf("odd number of fields: %s", line)
		}
	}
	tail := text(&Document{Records: []Record{{Point: []Axis{{"machine", Text("epyc-8")}}}}})
	if !strings.Contains(tail, "Benchmark/machine=epyc_8 1\n") {
		t.Errorf("-8 would be read as GOMAXPROCS: %s", tail)
	}
}

func TestAxesKeepTheirFullNameWhereTheLastWordIsNotUnique(t *testing.T) {
	got := shortNames([]string{"run.cores", "a.x", "b.x", "lock", "dot."})
	if want := []string{"cores", "a.x", "b.x", "lock", "dot."}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzReadJSON(f *testing.F) {
	var b bytes.Buffer
	_ = WriteJSON(&b, oddDoc())
	f.Add(b.String())
	f.Add(`{"schema":"cohsim.result/v1","engine":1,"config":null,"config_hash":"","records":[{"point":{"a":-1e2},"seed":0,"metrics":{"":{"value":-0.50,"unit":"u"}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ReadJSON(strings.NewReader(text))
		if err != nil {
			return
		}
		back, err := ReadJSON(strings.NewReader(jsonOf(t, d)))
		if err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%v\nwrote %+v\nread %+v", err, d, back)
		}
		for _, format := range Formats() {
			// Any document can be shown; only its numbers are trusted.
			_ = Write(&bytes.Buffer{}, format, d, nil, Options{})
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add("run.cores,lock,seed,metric,value,unit\n8,\"a,b\",1,x.y,1.5,u\n8,\"a,b\",1,x.z,,u\n")
	f.Add("seed,metric,value,unit\n1,a,1e3,\n")
	f.Add("seed,metric,value,unit,engine,config_hash,command\n1,a,1,,2,ab,c\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadCSV(strings.NewReader(text))
		if err != nil {
			return
		}
		var one, two bytes.Buffer
		if err := WriteCSV(&one, r, ""); err != nil {
			t.Fatal(err)
		}
		back, err := ReadCSV(bytes.NewReader(one.Bytes()))
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%v\nwrote %+v\nread %+v", err, r, back)
		}
		if err := WriteCSV(&two, back, ""); err != nil || one.String() != two.String() {
			t.Errorf("written again it differs: %v", err)
		}
	})
}
