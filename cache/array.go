package cache

import (
	"fmt"
	"math/bits"
)

// NoLine is the tag of an empty way.
const NoLine = ^uint64(0)

// LineBytes is the size of a line.
const LineBytes = 64

// Array is a set-associative tag array.
type Array struct {
	all   []way
	mask  uint64 // sets - 1
	ways  int
	plru  bool
	last  int32    // the most recent way of all, -1 if it was cleared
	clock uint32   // LRU: the latest stamp
	tree  []uint64 // PLRU: one bit tree per set
}

// way is one way of a set: eight of them are one host cache line.
type way struct {
	tag   uint32 // line number + 1, 0 if empty
	stamp uint32 // LRU: time of the last use
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

// NewArray returns an empty array; the geometry must pass Check. Its memory is
// not touched, so that the host need not back what a run never uses.
func NewArray(c Config) *Array {
	n := c.Bytes / LineBytes
	a := &Array{ways: c.Ways, mask: uint64(n/c.Ways - 1), all: make([]way, n), last: -1, plru: c.Replacement == "plru"}
	if a.plru {
		a.tree = make([]uint64, n/c.Ways)
	}
	return a
}

// Renew makes an array that is done with the one that NewArray returns, and reports
// whether it can: only if the geometry is the same. The array must have held no lines
// but those from first on, so many: only their sets are looked at. nil cannot.
func (a *Array) Renew(c Config, first uint64, lines int) bool {
	n := c.Bytes / LineBytes
	if a == nil || a.ways != c.Ways || len(a.all) != n || a.plru != (c.Replacement == "plru") {
		return false
	}
	for k := range uint64(min(lines, n/c.Ways)) {
		set := int((first + k) & a.mask)
		clear(a.all[set*a.ways : (set+1)*a.ways])
		if a.plru {
			a.tree[set] = 0
		}
	}
	a.last, a.clock = -1, 0
	return true
}

// Tag is the line in way i, NoLine if it is empty.
func (a *Array) Tag(i int32) uint64 { return uint64(a.all[i].tag) - 1 }

// Find returns the way that holds the line, -1 if none does.
func (a *Array) Find(line uint64) int32 {
	base := int(line&a.mask) * a.ways
	want := uint32(line) + 1
	set := a.all[base : base+a.ways]
	for i := range set {
		if set[i].tag == want {
			return int32(base + i)
		}
	}
	return -1
}

// Touch records a use of way i.
func (a *Array) Touch(i int32) {
	if i == a.last {
		return // still the most recent of all
	}
	a.last = i
	if !a.plru {
		if a.clock++; a.clock == 1<<32-1 {
			a.renumber()
		}
		a.all[i].stamp = a.clock
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
	for base := 0; base < len(a.all); base += a.ways {
		set := a.all[base : base+a.ways]
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

// Room returns the first empty way that the line could take, -1 if there is none.
func (a *Array) Room(line uint64) int32 {
	base := int(line&a.mask) * a.ways
	set := a.all[base : base+a.ways]
	for i := range set {
		if set[i].tag == 0 {
			return int32(base + i)
		}
	}
	return -1
}

// Victim returns the way that the line should take where there is no Room: the
// replacement policy's choice among those that free accepts (nil: all); -1 if
// there is none.
func (a *Array) Victim(line uint64, free func(i int32) bool) int32 {
	set := int(line & a.mask)
	base := set * a.ways
	best := int32(-1)
	for i := base; i < base+a.ways; i++ {
		if free != nil && !free(int32(i)) {
			continue
		}
		if !a.plru && (best < 0 || a.all[i].stamp < a.all[best].stamp) {
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

// Set puts a line, whose number must be below 2^32-1, into way i.
func (a *Array) Set(i int32, line uint64) { a.all[i].tag = uint32(line) + 1 }

// Clear empties way i.
func (a *Array) Clear(i int32) {
	a.all[i].tag = 0
	if i == a.last {
		a.last = -1
	}
}
