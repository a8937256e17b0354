package vmalock_test

import (
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
	"cohsim/vmalock/interp"
)

// The slow paths of the rw_semaphore: spinning, hand-off, signals, large batches.

const (
	killableWrite = "\n\tcall down_write_killable([mm.mmap_lock]) locked=in interrupted=killed\nin:\n\tmov got, 1\n\tcall up_write([mm.mmap_lock])\n\thalt\nkilled:\n\tmov got, 2\n\thalt"
	killableRead  = "\n\tcall down_read_killable([mm.mmap_lock]) locked=in interrupted=killed\nin:\n\tmov got, 1\n\tcall up_read([mm.mmap_lock])\n\thalt\nkilled:\n\tmov got, 2\n\thalt"
	twoWrites     = "\n\tcall down_write([mm.mmap_lock])\n\tmov got, 1\n\tcall up_write([mm.mmap_lock])\n\tmov got, 2\n\tcall down_write([mm.mmap_lock])\n\tmov got, 3\n\tcall up_write([mm.mmap_lock])\n\thalt"
	sendSignal    = "\n\tmov p, held\n\tcall send_sig_fatal(p)\n\thalt"
)

func (b *bench) owner() uint64 { return b.field(b.mm, mms, "mmap_lock.owner") }

// until steps thread i until it has left that number in got.
func (b *bench) until(t *testing.T, i int, got uint64) {
	t.Helper()
	stepUntil(t, b, i, func() bool { return b.got(i) == got })
	if b.got(i) != got {
		t.Fatalf("thread %d does not get there%s", i, b.where())
	}
}

// spins steps thread i for a while and fails if it blocks or gets through.
func (b *bench) spins(t *testing.T, i, steps int) {
	t.Helper()
	for range steps {
		if s, err := b.m.Step(i); err != nil || s != interp.Ran {
			t.Fatalf("thread %d does not spin: status %d, %v%s", i, s, err, b.where())
		}
	}
}

func (b *bench) blocks(t *testing.T, i int) {
	t.Helper()
	stepUntil(t, b, i, never)
	if s, _ := b.m.Step(i); s != interp.Blocked {
		t.Fatalf("thread %d does not sleep%s", i, b.where())
	}
}

func TestAWriterSpinsWhileTheOwnerRunsAndTakesTheLockWithoutASleep(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(writeSection, nil)
		b.thread(writeSection, nil)
		b.load()
		b.until(t, 0, 1)
		b.spins(t, 1, 2000)
		if b.sem() != 1 {
			t.Errorf("count is %#x, want the writer alone: a spinner is in no queue", b.sem())
		}
		stepUntil(t, b, 0, never)
		b.until(t, 1, 1)
		if b.owner() != uint64(b.w.Tasks[1]) || b.field(b.mm, mms, "mmap_lock.osq.tail") != 0 {
			t.Errorf("owner %#x, osq %#x", b.owner(), b.field(b.mm, mms, "mmap_lock.osq.tail"))
		}
		stepUntil(t, b, 1, never)
		if b.counts["lock.wakeups"] != 0 {
			t.Errorf("counted %v", b.counts)
		}
		b.idle()
	})
}

func TestAWriterSleepsWhenItsOwnerDoesNotRun(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(writeSection, nil)
		b.thread(writeSection, nil)
		b.load()
		b.until(t, 0, 1)
		b.spins(t, 1, 500)
		b.poke(b.w.Tasks[0], "task_struct", "on_cpu", 0)
		b.blocks(t, 1)
		if b.sem() != 3 {
			t.Errorf("count is %#x, want a writer and the waiters bit, 3", b.sem())
		}
		stepUntil(t, b, 0, never)
		stepUntil(t, b, 1, never)
		b.idle()
	})
}

func TestAWriterThatShouldLetAnotherTaskRunStopsSpinning(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(writeSection, nil)
		b.thread(writeSection, nil)
		b.thread(writeSection, nil)
		b.load()
		b.until(t, 0, 1)
		b.spins(t, 1, 500)
		b.spins(t, 2, 500) // behind the other spinner
		for _, i := range []int{2, 1} {
			b.poke(b.w.Tasks[i], "task_struct", "thread_info.flags", 8)
			b.blocks(t, i)
		}
		if tail := b.field(b.mm, mms, "mmap_lock.osq.tail"); tail != 0 || b.sem() != 3 {
			t.Errorf("osq %#x, count %#x", tail, b.sem())
		}
		for i := range 3 {
			stepUntil(t, b, i, never)
		}
		for i := range 3 {
			stepUntil(t, b, i, never)
		}
		b.idle()
	})
}

