package machine

import (
	"fmt"
	"slices"
	"testing"

	"cohsim/cache"
	"cohsim/internal/stats"
)

// llsc is a machine whose atomic ops are loops of load-linked and store-conditional.
func llsc(window int) Config {
	c := x86(window)
	c.ISA = "arm64-llsc"
	return c
}

// A store-conditional succeeds exactly if nobody snooped the line since the
// load-linked: not even to read it, which leaves a readable copy.
func TestAnySnoopBetweenLoadLinkedAndStoreConditionalMakesItFail(t *testing.T) {
	for _, c := range []struct {
		other string
		want  uint64 // what the store-conditional returns
	}{{"work 1", 0}, {"load v, [a]", 1}, {"store [a+8], 1", 1}, {"prefetchw [a]", 1}, {"load v, [b]", 0}} {
		cfg := llsc(1)
		cfg.Core.ExclusiveHold = 0
		w := newWorld(t, cfg, []string{"a", "b", "r"},
			"    reg v s\n    store [a], 5\n    work 3000\n    ll v, [a]\n    work 3000\n    sc s, [a], v\n    store [r], s\n    halt",
			"    reg v\n    work 4500\n    "+c.other+"\n    halt")
		m, _ := w.run(t)
		if got := m.value(t, w.addr["r"], 8); got != c.want {
			t.Errorf("%q by another core in between: the store-conditional returns %d, want %d", c.other, got, c.want)
		}
	}
}

// The prefetch for write that stands before the loop brings the line writable, so that
// the load-linked hits and the store-conditional need not ask again.
func TestThePrefetchBeforeAnExclusiveLoopSavesTheUpgrade(t *testing.T) {
	for _, c := range []struct {
		body          string
		getS, upgrade uint64
	}{
		{"    rmw.add v, [a], 1\n", 0, 0},
		{"again:\n    ll v, [a]\n    add v, v, 1\n    sc s, [a], v\n    bne s, 0, again\n", 1, 1},
	} {
		w := newWorld(t, llsc(1), []string{"a"}, "    store [a], 5\n    halt", "    reg v s\n    work 3000\n"+c.body+"    halt")
		_, res := w.run(t)
		if got := res.Cores[1].Coh; got.GetS != c.getS || got.Upgrade != c.upgrade {
			t.Errorf("%q: %d reads and %d upgrades, want %d and %d", c.body, got.GetS, got.Upgrade, c.getS, c.upgrade)
		}
	}
}

// Retries are bounded: since a core may hold an owned line for as long as a loop takes,
// no round in which each core tries once passes without a success.
func TestAHeldLineBoundsTheRetriesOfAnExclusiveLoop(t *testing.T) {
	const each = 100
	for _, cores := range []int{2, 4, 8, 16} {
		w := newWorld(t, llsc(64), []string{"a"}, slices.Repeat([]string{fmt.Sprintf("    reg i\n    mov i, %d\nloop:\n    rmw.add _, [a], 1\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt", each)}, cores)...)
		m, res := w.run(t)
		if got := m.value(t, w.addr["a"], 8); got != uint64(cores*each) {
			t.Fatalf("%d cores: the sum is %d, want %d", cores, got, cores*each)
		}
		// Each try is two accesses.
		tries := float64(res.Run.Total.CPU.MemOps) / 2 / float64(cores*each)
		t.Logf("%2d cores: %.2f tries per success", cores, tries)
		if tries > float64(cores) {
			t.Errorf("%d cores: %.1f tries per success", cores, tries)
		}
	}
}

// A load-linked that nobody follows up does not keep others from the line.
func TestALoadLinkedThatSpinsDoesNotHoldTheLine(t *testing.T) {
	w := newWorld(t, llsc(1), []string{"a"},
		"    reg v\n    store [a], 0\nspin:\n    ll v, [a]\n    beq v, 0, spin likely\n    halt",
		"    work 3000\n    store [a], 1\n    mb\n    halt")
	_, res := w.run(t)
	if res.End > 3000+400 {
		t.Errorf("the store is seen at cycle %d", res.End)
	}
}

func TestAStoreConditionalTakesItsOwnLatency(t *testing.T) {
	end := func(latency int) int64 {
		cfg := llsc(1)
		cfg.Core.StoreExclusive = latency
		w := newWorld(t, cfg, []string{"a"}, "    reg v s\n    ll v, [a]\n    sc s, [a], v\n    ll v, [a]\n    sc s, [a], v\n    halt")
		_, res := w.run(t)
		return res.End
	}
	if got := end(13) - end(1); got != 2*12 {
		t.Errorf("two store-conditionals, each 12 cycles slower, take %d cycles more", got)
	}
}

