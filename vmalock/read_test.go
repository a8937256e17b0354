package vmalock_test

import (
	"testing"

	"cohsim/internal/mem"
	"cohsim/vmalock"
	"cohsim/vmalock/interp"
)

type access = interp.Access

func addrOf(v uint64) mem.Addr { return mem.Addr(v) }

const (
	startRead = `
	call rcu_read_lock()
	call vma_start_read(mm, vma) locked=locked retry=retry fallback=fallback
locked:
	call rcu_read_unlock()
	count lock.read.success ghost reader_true vma
	mov got, 1
	halt
retry:
	mov got, 2
	halt
fallback:
	mov got, 3
	halt`
	endRead = `
	call vma_end_read(vma)
	halt`
	locked, retry, fallback = 1, 2, 3
	vas                     = "vm_area_struct"
	mms                     = "mm_struct"
	bit30                   = 0x40000000
)

func onEveryISA(t *testing.T, f func(t *testing.T, b *bench)) {
	for _, isa := range isas {
		t.Run(isa.String(), func(t *testing.T) { f(t, newBench(t, vmalock.VMRefcnt, isa, 2)) })
	}
}

func wantGot(t *testing.T, got, want uint64, exit string) {
	t.Helper()
	if got != want {
		t.Errorf("left by exit %d, want %s (%d)", got, exit, want)
	}
}

func wantRef(t *testing.T, b *bench, want uint64) {
	t.Helper()
	if r := b.ref(); r != want {
		t.Errorf("vm_refcnt is %#x, want %#x", r, want)
	}
}

func TestReadLockAddsOneAndUnlockTakesItBack(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		wantGot(t, b.run(startRead, nil), locked, "locked")
		wantRef(t, b, 2)
		wantGot(t, b.run(startRead, nil), locked, "locked")
		wantRef(t, b, 3)
		if b.counts["lock.cas.failures"] != 0 {
			t.Error("a CAS failed with nobody else there")
		}
	})
}

func TestReadUnlockTakesOneBack(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		wantGot(t, b.run(startRead+"\n", nil), locked, "locked")
		th := b.m.Threads[0]
		th.Halted, th.PC = false, 0
		th.Prog = b.program(endRead)
		th.Regs[th.Prog.Bind["vma"]] = uint64(b.vma(0))
		if err := b.m.RunAll(1000); err != nil {
			t.Fatal(err)
		}
		wantRef(t, b, 1)
		b.idle()
	})
}

func TestReadOfADetachedVMAAsksToWalkAgain(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.poke(b.vma(0), vas, "vm_refcnt", 0)
		wantGot(t, b.run(startRead, nil), retry, "retry")
		wantRef(t, b, 0)
	})
}

func TestReadAtTheLimitFallsBackWithoutWriting(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		for _, at := range []uint64{bit30 - 1, bit30, bit30 + 1, bit30 + 5} {
			b.poke(b.vma(0), vas, "vm_refcnt", at)
			wantGot(t, b.run(startRead, nil), fallback, "fallback")
			wantRef(t, b, at)
		}
		if c := b.access["vm_area_struct.vm_refcnt"]; c.stores+c.rmws != 0 {
			t.Errorf("vm_refcnt was written: %+v", c)
		}
	})
}

func TestTheLastCountBelowTheLimitIsStillGiven(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	b.m.OnGhost = nil
	b.poke(b.vma(0), vas, "vm_refcnt", bit30-2)
	wantGot(t, b.run(startRead, nil), locked, "locked")
	wantRef(t, b, bit30-1)
}

func TestEqualSequenceNumbersTurnAReaderAwayBeforeItWrites(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.poke(b.mm, mms, "mm_lock_seq.sequence", 7)
		b.poke(b.vma(0), vas, "vm_lock_seq", 7)
		wantGot(t, b.run(startRead, nil), fallback, "fallback")
		if c := b.access["vm_area_struct.vm_refcnt"]; c != (counts{}) {
			t.Errorf("vm_refcnt was touched: %+v", c)
		}
	})
}

// The writer marks the VMA between the reader's hint and its count.
func TestAWriterSeenAfterTheCountMakesTheReaderGiveItBack(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		th := b.thread(startRead, nil)
		b.load()
		for b.ref() == 1 {
			if _, err := b.m.Step(0); err != nil {
				t.Fatal(err)
			}
		}
		b.poke(b.mm, mms, "mm_lock_seq.sequence", 7)
		b.poke(b.vma(0), vas, "vm_lock_seq", 7)
		if err := b.m.RunAll(1000); err != nil {
			t.Fatal(err)
		}
		wantGot(t, th.Regs[th.Prog.Bind["got"]], fallback, "fallback")
		wantRef(t, b, 1)
		b.idle()
	})
}

func TestAVMAOfAnotherMMIsPutBackWithThatMMPinned(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		other := b.w.AddMM()
		b.load()
		b.poke(b.vma(0), vas, "vm_mm", uint64(other))
		var pinned uint64
		b.m.OnGhost = nil
		old := b.m.OnAccess
		refA, _ := b.w.Field(b.vma(0), vas, "vm_refcnt")
		b.m.OnAccess = func(a access) {
			old(a)
			if a.Addr == refA && a.Wrote && a.New == 1 {
				pinned = b.field(other, mms, "mm_count")
			}
		}
		wantGot(t, b.run(startRead, nil), fallback, "fallback")
		wantRef(t, b, 1)
		if pinned != 2 {
			t.Errorf("the other mm had %d references during the put, want 2", pinned)
		}
		if n := b.field(other, mms, "mm_count"); n != 1 {
			t.Errorf("the other mm has %d references afterwards, want 1", n)
		}
	})
}

