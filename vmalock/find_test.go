package vmalock_test

import (
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

const lockNext = `
	call lock_next_vma(mm, addr) -> v  locked=locked none=none interrupted=none
locked:
	call vma_end_read(v)
	mov got, v
	halt
none:
	mov got, 3
	halt`

func TestLockNextVMAFindsTheFirstThatEndsAbove(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		for _, c := range []struct{ addr, want uint64 }{
			{0, uint64(b.vma(0))}, {vmaBase, uint64(b.vma(0))}, {vmaBase + vmaSpan - 1, uint64(b.vma(0))},
			{vmaBase + vmaSpan, uint64(b.vma(1))}, {vmaBase + 2*vmaSpan, 3},
		} {
			if got := b.run(lockNext, map[string]uint64{"addr": c.addr}); got != c.want {
				t.Errorf("%#x: got %#x, want %#x", c.addr, got, c.want)
			}
		}
		if b.counts["lock.read.success"] != 4 || b.counts["lock.read.abort"] != 0 {
			t.Errorf("counted %v", b.counts)
		}
		b.idle()
	})
}

// Behind a writer's back it falls back to mmap_lock, and gives that back.
func TestLockNextVMAFallsBackToMmapLock(t *testing.T) {
	for name, change := range map[string]func(b *bench){
		"marked by a writer": func(b *bench) { b.poke(b.mm, mms, "mm_lock_seq.sequence", 6); b.poke(b.vma(0), vas, "vm_lock_seq", 6) },
		"moved down":         func(b *bench) { b.poke(b.vma(0), vas, "vm_end", vmaBase) },
	} {
		b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 2).deaf()
		b.load()
		change(b)
		if got := b.run(lockNext, nil); got != uint64(b.vma(0)) {
			t.Errorf("%s: got %#x", name, got)
		}
		if b.counts["lock.read.abort"] != 1 || b.sem() != 0 {
			t.Errorf("%s: counted %v, mmap_lock.count %#x", name, b.counts, b.sem())
		}
		wantRef(t, b, 1)
	}
}

// A VMA found ahead is looked up again if a writer may have put one before it.
func TestLockNextVMALooksAgainAfterAWriter(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 2)
	th := b.thread(lockNext, map[string]uint64{"addr": vmaBase - 0x1000})
	b.load()
	stepUntil(t, b, 0, func() bool { return b.ref() == 2 })
	b.poke(b.mm, mms, "mm_lock_seq.sequence", 2)
	before := b.access["mm_struct.mm_mt.ma_root"].loads
	stepUntil(t, b, 0, never)
	if got := th.Regs[th.Prog.Bind["got"]]; got != uint64(b.vma(0)) {
		t.Errorf("got %#x", got)
	}
	if n := b.access["mm_struct.mm_mt.ma_root"].loads - before; n != 2 { // the gap, and the VMA behind it
		t.Errorf("%d walks after the writer, want 2", n)
	}
	b.idle()
}

// A store that fits exactly is one store, and walks find it at once.
func TestStoringAnEntryTakesAVMAOutOfTheTreeAndPutsItBack(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.run("\n\tcall rcu_read_lock()\n\tcall mas_store(mm, addr, 0)\n\thalt", nil)
		if got := b.run(lockUnderRCU, nil); got != fallback {
			t.Errorf("found %#x where nothing is mapped", got)
		}
		if got := b.run(lockNext, nil); got != uint64(b.vma(1)) {
			t.Errorf("the next one is %#x, want vma[1]", got)
		}
		b.run("\n\tcall rcu_read_lock()\n\tcall mas_store(mm, addr, vma)\n\thalt", nil)
		if got := b.run(lockUnderRCU, nil); got != uint64(b.vma(0)) {
			t.Errorf("found %#x", got)
		}
		if c := b.access["maple_range_64.slot[0]"]; c.stores != 2 {
			t.Errorf("two stores of entries made %+v", c)
		}
	})
}

const moveLock = `
	call uffd_move_lock(mm, addr, rnd) -> v, w  locked=locked none=none
locked:
	mov got, w
	halt
none:
	mov got, 3
	halt`

