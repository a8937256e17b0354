package machine

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/sim"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// randomConfig draws a machine: topology, core, memory model, protocol and its
// options, delays, jitter, link and home occupancy.
func randomConfig(r *sim.Rand) Config {
	pick := func(xs ...int) int { return xs[r.Intn(len(xs))] }
	coin := func() bool { return r.Intn(2) == 0 }
	c := DefaultConfig()
	c.ISA = []string{"x86-64", "arm64-lse", "arm64-llsc"}[r.Intn(3)]
	c.MemoryModel = []string{"isa", "sc"}[r.Intn(2)]
	c.Core.ClockMHz = pick(1000, 2600, 3857)
	c.Core.Window = pick(1, 1, 2, 8, 64, 224)
	c.Core.FetchWidth = pick(1, 2, 3, 4, 8)
	c.Core.RetireWidth = pick(1, 2, 3, 4, 8)
	c.Core.StoreBuffer = pick(1, 2, 8, 56)
	c.Core.StoreMerge = coin()
	c.Core.StorePrefetch = []string{"address", "drain"}[r.Intn(2)]
	c.Core.StoreRestart = float64(pick(0, 4))
	c.Core.AtomicPre, c.Core.AtomicHold, c.Core.AtomicPost = pick(0, 3, 11), pick(1, 3), pick(0, 6)
	c.Core.AtomicGrace = pick(0, 1, 2)
	c.Core.AtomicPrefetch = coin()
	c.Core.AtomicLoads = []string{"wait", "speculate"}[r.Intn(2)]
	c.Core.ScheduleNS, c.Core.SwitchNS, c.Core.WakeupNS, c.Core.IPINS = float64(pick(0, 40)), float64(pick(0, 20)), float64(pick(0, 60)), float64(pick(0, 30))
	c.Core.SliceNS, c.Core.Preemption = float64(pick(100, 700, 1e6)), []string{"none", "full"}[r.Intn(2)]
	c.Core.MispredictCost, c.Core.SquashCost = pick(0, 10), pick(0, 25)
	c.L1 = cache.Config{Bytes: 64 * pick(2, 4, 16), Ways: pick(1, 2), LatencyCycles: pick(1, 4), Replacement: []string{"lru", "plru"}[r.Intn(2)]}
	c.L2 = cache.Config{Bytes: pick(0, 1) * c.L1.Bytes * 2, Ways: 2, LatencyCycles: 9, Replacement: "lru"}
	c.LLC.Bytes = pick(0, 1) * 4096
	c.MSHRs = pick(1, 2, 4, 16)
	c.Adjacent = coin()
	c.Protocol.Name = []string{"msi", "mesi", "mesi", "mesif", "moesi"}[r.Intn(5)]
	c.Protocol.Options = mesi.DefaultOptions(c.Protocol.Name)
	c.Protocol.PutS = coin()
	c.Protocol.SilentE = coin() && c.Protocol.ExclusiveGrant
	c.Protocol.Upgrade = coin()
	c.Protocol.NonBlockingS = coin() && c.Protocol.Name != "mesif" && c.Protocol.Name != "moesi"
	c.Protocol.ReadDirty = []string{"share", "migrate", "migrate_if_written"}[r.Intn(3)]
	c.Protocol.LockedShare = float64(pick(0, 20))
	c.Protocol.Arbitration = []string{"fifo", "random"}[r.Intn(2)]
	c.Topology.Sockets, c.Topology.L3PerSocket, c.Topology.CoresPerL3 = pick(1, 2), pick(1, 2), pick(2, 4)
	c.Topology.ThreadsPerCore = pick(1, 1, 2)
	c.Topology.L3Local = coin()
	c.Topology.Home = []string{"first", "interleave"}[r.Intn(2)]
	c.Fabric.JitterPercent = pick(0, 10, 30)
	c.Fabric.HomeNS = float64(pick(0, 0, 3))
	c.Fabric.LinkNS = float64(pick(0, 0, 2))
	if r.Intn(4) == 0 {
		c.Fabric.Kind = "mesh"
	}
	if coin() {
		c.Protocol.SharerPointers, c.Protocol.SharerGroup, c.Protocol.Caches = pick(1, 2, 4), pick(1, 2, 3), 8
	}
	if coin() {
		c.Protocol.Recall = true
		c.Directory.Ways = pick(1, 2)
		c.Directory.Entries = c.Directory.Ways * pick(1, 2)
	}
	if _, err := mesi.New(c.Protocol.Name, c.Protocol.Options); err != nil {
		c.Protocol.Options = mesi.DefaultOptions(c.Protocol.Name)
		c.Directory.Entries = 0
	}
	own := *r // further choices, which leave what a seed draws after this alone
	c.Core.Branches = []string{"static", "learned"}[own.Intn(2)]
	if c.ISA == "arm64-lse" && own.Intn(2) == 0 {
		c.Protocol.FarAtomics = true
		c.Core.Atomics = []string{"near", "far"}[own.Intn(2)]
		c.Fabric.FarAtomicNS = []float64{0, 4, 30}[own.Intn(3)]
	}
	if c.Core.StorePrefetch == "drain" && own.Intn(2) == 0 {
		c.Core.StorePrefetch = "retire"
	}
	if c.ISA == "arm64-llsc" { // a try must fit into a time slice, or none succeeds
		c.Core.SliceNS = max(c.Core.SliceNS, 5000)
		c.MSHRs = max(c.MSHRs, 2) // siblings that fight for one can starve each other
	}
	c.Core.ExclusiveTries = []int{1, 5, 32}[own.Intn(3)] // without it, small caches, recalls and siblings can starve a store-conditional
	c.Core.StoreCommit, c.Fabric.ReplayNS = []int{0, 9}[own.Intn(2)], []float64{0, 0, 7}[own.Intn(3)]
	if own.Intn(2) == 0 {
		c.Fabric.Near.Ack, c.Fabric.Far.Ack = 3, 70
	}
	if c.Fabric.ReplayNS > 0 {
		c.Protocol.Arbitration = "fifo"
	}
	c.Core.AtomicForward, c.Core.Sibling = []int{0, 12}[own.Intn(2)], []int{0, 20}[own.Intn(2)]
	return c
}