// Of many spinners only the first looks at the semaphore; the others each look at
// a line of their own.
func TestSpinnersWaitOnLinesOfTheirOwn(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		for range 4 {
			b.thread(writeSection, nil)
		}
		b.load()
		b.until(t, 0, 1)
		for i := 1; i < 4; i++ {
			b.spins(t, i, 400)
		}
		clear(b.access)
		b.spins(t, 2, 200)
		b.spins(t, 3, 200)
		for field := range b.access {
			if field != "optimistic_spin_node.locked" && field != "task_struct.thread_info.flags" {
				t.Errorf("a spinner that is not the first looks at %s", field)
			}
		}
		stepUntil(t, b, 0, never)
		for i := 1; i < 4; i++ {
			stepUntil(t, b, i, never)
		}
		if b.counts["lock.wakeups"] != 0 {
			t.Errorf("counted %v", b.counts)
		}
		b.idle()
	})
}

// Nobody knows whether readers run: a writer spins on them for 10 us and half of
// one for each, then says so in owner and sleeps.
func TestSpinningOnReadersHasALimit(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(readSection, nil)
		b.thread(writeSection, nil)
		b.load()
		b.until(t, 0, 1)
		before := b.m.Steps
		b.blocks(t, 1)
		spun := (b.m.Steps - before) * interp.StepNS
		if spun < 10_500 || spun > 10_500+100*interp.StepNS*10 {
			t.Errorf("spun for %d ns, want 10500 and at most 16 rounds more", spun)
		}
		if b.owner()&3 != 3 {
			t.Errorf("owner is %#x: readers' and not to be spun on", b.owner())
		}
		stepUntil(t, b, 0, never) // the last reader takes the mark away
		if b.owner()&2 != 0 {
			t.Errorf("owner is still marked, %#x", b.owner())
		}
		stepUntil(t, b, 1, never)
		b.idle()
	})
}

// A waiter lets others pass, but not for ever: then the lock is its own.
func TestAWaiterThatHasWaitedTooLongHasTheLockHandedOver(t *testing.T) {
	for _, isa := range isas {
		o := vmalock.DefaultOptions()
		o.RWSemHandoff = 20_000
		b := newBench(t, vmalock.VMRefcnt.With(o), isa, 1)
		b.thread(twoWrites, nil)    // 0 gets it twice, past the queue
		b.thread(writeSection, nil) // 1 queues
		b.thread(writeSection, nil) // 2 tries to pass, too
		b.load()
		b.until(t, 0, 1)
		b.poke(b.w.Tasks[0], "task_struct", "on_cpu", 0)
		b.blocks(t, 1)
		b.poke(b.w.Tasks[0], "task_struct", "on_cpu", 1)
		b.until(t, 0, 3)
		if b.sem() != 3 {
			t.Fatalf("%v: count is %#x, want the lock taken past the waiter", isa, b.sem())
		}
		b.spins(t, 2, 500) // a while later
		b.spins(t, 1, 500) // woken in vain; it asks, and spins as the next owner
		if b.sem() != 7 {
			t.Fatalf("%v: count is %#x, want the hand-off bit, 7", isa, b.sem())
		}
		b.spins(t, 2, 500)
		stepUntil(t, b, 0, never)
		b.spins(t, 2, 500)
		if b.sem() != 6 {
			t.Fatalf("%v: count is %#x: the lock was promised", isa, b.sem())
		}
		b.until(t, 1, 1)
		stepUntil(t, b, 1, never)
		stepUntil(t, b, 2, never)
		b.idle()
	}
}

// A fatal signal ends a killable wait, and leaves everything as if the task had
// never come.
func TestASignalEndsAKillableWait(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(writeSection, nil)
		b.thread(killableWrite, nil)
		b.thread(killableRead, nil)
		b.thread(sendSignal, map[string]uint64{"held": uint64(b.w.Tasks[1])})
		b.thread(sendSignal, map[string]uint64{"held": uint64(b.w.Tasks[2])})
		b.load()
		b.until(t, 0, 1)
		b.poke(b.w.Tasks[0], "task_struct", "on_cpu", 0)
		b.blocks(t, 1)
		b.blocks(t, 2)
		for _, i := range []int{1, 2} {
			stepUntil(t, b, i+2, never)
			stepUntil(t, b, i, never)
			if b.got(i) != 2 {
				t.Errorf("thread %d was not interrupted%s", i, b.where())
			}
		}
		if f, l := b.queue(); b.sem() != 1 || f != 0 || l != 0 {
			t.Errorf("count %#x, queue %#x, %#x", b.sem(), f, l)
		}
		stepUntil(t, b, 0, never)
		b.idle()
	})
}

