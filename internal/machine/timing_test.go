package machine

import (
	"fmt"
	"strings"
	"testing"

	"cohsim/internal/stats"
)

// cycles is how long a single thread takes for body, whose lines have been
// brought into its cache (writable), after a pause that lets everything settle.
func cycles(t *testing.T, cfg Config, regs, body string) int64 {
	t.Helper()
	run := func(b string) int64 {
		w := newWorld(t, cfg, []string{"a", "b", "c", "d"}, fmt.Sprintf(`
    reg t %s
    store [a], 0
    store [b], 0
    store [c], 0
    store [d], 0
    mb
    work 2000
    fence.lfence
%s
    fence.lfence
    add t, a, b
    add t, t, c
    add t, t, d
    halt`, regs, b))
		_, res := w.run(t)
		return res.End
	}
	return run(body) - run("")
}

func x86(window int) Config {
	c := plain()
	c.Core.Window = window
	return c
}

func repeat(n int, line string) string { return strings.Repeat(line+"\n", n) }

func TestEachL1HitOfAChainTakesTheL1Latency(t *testing.T) {
	for _, w := range []int{1, 8, 224} {
		for _, n := range []int{1, 5, 20} {
			// The word holds 0: adding it to the address keeps the chain dependent.
			got := cycles(t, x86(w), "p v", "    mov p, a\n"+repeat(n, "    load v, [p]\n    add p, p, v"))
			want := int64(n * (4 + 1))
			if got < want || got > want+2 {
				t.Errorf("window %d: %d dependent loads and adds take %d cycles, want %d to %d", w, n, got, want, want+2)
			}
		}
	}
}

func TestIndependentHitsOverlapInAWindowAndNotWithoutOne(t *testing.T) {
	body := repeat(16, "    load v, [a]")
	if got := cycles(t, x86(1), "v", body); got != 16*4 {
		t.Errorf("16 hits in order take %d cycles, want 64", got)
	}
	if got := cycles(t, x86(64), "v", body); got > 10 {
		t.Errorf("16 independent hits in a window of 64 take %d cycles", got)
	}
}

func TestALockedOpTakesItsThreePhases(t *testing.T) {
	for _, w := range []int{1, 64} {
		cfg := x86(w)
		cfg.Core.AtomicPre, cfg.Core.AtomicHold, cfg.Core.AtomicPost = 11, 3, 6
		one := cycles(t, cfg, "", repeat(10, "    rmw.add _, [a], 1"))
		two := cycles(t, cfg, "", repeat(11, "    rmw.add _, [a], 1"))
		if two-one != 20 {
			t.Errorf("window %d: one more locked op takes %d cycles, want 20", w, two-one)
		}
	}
}

func TestAFenceWithNothingOutstandingCostsItsLatencyOnly(t *testing.T) {
	cfg := x86(64)
	for _, n := range []int{7, 30, 80} {
		cfg.Core.FenceFull = n
		a, b := cycles(t, cfg, "", repeat(2, "    fence.full")), cycles(t, cfg, "", repeat(3, "    fence.full"))
		if b-a != int64(n) {
			t.Errorf("a full fence of %d cycles takes %d", n, b-a)
		}
	}
	arm := cfg
	arm.ISA, arm.Core.FenceLoad = "arm64-lse", 9
	// The frame of cycles() uses x86 fences: here, in a frame of its own.
	end := func(n int) int64 {
		w := newWorld(t, arm, []string{"a"}, "    work 100\n    fence.isb\n"+repeat(n, "    rmb")+"    fence.isb\n    prefetch [a]\n    halt")
		_, res := w.run(t)
		return res.End
	}
	if d := end(3) - end(2); d != 9 {
		t.Errorf("dmb ishld with no load outstanding takes %d cycles, want 9", d)
	}
}

func TestALoadTakesItsValueFromAnOlderStoreOfItsCore(t *testing.T) {
	cfg := x86(64)
	for _, lat := range []int{1, 5, 9} {
		cfg.Core.ForwardCycles = lat
		// store x; load x; store what was loaded; …: a chain through memory.
		chain := func(n int) int64 {
			return cycles(t, cfg, "v", "    mov v, 0\n"+repeat(n, "    store [a], v\n    load v, [a]"))
		}
		if d := chain(9) - chain(8); d != int64(lat) {
			t.Errorf("one more store and load of the same word takes %d cycles, want %d", d, lat)
		}
	}
}

