package vmalock

import (
	"fmt"

	"cohsim/internal/mem"
)

// mmGhost is the true state of one mm: its mmap_lock and its sequence number.
type mmGhost struct {
	lock     semGhost
	seq      uint64
	excluded mem.Addr // the VMA whose readers are excluded at present
}

func (m *mmGhost) describe() string {
	return fmt.Sprintf("%s, mm_lock_seq %#x", m.lock.describe(), m.seq)
}

// number takes the event that moves mm_lock_seq.
func (m *mmGhost) number(r *Record) (rule, msg string) {
	switch {
	case m.lock.writer != r.Thread+1:
		return "I7", "mm_lock_seq is changed without mmap_lock for write"
	case r.Old != m.seq || r.New != uint64(uint32(m.seq+1)):
		return "I7", fmt.Sprintf("mm_lock_seq goes from %#x to %#x and was %#x", r.Old, r.New, m.seq)
	case m.excluded != 0:
		return "I7", "mm_lock_seq is changed while readers of a VMA are excluded"
	}
	m.seq = r.New
	return "", ""
}
