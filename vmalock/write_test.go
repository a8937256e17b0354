package vmalock_test

import (
	"testing"

	"cohsim/vmalock"
	"cohsim/vmalock/interp"
)

const (
	writeLock = `
	call mmap_write_lock(mm)
	call vma_start_write(vma)
	halt`
	writeLockUnlock = `
	call mmap_write_lock(mm)
	call vma_start_write(vma)
	call mmap_write_unlock(mm)
	halt`
	detach = `
	call mmap_write_lock(mm)
	call vma_start_write(vma)
	call vma_mark_detached(vma)
	call mmap_write_unlock(mm)
	halt`
	readOnce = `
	call rcu_read_lock()
	call vma_start_read(mm, vma) locked=locked retry=retry fallback=fallback
locked:
	call rcu_read_unlock()
	count lock.read.success ghost reader_true vma
	call vma_end_read(vma)
	mov got, 1
	halt
retry:
	mov got, 2
	halt
fallback:
	mov got, 3
	halt`
)

func TestAWriteLockedVMAHasItsMMsOddNumberAndItsOldCount(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.run(writeLock, nil)
		if s := b.field(b.mm, mms, "mm_lock_seq.sequence"); s != 1 {
			t.Errorf("mm_lock_seq is %d under the write lock, want 1", s)
		}
		if s := b.field(b.vma(0), vas, "vm_lock_seq"); s != 1 {
			t.Errorf("vm_lock_seq is %d, want the mm's, 1", s)
		}
		wantRef(t, b, 1)
		if w := b.field(b.mm, mms, "vma_writer_wait.task"); w != 0 {
			t.Errorf("the waiter slot still holds %#x", w)
		}
		wantGot(t, b.run(startRead, nil), fallback, "fallback")
	})
}

func TestUnlockingMmapLockReleasesEveryVMA(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.run(writeLockUnlock, nil)
		if s := b.field(b.mm, mms, "mm_lock_seq.sequence"); s != 2 {
			t.Errorf("mm_lock_seq is %d, want 2", s)
		}
		if c, o := b.field(b.mm, mms, "mmap_lock.count"), b.field(b.mm, mms, "mmap_lock.owner"); c != 0 || o != 0 {
			t.Errorf("mmap_lock is left with count %#x, owner %#x", c, o)
		}
		wantGot(t, b.run(readOnce, nil), locked, "locked")
		b.idle()
	})
}

func TestADowngradeReleasesVMAsAndKeepsMmapLockForRead(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.run("\n\tcall mmap_write_lock(mm)\n\tcall vma_start_write(vma)\n\tcall mmap_write_downgrade(mm)\n\tcall mmap_read_unlock(mm)\n\thalt", nil)
		if c := b.field(b.mm, mms, "mmap_lock.count"); c != 0 {
			t.Errorf("count is %#x, want 0", c)
		}
		wantGot(t, b.run(readOnce, nil), locked, "locked")
		b.idle()
	})
}

// stepUntil runs thread i until cond holds or it blocks.
func stepUntil(t *testing.T, b *bench, i int, cond func() bool) {
	t.Helper()
	for range 100000 {
		if cond() {
			return
		}
		s, err := b.m.Step(i)
		if err != nil {
			t.Fatal(err)
		}
		if s != interp.Ran {
			return
		}
	}
	t.Fatal("never happens")
}

func never() bool { return false }

func TestAWriterSleepsUntilTheLastReaderLeavesAndIsWokenOnce(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		reader := b.thread(readOnce, nil)
		b.thread(writeLockUnlock, nil)
		late := b.thread(startRead, nil)
		b.load()
		stepUntil(t, b, 0, func() bool { return b.counts["lock.read.success"] == 1 })
		stepUntil(t, b, 1, never)
		wantRef(t, b, bit30+2)
		if s := b.field(b.w.Tasks[1], "task_struct", "__state"); s != 2 {
			t.Fatalf("the writer's state is %d, want uninterruptible (2)", s)
		}
		stepUntil(t, b, 2, never)
		wantGot(t, late.Regs[late.Prog.Bind["got"]], fallback, "fallback") // no new reader meanwhile
		stepUntil(t, b, 0, never)
		wantGot(t, reader.Regs[reader.Prog.Bind["got"]], locked, "locked")
		stepUntil(t, b, 1, never)
		if !b.m.Threads[1].Halted {
			t.Fatal("the writer was not woken" + b.where())
		}
		wantRef(t, b, 1)
		if b.counts["lock.write.waits"] != 1 || b.counts["lock.wakeups"] != 1 || b.counts["lock.wakeups.spurious"] != 0 {
			t.Errorf("counted %v", b.counts)
		}
		b.idle()
	})
}

