package stats

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fixed are the names that other programs read; removing one breaks them.
const fixed = `sim.cycles sim.time_ns sim.memops ops.count ops.per_second
op.cycles.mean op.cycles.p50 op.cycles.p99 cpu.cycles.total
cpu.cycles.issue cpu.cycles.alu cpu.cycles.l1 cpu.cycles.l2 cpu.cycles.llc cpu.cycles.dram
cpu.cycles.near cpu.cycles.far cpu.cycles.remote cpu.cycles.upgrade
cpu.cycles.storebuf cpu.cycles.drain cpu.cycles.fence cpu.cycles.ordering cpu.cycles.atomic
cpu.cycles.squash cpu.cycles.pause cpu.cycles.sleep cpu.cycles.idle cpu.cycles.inflight
cpu.squashes cpu.wrong_path_loads cpu.mispredicts cpu.retired
l1.hits l1.misses l2.hits l2.misses llc.hits llc.misses
miss.cold miss.capacity miss.upgrade miss.true_sharing miss.false_sharing
coh.gets coh.getm coh.upgrade coh.inv coh.fwd coh.writeback coh.hitm coh.hitm_local coh.hitm_remote
lock.read.success lock.read.abort lock.read.retry lock.read.miss lock.cas.failures
lock.write.waits lock.wakeups lock.wakeups.spurious line.run_length.mean`