// randomPrograms writes n threads that fight over a few lines. Thread i alone
// stores growing values to its own words; every thread checks that it never
// sees another's word go back, and adds to shared sums atomically. Now and then
// threads sleep at the end of a round until the one they watch has come as far.
func randomPrograms(r *sim.Rand, n, lines, ops int) (objects, programs []string) {
	for k := range lines {
		objects = append(objects, string(rune('a'+k)))
	}
	objects = append(objects, "bad", "bar")
	sleepy := r.Intn(2) == 0
	for i := range n {
		var b strings.Builder
		fmt.Fprintf(&b, "    reg x y v i t")
		for k := range lines {
			fmt.Fprintf(&b, " s%d", k)
		}
		fmt.Fprintf(&b, "\n    mov v, 0\n    mov i, 3\n")
		for k := range lines {
			fmt.Fprintf(&b, "    mov s%d, 0\n", k)
		}
		fmt.Fprintf(&b, "loop:\n")
		watch := (i + 1) % n // whose words this thread watches
		for j := range ops {
			k := r.Intn(lines)
			o := objects[k]
			marked := r.Intn(3) == 0
			if marked {
				fmt.Fprintf(&b, "    mark begin turn\n")
				if r.Intn(4) == 0 { // a row longer than a small window's ring
					b.WriteString(strings.Repeat("    count lock.wakeups\n", 14+r.Intn(8)))
				}
			}
			switch r.Intn(10) {
			case 0, 1:
				fmt.Fprintf(&b, "    add v, v, 1\n    store.4 [%s+%d], v\n", o, 4+4*i)
			case 2, 3:
				fmt.Fprintf(&b, "    load.4 x, [%s+%d]\n    blt x, s%d, broken unlikely\n    mov s%d, x\n", o, 4+4*watch, k, k)
			case 4:
				fmt.Fprintf(&b, "    rmw.add.4 y, [%s], 1\n", o)
			case 5:
				fmt.Fprintf(&b, "    load.4 x, [%s+%d]\n    bne x, v, own%d unlikely\nown%d:\n", o, 4+4*i, j, j)
			case 6:
				fmt.Fprintf(&b, "    mb\n")
			case 7:
				fmt.Fprintf(&b, "    load.4 t, [%s]\nretry%d:\n    add y, t, 1\n    cas.acq.4 x, [%s], t, y\n    beq x, t, ok%d likely\n    mov t, x\n    jump retry%d\nok%d:\n", o, j, o, j, j, j)
			case 8:
				fmt.Fprintf(&b, "    prefetchw [%s]\n    work %d\n", o, 1+r.Intn(30))
			case 9:
				fmt.Fprintf(&b, "    preempt.off\n    rmw.add.4 y, [%s], 1\n    preempt.on\n", o)
			}
			if marked {
				fmt.Fprintf(&b, "    count lock.wakeups\n    mark end turn\n")
			}
		}
		if sleepy {
			fmt.Fprintf(&b, "    sub t, 4, i\n    store.4 [bar+%d], t\n    sleep.ge.4 x, [bar+%d], t\n", 4*i, 4*watch)
		}
		fmt.Fprintf(&b, "    blt i, 0, broken unlikely\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt\nbroken:\n    store [bad], 1\n    halt\n")
		programs = append(programs, b.String())
	}
	return objects, programs
}

