package measure

import (
	"context"
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
