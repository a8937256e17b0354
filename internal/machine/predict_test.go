package machine

import (
	"fmt"
	"slices"
	"testing"
)

// A branch that goes the same way round and round is learned whatever its hint says,
// and one that alternates too; only a static prediction misses every other time.
func TestALearnedBranchIsMispredictedAFewTimesOnly(t *testing.T) {
	misses := func(branches, step string) uint64 {
		cfg := x86(16)
		cfg.Core.Branches = branches
		w := newWorld(t, cfg, []string{"a"}, fmt.Sprintf(`    reg i x
    mov i, 400
loop:
    %s
    beq x, 0, over unlikely
    add x, x, 0
over:
    sub i, i, 1
    bne i, 0, loop likely
    halt`, step))
		_, res := w.run(t)
		return res.Run.Total.CPU.Mispredicts
	}
	for _, c := range []struct {
		step   string
		static uint64
	}{{"mov x, 0", 400}, {"and x, i, 1", 200}} {
		if got := misses("static", c.step); got != c.static+1 { // and the end of the loop
			t.Errorf("%q: %d static mispredictions, want %d", c.step, got, c.static+1)
		}
		if got := misses("learned", c.step); got > 30 {
			t.Errorf("%q: %d mispredictions of a learned branch", c.step, got)
		}
	}
}

// With static prediction every failing compare-and-swap pays for a misprediction, its
// retry comes too late for the line it still owns, and so only one of N cores gets on
// per round; cores that learn that it fails do not fall behind like that.
func TestCoresThatLearnKeepACompareAndSwapStormFromCollapsing(t *testing.T) {
	rate := func(branches string, n int) float64 {
		cfg := DefaultConfig()
		cfg.Topology.L3PerSocket = 1
		cfg.Core.Branches = branches
		w := newWorld(t, cfg, []string{"a"}, slices.Repeat([]string{`    reg old new seen
again:
    mark begin op
    load old, [a]
try:
    add new, old, 1
    cas.acqrel seen, [a], old, new
    beq seen, old, got likely
    mov old, seen
    jump try
got:
    mark end op
    jump again`}, n)...)
		w.setup.WarmupNS, w.setup.MeasureNS = 5000, 40000
		_, res := w.run(t)
		return float64(res.Run.Total.Ops.Latency.Count()) / 40
	}
	static, learned := rate("static", 4)/rate("static", 16), rate("learned", 4)/rate("learned", 16)
	t.Logf("4 cores do %.1f times what 16 do with static prediction, %.1f times with learned", static, learned)
	if static < 3 || learned > 1.5 {
		t.Errorf("4 cores do %.1f times what 16 do with static prediction (want 3 and more), %.1f times with learned (want 1.5 and less)", static, learned)
	}
}
