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
	freed    bool
	excluded mem.Addr // the VMA whose readers are excluded at present
}

func (m *mmGhost) describe() string {
	return fmt.Sprintf("%s, mm_lock_seq %#x", m.lock.describe(), m.seq)
}

// observe takes an event of mm_lock_seq or mm_count, and a warning.
func (m *mmGhost) observe(r *Record) (rule, msg string) {
	if m.freed {
		return "I8", "the mm was freed"
	}
	switch r.Event {
	case MMGrab:
		if r.Old == 0 {
			return "I8", "an mm is pinned whose last reference is gone"
		}
		return "", ""
	case MMDrop:
		m.freed = r.New == 0
		return "", ""
	case Warn:
		return warned, fmt.Sprintf("an assertion of the kernel failed (%s)", m.describe())
	}
	switch {
	case m.lock.writer != r.Thread+1:
		return "I7", "mm_lock_seq is changed without mmap_lock for write"
	case r.Old != m.seq || r.New != (m.seq+1)&m.seqMask:
		return "I7", fmt.Sprintf("mm_lock_seq goes from %#x to %#x and was %#x", r.Old, r.New, m.seq)
	case m.excluded != 0:
		return "I7", "mm_lock_seq is changed while readers of a VMA are excluded"
	}
	m.seq = r.New
	return "", ""
}
