package vmalock_test

import (
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

const (
	killable = "\n\tcall vma_start_write_killable(vma)  locked=on interrupted=killed\non:\n\tmov got, 1\n\thalt\nkilled:\n\tmov got, 2\n\thalt"
	// A wait that a signal ends at once, in place of the real one.
	signalled = "program rcuwait_wait_event\n\trole mm mm_struct\n\trole vma vm_area_struct\n\tin target state\n\texit met interrupted\n\texit interrupted\n"
)

func TestAKillableWriteLockIsAWriteLock(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		if got := b.run(mmapWriteLock+killable, nil); got != 1 {
			t.Errorf("left by exit %d", got)
		}
		if s := b.field(b.vma(0), vas, "vm_lock_seq"); s != 1 {
			t.Errorf("vm_lock_seq is %d, want the mm's, 1", s)
		}
		wantGot(t, b.run(startRead, nil), fallback, "fallback")
	})
}

// A signal that ends the wait leaves the count as it was and the VMA unmarked.
// With DEBUG_VM, patches 7 to 10 warn of that wrongly, and v4 does not.
func TestAnInterruptedWriteLockPutsTheCountBack(t *testing.T) {
	double, err := cpu.Parse("signalled.uop", []byte(signalled))
	if err != nil {
		t.Fatal(err)
	}
	for patch := range vmalock.Merged + 1 {
		for _, debug := range []bool{false, true} {
			kind := vmalock.VMRefcnt.With(options(func(o *vmalock.Options) { o.Patch, o.DebugVM, o.Lockdep = patch, debug, true }))
			procs, err := kind.Programs()
			if err != nil {
				t.Fatal(err)
			}
			b := newBenchWith(t, kind, cpu.X86_64, 1, cpu.LibraryOf(append(double, procs...)...), layoutOf(t, kind))
			b.run(startRead, nil) // a reader that stays
			if debug && patch >= 7 && patch <= 10 {
				if r := b.rule(mmapWriteLock + killable); r != "WARN" {
					t.Errorf("patch %d with DEBUG_VM broke rule %q, want the wrong warning", patch, r)
				}
				continue
			}
			if got := b.run(mmapWriteLock+killable, nil); got != 2 {
				t.Errorf("patch %d: left by exit %d, want interrupted", patch, got)
			}
			wantRef(t, b, 2)
			if s := b.field(b.vma(0), vas, "vm_lock_seq"); s != 0xffffffff {
				t.Errorf("patch %d: vm_lock_seq is %#x", patch, s)
			}
			if n := b.field(b.w.Tasks[1], "task_struct", "lockdep_depth"); n != 1 { // mmap_lock
				t.Errorf("patch %d: %d locks are held, want mmap_lock alone", patch, n)
			}
			if b.counts["lock.warnings"] != 0 {
				t.Errorf("patch %d: %v", patch, b.counts)
			}
		}
	}
}

func TestAttachingTwiceAndDetachingTwiceAreWarnings(t *testing.T) {
	for before, call := range map[string]string{vmaHeldForWrite: "vma_mark_attached", vmaDetached: "vma_mark_detached"} {
		b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1)
		if r := b.rule(before + "\n\tcall " + call + "(vma)\n\thalt"); r != "WARN" {
			t.Errorf("%s broke rule %q, want WARN", call, r)
		}
	}
}

// The reader in flight leaves between the detacher's decrement and its flag.
func TestDetachWithNobodyLeftWaitsForNobody(t *testing.T) {
	for patch := range vmalock.Merged + 1 {
		o := options(func(o *vmalock.Options) { o.Patch = patch })
		b := newBench(t, vmalock.VMRefcnt.With(o), cpu.X86_64, 1).deaf()
		b.load()
		b.poke(b.vma(0), vas, "vm_refcnt", 0)
		b.run(mmapWriteLock+"\n\tcall __vma_exclude_readers_for_detach(vma)\n\thalt", nil)
		wantRef(t, b, 0)
		if c := b.access["vm_area_struct.vm_refcnt"]; c != (counts{loads: 1}) || b.counts["lock.warnings"] != 0 {
			t.Errorf("patch %d: %+v, counted %v", patch, c, b.counts)
		}
	}
}

func TestLockNextVMAWarnsWhereItCannotCount(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1).deaf()
	b.load()
	b.poke(b.vma(0), vas, "vm_refcnt", bit30-1)
	if got := b.run(lockNext, nil); got != 3 || b.counts["lock.warnings"] != 1 || b.sem() != 0 {
		t.Errorf("left by %d, counted %v, mmap_lock.count %#x", got, b.counts, b.sem())
	}
}
