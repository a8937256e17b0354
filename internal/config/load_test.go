package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"cohsim/internal/machine"
	"cohsim/internal/mem"
	"cohsim/internal/noc"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testMachine is a small machine below the presets of the tests.
func testMachine() machine.Config {
	m := machine.DefaultConfig()
	m.L1.Bytes, m.L1.Ways = 32<<10, 8
	m.LLC.Bytes, m.LLC.Ways = 16<<20, 16
	m.Topology = noc.Topology{Sockets: 1, L3PerSocket: 2, CoresPerL3: 4, ThreadsPerCore: 1, Home: "first"}
	m.Placements = map[string][]int{"near": {0, 1, 2, 3}}
	return m
}

type pairs struct {
	VMAs    int     `toml:"vmas" min:"1" max:"1024" doc:"number of VMAs"`
	ThinkNS float64 `toml:"think_ns" min:"0" max:"1e6" doc:"time between operations"`
	Mode    string  `toml:"mode" oneof:"same private" doc:"who uses which VMA"`
}

type mixed struct {
	Writers int `toml:"writers_percent" min:"0" max:"100" doc:"share of writers"`
	VMAs    int `toml:"vmas" min:"1" max:"1024" doc:"number of VMAs"`
}

func (m mixed) Problems() []string {
	if m.Writers == 13 {
		return []string{"writers_percent: 13 brings bad luck"}
	}
	return nil
}

func testOptions() Options {
	return Options{
		Shipped: fstest.MapFS{
			"machines/twin.toml":   {Data: []byte("name = \"twin\"\n[topology]\ncores_per_l3 = 2\n[l2]\nbytes = 262144\n[placements]\nfar = [0, 2]\n")},
			"machines/broken.toml": {Data: []byte("name = \"broken\"\n[l1]\nbytes = \"32KiB\"\nwayz = 8\n")},
		},
		Machine: testMachine,
		Workloads: KindList{
			{"vma_pairs", func() any { return &pairs{VMAs: 1, Mode: "same"} }},
			{"fault_mixed", func() any { return &mixed{VMAs: 4} }},
		},
		Locks: KindList{{Name: "vm_refcnt"}, {Name: "mmap_lock"}},
		Layout: func(_ fs.FS, dir, ref string) (*mem.Layout, error) {
			if ref != "seq" && ref != "packed" {
				return nil, fmt.Errorf("no layout is named %q", ref)
			}
			return &mem.Layout{Name: ref}, nil
		},
	}
}

func load(t testing.TB, text string, change ...func(*Options)) (*Experiment, error) {
	t.Helper()
	opt := testOptions()
	for _, f := range change {
		f(&opt)
	}
	return LoadText("test.toml", []byte(text), opt)
}

