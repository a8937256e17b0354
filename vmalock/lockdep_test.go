package vmalock_test

import (
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

func lockdepBench(t *testing.T, change func(o *vmalock.Options)) *bench {
	o := options(func(o *vmalock.Options) { o.Lockdep = true })
	if change != nil {
		change(&o)
	}
	return newBench(t, vmalock.VMRefcnt.With(o), cpu.X86_64, 2)
}

func TestLockdepKeepsTheListOfHeldLocks(t *testing.T) {
	b := lockdepBench(t, nil)
	// Three locks, the middle one goes first; then the first becomes a read lock.
	const text = `
	call lock_acquire(mm, 0)
	call lock_acquire(vma, 1)
	call lock_acquire(addr, 1)
	call lock_release(vma)
	call lock_downgrade(mm)
	halt`
	b.run(text, nil)
	task := b.w.Tasks[0]
	if n := b.field(task, "task_struct", "lockdep_depth"); n != 2 {
		t.Errorf("%d locks are held, want 2", n)
	}
	for i, want := range []uint64{uint64(b.mm) + 1, vmaBase + 1} {
		a, _ := b.w.Field(task, "task_struct", "held_locks[0]")
		if got := b.m.Read(a+8*addrOf(uint64(i)), 8); got != want {
			t.Errorf("held_locks[%d] is %#x, want %#x", i, got, want)
		}
	}
}

func TestLockdepTellsHowALockIsHeld(t *testing.T) {
	const ask = "\n\tcall lock_is_held(vma)  write=w read=r none=n\nw:\n\tmov got, 1\n\thalt\nr:\n\tmov got, 2\n\thalt\nn:\n\tmov got, 3\n\thalt"
	for before, want := range map[string]uint64{
		"\n\tcall lock_acquire(vma, 0)": 1, "\n\tcall lock_acquire(vma, 1)\n\tcall lock_acquire(mm, 0)": 2, "\n\tcall lock_acquire(mm, 0)": 3, "": 3,
	} {
		b := lockdepBench(t, nil)
		if got := b.run(before+ask, nil); got != want {
			t.Errorf("after%q: exit %d, want %d", before, got, want)
		}
	}
	// The list is what answers.
	b := lockdepBench(t, nil)
	const find = "\n\tcall find_held_lock(mm) -> got, x  found=f none=n\nf:\n\thalt\nn:\n\tmov got, 7\n\thalt"
	if got := b.run("\n\tcall lock_acquire(mm, 1)"+find, nil); got != uint64(b.mm)+1 {
		t.Errorf("found %#x", got)
	}
	if got := b.run(find, nil); got != 0 && got != 7 {
		t.Errorf("found %#x in an empty list", got)
	}
}

func TestReleasingWhatIsNotHeldIsAWarning(t *testing.T) {
	for _, text := range []string{"\n\tcall lock_release(vma)\n\thalt", "\n\tcall lock_downgrade(mm)\n\thalt", "\n\tcall lock_acquire(mm, 0)\n\tcall lock_release(vma)\n\thalt"} {
		if r := lockdepBench(t, nil).rule(text); r != "WARN" {
			t.Errorf("%q broke rule %q, want WARN", text, r)
		}
		if r := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1).rule(text); r != "" {
			t.Errorf("%q broke rule %q without lockdep", text, r)
		}
	}
}

// Whatever way it takes through the lock, a task holds nothing in the end, and
// is outside every RCU read section.
func TestEveryWayThroughTheLockReleasesWhatItAcquired(t *testing.T) {
	for name, change := range map[string]func(b *bench){
		"locked":           func(b *bench) {},
		"a writer":         func(b *bench) { b.poke(b.mm, mms, "mm_lock_seq.sequence", 7); b.poke(b.vma(0), vas, "vm_lock_seq", 7) },
		"detached":         func(b *bench) { b.poke(b.vma(0), vas, "vm_refcnt", 0) },
		"at the limit":     func(b *bench) { b.poke(b.vma(0), vas, "vm_refcnt", bit30-1) },
		"another mm":       func(b *bench) { b.poke(b.vma(0), vas, "vm_mm", uint64(b.w.MMs[1])) },
		"not where it was": func(b *bench) { b.poke(b.vma(0), vas, "vm_start", vmaBase+0x1000) },
	} {
		for body, text := range map[string]string{
			"fault": "\n\tcall read_begin(mm, addr) -> v, held  locked=in none=out\nin:\n\tcall read_end(mm, v, held)\nout:\n\thalt",
			"next":  "\n\tcall read_next(mm, addr) -> v, held  locked=in none=out\nin:\n\tcall read_end(mm, v, held)\nout:\n\thalt",
			"pair":  "\n\tadd x, addr, 0x10000\n\tcall read_pair(mm, addr, x) -> v, w, held  locked=in none=out\nin:\n\tcall read_pair_end(mm, v, w, held)\nout:\n\thalt",
			"write": "\n\tcall write_begin(mm)\n\tcall write_find(mm, addr) -> v  found=f none=n\nf:\n\tcall write_vma(mm, v)\nn:\n\tcall write_downgrade(mm)\n\tcall read_drop(mm)\n\thalt",
		} {
			if name == "detached" && body != "write" || name == "at the limit" && body == "write" {
				continue // goes round until the tree has changed; saturates, and waits for ever
			}
			b := lockdepBench(t, func(o *vmalock.Options) { o.PreemptRCU = true })
			b.deaf()
			b.w.AddMM()
			th := b.thread(text, nil)
			b.load()
			change(b)
			stepUntil(t, b, 0, never)
			depth, nesting := b.field(b.w.Tasks[0], "task_struct", "lockdep_depth"), b.field(b.w.Tasks[0], "task_struct", "rcu_read_lock_nesting")
			if !th.Halted || depth != 0 || nesting != 0 {
				t.Errorf("%s, %s: halted %t, %d locks held, RCU nesting %d, counted %v", name, body, th.Halted, depth, nesting, b.counts)
			}
		}
	}
}

func TestRCUReadSectionsNestAndCostNothingWithoutPreemption(t *testing.T) {
	const text = "\n\tcall rcu_read_lock()\n\tcall rcu_read_lock()\n\tcall rcu_read_unlock()\n\thalt"
	b := newBench(t, vmalock.VMRefcnt.With(options(func(o *vmalock.Options) { o.PreemptRCU = true })), cpu.X86_64, 1)
	b.run(text, nil)
	if n := b.field(b.w.Tasks[0], "task_struct", "rcu_read_lock_nesting"); n != 1 {
		t.Errorf("nested %d deep, want 1", n)
	}
	b = newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1)
	b.run(text, nil)
	if len(b.access) != 0 {
		t.Errorf("accessed %v", b.access)
	}
}
