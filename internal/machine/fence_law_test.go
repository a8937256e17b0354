package machine

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// What ordering costs is what it forbids to overlap. These laws say how much that is.

// spin is a loop of n threads over shared and private words, with an acquire load and
// acquire and release atomics; it is complete after the same number of rounds for any
// order, so that runs can be compared.
func spin(load string) string {
	return fmt.Sprintf("    reg v w i\n    mov i, 60\nloop:\n    load%s v, [a]\n    load w, [b]\n    add v, v, w\n    store [b], v\n    rmw.add _, [a], 1\n    load%s w, [c]\n    store [c], i\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt", load, load)
}

func TestOnTSOAnAcquireLoadIsAPlainLoad(t *testing.T) {
	for _, window := range []int{1, 8, 224} {
		for _, cores := range []int{1, 2, 4} {
			run := func(load string) *Result {
				cfg := x86(window)
				cfg.Fabric.JitterPercent = 30
				w := newWorld(t, cfg, []string{"a", "b", "c"}, slices.Repeat([]string{spin(load)}, cores)...)
				_, res := w.run(t)
				return res
			}
			if plain, acq := run(""), run(".acq"); !reflect.DeepEqual(plain.Run, acq.Run) {
				t.Errorf("window %d, %d cores: plain %d cycles, acquire %d", window, cores, plain.End, acq.End)
			}
		}
	}
}

// span is how long a thread takes for a CAS on a word that another core has, and a
// younger load of a word that is in memory, dram away.
func span(t *testing.T, window int, order string, dram float64) int64 {
	cfg := x86(window)
	cfg.ISA, cfg.DRAMNS = "arm64-lse", dram
	cfg.Fabric.Near.Snoop = 300 // the CAS's way is the longer one
	w := newWorld(t, cfg, []string{"a", "b"},
		"    reg v w\n    work 5000\n    fence.isb\n    cas"+order+" v, [a], b, 1\n    load w, [b]\n    halt",
		"    store [a], 0\n    mb\n    halt")
	_, res := w.run(t)
	return res.End
}

// An acquire CAS against a relaxed one: the younger load starts when the CAS has
// performed, instead of beside it, so it costs the load's latency, and nothing if the
// core does not look beyond the CAS anyhow.
func TestAnAcquireCASCostsTheOverlapItForbids(t *testing.T) {
	const fill = 8 + 12 // request and data
	for _, dram := range []float64{5, 20, 80, 200} {
		if a, r := span(t, 1, ".acq", dram), span(t, 1, "", dram); a != r {
			t.Errorf("window 1, memory %v ns away: acquire %d, relaxed %d", dram, a, r)
		}
		cfg := DefaultConfig()
		cost := span(t, 64, ".acq", dram) - span(t, 64, "", dram)
		want := int64(fill+dram) - int64(cfg.Core.AtomicPost) // the end of the CAS is beside the load either way
		if cost < want-2 || cost > want+2 {
			t.Errorf("memory %v ns away: an acquire costs %d cycles, want %d, the load's latency beyond the CAS's last phase", dram, cost, want)
		}
	}
}

// A dmb ishld costs its own latency if no load is outstanding, and what is left of the
// outstanding load's latency otherwise; a store that is outstanding it does not wait for.
func TestALoadFenceWaitsForOlderLoadsOnly(t *testing.T) {
	end := func(before, fence string, latency int) int64 {
		cfg := x86(64)
		cfg.ISA, cfg.Core.FenceLoad = "arm64-lse", latency
		w := newWorld(t, cfg, []string{"a", "b"},
			"    reg v w\n    load w, [b]\n    work 5000\n    fence.isb\n"+before+fence+"    load w, [b]\n    add w, w, 1\n    fence.isb\n    halt",
			"    reg v\n    work 1000\n    fence.isb\n    load v, [a]\n    halt")
		_, res := w.run(t)
		return res.End
	}
	for _, latency := range []int{1, 9, 30} {
		for name, before := range map[string]string{"nothing": "", "a store": "    store [a], 1\n"} {
			if got := end(before, "    rmb\n", latency) - end(before, "", latency); got != int64(latency) && !(name == "a store" && got == 0) {
				t.Errorf("%s outstanding: a load fence of %d cycles costs %d", name, latency, got)
			}
		}
		cfg := x86(64)
		miss := int64(cfg.Fabric.Near.Request + cfg.Fabric.Near.Snoop + cfg.Fabric.Near.Data)
		if got := end("    load v, [a]\n", "    rmb\n", latency) - end("    load v, [a]\n", "", latency); got < int64(latency) || got > miss+int64(latency) {
			t.Errorf("a load outstanding for %d cycles: a load fence of %d cycles costs %d", miss, latency, got)
		}
	}
}
