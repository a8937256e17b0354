package machine

import (
	"fmt"
	"testing"

	"cohsim/internal/sim"
)

// observe runs a two-thread test on the shipped default machine many times,
// with different seeds, placements and amounts of work before each thread's
// first access, and counts the runs in which weak says that the outcome (the
// words r0 and r1) is the weak one.
func observe(t *testing.T, isa, model string, weak [2]uint64, programs ...string) int {
	t.Helper()
	seen := 0
	for seed := uint64(1); seed <= 100; seed++ {
		r := sim.NewRand(seed, 0, 3)
		cfg := DefaultConfig()
		if cfg.Core.Window < 64 || cfg.Core.StoreBuffer < 32 || cfg.Topology.L3PerSocket < 2 {
			t.Fatal("the shipped default machine is a toy")
		}
		cfg.ISA, cfg.MemoryModel = isa, model
		cfg.Protocol.FarAtomics = isa == "arm64-lse"
		var texts []string
		for _, p := range programs {
			// The lines start out in either core's cache or in neither's.
			warm := ""
			for _, o := range []string{"x", "y"} {
				if r.Intn(2) == 0 {
					warm += fmt.Sprintf("    load t, [%s]\n", o)
				}
			}
			texts = append(texts, fmt.Sprintf("    reg t a b\n%s    beq t, 77, over\nover:\n    work %d\n    fence.full\n%s    halt\n", warm, 600+r.Intn(200), p))
			if warm == "" {
				texts[len(texts)-1] = fmt.Sprintf("    reg a b\n    work %d\n    fence.full\n%s    halt\n", 600+r.Intn(200), p)
			}
		}
		w := newWorld(t, cfg, []string{"x", "y", "r0", "r1"}, texts...)
		w.setup.Seed = seed
		if r.Intn(2) == 0 {
			w.setup.Place[1] = cfg.Topology.CoresPerL3 // across L3s
		}
		m, _ := w.run(t)
		if m.value(t, w.addr["r0"], 8) == weak[0] && m.value(t, w.addr["r1"], 8) == weak[1] {
			seen++
		}
	}
	return seen
}

const (
	sb0 = "    store [x], 1\n    load a, [y]\n    store [r0], a\n"
	sb1 = "    store [y], 1\n    load a, [x]\n    store [r1], a\n"
	mp0 = "    store [x], 1\n    store [y], 1\n"
	mp1 = "    load a, [y]\n    load b, [x]\n    store [r0], a\n    store [r1], b\n"
)

func TestStoreBufferingIsSeenUnderTSOAndArmAndNeverUnderSC(t *testing.T) {
	for _, c := range []struct {
		isa, model string
		want       bool
	}{{"x86-64", "tso", true}, {"arm64-lse", "armv8", true}, {"x86-64", "sc", false}, {"arm64-lse", "sc", false}} {
		n := observe(t, c.isa, c.model, [2]uint64{0, 0}, sb0, sb1)
		t.Logf("%s %s: %d of 100", c.isa, c.model, n)
		if (n > 0) != c.want {
			t.Errorf("%s on %s: both loads read 0 in %d of 100 runs", c.model, c.isa, n)
		}
	}
}

func TestMessagePassingIsReorderedUnderArmAndNeverUnderTSOOrSC(t *testing.T) {
	for _, c := range []struct {
		isa, model string
		want       bool
	}{{"arm64-lse", "armv8", true}, {"x86-64", "tso", false}, {"arm64-lse", "tso", false}, {"x86-64", "sc", false}} {
		n := observe(t, c.isa, c.model, [2]uint64{1, 0}, mp0, mp1)
		t.Logf("%s %s: %d of 100", c.isa, c.model, n)
		if (n > 0) != c.want {
			t.Errorf("%s on %s: the flag without the data in %d of 100 runs", c.model, c.isa, n)
		}
	}
}

func TestFencesAndAcquireReleaseForbidTheWeakOutcomes(t *testing.T) {
	for _, c := range []struct {
		name, isa, model string
		weak             [2]uint64
		p0, p1           string
	}{
		{"SB+mb+mb", "x86-64", "tso", [2]uint64{0, 0},
			"    store [x], 1\n    mb\n    load a, [y]\n    store [r0], a\n", "    store [y], 1\n    mb\n    load a, [x]\n    store [r1], a\n"},
		{"SB+fence+fence", "x86-64", "tso", [2]uint64{0, 0},
			"    store [x], 1\n    fence.full\n    load a, [y]\n    store [r0], a\n", "    store [y], 1\n    fence.full\n    load a, [x]\n    store [r1], a\n"},
		{"SB+mb+mb", "arm64-lse", "armv8", [2]uint64{0, 0},
			"    store [x], 1\n    mb\n    load a, [y]\n    store [r0], a\n", "    store [y], 1\n    mb\n    load a, [x]\n    store [r1], a\n"},
		{"MP+rel+acq", "arm64-lse", "armv8", [2]uint64{1, 0},
			"    store [x], 1\n    store.rel [y], 1\n", "    load.acq a, [y]\n    load b, [x]\n    store [r0], a\n    store [r1], b\n"},
		{"MP+wmb+rmb", "arm64-lse", "armv8", [2]uint64{1, 0},
			"    store [x], 1\n    wmb\n    store [y], 1\n", "    load a, [y]\n    rmb\n    load b, [x]\n    store [r0], a\n    store [r1], b\n"},
		{"MP+swpl.far+ldadda.far", "arm64-lse", "armv8", [2]uint64{1, 0},
			"    store [x], 1\n    rmw.swap.rel.far _, [y], 1\n", "    rmw.add.acq.far a, [y], 0\n    load b, [x]\n    store [r0], a\n    store [r1], b\n"},
		{"SB+swpal.far+swpal.far", "arm64-lse", "armv8", [2]uint64{0, 0},
			"    rmw.swap.acqrel.far b, [x], 1\n    load a, [y]\n    store [r0], a\n", "    rmw.swap.acqrel.far b, [y], 1\n    load a, [x]\n    store [r1], a\n"},
		{"SB+stlr+ldar", "arm64-lse", "armv8", [2]uint64{0, 0},
			"    store.rel [x], 1\n    load.acq a, [y]\n    store [r0], a\n", "    store.rel [y], 1\n    load.acq a, [x]\n    store [r1], a\n"},
	} {
		if n := observe(t, c.isa, c.model, c.weak, c.p0, c.p1); n > 0 {
			t.Errorf("%s under %s: the weak outcome in %d of 100 runs", c.name, c.model, n)
		}
	}
}