func TestAMispredictedBranchCostsItsPenalty(t *testing.T) {
	cfg := x86(64)
	cfg.Core.MispredictCost = 17
	wrong := "    add x, x, 1\n    bne x, 0, over%d unlikely\nover%d:\n"
	right := "    add x, x, 1\n    bne x, 0, over%d likely\nover%d:\n"
	build := func(f string, n int) string {
		s := "    mov x, 0\n"
		for i := range n {
			s += fmt.Sprintf(f, i, i)
		}
		return s
	}
	each := cycles(t, cfg, "x", build(wrong, 8)) - cycles(t, cfg, "x", build(wrong, 7))
	good := cycles(t, cfg, "x", build(right, 8)) - cycles(t, cfg, "x", build(right, 7))
	// Resolved one cycle after its operand (itself a cycle), then the penalty.
	if each != 1+1+17 || good > 1 {
		t.Errorf("a mispredicted branch costs %d cycles (want 19), a predicted one %d (want at most 1)", each, good)
	}
}

// twoCores runs a reader against a line that another core has made dirty, and
// returns the cycles that the reader waited for it.
func remoteLoad(t *testing.T, cfg Config, place1 int) (wait uint64, cause stats.Cause, res *Result) {
	t.Helper()
	w := newWorld(t, cfg, []string{"a"},
		"    store [a], 7\n    halt",
		"    reg v\n    work 5000\n    fence.lfence\n    load v, [a]\n    halt")
	w.setup.Place[1] = place1
	_, res = w.run(t)
	for _, c := range []stats.Cause{stats.Near, stats.Far, stats.Remote} {
		if n := res.Cores[1].CPU.Cycles[c]; n > 0 {
			return n, c, res
		}
	}
	t.Fatalf("the load was charged to no other core: %v", res.Cores[1].CPU.Cycles)
	return
}

func TestALoadOfADirtyLineTakesRequestSnoopAndData(t *testing.T) {
	cfg := x86(1)
	cfg.Topology.L3PerSocket, cfg.Topology.CoresPerL3, cfg.Topology.Sockets = 2, 4, 2
	cfg.Fabric.Near.Request, cfg.Fabric.Near.Snoop, cfg.Fabric.Near.Data = 11, 5, 13
	cfg.Fabric.Far.Request, cfg.Fabric.Far.Snoop, cfg.Fabric.Far.Data = 41, 31, 53
	cfg.Fabric.Remote.Request, cfg.Fabric.Remote.Snoop, cfg.Fabric.Remote.Data = 101, 71, 89
	cfg.Topology.L3Local = true
	for _, c := range []struct {
		place int
		want  uint64
		cause stats.Cause
	}{
		// The line lies behind the reader's own L3: all legs are near.
		{1, 11 + 5 + 13, stats.Near},
		// Behind another L3: over the socket's memory side.
		{4, 41 + 31 + 53, stats.Far},
		// Another socket: its request is remote, the snoop is within the home's.
		{8, 101 + 31 + 89, stats.Remote},
	} {
		got, cause, _ := remoteLoad(t, cfg, c.place)
		if got != c.want || cause != c.cause {
			t.Errorf("placed on %d: %d cycles charged to %s, want %d to %s", c.place, got, cause, c.want, c.cause)
		}
	}
}

func TestAnUpgradeInvalidatesEverySharer(t *testing.T) {
	for _, n := range []int{2, 3, 7} {
		cfg := x86(1)
		progs := []string{"    reg v\n    load v, [a]\n    work 9000\n    fence.lfence\n    store [a], 1\n    mb\n    halt"}
		for i := 1; i < n; i++ {
			progs = append(progs, fmt.Sprintf("    reg v\n    work %d\n    fence.lfence\n    load v, [a]\n    halt", 1000*i))
		}
		w := newWorld(t, cfg, []string{"a"}, progs...)
		_, res := w.run(t)
		c := res.Run.Total.Coh
		if c.Inv != uint64(n-1) || c.Upgrade != 1 {
			t.Errorf("%d sharers: %d upgrades, %d invalidations", n, c.Upgrade, c.Inv)
		}
	}
}

