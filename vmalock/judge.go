package vmalock

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cohsim/internal/mem"
)

// Judge follows a run by its ghost events, in order of time, and reports the
// first that no correct lock could produce. It keeps who holds what, which the
// lock words only count, and compares the two at every event.
type Judge struct {
	symbol func(mem.Addr) string
	vmas   map[mem.Addr]*vmaGhost // looked up, never iterated
	mms    map[mem.Addr]*mmGhost
	sems   map[mem.Addr]*semGhost // each mm's mmap_lock, and others
	nodes  map[mem.Addr]*nodeGhost
	queued map[mem.Addr]waiting // by rwsem_waiter; looked up, never iterated
	rcu    rcuGhost
	events uint64

	seqMask  uint64 // the largest sequence number
	vmaGrace bool   // VMAs are freed after a grace period

	// The same in the order in which they were introduced, see State.
	allVMAs []*vmaGhost
	allSems []*semGhost
	allMMs  []*mmGhost
	held    []*holds

	allNodes []*nodeGhost
}

// NewJudge returns a judge who knows no object yet. symbol names objects in
// errors by their addresses, and may be nil.
func NewJudge(symbol func(mem.Addr) string) *Judge {
	if symbol == nil {
		symbol = func(a mem.Addr) string { return fmt.Sprintf("%#x", uint64(a)) }
	}
	return &Judge{symbol: symbol, vmas: map[mem.Addr]*vmaGhost{}, mms: map[mem.Addr]*mmGhost{}, sems: map[mem.Addr]*semGhost{}, nodes: map[mem.Addr]*nodeGhost{}, queued: map[mem.Addr]waiting{}, seqMask: seqMask(32)}
}

// AddMM introduces an mm, unlocked and with sequence number 0.
func (j *Judge) AddMM(mm mem.Addr) {
	m := &mmGhost{lock: semGhost{name: "mmap_lock"}, seqMask: j.seqMask}
	m.lock.mm = m
	j.mms[mm], j.sems[mm] = m, &m.lock
	j.allMMs, j.allSems = append(j.allMMs, m), append(j.allSems, &m.lock)
	j.held = append(j.held, &m.lock.threads)
}

// AddSem introduces a semaphore, free, by the object that it is a member of: the
// VMA that it locks or another. vma is 0 if it locks none.
func (j *Judge) AddSem(object, vma mem.Addr) {
	s := &semGhost{name: "rw_semaphore"}
	if v := j.vmas[vma]; v != nil {
		s.name, s.vma, v.sem = "vm_lock", v, s
	}
	j.sems[object] = s
	j.allSems = append(j.allSems, s)
	j.held = append(j.held, &s.threads)
}

// AddVMA introduces a VMA of an mm, without readers.
func (j *Judge) AddVMA(vma, mm mem.Addr, attached bool) {
	v := &vmaGhost{addr: vma, mm: j.mms[mm], attached: attached, lockedSeq: j.seqMask}
	if v.mm == nil {
		panic("vmalock: AddVMA before AddMM")
	}
	j.vmas[vma] = v
	j.allVMAs = append(j.allVMAs, v)
	j.held = append(j.held, &v.readers)
}

// Observe takes the next event. thread is a small number; obj is the VMA, mm or
// semaphore. Times must not decrease. The error is a *Violation.
func (j *Judge) Observe(t int64, thread int, e Event, obj mem.Addr, old, new uint64) error {
	j.events++
	r := Record{t, thread, e, obj, old, new}
	var rule, msg string
	var h *history
	what := e.object()
	if e == Warn {
		what = "mm"
		if j.vmas[obj] != nil {
			what = "VMA"
		}
	}
	switch what {
	case "VMA":
		if v := j.vmas[obj]; v != nil {
			if rule, msg = v.observe(&r); rule == "" {
				rule, msg = j.reuse(v, &r)
			}
			h = &v.history
		}
	case "mm":
		if m := j.mms[obj]; m != nil {
			rule, msg = m.observe(&r)
			h = &m.lock.history
		}
	case "semaphore":
		if s := j.sems[obj]; s != nil {
			if rule, msg = s.observe(&r); e == SemQueue {
				j.queued[mem.Addr(new)] = waiting{s, thread}
			}
			h = &s.history
		}
	case "rwsem_waiter":
		if s := j.leaveQueue(obj); s != nil {
			h = &s.history
		}
	case "node":
		if n := j.nodes[obj]; n != nil {
			rule, msg = j.node(n, &r)
			h = &n.history
		}
	case "task":
		if rule, msg = j.section(&r); rule == "" {
			return nil
		}
		h = &j.rcu.history
	case "rcu_state":
		rule, msg = j.grace(&r)
		h = &j.rcu.history
	}
	if h == nil {
		return &Violation{Rule: "objects", Msg: "the event's object is no " + e.object() + " of this run", Object: j.symbol(obj), Last: r}
	}
	if rule == "" {
		h.add(r)
		return nil
	}
	return &Violation{Rule: rule, Msg: msg, Object: j.symbol(obj), Last: r, History: h.list()}
}

