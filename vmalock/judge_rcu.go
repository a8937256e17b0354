package vmalock

import (
	"fmt"
	"math/bits"

	"cohsim/internal/mem"
)

// rcuGhost is who is in a read section, and since when. Time is the number of events.
type rcuGhost struct {
	sections []section // by thread
	began    uint64    // of the grace period in progress, 0 for none
	history  history
}

type section struct {
	depth int
	since uint64 // when the outermost began
}

// before finds a thread in a read section that began before an event: it may still know
// what could be found then.
func (r *rcuGhost) before(event uint64) (thread int, found bool) {
	for i := range r.sections {
		if s := &r.sections[i]; s.depth > 0 && s.since < event {
			return i, true
		}
	}
	return 0, false
}

// enter and leave follow a thread's own sections.
func (j *Judge) section(r *Record) (rule, msg string) {
	for len(j.rcu.sections) <= r.Thread {
		j.rcu.sections = append(j.rcu.sections, section{})
	}
	s := &j.rcu.sections[r.Thread]
	switch {
	case r.Event == RCULock:
		if s.depth++; s.depth == 1 {
			s.since = j.events
		}
	case s.depth == 0:
		return "I9", "a thread leaves a read section in which it is not"
	default:
		s.depth--
	}
	return "", ""
}

// grace follows grace periods.
func (j *Judge) grace(r *Record) (rule, msg string) {
	if r.Event == RCUBegin {
		j.rcu.began = j.events
		return "", ""
	}
	began := j.rcu.began
	j.rcu.began = 0
	if thread, found := j.rcu.before(began); found {
		return "RCU", fmt.Sprintf("a grace period ends, and thread %d is still in the read section in which it was when the period began", thread)
	}
	return "", ""
}

// nodeGhost is what became of a leaf of a maple tree.
type nodeGhost struct {
	state   nodeState
	writer  int    // thread+1 that writes it, while it is not in the tree
	dead    uint64 // when it was last replaced
	history history
}

type nodeState uint8

const (
	nodeSpare   nodeState = iota // nobody knows it
	nodeWritten                  // ... but for the thread that is making a new leaf of it
	nodeLive                     // in the tree
	nodeDead                     // replaced: walks that began before may be in it
)

func (j *Judge) node(n *nodeGhost, r *Record) (rule, msg string) {
	switch r.Event {
	case NodeWrite:
		switch n.state {
		case nodeLive, nodeWritten:
			return "RCU", "a node of a maple tree is made a new leaf that is in use"
		case nodeDead:
			if thread, found := j.rcu.before(n.dead); found {
				return "RCU", fmt.Sprintf("a replaced node is written anew, and thread %d is still in the read section in which it may have found it", thread)
			}
		}
		n.state, n.writer = nodeWritten, r.Thread+1
	case NodeLive:
		if n.state != nodeWritten || n.writer != r.Thread+1 {
			return "RCU", "a node becomes part of a tree that the thread has not made"
		}
		n.state, n.writer = nodeLive, 0
	case NodeDead:
		if n.state != nodeLive {
			return "RCU", "a node is replaced that is in no tree"
		}
		n.state, n.dead = nodeDead, j.events
	case NodeRead:
		switch {
		case n.state == nodeSpare || n.state == nodeWritten && n.writer != r.Thread+1:
			return "I9", "a node is read after it was freed: it is being made another leaf"
		case r.Thread < len(j.rcu.sections) && j.rcu.sections[r.Thread].depth > 0 || j.mmapLocked(r.Thread):
		default:
			return "I9", "a tree is walked outside of a read section, and without mmap_lock"
		}
	}
	return "", ""
}

// mmapLocked says that the thread may hold some mmap_lock: whether it is the one that
// a waker has let in, only its own later event tells.
func (j *Judge) mmapLocked(thread int) bool {
	for _, m := range j.allMMs {
		if l := &m.lock; l.writer == thread+1 || l.readers+l.pending+l.granted > 0 {
			return true
		}
	}
	return false
}

// rcuState appends the state of nodes and of the grace period: as a thread enters and
// leaves sections, what matters is only who entered before which node was replaced, or
// before the period began.
func (j *Judge) rcuState(to []uint64) []uint64 {
	mask := func(event uint64) (m uint64) {
		for i := range j.rcu.sections {
			if s := &j.rcu.sections[i]; s.depth > 0 && s.since < event {
				m |= 1 << i
			}
		}
		return m
	}
	for _, n := range j.allNodes {
		w := uint64(n.state) | uint64(n.writer)<<8
		if n.state == nodeDead {
			w |= mask(n.dead) << 32
		}
		to = append(to, w)
	}
	w := uint64(0)
	if j.rcu.began > 0 {
		w = 1 | mask(j.rcu.began)<<32
	}
	depth := uint64(0)
	for i := range j.rcu.sections {
		depth |= uint64(j.rcu.sections[i].depth) << (4 * i)
	}
	return append(to, w, depth)
}

// setRCUState is the reverse. The masks are nested, because a later event is after all
// sections that an earlier one is after; so times follow from how many they have.
func (j *Judge) setRCUState(from []uint64) {
	const later = 1 << 20 // than all that is told
	at := func(mask uint64) uint64 { return 2*uint64(bits.OnesCount64(mask)) + 1 }
	var masks []uint64
	for i, n := range j.allNodes {
		w := from[i]
		n.state, n.writer, n.dead = nodeState(w&0xff), int(w>>8&0xff), at(w>>32)
		if n.state == nodeDead {
			masks = append(masks, w>>32)
		}
	}
	from = from[len(j.allNodes):]
	j.rcu.began = 0
	if from[0]&1 != 0 {
		masks = append(masks, from[0]>>32)
		j.rcu.began = at(from[0] >> 32)
	}
	j.rcu.sections = j.rcu.sections[:0]
	for i := range 16 {
		s := section{depth: int(from[1] >> (4 * i) & 15), since: later}
		for _, m := range masks {
			if m>>i&1 != 0 {
				s.since = min(s.since, at(m)-1)
			}
		}
		j.rcu.sections = append(j.rcu.sections, s)
	}
	j.events = max(j.events, later)
}

// AddNode introduces a leaf of a maple tree, or a node that may become one.
func (j *Judge) AddNode(node mem.Addr, live bool) {
	n := &nodeGhost{}
	if live {
		n.state = nodeLive
	}
	j.nodes[node] = n
	j.allNodes = append(j.allNodes, n)
}
