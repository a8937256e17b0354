package check

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohsim/mesi"
)

// variant is a protocol with options, and the numbers an independent checker (rumur)
// found for the same encoding: states and rules fired, at 2 and 3 caches, without and
// with symmetry.
type variant struct {
	name, protocol string
	set            func(*mesi.Options)
	coverage       string // file under testdata/coverage
	want           [4][2]int64
}

func opt(f ...func(*mesi.Options)) func(*mesi.Options) {
	return func(o *mesi.Options) {
		for _, g := range f {
			g(o)
		}
	}
}

func putS(o *mesi.Options)    { o.PutS = true }
func onlyPut(o *mesi.Options) { o.PutS, o.SilentS = true, false }
func silentE(o *mesi.Options) { o.SilentE = true }
func nbs(o *mesi.Options)     { o.NonBlockingS = true }
func recall(o *mesi.Options)  { o.Recall = true }
func noUpg(o *mesi.Options)   { o.Upgrade = false }

var variants = []variant{
	{"mesi", "mesi", nil, "mesi", [4][2]int64{{2980, 7788}, {1500, 3920}, {109760, 362442}, {18912, 62558}}},
	{"msi", "msi", nil, "msi", [4][2]int64{{2698, 6820}, {1358, 3434}, {72756, 236844}, {12728, 41492}}},
	{"mesi PutS only", "mesi", onlyPut, "mesi-puts", [4][2]int64{{2154, 5364}, {1086, 2704}, {74718, 233586}, {12994, 40736}}},
	{"mesi PutS", "mesi", putS, "", [4][2]int64{{3708, 9812}, {1866, 4938}, {151374, 501426}, {25974, 86180}}},
	{"mesi PutS silentE", "mesi", opt(putS, silentE), "mesi-puts-silente", [4][2]int64{{4776, 12636}, {2400, 6350}, {176484, 583902}, {30414, 100784}}},
	{"mesi nbs", "mesi", nbs, "", [4][2]int64{{3078, 8064}, {1550, 4060}, {132580, 443316}, {22796, 76310}}},
	{"mesi nbs PutS silentE", "mesi", opt(nbs, putS, silentE), "mesi-nbs-puts-silente", [4][2]int64{{4946, 13148}, {2486, 6608}, {208064, 698604}, {35796, 120306}}},
	{"mesi recall", "mesi", recall, "", [4][2]int64{{4642, 12354}, {2348, 6250}, {154160, 520066}, {27030, 91382}}},
	{"mesi recall PutS silentE nbs", "mesi", opt(recall, putS, silentE, nbs), "mesi-recall-puts-silente-nbs", [4][2]int64{{8042, 21534}, {4062, 10874}, {319824, 1094522}, {55852, 191272}}},
	{"mesi no upgrade", "mesi", noUpg, "", [4][2]int64{{2294, 6380}, {1156, 3214}, {73200, 260370}, {12680, 45162}}},
	{"moesi", "moesi", nil, "moesi", [4][2]int64{{3280, 8100}, {1650, 4076}, {150074, 476028}, {25812, 82120}}},
	{"moesi PutS silentE recall", "moesi", opt(putS, silentE, recall), "moesi-puts-silente-recall", [4][2]int64{{8450, 22492}, {4258, 11334}, {355072, 1207566}, {61788, 210546}}},
	{"mesif", "mesif", nil, "mesif", [4][2]int64{{3374, 8728}, {1692, 4376}, {135016, 440976}, {23044, 75334}}},
	{"mesif PutS silentE recall", "mesif", opt(putS, silentE, recall), "mesif-puts-silente-recall", [4][2]int64{{7964, 21556}, {4008, 10834}, {297026, 1016628}, {51488, 176198}}},
}

