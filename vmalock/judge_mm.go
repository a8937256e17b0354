package vmalock

import (
	"fmt"

	"cohsim/internal/mem"
)

// Bits of mmap_lock.count.
const (
	semWriter     = 1
	semBias       = 0x100
	semReadFailed = 1<<63 | 7 // writer, waiters, hand-off, overflow
)

// mmGhost is the true state of one mm's mmap_lock and sequence number. The
// readers that count counts must always be
//
//	readers + pending + granted
//
// and its writer bit must say whether there is a writer.
type mmGhost struct {
	addr     mem.Addr
	seq      uint64
	excluded mem.Addr // the VMA whose readers are excluded at present

	writer  int // thread+1, 0 for nobody
	threads holds
	readers uint64 // threads that hold it for read
	pending uint64 // counts raised by threads that may have to take them back
	granted uint64 // counts raised for queued readers that do not know it yet
	history history
}

func (m *mmGhost) describe() string {
	return fmt.Sprintf("writer %s, %d readers, %d pending, %d granted, mm_lock_seq %#x",
		threadName(m.writer), m.readers, m.pending, m.granted, m.seq)
}

// mismatch says where count does not tell the truth.
func (m *mmGhost) mismatch(count uint64) bool {
	return count>>8 != m.readers+m.pending+m.granted || count&semWriter != uint64(min(m.writer, 1))
}

func (m *mmGhost) observe(r *Record) (rule, msg string) {
	onWord := r.Event != MMSeq && r.Event != SemSteal && r.Event != SemGranted
	if onWord && m.mismatch(r.Old) {
		return "identity", fmt.Sprintf("mmap_lock.count was %#x before the event (%s)", r.Old, m.describe())
	}
	if rule, msg = m.move(r); rule != "" {
		return rule, msg
	}
	if onWord && m.mismatch(r.New) {
		return "identity", fmt.Sprintf("mmap_lock.count is %#x after the event (%s)", r.New, m.describe())
	}
	return "", ""
}

func (m *mmGhost) move(r *Record) (rule, msg string) {
	const rwsem = "mmap_lock"
	h := m.threads.of(r.Thread)
	switch r.Event {
	case MMSeq:
		switch {
		case m.writer != r.Thread+1:
			return "I7", "mm_lock_seq is changed without mmap_lock for write"
		case r.Old != m.seq || r.New != uint64(uint32(m.seq+1)):
			return "I7", fmt.Sprintf("mm_lock_seq goes from %#x to %#x and was %#x", r.Old, r.New, m.seq)
		case m.excluded != 0:
			return "I7", "mm_lock_seq is changed while readers of a VMA are excluded"
		}
		m.seq = r.New
	case SemRead:
		if *h != holdNone {
			return rwsem, "the thread holds mmap_lock for read already"
		}
		if r.Old&semReadFailed == 0 {
			return m.letIn(h, rwsem)
		}
		*h = holdInflight
		m.pending++
	case SemReadBack:
		if *h != holdInflight {
			return rwsem, "a count is taken back that is not pending"
		}
		*h = holdNone
		m.pending--
	case SemSteal:
		if *h != holdInflight {
			return rwsem, "a reader stays that has not counted itself"
		}
		m.pending--
		return m.letIn(h, rwsem)
	case SemGrant:
		if r.Old&semWriter != 0 {
			m.pending++
		} else {
			m.granted++
		}
	case SemUngrant:
		if m.pending == 0 {
			return rwsem, "a grant is taken back that was not pending"
		}
		m.pending--
	case SemGrantMore:
		if m.writer != 0 && r.New>>8 > r.Old>>8 {
			return rwsem, "readers are let in beside the writer"
		}
		m.granted += r.New>>8 - r.Old>>8
	case SemGranted:
		if m.granted == 0 || *h != holdNone {
			return rwsem, "a queued reader runs that nobody has let in"
		}
		m.granted--
		return m.letIn(h, rwsem)
	case SemUpRead:
		if *h != holdTrue {
			return rwsem, "a reader leaves that was not in"
		}
		*h = holdNone
		m.readers--
	case SemWrite:
		if m.writer != 0 || m.readers+m.granted+m.pending > 0 {
			return rwsem, "a writer gets in beside " + m.describe()
		}
		m.writer = r.Thread + 1
	case SemUpWrite, SemDowngrade:
		switch {
		case m.writer != r.Thread+1:
			return rwsem, "a writer leaves that was not in"
		case m.seq&1 != 0:
			return "I7", "mmap_lock is released while mm_lock_seq is odd"
		}
		m.writer = 0
		if r.Event == SemDowngrade {
			return m.letIn(h, rwsem)
		}
	}
	return "", ""
}

// letIn makes the thread a reader.
func (m *mmGhost) letIn(h *hold, rule string) (string, string) {
	if m.writer != 0 {
		return rule, "a reader gets in beside the writer, " + threadName(m.writer)
	}
	*h = holdTrue
	m.readers++
	return "", ""
}
