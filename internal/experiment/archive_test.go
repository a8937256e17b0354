package experiment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohsim/cpu"
)

// keys are the keys of an experiment's runs.
func keys(t *testing.T, e *Experiment) (out []string) {
	t.Helper()
	plan, err := e.Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range plan.Runs {
		out = append(out, r.Key)
	}
	return out
}

func TestAKeyFollowsEverythingThatDecidesARunAndNothingElse(t *testing.T) {
	text := "program p\n\trole vma vm_area_struct\n\twork 5\n\thalt\n"
	layout := "name = \"mine\"\nbase = \"linux-6.18\"\n[[struct]]\nname = \"vm_area_struct\"\nfields = [{ name = \"vm_refcnt\", offset = 44 }]\n"
	key := func(config, text, layout string) string {
		dir := write(t, map[string]string{"e.toml": config, "p.uop": text, "l.toml": layout})
		e, err := Load(filepath.Join(dir, "e.toml"), Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		return keys(t, e)[0]
	}
	config := "layout = \"./l.toml\"\n" + program + "seeds = [1]\n"
	want := key(config, text, layout)
	replace := strings.Replace
	for what, same := range map[string]string{
		"another name":           key("name = \"other\"\n"+config, text, layout),
		"another title":          key(config+"[report]\ntitle = \"x\"\n", text, layout),
		"the same, as an axis":   key(replace(config, "cores = 2", "", 1)+"[sweep]\n\"run.cores\" = [2]\n", text, layout),
		"checks":                 key(replace(config, "seeds", "check = \"full\"\nseeds", 1), text, layout),
		"notes of the layout":    key(config, text, replace(layout, "base", "notes = \"n\"\nbase", 1)),
		"further seeds":          key(replace(config, "[1]", "[1, 2]", 1), text, layout),
		"a default spelled out":  key(replace(config, "seeds", "chaos_ns = 0\nseeds", 1), text, layout),
		"a machine spelled out":  key("machine = \"default\"\n"+config, text, layout),
		"once more, elsewhere":   key(config, text, layout),
		"the order of keys":      key(replace(config, "cores = 2\nseeds = [1]", "seeds = [1]\ncores = 2", 1), text, layout),
		"another excluded point": key(replace(config, "cores = 2", "", 1)+"[sweep]\n\"run.cores\" = [2, 3]\n[[exclude]]\n\"run.cores\" = 3\n", text, layout),
	} {
		if same != want {
			t.Errorf("%s makes another key", what)
		}
	}
	for what, other := range map[string]string{
		"a seed":               key(replace(config, "[1]", "[2]", 1), text, layout),
		"a key of the run":     key(replace(config, "cores = 2", "cores = 3", 1), text, layout),
		"a key of the machine": key(config+"[machine.l1]\nlatency_cycles = 5\n", text, layout),
		"the program":          key(config, replace(text, "work 5", "work 6", 1), layout),
		"an offset":            key(config, text, replace(layout, "44", "128", 1)),
	} {
		if other == want {
			t.Errorf("%s makes no other key", what)
		}
	}
	if runKey(1, []byte("{}"), 1) == runKey(2, []byte("{}"), 1) {
		t.Error("the engine makes no other key")
	}
}

// The digests of programs stand for what the shipped locks say, which no key of a
// config does.
func TestAProgramDigestFollowsOpsAndGhosts(t *testing.T) {
	e := loadText(t, small)
	prog := e.points[e.Points[0].Config].programs[0]
	want := programDigest(prog)
	op := slices.IndexFunc(prog.Sites, func(s cpu.Site) bool { return len(s.Ghosts) > 0 })
	if op < 0 {
		t.Fatal("no op has a ghost event")
	}
	changed := *prog
	changed.Ops = slices.Clone(prog.Ops)
	changed.Ops[3].Imm++
	if programDigest(&changed) == want {
		t.Error("another op gives the same digest")
	}
	changed = *prog
	changed.Sites = slices.Clone(prog.Sites)
	changed.Sites[op].Ghosts = nil
	if programDigest(&changed) == want {
		t.Error("another ghost event gives the same digest")
	}
	changed = *prog
	changed.Sites = slices.Clone(prog.Sites)
	changed.Sites[op].Line++
	if programDigest(&changed) != want {
		t.Error("a comment above an op gives another digest")
	}
}

func TestADigestIsOfEveryFieldOfAnOp(t *testing.T) {
	e := loadText(t, small)
	for _, op := range e.points[e.Points[0].Config].programs[0].Ops {
		want, err := binary.Append(nil, binary.LittleEndian, &op)
		if got := appendOp(nil, &op); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%+v: % x, want % x, %v", op, got, want, err)
		}
	}
}

