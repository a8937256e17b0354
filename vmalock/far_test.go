package vmalock_test

import (
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

func farKind(t *testing.T) vmalock.Kind {
	k, ok := vmalock.Find("vm_refcnt_far")
	if !ok {
		t.Fatal("no such lock")
	}
	return k
}

// Counting without looking leaves no trace on a VMA that turns out to be out of
// reach, and 2 on one that is not.
func TestABlindCountIsTakenBackWhereItWasInVain(t *testing.T) {
	const bit30 = 0x40000000
	for _, c := range []struct{ before, got, after uint64 }{
		{1, 1, 3},                         // attached
		{0, 0, 0},                         // detached
		{1 | bit30, 0, 1 | bit30},         // a writer bars readers
		{1 | bit30 | 4, 0, 1 | bit30 | 4}, // ... and waits for two
	} {
		b := newBench(t, farKind(t), cpu.ARM64LSE, 1)
		b.m.OnGhost = nil
		b.poke(b.vma(0), vas, "vm_refcnt", c.before)
		got := b.run("\n\tcall vma_start_read_locked(vma) locked=yes failed=no\nyes:\n\tmov got, 1\nno:\n\thalt", nil)
		if after := b.field(b.vma(0), vas, "vm_refcnt"); got != c.got || after != c.after {
			t.Errorf("from %#x: locked %d, count %#x; want %d, %#x", c.before, got, after, c.got, c.after)
		}
	}
}

// The design's point: one access to the shared count to lock, not two.
func TestABlindCountIsOneAccess(t *testing.T) {
	b := newBench(t, farKind(t), cpu.ARM64LSE, 1)
	b.run("\n\tcall lock_vma_under_rcu(mm, addr) -> got locked=done fallback=done\ndone:\n\thalt", nil)
	if c := b.access["vm_area_struct.vm_refcnt"]; c != (counts{rmws: 1}) {
		t.Errorf("locking made %+v of vm_refcnt", c)
	}
}
