package vmalock

import (
	"fmt"

	"cohsim/internal/mem"
)

const (
	refFlag  = 0x40000000 // VM_REFCNT_EXCLUDE_READERS_FLAG
	refLimit = refFlag - 1
)

// warned is the rule of a failed assertion.
const warned = "WARN"

// vmaGhost is the true state of one VMA. Its word must always be
//
//	attached + true readers + readers in flight + flag if somebody owns it
type vmaGhost struct {
	addr      mem.Addr
	mm        *mmGhost
	sem       *semGhost // a rw_semaphore that locks the VMA, nil if it has none
	attached  bool
	readers   holds
	nTrue     uint64
	nInflight uint64
	flagOwner int    // thread+1, 0 for nobody
	marked    bool   // vm_lock_seq was written under the present flag
	lockedSeq uint64 // sequence number under which it was last write-locked
	data      uint64 // what was last stored to the data that the lock guards
	freed     uint64 // when the allocator got it back, 0 if it has not
	history   history
}

// ref is the value the word must have.
func (v *vmaGhost) ref() uint64 {
	n := v.nTrue + v.nInflight
	if v.attached {
		n++
	}
	if v.flagOwner != 0 {
		n += refFlag
	}
	return n
}

// writeLocked reports whether a writer has returned from vma_start_write and has
// not released mmap_lock's sequence number.
func (v *vmaGhost) writeLocked() bool { return v.lockedSeq == v.mm.seq && v.mm.seq&1 == 1 }

func (v *vmaGhost) describe() string {
	return fmt.Sprintf("attached %t, %d true readers, %d in flight, flag owner %s, write-locked %t",
		v.attached, v.nTrue, v.nInflight, threadName(v.flagOwner), v.writeLocked())
}

func threadName(owner int) string {
	if owner == 0 {
		return "nobody"
	}
	return fmt.Sprintf("thread %d", owner-1)
}

// observe moves the state; rule is "" if the event is legal.
func (v *vmaGhost) observe(r *Record) (rule, msg string) {
	onWord := r.Event <= RefDetach && r.Event != ReaderTrue
	if onWord && r.Old != v.ref() {
		return "identity", fmt.Sprintf("vm_refcnt was %#x before the event, and should have been %#x (%s)", r.Old, v.ref(), v.describe())
	}
	if rule, msg = v.move(r); rule != "" {
		return rule, msg
	}
	if onWord && r.New != v.ref() {
		return "identity", fmt.Sprintf("vm_refcnt is %#x after the event, and should be %#x (%s)", r.New, v.ref(), v.describe())
	}
	return "", ""
}

// reuse follows a VMA to the allocator and back. Where readers need a grace period
// before its memory is another VMA, none of them may be in a section since before.
func (j *Judge) reuse(v *vmaGhost, r *Record) (rule, msg string) {
	switch r.Event {
	case VMAFree:
		v.freed = j.events
	case VMAMove:
		if m := j.mms[mem.Addr(r.New)]; m != nil {
			v.mm = m
		}
		if thread, found := j.rcu.before(v.freed); found && j.vmaGrace {
			return "RCU", fmt.Sprintf("a freed VMA is used again, and thread %d is still in the read section in which it may have found it", thread)
		}
		v.freed = 0
	}
	return "", ""
}

// out ends a read lock, if the thread has one.
func (v *vmaGhost) out(thread int) {
	if h := v.readers.of(thread); *h == holdTrue {
		*h = holdNone
		v.nTrue--
	}
}