func archive(t *testing.T, e *Experiment, dir string) *Archive {
	t.Helper()
	plan, err := e.Plan()
	if err != nil {
		t.Fatal(err)
	}
	a, err := CreateArchive(dir, plan)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStoredRunsGiveTheBytesOfSimulatedOnes(t *testing.T) {
	dir := t.TempDir()
	want := bytesOf(t, loadText(t, small), Options{})
	e := loadText(t, small)
	if got := bytesOf(t, e, Options{Archive: archive(t, e, dir)}); got != want {
		t.Error("storing changes the bytes")
	}
	a := archive(t, loadText(t, small), dir)
	if todo := e.Todo(Options{Archive: a}); !a.Complete() || len(todo) != 0 {
		t.Fatalf("%d of %d runs are stored, to do are %v", a.Stored(), len(a.Plan.Runs), todo)
	}
	if got := bytesOf(t, e, Options{Archive: a}); got != want {
		t.Error("stored records give other bytes")
	}
	if err := a.Finish(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "records", "*"))
	file, err := os.ReadFile(files[0])
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	lines := strings.SplitAfter(string(file), "\n") // in the order of the plan
	if err := os.WriteFile(files[0], []byte(strings.Join(slices.Delete(lines, 3, 4), "")), 0o644); err != nil {
		t.Fatal(err)
	}
	a = archive(t, e, dir)
	if todo := e.Todo(Options{Archive: a}); !slices.Equal(todo, []int{3}) || len(e.Todo(Options{Archive: a, Detail: true})) != len(a.Plan.Runs) {
		t.Errorf("to do are %v", todo)
	}
	if got := bytesOf(t, e, Options{Archive: a}); got != want || !a.Complete() {
		t.Error("a run that was done again gives other bytes")
	}
}

func TestARecordOfAnotherRunIsDamage(t *testing.T) {
	e, dir := loadText(t, small), t.TempDir()
	a := archive(t, e, dir)
	if _, _, err := e.Run(t.Context(), Options{Archive: a}); err != nil {
		t.Fatal(err)
	}
	// With the checksum that it should have: only the record itself can tell.
	text, err := a.store.Get(a.Plan.Runs[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	for i, wrong := range []string{
		strings.Replace(string(text), `"seed": 1`, `"seed": 7`, 1),
		strings.Replace(string(text), `"seed"`, `"seat"`, 1),
		"{",
		"{}",
	} {
		if err := a.store.Put(a.Plan.Runs[i+1].Key, []byte(wrong)); err != nil {
			t.Fatal(err)
		}
	}
	if a = archive(t, e, dir); len(a.Damaged) != 4 || a.Stored() != len(a.Plan.Runs)-4 {
		t.Errorf("%d damaged: %v", len(a.Damaged), a.Damaged)
	}
}

func TestAPlanReadsBackEqual(t *testing.T) {
	e, dir := loadText(t, small+"[report]\ntitle = \"a <b> & \\\"c\\\"\"\nrows = \"run.cores\"\n"), t.TempDir()
	a := archive(t, e, dir)
	plans, err := Plans(dir)
	if err != nil || len(plans) != 1 || !plans[0].Equal(a.Plan) || plans[0].Reports[0].Title != `a <b> & "c"` {
		t.Fatalf("%v: %+v", err, plans)
	}
	for _, wrong := range []string{"", "{}", `{"schema":"cohsim.sweep/v2"}`, `{"schema":"cohsim.sweep/v1","runs":[{"seed":1}],"name":"other"}`} {
		if err := os.WriteFile(filepath.Join(dir, "test"+PlanSuffix), []byte(wrong), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Plans(dir); err == nil || !strings.Contains(err.Error(), "test"+PlanSuffix+": is ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestAnEstimateGrowsWithTheWork(t *testing.T) {
	e := loadText(t, small, "run.measure_ns=200000")
	all := e.Todo(Options{})
	cpu, wall := e.Estimate(all, 2)
	if less, _ := e.Estimate(nil, 2); less != 0 {
		t.Errorf("no runs take %v", less)
	}
	if wall <= 0 || wall > cpu {
		t.Errorf("%v of CPU time, %v in all", cpu, wall)
	}
	if long, _ := loadText(t, small, "run.measure_ns=20000000").Estimate(all, 2); long < 10*cpu {
		t.Errorf("a hundred times the work takes %v instead of %v", long, cpu)
	}
}

func TestARecordThatCannotBeStoredIsAStoreError(t *testing.T) {
	e, dir := loadText(t, small), t.TempDir()
	a := archive(t, e, dir)
	if err := os.RemoveAll(filepath.Join(dir, "records")); err != nil {
		t.Fatal(err)
	}
	var failed *StoreError
	if doc, _, err := e.Run(t.Context(), Options{Archive: a}); doc != nil || !errors.As(err, &failed) {
		t.Errorf("%v", err)
	}
}