func TestMissesToDifferentLinesOverlapAsFarAsMSHRsAllow(t *testing.T) {
	span := func(window, mshrs int) int64 {
		cfg := x86(window)
		cfg.MSHRs = mshrs
		cfg.Core.SquashCost = 0
		w := newWorld(t, cfg, []string{"a", "b", "c", "d"}, "    reg v w x y\n    load v, [a]\n    load w, [b]\n    load x, [c]\n    load y, [d]\n    halt")
		_, res := w.run(t)
		return res.End
	}
	one, in, out := span(64, 4), span(1, 4), span(64, 1)
	if in < 3*one || out < 3*one {
		t.Errorf("four misses take %d cycles with a window and 4 MSHRs, %d in order, %d with one MSHR", one, in, out)
	}
}

func TestAWaitThatNobodyEndsIsADeadlockThatNamesItsWord(t *testing.T) {
	w := newWorld(t, x86(8), []string{"a"}, "    reg v\n    wait.ne v, [a], 0\n    halt")
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Simulate()
	a, ok := err.(*Aborted)
	if !ok || !strings.Contains(a.Why, "deadlock") || !strings.Contains(a.Dump, "sleeps on its word") || !strings.Contains(a.Dump, "(a)") {
		t.Fatalf("%v\n%+v", err, a)
	}
}

func TestALoopWithoutProgressIsALivelock(t *testing.T) {
	w := newWorld(t, x86(8), []string{"a"}, "    reg v\nspin:\n    load v, [a]\n    beq v, 0, spin\n    halt")
	w.setup.StuckNS = 1e6
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Simulate()
	if a, ok := err.(*Aborted); !ok || !strings.Contains(a.Why, "livelock") {
		t.Fatalf("%v", err)
	}
}

// Nothing tells a span that is too short for an operation from one in which none ever
// ends: the error says for how long one has been under way, and dumps no machine.
func TestASpanInWhichNothingIsCompletedIsTooShort(t *testing.T) {
	for mark, want := range map[string]string{"": "mark no operation", "    mark begin op\n": "under way for 50"} {
		w := newWorld(t, x86(8), []string{"a"}, "    reg v\n"+mark+"spin:\n    load v, [a]\n    beq v, 0, spin\n    halt")
		w.setup.WarmupNS, w.setup.MeasureNS = 100, 5000
		m, err := New(w.setup)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Simulate()
		if a, ok := err.(*Aborted); !ok || a.Dump != "" || !strings.Contains(a.Why, "too short") || !strings.Contains(a.Why, want) || strings.Contains(a.Why, "livelock:") {
			t.Errorf("%v", err)
		}
	}
}

func TestARunLengthCountsEachAtomicOpOnce(t *testing.T) {
	loop := "    reg i\n    mov i, 300\nloop:\n    rmw.add _, [a], 1\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt"
	for _, window := range []int{1, 64} {
		w := newWorld(t, x86(window), []string{"a"}, loop, loop)
		_, res := w.run(t)
		c, ops := res.Run.Total.Coh, res.Run.Total.CPU.MemOps
		// Only the first ownership, before the line is contended, and the last,
		// which nobody ends, are not counted.
		if c.OwnedOps > ops || c.OwnedOps < ops/2 || c.Ownerships < 10 {
			t.Errorf("window %d: %d atomic ops, %d of them in %d ownerships that ended", window, ops, c.OwnedOps, c.Ownerships)
		}
	}
}

func TestABadAccessIsTheProgramsFaultAndNamesTheOp(t *testing.T) {
	for _, window := range []int{1, 64} {
		for _, c := range []struct{ body, want string }{
			{"    load v, [a+1]", "which is no multiple of 8"},
			{"    store.4 [a+2], 1", "which is no multiple of 4"},
			{"    rmw.add.4 v, [a+3], 1", "which is no multiple of 4"},
			{"    load v, [v]", "where no object is"},
			{"    store [v], 1", "where no object is"},
			{"    rmw.swap v, [v], 1", "where no object is"},
		} {
			w := newWorld(t, x86(window), []string{"a"}, "    reg v\n    mov v, 0x70000000\n    load v, [a]\n    mov v, 0x70000000\n"+c.body+"\n    halt")
			m, err := New(w.setup)
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.Simulate()
			a, ok := err.(*Aborted)
			if !ok || !strings.Contains(a.Why, c.want) || !strings.Contains(a.Why, "thread 0 (p0 line") {
				t.Errorf("window %d, %q: %v", window, c.body, err)
			}
		}
	}
	// On a wrong path neither is an error.
	w := newWorld(t, x86(64), []string{"a"}, "    reg v x\n    load v, [a]\n    beq v, 0, over unlikely\n    mov x, 0x70000001\n    load x, [x]\n    store [x], 1\nover:\n    halt")
	w.run(t)
}
