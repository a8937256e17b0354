package vmalock

import (
	"fmt"
	"slices"
)

// Bits of a rw_semaphore's count.
const (
	semWriter     = 1
	semWaiters    = 2
	semHandoff    = 4
	semBias       = 0x100
	semBatch      = 256       // readers that one waker lets in at most
	semReadFailed = 1<<63 | 7 // writer, waiters, hand-off, overflow
)

// semGhost is the true state of one rw_semaphore, known by the address of the
// object that it is a member of. The readers that count counts must always be
//
//	readers + pending + granted
//
// and its writer bit must say whether there is a writer.
type semGhost struct {
	name    string    // how violations call it
	mm      *mmGhost  // whose mmap_lock it is, or nil
	vma     *vmaGhost // which it locks, or nil
	writer  int       // thread+1, 0 for nobody
	threads holds
	readers uint64 // threads that hold it for read
	pending uint64 // counts raised by threads that may have to take them back
	granted uint64 // counts raised for queued readers that do not know it yet
	count   uint64 // as the last event left it
	queue   []int  // threads, first to last
	heir    int    // thread+1 to whom it is promised (hand-off), 0 for nobody
	history history
}

// waiting is who waits for what.
type waiting struct {
	sem    *semGhost
	thread int
}

// unqueue takes a thread out of the queue, if it is there. A promise to it is void.
func (m *semGhost) unqueue(thread int) bool {
	if m.heir == thread+1 {
		m.heir = 0
	}
	i := slices.Index(m.queue, thread)
	if i >= 0 {
		m.queue = slices.Delete(m.queue, i, i+1)
	}
	return i >= 0
}

// promise notes to whom the semaphore is promised: the first in the queue. A store by
// which a thread has joined may still be on its way; then that is not known.
func (m *semGhost) promise() {
	if len(m.queue) > 0 {
		m.heir = m.queue[0] + 1
	}
}

func (m *semGhost) describe() string {
	return fmt.Sprintf("count %#x, writer %s, %d readers, %d pending, %d granted", m.count, threadName(m.writer), m.readers, m.pending, m.granted)
}

// idle reports whether nobody holds it or waits for it.
func (m *semGhost) idle() bool {
	return m.readers+m.pending+m.granted == 0 && m.writer == 0 && m.count == 0
}

// mismatch says where count does not tell the truth.
func (m *semGhost) mismatch(count uint64) bool {
	return count>>8 != m.readers+m.pending+m.granted || count&semWriter != uint64(min(m.writer, 1))
}

func (m *semGhost) observe(r *Record) (rule, msg string) {
	onWord := r.Event != SemSteal && r.Event != SemGranted && r.Event != SemQueue
	if onWord && r.Old != m.count {
		return "identity", fmt.Sprintf("%s.count was %#x before the event, and the event before left %#x", m.name, r.Old, m.count)
	}
	if onWord && m.mismatch(r.Old) {
		return "identity", fmt.Sprintf("%s.count was %#x before the event (%s)", m.name, r.Old, m.describe())
	}
	if rule, msg = m.move(r); rule != "" {
		return rule, msg
	}
	if onWord && m.mismatch(r.New) {
		return "identity", fmt.Sprintf("%s.count is %#x after the event (%s)", m.name, r.New, m.describe())
	}
	if onWord {
		m.count = r.New
	}
	return "", ""
}

func (m *semGhost) move(r *Record) (rule, msg string) {
	rwsem := m.name
	h := m.threads.of(r.Thread)
	switch r.Event {
	case SemRead:
		if *h != holdNone {
			return rwsem, "the thread holds it for read already"
		}
		if r.Old&semReadFailed == 0 {
			return m.letIn(h)
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
		return m.letIn(h)
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
		if r.New&^r.Old&semHandoff != 0 {
			m.promise()
		}
	case SemGrantMore:
		if m.writer != 0 && r.New>>8 > r.Old>>8 {
			return rwsem, "readers are let in beside the writer"
		}
		n := r.New>>8 - r.Old>>8
		if n > semBatch && r.New > r.Old {
			return rwsem, fmt.Sprintf("%d readers are let in at once, at most %d may be", n, semBatch)
		}
		m.granted += n
	case SemGranted:
		if m.granted == 0 || *h != holdNone {
			return rwsem, "a queued reader runs that nobody has let in"
		}
		m.granted--
		return m.letIn(h)
	case SemUpRead:
		if *h != holdTrue {
			return rwsem, "a reader leaves that was not in"
		}
		*h = holdNone
		m.readers--
		if m.vma != nil {
			m.vma.out(r.Thread)
		}
	case SemFlags:
		if (r.Old^r.New)&^(semWaiters|semHandoff) != 0 {
			return rwsem, "more than the bits of the queue changes"
		}
	case SemWrite, SemTryWrite:
		switch {
		case r.Event == SemWrite && r.Old&semHandoff != 0:
			return rwsem, "a writer gets in that was not queued, and it was promised to the first in the queue"
		case r.Event == SemTryWrite && r.Old&semHandoff == 0 && r.New == r.Old|semHandoff:
			m.promise()
			return "", ""
		case r.Old&semHandoff != 0 && m.heir != 0 && m.heir != r.Thread+1:
			return rwsem, "a queued writer gets in, and it was promised to " + threadName(m.heir) + ", the first in the queue"
		}
		m.heir = 0
		if m.writer != 0 || m.readers+m.granted+m.pending > 0 {
			return rwsem, "a writer gets in beside " + m.describe()
		}
		m.writer = r.Thread + 1
	case SemQueue:
		m.queue = append(m.queue, r.Thread)
	case SemUpWrite, SemDowngrade:
		switch {
		case m.writer != r.Thread+1:
			return rwsem, "a writer leaves that was not in"
		case m.mm != nil && m.mm.seq&1 != 0:
			return "I7", "mmap_lock is released while mm_lock_seq is odd"
		}
		m.writer = 0
		if r.Event == SemDowngrade {
			return m.letIn(h)
		}
	}
	return "", ""
}

// letIn makes the thread a reader.
func (m *semGhost) letIn(h *hold) (string, string) {
	if m.writer != 0 {
		return m.name, "a reader gets in beside the writer, " + threadName(m.writer)
	}
	*h = holdTrue
	m.readers++
	return "", ""
}
