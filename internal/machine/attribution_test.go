package machine

import (
	"fmt"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/stats"
)

func TestWaitsForALineAreChargedByDistanceAndSharing(t *testing.T) {
	for _, c := range []struct {
		name    string
		place   []int
		causes  [3]stats.Cause // new, true, false
		sockets int
	}{
		{"near", []int{0, 1}, [3]stats.Cause{stats.Near, stats.NearTrue, stats.NearFalse}, 1},
		{"far", []int{0, 40}, [3]stats.Cause{stats.Far, stats.FarTrue, stats.FarFalse}, 1},
		{"remote", []int{0, 70}, [3]stats.Cause{stats.Remote, stats.RemoteTrue, stats.RemoteFalse}, 2},
	} {
		for k, offset := range []int{0, 8} { // one word, two words of one line
			cfg := DefaultConfig()
			cfg.Topology.Sockets = c.sockets
			loop := "    reg i\n    mov i, 0\nloop:\n    rmw.add _, [a%s], 1\n    work 300\n    add i, i, 1\n    blt i, 50, loop\n    halt"
			w := newWorld(t, cfg, []string{"a"}, fmt.Sprintf(loop, ""), fmt.Sprintf(loop, fmt.Sprintf("+%d", offset)))
			w.setup.Place = c.place
			_, res := w.run(t)
			cycles := &res.Run.Total.CPU.Cycles
			shared, other := cycles[c.causes[1+k]], cycles[c.causes[2-k]]
			if shared < 1000 || other != 0 {
				t.Errorf("%s, offset %d: %d cycles of %s, %d of %s", c.name, offset, shared, c.causes[1+k], other, c.causes[2-k])
			}
			if n := cycles[c.causes[0]]; n == 0 || n > shared/5 {
				t.Errorf("%s, offset %d: %d cycles of %s", c.name, offset, n, c.causes[0])
			}
		}
	}
}

func TestEveryCycleOfOrderingIsBlamedOnOneOp(t *testing.T) {
	blamed := map[string]uint64{}
	for seed := uint64(1); seed <= 60; seed++ {
		res := runRandom(t, seed, false, nil).Res
		var total stats.CauseCycles
		for _, p := range res.Programs {
			plus(&total, &p.Between, 1)
			for op := range p.Ops {
				plus(&total, &p.Ops[op], 1)
				var stall uint64
				for _, h := range p.Holdups {
					if int(h.Op) == op {
						stall += h.Stall
						if h.Stall > 0 && h.By >= 0 {
							blamed[fmt.Sprint(p.Program.Ops[h.By].Code)] += h.Stall
						}
					}
				}
				if want := p.Ops[op][stats.Ordering] + p.Ops[op][stats.Drain]; stall != want {
					t.Errorf("seed %d: op %d was held up for %d cycles, of which %d are blamed", seed, op, want, stall)
				}
			}
		}
		if total != res.Run.Total.CPU.Cycles {
			t.Errorf("seed %d: ops and what is between them were charged %v, cores %v", seed, total, res.Run.Total.CPU.Cycles)
		}
	}
	if blamed[fmt.Sprint(cpu.Store)] == 0 {
		t.Errorf("no store held anything up: %v", blamed)
	}
}

func TestAnOpThatWaitsNamesTheOpThatMadeItWait(t *testing.T) {
	for _, c := range []struct {
		order string
		held  bool
	}{{"", false}, {".acq", true}} {
		cfg := DefaultConfig()
		cfg.ISA = "arm64-lse"
		w := newWorld(t, cfg, []string{"a", "b"}, "    reg x y\n    load"+c.order+" x, [a]\n    load y, [b]\n    halt")
		w.setup.PerOp = true
		_, res := w.run(t)
		p := &res.Programs[0]
		var held uint64
		for _, h := range p.Holdups {
			if h.Op == 1 && h.By == 0 {
				held += h.Held
			}
		}
		// The second load could have run beside the first, and misses when it may.
		miss := p.Ops[0].Sum() - p.Ops[0][stats.Issue]
		if (held > miss/2) != c.held || !c.held && len(p.Holdups) != 0 {
			t.Errorf("load%s: the younger load was held up for %d cycles, the older took %d (%v)", c.order, held, miss, p.Holdups)
		}
	}
}