func mustLoad(t testing.TB, text string, change ...func(*Options)) *Experiment {
	t.Helper()
	e, err := load(t, text, change...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func pointNames(e *Experiment) string {
	var out []string
	for i := range e.Points {
		out = append(out, e.Points[i].String())
	}
	return strings.Join(out, "\n")
}

func TestAnEmptyFileIsTheDefaultExperiment(t *testing.T) {
	e := mustLoad(t, "")
	if len(e.Points) != 1 || e.Name != "test" {
		t.Fatalf("%d points, name %q", len(e.Points), e.Name)
	}
	c := e.Points[0].Config
	if c.Workload.Kind != "vma_pairs" || c.Lock.Kind != "vm_refcnt" || c.Run.Cores != 1 || c.Machine.L1.Ways != 8 {
		t.Errorf("got %+v", c)
	}
	if p, ok := c.Workload.Params.(*pairs); !ok || p.VMAs != 1 {
		t.Errorf("the default workload has parameters %v", c.Workload.Params)
	}
}

func TestKeysOverrideAPresetThatOverridesTheDefaults(t *testing.T) {
	e := mustLoad(t, `
[machine]
base = "twin"
topology.l3_per_socket = 4
[machine.placements]
odd = [1, 3]
`)
	m := e.Points[0].Config.Machine
	if m.Name != "twin" || m.Topology.CoresPerL3 != 2 || m.Topology.L3PerSocket != 4 || m.L1.Bytes != 32<<10 {
		t.Errorf("got %+v", m)
	}
	if len(m.Placements) != 3 {
		t.Errorf("placements %v", m.Placements)
	}
	if len(testMachine().Placements) != 1 {
		t.Error("the defaults were changed")
	}
}

func TestAMachineFileIsFoundBesideTheConfigThatNamesIt(t *testing.T) {
	e, err := Load("testdata/good/relative.toml", testOptions())
	if err != nil {
		t.Fatal(err)
	}
	if m := e.Points[0].Config.Machine; m.Name != "mine" || m.Topology.CoresPerL3 != 2 || m.L1.Ways != 4 {
		t.Errorf("got %q, %d cores, %d ways", m.Name, m.Topology.CoresPerL3, m.L1.Ways)
	}
}

func TestPointsAreTheProductOfTheAxesInTheirOrder(t *testing.T) {
	e := mustLoad(t, `
[sweep]
"run.cores" = [1, 4]
workload.think_ns = { from = 0, to = 0.3, step = 0.1 }
[[variant]]
axis = "lock"
name = "per VMA"
set = { "lock.kind" = "vm_refcnt", layout = ["seq", "packed"] }
[[variant]]
axis = "lock"
name = "mmap"
set.lock.kind = "mmap_lock"
[[exclude]]
"run.cores" = 4
lock = "mmap"
[[exclude]]
run.cores = 1
workload.think_ns = [0.1, 0.2, 0.3]
`)
	want := `run.cores=1 workload.think_ns=0 lock="per VMA"
run.cores=1 workload.think_ns=0 lock=mmap
run.cores=4 workload.think_ns=0 lock="per VMA"
run.cores=4 workload.think_ns=0.1 lock="per VMA"
run.cores=4 workload.think_ns=0.2 lock="per VMA"
run.cores=4 workload.think_ns=0.3 lock="per VMA"`
	if got := pointNames(e); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c := e.Points[3].Config
	if c.Run.Cores != 4 || c.Workload.Params.(*pairs).ThinkNS != 0.1 || len(c.Layouts) != 2 || e.Points[1].Config.Layouts != nil {
		t.Errorf("point 3 is %+v", c)
	}
}

func TestRangesReachTheirEnd(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{ from = 1, to = 64, times = 2 }", "1 2 4 8 16 32 64"},
		{"{ from = 5, to = 20, step = 5 }", "5 10 15 20"},
		{"{ from = 8, to = 1, step = -3 }", "8 5 2"},
		{"{ from = 1, to = 10, times = 1.5 }", "1 1.5 2.25 3.375 5.0625 7.59375"},
		{"{ from = 0, to = 1, step = 0.1 }", "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1"},
		{"{ from = 3, to = 3, step = 1 }", "3"},
	} {
		e := mustLoad(t, "sweep.\"machine.dram_ns\" = "+c.text)
		var got []string
		for _, p := range e.Points {
			got = append(got, strings.Split(p.String(), "=")[1])
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s gives %s, want %s", c.text, s, c.want)
		}
	}
}

func TestAnAxisMaySwapTheMachineBelowItsOverrides(t *testing.T) {
	e := mustLoad(t, "[machine]\nl1.ways = 2\n[sweep]\nmachine = [\"twin\"]\n")
	if m := e.Points[0].Config.Machine; m.Name != "twin" || m.L1.Ways != 2 {
		t.Errorf("got %s with %d ways", m.Name, m.L1.Ways)
	}
}

func TestTheCommandLineWinsOverTheFile(t *testing.T) {
	set := func(args ...string) func(*Options) { return func(o *Options) { o.Set = args } }
	text := "machine = \"twin\"\nrun.cores = 2\n[workload]\nkind = \"vma_pairs\"\n[sweep]\n\"workload.vmas\" = [1, 2]\n"
	c := mustLoad(t, text, set("run.cores=3", "workload.mode=private", "machine.l1.ways = 16", `layout=["seq"]`)).Points[0].Config
	if c.Run.Cores != 3 || c.Workload.Params.(*pairs).Mode != "private" || c.Machine.L1.Ways != 16 || c.Machine.Name != "twin" || len(c.Layouts) != 1 {
		t.Errorf("got %+v", c)
	}
	if got := pointNames(mustLoad(t, text, set("workload.vmas=7"))); got != "workload.vmas=7" {
		t.Errorf("setting an axis's key leaves the points %s", got)
	}
	if got := len(mustLoad(t, text, set(`sweep."workload.vmas"=[1,2,3]`)).Points); got != 3 {
		t.Errorf("setting an axis gives %d points", got)
	}
	seed := 9
	if e := mustLoad(t, text, func(o *Options) { o.Seed = &seed }); fmt.Sprint(e.Seeds, e.Points[0].Config.Run.Seeds) != "[9] [9]" {
		t.Errorf("seeds %v", e.Seeds)
	}
}

func TestTheHashFollowsWhatDecidesTheResult(t *testing.T) {
	hash := func(text string) string { return mustLoad(t, text).Points[0].Hash() }
	base := hash("")
	for _, same := range []string{"name = \"x\"\ndoc = \"y\"", "run.cores = 1", "run.seeds = [4, 5]", "run.engine = \"reference\"", "[report]\nvalue = \"ops.count\"", "layout = \"\""} {
		if hash(same) != base {
			t.Errorf("%q changes the hash", same)
		}
	}
	seen := map[string]string{base: "the default"}
	for _, other := range []string{"run.cores = 2", "machine.dram_ns = 1", "lock.kind = \"mmap_lock\"", "workload.vmas = 2", "layout = \"seq\"", "layout = [\"seq\", \"packed\"]", "machine.placements.x = [1]"} {
		h := hash(other)
		if before, ok := seen[h]; ok {
			t.Errorf("%q has the hash of %q", other, before)
		}
		seen[h] = other
	}
}

func TestTheDumpIsCompleteAndOrdered(t *testing.T) {
	const config = "layout = \"seq\"\n[sweep]\nrun.cores = [1, 2]\n[[variant]]\naxis=\"v\"\nname=\"a<b\"\nset={\"workload.vmas\"=3}"
	e := mustLoad(t, config)
	dump := e.Resolved()
	var again machine.Config
	if ds := Decode(dump.Children["machine"], &again); len(ds) > 0 {
		t.Fatal(ds)
	}
	again.Doc = e.Base.Machine.Doc
	if fmt.Sprint(again) != fmt.Sprint(e.Base.Machine) {
		t.Errorf("the machine dumped is\n%+v, not\n%+v", again, e.Base.Machine)
	}
	dump.remove("machine") // its keys are its owner's to change
	text, err := dump.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	golden(t, "testdata/resolved.json", indented.String()+"\n")
	first, _ := e.Resolved().MarshalJSON()
	if second, _ := mustLoad(t, config).Resolved().MarshalJSON(); !bytes.Equal(first, second) {
		t.Error("two loads give two dumps")
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// Each file's mistakes come out in one pass; the golden file beside it shows what
// a user sees. Lines "# --set …" give the command line.
func TestEveryMistakeIsToldWithItsPlace(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			opt := testOptions()
			for _, line := range strings.Split(string(text), "\n") {
				if arg, ok := strings.CutPrefix(line, "# --set "); ok {
					opt.Set = append(opt.Set, arg)
				}
			}
			_, err = Load(path, opt)
			if err == nil {
				t.Fatal("no error")
			}
			golden(t, strings.TrimSuffix(path, ".toml")+".txt", err.Error()+"\n")
		})
	}
}

