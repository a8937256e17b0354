package machine

import (
	"testing"

	"cohsim/internal/stats"
)

// small is a machine of two L3s of two cores, whose caches hold one line each.
func small() Config {
	c := plain()
	c.Topology.L3Local, c.Topology.L3PerSocket, c.Topology.CoresPerL3 = true, 2, 2
	c.L1.Bytes, c.L1.Ways = 64, 1
	return c
}

// A line that fell out of a core's caches comes from the slice of its own L3, by
// the near legs, as long as no other L3's core asked for it.
func TestALineThatNobodyHasComesFromTheL3ThatServedItLast(t *testing.T) {
	cfg := small()
	f := &cfg.Fabric
	near := int64(f.Near.Request + cfg.LLC.HitNS + f.Near.Data)
	for _, c := range []struct {
		what string
		llc  int // bytes
		hits uint64
		wait int64 // of the second load of a, charged to the LLC
	}{
		{"a slice that has room", 1 << 20, 1, near},
		{"a slice of one line", 64, 0, 0},
		{"no slice", 0, 0, 0},
	} {
		cfg.LLC.Bytes, cfg.LLC.Ways = c.llc, 1
		_, res := newWorld(t, cfg, []string{"a", "b"}, `
    reg x
    load x, [a]
    load x, [b]
    load x, [a]
    halt`).run(t)
		got := &res.Cores[0]
		if got.Cache.LLCHits != c.hits || int64(got.CPU.Cycles[stats.LLC]) != c.wait {
			t.Errorf("%s: %d hits that took %d cycles, want %d that take %d", c.what, got.Cache.LLCHits, got.CPU.Cycles[stats.LLC], c.hits, c.wait)
		}
	}
}

// Behind another L3 the same line comes from the memory side, and is that L3's then.
func TestALineGoesToTheL3ThatAsksForIt(t *testing.T) {
	cfg := small()
	w := newWorld(t, cfg, []string{"a", "b", "c"}, `
    reg x
    load x, [a]
    load x, [b]
    work 2000
    load x, [a]
    halt`, `
    reg x
    work 1000
    load x, [a]
    load x, [c]
    load x, [a]
    halt`)
	w.setup.Place = []int{0, 2}
	_, res := w.run(t)
	first, second := &res.Cores[0], &res.Cores[1]
	if first.Cache.LLCHits != 0 {
		t.Errorf("the first L3 still has a line that another took: %d hits", first.Cache.LLCHits)
	}
	f := &cfg.Fabric
	if got, want := int64(second.CPU.Cycles[stats.LLC]), int64(f.Far.Request+f.Far.Data+f.Near.Request+f.Near.Data+2*cfg.LLC.HitNS); got != want {
		t.Errorf("behind the other L3 the line takes %d cycles, want %d: once from the memory side, once from the L3", got, want)
	}
}

// What an owner needs to look into its caches is paid by lines that come from
// cores, not by those of the LLC or of memory.
func TestAnOwnersLookIsPaidByLinesThatComeFromCores(t *testing.T) {
	run := func(owner float64) [3]int64 {
		cfg := small()
		cfg.Fabric.OwnerNS = owner
		w := newWorld(t, cfg, []string{"a", "b", "c"}, `
    reg x
    load x, [b]
    load x, [c]
    load x, [b]
    store [a], x
    halt`, `
    reg x
    work 1000
    load x, [a]
    halt`)
		_, res := w.run(t)
		return [3]int64{int64(res.Cores[0].CPU.Cycles[stats.LLC]), int64(res.Cores[0].CPU.Cycles[stats.DRAM]), int64(res.Cores[1].CPU.Cycles[stats.Near])}
	}
	without, with := run(0), run(7)
	without[2] += 7
	if with != without {
		t.Errorf("cycles of the LLC, memory and a near owner %v, want %v", with, without)
	}
}
