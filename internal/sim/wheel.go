package sim

import (
	"cmp"
	"math/bits"
	"slices"
)

// Never is later than every event.
const Never = int64(1) << 62

// Event is something that happens at a cycle. Key orders events of one cycle;
// build it with Key. The payload P is a plain value.
type Event[P any] struct {
	At   int64
	Key  uint64
	next int32 // in its slot's list, or in the list of free events
	P    P
	_    [8]byte // so that a message's event is one host cache line
}

// Key is the order of an event within its cycle: by source, then by the
// source's own sequence number.
func Key(source int, seq uint64) uint64 { return uint64(source)<<44 | seq&(1<<44-1) }

const (
	slots = 1 << 11 // cycles that the wheel spans; later events wait in a heap
	mask  = slots - 1
)

// Wheel is a queue of events. Push and Pop cost a few nanoseconds and, once
// its arena has grown to the working size, allocate nothing. An event is
// written once, when it is pushed, and stays where it is until it is over:
// slots and heap hold indices.
type Wheel[P any] struct {
	now   int64 // no event is earlier
	over  bool  // cycle now is drained
	next  int64 // the earliest event, Never if there is none
	nodes []Event[P]
	free  int32
	taken int32   // the event popped last, -1 if there is none: free from the next Pop on
	list  []int32 // scratch of sort
	far   []int32 // heap of the events too late for the slots
	sum   uint64  // bit i: used[i] != 0
	used  [slots / 64]uint64
	mixed [slots / 64]uint64 // slots whose list is not in order
	slot  [slots]slot
}

// slot is the list of a cycle's events: in order of their keys unless the slot is
// mixed. Most cycles have few, so an event is put in its place when it is pushed.
type slot struct{ head, tail int32 }

// patience is how many events of a slot a new one is compared with. A slot that
// would take more is sorted when its cycle comes.
const patience = 8

// NewWheel returns an empty wheel at cycle 0.
func NewWheel[P any]() *Wheel[P] { return new(Wheel[P]).Renew() }

// Renew makes a wheel the one that NewWheel returns, of the memory that it has.
func (w *Wheel[P]) Renew() *Wheel[P] {
	if w == nil {
		w = new(Wheel[P])
	}
	*w = Wheel[P]{free: -1, taken: -1, next: Never, over: true, nodes: w.nodes[:0], list: w.list[:0], far: w.far[:0]}
	for i := range w.slot {
		w.slot[i].head = -1
	}
	return w
}

// Next is the cycle of the earliest event, Never if there is none.
func (w *Wheel[P]) Next() int64 { return w.next }

// Push schedules an event. Its cycle must lie after every event popped so far,
// or be the cycle being drained if drained events cannot follow it: all delays
// are at least one cycle.
func (w *Wheel[P]) Push(at int64, key uint64, p P) { *w.Add(at, key) = p }

// Add is Push for a payload that the caller fills in: it is not cleared, and
// the pointer is good until the next event is scheduled.
func (w *Wheel[P]) Add(at int64, key uint64) *P {
	if w.free < 0 {
		w.grow()
	}
	i := w.free
	e := &w.nodes[i]
	w.free = e.next
	e.At, e.Key, e.next = at, key, -1
	if at < w.next {
		w.next = at
	}
	if d := at - w.now; d <= 0 || d >= slots {
		w.unusual(i, d)
		return &e.P
	}
	s := uint(at & mask)
	l := &w.slot[s]
	switch {
	case l.head < 0:
		l.head, l.tail = i, i
		w.used[s>>6] |= 1 << (s & 63)
		w.sum |= 1 << (s >> 6)
	case w.nodes[l.tail].Key < key:
		w.nodes[l.tail].next, l.tail = i, i
	default:
		w.between(s, i, e)
	}
	return &e.P
}

// unusual schedules an event d cycles from now that no slot is for, or in the cycle
// that is drained.
//
//go:noinline
func (w *Wheel[P]) unusual(i int32, d int64) {
	switch {
	case d >= slots:
		w.pushFar(i)
	case d < 0 || !w.over:
		panic("sim: event scheduled in the past")
	default: // its slot is not sorted again: the whole list is put in order here
		s := uint(w.nodes[i].At & mask)
		w.place(i)
		if w.mixed[s>>6]>>(s&63)&1 != 0 {
			w.mixed[s>>6] &^= 1 << (s & 63)
			w.sort(&w.slot[s])
		}
	}
}

// place puts an event into its slot.
func (w *Wheel[P]) place(i int32) {
	e := &w.nodes[i]
	s := uint(e.At & mask)
	l := &w.slot[s]
	if e.next = -1; l.head < 0 {
		l.head, l.tail = i, i
		w.used[s>>6] |= 1 << (s & 63)
		w.sum |= 1 << (s >> 6)
		return
	}
	w.between(s, i, e)
}

