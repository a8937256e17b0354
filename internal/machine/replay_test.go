package machine

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/sim"
)

// randomLoops writes n threads that run loops over lines of their own, with now and
// then an access to a line of all. Loads meet stores of the loop or do not, branches go
// as predicted, or at times, or by turns.
func randomLoops(r *sim.Rand, n, lines int) (objects, programs []string) {
	for i := range n {
		for k := range lines {
			objects = append(objects, fmt.Sprintf("own%dx%d", i, k))
		}
	}
	objects = append(objects, "all")
	for i := range n {
		var b strings.Builder
		fmt.Fprintf(&b, "    reg p q s v x y j k\n    mov k, 0\n    mov v, %d\n    mov x, 0\n    mov y, 0\nagain:\n", r.Intn(100))
		for loop := range 1 + r.Intn(2) {
			fmt.Fprintf(&b, "    mov j, %d\nloop%d:\n", 20+r.Intn(150), loop)
			for _, pointer := range []string{"p", "q"} { // to a line that changes with the loop, or at times, or not
				fmt.Fprintf(&b, "    shr s, %s, %d\n    and s, s, %d\n", []string{"j", "j", "k", "v"}[r.Intn(4)], []int{0, 0, 3, 4}[r.Intn(4)], []int{0, 1, 3, lines - 1}[r.Intn(4)])
				fmt.Fprintf(&b, "    add s, s, k\n    and s, s, %d\n    shl s, s, 6\n    add %s, own%dx0, s\n", lines-1, pointer, i)
			}
			marked, off := r.Intn(3) == 0, r.Intn(4) == 0
			if marked {
				fmt.Fprintf(&b, "    mark begin turn\n")
			}
			if off {
				fmt.Fprintf(&b, "    preempt.off\n")
			}
			words := 1 + r.Intn(4)
			for op := range 2 + r.Intn(14) {
				at := fmt.Sprintf("[%s+%d]", []string{"p", "q"}[r.Intn(2)], 8*r.Intn(words))
				half := []string{"", ".4"}[r.Intn(2)]
				switch r.Intn(16) {
				case 0, 1, 2, 3:
					fmt.Fprintf(&b, "    load%s x, %s\n", half, at)
				case 4, 5, 6:
					fmt.Fprintf(&b, "    store%s %s, %s\n", half, at, []string{"v", "x", "j"}[r.Intn(3)])
				case 7, 8:
					fmt.Fprintf(&b, "    add y, x, v\n")
				case 9:
					fmt.Fprintf(&b, "    %s v, v%s\n", []string{"add", "mul"}[r.Intn(2)], ", 3")
				case 10:
					fmt.Fprintf(&b, "    work %d\n", 1+r.Intn(90))
				case 11:
					fmt.Fprintf(&b, "    and x, j, %d\n    bne x, 0, skip%dx%d %s\n    add y, y, 1\nskip%dx%d:\n", []int{0, 1, 7, 15}[r.Intn(4)], loop, op, []string{"likely", "unlikely"}[r.Intn(2)], loop, op)
				case 12:
					fmt.Fprintf(&b, "    count lock.wakeups\n    %s %s\n", []string{"prefetch", "prefetchw"}[r.Intn(2)], at)
				case 13:
					switch r.Intn(4) {
					case 0:
						fmt.Fprintf(&b, "    %s\n", []string{"mb", "wmb", "rmb", "pause"}[r.Intn(4)])
					case 1:
						fmt.Fprintf(&b, "    load.acq x, %s\n", at)
					case 2:
						fmt.Fprintf(&b, "    store.rel %s, x\n", at)
					}
				case 14:
					if r.Intn(4) == 0 {
						fmt.Fprintf(&b, "    rmw.add%s _, %s, 1\n", half, at)
					}
				case 15:
					if r.Intn(4) == 0 {
						fmt.Fprintf(&b, "    bne j, %d, past%dx%d likely\n    load y, [all]\npast%dx%d:\n", 5+r.Intn(20), loop, op, loop, op)
					}
				}
			}
			if off {
				fmt.Fprintf(&b, "    preempt.on\n")
			}
			if marked {
				fmt.Fprintf(&b, "    mark end turn\n")
			}
			fmt.Fprintf(&b, "    sub j, j, 1\n    bne j, 0, loop%d likely\n", loop)
		}
		fmt.Fprintf(&b, "    rmw.add _, [all], 1\n    add k, k, 1\n    bne k, %d, again likely\n    halt\n", 2+r.Intn(4))
		programs = append(programs, b.String())
	}
	return objects, programs
}