func TestANameIsGoodForFiles(t *testing.T) {
	for _, name := range []string{"../up", "a/b", `a\\b`, ".hidden", "x.sweep"} {
		_, err := LoadText("e.toml", []byte("name = \""+name+"\"\n"), testOptions())
		if err == nil || !strings.Contains(err.Error(), "e.toml:1:8: error: name: a name is the start of file names") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadText("zen5.v2.toml", nil, testOptions()); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsNotThereIsAnError(t *testing.T) {
	_, err := Load("testdata/none.toml", testOptions())
	if want := "testdata/none.toml: error: cannot read the file: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestACheckOfTheCallerIsPlacedAtItsKey(t *testing.T) {
	_, err := load(t, "lock.kind = \"mmap_lock\"\nsweep.\"workload.vmas\" = [1, 2]\n", func(o *Options) {
		o.Check = func(c *Config) []string {
			if c.Workload.Params.(*pairs).VMAs == 2 {
				return []string{"lock.kind: takes one VMA at most"}
			}
			return nil
		}
	})
	want := "test.toml:1:13: error: lock.kind: takes one VMA at most\n    1 | lock.kind = \"mmap_lock\"\n      |             ^^^^^^^^^^^\n      = at the point workload.vmas=2"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range corpus(f) {
		f.Add(s, "run.cores=2")
	}
	f.Fuzz(func(t *testing.T, text, set string) {
		opt := testOptions()
		opt.Set = []string{set}
		opt.Layout = nil
		e, err := LoadText("test.toml", []byte(text), opt)
		if (e == nil) == (err == nil) {
			t.Error("want an experiment or an error")
		}
		if err != nil && !strings.Contains(err.Error(), ": error: ") {
			t.Errorf("no place in %v", err)
		}
		if e != nil {
			if _, err := e.Resolved().MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Points share what their machines have in common. What each says is what it would say
// on its own, and a mistake that only some machines have is told with the first of them.
func TestAPointIsWhatItWouldBeOnItsOwn(t *testing.T) {
	axes := `
[machine]
base = "twin"
[sweep]
"run.cores" = [1, 4]
"machine.dram_ns" = [90, 110]
[[variant]]
axis = "caches"
name = "small"
set = { "machine.l1.bytes" = 16384, "machine.l1.ways" = 4 }
[[variant]]
axis = "caches"
name = "same"
set = { "workload.think_ns" = 7 }
`
	e := mustLoad(t, axes)
	if len(e.Points) != 8 {
		t.Fatalf("%d points", len(e.Points))
	}
	for i := range e.Points {
		p := &e.Points[i]
		want, err := p.Config.Tree().MarshalJSON()
		if err != nil || string(p.Text()) != string(want) {
			t.Errorf("%s: %v\n%s\n%s", p, err, p.Text(), want)
		}
		alone := "[machine]\nbase = \"twin\"\n"
		alone += fmt.Sprintf("dram_ns = %v\n", p.Labels[1].Value)
		if p.Labels[2].Value == "small" {
			alone += "l1.bytes = 16384\nl1.ways = 4\n"
		}
		alone += fmt.Sprintf("[run]\ncores = %v\n", p.Labels[0].Value)
		if p.Labels[2].Value == "same" {
			alone += "[workload]\nthink_ns = 7\n"
		}
		if own := mustLoad(t, alone); string(own.Points[0].Text()) != string(p.Text()) {
			t.Errorf("%s: %s\nalone: %s", p, p.Text(), own.Points[0].Text())
		}
	}
	_, err := load(t, strings.ReplaceAll(axes, "[1, 4]", "[1, 4000]"))
	if err == nil || !strings.Contains(err.Error(), "run.cores: 4000 is more than the machine has") || !strings.Contains(err.Error(), "run.cores=4000 machine.dram_ns=90") {
		t.Errorf("%v", err)
	}
	_, err = load(t, strings.ReplaceAll(axes, "16384", "16000"))
	if err == nil || !strings.Contains(err.Error(), "run.cores=1 machine.dram_ns=90 caches=small") || strings.Count(err.Error(), "error:") != 1 {
		t.Errorf("%v", err)
	}
}

// An axis would put a table in the place of a value that it does not belong to, and with
// it every key that the value was laid over.
func TestAValueIsNotReplacedByTheTableThatAnAxisNeeds(t *testing.T) {
	text := "[run]\nmeasure_ns = 7000\n[sweep]\n\"run.cores\" = [1, 2]\n"
	for _, set := range []string{"run=3", "run=x", "run=[3]"} {
		_, err := load(t, text, func(o *Options) { o.Set = []string{set} })
		if err == nil || !strings.Contains(err.Error(), "--set "+set+": error: run is a table, not ") || !strings.Contains(err.Error(), `the axis "run.cores" sets run.cores`) {
			t.Errorf("--set %s: %v", set, err)
		}
	}
	// What else is wrong is told with it.
	_, err := load(t, "run = 3\n[sweep]\n\"run.cores\" = [1, 2]\n[[exclude]]\n\"run.cores\" = 5\n")
	if err == nil || !strings.Contains(err.Error(), "run is a table") || !strings.Contains(err.Error(), "has no value 5") {
		t.Errorf("%v", err)
	}
}

// An exclude may name values that --set has taken from its axis.
func TestAnExcludeOfAValueThatSetReplacesIsMoot(t *testing.T) {
	text := "[sweep]\n\"run.cores\" = [1, 2, 4]\n\"machine.dram_ns\" = [90, 110]\n[[exclude]]\n\"run.cores\" = [1, 3]\n\"machine.dram_ns\" = 90\n"
	if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), `"run.cores" has no value 3`) {
		t.Errorf("%v", err)
	}
	for set, points := range map[string]int{"run.cores=3": 1, "run.cores=8": 2} {
		e := mustLoad(t, text, func(o *Options) { o.Set = []string{set} })
		if len(e.Points) != points {
			t.Errorf("--set %s: %s", set, pointNames(e))
		}
	}
}

func TestValuesThatAnAxisAlwaysReplacesAreWarnedOf(t *testing.T) {
	e := mustLoad(t, `[run]
cores = 2
seeds = [1]
[sweep]
"run.cores" = [1, 2]
`)
	if len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0].Warning(), `:2:1: warning: run.cores has no effect here: the axis "run.cores" sets it at every point`) {
		t.Errorf("got %v", e.Warnings)
	}
	// A variant that sets a key at some points only leaves the file's value to the others.
	e = mustLoad(t, `run.cores = 2
[[variant]]
axis = "a"
name = "x"
set = { "run.cores" = 1, run = { cores = 1 } }
[[variant]]
axis = "a"
name = "y"
set = { "run.measure_ns" = 20000 }
`)
	if len(e.Warnings) != 0 {
		t.Errorf("got %v", e.Warnings)
	}
	if e := mustLoad(t, "# nothing\n"); len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0].Warning(), "the file says nothing") {
		t.Errorf("of an empty file: %v", e.Warnings)
	}
}
