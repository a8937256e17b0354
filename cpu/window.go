package cpu

import (
	"math/bits"
	"slices"
)

// phase is where an op in the window stands.
type phase uint8

const (
	waiting   phase = iota // for operands
	blocked                // operands ready, held by ordering, an older store, or a full MSHR file
	atHead                 // must reach the head of the window first (RMW, SC, Wait, LFence)
	executing              // on the calendar
	filling                // waits for a line
	preparing              // RMW at the head, before it needs the line
	holding                // RMW with the line locked
	remote                 // RMW that the home performs
	posting                // RMW performed and unlocked, not yet complete
	sleeping               // Wait whose condition does not hold
	done
)

// link names one operand slot of a window entry: index*4 + slot.
type link int32

const noLink link = -1

const (
	slotA = iota
	slotB
	slotC
	slotGate // not an operand: the op retries when the entry it hangs on performs
	numSlots
)

// entry is one op in the window: two host cache lines.
type entry struct {
	op    *Op
	seq   uint64 // position in fetch order; seq & mask is its index
	at    int64  // when it completes its current phase
	phase phase
	ld    Class
	st    Class
	flags entryFlags
	set   ClassSet // classes of the op that have not performed yet
	slots int16    // window slots it takes
	need  uint8    // operands outstanding, a bit per slot
	level uint8    // stats.Cause to charge while executing
	pc    int32
	deps  link           // operands waiting for this result
	gates link           // ops waiting for this op to perform
	next  [numSlots]link // in the lists above; slotGate: also in a calendar slot

	v      [3]uint64 // operand values A, B, C
	val    uint64    // result
	addr   uint64
	perfAt int64  // when it performed
	sq     uint64 // store: its store-queue position; others: store-queue tail at dispatch
	epoch  uint32 // store fences before it
}

// address is what the op accesses, once it has its operand A.
func (e *entry) address() uint64 { return e.v[slotA] + uint64(int64(e.op.Off)) }

type entryFlags uint8

const (
	performed entryFlags = 1 << iota
	taken                // branch: predicted taken; once resolved, taken
	missed               // the access missed at least once
	faulted              // load of memory that does not exist
	unasked              // ownership is to be asked for when the branches before it are resolved
	chained              // RMW that directly follows one on the same line
)

// calendar holds completions of the next 64 cycles as lists per cycle and a bit
// set of the non-empty ones; later completions wait in a short unordered list.
type calendar struct {
	bits uint64
	now  int64 // every completion up to now has been taken
	far  []int32
	head [64]int32
}

func (cal *calendar) reset(now int64) {
	for i := range cal.head {
		cal.head[i] = -1
	}
	cal.bits, cal.now, cal.far = 0, now, cal.far[:0]
}

// shift moves all completions by d cycles.
func (cal *calendar) shift(d int64) {
	var head [64]int32
	for s := range cal.head {
		head[(int64(s)+d)&63] = cal.head[s]
	}
	cal.head, cal.bits, cal.now = head, bits.RotateLeft64(cal.bits, int(d&63)), cal.now+d
}

// schedule puts entry i on the calendar for cycle at > now.
func (c *Core) schedule(i int32, at int64) {
	e := &c.win[i]
	e.at = at
	if at-c.cal.now >= 64 {
		c.cal.far = append(c.cal.far, i)
		return
	}
	s := at & 63
	e.next[slotGate] = link(c.cal.head[s])
	c.cal.head[s] = i
	c.cal.bits |= 1 << s
}

// nextDone is the cycle of the earliest completion, never if there is none.
func (c *Core) nextDone() int64 {
	t := never
	if b := c.cal.bits; b != 0 {
		r := bits.RotateLeft64(b, -int((c.cal.now+1)&63))
		t = c.cal.now + 1 + int64(bits.TrailingZeros64(r))
	}
	for _, i := range c.cal.far {
		t = min(t, c.win[i].at)
	}
	return t
}

// complete takes the completions due at cycle t, oldest op first.
func (c *Core) complete(t int64) {
	c.cal.now = t
	s := t & 63
	if len(c.cal.far) == 0 {
		if c.cal.bits&(1<<s) == 0 {
			return
		}
		if i := c.cal.head[s]; c.win[i].next[slotGate] < 0 { // alone
			c.cal.head[s] = -1
			c.cal.bits &^= 1 << s
			c.completed(i, &c.win[i], t)
			return
		}
	}
	due := c.due[:0]
	if c.cal.bits&(1<<s) != 0 {
		for i := c.cal.head[s]; i >= 0; i = int32(c.win[i].next[slotGate]) {
			due = append(due, i)
		}
		c.cal.head[s] = -1
		c.cal.bits &^= 1 << s
		slices.Reverse(due) // the list has the last scheduled, mostly the youngest, first
	}
	if len(c.cal.far) > 0 {
		far := c.cal.far[:0]
		for _, i := range c.cal.far {
			switch at := c.win[i].at; {
			case at <= t:
				due = append(due, i)
			case at-t < 64:
				c.schedule(i, at)
			default:
				far = append(far, i)
			}
		}
		c.cal.far = far
	}
	c.due = due
	// By age: the distance of an index from the head's.
	head, mask := int32(c.head&c.mask), int32(c.mask)
	for k := 1; k < len(due); k++ {
		for j := k; j > 0 && (due[j]-head)&mask < (due[j-1]-head)&mask; j-- {
			due[j], due[j-1] = due[j-1], due[j]
		}
	}
	// A squash by an older op of this cycle takes younger ones off: their seq
	// is then no longer in the window.
	for _, i := range due {
		e := &c.win[i]
		if e.seq < c.tail && e.seq >= c.head && e.at == t {
			c.completed(i, e, t)
		}
	}
}

// fire delivers a result to the operands that wait for it.
func (c *Core) fire(e *entry, t int64) {
	l := e.deps
	e.deps = noLink
	for l != noLink {
		i, s := int32(l>>2), l&3
		u := &c.win[i]
		l = u.next[s]
		u.v[s] = e.val
		c.operandReady(i, u, int(s), t)
	}
}

// open retries the ops gated on e's performing.
func (c *Core) open(list *link, t int64) {
	l := *list
	*list = noLink
	for l != noLink {
		i := int32(l >> 2)
		u := &c.win[i]
		l = u.next[slotGate]
		if c.hold != nil {
			c.letGo(i, t)
		}
		c.execute(i, u, t)
	}
}

// gate makes u retry when *list opens, the list of an op at pc by.
func (c *Core) gate(i int32, u *entry, list *link, by int32, t int64) {
	if c.hold != nil {
		c.hold.since[i], c.hold.by[i] = t, by
	}
	u.phase = blocked
	u.next[slotGate] = *list
	*list = link(i)<<2 | slotGate
}
