package cache

import (
	"slices"

	"cohsim/mesi"
)

// Frame is one line held, or being fetched, by a unit.
type Frame struct {
	Data [LineBytes]byte // first: a frame is two host cache lines, the bytes are one

	Tag uint64 // the line, NoLine if the frame is free
	mesi.Line
	way  int32 // of the outer tag array
	MSHR int16 // outstanding miss, -1 if none

	Pinned  uint8  // locked ops in the middle of their latency: no victim meanwhile
	Once    bool   // the bytes may serve the oldest load of one thread, then they are dead
	Tracked bool   // the line is contended: its accesses are counted
	Off     uint8  // offset of the access that missed
	Class   Class  // how the miss that brought the line is to be counted, when that is not known yet
	Foreign uint16 // 4-byte words that others wrote since this unit lost its last copy
	Written uint16 // words written since the unit became owner, while tracked
	Ops     uint32 // accesses since the unit became owner, while tracked
	Locked  int64  // cycle of the last locked op
	WroteAt int64  // cycle of the last write, where threads share the unit
	Wrote   int32  // and the thread that wrote, from 1
	_       [12]byte
}

// Class is the verdict on a coherence miss.
type Class uint8

const (
	Settled   Class = iota // nothing to decide
	Undecided              // false sharing, unless a foreign word is touched while the copy lives
)

// MSHR is one outstanding miss.
type MSHR struct {
	Line   uint64
	Frame  int32
	Demand bool  // an op waits for it; otherwise a prefetch
	Offset uint8 // offset in the line of the access that waits
	Cause  uint8 // stats.Cause of what supplied the line
	InUse  bool
	// Oldest is 1 + the thread whose oldest op waited for the line when an
	// invalidation of a later turn came, 0 if there was none: see ISI_D.
	Oldest uint16
}

// Parked is a line in the eviction buffer: its way is free, and it still answers
// snoops until the home knows.
type Parked struct {
	mesi.Line
	Tag    uint64
	Waited bool // a core wants the line back
	Data   [LineBytes]byte
}

// Unit is the private caches of one core.
type Unit struct {
	index
	two    bool // there is an L2
	L1     *Array
	outer  *Array // the L2's, or the L1's again
	Frames []Frame
	spare  []int32 // free frames

	busy   int
	parked int
	MSHRs  []MSHR
	Parked []Parked // in use ones first
}

// NewUnit returns an empty unit for a memory of so many lines from the line first
// on. l2.Bytes == 0 means a single level.
func NewUnit(l1, l2 Config, mshrs int, first uint64, lines int) *Unit {
	u := &Unit{}
	u.Renew(l1, l2, mshrs, first, lines)
	return u
}

// Renew makes a unit the one that NewUnit returns, of the memory that it has.
func (u *Unit) Renew(l1, l2 Config, mshrs int, first uint64, lines int) {
	old := *u
	if !u.L1.Renew(l1, old.first, old.lines) {
		u.L1 = NewArray(l1)
	}
	u.outer, u.two = u.L1, l2.Bytes > 0
	if u.two {
		if u.outer = old.outer; !old.two || !u.outer.Renew(l2, old.first, old.lines) {
			u.outer = NewArray(l2)
		}
	}
	u.index.renew(first, lines)
	u.Frames, u.spare = u.Frames[:0], u.spare[:0]
	u.busy, u.parked = 0, 0
	u.MSHRs, u.Parked = slices.Grow(u.MSHRs[:0], mshrs)[:mshrs], slices.Grow(u.Parked[:0], mshrs)[:mshrs]
	clear(u.MSHRs)
	clear(u.Parked)
	u.Reserve()
}

// Reserve makes frames until every MSHR could take one. Frames move when more
// are made, so no pointer to one may be held across Reserve; nothing else moves
// them. A unit thus has as many frames as it ever held lines at a time, close to
// each other, and not one per way.
func (u *Unit) Reserve() {
	if len(u.spare) < len(u.MSHRs) && len(u.Frames) < len(u.outer.all) {
		u.grow()
	}
}

func (u *Unit) grow() {
	n := len(u.Frames)
	more := min(max(2*n, 4*len(u.MSHRs)), len(u.outer.all))
	if cap(u.Frames) < more {
		frames := make([]Frame, n, more)
		copy(frames, u.Frames)
		u.Frames = frames
	}
	u.Frames = u.Frames[:more]
	clear(u.Frames[n:])
	spare := make([]int32, 0, more)
	for f := int32(more) - 1; f >= int32(n); f-- { // low numbers first
		u.Frames[f].clear()
		spare = append(spare, f)
	}
	u.spare = append(spare, u.spare...)
}

func (fr *Frame) clear() {
	fr.Tag, fr.Line = NoLine, mesi.Line{}
	fr.way, fr.MSHR, fr.Pinned, fr.Once, fr.Tracked = -1, -1, 0, false, false
	fr.Class, fr.Foreign, fr.Written, fr.Ops, fr.Locked = Settled, 0, 0, 0, -1<<62
}

// TwoLevels reports whether there is an L2.
func (u *Unit) TwoLevels() bool { return u.two }