func TestTheFirstOfTwoReadersToLeaveWakesNobody(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	b.thread(readOnce, nil)
	b.thread(readOnce, nil)
	b.thread(writeLockUnlock, nil)
	b.load()
	in := func(n int) func() bool { return func() bool { return b.counts["lock.read.success"] == n } }
	stepUntil(t, b, 0, in(1))
	stepUntil(t, b, 1, in(2))
	stepUntil(t, b, 2, never)
	stepUntil(t, b, 0, never)
	if s, _ := b.m.Step(2); s != interp.Blocked {
		t.Error("the writer runs although a reader is left")
	}
	stepUntil(t, b, 1, never)
	stepUntil(t, b, 2, never)
	if !b.m.Threads[2].Halted {
		t.Error("the writer was not woken by the last reader")
	}
	b.idle()
}

func TestDetachGoesToZeroAndReadersAreSentToWalkAgain(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.run(detach, nil)
		wantRef(t, b, 0)
		wantGot(t, b.run(startRead, nil), retry, "retry")
		b.idle()
	})
}

// A reader that counted itself before it looked at the numbers a second time
// holds the detacher up: the slow path.
func TestDetachWaitsForAReaderInFlight(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(readOnce, nil)
		b.thread("\n\tcall mmap_write_lock(mm)\n\tstore [vma.vm_lock_seq], 1\n\tcall vma_mark_detached(vma)\n\tcall mmap_write_unlock(mm)\n\thalt", nil)
		b.load()
		stepUntil(t, b, 0, func() bool { return b.ref() == 2 })
		stepUntil(t, b, 1, never)
		wantRef(t, b, bit30+1) // the reader's count alone: the VMA's own is gone
		if b.m.Threads[1].Halted {
			t.Fatal("the detacher did not wait")
		}
		stepUntil(t, b, 0, never)
		stepUntil(t, b, 1, never)
		if !b.m.Threads[1].Halted {
			t.Fatal("the detacher was not woken" + b.where())
		}
		wantRef(t, b, 0)
		b.idle()
	})
}

func TestANewVMAIsWriteLockedBeforeItIsAttached(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		fresh := b.w.AddVMA(b.mm, vmaBase+0x100000, vmaBase+0x110000, false)
		b.load()
		clear(b.access)
		b.run("\n\tcall vma_lock_init(vma)\n\tcall mmap_write_lock(mm)\n\tcall vma_start_write(vma)\n\tcall vma_mark_attached(vma)\n\thalt",
			map[string]uint64{"vma": uint64(fresh)})
		if r, s := b.field(fresh, vas, "vm_refcnt"), b.field(fresh, vas, "vm_lock_seq"); r != 1 || s != 1 {
			t.Errorf("count %d, sequence number %d, want 1 and 1", r, s)
		}
		if c := b.access["vm_area_struct.vm_refcnt"]; c.rmws != 0 {
			t.Errorf("an atomic on a count of 0: %+v", c)
		}
		wantGot(t, b.run(startRead, map[string]uint64{"vma": uint64(fresh)}), fallback, "fallback")
	})
}

func TestSpeculationIsRefusedInsideAWriterAndNoticedAfterOne(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		const begin = `
	call mmap_lock_speculate_try_begin(mm) -> x  begun=begun busy=busy
begun:
	call mmap_lock_speculate_retry(mm, rnd) same=same changed=changed
same:
	mov got, 1
	halt
changed:
	mov got, 2
	halt
busy:
	mov got, 3
	halt`
		for _, c := range []struct{ seq, seen, want uint64 }{{4, 4, 1}, {6, 4, 2}, {5, 5, 3}} {
			b.poke(b.mm, mms, "mm_lock_seq.sequence", c.seq)
			if got := b.run(begin, map[string]uint64{"rnd": c.seen}); got != c.want {
				t.Errorf("number %d, first seen as %d: left by %d, want %d", c.seq, c.seen, got, c.want)
			}
		}
	})
}

func TestReadLockUnderMmapLockNeedsNoNumbers(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	const text = `
	call mmap_read_lock(mm)
	call vma_start_read_locked(vma) locked=locked failed=failed
locked:
	mov got, 1
failed:
	call mmap_read_unlock(mm)
	halt`
	if got := b.run(text, nil); got != 1 {
		t.Error("not locked")
	}
	wantRef(t, b, 2)
	if c := b.access["vm_area_struct.vm_lock_seq"]; c != (counts{}) {
		t.Errorf("vm_lock_seq was read: %+v", c)
	}
	b.poke(b.vma(0), vas, "vm_refcnt", 0)
	b.m.OnGhost = nil
	if got := b.run(text, nil); got == 1 {
		t.Error("a detached VMA was locked")
	}
}