func TestMovingLocksBothVMAsOrNeither(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		if got := b.run(moveLock, map[string]uint64{"rnd": vmaBase + vmaSpan}); got != uint64(b.vma(1)) {
			t.Errorf("the second is %#x, want vma[1]", got)
		}
		if r0, r1 := b.ref(), b.field(b.vma(1), vas, "vm_refcnt"); r0 != 2 || r1 != 2 {
			t.Errorf("counts %d and %d, want 2 and 2", r0, r1)
		}
		b.deaf()
		if got := b.run(moveLock, map[string]uint64{"rnd": vmaBase + 1}); got != uint64(b.vma(0)) || b.ref() != 3 {
			t.Errorf("both in one: the second is %#x, the count %d", got, b.ref())
		}
		if got := b.run(moveLock, map[string]uint64{"rnd": 0}); got != 3 || b.ref() != 3 || b.sem() != 0 {
			t.Errorf("one in a gap: exit %d, count %d, mmap_lock.count %#x", got, b.ref(), b.sem())
		}
		// A writer had marked them: both under mmap_lock.
		b.poke(b.mm, mms, "mm_lock_seq.sequence", 6)
		b.poke(b.vma(1), vas, "vm_lock_seq", 6)
		if got := b.run(moveLock, map[string]uint64{"rnd": vmaBase + vmaSpan}); got != uint64(b.vma(1)) || b.ref() != 4 || b.sem() != 0 {
			t.Errorf("under mmap_lock: %#x, count %d, mmap_lock.count %#x", got, b.ref(), b.sem())
		}
		// The second cannot be counted: the first is given back.
		b.poke(b.vma(1), vas, "vm_refcnt", bit30-1)
		if got := b.run(moveLock, map[string]uint64{"rnd": vmaBase + vmaSpan}); got != 3 || b.ref() != 4 || b.sem() != 0 {
			t.Errorf("at the limit: exit %d, count %d, mmap_lock.count %#x", got, b.ref(), b.sem())
		}
	})
}

func TestAKernelFaultTakesMmapLock(t *testing.T) {
	const text = "\n\tcall lock_mm_and_find_vma(mm, addr) -> v  found=f none=n\nf:\n\tmov got, v\n\thalt\nn:\n\tmov got, 3\n\thalt"
	onEveryISA(t, func(t *testing.T, b *bench) {
		if got := b.run(text, map[string]uint64{"addr": 0}); got != 3 || b.sem() != 0 {
			t.Errorf("in a gap: %#x, mmap_lock.count %#x", got, b.sem())
		}
		if got := b.run(text, nil); got != uint64(b.vma(0)) || b.sem() != 0x100 {
			t.Errorf("got %#x, mmap_lock.count %#x", got, b.sem())
		}
		wantRef(t, b, 1)
	})
}

// The first fault on anonymous memory needs mmap_lock, and takes no for an answer.
func TestTheFirstFaultPreparesTheVMAOrIsRepeated(t *testing.T) {
	const text = "\n\tcall vmf_anon_prepare(mm, vma, held)  ready=r retry=n\nr:\n\tmov got, 1\n\thalt\nn:\n\tmov got, 2\n\thalt"
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.deaf()
		prepared := func() bool { return b.field(b.vma(0), vas, "anon_vma") != 0 }
		clear(b.access)
		if got := b.run(text, nil); got != 1 || b.access["mm_struct.mmap_lock.count"] != (counts{}) {
			t.Errorf("prepared already: exit %d, %v", got, b.access)
		}
		b.poke(b.vma(0), vas, "anon_vma", 0)
		b.poke(b.mm, mms, "mmap_lock.count", 1)
		if got := b.run(text, nil); got != 2 || prepared() {
			t.Errorf("beside a writer: exit %d, prepared %t", got, prepared())
		}
		b.poke(b.mm, mms, "mmap_lock.count", 0)
		if got := b.run(text, nil); got != 1 || !prepared() || b.sem() != 0 || b.field(b.mm, mms, "page_table_lock") != 0 {
			t.Errorf("exit %d, prepared %t, mmap_lock.count %#x", got, prepared(), b.sem())
		}
		b.poke(b.vma(0), vas, "anon_vma", 0)
		b.poke(b.mm, mms, "mmap_lock.count", 0x100)
		if got := b.run(text, map[string]uint64{"held": 1}); got != 1 || !prepared() || b.sem() != 0x100 {
			t.Errorf("under mmap_lock: exit %d, prepared %t, mmap_lock.count %#x", got, prepared(), b.sem())
		}
	})
}

