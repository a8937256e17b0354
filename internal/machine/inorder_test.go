package machine

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cohsim/internal/sim"
	"cohsim/internal/stats"
)

// missPrograms are n threads that load, store and compute on the words of a few lines,
// mostly missing, with marks here and there.
func missPrograms(r *sim.Rand, n, lines, ops int) (objects, programs []string) {
	for k := range lines {
		objects = append(objects, string(rune('a'+k)))
	}
	for range n {
		var b strings.Builder
		b.WriteString("    reg x y i\n    mov i, 20\n    mov x, 0\nloop:\n")
		for range ops {
			o, off := objects[r.Intn(lines)], 4*r.Intn(16)
			switch r.Intn(9) {
			case 0, 1, 2:
				fmt.Fprintf(&b, "    load.4 x, [%s+%d]\n", o, off)
			case 3, 4:
				fmt.Fprintf(&b, "    store.4 [%s+%d], i\n", o, off)
			case 5:
				b.WriteString("    add y, x, 1\n")
			case 6:
				fmt.Fprintf(&b, "    work %d\n", 1+r.Intn(12))
			case 7:
				b.WriteString("    mark begin turn\n    mark end turn\n")
			case 8:
				if r.Intn(4) == 0 {
					fmt.Fprintf(&b, "    rmw.add.4 y, [%s+%d], 1\n", o, off)
				}
			}
		}
		b.WriteString("    sub i, i, 1\n    bne i, 0, loop likely\n    halt\n")
		programs = append(programs, b.String())
	}
	return objects, programs
}

// An in-order core takes a line that its load waits for and goes on in the same event,
// and its stores enter the queue without a trip through the window: on machines on which
// almost every access misses and messages come close together, nothing may show of that.
func TestInOrderCoresThatMissEqualTheReference(t *testing.T) {
	n := uint64(500)
	if testing.Short() {
		n = 30
	}
	for seed := uint64(1); seed <= n; seed++ {
		var out [2]outcome
		var cfg Config
		for k := range out {
			r := sim.NewRand(seed, 3, 3)
			cfg = randomConfig(&r)
			cfg.Core.Window, cfg.Topology.ThreadsPerCore = 1, 1
			cfg.Fabric.JitterPercent = []int{0, 30, 90}[r.Intn(3)]
			for _, leg := range []*float64{&cfg.Fabric.Near.Request, &cfg.Fabric.Near.Snoop, &cfg.Fabric.Near.Data, &cfg.Fabric.Near.Completion} {
				*leg = float64(1 + r.Intn(12))
			}
			objects, programs := missPrograms(&r, 2+r.Intn(min(6, cfg.Topology.Threads()-1)), 2+r.Intn(6), 8+r.Intn(20))
			w := newWorld(t, cfg, objects, programs...)
			w.setup.Seed, w.setup.Reference, w.setup.PerOp, w.setup.StuckNS = seed, k == 1, true, 1e7
			m, res := w.run(t)
			out[k] = outcomeOf(m, res)
		}
		if !reflect.DeepEqual(out[0], out[1]) {
			t.Errorf("seed %d: in-order cores and the reference differ\n%+v", seed, cfg)
			a, b := out[0].Res.Run.Readings(), out[1].Res.Run.Readings()
			for k := range a {
				if a[k].Value != b[k].Value {
					t.Errorf("%s: %v and %v", a[k].Name, a[k].Value, b[k].Value)
				}
			}
			t.FailNow()
		}
		if c := &out[0].Res.Run.Total; c.CPU.Cycles[stats.Near]+c.CPU.Cycles[stats.NearTrue]+c.CPU.Cycles[stats.NearFalse] == 0 && c.Cache.L1Misses == 0 {
			t.Fatalf("seed %d: nothing missed", seed)
		}
	}
}
