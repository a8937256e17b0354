package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

type inner1 struct {
	Depth uint8 `toml:"depth_entries" min:"1" max:"512" doc:"entries"`
}

type everything struct {
	inner1
	Text    string           `toml:"text" oneof:"one two" doc:"a word"`
	Flag    bool             `toml:"flag" doc:"a switch"`
	Float   float64          `toml:"float_ns" min:"-1" doc:"a time"`
	Names   []string         `toml:"names" doc:"words"`
	Matrix  [][]float64      `toml:"matrix" min:"0" doc:"numbers"`
	Lists   map[string][]int `toml:"lists" max:"9" doc:"numbers by name"`
	Sub     struct{ A, B int }
	Table   table1  `toml:"table" doc:"more keys"`
	Pointer *table1 `toml:"pointer" doc:"keys that may be missing"`
	Hidden  int     `toml:"-"`
	Untold  int
}

type table1 struct {
	X int `toml:"x" required:"yes" doc:"an integer"`
}

func (t *table1) Problems() []string {
	if t.X == 7 {
		return []string{"x: seven is taken", "the table as a whole"}
	}
	return nil
}

func decodeText(t *testing.T, text string, v any) Diagnostics {
	t.Helper()
	root, ds := Parse(NewSource("t", []byte(text)))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	return Decode(root, v)
}

func TestEveryTypeOfKeyIsDecoded(t *testing.T) {
	var got everything
	text := `
depth_entries = 3
text = "two"
flag = true
float_ns = 5
names = "alone"
matrix = [[1, 2.5], []]
[lists]
b = [3]
"a b" = [1, 2]
[table]
x = 4
[pointer]
x = 5
`
	if ds := decodeText(t, text, &got); len(ds) > 0 {
		t.Fatal(ds)
	}
	want := everything{inner1: inner1{3}, Text: "two", Flag: true, Float: 5, Names: []string{"alone"}, Matrix: [][]float64{{1, 2.5}, {}},
		Lists: map[string][]int{"a b": {1, 2}, "b": {3}}, Table: table1{4}, Pointer: &table1{5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestKeysThatAreNotGivenKeepTheirDefaults(t *testing.T) {
	got := everything{Text: "one", Lists: map[string][]int{"a": {1}}}
	shared := got.Lists
	if ds := decodeText(t, "lists.b = [2]\ntable.x = 1\n", &got); len(ds) > 0 {
		t.Fatal(ds)
	}
	if got.Text != "one" || len(got.Lists) != 2 || len(shared) != 1 {
		t.Errorf("got %+v, shared map %v", got, shared)
	}
}

func TestWhatADumpShowsDecodesToTheSame(t *testing.T) {
	var v, again everything
	decodeText(t, "float_ns = 0.25\ntext = \"one\"\nlists.a = [1]\nmatrix = [[1]]\npointer.x = 2\ntable.x = 3\ndepth_entries = 9\n", &v)
	if ds := Decode(valueNode(reflect.ValueOf(v)), &again); len(ds) > 0 {
		t.Fatal(ds)
	}
	again.Names, v.Names = nil, nil // an empty list and none are dumped alike
	if !reflect.DeepEqual(v, again) {
		t.Errorf("got  %+v\nwant %+v", again, v)
	}
}

func TestLimitsHoldAtTheirEnds(t *testing.T) {
	for text, ok := range map[string]bool{
		"depth_entries = 0": false, "depth_entries = 1": true, "depth_entries = 255": true, "depth_entries = 256": false, "depth_entries = 513": false,
		"float_ns = -1": true, "float_ns = -1.01": false, "lists.a = [9]": true, "lists.a = [1, 10]": false,
		"matrix = [[0]]": true, "matrix = [[-0.1]]": false, `text = "three"`: false,
		"Hidden = 1": false, "Untold = 1": false, "Sub.A = 1": false, "inner1.depth_entries = 1": false,
	} {
		v := everything{}
		ds := decodeText(t, text+"\ntable.x = 1\n", &v)
		if (len(ds) == 0) != ok {
			t.Errorf("%s: %v", text, ds)
		}
	}
}

func TestProblemsStandAtTheKeysTheyName(t *testing.T) {
	var v everything
	ds := decodeText(t, "[table]\nx = 7\n", &v)
	var got []string
	for _, d := range ds {
		got = append(got, fmt.Sprintf("%s %s", d.At, d.Msg))
	}
	if s := strings.Join(got, "; "); s != "t:2:5 table.x: seven is taken; t:1:2 table: the table as a whole" {
		t.Error(s)
	}
	v.Table.X = 7
	ds = decodeText(t, "[pointer]\nx = 1\n", &v)
	if len(ds) != 2 || !strings.Contains(ds[0].Msg, "table.x (its default): seven is taken") {
		t.Errorf("a default's problem is %v", ds)
	}
}

func TestKeysListsDefaultsAndLimits(t *testing.T) {
	keys := Keys("x", &everything{Float: 2})
	var got []string
	for _, k := range keys {
		got = append(got, fmt.Sprintf("%s:%s:%s:%s", k.Path, k.Type, k.Default, k.Max))
	}
	want := "x.depth_entries:integer:0:512 x.text:string:\"\": x.flag:boolean:false: x.float_ns:number:2: x.names:array of strings:[]: x.matrix:array of arrays of numbers:[]: x.lists:table of arrays of integers:{  }:9 x.table:table:: x.table.x:integer:0: x.pointer:table:{  }:"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

func TestSuggestionsAreNearOrNone(t *testing.T) {
	words := []string{"cores", "placement", "warmup_ns", "measure_ns", "seeds"}
	for given, want := range map[string]string{
		"core": "cores", "croes": "cores", "Cores": "cores", "warmup-ns": "warmup_ns", "placment": "placement", "x": "", "frequency": "",
	} {
		if got := closest(given, words); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
	for given, want := range map[string]string{"warmup_us": "warmup_ns", "warmup": "warmup_ns", "seeds_ns": "seeds", "measure_cycles": "measure_ns", "ns": ""} {
		if got, _ := sameButUnit(given, words); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}

func TestQuantitiesConvert(t *testing.T) {
	for given, want := range map[string]string{
		"5us": "; the unit is nanoseconds, so write 5000", "0.1 us": "; the unit is nanoseconds, so write 100", "1_000": "; write 1000 without quotes",
		"2 KiB": "; the unit is nanoseconds, not KiB", "fast": "; write a number of nanoseconds", "5 µs": "; the unit is nanoseconds, so write 5000",
	} {
		ns, _ := unitNamed("ns")
		if got := numberFor(given, ns, true); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}