// between puts an event into a list that it need not end.
func (w *Wheel[P]) between(s uint, i int32, e *Event[P]) {
	l := &w.slot[s]
	to := &l.head
	for range patience {
		b := &w.nodes[*to]
		if b.Key >= e.Key {
			e.next, *to = *to, i
			return
		}
		if b.next < 0 {
			b.next, l.tail = i, i
			return
		}
		to = &b.next
	}
	e.next, l.head = l.head, i
	w.mixed[s>>6] |= 1 << (s & 63)
}

// grow makes room for an event in the arena.
//
//go:noinline
func (w *Wheel[P]) grow() {
	w.free = int32(len(w.nodes))
	w.nodes = append(w.nodes, Event[P]{next: -1})
}

// find is the cycle of the earliest event.
func (w *Wheel[P]) find() int64 {
	if w.sum == 0 {
		if len(w.far) == 0 {
			return Never
		}
		return w.nodes[w.far[0]].At
	}
	// The first used slot at or after now, around the wheel.
	s := int(w.now & mask)
	i := s >> 6
	if m := w.used[i] >> (s & 63); m != 0 {
		return w.now + int64(bits.TrailingZeros64(m))
	}
	if rest := w.sum &^ (1<<(i+1) - 1); rest != 0 && i < 63 {
		j := bits.TrailingZeros64(rest)
		return w.ahead(j<<6 | bits.TrailingZeros64(w.used[j]))
	}
	j := bits.TrailingZeros64(w.sum) // wrapped; j == i means the slots before s
	return w.ahead(j<<6 | bits.TrailingZeros64(w.used[j]))
}

func (w *Wheel[P]) ahead(slot int) int64 {
	return w.now + (int64(slot)-w.now)&mask
}

// Pop takes the earliest event. There must be one. It is good until the next Pop;
// if events are scheduled meanwhile, changes to it may be lost.
func (w *Wheel[P]) Pop() *Event[P] {
	if w.taken >= 0 {
		w.nodes[w.taken].next, w.free = w.free, w.taken
	}
	if w.next != w.now {
		w.advance(w.next)
	}
	s := uint(w.now & mask)
	l := &w.slot[s]
	i := l.head
	e := &w.nodes[i]
	w.taken, l.head = i, e.next
	w.over = e.next < 0
	if w.over {
		if w.used[s>>6] &^= 1 << (s & 63); w.used[s>>6] == 0 {
			w.sum &^= 1 << (s >> 6)
		}
		w.next = w.find()
	}
	return e
}

// advance moves to cycle t, which has events.
func (w *Wheel[P]) advance(t int64) {
	w.now = t
	for len(w.far) > 0 && w.nodes[w.far[0]].At-t < slots {
		w.place(w.popFar())
	}
	if s := uint(t & mask); w.mixed[s>>6]>>(s&63)&1 != 0 {
		w.mixed[s>>6] &^= 1 << (s & 63)
		w.sort(&w.slot[s])
	}
}

// sort puts a slot's list in order.
func (w *Wheel[P]) sort(l *slot) {
	all := w.list[:0]
	for i := l.head; i >= 0; i = w.nodes[i].next {
		all = append(all, i)
	}
	w.list = all
	slices.SortFunc(all, func(a, b int32) int { return cmp.Compare(w.nodes[a].Key, w.nodes[b].Key) })
	to := &l.head
	for _, i := range all {
		*to, to = i, &w.nodes[i].next
		l.tail = i
	}
	*to = -1
}

func (w *Wheel[P]) less(a, b int32) bool {
	x, y := &w.nodes[a], &w.nodes[b]
	return x.At < y.At || x.At == y.At && x.Key < y.Key
}

func (w *Wheel[P]) pushFar(e int32) {
	w.far = append(w.far, e)
	i := len(w.far) - 1
	for i > 0 {
		p := (i - 1) / 2
		if !w.less(w.far[i], w.far[p]) {
			break
		}
		w.far[i], w.far[p] = w.far[p], w.far[i]
		i = p
	}
}

func (w *Wheel[P]) popFar() int32 {
	e := w.far[0]
	n := len(w.far) - 1
	w.far[0] = w.far[n]
	w.far = w.far[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && w.less(w.far[c+1], w.far[c]) {
			c++
		}
		if !w.less(w.far[c], w.far[i]) {
			break
		}
		w.far[i], w.far[c] = w.far[c], w.far[i]
		i = c
	}
	return e
}
