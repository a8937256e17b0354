package machine

import "testing"

func TestChaosOnlyDelaysMessagesAndByNoMoreThanItsBound(t *testing.T) {
	const bound = 100
	end := func(seed uint64, chaos float64) int64 {
		w := newWorld(t, plain(), []string{"a"}, "    reg x\n    load x, [a]\n    halt")
		w.setup.Seed, w.setup.ChaosNS = seed, chaos
		_, res := w.run(t)
		return res.End
	}
	calm, later := end(1, 0), 0
	for seed := uint64(1); seed <= 50; seed++ {
		d := end(seed, bound) - calm
		if d < 0 || d > 2*bound { // a request and its reply
			t.Errorf("seed %d: a miss takes %d cycles longer, want 0 to %d", seed, d, 2*bound)
		}
		if d > 0 {
			later++
		}
		if a, b := end(seed, bound), end(seed, bound); a != b {
			t.Errorf("seed %d: %d cycles, then %d", seed, a, b)
		}
	}
	if later < 10 {
		t.Errorf("only %d of 50 seeds delay anything", later)
	}
}