// atomicOps counts the adds that each line's sum must show.
func atomicOps(programs []string, object string) uint64 {
	n := 0
	for _, p := range programs {
		n += 3 * (strings.Count(p, "rmw.add.4 y, ["+object+"]") + strings.Count(p, "cas.acq.4 x, ["+object+"]"))
	}
	return uint64(n)
}

type outcome struct {
	Res   Result
	Bytes [][cache.LineBytes]byte
}

// randomWorld is a random machine with random programs, and what they are to add up to.
func randomWorld(t *testing.T, seed uint64, reference bool, cov *mesi.Coverage) (w *world, sums map[string]uint64) {
	t.Helper()
	r := sim.NewRand(seed, 0, 0)
	cfg := randomConfig(&r)
	n := 1 + r.Intn(cfg.Topology.Threads())
	lines := 1 + r.Intn(5)
	objects, programs := randomPrograms(&r, min(n, 15), lines, 5+r.Intn(30))
	mixed := slices.Clone(programs)
	for i := range mixed {
		if cfg.Protocol.FarAtomics && i%2 == 0 {
			mixed[i] = strings.ReplaceAll(mixed[i], "rmw.add.4 ", "rmw.add.4.far ")
		}
	}
	w = newWorld(t, cfg, objects, mixed...)
	w.setup.Seed, w.setup.Reference, w.setup.Coverage = seed, reference, cov
	w.setup.StuckNS = 1e7
	w.setup.Task = cpu.TaskWords{OnCPU: 8, OnCPUBytes: 4, Flags: 72, FlagBytes: 8, NeedResched: 8}
	w.setup.PerOp = true
	w.setup.ChaosNS = float64([]int{0, 0, 50, 500}[r.Intn(4)])
	if !reference {
		w.setup.Check = Check(seed % 3) // makes no difference
	}
	w.setup.Place = w.setup.Place[:1+r.Intn(len(w.setup.Place))] // several threads a core
	sums = map[string]uint64{}
	for _, o := range objects[:lines] {
		sums[o] = atomicOps(programs, o)
	}
	return w, sums
}

func runRandom(t *testing.T, seed uint64, reference bool, cov *mesi.Coverage) outcome {
	t.Helper()
	w, sums := randomWorld(t, seed, reference, cov)
	m, res := w.run(t)
	if m.value(t, w.addr["bad"], 8) != 0 {
		t.Fatalf("seed %d: a thread saw a word go back\n%+v", seed, w.setup.Config)
	}
	for o, want := range sums {
		if got := m.value(t, w.addr[o], 4); got != want {
			t.Fatalf("seed %d: sum of %s is %d, want %d", seed, o, got, want)
		}
	}
	return outcomeOf(m, res)
}

