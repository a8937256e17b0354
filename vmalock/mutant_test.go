package vmalock_test

import (
	"fmt"
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

// mutants are small mistakes in the programs that need no weak memory model to
// show: known bugs and deletions of single steps. Each must be caught by the
// judge, or as a deadlock, in some random interleaving.
var mutants = []struct {
	name     string
	program  string // where
	old, new string // what
	mix      []string
}{
	{"a reader skips the check that counts", "vma_start_read", "beq   mine, theirs, raced unlikely\n", "bset mine, 0, raced unlikely\n", []string{"reader", "reader", "writer"}},
	{"a reader in doubt keeps its count", "vma_start_read", "raced:\n    call  vma_refcount_put(vma)\n", "raced:\n    jump writer\n", []string{"reader", "reader", "writer"}},
	{"a reader blindly adds one", "__refcount_inc_not_zero_limited_acquire", "cas.acq seen, [vma.vm_refcnt], old, new", "mov new, new\n rmw.add.acq old, [vma.vm_refcnt], 1\n mov seen, old\n load new, [vma.vm_refcnt]", []string{"reader", "reader", "writer"}},
	{"a reader ignores the flag", "__refcount_inc_not_zero_limited_acquire", "blt   over, ABOVE, full unlikely", "blt over, 0, full unlikely", []string{"reader", "reader", "writer"}},
	{"a put wakes the writer only at the flag and one", "__vma_are_readers_excluded", "bclr  count, FLAG, done likely", "bne count, 0x40000001, done", []string{"reader", "reader", "detacher"}},
	{"a put wakes the writer only at the flag", "__vma_are_readers_excluded", "bge   count, AWAITED_END, done", "bge count, 0x40000001, done", []string{"reader", "reader", "writer"}},
	{"nobody is woken", "rcuwait_wake_up", "beq   waiter, 0, nobody", "bge waiter, 0, nobody", []string{"reader", "writer"}},
	{"the waiter is published after the test", "rcuwait_wait_event", "store.rel [mm.vma_writer_wait.task], task       ghost mm_waiter mm\n    store.mb [task.__state], state                  # barrier A\n    load  count, [vma.vm_refcnt]\n    beq   count, target, alone likely\n", "store.mb [task.__state], state\n    load  count, [vma.vm_refcnt]\n    beq   count, target, alone likely\n    store.rel [mm.vma_writer_wait.task], task\n", []string{"reader", "reader", "writer"}},
	{"the state is set after the test", "rcuwait_wait_event", "beq   count, target, alone likely\n    count lock.write.waits", "beq   count, target, alone likely\n    store.mb [task.__state], state\n    count lock.write.waits", []string{"reader", "reader", "writer"}},
	{"a writer does not wait for readers", "rcuwait_wait_event", "beq   count, target, alone likely\n    count lock.write.waits", "bge count, 0, alone likely\n    count lock.write.waits", []string{"reader", "reader", "writer"}},
	{"a writer leaves the flag behind", "__vma_start_write", "call  __vma_end_exclude_readers(vma) attached=ended detached=ended\n", "jump ended\n", []string{"reader", "writer"}},
	{"the mark is written after the window", "__vma_start_write", "    store [vma.vm_lock_seq], now                    ghost seq_write vma\nmarked:\n    load  exclusive, [task.ves.exclusive]\n    beq   exclusive, 0, done unlikely\n    call  __vma_end_exclude_readers(vma) attached=ended detached=ended\nended:\n", "marked:\n    load  exclusive, [task.ves.exclusive]\n    beq   exclusive, 0, done unlikely\n    call  __vma_end_exclude_readers(vma) attached=ended detached=ended\nended:\n    store [vma.vm_lock_seq], now ghost seq_write vma\n", []string{"reader", "writer"}},
	{"detach does not wait for readers in flight", "vma_mark_detached", "call  __vma_exclude_readers_for_detach(vma)", "nothing", []string{"reader", "reader", "detacher"}},
	{"mmap_lock is released before the number moves", "mmap_write_unlock", "call  vma_end_write_all(mm)\n    call  lock_release(mm)\n    call  up_write([mm.mmap_lock])", "call  up_write([mm.mmap_lock])\n    call  vma_end_write_all(mm)", []string{"reader", "writer", "writer"}},
	{"the number does not move on unlock", "vma_end_write_all", "call  mm_lock_seqcount_end(mm)", "nothing", []string{"reader", "writer"}},
	{"the last reader of mmap_lock wakes nobody", "up_read", "call  rwsem_wake(sem, ANY)", "nothing", []string{"mmap_reader", "mmap_reader", "writer"}},
	{"the writer of mmap_lock wakes nobody", "up_write", "call  rwsem_wake(sem, ANY)", "nothing", []string{"mmap_reader", "writer", "writer"}},
	{"a queued writer does not set the waiters bit", "rwsem_down_write_slowpath", "rmw.or _, [sem.count], WAITERS", "nothing", []string{"mmap_reader", "writer", "writer"}},
	{"a queued reader forgets to wake who it held up", "rwsem_down_read_slowpath", "call  rwsem_cond_wake_waiter(sem, count) -> wake", "mov wake, 0", []string{"mmap_reader", "mmap_reader", "mmap_reader", "writer", "writer", "writer"}},
	{"a reader stays beside a writer", "rwsem_down_read_slowpath", "bset  count, WRITER_OR_HANDOFF, queue", "nothing", []string{"mmap_reader", "writer", "writer"}},
	{"a grant does not look for a writer", "rwsem_mark_wake", "bset  old, WRITER, undo unlikely", "bset old, 0x8000000000000000, undo unlikely", []string{"mmap_reader", "mmap_reader", "mmap_reader", "writer", "writer", "writer"}},
	{"the waiters bit is never cleared", "rwsem_mark_wake", "sub   adjust, adjust, WAITERS", "nothing", []string{"mmap_reader", "mmap_reader", "writer"}},
	{"a writer spins past the hand-off", "rwsem_try_write_lock_unqueued", "0xffffffffffffff05", "0xffffffffffffff01", []string{"spinner", "spinner", "spinner", "mmap_reader", "signaller"}},
	{"a queued writer passes the one it was promised to", "rwsem_try_write_lock", "beq   first, waiter, open", "bge   first, 0, open", []string{"mmap_reader", "mmap_reader", "writer", "writer", "writer"}},
	{"who gives up leaves the waiters bit", "rwsem_del_wake_waiter", "rmw.and _, [sem.count], NOT_WAITERS_OR_HANDOFF  ghost sem_flags sem", "nothing", []string{"killable", "killable", "killable", "signaller"}},
	{"a signal is not looked at under the queue's lock", "rwsem_down_read_slowpath", "bne   who, 0, leave likely", "bge who, 0, leave likely", []string{"killable", "killable", "killable", "signaller"}},
	{"a spinner leaves the queue and its link", "osq_lock", "cas.acqrel seen, [prev.next], node, 0", "mov seen, node", []string{"spinner", "spinner", "spinner", "ticker", "ticker"}},
	{"the last spinner lets nobody in", "osq_unlock", "store [next.locked], 1", "nothing", []string{"spinner", "spinner", "spinner", "mmap_reader"}},
	{"a task is woken only once for two lists", "wake_up_q", "store [p.wake_q.next], 0", "mov next, next", []string{"mmap_reader", "mmap_reader", "writer"}},
	{"two at once hold the spinlock of the queue", "rwsem_wait_lock", "beq   seen, 0, got likely", "bge seen, 0, got likely", []string{"mmap_reader", "mmap_reader", "mmap_reader", "writer", "writer", "writer"}},
}

// hasty is the lock in a kernel in which waiters ask for the hand-off soon, as
// short tests need it.
var hasty = func() vmalock.Kind {
	o := vmalock.DefaultOptions()
	o.RWSemHandoff = 3000
	return vmalock.VMRefcnt.With(o)
}()

// mutate replaces text inside one program of the shared files or of the kind.
func mutate(t *testing.T, program, old, new string) cpu.Library {
	t.Helper()
	var procs []*cpu.Proc
	done := false
	for _, s := range append([]vmalock.Source{vmalock.VMRefcnt.Source}, vmalock.Kernel()...) {
		head := "program " + program + "\n"
		if at := strings.Index(s.Text, head); at >= 0 {
			end := len(s.Text)
			if next := strings.Index(s.Text[at+1:], "\nprogram "); next >= 0 {
				end = at + 1 + next
			}
			body := s.Text[at:end]
			if strings.Count(body, old) != 1 {
				t.Fatalf("%q occurs %d times in %s", old, strings.Count(body, old), program)
			}
			if new == "nothing" {
				new = "mov r_unused, 0"
				body = strings.Replace(body, "    role", "    reg r_unused\n    role", 1)
			}
			s.Text = s.Text[:at] + strings.Replace(body, old, new, 1) + s.Text[end:]
			done = true
		}
		p, err := hasty.Parse(vmalock.Source{File: "mutant.uop", Text: s.Text})
		if err != nil {
			t.Fatal(err)
		}
		procs = append(procs, p...)
	}
	if !done {
		t.Fatalf("no program %s", program)
	}
	return cpu.LibraryOf(procs...)
}

func TestEveryMutantIsCaught(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			proto := newBenchWith(t, vmalock.VMRefcnt, cpu.X86_64, 1, mutate(t, m.program, m.old, m.new), layoutOf(t, vmalock.VMRefcnt))
			const seeds = 5000
			for seed := range seeds {
				b := newBenchWith(t, proto.kind, proto.isa, 1, proto.lib, proto.layout)
				b.linked, b.m.OnAccess = proto.linked, nil
				for i, body := range m.mix {
					b.thread(rounds(bodies[body]), map[string]uint64{"rounds": 4, "rnd": uint64(seed*64 + i)})
				}
				err := b.random(uint64(seed)+1, 50000)
				if err == nil {
					err = b.judge.Idle(b.vma(0))
				}
				if c := b.sem(); err == nil && c != 0 {
					err = fmt.Errorf("mmap_lock.count ends as %#x", c)
				}
				if err != nil {
					t.Logf("seed %d: %s", seed, firstLine(err))
					return
				}
			}
			t.Errorf("survived %d interleavings", seeds)
		})
	}
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return s
}