// leaveQueue takes a waiter out of the queue that it is in, and returns the semaphore, nil
// if it is in none. In a check the thread may have queued somewhere else on the way
// explored last.
func (j *Judge) leaveQueue(waiter mem.Addr) *semGhost {
	q, ok := j.queued[waiter]
	if !ok {
		return nil
	}
	if q.sem.unqueue(q.thread) {
		return q.sem
	}
	for _, s := range j.allSems {
		if s.unqueue(q.thread) {
			return s
		}
	}
	return nil
}

// Events is the number of events observed.
func (j *Judge) Events() uint64 { return j.events }

// Idle reports an error if anybody still holds, waits for, or has counted itself
// in on anything of the VMA, mm or semaphore at addr: at the end of programs that give back
// all they took.
func (j *Judge) Idle(addr mem.Addr) error {
	msg := ""
	var h *history
	switch {
	case j.vmas[addr] != nil:
		v := j.vmas[addr]
		h = &v.history
		if v.nTrue+v.nInflight > 0 || v.flagOwner != 0 {
			msg = "not idle: " + v.describe()
		}
	case j.mms[addr] != nil:
		m := j.mms[addr]
		h = &m.lock.history
		if !m.lock.idle() || m.seq&1 != 0 {
			msg = "not idle: " + m.describe()
		}
	case j.sems[addr] != nil:
		s := j.sems[addr]
		h = &s.history
		if !s.idle() {
			msg = "not idle: " + s.describe()
		}
	default:
		msg, h = "neither a VMA, an mm nor a semaphore", &history{}
	}
	if msg == "" {
		return nil
	}
	return &Violation{Rule: "idle", Msg: msg, Object: j.symbol(addr), History: h.list()}
}

// Record is one ghost event as it was observed.
type Record struct {
	At     int64
	Thread int
	Event  Event
	Object mem.Addr
	Old    uint64
	New    uint64
}

func (r Record) String() string {
	return fmt.Sprintf("%12d  thread %-3d %-14s %#x -> %#x", r.At, r.Thread, r.Event, r.Old, r.New)
}

// Violation is an event that no correct lock produces.
type Violation struct {
	Rule    string // "I1" … of the lock's invariants, "edges", "identity", "mmap_lock", …
	Msg     string
	Object  string
	Last    Record
	History []Record // what happened to the object before, oldest first
}

func (v *Violation) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lock violation (%s) on %s: %s\n", v.Rule, v.Object, v.Msg)
	for _, r := range v.History {
		fmt.Fprintf(&b, "  %v\n", r)
	}
	fmt.Fprintf(&b, "> %v", v.Last)
	return b.String()
}

// historyLen bounds what a violation tells: the last events of one object, and before
// them the last of each thread that has been quiet since.
const historyLen = 32

// history is a ring of the latest records. It allocates for the first of them, and when
// a thread shows up for the first time.
type history struct {
	ring *[historyLen]Record
	n    uint64
	last []lastRecord // by thread
}

type lastRecord struct {
	Record
	n uint64 // how many came before it, and one more; 0: none
}

func (h *history) add(r Record) {
	if h.ring == nil {
		h.ring = new([historyLen]Record)
	}
	h.ring[h.n%historyLen] = r
	h.n++
	for len(h.last) <= r.Thread {
		h.last = append(h.last, lastRecord{})
	}
	h.last[r.Thread] = lastRecord{r, h.n}
}

func (h *history) list() []Record {
	first := uint64(0)
	if h.n > historyLen {
		first = h.n - historyLen
	}
	var quiet []lastRecord
	for _, l := range h.last {
		if l.n > 0 && l.n <= first {
			quiet = append(quiet, l)
		}
	}
	slices.SortFunc(quiet, func(a, b lastRecord) int { return cmp.Compare(a.n, b.n) })
	var out []Record
	for _, l := range quiet {
		out = append(out, l.Record)
	}
	for i := first; i < h.n; i++ {
		out = append(out, h.ring[i%historyLen])
	}
	return out
}

// hold is what one thread has of one object.
type hold uint8

const (
	holdNone     hold = iota
	holdInflight      // counted, not (yet) entitled
	holdTrue          // entitled
	holdGone          // had it and gave it back: must find it again before it looks at it, see Touch
)

// holds has a hold per thread, grown when a new thread shows up.
type holds []hold

func (h *holds) of(thread int) *hold {
	for len(*h) <= thread {
		*h = append(*h, holdNone)
	}
	return &(*h)[thread]
}