func outcomeOf(m *Machine, res *Result) outcome {
	res.Checked = Checked{}
	out := outcome{Res: *res}
	for i := range m.lines {
		out.Bytes = append(out.Bytes, m.lines[i].bytes)
	}
	return out
}

func TestRunAheadEqualsReferenceOnRandomMachines(t *testing.T) {
	n := uint64(200)
	if testing.Short() {
		n = 40
	}
	switched := uint64(0)
	for seed := uint64(1); seed <= n; seed++ {
		a := runRandom(t, seed, false, nil)
		if a.Res.Run.Total.CPU.Cycles[stats.Schedule] > 0 {
			switched++
		}
		b := runRandom(t, seed, true, nil)
		if !reflect.DeepEqual(a, b) {
			r := sim.NewRand(seed, 0, 0)
			t.Errorf("seed %d: run-ahead and reference differ\n%+v", seed, randomConfig(&r))
			ra, rb := a.Res.Run.Readings(), b.Res.Run.Readings()
			for k := range ra {
				if ra[k].Value != rb[k].Value {
					t.Errorf("%s: %v and %v", ra[k].Name, ra[k].Value, rb[k].Value)
				}
			}
			t.FailNow()
		}
	}
	if switched < n/4 {
		t.Errorf("tasks slept or took turns in %d runs of %d", switched, n)
	}
}

// The base protocol, tiny caches and strong jitter: random programs with checked
// values must meet every (state, event) pair that the model checker found
// reachable, and no other.
func TestRandomProgramsReachExactlyTheReachablePairs(t *testing.T) {
	want := map[string]bool{}
	src, err := os.ReadFile("testdata/mesi-pairs.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(src), "\n") {
		if state, events, ok := strings.Cut(line, ": "); ok && line[0] != '#' {
			for _, e := range strings.Fields(events) {
				want[state+" "+strings.Replace(e, "/", " ", 1)] = true
			}
		}
	}
	if len(want) != 87 {
		t.Fatalf("the list has %d pairs", len(want))
	}
	var cov mesi.Coverage
	accesses := uint64(0)
	seed := uint64(1)
	for ; seed <= 2000; seed++ {
		r := sim.NewRand(seed, 7, 7)
		cfg := plain()
		cfg.Core.Window = 1 + 7*r.Intn(2)
		cfg.L1 = cache.Config{Bytes: 64 * (1 + r.Intn(2)), Ways: 1, LatencyCycles: 1, Replacement: "lru"}
		cfg.Fabric.JitterPercent = 90
		cfg.Fabric.Near.Request, cfg.Fabric.Near.Completion = float64(1+r.Intn(60)), float64(1+r.Intn(60))
		cfg.Fabric.Near.Snoop, cfg.Fabric.Near.Data = float64(1+r.Intn(60)), float64(1+r.Intn(60))
		n := 2 + r.Intn(3)
		objects, programs := randomPrograms(&r, n, 1+r.Intn(3), 40)
		w := newWorld(t, cfg, objects, programs...)
		w.setup.Seed, w.setup.Coverage, w.setup.StuckNS = seed, &cov, 1e7
		m, res := w.run(t)
		if m.value(t, w.addr["bad"], 8) != 0 {
			t.Fatalf("seed %d: a thread saw a word go back", seed)
		}
		accesses += res.Run.Total.CPU.MemOps
		if seed >= 60 && len(cov.MessagePairs()) >= 87 {
			break
		}
	}
	got := map[string]bool{}
	for _, p := range cov.MessagePairs() {
		got[p.String()] = true
		if !want[p.String()] {
			t.Errorf("reached %q, which the model checker does not", p)
		}
	}
	for p := range want {
		if !got[p] {
			t.Errorf("never reached %q", p)
		}
	}
	t.Logf("%d of 87 pairs after %d seeds, %d accesses", len(got), seed, accesses)
}