// Find returns the frame of a line, -1 if it has none.
func (u *Unit) Find(line uint64) int32 { return u.Held(line).Frame() }

// Use records an access to a frame that the L1 did not have the tag of: it
// becomes the most recent of its set, and takes a way of the L1. With one level
// it has one already.
func (u *Unit) Use(f int32) {
	fr := &u.Frames[f]
	u.outer.Touch(fr.way)
	if !u.two {
		return
	}
	h := u.at(fr.Tag)
	if h.l1 == 0 {
		w := u.L1.Room(fr.Tag)
		if w < 0 {
			w = u.L1.Victim(fr.Tag, nil)
			u.at(u.L1.Tag(w)).l1 = 0
		}
		u.L1.Set(w, fr.Tag)
		h.l1 = w + 1
	}
	u.L1.Touch(h.L1())
}

// Sync notes what a frame's state allows. It must be called after every change
// of the frame's state or Tracked.
func (u *Unit) Sync(fr *Frame, rights Rights) {
	h := u.at(fr.Tag)
	h.entry = h.entry&^7 | uint32(rights)
}

// Take finds a way for a new line. If it is empty, the line has it at once, and
// Take returns the line's frame; if not, Take returns the frame that must be
// evicted first, -1 if every frame of the set is in the middle of a transaction
// or of a locked op.
func (u *Unit) Take(line uint64, stable func(mesi.State) bool) (f int32, taken bool) {
	if w := u.outer.Room(line); w >= 0 {
		return u.place(w, line), true
	}
	w := int32(-1)
	if u.two {
		// What the L1 holds is in use, though the L2 does not see its hits.
		w = u.outer.Victim(line, func(i int32) bool {
			h := u.Held(u.outer.Tag(i))
			fr := &u.Frames[h.Frame()]
			return h.l1 == 0 && fr.Pinned == 0 && stable(fr.State)
		})
	}
	if w < 0 {
		w = u.outer.Victim(line, func(i int32) bool {
			fr := &u.Frames[u.Find(u.outer.Tag(i))]
			return fr.Pinned == 0 && stable(fr.State)
		})
	}
	if w < 0 {
		return -1, false
	}
	return u.Find(u.outer.Tag(w)), false
}

// place puts a line into an empty way.
func (u *Unit) place(w int32, line uint64) int32 {
	n := len(u.spare) - 1
	f := u.spare[n]
	u.spare = u.spare[:n]
	fr := &u.Frames[f]
	fr.Tag, fr.way = line, w
	u.outer.Set(w, line)
	u.outer.Touch(w)
	h := u.at(line)
	h.entry, h.l1 = uint32(f+1)<<3, 0
	if !u.two {
		h.l1 = w + 1
	}
	return f
}

// Empty frees a frame.
func (u *Unit) Empty(f int32) {
	fr := &u.Frames[f]
	h := u.at(fr.Tag)
	if h.l1 > 0 && u.two {
		u.L1.Clear(h.L1())
	}
	u.outer.Clear(fr.way)
	*h = Held{}
	fr.clear()
	u.spare = append(u.spare, f)
}

// FreeMSHRs is the number of misses that may still be started.
func (u *Unit) FreeMSHRs() int { return len(u.MSHRs) - u.busy }

// Miss takes an MSHR for a frame; there must be one free.
func (u *Unit) Miss(f int32, line uint64, offset uint8, demand bool) {
	for i := range u.MSHRs {
		if m := &u.MSHRs[i]; !m.InUse {
			m.Line, m.Frame, m.Demand, m.Offset, m.Cause, m.InUse = line, f, demand, offset, 0, true
			u.Frames[f].MSHR = int16(i)
			u.busy++
			return
		}
	}
	panic("cache: no MSHR free")
}

// Filled gives a frame's MSHR back.
func (u *Unit) Filled(f int32) {
	fr := &u.Frames[f]
	u.MSHRs[fr.MSHR].InUse = false
	fr.MSHR = -1
	u.busy--
}

// CanPark reports whether the eviction buffer has room.
func (u *Unit) CanPark() bool { return u.parked < len(u.Parked) }

// Park moves the line of frame f, already in its eviction state, to the buffer.
func (u *Unit) Park(f int32) {
	fr := &u.Frames[f]
	u.Parked[u.parked] = Parked{Line: fr.Line, Tag: fr.Tag, Data: fr.Data}
	u.parked++
}

// FindParked returns the line's eviction entry, nil if it has none. The entry
// stays where it is until Unpark.
func (u *Unit) FindParked(line uint64) *Parked {
	if u.parked == 0 {
		return nil
	}
	return u.findParked(line)
}

func (u *Unit) findParked(line uint64) *Parked {
	for i := range u.parked {
		if u.Parked[i].Tag == line {
			return &u.Parked[i]
		}
	}
	return nil
}

// Unpark removes an eviction entry.
func (u *Unit) Unpark(p *Parked) {
	u.parked--
	*p = u.Parked[u.parked]
}

// Quiet reports whether the unit has no miss and no eviction outstanding.
func (u *Unit) Quiet() bool { return u.busy == 0 && u.parked == 0 }
