package vmalock_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
	"cohsim/vmalock/interp"
)

const (
	walk = `
	call rcu_read_lock()
	call mas_walk(mm, addr) -> v  found=found none=none
found:
	mov got, v
	halt
none:
	mov got, 3
	halt`
	replaceOnce = `
	call rcu_read_lock()          # instead of mmap_lock
	call mas_wr_node_store(mm, addr, vma)
	call rcu_read_unlock()`
	replace = replaceOnce + `
	halt`
)

// runThread runs a thread alone until it halts or stop says so.
func (b *bench) runThread(i int, stop func(a interp.Access) bool) *interp.Thread {
	b.t.Helper()
	stopped := false
	old := b.m.OnAccess
	b.m.OnAccess = func(a interp.Access) { stopped = stopped || stop != nil && stop(a) }
	defer func() { b.m.OnAccess = old }()
	for range 100000 {
		if s, err := b.m.Step(i); err != nil {
			b.t.Fatal(err)
		} else if s == interp.Halted || stopped {
			return b.m.Threads[i]
		}
	}
	b.t.Fatal("does not end")
	return nil
}

// A walk that has read the entry of a leaf, and not yet whether the leaf was
// replaced, must not return what it read.
func TestAWalkInAReplacedLeafBeginsAgain(t *testing.T) {
	for _, vmas := range []int{2, 12} { // a leaf at the root, leaves below a node
		onEveryISA(t, func(t *testing.T, proto *bench) {
			b := newBench(t, vmalock.VMRefcnt, proto.isa, vmas)
			reader := b.thread(walk, nil)
			b.thread(replace, map[string]uint64{"vma": uint64(b.vma(1))})
			b.w.AddSpareNodes(2)
			b.load()
			var leaf mem.Addr
			b.runThread(0, func(a interp.Access) bool {
				leaf = a.Addr &^ 255
				return a.Site.Field == "maple_range_64.slot[0]"
			})
			b.runThread(1, nil)
			if p := b.field(leaf, "maple_range_64", "parent"); p != uint64(leaf) {
				t.Errorf("%d VMAs: the parent of the replaced leaf %#x is %#x", vmas, uint64(leaf), p)
			}
			b.runThread(0, nil)
			if got := reader.Regs[reader.Prog.Bind["got"]]; got != uint64(b.vma(1)) || b.counts["lock.walk.restarts"] != 1 {
				t.Errorf("%d VMAs: the walk found %#x and began again %d times; want the new entry %#x and 1", vmas, got, b.counts["lock.walk.restarts"], uint64(b.vma(1)))
			}
			for i := 1; i < vmas; i++ {
				if got := b.run(walk, map[string]uint64{"addr": b.w.VMAs[i].Start}); got != uint64(b.vma(i)) {
					t.Errorf("%d VMAs: VMA %d is found as %#x", vmas, i, got)
				}
			}
		})
	}
}

// A replacement writes all of the new node, two words of the old one's state, and the
// slot above: 31 words, the entry, the new parent and the dead one.
func TestAReplacementWritesAWholeNode(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 2)
	b.thread(replace, nil)
	b.w.AddSpareNodes(1)
	b.load()
	lines := map[uint64]int{}
	stores := 0
	b.runThread(0, func(a interp.Access) bool {
		if a.Wrote {
			stores++
			lines[a.Addr.Line()]++
		}
		return false
	})
	// 4 lines of the new node, the old one's first, ma_root's, the spare's, the task's,
	// which has the barrier, too.
	if want := 1 + 31 + 1 + 1 + 1 + 3 + 1; stores != want || len(lines) != 8 {
		t.Errorf("%d stores to %d lines, want %d to 8", stores, len(lines), want)
	}
}

// With one spare node a second replacement must wait until the first leaf is free.
func TestAReplacedLeafRestsForAGracePeriod(t *testing.T) {
	steps := func(grace int) int64 {
		o := vmalock.DefaultOptions()
		o.RCUGrace = grace
		b := newBench(t, vmalock.VMRefcnt.With(o), cpu.X86_64, 2)
		b.thread("\tcall mas_preallocate(1)\n"+replaceOnce+"\n\tcall mas_preallocate(1)\n"+replace, nil)
		b.w.AddSpareNodes(1)
		b.load()
		b.runThread(0, nil)
		return b.m.Steps
	}
	// The wait begins some steps after the clock was read.
	if none, some := steps(0), steps(50_000); some-none < 50_000/interp.StepNS/2 {
		t.Errorf("a grace period of 50 us makes %d steps of %d", some, none)
	}
}

// churn lets writers replace leaves under page faults, and says what went wrong,
// and how often a walk began again.
func churn(t *testing.T, kind vmalock.Kind, spares, seeds int) (restarts int, err error) {
	proto := newBench(t, kind, cpu.X86_64, last+1)
	for seed := range seeds {
		b := newBench2(proto)
		for i, body := range []string{"fault", "fault", "replacer", "replacer", "walker"} {
			b.thread(rounds("\tcall rcu_qs()\n"+bodies[body]), map[string]uint64{"rounds": 6, "rnd": uint64(seed*64 + i), "vma": uint64(b.vma(last)), "addr": b.w.VMAs[last].Start})
		}
		b.w.AddSpareNodes(spares)
		if err := b.random(uint64(seed)+1, 400000); err != nil {
			return restarts, fmt.Errorf("seed %d: %w", seed, err)
		}
		b.idle()
		restarts += b.counts["lock.walk.restarts"]
	}
	return restarts, nil
}

func TestNoNodeIsWrittenUnderAWalk(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 15
	}
	for _, kind := range vmalock.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			restarts, err := churn(t, kind, 2, seeds)
			if err != nil {
				t.Error(err)
			}
			if restarts == 0 && kind.Name == "vm_refcnt" {
				t.Error("no walk ever stood in a replaced leaf")
			}
		})
	}
}

// A leaf that is written again while a walk stands in it looks alive to that walk,
// which returns what is there no more. The judge must see that it is written.
func TestFreeingWithoutAGracePeriodIsCaught(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 2)
	reader := b.thread(walk, nil)
	b.thread(replaceOnce+replace, map[string]uint64{"vma": uint64(b.vma(1))}) // no mas_preallocate
	b.w.AddSpareNodes(1)
	b.load()
	var caught error
	judge := b.m.OnGhost
	b.m.OnGhost = func(g interp.Ghost) error {
		if err := judge(g); err != nil && caught == nil {
			caught = err
		}
		return nil
	}
	b.runThread(0, func(a interp.Access) bool { return a.Site.Field == "maple_range_64.slot[0]" })
	b.runThread(1, nil)
	var v *vmalock.Violation
	if !errors.As(caught, &v) || v.Rule != "RCU" || !strings.Contains(v.Msg, "thread 0 is still in the read section") || len(v.History) == 0 {
		t.Errorf("a leaf was written under a walk, and the judge says %v", caught)
	}
	b.runThread(0, nil)
	if got := reader.Regs[reader.Prog.Bind["got"]]; got != uint64(b.vma(0)) {
		t.Errorf("the walk found %#x, want the entry %#x that was there when it began", got, uint64(b.vma(0)))
	}
}
