package cache

import (
	"fmt"
	"math/bits"
)

// NoLine is the tag of an empty way.
const NoLine = ^uint64(0)

// LineBytes is the size of a line.
const LineBytes = 64

// Way is one way of one set. Everything a hit needs stands together: the sets of
// an 8-way array are two host cache lines each.
type Way struct {
	tag    uint32 // line number, noTag if empty
	stamp  uint32 // LRU: time of last use
	Frame  int32  // the frame behind it
	Rights Rights
}

// Rights say what an access that hits may do at once, without a look at the
// frame. They are a copy of the frame's state, kept by Unit.Sync.
type Rights uint8

const (
	MayRead  Rights = 1 << iota // the bytes may be read
	MayWrite                    // the line is modified already: the bytes may be written
	Plain                       // the line is not contended: nobody counts its accesses
)

const noTag = ^uint32(0)

// Array is a set-associative tag array.
type Array struct {
	ways  int
	mask  uint64 // sets - 1
	Ways  []Way
	clock uint32
	tree  []uint64 // PLRU: one bit tree per set
	plru  bool
}

// Check says what is wrong with the geometry, "" if nothing is.
func (c Config) Check() string {
	sets := c.Bytes / LineBytes / max(c.Ways, 1)
	switch {
	case c.Bytes == 0:
		return ""
	case sets*c.Ways*LineBytes != c.Bytes:
		return fmt.Sprintf("bytes: %d is not a whole number of sets of %d ways of %d bytes", c.Bytes, c.Ways, LineBytes)
	case sets&(sets-1) != 0:
		return fmt.Sprintf("bytes: %d bytes in %d ways of %d bytes make %d sets, which is no power of two", c.Bytes, c.Ways, LineBytes, sets)
	case c.Replacement == "plru" && c.Ways&(c.Ways-1) != 0:
		return fmt.Sprintf("ways: plru needs a power of two, not %d", c.Ways)
	}
	return ""
}

// NewArray returns an empty array; the geometry must pass Check.
func NewArray(c Config) *Array {
	n := c.Bytes / LineBytes
	a := &Array{ways: c.Ways, mask: uint64(n/c.Ways - 1), Ways: make([]Way, n), plru: c.Replacement == "plru"}
	for i := range a.Ways {
		a.Ways[i].tag = noTag
	}
	if a.plru {
		a.tree = make([]uint64, n/c.Ways)
	}
	return a
}

// Tag is the line in way i, NoLine if it is empty.
func (a *Array) Tag(i int32) uint64 {
	if t := a.Ways[i].tag; t != noTag {
		return uint64(t)
	}
	return NoLine
}

// Find returns the way that holds the line, -1 if none does.
func (a *Array) Find(line uint64) int32 {
	base := int(line&a.mask) * a.ways
	set := a.Ways[base : base+a.ways]
	for i := range set {
		if set[i].tag == uint32(line) {
			return int32(base + i)
		}
	}
	return -1
}

// Touch records a use of way i.
func (a *Array) Touch(i int32) {
	if !a.plru {
		w := &a.Ways[i]
		if w.stamp == a.clock {
			return // still the most recent of all
		}
		if a.clock++; a.clock == 1<<32-1 {
			a.renumber()
		}
		w.stamp = a.clock
		return
	}
	// Point every node on the way's path away from it.
	set, way := int(i)/a.ways, int(i)%a.ways
	t := a.tree[set]
	node := 1
	for bit := a.ways >> 1; bit > 0; bit >>= 1 {
		if way&bit == 0 {
			t |= 1 << node
			node = 2 * node
		} else {
			t &^= 1 << node
			node = 2*node + 1
		}
	}
	a.tree[set] = t
}

// renumber makes room on the clock: stamps become ranks within their set.
func (a *Array) renumber() {
	rank := make([]uint32, a.ways)
	for base := 0; base < len(a.Ways); base += a.ways {
		set := a.Ways[base : base+a.ways]
		for i := range set {
			rank[i] = 0
			for j := range set {
				if set[j].stamp < set[i].stamp {
					rank[i]++
				}
			}
		}
		for i := range set {
			set[i].stamp = rank[i]
		}
	}
	a.clock = uint32(a.ways)
}

// Victim returns the way that the line should take: an empty one, or the
// replacement policy's choice among those that free accepts (nil: all); -1 if
// there is none.
func (a *Array) Victim(line uint64, free func(i int32) bool) int32 {
	set := int(line & a.mask)
	base := set * a.ways
	best := int32(-1)
	for i := base; i < base+a.ways; i++ {
		if a.Ways[i].tag == noTag {
			return int32(i)
		}
		if free != nil && !free(int32(i)) {
			continue
		}
		if !a.plru && (best < 0 || a.Ways[i].stamp < a.Ways[best].stamp) {
			best = int32(i)
		}
	}
	if !a.plru {
		return best
	}
	// The tree's choice; if that way is taken, the next free one after it.
	node := 1
	for range bits.Len(uint(a.ways)) - 1 {
		node = 2*node + int(a.tree[set]>>node&1)
	}
	way := node - a.ways
	for k := range a.ways {
		i := int32(base + (way+k)%a.ways)
		if free == nil || free(i) {
			return i
		}
	}
	return -1
}

// Set puts a line, whose number must fit 32 bits, into way i.
func (a *Array) Set(i int32, line uint64) { a.Ways[i].tag = uint32(line) }

// Clear empties way i.
func (a *Array) Clear(i int32) { a.Ways[i] = Way{tag: noTag} }
