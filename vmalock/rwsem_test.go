package vmalock_test

import (
	"testing"

	"cohsim/vmalock"
	"cohsim/vmalock/interp"
)

const (
	downRead       = "\n\tcall down_read([mm.mmap_lock])\n\tmov got, 1\n\thalt"
	downWrite      = "\n\tcall down_write([mm.mmap_lock])\n\tmov got, 1\n\thalt"
	readSection    = "\n\tcall down_read([mm.mmap_lock])\n\tmov got, 1\n\tcall up_read([mm.mmap_lock])\n\thalt"
	writeSection   = "\n\tcall down_write([mm.mmap_lock])\n\tmov got, 1\n\tcall up_write([mm.mmap_lock])\n\thalt"
	downgradeWrite = "\n\tcall down_write([mm.mmap_lock])\n\tcall downgrade_write([mm.mmap_lock])\n\tmov got, 1\n\tcall up_read([mm.mmap_lock])\n\thalt"
)

func (b *bench) sem() uint64 { return b.field(b.mm, mms, "mmap_lock.count") }

func (b *bench) queue() (first, last uint64) {
	return b.field(b.mm, mms, "mmap_lock.wait_list.next"), b.field(b.mm, mms, "mmap_lock.wait_list.prev")
}

func (b *bench) got(i int) uint64 {
	th := b.m.Threads[i]
	return th.Regs[th.Prog.Bind["got"]]
}

func TestReadersAndWritersLeaveTheWordsTheKernelLeaves(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		owner := func() uint64 { return b.field(b.mm, mms, "mmap_lock.owner") }
		b.run(downRead, nil)
		if b.sem() != 0x100 || owner() != uint64(b.w.Tasks[0])|1 {
			t.Errorf("one reader: count %#x, owner %#x", b.sem(), owner())
		}
		b.run(downRead, nil)
		if b.sem() != 0x200 || owner() != uint64(b.w.Tasks[1])|1 {
			t.Errorf("two readers: count %#x, owner %#x", b.sem(), owner())
		}
	})
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.run(downWrite, nil)
		if o := b.field(b.mm, mms, "mmap_lock.owner"); b.sem() != 1 || o != uint64(b.w.Tasks[0]) {
			t.Errorf("a writer: count %#x, owner %#x", b.sem(), o)
		}
	})
	onEveryISA(t, func(t *testing.T, b *bench) {
		for _, text := range []string{readSection, writeSection, downgradeWrite} {
			b.run(text, nil)
			if b.sem() != 0 {
				t.Errorf("count %#x after everybody left", b.sem())
			}
		}
		b.idle()
	})
}

func TestTryingForReadFailsBesideAWriterAndWritesNothing(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		const try = `
	call mmap_read_trylock(mm) locked=locked busy=busy
locked:
	mov got, 1
	halt
busy:
	mov got, 2
	halt`
		b.run(downWrite, nil)
		clear(b.access)
		if got := b.run(try, nil); got != 2 {
			t.Error("locked beside a writer")
		}
		if c := b.access["mm_struct.mmap_lock.count"]; c != (counts{loads: 1}) {
			t.Errorf("made %+v on count, want one load", c)
		}
	})
	onEveryISA(t, func(t *testing.T, b *bench) {
		const try = "\n\tcall mmap_read_trylock(mm) locked=locked busy=busy\nlocked:\n\tmov got, 1\nbusy:\n\thalt"
		if got := b.run(try, nil); got != 1 || b.sem() != 0x100 {
			t.Errorf("got %d, count %#x", got, b.sem())
		}
	})
}

func TestAQueuedReaderSetsTheWaitersBitAndTakesItsCountBack(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(writeSection, nil)
		b.thread(readSection, nil)
		b.thread(readSection, nil)
		b.load()
		stepUntil(t, b, 0, func() bool { return b.got(0) == 1 })
		stepUntil(t, b, 1, never)
		stepUntil(t, b, 2, never)
		if b.sem() != 3 {
			t.Errorf("count is %#x, want a writer and the waiters bit, 3", b.sem())
		}
		if b.got(1)+b.got(2) != 0 {
			t.Error("a reader is in beside the writer")
		}
		stepUntil(t, b, 0, never) // the writer leaves: both readers are let in at once
		if b.sem() != 0x200 {
			t.Errorf("count is %#x after the hand-over, want two readers and an empty queue", b.sem())
		}
		if f, l := b.queue(); f != 0 || l != 0 {
			t.Errorf("the queue still holds %#x, %#x", f, l)
		}
		stepUntil(t, b, 1, never)
		stepUntil(t, b, 2, never)
		if b.counts["lock.wakeups"] != 2 || b.counts["lock.wakeups.spurious"] != 0 {
			t.Errorf("counted %v", b.counts)
		}
		b.idle()
	})
}

func TestAQueuedWriterIsWokenByTheLastReader(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(readSection, nil)
		b.thread(readSection, nil)
		b.thread(writeSection, nil)
		b.load()
		stepUntil(t, b, 0, func() bool { return b.got(0) == 1 })
		stepUntil(t, b, 1, func() bool { return b.got(1) == 1 })
		stepUntil(t, b, 2, never)
		if b.sem() != 0x202 {
			t.Errorf("count is %#x, want two readers and the waiters bit, 0x202", b.sem())
		}
		stepUntil(t, b, 0, never)
		if s, _ := b.m.Step(2); s != interp.Blocked {
			t.Error("the writer runs beside a reader")
		}
		stepUntil(t, b, 1, never)
		stepUntil(t, b, 2, func() bool { return b.got(2) == 1 })
		if b.sem() != 1 {
			t.Errorf("count is %#x, want the writer alone: as the last in the queue it takes the waiters bit along", b.sem())
		}
		stepUntil(t, b, 2, never)
		b.idle()
	})
}

func TestAReaderDoesNotOvertakeAQueuedWriterWhileOthersRead(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	b.thread(readSection, nil)
	b.thread(writeSection, nil)
	b.thread(readSection, nil)
	b.load()
	stepUntil(t, b, 0, func() bool { return b.got(0) == 1 })
	stepUntil(t, b, 1, never)
	stepUntil(t, b, 2, never)
	if b.got(2) != 0 {
		t.Error("the late reader got in although a writer waits")
	}
	stepUntil(t, b, 0, never)
	stepUntil(t, b, 1, func() bool { return b.got(1) == 1 })
	if b.got(1) != 1 {
		t.Error("the writer is not next" + b.where())
	}
	stepUntil(t, b, 1, never)
	stepUntil(t, b, 2, never)
	if b.got(2) != 1 {
		t.Error("the late reader never got in" + b.where())
	}
	b.idle()
}

func TestADowngradeLetsQueuedReadersIn(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread("\n\tcall down_write([mm.mmap_lock])\n\tmov got, 1\n\tcall downgrade_write([mm.mmap_lock])\n\tmov got, 2\n\tcall up_read([mm.mmap_lock])\n\thalt", nil)
		b.thread(readSection, nil)
		b.load()
		stepUntil(t, b, 0, func() bool { return b.got(0) == 1 })
		stepUntil(t, b, 1, never)
		stepUntil(t, b, 0, func() bool { return b.got(0) == 2 })
		if b.sem() != 0x200 {
			t.Errorf("count is %#x, want two readers", b.sem())
		}
		stepUntil(t, b, 1, never)
		stepUntil(t, b, 0, never)
		b.idle()
	})
}
