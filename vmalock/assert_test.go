package vmalock_test

import (
	"fmt"
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

// How a VMA and mmap_lock may stand when an assertion is made, as a program that
// comes before it.
const (
	nobody          = ""
	heldForWrite    = "\n\tcall mmap_write_lock(mm)"
	heldForRead     = "\n\tcall mmap_read_lock(mm)"
	vmaHeldForWrite = heldForWrite + "\n\tcall vma_start_write(vma)"
	vmaHeldForRead  = "\n\tcall lock_vma_under_rcu(mm, addr) -> v  locked=held fallback=held\nheld:"
	vmaDetached     = vmaHeldForWrite + "\n\tcall vma_mark_detached(vma)"
)

// Each assertion holds and fails where it should, on every kernel that has it.
func TestAssertionsHoldAndFailWhereTheyShould(t *testing.T) {
	vm := func(o vmalock.Options) bool { return o.DebugVM }
	always := func(vmalock.Options) bool { return true }
	for _, c := range []struct {
		assertion string
		in        func(o vmalock.Options) bool // kernels whose code it is; others never warn
		holds     []string
		fails     []string
	}{
		{"mmap_assert_write_locked(mm)", always, []string{heldForWrite, vmaHeldForWrite}, []string{nobody, heldForRead}},
		{"mmap_assert_locked(mm)", always, []string{heldForWrite, heldForRead}, []string{nobody}},
		{"vma_assert_attached(vma)", always, []string{nobody, vmaHeldForWrite, vmaHeldForRead}, []string{vmaDetached}},
		{"vma_assert_detached(vma)", always, []string{vmaDetached}, []string{nobody, vmaHeldForRead}},
		{"vma_assert_write_locked(vma)", vm, []string{vmaHeldForWrite}, []string{heldForWrite}},
		{"vma_assert_locked(vma)", vm, []string{vmaHeldForWrite, vmaHeldForRead}, []string{heldForWrite}},
		{"vma_assert_stabilised(vma)", vm, []string{vmaHeldForWrite, vmaHeldForRead, heldForRead, heldForWrite}, []string{nobody}},
		{"anon_vma_name(vma)", vm, []string{vmaHeldForRead, heldForRead}, []string{nobody}},
		{"vma_flag_set_atomic(vma, 0x800)", vm, []string{vmaHeldForRead, heldForRead}, []string{nobody}},
	} {
		for _, o := range kernels {
			if !o.PerVMALock {
				continue
			}
			for i, before := range append(append([]string{}, c.holds...), c.fails...) {
				b := newBench(t, vmalock.VMRefcnt.With(o), cpu.X86_64, 1)
				want := ""
				if i >= len(c.holds) && c.in(o) {
					want = "WARN"
				}
				if got := b.rule(before + "\n\tcall " + c.assertion + "\n\thalt"); got != want {
					t.Errorf("%s after%q on %+v: broke rule %q, want %q", c.assertion, before, o, got, want)
				}
			}
		}
	}
}

// Without lockdep, mmap_lock held by anybody at all is enough.
func TestStabilisedSaysTooLittleWithoutLockdep(t *testing.T) {
	for _, lockdep := range []bool{false, true} {
		for _, patch := range []int{9, vmalock.Merged} {
			o := options(func(o *vmalock.Options) { o.DebugVM, o.Lockdep, o.Patch = true, lockdep, patch })
			b := newBench(t, vmalock.VMRefcnt.With(o), cpu.X86_64, 1)
			b.run("\n\tcall mmap_read_lock(mm)\n\thalt", nil) // another task, and it keeps it
			th := b.thread("\n\tcall anon_vma_name(vma)\n\thalt", nil)
			var err error
			for !th.Halted && err == nil {
				_, err = b.m.Step(1)
			}
			if caught := err != nil; caught != (lockdep && patch >= 10) {
				t.Errorf("lockdep %t, patch %d: caught %t", lockdep, patch, caught)
			}
		}
	}
}

func TestAttachedIsACountAboveNothing(t *testing.T) {
	const text = "\n\tcall vma_is_attached(vma)  yes=yes no=no\nyes:\n\tmov got, 1\n\thalt\nno:\n\tmov got, 2\n\thalt"
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1).deaf()
	for count, want := range map[uint64]uint64{0: 2, 1: 1, 2: 1, bit30: 1} {
		b.poke(b.vma(0), vas, "vm_refcnt", count)
		if got := b.run(text, nil); got != want {
			t.Errorf("count %#x: exit %d, want %d", count, got, want)
		}
	}
}

// What assertions read, as section 2.5 and 9 of the reference have it: nothing of
// the VM_ ones without DEBUG_VM, save the count from patch 9 on.
func TestAssertionsReadWhatTheKernelReads(t *testing.T) {
	const count, seq, mine, ref, mm = "mm_struct.mmap_lock.count", "mm_struct.mm_lock_seq.sequence", "vm_area_struct.vm_lock_seq", "vm_area_struct.vm_refcnt", "vm_area_struct.vm_mm"
	one := counts{loads: 1}
	writeLocked := map[string]counts{mm: one, count: one, seq: one, mine: one}
	for _, c := range []struct {
		assertion string
		before    string
		patches   [2]int
		debug     bool
		want      map[string]counts
	}{
		{"vma_assert_write_locked", vmaHeldForWrite, [2]int{0, 11}, true, writeLocked},
		{"vma_assert_write_locked", vmaHeldForWrite, [2]int{0, 11}, false, map[string]counts{}},
		{"vma_assert_locked", vmaHeldForWrite, [2]int{0, 11}, true, map[string]counts{ref: one, mm: one, count: one, seq: one, mine: one}},
		{"vma_assert_locked", vmaHeldForRead, [2]int{0, 11}, true, map[string]counts{ref: one}},
		{"vma_assert_locked", vmaHeldForRead, [2]int{0, 8}, false, map[string]counts{}},
		{"vma_assert_locked", vmaHeldForRead, [2]int{9, 11}, false, map[string]counts{ref: one}},
		{"vma_assert_stabilised", heldForRead, [2]int{0, 11}, true, map[string]counts{mm: one, count: one}},
		{"vma_assert_stabilised", heldForRead, [2]int{0, 11}, false, map[string]counts{mm: one, count: one}},
		{"vma_assert_stabilised", vmaHeldForRead, [2]int{0, 11}, true, map[string]counts{mm: one, count: one, ref: one}},
		{"vma_assert_attached", nobody, [2]int{0, 11}, false, map[string]counts{ref: one}},
		{"vma_assert_detached", vmaDetached, [2]int{0, 11}, false, map[string]counts{ref: one}},
	} {
		for patch := c.patches[0]; patch <= c.patches[1]; patch++ {
			t.Run(fmt.Sprintf("%s/%d/%t", c.assertion, patch, c.debug), func(t *testing.T) {
				o := options(func(o *vmalock.Options) { o.Patch, o.DebugVM = patch, c.debug })
				wantAccess(t, after(t, vmalock.VMRefcnt.With(o), cpu.X86_64, c.before, "\n\tcall "+c.assertion+"(vma)"), c.want)
			})
		}
	}
}