// Without per-VMA locks faults take mmap_lock, and the functions do nothing, or
// assert mmap_lock instead.
func TestWithoutPerVMALocksOnlyMmapLockIsTouched(t *testing.T) {
	kind := vmalock.VMRefcnt.With(options(func(o *vmalock.Options) { o.PerVMALock = false }))
	const text = `
	call vma_lock_init(vma)
	call mmap_write_lock(mm)
	call vma_start_write(vma)
	call vma_start_write_killable(vma)  locked=on interrupted=on
on:
	call vma_mark_attached(vma)
	call vma_assert_attached(vma)
	call vma_assert_detached(vma)
	call vma_mark_detached(vma)
	call vma_assert_write_locked(vma)
	call vma_assert_locked(vma)
	call vma_assert_stabilised(vma)
	call mmap_write_unlock(mm)
	call vma_end_read(vma)
	call mmap_lock_speculate_try_begin(mm) -> x  begun=bad busy=refused
refused:
	call mmap_lock_speculate_retry(mm, x)  same=bad changed=fault
fault:
	call lock_vma_under_rcu(mm, addr) -> v  locked=bad fallback=slow
slow:
	call read_begin(mm, addr) -> v, held  locked=in none=bad
in:
	mov got, held
	call read_end(mm, v, held)
	halt
bad:
	mov got, 9
	halt`
	b := newBench(t, kind, cpu.X86_64, 1)
	if got := b.run(text, nil); got != 1 {
		t.Errorf("got %d, want mmap_lock held", got)
	}
	for _, field := range []string{"vm_area_struct.vm_refcnt", "vm_area_struct.vm_lock_seq", "mm_struct.mm_lock_seq.sequence"} {
		if c := b.access[field]; c != (counts{}) {
			t.Errorf("%s: %+v", field, c)
		}
	}
	b.idle()
	for _, assertion := range []string{"vma_assert_write_locked", "vma_assert_locked", "vma_assert_stabilised"} {
		if r := newBench(t, kind, cpu.X86_64, 1).rule("\n\tcall " + assertion + "(vma)\n\thalt"); r != "WARN" {
			t.Errorf("%s without mmap_lock broke rule %q, want WARN", assertion, r)
		}
	}
}

// Numbers of two bits come round after two write locks of mmap_lock, and a VMA
// that was never locked looks as if it were.
func TestNarrowNumbersWrap(t *testing.T) {
	kind := vmalock.VMRefcnt.With(options(func(o *vmalock.Options) { o.SeqBits = 2 }))
	const write = "\n\tcall mmap_write_lock(mm)\n\tcall mmap_write_unlock(mm)\n\thalt"
	b := newBench(t, kind, cpu.X86_64, 1)
	b.run(write, nil)
	b.run("\n\tcall mmap_write_lock(mm)\n\thalt", nil)
	if m, v := b.field(b.mm, mms, "mm_lock_seq.sequence"), b.field(b.vma(0), vas, "vm_lock_seq"); m != 3 || v != 3 {
		t.Errorf("numbers %d and %d, want 3 and 3", m, v)
	}
	b = newBench(t, kind, cpu.X86_64, 1)
	b.run(startRead, nil) // a reader that stays
	b.run(write, nil)
	if r := b.rule("\n\tcall mmap_write_lock(mm)\n\tcall vma_start_write(vma)\n\thalt"); r != "I1" {
		t.Errorf("a write lock that excludes nobody broke rule %q, want I1", r)
	}
}