func TestFixedMetricNamesAreListed(t *testing.T) {
	for _, name := range strings.Fields(fixed) {
		if _, ok := Find(name); !ok {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestEveryMetricIsNamedOnceAndDefined(t *testing.T) {
	seen := map[string]bool{}
	shape := regexp.MustCompile(`^[a-z0-9]+(\.[a-z0-9_]+)+$`)
	for _, m := range append(Metrics(), Inputs()...) {
		if seen[m.Name] || !shape.MatchString(m.Name) {
			t.Errorf("%q is listed twice or is not dotted lower case", m.Name)
		}
		seen[m.Name] = true
		if m.Unit == "" || m.Doc == "" || m.Formula == "" || !slices.Contains(Layers(), m.Layer) {
			t.Errorf("%s is not defined: %+v", m.Name, m)
		}
	}
}

func TestEachCounterReachesItsOwnMetric(t *testing.T) {
	var r Run
	w := words(&r)
	for _, e := range registry {
		if e.from != nil {
			continue
		}
		clear(w)
		w[e.word] = 7
		for _, got := range r.Readings() {
			if got.Name == e.Name && got.Value != Int(7) {
				t.Errorf("%s reads %s after its counter became 7", got.Name, got.Value)
			}
			if m, _ := Find(got.Name); got.Name != e.Name && m.Formula == "counted" && got.Value != Int(0) {
				t.Errorf("%s changes %s", e.Name, got.Name)
			}
		}
	}
	r = Run{}
	r.Total.CPU.Cycles[Upgrade] = 3
	r.Total.Lock.Spurious = 5
	if v := read(t, &r, "cpu.cycles.upgrade"); v != Int(3) {
		t.Errorf("cpu.cycles.upgrade = %s", v)
	}
	if v := read(t, &r, "lock.wakeups.spurious"); v != Int(5) {
		t.Errorf("lock.wakeups.spurious = %s", v)
	}
}

func TestDerivedMetricsFollowTheirFormulas(t *testing.T) {
	var r Run
	r.Window = Window{Cycles: 740000, TimePS: 200_000_000} // 200 µs at 3.7 GHz
	for d := range uint64(100) {
		r.Total.Ops.Latency.Record(d + 1)
	}
	r.Total.Coh.HitMLocal, r.Total.Coh.HitMRemote = 3, 4
	r.Total.Coh.OwnedOps, r.Total.Coh.Ownerships = 10, 4
	for name, want := range map[string]string{
		"sim.time_ns": "200000", "ops.count": "100", "ops.per_second": "500000",
		"op.cycles.mean": "50.5", "op.cycles.p50": "50", "op.cycles.p99": "99",
		"coh.hitm": "7", "line.run_length.mean": "2.5", "sim.cycles": "740000",
	} {
		if v := read(t, &r, name); v.String() != want {
			t.Errorf("%s = %s, want %s", name, v, want)
		}
	}
}

func TestQuotientsOfNothingAreMissingAndCountsAreZero(t *testing.T) {
	var r Run
	for _, name := range []string{"ops.per_second", "op.cycles.mean", "op.cycles.p99", "line.run_length.mean"} {
		if v := read(t, &r, name); !v.IsMissing() {
			t.Errorf("%s = %s with no operations", name, v)
		}
	}
	if v := read(t, &r, "coh.getm"); v != Int(0) {
		t.Errorf("coh.getm = %s", v)
	}
}

func TestMetricsOfAbsentHardwareAreMissing(t *testing.T) {
	r := Run{Window: Window{Cycles: 1, TimePS: 1}}
	for _, m := range r.Readings("l2.") {
		if strings.HasPrefix(m.Name, "l2.") && !m.Value.IsMissing() {
			t.Errorf("%s = %s without an L2", m.Name, m.Value)
		}
		if strings.HasPrefix(m.Name, "l1.") && m.Value != Int(0) {
			t.Errorf("%s = %s with an idle L1", m.Name, m.Value)
		}
	}
}

func TestSnapshotsSubtractToWhatHappenedBetween(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var before, during, after, diff Counters
	for i, w := range words(&before) {
		_ = w
		words(&before)[i], words(&during)[i] = rng.Uint64()>>1, rng.Uint64()>>1
	}
	after = before
	Add(&after, &during)
	if Sub(&diff, &after, &before); diff != during {
		t.Error("after - before is not what happened during")
	}
	if Sub(&after, &after, &before); after != during {
		t.Error("the destination may be an operand")
	}
}

func TestCounterStructsHoldOnlyWords(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a struct with a bool is taken for counters")
		}
	}()
	mustBeWords(reflect.TypeFor[struct {
		N    uint64
		Flag bool
	}]())
}

func TestCausesAreNamedAndDescribed(t *testing.T) {
	for c := range NumCauses {
		if c.String() == "" || c.Doc() == "" {
			t.Errorf("cause %d lacks a name or a line", c)
		}
	}
	var cpu CPU
	cpu.Cycles[Sleep], cpu.Cycles[Issue], cpu.Total = 4, 5, 10
	if cpu.Unaccounted() != 1 {
		t.Errorf("unaccounted = %d, want 1", cpu.Unaccounted())
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	a, b, h := new(Counters), new(Counters), new(Histogram)
	if n := testing.AllocsPerRun(100, func() {
		h.Record(12345)
		Add(a, b)
		Sub(a, a, b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEveryFieldOfRunIsTagged(t *testing.T) {
	n := 0
	for _, e := range registry {
		if e.from == nil {
			n++
		}
	}
	// The histogram's buckets are the only words without a name.
	if want := int(reflect.TypeFor[Run]().Size()/8) - numBuckets; n != want {
		t.Errorf("%d counters are listed, the struct has %d", n, want)
	}
}

func read(t *testing.T, r *Run, name string) Value {
	t.Helper()
	for _, m := range r.Readings() {
		if m.Name == name {
			return m.Value
		}
	}
	t.Fatalf("no reading of %s", name)
	return Missing
}

func TestADistanceIsTheSumOfItsParts(t *testing.T) {
	var r Run
	for i, c := range []Cause{Near, NearTrue, NearFalse, Far, FarTrue, FarFalse, Remote, RemoteTrue, RemoteFalse} {
		r.Total.CPU.Cycles[c] = 1 << i
	}
	for name, want := range map[string]uint64{
		"cpu.cycles.near": 7, "cpu.cycles.far": 7 << 3, "cpu.cycles.remote": 7 << 6,
		"cpu.cycles.near.new": 1, "cpu.cycles.far.true": 1 << 4, "cpu.cycles.remote.false": 1 << 8,
	} {
		if v := read(t, &r, name); v != Int(want) {
			t.Errorf("%s = %s, want %d", name, v, want)
		}
	}
	for _, c := range []Cause{Near, Far, Remote} {
		if c.Sharing(true).String() != strings.Replace(c.String(), "new", "true", 1) || c.Sharing(false).String() != strings.Replace(c.String(), "new", "false", 1) {
			t.Errorf("the parts of %s are %s and %s", c, c.Sharing(true), c.Sharing(false))
		}
	}
	if DRAM.Sharing(true) != DRAM {
		t.Error("dram has parts")
	}
	// One word after "cpu.cycles." is a cause: these sum to the total.
	var sum uint64
	for _, m := range r.Readings() {
		if name, ok := strings.CutPrefix(m.Name, "cpu.cycles."); ok && name != "total" && !strings.Contains(name, ".") {
			n, _ := strconv.ParseUint(m.Value.String(), 10, 64)
			sum += n
		}
	}
	if sum != r.Total.CPU.Cycles.Sum() {
		t.Errorf("the causes sum to %d, not %d", sum, r.Total.CPU.Cycles.Sum())
	}
}
