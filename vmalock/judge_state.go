package vmalock

import (
	"fmt"
	"slices"

	"cohsim/internal/mem"
)

// What the judge knows is a value: a checker stores it with each state that it has
// explored and gives it back before it takes a step from there. What concerns one
// thread is apart, so that states that differ only in the names of equal threads can
// be told to be equal.

// State appends what the judge knows, but for what each thread holds, as a number of
// words that depends on the objects alone.
func (j *Judge) State(to []uint64) []uint64 {
	bit := func(b bool, at uint) uint64 {
		if b {
			return 1 << at
		}
		return 0
	}
	for _, v := range j.allVMAs {
		to = append(to, v.nTrue|v.nInflight<<16|uint64(v.flagOwner)<<32|bit(v.attached, 48)|bit(v.marked, 49)|uint64(slices.Index(j.allMMs, v.mm))<<50|bit(v.freed != 0, 63),
			v.lockedSeq, v.data)
	}
	for _, s := range j.allSems {
		queue := uint64(s.heir)
		for i, thread := range s.queue { // at most 8 tasks queue in a check
			queue |= uint64(thread+1) << (6 * (i + 1))
		}
		to = append(to, uint64(s.writer)|s.readers<<16|s.pending<<32|s.granted<<48, s.count, queue)
	}
	for _, m := range j.allMMs {
		to = append(to, m.seq, uint64(m.excluded), uint64(m.waiter)|bit(m.freed, 32))
	}
	return j.rcuState(to)
}

// SetState makes the judge know what State appended; nobody holds anything until
// SetHolds.
func (j *Judge) SetState(from []uint64) {
	for _, v := range j.allVMAs {
		w := from[0]
		v.nTrue, v.nInflight, v.flagOwner = w&0xffff, w>>16&0xffff, int(w>>32&0xffff)
		v.attached, v.marked, v.mm = w>>48&1 != 0, w>>49&1 != 0, j.allMMs[w>>50&0xfff]
		v.freed = w >> 63 // of VMAs that need a grace period, when is not told
		v.lockedSeq, v.data = from[1], from[2]
		from = from[3:]
	}
	for _, s := range j.allSems {
		w := from[0]
		s.writer, s.readers, s.pending, s.granted = int(w&0xffff), w>>16&0xffff, w>>32&0xffff, w>>48
		s.count = from[1]
		s.heir, s.queue = int(from[2]&63), s.queue[:0]
		for q := from[2] >> 6; q != 0; q >>= 6 {
			s.queue = append(s.queue, int(q&63)-1)
		}
		from = from[3:]
	}
	for _, m := range j.allMMs {
		m.seq, m.excluded = from[0], mem.Addr(from[1])
		m.waiter, m.freed = int(from[2]&0xffff), from[2]>>32&1 != 0
		from = from[3:]
	}
	j.setRCUState(from)
}

// Holds is what a thread holds of each VMA and semaphore, two bits each: at most 32.
func (j *Judge) Holds(thread int) (bits uint64) {
	at := 0
	for _, h := range j.held {
		if thread < len(*h) {
			bits |= uint64((*h)[thread]) << at
		}
		at += 2
	}
	return bits
}

// SetHolds makes a thread hold what Holds said.
func (j *Judge) SetHolds(thread int, bits uint64) {
	for _, h := range j.held {
		*h.of(thread) = hold(bits & 3)
		bits >>= 2
	}
}

// Touch says that a thread comes by a pointer to a VMA (found) or reads or writes the
// VMA, in program order. After its own put it must find the VMA again first. Events
// cannot tell this, so only a checker, which sees every access, does.
func (j *Judge) Touch(thread int, vma mem.Addr, found bool) (rule, msg string) {
	v := j.vmas[vma]
	if v == nil {
		return "", ""
	}
	h := v.readers.of(thread)
	switch {
	case found && *h == holdGone:
		*h = holdNone
	case *h == holdGone:
		return "I8", fmt.Sprintf("thread %d looks at the VMA after it gave its count back: it may be freed and be another's", thread)
	}
	return "", ""
}

// Freed says that the mm at addr was freed.
func (j *Judge) Freed(mm mem.Addr) bool {
	m := j.mms[mm]
	return m != nil && m.freed
}

// Names says that what State appends names a thread.
func (j *Judge) Names(thread int) bool {
	for _, v := range j.allVMAs {
		if v.flagOwner == thread+1 {
			return true
		}
	}
	for _, s := range j.allSems {
		if s.writer == thread+1 || s.heir == thread+1 || slices.Contains(s.queue, thread) {
			return true
		}
	}
	for _, m := range j.allMMs {
		if m.waiter == thread+1 {
			return true
		}
	}
	return thread < len(j.rcu.sections) && j.rcu.sections[thread].depth > 0
}