func TestReplayedLoopsEqualTheReference(t *testing.T) {
	n := uint64(300)
	if testing.Short() {
		n = 60
	}
	replayed := uint64(0)
	for seed := uint64(1); seed <= n; seed++ {
		run := func(reference bool) (out outcome, rounds uint64) {
			r := sim.NewRand(seed, 0, 5)
			cfg := randomConfig(&r)
			cfg.Core.Window = []int{2, 8, 20, 64, 224}[r.Intn(5)]
			cfg.Core.ForwardCycles = r.Intn(5)
			cfg.L1 = cache.Config{Bytes: 64 << (2 + r.Intn(3)), Ways: 4, LatencyCycles: 1 + r.Intn(5), Replacement: cfg.L1.Replacement}
			cfg.L2.Bytes = r.Intn(2) * 2 * cfg.L1.Bytes
			objects, programs := randomLoops(&r, 1+r.Intn(min(cfg.Topology.Threads(), 4)), 2<<r.Intn(3))
			w := newWorld(t, cfg, objects, programs...)
			w.setup.Seed, w.setup.Reference, w.setup.PerOp, w.setup.StuckNS = seed, reference, true, 1e8
			w.setup.Task = cpu.TaskWords{OnCPU: 8, OnCPUBytes: 4, Flags: 72, FlagBytes: 8, NeedResched: 8}
			if r.Intn(3) == 0 {
				w.setup.Place = w.setup.Place[:1+r.Intn(len(w.setup.Place))]
			}
			m, res := w.run(t)
			res.Checked = Checked{}
			out.Res = *res
			for i := range m.lines {
				out.Bytes = append(out.Bytes, m.lines[i].bytes)
			}
			for i := range m.threads {
				rounds += m.threads[i].core.Rounds()
			}
			return out, rounds
		}
		a, rounds := run(false)
		b, _ := run(true)
		if rounds > 0 {
			replayed++
		}
		if !reflect.DeepEqual(a, b) {
			ra, rb := a.Res.Run.Readings(), b.Res.Run.Readings()
			for k := range ra {
				if ra[k].Value != rb[k].Value {
					t.Errorf("%s: %v and %v", ra[k].Name, ra[k].Value, rb[k].Value)
				}
			}
			t.Fatalf("seed %d: replay (%d rounds) and reference differ", seed, rounds)
		}
	}
	t.Logf("loops were replayed in %d runs of %d", replayed, n)
	if replayed < n/5 {
		t.Errorf("loops were replayed in %d runs of %d", replayed, n)
	}
}

// Stores of a loop that leave together change its schedule, and whether they do is no
// part of the state: the line of the second changes while the loop runs.
func TestLoopsWhoseStoresMergeEqualTheReference(t *testing.T) {
	for _, merged := range []int{0, 1} { // at first, or later
		run := func(reference bool) (*Result, uint64) {
			cfg := DefaultConfig()
			cfg.Core.StoreMerge = true
			w := newWorld(t, cfg, []string{"a", "b"}, fmt.Sprintf(`    reg s p j
    mov j, 511
loop:
    shr s, j, 8
    xor s, s, %d
    shl s, s, 6
    add p, a, s
    store [a], j
    store [p+8], j
    sub j, j, 1
    bne j, 0, loop likely
    halt`, merged))
			w.setup.Reference = reference
			m, res := w.run(t)
			return res, m.threads[0].core.Rounds()
		}
		a, rounds := run(false)
		b, _ := run(true)
		if rounds == 0 {
			t.Error("no round was replayed")
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("replay: %d cycles, reference: %d", a.End, b.End)
		}
	}
}
