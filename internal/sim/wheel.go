package sim

import (
	"math/bits"
	"slices"
)

// Never is later than every event.
const Never = int64(1) << 62

// Event is something that happens at a cycle. Key orders events of one cycle;
// build it with Key. The payload P is a plain value.
type Event[P any] struct {
	At  int64
	Key uint64
	P   P
}

// Key is the order of an event within its cycle: by source, then by the
// source's own sequence number.
func Key(source int, seq uint64) uint64 { return uint64(source)<<44 | seq&(1<<44-1) }

const (
	slots = 1 << 12 // cycles that the wheel spans; later events wait in a heap
	mask  = slots - 1
)

// Wheel is a queue of events. Push and Pop cost a few nanoseconds and, once
// its arenas have grown to the working size, allocate nothing.
type Wheel[P any] struct {
	now   int64 // no event is earlier
	nodes []node[P]
	free  int32
	head  [slots]int32 // list of each slot, in push order reversed
	used  [slots / 64]uint64
	sum   uint64 // bit i: used[i] != 0
	n     int    // events on the wheel
	far   []Event[P]

	cur []Event[P] // events of cycle now, sorted, from curAt on
	pos int
}

type node[P any] struct {
	e    Event[P]
	next int32
}

// NewWheel returns an empty wheel at cycle 0.
func NewWheel[P any]() *Wheel[P] {
	w := &Wheel[P]{free: -1}
	for i := range w.head {
		w.head[i] = -1
	}
	return w
}

// Len is the number of events pending.
func (w *Wheel[P]) Len() int { return w.n + len(w.far) + len(w.cur) - w.pos }

// Push schedules an event. Its cycle must lie after every event popped so far,
// or be the cycle being drained if drained events cannot follow it: all delays
// are at least one cycle.
func (w *Wheel[P]) Push(at int64, key uint64, p P) {
	if at <= w.now && w.pos < len(w.cur) || at < w.now {
		panic("sim: event scheduled in the past")
	}
	if at-w.now >= slots {
		w.pushFar(Event[P]{at, key, p})
		return
	}
	w.place(Event[P]{at, key, p})
}

func (w *Wheel[P]) place(e Event[P]) {
	i := w.free
	if i < 0 {
		w.nodes = append(w.nodes, node[P]{})
		i = int32(len(w.nodes) - 1)
	} else {
		w.free = w.nodes[i].next
	}
	s := int(e.At & mask)
	w.nodes[i] = node[P]{e, w.head[s]}
	w.head[s] = i
	w.used[s>>6] |= 1 << (s & 63)
	w.sum |= 1 << (s >> 6)
	w.n++
}

// Next is the cycle of the earliest event, Never if there is none.
func (w *Wheel[P]) Next() int64 {
	if w.pos < len(w.cur) {
		return w.now
	}
	if w.n == 0 {
		if len(w.far) == 0 {
			return Never
		}
		return w.far[0].At
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

// Pop takes the earliest event. There must be one.
func (w *Wheel[P]) Pop() Event[P] {
	if w.pos == len(w.cur) {
		w.advance(w.Next())
	}
	w.pos++
	return w.cur[w.pos-1]
}

// advance moves to cycle t and lines up its events.
func (w *Wheel[P]) advance(t int64) {
	w.now = t
	for len(w.far) > 0 && w.far[0].At-t < slots {
		w.place(w.popFar())
	}
	w.cur, w.pos = w.cur[:0], 0
	s := int(t & mask)
	for i := w.head[s]; i >= 0; {
		n := &w.nodes[i]
		w.cur = append(w.cur, n.e)
		next := n.next
		n.next, w.free = w.free, i
		i = next
	}
	w.head[s] = -1
	w.n -= len(w.cur)
	if w.used[s>>6] &^= 1 << (s & 63); w.used[s>>6] == 0 {
		w.sum &^= 1 << (s >> 6)
	}
	switch n := len(w.cur); {
	case n < 2:
	case n < 12:
		// The list is in reverse push order, often nearly sorted backwards.
		slices.Reverse(w.cur)
		for i := 1; i < n; i++ {
			for j := i; j > 0 && w.cur[j].Key < w.cur[j-1].Key; j-- {
				w.cur[j], w.cur[j-1] = w.cur[j-1], w.cur[j]
			}
		}
	default:
		slices.SortFunc(w.cur, func(a, b Event[P]) int {
			if a.Key < b.Key {
				return -1
			}
			return 1
		})
	}
}

func less[P any](a, b *Event[P]) bool {
	return a.At < b.At || a.At == b.At && a.Key < b.Key
}

func (w *Wheel[P]) pushFar(e Event[P]) {
	w.far = append(w.far, e)
	i := len(w.far) - 1
	for i > 0 {
		p := (i - 1) / 2
		if !less(&w.far[i], &w.far[p]) {
			break
		}
		w.far[i], w.far[p] = w.far[p], w.far[i]
		i = p
	}
}

func (w *Wheel[P]) popFar() Event[P] {
	e := w.far[0]
	n := len(w.far) - 1
	w.far[0] = w.far[n]
	w.far = w.far[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && less(&w.far[c+1], &w.far[c]) {
			c++
		}
		if !less(&w.far[c], &w.far[i]) {
			break
		}
		w.far[i], w.far[c] = w.far[c], w.far[i]
		i = c
	}
	return e
}