// A spin hint keeps its length in ns, whatever the clock; a wait on a word takes no
// access until the line is lost.
func TestAPauseIsMeasuredInNanosecondsAndAWaitMakesNoAccess(t *testing.T) {
	for _, mhz := range []int{1000, 2600, 4000} {
		cfg := x86(64)
		cfg.Core.ClockMHz, cfg.Core.PauseNS = mhz, 43
		if got, want := cycles(t, cfg, "", repeat(3, "    pause"))-cycles(t, cfg, "", repeat(2, "    pause")), cfg.Core.Cycles(43); got != want {
			t.Errorf("%d MHz: a pause of 43 ns takes %d cycles, want %d", mhz, got, want)
		}
	}
	w := newWorld(t, x86(1), []string{"a"}, "    reg v\n    wait.ne v, [a], 0\n    halt", "    work 20000\n    fence.lfence\n    store [a], 1\n    mb\n    halt")
	_, res := w.run(t)
	if c := res.Cores[0]; c.Cache.L1Hits+c.Cache.L1Misses > 2 || c.CPU.Cycles[stats.Pause] < 19000 {
		t.Errorf("a wait of 20000 cycles looked %d times and was charged %d cycles of pause", c.Cache.L1Hits+c.Cache.L1Misses, c.CPU.Cycles[stats.Pause])
	}
}

func TestAPrefetchForWriteSavesTheStoreItsMiss(t *testing.T) {
	end := func(prefetch string) int64 {
		cfg := x86(1)
		w := newWorld(t, cfg, []string{"a"}, "    store [a], 1\n    halt", "    work 3000\n"+prefetch+"    work 500\n    fence.full\n    store [a], 2\n    fence.full\n    halt")
		_, res := w.run(t)
		return res.End
	}
	cfg := x86(1)
	miss := int64(cfg.Fabric.Near.Request + cfg.Fabric.Near.Snoop + cfg.Fabric.Near.Data)
	if saved := end("    work 1\n") - end("    prefetchw [a]\n"); saved < miss-2 {
		t.Errorf("a prefetch for write ahead of a store saves %d cycles of %d", saved, miss)
	}
}

// Without upgrades a store-conditional gives the core's own copy up to ask for the line,
// and in a small cache a younger load takes the line's way: either way no try succeeds.
// A core that has failed often enough takes the line for writing with the load-linked and
// keeps it, so that tries are bounded.
func TestExclusiveTriesBoundTheFailuresOfAnExclusiveLoop(t *testing.T) {
	const each, tries = 20, 4
	lacks := llsc(64)
	lacks.Protocol.Upgrade = false
	small := llsc(64)
	small.L1 = cache.Config{Bytes: 64, Ways: 1, LatencyCycles: 4, Replacement: "lru"}
	small.L2.Bytes = 0
	for _, c := range []struct {
		name string
		cfg  Config
	}{{"no upgrades", lacks}, {"one way", small}} {
		for _, cores := range []int{1, 2, 8} {
			program := fmt.Sprintf("    reg i v s x\n    mov i, %d\nloop:\n    ll v, [a]\n    add v, v, 1\n    sc s, [a], v\n    bne s, 0, loop unlikely\n    load x, [b]\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt", each)
			w := newWorld(t, c.cfg, []string{"a", "b"}, slices.Repeat([]string{program}, cores)...)
			w.setup.Config.Core.ExclusiveTries = tries
			m, res := w.run(t)
			if got := m.value(t, w.addr["a"], 8); got != uint64(cores*each) {
				t.Errorf("%s, %d cores: the sum is %d, want %d", c.name, cores, got, cores*each)
			}
			for i := range res.Cores {
				// Twice for each try, and once for the load.
				if n := (res.Cores[i].CPU.MemOps - each) / 2; n > each*(tries+5) {
					t.Errorf("%s, %d cores: core %d needed %d tries for %d", c.name, cores, i, n, each)
				}
			}
			if cores == 1 && c.name == "no upgrades" {
				continue // nobody else has the line, so it comes writable
			}
			w = newWorld(t, c.cfg, []string{"a", "b"}, slices.Repeat([]string{program}, cores)...)
			w.setup.Config.Core.ExclusiveTries = 0
			w.setup.LimitCycles = 10 * res.End
			if _, err := Simulate(w.setup); err == nil {
				t.Errorf("%s, %d cores: they get by without", c.name, cores)
			}
		}
	}
}

// A line that a load-linked keeps from evictions is free again when its time is over, also
// if no store-conditional follows and the core waits for the way.
func TestALineKeptForAStoreConditionalIsGivenUpInTime(t *testing.T) {
	cfg := llsc(64)
	cfg.L1 = cache.Config{Bytes: 64, Ways: 1, LatencyCycles: 4, Replacement: "lru"}
	cfg.L2.Bytes = 0
	cfg.Core.ExclusiveTries = 2
	w := newWorld(t, cfg, []string{"a", "b"}, "    reg v s x\n    mov v, 1\n    sc s, [a], v\n    sc s, [a], v\n    ll v, [a]\n    load x, [b]\n    store [b], s\n    halt")
	m, _ := w.run(t)
	if m.value(t, w.addr["a"], 8) != 0 || m.value(t, w.addr["b"], 8) != 1 {
		t.Error("a store-conditional without a load-linked stored")
	}
}
