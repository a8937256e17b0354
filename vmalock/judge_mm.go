package vmalock

import (
	"fmt"

	"cohsim/internal/mem"
)

// mmGhost is the true state of one mm: its mmap_lock and its sequence number.
type mmGhost struct {
	lock     semGhost
	seq      uint64
	seqMask  uint64
	excluded mem.Addr // the VMA whose readers are excluded at present
	waiter   int      // thread+1 whose task is in vma_writer_wait, 0 for nobody
	freed    bool     // mm_count has come to 0
}

func (m *mmGhost) describe() string {
	return fmt.Sprintf("%s, mm_lock_seq %#x", m.lock.describe(), m.seq)
}

// observe takes the events of the mm itself: of its number and its references, and warnings.
func (m *mmGhost) observe(r *Record) (rule, msg string) {
	if m.freed {
		return "I8", "the mm is used after it was freed"
	}
	writer := m.lock.writer == r.Thread+1
	switch r.Event {
	case MMSeq:
		switch {
		case !writer:
			return "I7", "mm_lock_seq is changed without mmap_lock for write"
		case r.Old != m.seq || r.New != (m.seq+1)&m.seqMask:
			return "I7", fmt.Sprintf("mm_lock_seq goes from %#x to %#x and was %#x", r.Old, r.New, m.seq)
		case m.excluded != 0:
			return "I7", "mm_lock_seq is changed while readers of a VMA are excluded"
		}
		m.seq = r.New
	case MMGrab:
		if r.Old == 0 {
			return "I8", "an mm is pinned whose last reference is gone"
		}
	case MMDrop:
		m.freed = r.New == 0
	case MMWaiter:
		switch {
		case !writer:
			return "I6", "vma_writer_wait is written without mmap_lock for write"
		case r.New != 0 && m.waiter != 0:
			return "I6", "vma_writer_wait has " + threadName(m.waiter) + " already"
		}
		m.waiter = 0
		if r.New != 0 {
			m.waiter = r.Thread + 1
		}
	case Warn:
		return warned, fmt.Sprintf("an assertion of the kernel failed (%s)", m.describe())
	}
	return "", ""
}
