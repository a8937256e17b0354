package machine

import (
	"fmt"
	"slices"
	"testing"
)

// One law for each mechanism that measured points asked for and that has a key or
// a rule of its own: what it costs, in cycles, and when.

// The first phase of a locked op runs while arithmetic before it does, and only
// then: an access before it holds it up.
func TestArithmeticBeforeALockedOpHidesItsFirstPhase(t *testing.T) {
	cfg := x86(64)
	cfg.Core.AtomicPre, cfg.Core.AtomicHold, cfg.Core.AtomicPost = 11, 3, 6
	// A chain of n cycles starts at once, beside the first locked op.
	after := func(n int) int64 {
		return cycles(t, cfg, "x", "    mov x, 3\n    rmw.add _, [a], 1\n"+repeat(n, "    add x, x, 3")+"    rmw.add _, [a], 1")
	}
	for _, n := range []int{5, 15, 19, 25, 30} {
		if got := after(n) - after(1); got != 0 {
			t.Errorf("%d cycles of arithmetic between two locked ops cost %d, want 0", n, got)
		}
	}
	if got := after(50) - after(40); got != 10 {
		t.Errorf("arithmetic that ends after the first phase costs %d cycles of 10", got)
	}
	// A load whose address comes late: the phase follows it in full.
	late := cycles(t, cfg, "x", "    mov x, b\n"+repeat(40, "    add x, x, 0")+"    load x, [x]\n    rmw.add _, [a], 1")
	early := cycles(t, cfg, "x v", "    mov x, b\n    load v, [x]\n"+repeat(40, "    add x, x, 0")+"    rmw.add _, [a], 1")
	if late-early != int64(cfg.L1.LatencyCycles+cfg.Core.AtomicPre) {
		t.Errorf("with a load right before the locked op it ends %d cycles later, want %d", late-early, cfg.L1.LatencyCycles+cfg.Core.AtomicPre)
	}
}

// Two cores add to one word. An owner whose next locked op follows at once keeps the
// line for it: arithmetic between them that is done by then does not count, and a load
// or arithmetic that is not done does.
func TestDoneArithmeticDoesNotPartLockedOps(t *testing.T) {
	cfg := x86(64)
	cfg.Core.AtomicPre, cfg.Core.AtomicHold, cfg.Core.AtomicPost = 11, 3, 6
	transfers := func(grace int, between string) uint64 {
		cfg.Core.AtomicGrace = grace
		program := "    reg i x v\n    mov i, 1000\nloop:\n    rmw.add v, [a], 1\n" + between + "    sub i, i, 1\n    bne i, 0, loop likely\n    halt"
		w := newWorld(t, cfg, []string{"a", "b"}, program, program)
		_, res := w.run(t)
		return res.Run.Total.Cache.L1Misses
	}
	for _, c := range []struct {
		name, between string
		kept          bool
	}{
		{"done", "    mul x, i, 3\n    add x, x, 1\n", true},
		{"of the locked op's result", "    mul x, v, 3\n", false},
		{"a load", "    load x, [b]\n", false},
	} {
		with, without := transfers(2, c.between), transfers(0, c.between)
		if kept := 10*with < 8*without; kept != c.kept {
			t.Errorf("%s between locked ops: the line moves %d times with grace and %d times without", c.name, with, without)
		}
	}
}

// Only the first store of a burst waits for the queue to start up.
func TestAStoreIntoAnEmptyQueueTakesTheCommitLatency(t *testing.T) {
	for _, window := range []int{1, 64} {
		for _, stores := range []int{1, 4} {
			for _, commit := range []int{2, 9, 30} {
				cfg := x86(window)
				body := "    work 50\n    fence.lfence\n" + repeat(stores, "    store [a], 1") + "    rmw.add _, [a], 1" // a locked op waits for them
				free := cycles(t, cfg, "", body)
				cfg.Core.StoreCommit = commit
				if got := cycles(t, cfg, "", body) - free; got != int64(commit) {
					t.Errorf("window %d: %d stores that take %d cycles to commit delay a locked op by %d", window, stores, commit, got)
				}
			}
		}
	}
}

// Two cores ask for a line at the same time. The one that comes second is served when
// it tries again for the first time after the line is free.
func TestARequestThatFindsItsLineBusyIsServedWhenItTriesAgain(t *testing.T) {
	end := func(every float64) int64 {
		cfg := x86(1)
		cfg.Fabric.ReplayNS = every
		ask := "    work 5000\n    fence.lfence\n    store [a], 1\n    mb\n    halt"
		w := newWorld(t, cfg, []string{"a"}, "    store [a], 7\n    halt", ask, ask)
		_, res := w.run(t)
		return res.End
	}
	free := end(0)
	busy := 1000 - (end(1000) - free) // how long the line was busy when the second came
	if busy < 10 || busy > 100 {
		t.Fatalf("the line was busy for %d cycles", busy)
	}
	for _, every := range []int64{1, 3, 7, 16, 40, 200} {
		want := (every - busy%every) % every
		if got := end(float64(every)) - free; got != want {
			t.Errorf("trying again every %d cycles, a request waits %d too long, want %d (the line was busy for %d)", every, got, want, busy)
		}
	}
}

