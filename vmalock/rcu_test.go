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
	inSection = `
	call rcu_read_lock()
	mov got, 1
	call rcu_read_unlock()
	call rcu_qs()
	halt`
	synchronize = `
	call get_state_synchronize_rcu() -> x
	call cond_synchronize_rcu(x)
	mov got, 1
	halt`
)

// rcuBench has threads that a grace period waits for. More options change the kernel.
func rcuBench(t *testing.T, change func(o *vmalock.Options), texts ...string) *bench {
	o := vmalock.DefaultOptions()
	o.RCUGrace = 0
	if change != nil {
		change(&o)
	}
	b := newBench(t, vmalock.VMRefcnt.With(o), cpu.X86_64, 1)
	for _, text := range texts {
		b.thread(text, nil)
	}
	b.w.AddSpareNodes(1)
	b.load()
	return b
}

// steps runs a thread for so many ops, which must not halt it.
func (b *bench) stays(t *testing.T, i, ops int) {
	t.Helper()
	for range ops {
		if s, err := b.m.Step(i); err != nil || s == interp.Halted {
			t.Fatalf("thread %d does not wait: %v", i, err)
		}
	}
}

func TestAGracePeriodWaitsForTheReaderInsideAndForNobodyElse(t *testing.T) {
	b := rcuBench(t, nil, inSection, synchronize)
	b.until(t, 0, 1)
	b.stays(t, 1, 5000)
	b.runThread(0, nil)
	b.runThread(1, nil)
}

func TestAGracePeriodWaitsForWhoeverHasNotReported(t *testing.T) {
	b := rcuBench(t, nil, inSection, synchronize)
	b.stays(t, 1, 5000) // the other may be about to enter: it has not said anything
	b.poke(b.w.Tasks[0], "task_struct", "on_cpu", 0)
	b.runThread(1, nil)
}

// Off its CPU a task is in no section, unless it was preempted inside, which only its
// nesting tells.
func TestATaskThatWasPreemptedInsideIsWaitedFor(t *testing.T) {
	preempt := func(o *vmalock.Options) { o.PreemptRCU = true }
	b := rcuBench(t, preempt, inSection, synchronize)
	b.until(t, 0, 1)
	b.poke(b.w.Tasks[0], "task_struct", "on_cpu", 0)
	b.stays(t, 1, 5000)
	b.runThread(0, func(a interp.Access) bool { return a.Wrote && strings.HasSuffix(a.Site.Field, "rcu_read_lock_nesting") })
	b.runThread(1, nil)
}

func TestAGracePeriodInProgressIsNotEnough(t *testing.T) {
	for _, c := range []struct{ seq, want uint64 }{{4, 6}, {5, 8}} {
		b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1)
		b.thread("\tcall get_state_synchronize_rcu() -> got\n\tcall poll_state_synchronize_rcu(got) over=over pending=done\nover:\n\tmov got, 0\ndone:\n\thalt", nil)
		b.w.AddSpareNodes(1)
		b.load()
		b.poke(mem.Addr(b.field(b.w.Tasks[0], "task_struct", "rcu_state")), "rcu_state", "gp_seq", c.seq)
		b.runThread(0, nil)
		if b.got(0) != c.want {
			t.Errorf("gp_seq is %d: wait until %d, want %d", c.seq, b.got(0), c.want)
		}
	}
}

// A grace period that ends without asking is a broken law, whoever uses it.
func TestAGracePeriodThatDoesNotAskIsCaught(t *testing.T) {
	o := vmalock.DefaultOptions()
	o.RCUGrace = 0
	kind, err := vmalock.VMRefcnt.With(o).Edited(vmalock.Edit{Program: "rcu_gp_fqs_loop", Old: []string{"beq p, 0, all"}, New: []string{"bge p, 0, all"}})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, kind, cpu.X86_64, 1)
	b.thread(inSection, nil)
	b.thread(synchronize, nil)
	b.w.AddSpareNodes(1)
	b.load()
	b.until(t, 0, 1)
	var v *vmalock.Violation
	for range 1000 {
		if _, err = b.m.Step(1); err != nil {
			break
		}
	}
	if !errors.As(err, &v) || v.Rule != "RCU" || !strings.Contains(v.Msg, "thread 0 is still in the read section") {
		t.Errorf("got %v", err)
	}
}

