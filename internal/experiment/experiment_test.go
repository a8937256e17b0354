package experiment

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/stats"
)

const small = `
[workload]
kind = "fault_mixed"
think_ns = 50
fault_work_ns = 50
write_hold_ns = 100
write_percent = 20
[run]
warmup_ns = 1000
measure_ns = 5000
seeds = [1, 2]
[sweep]
"run.cores" = [1, 3]
"lock.kind" = ["mmap_lock", "vm_refcnt"]
`

func loadText(t *testing.T, text string, set ...string) *Experiment {
	t.Helper()
	e, err := LoadText("test.toml", []byte(text), Overrides{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// bytesOf runs an experiment and writes its document.
func bytesOf(t *testing.T, e *Experiment, opt Options) string {
	t.Helper()
	doc, _, err := e.Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.WriteJSON(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBytesDoNotDependOnJobsOrEngine(t *testing.T) {
	one := bytesOf(t, loadText(t, small), Options{Jobs: 1})
	if bytesOf(t, loadText(t, small), Options{Jobs: 8}) != one {
		t.Error("8 jobs give other bytes than 1")
	}
	if bytesOf(t, loadText(t, small, "run.engine=reference"), Options{}) != one {
		t.Error("the reference engine gives other bytes than run-ahead")
	}
	if bytesOf(t, loadText(t, small, "run.seeds=[1,3]"), Options{}) == one {
		t.Error("the seed has no effect")
	}
}

func TestRecordsAreInTheOrderOfPointsThenSeeds(t *testing.T) {
	doc, details, err := loadText(t, small).Run(t.Context(), Options{Detail: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, r := range doc.Records {
		cores, _ := r.Axis("run.cores")
		lock, _ := r.Axis("lock.kind")
		got = append(got, cores.String()+" "+lock.String())
		if want := uint64(i%2 + 1); r.Seed != want || details[i].Seed != int(want) {
			t.Errorf("record %d has seed %d, its detail %d", i, r.Seed, details[i].Seed)
		}
	}
	want := []string{"1 mmap_lock", "1 mmap_lock", "1 vm_refcnt", "1 vm_refcnt", "3 mmap_lock", "3 mmap_lock", "3 vm_refcnt", "3 vm_refcnt"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestCyclesOfOpsAndOfCausesSumToTheTotal(t *testing.T) {
	doc, details, err := loadText(t, small).Run(t.Context(), Options{Detail: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range details {
		var sum uint64
		for _, p := range d.Programs {
			sum += p.Between.Sum()
			for op := range p.Ops {
				sum += p.Ops[op].Sum()
			}
		}
		total, _ := doc.Records[i].Get("cpu.cycles.total")
		if total.Value != stats.Int(sum) || sum != d.Cycles || sum == 0 {
			t.Errorf("%s: ops have %d cycles, the cores %s", d.Point, sum, total.Value)
		}
	}
}

func TestMetricsOfAbsentCachesAreMissing(t *testing.T) {
	doc, _, err := loadText(t, small, "machine.l2.bytes=0", "machine.llc.bytes=0", "run.cores=1").Run(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range doc.Records[0].Metrics {
		absent := strings.HasPrefix(m.Name, "l2.") || strings.HasPrefix(m.Name, "llc.")
		if absent && !m.Value.IsMissing() {
			t.Errorf("%s = %s on a machine that has no such cache", m.Name, m.Value)
		}
	}
}

func TestLayoutsReachThePrograms(t *testing.T) {
	own := loadText(t, small, "run.cores=1", "lock.kind=vm_refcnt")
	beside := loadText(t, small, "run.cores=1", "lock.kind=vm_refcnt", "layout=seq-beside-refcnt")
	offset := func(e *Experiment) int {
		f, _ := e.points[e.Points[0].Config].layout.Struct("vm_area_struct").Field("vm_refcnt")
		return f.Offset
	}
	if offset(own) != 128 || offset(beside) != 44 {
		t.Errorf("vm_refcnt is at %d and %d", offset(own), offset(beside))
	}
	if own.Hash() == beside.Hash() {
		t.Error("the layout is not in the hash")
	}
}

// write puts files into a directory of their own and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const program = `
[workload]
kind = "program"
file = "p.uop"
[run]
cores = 2
`

func TestAProgramIsFoundBesideItsConfigAndHashedByItsText(t *testing.T) {
	hash := func(text string) string {
		dir := write(t, map[string]string{"e.toml": program, "p.uop": text})
		e, err := Load(filepath.Join(dir, "e.toml"), Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		if doc := bytesOf(t, e, Options{}); strings.Contains(doc, dir) {
			t.Error("the document names a directory of this host")
		}
		return e.Hash()
	}
	a, b := "program p\n\thalt\n", "program p\n\twork 3\n\thalt\n"
	first := hash(a)
	if again := hash(a); again != first { // in another directory
		t.Error("the hash depends on where the program lies")
	}
	if hash(b) == first {
		t.Error("the hash does not depend on the program")
	}
}

func TestMistakesInProgramsAreFoundBeforeAnythingRuns(t *testing.T) {
	dir := write(t, map[string]string{"e.toml": program, "p.uop": "program p\n\tjmp there\n\tjump here\n"})
	_, err := Load(filepath.Join(dir, "e.toml"), Overrides{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`p.uop:2:2: error: unknown instruction "jmp"`, "e.toml:4:8: error: workload.file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestAFailedRunNamesItsPointAndSeed(t *testing.T) {
	text := "program p\n\tin word\n\treg v\n\tmark begin nap\n\tsleep.eq v, [word], 1\n\tmark end nap\n\thalt\n"
	dir := write(t, map[string]string{"e.toml": program + "seeds = [7]\n[sweep]\n\"run.placement\" = [\"\"]\n", "p.uop": text})
	e, err := Load(filepath.Join(dir, "e.toml"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = e.Run(t.Context(), Options{})
	var failed *RunError
	var aborted *machine.Aborted
	if !errors.As(err, &failed) || !errors.As(err, &aborted) || failed.Seed != 7 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "seed 7: deadlock") || !strings.Contains(aborted.Dump, "(word)") {
		t.Errorf("%v\n%s", err, aborted.Dump)
	}
}

func TestALockIsJudged(t *testing.T) {
	// A reader that lets go of what it never took.
	text := "program p\n\trole vma vm_area_struct\n\treg old\n\trmw.add.rel.4 old, [vma.vm_refcnt], -1  ghost ref_put vma\n\thalt\n"
	dir := write(t, map[string]string{"e.toml": program, "p.uop": text})
	e, err := Load(filepath.Join(dir, "e.toml"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = e.Run(t.Context(), Options{})
	var aborted *machine.Aborted
	if !errors.As(err, &aborted) || !strings.Contains(err.Error(), "lock violation") {
		t.Errorf("got %v", err)
	}
}

func TestSelect(t *testing.T) {
	for _, c := range []struct {
		choice string
		points int
		err    string
	}{
		{"", 4, ""},
		{"run.cores=1", 2, ""},
		{"cores=1", 2, ""},
		{"cores=1,3", 4, ""},
		{"cores=1 kind=mmap_lock", 1, ""},
		{"cores=2", 0, `the axis "run.cores" has no value "2"; it has 1, 3`},
		{"core=1", 0, `the sweep has no axis "core"; it has run.cores, lock.kind`},
		{"cores", 0, `"cores" is not AXIS=VALUE`},
	} {
		e := loadText(t, small)
		err := e.Select(strings.Fields(c.choice))
		switch {
		case c.err == "" && (err != nil || len(e.Points) != c.points):
			t.Errorf("%q: %v, %d points", c.choice, err, len(e.Points))
		case c.err != "" && (err == nil || err.Error() != c.err):
			t.Errorf("%q: %v", c.choice, err)
		}
	}
}

func TestCancellationIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if doc, _, err := loadText(t, small).Run(ctx, Options{}); !errors.Is(err, context.Canceled) || doc != nil {
		t.Errorf("%v, %v", doc, err)
	}
}

func TestThePointsOfASweepAreWrittenAsTheirTrees(t *testing.T) {
	for _, name := range []string{"contention.toml", "false-sharing.toml", "sockets.toml"} {
		e, err := LoadShipped(name, Overrides{Set: []string{"machine.dram_ns=0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range e.Points {
			p := &e.Points[i]
			if tree, err := p.Config.Tree().MarshalJSON(); err != nil || string(tree) != string(p.Text()) {
				t.Fatalf("%s: %v\n%s\nis written\n%s", p, err, tree, p.Text())
			}
		}
	}
}
