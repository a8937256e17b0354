package measure

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Everything that this host allows is measured, in about the time given, with
// figures that a machine of this world can have.
func TestAHostIsMeasuredWithinItsBudget(t *testing.T) {
	host, err := Look()
	if err != nil {
		t.Skip(err)
	}
	if len(host.CPUs) > 4 {
		host.CPUs = host.CPUs[:4]
	}
	from := time.Now()
	res, err := Run(t.Context(), host, Options{Budget: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(from); took > time.Minute {
		t.Errorf("half a second of budget took %v", took)
	}
	if res.ClockGHz <= 0 || res.ClockGHz > 20 {
		t.Errorf("clock of %g GHz", res.ClockGHz)
	}
	names := map[string]bool{}
	for _, r := range res.Rows {
		names[r.Workload] = true
		if !(r.Value > 0 && r.Lo <= r.Value && r.Value <= r.Hi) {
			t.Errorf("%s: %g in [%g, %g]", r.Name, r.Value, r.Lo, r.Hi)
		}
	}
	want := []string{"uncontended", "chase", "contend", "vma_pairs", "fault_same_vma"}
	if len(host.CPUs) > 1 {
		want = append(want, "pingpong", "line_state", "fault_private_vma")
	}
	for _, w := range want {
		if !names[w] {
			t.Errorf("no row of %s", w)
		}
	}
}

func TestOneCPUSaysWhatItCannotMeasure(t *testing.T) {
	host, err := Look()
	if err != nil {
		t.Skip(err)
	}
	host.CPUs = host.CPUs[:1]
	res, err := Run(t.Context(), host, Options{Budget: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(res.Missing, "\n"), "takes two threads") {
		t.Errorf("missing: %q", res.Missing)
	}
	for _, r := range res.Rows {
		if strings.Contains(r.Params, "threads = 2") || r.Workload == "pingpong" {
			t.Errorf("%s was measured on one CPU", r.Name)
		}
	}
}

func TestAnInterruptEndsTheMeasurement(t *testing.T) {
	host, err := Look()
	if err != nil {
		t.Skip(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	res, err := Run(ctx, host, Options{Budget: time.Hour, Progress: func(done, _ int, _ string) {
		if done == 0 {
			time.AfterFunc(50*time.Millisecond, stop)
		}
	}})
	if res != nil || err != context.Canceled {
		t.Errorf("got %v, %v", res, err)
	}
}

// A known number of ops under a known clock: what is counted is what was done.
func TestWindowsCountEveryWorker(t *testing.T) {
	host, err := Look()
	if err != nil {
		t.Skip(err)
	}
	cpus := host.CPUs[:min(2, len(host.CPUs))]
	var mu sync.Mutex
	total := 0
	count := func(_ *worker, n int) {
		mu.Lock()
		total += n
		mu.Unlock()
	}
	b := &bench{ctx: t.Context(), cpus: cpus, loops: same(len(cpus), count), batch: 10, windows: 3, length: time.Millisecond}
	all, err := b.run()
	if err != nil || len(all) == 0 || len(all) > 3 {
		t.Fatalf("%d windows, %v", len(all), err)
	}
	sum := 0.0
	for _, w := range all {
		if w.ns < 1e6 || w.ops == 0 {
			t.Errorf("window of %g ns, %g ops", w.ns, w.ops)
		}
		sum += w.ops
	}
	if int(sum) >= total { // the first window warms up and is not among them
		t.Errorf("%g ops counted of %d", sum, total)
	}
}

func TestTheDistanceOfCPUsComesFromSysfs(t *testing.T) {
	root := t.TempDir()
	put := func(cpu, file, text string) {
		path := filepath.Join(root, "sys/devices/system/cpu", cpu, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Two sockets of two L3s of two cores; CPUs 8 to 15 are the second threads.
	h := &Host{}
	for cpu := range 16 {
		name := "cpu" + string(rune('0'+cpu%10))
		if cpu > 9 {
			name = "cpu1" + string(rune('0'+cpu%10))
		}
		core := cpu % 8
		put(name, "topology/thread_siblings_list", strings.Join([]string{itoa(core), itoa(core + 8)}, ","))
		put(name, "topology/physical_package_id", itoa(core/4))
		put(name, "cache/index0/level", "1")
		put(name, "cache/index3/level", "3")
		put(name, "cache/index3/size", "32768K")
		put(name, "cache/index3/shared_cpu_list", itoa(core/2*2)+"-"+itoa(core/2*2+1)+","+itoa(core/2*2+8)+"-"+itoa(core/2*2+9))
		h.CPUs = append(h.CPUs, readCPU(root, cpu))
	}
	for _, c := range []struct {
		a, b int
		want string
	}{{0, 8, "smt"}, {0, 1, "near"}, {0, 9, "near"}, {0, 2, "far"}, {0, 4, "cross_socket"}, {3, 12, "cross_socket"}} {
		if got := distance(h.CPUs[c.a], h.CPUs[c.b]); got != c.want {
			t.Errorf("CPUs %d and %d are %s, not %s", c.a, c.b, got, c.want)
		}
	}
	if n := len(h.pairs("smt")); n != 8 {
		t.Errorf("%d pairs of siblings", n)
	}
	if cores := h.cores(); len(cores) != 8 || spread(cores[:2]) != "near" || spread(cores[:4]) != "far" || spread(cores) != "cross_socket" {
		t.Errorf("cores %v", cores)
	}
	if readLLC(root) != 32<<20 {
		t.Errorf("last cache of %d bytes", readLLC(root))
	}
}

func itoa(n int) string {
	if n > 9 {
		return itoa(n/10) + itoa(n%10)
	}
	return string(rune('0' + n))
}

func TestTheCPUsNameIsFound(t *testing.T) {
	for text, want := range map[string]string{
		"processor : 0\nmodel name\t: Some CPU @ 2.0GHz\n":              "Some CPU @ 2.0GHz",
		"CPU implementer\t: 0x41\nCPU part\t: 0xd0c\nCPU revision: 1\n": "implementer 0x41 part 0xd0c",
		"": "CPU",
	} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "proc"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "proc/cpuinfo"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := readModel(root); !strings.Contains(got, want) {
			t.Errorf("model %q of %q", got, text)
		}
	}
}

func TestDisturbedWindowsAreDroppedUnlessMostAre(t *testing.T) {
	w := func(ops float64, lost bool) window { return window{ns: 1, ops: ops, preempted: lost} }
	kept, note := undisturbed([]window{w(1, false), w(2, true), w(3, false)})
	if got := figures(kept, func(w window) float64 { return w.ops }); !slices.Equal(got, []float64{1, 3}) || note != "" {
		t.Errorf("kept %v, note %q", got, note)
	}
	if kept, note = undisturbed([]window{w(1, true), w(2, true), w(3, false)}); len(kept) != 3 || !strings.Contains(note, "2 of 3") {
		t.Errorf("kept %d, note %q", len(kept), note)
	}
}

func TestQuantilesLieBetweenTheValues(t *testing.T) {
	v := []float64{4, 1, 3, 2, 5}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 1: 5, 0.25: 2, 0.05: 1.2} {
		if got := quantile(v, q); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("quantile %g is %g, not %g", q, got, want)
		}
	}
}

func TestTheChainVisitsEveryLineOnce(t *testing.T) {
	nodes := chain(4096)
	seen := map[*node]bool{}
	for at := &nodes[0]; !seen[at]; at = at.next {
		seen[at] = true
	}
	if len(seen) != 64 {
		t.Errorf("%d of 64 lines", len(seen))
	}
}