func system(t testing.TB, protocol string, set func(*mesi.Options), cfg ProtocolConfig) *Protocol {
	t.Helper()
	o := mesi.DefaultOptions(protocol)
	if set != nil {
		set(&o)
	}
	p, err := mesi.New(protocol, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewProtocol(p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustHold(t testing.TB, s System) *Result {
	t.Helper()
	r, err := Explore(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation != nil {
		t.Fatalf("%v\n%s", r.Violation.Error(), Chart(s, r.Violation.Path))
	}
	return r
}

func TestStatesAndRulesEqualThoseOfAnIndependentChecker(t *testing.T) {
	for _, v := range variants {
		for i, cfg := range []ProtocolConfig{{Caches: 2}, {Caches: 2, Symmetry: true}, {Caches: 3}, {Caches: 3, Symmetry: true}} {
			r := mustHold(t, system(t, v.protocol, v.set, cfg))
			if got := [2]int64{r.States, r.Transitions}; got != v.want[i] {
				t.Errorf("%s %+v: states and rules %v, want %v", v.name, cfg, got, v.want[i])
			}
		}
	}
}

// TestReachedPairsEqualThoseOfAnIndependentChecker compares the sets of reachable
// (state, event) pairs at 3 caches, cell by cell.
func TestReachedPairsEqualThoseOfAnIndependentChecker(t *testing.T) {
	for _, v := range variants {
		if v.coverage == "" {
			continue
		}
		s := system(t, v.protocol, v.set, ProtocolConfig{Caches: 3})
		mustHold(t, s)
		var got []string
		for _, p := range s.Coverage().MessagePairs() {
			got = append(got, p.String())
		}
		slices.Sort(got)
		data, err := os.ReadFile(filepath.Join("testdata", "coverage", v.coverage+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		want := readCells(t, string(data))
		for _, p := range want {
			if !slices.Contains(got, p) {
				t.Errorf("%s: %s was not reached", v.name, p)
			}
		}
		for _, p := range got {
			if !slices.Contains(want, p) {
				t.Errorf("%s: %s should not be reachable", v.name, p)
			}
		}
	}
}

// readCells reads the coverage files: one line per state, "C IS_D: DataE DataS", with a
// request's sender after a slash where the home looks at it, "D D_S: GetS/none GetS/shr".
func readCells(t *testing.T, text string) []string {
	var cells []string
	for _, l := range strings.Split(text, "\n") {
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		state, events, ok := strings.Cut(l, ": ")
		if !ok {
			t.Fatalf("line %q", l)
		}
		for _, e := range strings.Fields(events) {
			cells = append(cells, state+" "+strings.ReplaceAll(e, "/", " "))
		}
	}
	return cells
}

func TestEveryRowOfEveryVariantIsReachable(t *testing.T) {
	for _, v := range variants {
		s := system(t, v.protocol, v.set, ProtocolConfig{Caches: 3, Migrate: true})
		mustHold(t, s)
		for _, p := range s.Unreached() {
			t.Errorf("%s: row %v is never used", v.name, p)
		}
	}
}

func TestExplorationStopsAtTheStateLimit(t *testing.T) {
	s := system(t, "mesi", nil, ProtocolConfig{Caches: 3})
	if _, err := Explore(s, Options{MaxStates: 1000}); !errors.Is(err, ErrTooBig) {
		t.Errorf("error %v, want ErrTooBig", err)
	}
}

func BenchmarkThreeCaches(b *testing.B) {
	var states int64
	for b.Loop() {
		states += mustHold(b, system(b, "mesi", nil, ProtocolConfig{Caches: 3})).States
	}
	b.ReportMetric(float64(states)/b.Elapsed().Seconds(), "states/s")
}

func BenchmarkFourCaches(b *testing.B) {
	if testing.Short() {
		b.Skip()
	}
	for b.Loop() {
		r := mustHold(b, system(b, "mesi", nil, ProtocolConfig{Caches: 4}))
		if r.States != 3141584 {
			b.Fatalf("%d states", r.States)
		}
		b.ReportMetric(r.SearchTime.Seconds(), "search-s")
		b.ReportMetric(r.LiveTime.Seconds(), "liveness-s")
		b.ReportMetric(float64(r.Bytes)/float64(r.States), "B/state")
	}
}