const (
	alloc = `
	call vm_area_alloc(mm) -> got  got=done none=none
none:
	mov got, 0
done:
	call rcu_qs()
	halt`
	free = `
	call vm_area_free(vma)
	call rcu_qs()
	halt`
)

// slabBench has two CPUs; thread 1 shares that of thread 0.
func slabBench(t *testing.T, kind vmalock.Kind, spare int, texts ...string) *bench {
	b := newBench(t, kind, cpu.X86_64, 2)
	b.w.Grace = kind.Grace
	for _, text := range texts {
		b.thread(text, nil)
	}
	b.w.ShareCPU(b.w.Tasks[1], b.w.Tasks[0])
	b.w.AddSlab(spare)
	b.load()
	return b
}

func TestTheVMAFreedLastIsTheNextOneOfItsCPU(t *testing.T) {
	b := slabBench(t, vmalock.VMRefcnt, 0, free, alloc, alloc)
	b.runThread(2, nil)
	b.runThread(0, nil)
	b.runThread(1, nil)
	if b.got(1) != uint64(b.vma(0)) || b.got(2) != 0 {
		t.Errorf("the CPU of who freed %#x gives %#x, another %#x", uint64(b.vma(0)), b.got(1), b.got(2))
	}
}

// A lock whose readers look at freed VMAs inside a read section gets them back later.
func TestWhereReadersNeedItAFreedVMARestsForAGracePeriod(t *testing.T) {
	kind, _ := vmalock.Find("rwsem_separate")
	b := slabBench(t, kind, 0, free, alloc, inSection)
	b.until(t, 2, 1)
	b.runThread(0, nil)
	b.stays(t, 1, 5000)
	b.poke(b.w.Tasks[0], "task_struct", "on_cpu", 0) // it has halted
	b.runThread(2, nil)
	b.runThread(1, nil)
	if b.got(1) != uint64(b.vma(0)) {
		t.Errorf("got %#x, want %#x", b.got(1), uint64(b.vma(0)))
	}
}

func TestFreeingAVMATwiceIsCaught(t *testing.T) {
	b := slabBench(t, vmalock.VMRefcnt, 0, "\tcall vm_area_free(vma)\n"+free, alloc)
	var err error
	for range 200 {
		if _, err = b.m.Step(0); err != nil {
			break
		}
	}
	var v *vmalock.Violation
	if !errors.As(err, &v) || v.Rule != "I8" {
		t.Errorf("got %v", err)
	}
}

// Nodes and VMAs come back while faults go on: nobody reads what was freed, and nobody
// waits for ever.
func TestNoInterleavingReusesWhatAReaderMayKnow(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 15
	}
	for _, kind := range vmalock.Kinds() {
		for _, preemptRCU := range []bool{false, true} {
			t.Run(fmt.Sprint(kind.Name, preemptRCU), func(t *testing.T) {
				t.Parallel()
				o := vmalock.DefaultOptions()
				o.RCUGrace, o.PreemptRCU = 500, preemptRCU
				kind := kind.With(o)
				proto := newBench(t, kind, cpu.X86_64, last+1)
				misses := 0
				for seed := range seeds {
					b := newBench2(proto)
					b.w.Grace = kind.Grace
					for i, body := range []string{"user", "user", "recycler", "recycler"} {
						b.thread(rounds(bodies[body]), map[string]uint64{"rounds": 6, "rnd": uint64(seed*64 + i), "vma": uint64(b.vma(last)), "addr": b.w.VMAs[last].Start})
					}
					b.w.AddSpareNodes(2)
					b.w.AddSlab(1)
					if err := b.random(uint64(seed)+1, 400000); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					for i := range b.w.VMAs {
						if err := b.judge.Idle(b.vma(i)); err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
					}
					misses += b.counts["lock.read.miss"] + b.counts["lock.read.abort"]
				}
				if misses == 0 && kind.Name == "vm_refcnt" {
					t.Error("no reader ever met a VMA on its way")
				}
			})
		}
	}
}