func (v *vmaGhost) move(r *Record) (rule, msg string) {
	h := v.readers.of(r.Thread)
	writer := v.mm.lock.writer == r.Thread+1
	if v.freed != 0 && r.Event != VMAMove {
		return "I8", "the VMA is used after it was freed"
	}
	switch r.Event {
	case RefGet:
		switch {
		case r.Old == 0:
			return "I3", "a reader counts itself on a detached VMA"
		case v.flagOwner != 0:
			return "I2", "a reader counts itself although readers are excluded by " + threadName(v.flagOwner)
		case r.Old >= refLimit:
			return "I10", "a reader raises the count beyond its limit"
		case *h == holdInflight || *h == holdTrue:
			return "readers", "the thread holds this VMA already"
		}
		*h = holdInflight
		v.nInflight++
	case ReaderTrue:
		switch {
		case *h != holdInflight:
			return "readers", "the thread says that it holds the VMA, and has not counted itself"
		case v.writeLocked():
			return "I1", "a reader gets in although the VMA is write-locked"
		case !v.attached:
			return "I4", "a reader gets in although the VMA is detached"
		}
		*h = holdTrue
		v.nInflight--
		v.nTrue++
	case RefPut:
		switch *h {
		case holdInflight:
			v.nInflight--
		case holdTrue:
			v.nTrue--
		default:
			return "I10", "a count is given back that the thread does not have"
		}
		*h = holdGone
	case RefExclude:
		switch {
		case !writer:
			return "I7", "readers are excluded without mmap_lock for write"
		case v.flagOwner != 0:
			return "I10", "the flag is added twice"
		case r.Old == 0 || r.Old > refLimit:
			return "edges", "the flag is added to a count outside 1 to its limit"
		case v.mm.excluded != 0:
			return "edges", "the mm has two VMAs with readers excluded at a time"
		}
		v.flagOwner, v.marked = r.Thread+1, false
		v.mm.excluded = v.addr
	case RefInclude:
		if v.flagOwner != r.Thread+1 {
			return "edges", "the flag is taken away by a thread that did not add it"
		}
		v.flagOwner, v.mm.excluded = 0, 0
		if v.marked {
			v.lockedSeq = v.mm.seq
		}
	case RefAttach:
		switch {
		case !writer:
			return "edges", "a VMA is attached without mmap_lock for write"
		case v.attached:
			return "edges", "a VMA is attached twice"
		}
		v.attached = true
	case RefDetach:
		switch {
		case !writer:
			return "edges", "a VMA is detached without mmap_lock for write"
		case !v.attached:
			return "edges", "a VMA is detached twice"
		}
		v.attached = false
	case SeqWrite:
		switch {
		case !writer:
			return "I7", "vm_lock_seq is written without mmap_lock for write"
		case r.New != v.mm.seq || v.mm.seq&1 == 0:
			return "I7", fmt.Sprintf("vm_lock_seq becomes %#x while mm_lock_seq is %#x", r.New, v.mm.seq)
		case v.sem != nil && v.sem.writer != r.Thread+1:
			return "I7", "vm_lock_seq is written without the VMA's semaphore for write"
		case v.sem == nil && v.flagOwner != r.Thread+1 && v.ref() != 0:
			return "I7", "vm_lock_seq is written outside the window in which readers are excluded"
		case v.nTrue+v.nInflight > 0:
			return "I1", "vm_lock_seq is written while readers are inside"
		}
		v.marked = true
		if v.ref() == 0 || v.sem != nil {
			v.lockedSeq = v.mm.seq
		}
	case ReaderIn:
		switch {
		case *h == holdInflight || *h == holdTrue:
			return "readers", "the thread holds this VMA already"
		case v.sem != nil && *v.sem.threads.of(r.Thread) != holdTrue:
			return "readers", "the thread says that it holds the VMA, and does not hold its semaphore"
		case v.writeLocked():
			return "I1", "a reader gets in although the VMA is write-locked"
		case !v.attached:
			return "I3", "a reader gets in on a detached VMA"
		}
		*h = holdTrue
		v.nTrue++
	case ReaderOut:
		if *h != holdTrue {
			return "readers", "a reader leaves that was not in"
		}
		v.out(r.Thread)
	case WriterIn:
		switch {
		case !writer:
			return "I7", "a VMA is write-locked without mmap_lock for write"
		case v.nTrue > 0:
			return "I1", "a VMA is write-locked while readers are inside"
		}
		v.lockedSeq = v.mm.seq
	case VMAAttach, VMADetach:
		attach := r.Event == VMAAttach
		switch {
		case !writer:
			return "edges", "a VMA is attached or detached without mmap_lock for write"
		case v.attached == attach:
			return "edges", "a VMA is attached or detached twice"
		case v.nTrue > 0:
			return "I3", "a VMA is attached or detached while readers are inside"
		}
		v.attached = attach
	case VMALocked:
		switch {
		case !writer:
			return "I7", "a VMA is write-locked without mmap_lock for write"
		case v.nTrue > 0:
			return "I1", "vma_start_write returns while readers are inside"
		}
		// Whether the mark is written cannot be asked: its store may be on its way.
	case Warn:
		return warned, fmt.Sprintf("an assertion of the kernel failed (%s)", v.describe())
	case VMAInit:
		if v.ref() != 0 {
			return "I3", "a VMA is initialised that is still in use"
		}
		v.lockedSeq = v.mm.seqMask
	case VMAMove, VMAFree:
		if v.nTrue+v.nInflight > 0 || v.flagOwner != 0 {
			return "I3", "a VMA is freed or reused that is still in use (" + v.describe() + ")"
		}
	case DataWrite:
		if n := v.nTrue; n > 1 || n == 1 && *h != holdTrue {
			return "I1", "the VMA is changed under a reader (" + v.describe() + ")"
		}
		v.data = r.New
	case DataRead:
		if r.New != v.data {
			return "I12", fmt.Sprintf("a reader has %#x from the VMA, and %#x was stored last (%s)", r.New, v.data, v.describe())
		}
	case Foreseen:
		return "I1", "a writer saw what a reader stored after the writer had let go (" + v.describe() + ")"
	case Astray:
		return "I4", "a reader was given a VMA that does not cover its address in its mm (" + v.describe() + ")"
	}
	return "", ""
}