func TestAFailedSwapTriesAgainWithTheValueItSaw(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	b.m.OnGhost = nil
	th := b.thread(startRead, nil)
	b.load()
	for b.access["vm_area_struct.vm_refcnt"].loads == 0 {
		if _, err := b.m.Step(0); err != nil {
			t.Fatal(err)
		}
	}
	b.poke(b.vma(0), vas, "vm_refcnt", 5)
	if err := b.m.RunAll(1000); err != nil {
		t.Fatal(err)
	}
	wantGot(t, th.Regs[th.Prog.Bind["got"]], locked, "locked")
	wantRef(t, b, 6)
	if c := b.access["vm_area_struct.vm_refcnt"]; c.loads != 1 || c.rmws != 2 {
		t.Errorf("vm_refcnt had %d loads and %d swaps, want 1 and 2: the loop must not load again", c.loads, c.rmws)
	}
	if b.counts["lock.cas.failures"] != 1 {
		t.Errorf("%d CAS failures counted, want 1", b.counts["lock.cas.failures"])
	}
}

// A put wakes the waiting writer exactly when it leaves the bit30, or the flag
// and one, behind.
func TestUnlockWakesTheWriterAtTheFlagAndTheFlagPlusOneOnly(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.m.OnGhost = nil
		sleeper := b.w.AddTask()
		b.load()
		for _, c := range []struct {
			before uint64
			wakes  bool
		}{{bit30 + 3, false}, {bit30 + 2, true}, {bit30 + 1, true}, {2, false}, {5, false}, {1, false}} {
			b.poke(b.vma(0), vas, "vm_refcnt", c.before)
			b.poke(b.mm, mms, "vma_writer_wait.task", uint64(sleeper))
			b.poke(sleeper, "task_struct", "__state", 2)
			b.run(endRead, nil)
			if woken := b.field(sleeper, "task_struct", "__state") == 0; woken != c.wakes {
				t.Errorf("a put from %#x woke the writer: %t, want %t", c.before, woken, c.wakes)
			}
			wantRef(t, b, c.before-1)
		}
	})
}

func TestAWakeUpWithNobodyWaitingWritesNothing(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	b.m.OnGhost = nil
	b.poke(b.vma(0), vas, "vm_refcnt", bit30+2)
	b.run(endRead, nil)
	if c := b.access["task_struct.__state"]; c.stores != 0 {
		t.Errorf("a task state was written: %+v", c)
	}
}

const lockUnderRCU = `
	call lock_vma_under_rcu(mm, addr) -> v  locked=locked fallback=fallback
locked:
	call vma_end_read(v)
	mov got, v
	halt
fallback:
	mov got, 3
	halt`

func TestLockVMAUnderRCUFindsTheVMAThatCoversTheAddress(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		for i := range 2 {
			for _, a := range []uint64{0, 1, vmaSpan - 1} {
				got := b.run(lockUnderRCU, map[string]uint64{"addr": vmaBase + uint64(i)*vmaSpan + a})
				if got != uint64(b.vma(i)) {
					t.Errorf("offset %#x of vma[%d]: got %s", a, i, b.w.Space.Symbol(addrOf(got)))
				}
			}
		}
		for _, a := range []uint64{0, vmaBase - 1, vmaBase + 2*vmaSpan, ^uint64(0)} {
			if got := b.run(lockUnderRCU, map[string]uint64{"addr": a}); got != fallback {
				t.Errorf("address %#x: got %#x, want the fallback", a, got)
			}
		}
		if b.counts["lock.read.success"] != 6 || b.counts["lock.read.abort"] != 4 {
			t.Errorf("counted %v", b.counts)
		}
		b.idle()
	})
}

func TestAVMAThatMovedMeanwhileIsUnlockedAgain(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.load()
		b.poke(b.vma(0), vas, "vm_start", vmaBase+0x1000)
		if got := b.run(lockUnderRCU, nil); got != fallback {
			t.Errorf("got %#x, want the fallback", got)
		}
		wantRef(t, b, 1)
		if b.counts["lock.read.abort"] != 1 {
			t.Errorf("counted %v", b.counts)
		}
		b.idle()
	})
}

// A detached VMA that is still in the tree is a miss, and the walk starts anew,
// until the tree has changed too.
func TestADetachedVMAInTheTreeIsAMissAndAnotherWalk(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	b.m.OnGhost = nil
	b.poke(b.vma(0), vas, "vm_refcnt", 0)
	th := b.thread(lockUnderRCU, nil)
	b.load()
	b.poke(b.vma(0), vas, "vm_refcnt", 0)
	for b.counts["lock.read.miss"] < 3 {
		if _, err := b.m.Step(0); err != nil {
			t.Fatal(err)
		}
	}
	b.poke(b.mm, mms, "mm_mt.ma_root", 0)
	if err := b.m.RunAll(10000); err != nil {
		t.Fatal(err)
	}
	wantGot(t, th.Regs[th.Prog.Bind["got"]], fallback, "fallback")
}
