package machine

import (
	"fmt"
	"testing"

	"cohsim/internal/sim"
)

// Data that come after an invalidation may serve the load that was the oldest op
// then, and no other: message passing would show the old value behind the new flag.
func TestDataThatComeAfterAnInvalidationServeNoLoadThatCameAfterIt(t *testing.T) {
	for _, nbs := range []bool{false, true} {
		seen := 0
		for seed := uint64(1); seed <= 600; seed++ {
			r := sim.NewRand(seed, 0, 3)
			cfg := DefaultConfig()
			cfg.Protocol.NonBlockingS = nbs
			w := newWorld(t, cfg, []string{"x", "y", "r0", "r1"},
				fmt.Sprintf("    reg t\n    work %d\n    fence.full\n    store [x], 1\n    store [y], 1\n    halt", 900+r.Intn(400)),
				fmt.Sprintf("    reg t a b\n    work %d\n    fence.full\n    prefetch [x]\n    work %d\n    fence.lfence\n    load a, [y]\n    load b, [x]\n    store [r0], a\n    store [r1], b\n    halt", 900+r.Intn(400), 1+r.Intn(300)),
				"    reg t\n    load t, [x]\n    halt", "    reg t\n    load t, [x]\n    load t, [y]\n    halt")
			w.setup.Seed = seed
			w.setup.ChaosNS = float64(100 + r.Intn(500))
			m, _ := w.run(t)
			if m.value(t, w.addr["r0"], 8) == 1 && m.value(t, w.addr["r1"], 8) == 0 {
				seen++
			}
		}
		if seen > 0 {
			t.Errorf("non_blocking_gets = %t: (1, 0) in %d of 600 runs", nbs, seen)
		}
	}
}
