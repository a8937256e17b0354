package vmalock

import (
	"fmt"

	"cohsim/cpu"
)

// Event is a ghost event: what an annotated op means for the state that a Judge
// keeps. Events are named in .uop text by their String.
type Event uint8

// The vocabulary. The object of an event is what its role points to; old and
// new are the values of the word that the op accessed. "task" is the thread.
const (
	// Of a VMA's vm_refcnt.
	RefGet     Event = iota // a reader counts itself: n -> n+1; it is in flight until it is true or gone
	ReaderTrue              // (count) the reader's checks passed: it holds the read lock
	RefPut                  // a reader, true or in flight, gives its count back: n -> n-1
	RefExclude              // the task, which holds mmap_lock for write, bars readers: n -> n+flag
	RefInclude              // the same task lets them in again: n+flag -> n. An attached VMA is write-locked from here on
	RefAttach               // the VMA's own count appears: 0 -> 1, by the holder of mmap_lock for write
	RefDetach               // ... and goes: n -> n-1
	SeqWrite                // vm_lock_seq takes the mm's number, all readers gone
	ReaderIn                // (count) of a lock without vm_refcnt: a reader holds the VMA
	ReaderOut               // ... and gives it back
	WriterIn                // of a lock without vm_refcnt that waits for readers: the VMA is write-locked from here on
	VMAAttach               // of a lock without vm_refcnt: readers may find the VMA
	VMADetach               // ... and may not
	VMALocked               // (count) vma_start_write returns: the task has it write-locked, and no reader is inside
	VMAInit                 // the VMA is (re)initialised: nobody may be counted
	VMAMove                 // (vm_mm) the memory is freed, or becomes a VMA of the mm that is stored
	VMAFree                 // the allocator has it back: the next event is that it becomes a VMA again

	// Of what a VMA's lock guards; told by those who use the lock.
	DataWrite // a store to the VMA: nobody else may read it
	DataRead  // (store of the value read) a reader has it from the VMA: it must be what was stored last
	Foreseen  // (count) a writer saw what a reader stored after the writer had let go
	Astray    // (count) a reader was given a VMA that is not the one it asked for

	// Of an mm.
	MMSeq    // mm_lock_seq is one up: odd while mmap_lock is held for write; even releases every VMA
	MMGrab   // mm_count is one up: the mm_struct is pinned
	MMDrop   // ... and one down; at 0 it is freed
	MMWaiter // vma_writer_wait.task: set from 0 by the holder of mmap_lock for write, and cleared again

	// Of a rw_semaphore, known by the object that it is a member of: an mm for its mmap_lock.
	SemRead      // a reader raises count: in if no writer, waiter or hand-off was there, else pending
	SemReadBack  // a pending reader takes its count back to queue
	SemSteal     // a pending reader stays in: no writer held it when it looked
	SemGrant     // a waker counts one reader in advance: granted if no writer was there, else pending
	SemUngrant   // ... and takes that back
	SemGrantMore // a waker counts further readers in
	SemGranted   // a queued reader has learnt that it was let in
	SemUpRead    // a reader leaves
	SemWrite     // a writer gets in past the queue: no reader, no writer and no hand-off was there
	SemTryWrite  // a queued writer gets in, or has the semaphore promised to the first in the queue
	SemFlags     // only the bits of the queue change: waiters, hand-off
	SemUpWrite   // the writer leaves
	SemDowngrade // the writer becomes a reader
	SemQueue     // (store of the waiter) the task joins the queue, as its last

	// Of a rwsem_waiter.
	SemUnqueue // it leaves the queue, taken out by its task or by who lets it in

	// Of RCU. The object of a section is the task, that of a grace period the rcu_state.
	RCULock   // (load, preempt.off) the task enters a read section
	RCUUnlock // ... and leaves it
	RCUBegin  // a grace period begins
	RCUEnd    // ... and ends: whoever was in a read section when it began has left

	// Of a leaf of a maple tree.
	NodeWrite // a node that nobody can know begins to be made a leaf
	NodeLive  // it is in the tree
	NodeDead  // it is not any more; walks that began before may be in it
	NodeRead  // (load) a walk reads it

	// Of a VMA or an mm.
	Warn // (count) an assertion of the kernel failed

	NumEvents
)

var eventNames = [NumEvents]string{
	RefGet: "ref_get", ReaderTrue: "reader_true", RefPut: "ref_put", RefExclude: "ref_exclude", RefInclude: "ref_include",
	RefAttach: "ref_attach", RefDetach: "ref_detach", SeqWrite: "seq_write",
	ReaderIn: "reader_in", ReaderOut: "reader_out", WriterIn: "writer_in", VMAAttach: "vma_attach", VMADetach: "vma_detach", VMALocked: "vma_locked", VMAInit: "vma_init",
	VMAMove: "vma_mm", VMAFree: "vma_free", DataWrite: "data_write", DataRead: "data_read", Foreseen: "foreseen", Astray: "astray",
	MMSeq: "mm_seq", MMGrab: "mm_grab", MMDrop: "mm_drop", MMWaiter: "mm_waiter",
	SemRead: "sem_read", SemReadBack: "sem_read_back", SemSteal: "sem_steal",
	SemGrant: "sem_grant", SemUngrant: "sem_ungrant", SemGrantMore: "sem_grant_more", SemGranted: "sem_granted",
	SemUpRead: "sem_up_read", SemWrite: "sem_write", SemTryWrite: "sem_try_write", SemFlags: "sem_flags",
	SemUpWrite: "sem_up_write", SemDowngrade: "sem_downgrade",
	SemQueue: "sem_queue", SemUnqueue: "sem_unqueue",
	RCULock: "rcu_lock", RCUUnlock: "rcu_unlock", RCUBegin: "rcu_begin", RCUEnd: "rcu_end",
	NodeWrite: "node_write", NodeLive: "node_live", NodeDead: "node_dead", NodeRead: "node_read",
	Warn: "warn",
}

// String is the event's name in .uop text.
func (e Event) String() string {
	if e < NumEvents {
		return eventNames[e]
	}
	return "?"
}

// ParseEvent finds an event by its name in .uop text.
func ParseEvent(name string) (Event, bool) {
	for e := range NumEvents {
		if eventNames[e] == name {
			return e, true
		}
	}
	return 0, false
}

// object is the kind of object that e concerns.
func (e Event) object() string {
	switch {
	case e <= Astray:
		return "VMA"
	case e <= MMWaiter:
		return "mm"
	case e <= SemQueue:
		return "semaphore"
	case e == SemUnqueue:
		return "rwsem_waiter"
	case e <= RCUUnlock:
		return "task"
	case e <= RCUEnd:
		return "rcu_state"
	case e <= NodeRead:
		return "node"
	}
	return "VMA or mm"
}

// NumberGhosts gives the ghost events of a linked program their numbers, as the
// judge knows them. The error names the first that is no event.
func NumberGhosts(p *cpu.Program) error {
	for i := range p.Sites {
		s := &p.Sites[i]
		for k := range s.Ghosts {
			e, ok := ParseEvent(s.Ghosts[k].Event)
			if !ok {
				return fmt.Errorf("program %s, line %d: there is no ghost event %q", s.Proc, s.Line, s.Ghosts[k].Event)
			}
			s.Ghosts[k].ID = int32(e)
		}
	}
	return nil
}