func TestASignalDoesNotEndAnUninterruptibleWait(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(writeSection, nil)
		b.thread(readSection, nil)
		b.thread(sendSignal, map[string]uint64{"held": uint64(b.w.Tasks[1])})
		b.load()
		b.until(t, 0, 1)
		b.blocks(t, 1)
		stepUntil(t, b, 2, never)
		b.blocks(t, 1)
		stepUntil(t, b, 0, never)
		b.until(t, 1, 1)
		stepUntil(t, b, 1, never)
		b.idle()
	})
}

// A reader that is let in as the signal comes keeps the lock.
func TestAReaderThatIsLetInIsNotInterrupted(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.thread(writeSection, nil)
		b.thread(killableRead, nil)
		b.thread(sendSignal, map[string]uint64{"held": uint64(b.w.Tasks[1])})
		b.load()
		b.until(t, 0, 1)
		b.blocks(t, 1)
		stepUntil(t, b, 2, never)
		stepUntil(t, b, 0, never) // grants before the reader looks
		b.until(t, 1, 1)
		stepUntil(t, b, 1, never)
		b.idle()
	})
}

func TestAtMost256ReadersAreLetInAtOnce(t *testing.T) {
	const readers = 300
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1)
	b.thread(writeSection, nil)
	for range readers {
		b.thread(readSection, nil)
	}
	b.load()
	b.until(t, 0, 1)
	for i := range readers {
		b.blocks(t, i+1)
	}
	stepUntil(t, b, 0, never)
	if b.sem() != 256<<8|2 {
		t.Errorf("count is %#x, want 256 readers and the waiters bit", b.sem())
	}
	for range 3 {
		for i := range readers {
			stepUntil(t, b, i+1, never)
		}
	}
	b.idle()
}

// A writer of a VMA that a signal interrupts takes its flag back.
func TestASignalEndsTheWaitForReadersOfAVMA(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		const write = "\n\tcall mmap_write_lock(mm)\n\tcall vma_start_write_killable(vma) locked=in interrupted=killed\nin:\n\tmov got, 1\n\tjump out\nkilled:\n\tmov got, 2\nout:\n\tcall mmap_write_unlock(mm)\n\thalt"
		b.thread("\n\tcall rcu_read_lock()\n\tcall vma_start_read(mm, vma) locked=in retry=in fallback=in\nin:\n\tcall rcu_read_unlock()\n\tcount lock.read.success ghost reader_true vma\n\tmov got, 1\n\tcall vma_end_read(vma)\n\thalt", nil)
		b.thread(write, nil)
		b.thread(sendSignal, map[string]uint64{"held": uint64(b.w.Tasks[1])})
		b.load()
		b.until(t, 0, 1)
		b.blocks(t, 1)
		if b.ref() != 0x40000002 {
			t.Errorf("vm_refcnt is %#x while the writer waits", b.ref())
		}
		stepUntil(t, b, 2, never)
		stepUntil(t, b, 1, never)
		if b.got(1) != 2 || b.ref() != 2 || b.field(b.mm, mms, "vma_writer_wait.task") != 0 {
			t.Errorf("left by %d, vm_refcnt %#x, waiter %#x%s", b.got(1), b.ref(), b.field(b.mm, mms, "vma_writer_wait.task"), b.where())
		}
		stepUntil(t, b, 0, never)
		b.idle()
	})
}

// The patch that keeps what the writer knows in a struct (v3, 7) warned where a
// signal had ended the wait; the merged series does not.
func TestPatchSevenWarnsWhenASignalEndsTheWait(t *testing.T) {
	for _, patch := range []int{7, 10, vmalock.Merged} {
		o := vmalock.DefaultOptions()
		o.Patch, o.DebugVM = patch, true
		b := newBench(t, vmalock.VMRefcnt.With(o), cpu.X86_64, 1)
		b.thread("\n\tcall rcu_read_lock()\n\tcall vma_start_read(mm, vma) locked=in retry=in fallback=in\nin:\n\tcall rcu_read_unlock()\n\tcount lock.read.success ghost reader_true vma\n\tmov got, 1\n\tcall vma_end_read(vma)\n\thalt", nil)
		b.thread("\n\tcall mmap_write_lock(mm)\n\tcall vma_start_write_killable(vma) locked=out interrupted=out\nout:\n\tcall mmap_write_unlock(mm)\n\thalt", nil)
		b.thread(sendSignal, map[string]uint64{"held": uint64(b.w.Tasks[1])})
		b.load()
		b.until(t, 0, 1)
		b.blocks(t, 1)
		stepUntil(t, b, 2, never)
		var err error
		for range 1000 {
			if _, err = b.m.Step(1); err != nil {
				break
			}
		}
		if warned := err != nil; warned != (patch < vmalock.Merged) {
			t.Errorf("patch %d: %v", patch, err)
		}
	}
}
