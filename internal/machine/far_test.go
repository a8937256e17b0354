package machine

import (
	"fmt"
	"slices"
	"testing"

	"cohsim/internal/check"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// lse is a machine with far atomics, round figures and no jitter, at 1 GHz.
func lse(window int, atomics string) Config {
	c := plain()
	c.ISA, c.Core.Window, c.Core.Atomics, c.Protocol.FarAtomics = "arm64-lse", window, atomics, true
	c.Fabric.FarAtomicNS = 7
	return c
}

func TestAFarAtomicTakesTheWayToTheHomeItsUnitAndTheWayBack(t *testing.T) {
	for _, window := range []int{1, 64} {
		cfg := lse(window, "near")
		w := newWorld(t, cfg, []string{"a", "b"}, "    reg v\n    rmw.add.far v, [a], 5\n    rmw.add.far v, [a], 5\n    store [b], v\n    halt")
		w.setup.Init = []Word{{w.addr["a"], 8, 100}}
		m, res := w.run(t)
		legs := cfg.Fabric.Near.Request + cfg.Fabric.Near.Data + cfg.Fabric.FarAtomicNS
		// The home reads memory once. The cycle in which the first retires is the
		// second's first.
		want := uint64(2*legs + cfg.DRAMNS + cfg.LLC.HitNS - 1)
		if got := res.Cores[0].CPU.Cycles[stats.AtHome]; got != want {
			t.Errorf("window %d: two far atomics hold the core for %d cycles, want %d", window, got, want)
		}
		if got := m.value(t, w.addr["a"], 8); got != 110 {
			t.Errorf("window %d: the word holds %d, want 110", window, got)
		}
		if got := m.value(t, w.addr["b"], 8); got != 105 {
			t.Errorf("window %d: the second atomic returned %d, want 105", window, got)
		}
		if c := res.Run.Total.Coh; c.Far != 2 || c.GetM != 1 {
			t.Errorf("window %d: %d atomics at the home, %d requests for the line", window, c.Far, c.GetM)
		}
	}
}

func TestAFarAtomicLeavesTheLineToNobody(t *testing.T) {
	for _, name := range mesi.Names() {
		for _, held := range []string{"store [a], 7", "load v, [a]", "work 1"} { // M, E or S, I
			for who := range 2 { // the requester itself has the copy, or the other core
				cfg := lse(1, "near")
				cfg.Protocol.Name, cfg.Protocol.Options = name, mesi.DefaultOptions(name)
				cfg.Protocol.FarAtomics = true
				progs := []string{"    reg v\n    " + held + "\n    halt", "    reg v\n    work 1000\n    halt"}
				progs[who] = progs[who][:len(progs[who])-8] + "    work 2000\n    rmw.add.far v, [a], 1\n    halt"
				w := newWorld(t, cfg, []string{"a"}, progs...)
				w.setup.Init, w.setup.Check = []Word{{w.addr["a"], 8, 7}}, CheckFull
				m, _ := w.run(t)
				for i := range m.units {
					if m.units[i].Find(w.addr["a"].Line()) >= 0 {
						t.Errorf("%s, after %q by core 0 and an atomic of core %d: core %d has a copy", name, held, who, i)
					}
				}
				if l := m.line(w.addr["a"].Line()); l.State != mesi.HI || peek(&l.bytes, uint64(w.addr["a"]), 8) != 8 {
					t.Errorf("%s, after %q: home in %s with %d", name, held, l.State, peek(&l.bytes, uint64(w.addr["a"]), 8))
				}
			}
		}
	}
}

func TestCoreAtomicsFarMeansDotFarOnEveryAtomicOp(t *testing.T) {
	run := func(atomics, suffix string) *Result {
		body := fmt.Sprintf("    reg v i\n    mov i, 20\nloop:\n    rmw.add%s v, [a], 1\n    cas%s v, [b], v, i\n    rmw.swap%s _, [a+8], i\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt", suffix, suffix, suffix)
		w := newWorld(t, lse(64, atomics), []string{"a", "b"}, body, body)
		_, res := w.run(t)
		return res
	}
	key, suffix, near := run("far", ""), run("near", ".far"), run("near", "")
	if key.Run != suffix.Run {
		t.Errorf("core.atomics = far: %+v\n.far: %+v", key.Run.Total.Coh, suffix.Run.Total.Coh)
	}
	if key.Run.Total.Coh.Far != 120 || near.Run.Total.Coh.Far != 0 {
		t.Errorf("%d and %d atomics at the home, want 120 and 0", key.Run.Total.Coh.Far, near.Run.Total.Coh.Far)
	}
}

// The order of a far atomic is that of the table: an acquire holds back a younger
// load until the answer is there, a plain one does not.
func TestAFarAtomicOrdersLikeANearOne(t *testing.T) {
	span := func(window int, order string) int64 {
		w := newWorld(t, lse(window, "far"), []string{"a", "b"}, "    reg v w\n    rmw.add"+order+" v, [a], 1\n    load w, [b]\n    halt")
		_, res := w.run(t)
		return res.End
	}
	if a, r := span(64, ".acq"), span(64, ""); a < r+80 {
		t.Errorf("acquire %d cycles, relaxed %d: the younger load's %d were not held back", a, r, 80)
	}
	if a, r := span(1, ".acq"), span(1, ""); a != r {
		t.Errorf("window 1: acquire %d cycles, relaxed %d", a, r)
	}
}

func TestFarAtomicsOfOneLineFollowEachOtherAtTheHomesPace(t *testing.T) {
	const cores, each = 8, 50
	for _, unit := range []float64{1, 7, 40} {
		cfg := lse(64, "far")
		cfg.Fabric.FarAtomicNS = unit
		body := fmt.Sprintf("    reg i\n    mov i, %d\nloop:\n    rmw.add _, [a], 1\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt", each)
		w := newWorld(t, cfg, []string{"a"}, slices.Repeat([]string{body}, cores)...)
		m, res := w.run(t)
		if got := m.value(t, w.addr["a"], 8); got != cores*each {
			t.Fatalf("the sum is %d, want %d", got, cores*each)
		}
		pace := int64(max(unit+cfg.LLC.HitNS, (cfg.Fabric.Near.Request+cfg.Fabric.Near.Data+unit+cfg.LLC.HitNS+2)/cores))
		if lo, hi := pace*cores*each, pace*cores*each+300; res.End < lo || res.End > hi {
			t.Errorf("unit %v ns: %d atomics take %d cycles, want %d to %d", unit, cores*each, res.End, lo, hi)
		}
	}
}

// With l3_local the L3 of the first to ask performs atomic ops on a line that nobody
// has, until a core behind another L3 asks: from then on the line's home does, until
// the line has been cached.
func TestFarAtomicsAreDoneAtOneL3UntilAnotherAsks(t *testing.T) {
	cfg := lse(1, "far")
	cfg.Topology.L3Local, cfg.Topology.L3PerSocket, cfg.Topology.CoresPerL3 = true, 2, 2
	cfg.DRAMNS, cfg.LLC.HitNS, cfg.Fabric.FarAtomicNS = 0, 0, 5
	// Its first cycle is the one in which the work before it retires.
	near := uint64(cfg.Fabric.Near.Request + cfg.Fabric.Near.Data + 5 - 1)
	away := uint64(cfg.Fabric.Far.Request + cfg.Fabric.Far.Data + 5 - 1)
	for _, c := range []struct {
		first, second string // core 0's and core 2's op, before core 1's atomic
		want          uint64
	}{
		{"work 1", "work 1", near},
		{"rmw.add v, [a], 1", "work 1", near},
		{"rmw.add v, [a], 1", "rmw.add v, [a], 1", away},
		{"rmw.add v, [a], 1", "load v, [a]", 0}, // cached behind the other L3: the home takes it back
	} {
		w := newWorld(t, cfg, []string{"a"}, "    reg v\n    work 1000\n    "+c.first+"\n    halt",
			"    reg v\n    work 3000\n    rmw.add v, [a], 1\n    halt", "    reg v\n    work 2000\n    "+c.second+"\n    halt")
		m, res := w.run(t)
		got := res.Cores[1].CPU.Cycles[stats.AtHome]
		if c.want > 0 && got != c.want || c.want == 0 && got <= away {
			t.Errorf("after %q behind its own L3 and %q behind another, an atomic takes %d cycles, want %d", c.first, c.second, got, c.want)
		}
		if m.line(w.addr["a"].Line()).State != mesi.HI {
			t.Error("a cache has the line")
		}
	}
}

// farOrNear runs n cores that add to one word, and returns operations per µs.
func farOrNear(t *testing.T, atomics string, n int) float64 {
	cfg := lse(64, atomics)
	cfg.Core.ClockMHz, cfg.Fabric.JitterPercent, cfg.Fabric.FarAtomicNS = 2500, 30, 4
	w := newWorld(t, cfg, []string{"a"}, slices.Repeat([]string{"again:\n    mark begin add\n    rmw.add _, [a], 1\n    mark end add\n    jump again"}, n)...)
	w.setup.WarmupNS, w.setup.MeasureNS = 2000, 20000
	_, res := w.run(t)
	return float64(res.Run.Total.Ops.Latency.Count()) / 20
}

func TestFarAtomicsWinBeyondACoreCountThatTheRunFinds(t *testing.T) {
	crossing := 0
	for n := 1; n <= 16; n++ {
		near, far := farOrNear(t, "near", n), farOrNear(t, "far", n)
		t.Logf("%2d cores: %6.1f near, %6.1f far operations per µs", n, near, far)
		switch {
		case far > near && crossing == 0:
			crossing = n
		case far <= near && crossing > 0:
			t.Errorf("far atomics win with %d cores and lose with %d", crossing, n)
		}
	}
	if crossing < 2 {
		t.Errorf("far atomics win from %d cores on: alone, a core should do better with the line in its cache", crossing)
	}
}

// With the rows of far atomics, random accesses of all kinds meet every pair that the
// model checker reaches, and no other.
func TestRandomAccessesWithFarAtomicsReachExactlyTheReachablePairs(t *testing.T) {
	for _, name := range mesi.Names() {
		t.Run(name, func(t *testing.T) {
			o := mesi.DefaultOptions(name)
			o.FarAtomics = true
			p, err := mesi.New(name, o)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			s, err := check.NewProtocol(p, check.ProtocolConfig{Caches: 3, Symmetry: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := check.Explore(s, check.Options{NoLiveness: true}); err != nil {
				t.Fatal(err)
			}
			for _, p := range s.Coverage().MessagePairs() {
				want[p.String()] = true
			}
			var cov mesi.Coverage
			var missing []string
			seed := uint64(1)
			for ; seed <= 3000; seed++ {
				tr := draw(seed, name, o, 2+int(seed%5), 3000)
				tr.cfg.Protocol.ReadDirty = "share"
				tr.cfg.Fabric.Near.ReadDirty, tr.cfg.Fabric.Far.ReadDirty, tr.cfg.Fabric.Remote.ReadDirty = "share", "share", "share"
				tr.mustRun(t, &cov)
				got := map[string]bool{}
				for _, p := range cov.MessagePairs() {
					if got[p.String()] = true; !want[p.String()] {
						t.Fatalf("seed %d reaches %q, which the model checker does not", seed, p)
					}
				}
				missing = missing[:0]
				for p := range want {
					if !got[p] {
						missing = append(missing, p)
					}
				}
				if len(missing) == 0 {
					break
				}
			}
			slices.Sort(missing)
			t.Logf("%d of %d pairs after %d trials", len(want)-len(missing), len(want), seed)
			if len(missing) > 0 {
				t.Errorf("never reached: %q", missing)
			}
		})
	}
}