// Cores in step, without jitter: whoever tries again when others have just come first
// would do so for ever.
func TestARequestThatTriesAgainIsServedInTheEnd(t *testing.T) {
	const cores, every = 8, 150
	cfg := x86(1)
	cfg.Fabric.ReplayNS = every
	program := "    reg i\n    mov i, 3000\nloop:\n    mark begin op\n    store [a], 1\n    mb\n    mark end op\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt"
	w := newWorld(t, cfg, []string{"a"}, slices.Repeat([]string{program}, cores)...)
	_, res := w.run(t)
	for i := range res.Cores {
		if n, _ := res.Cores[i].Ops.Latency.Quantile(1, 1).Float64(); n > 1.1*(maxReplays+10*cores)*every {
			t.Errorf("core %d: a store took %.0f cycles, that is %.0f tries", i, n, n/every)
		}
	}
}

// An upgrade takes the request and the longer of two ways: the home's permission (data
// leg), or invalidation and the sharer's ack. A read has nothing to do with acks.
func TestAnUpgradeWaitsForAcksAndALoadForData(t *testing.T) {
	wait := func(ack float64, body string) int64 {
		cfg := x86(1)
		cfg.Fabric.Near.Request, cfg.Fabric.Near.Snoop, cfg.Fabric.Near.Data, cfg.Fabric.Near.Ack = 11, 5, 13, ack
		w := newWorld(t, cfg, []string{"a"},
			"    reg v\n    work 5000\n    fence.lfence\n"+body+"    halt", "    store [a], 1\n    halt")
		_, res := w.run(t)
		return res.End
	}
	const load = "    load v, [a]\n    fence.lfence\n"
	const upgrade = load + "    store [a], 1\n    mb\n"
	inherited := wait(0, upgrade)
	for _, ack := range []float64{1, 4, 9, 13, 40} {
		want := int64(max(13, 5+ack) - (5 + 13))
		if got := wait(ack, upgrade) - inherited; got != want {
			t.Errorf("acks of %v ns: an upgrade takes %d cycles more than with those of data_ns, want %d", ack, got, want)
		}
		if got := wait(ack, load) - wait(0, load); got != 0 {
			t.Errorf("acks of %v ns: a load takes %d cycles more", ack, got)
		}
	}
}

// A load that bound its value early is squashed when its line is lost, though all
// before it is arithmetic; one that is the oldest op is not.
func TestALineLostSquashesALoadThatIsNotTheOldest(t *testing.T) {
	for _, c := range []struct {
		body     string
		squashes uint64
	}{
		{"    load v, [a]\n    work 400", 0},                                   // done and retired
		{"    work 400\n    load v, [a]", 1},                                   // bound early
		{"    store [a+16], 1\n    work 400\n    load v, [a+16]", 1},           // even from a store of its own
		{"    work 100\n    fence.lfence\n    work 1\n    load v, [a]", 0},     // not yet bound
		{"    work 400\n    load v, [b]", 0},                                   // another line
		{"    work 400\n    load v, [a]\n    load v, [a]\n    load v, [a]", 1}, // one squash for all
	} {
		cfg := x86(512)
		w := newWorld(t, cfg, []string{"a", "b"},
			"    reg v\n    load v, [a]\n    load v, [b]\n    work 1000\n    fence.lfence\n"+c.body+"\n    halt",
			"    work 1100\n    fence.lfence\n    store [a], 1\n    mb\n    halt")
		m, res := w.run(t)
		if got := res.Cores[0].CPU.Squashes; got != c.squashes {
			t.Errorf("%q: %d squashes, want %d", c.body, got, c.squashes)
		}
		if m.value(t, w.addr["a"], 8) != 1 {
			t.Errorf("%q: the store is lost", c.body)
		}
	}
}

func TestALoadOfAWordAfterALockedOpOnItTakesTheForwardLatency(t *testing.T) {
	for _, window := range []int{1, 64} {
		cfg := x86(window)
		cfg.Core.AtomicPost = 0
		chain := func(word string) int64 {
			one := func(n int) int64 {
				return cycles(t, cfg, "v", "    mov v, 1\n"+repeat(n, "    rmw.add _, [a], v\n    load v, ["+word+"]\n    and v, v, 1"))
			}
			return one(9) - one(8)
		}
		hit := chain("a")
		for _, c := range []struct {
			forward int
			word    string
			want    int64
		}{{3, "a", hit}, {12, "a", hit + 12 - int64(cfg.L1.LatencyCycles)}, {12, "a+8", hit}} {
			cfg.Core.AtomicForward = c.forward
			if got := chain(c.word); got != c.want {
				t.Errorf("window %d: with %d cycles to forward, an op and a load of [%s] take %d cycles, want %d", window, c.forward, c.word, got, c.want)
			}
		}
	}
}

// Two threads of one core pass a word back and forth. Each pass waits for the other's
// write to get across.
func TestAThreadSeesItsSiblingsWriteLater(t *testing.T) {
	const turns = 20
	end := func(sibling int) int64 {
		cfg := x86(1)
		cfg.Core.Sibling = sibling
		cfg.Topology.ThreadsPerCore = 2
		pass := func(mine int) string {
			return fmt.Sprintf("    reg i v n\n    mov i, %d\nloop:\n    wait.eq v, [a], i\n    add n, i, 1\n    store [a], n\n    add i, i, 2\n    blt i, %d, loop likely\n    halt", mine, turns)
		}
		w := newWorld(t, cfg, []string{"a"}, pass(0), pass(1))
		_, res := w.run(t)
		return res.End
	}
	if a, b := end(20), end(50); b-a != 30*(turns-1) {
		t.Errorf("%d passes take %d cycles more when each takes 30 longer, want %d", turns-1, b-a, 30*(turns-1))
	}
}
