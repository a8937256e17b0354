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
// written once, when it is pushed, and stays where it is until its cycle is over:
// slots, heap and the line-up of a cycle hold indices.
type Wheel[P any] struct {
	now   int64 // no event is earlier
	next  int64 // the earliest event, Never if there is none
	nodes []Event[P]
	free  int32
	n     int     // events in slots
	cur   []entry // events of cycle now, sorted; those from pos on are pending
	pos   int
	first int32   // list of the events of cycle now, freed all at once when it is over;
	last  int32   // its end; -1 if it is empty
	far   []int32 // heap of the events too late for the slots
	sum   uint64  // bit i: used[i] != 0
	used  [slots / 64]uint64
	head  [slots]int32 // list of each slot, in push order reversed
}

// entry is an event of the cycle being drained, with its key beside it so that
// sorting does not touch the events.
type entry struct {
	key  uint64
	node int32
}

// NewWheel returns an empty wheel at cycle 0.
func NewWheel[P any]() *Wheel[P] { return new(Wheel[P]).Renew() }

// Renew makes a wheel the one that NewWheel returns, of the memory that it has.
func (w *Wheel[P]) Renew() *Wheel[P] {
	if w == nil {
		w = new(Wheel[P])
	}
	*w = Wheel[P]{free: -1, last: -1, next: Never, nodes: w.nodes[:0], cur: w.cur[:0], far: w.far[:0]}
	for i := range w.head {
		w.head[i] = -1
	}
	return w
}

// Len is the number of events pending.
func (w *Wheel[P]) Len() int { return w.n + len(w.far) + len(w.cur) - w.pos }

// Next is the cycle of the earliest event, Never if there is none.
func (w *Wheel[P]) Next() int64 { return w.next }

// Push schedules an event. Its cycle must lie after every event popped so far,
// or be the cycle being drained if drained events cannot follow it: all delays
// are at least one cycle.
func (w *Wheel[P]) Push(at int64, key uint64, p P) { *w.Add(at, key) = p }

// Add is Push for a payload that the caller fills in: it is not cleared, and
// the pointer is good until the next event is scheduled.
func (w *Wheel[P]) Add(at int64, key uint64) *P {
	if at <= w.now && (at < w.now || w.pos < len(w.cur)) {
		panic("sim: event scheduled in the past")
	}
	i := w.free
	if i < 0 {
		w.nodes = append(w.nodes, Event[P]{})
		i = int32(len(w.nodes) - 1)
	} else {
		w.free = w.nodes[i].next
	}
	e := &w.nodes[i]
	e.At, e.Key = at, key
	if at < w.next {
		w.next = at
	}
	if at-w.now >= slots {
		w.pushFar(i)
	} else {
		w.place(i, e)
	}
	return &e.P
}

func (w *Wheel[P]) place(i int32, e *Event[P]) {
	s := int(e.At & mask)
	e.next = w.head[s]
	w.head[s] = i
	w.used[s>>6] |= 1 << (s & 63)
	w.sum |= 1 << (s >> 6)
	w.n++
}

// find is the cycle of the earliest event that is not lined up.
func (w *Wheel[P]) find() int64 {
	if w.n == 0 {
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

// Pop takes the earliest event. There must be one. It is good until the first Pop
// of a later cycle; if events are scheduled meanwhile, changes to it may be lost.
func (w *Wheel[P]) Pop() *Event[P] {
	if w.pos == len(w.cur) {
		w.advance(w.next)
	}
	i := w.cur[w.pos].node
	if w.pos++; w.pos == len(w.cur) {
		w.next = w.find()
	}
	return &w.nodes[i]
}

// advance moves to cycle t and lines up its events.
func (w *Wheel[P]) advance(t int64) {
	if w.last >= 0 {
		w.nodes[w.last].next = w.free
		w.free = w.first
	}
	w.now = t
	for len(w.far) > 0 && w.nodes[w.far[0]].At-t < slots {
		i := w.popFar()
		w.place(i, &w.nodes[i])
	}
	s := int(t & mask)
	cur := w.cur[:0]
	w.first, w.last = w.head[s], -1
	for i := w.first; i >= 0; {
		e := &w.nodes[i]
		cur = append(cur, entry{e.Key, i})
		w.last = i
		i = e.next
	}
	w.cur, w.pos = cur, 0
	w.head[s] = -1
	w.n -= len(cur)
	if w.used[s>>6] &^= 1 << (s & 63); w.used[s>>6] == 0 {
		w.sum &^= 1 << (s >> 6)
	}
	if len(cur) > 1 {
		inOrder(cur)
	}
}

// inOrder sorts the events of a cycle by key.
func inOrder(cur []entry) {
	if len(cur) > 12 {
		slices.SortFunc(cur, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
		return
	}
	for i := 1; i < len(cur); i++ {
		e := cur[i]
		j := i
		for ; j > 0 && e.key < cur[j-1].key; j-- {
			cur[j] = cur[j-1]
		}
		cur[j] = e
	}
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
