package cache

import (
	"math/rand"
	"slices"
	"testing"
)

// recency is the reference of a set under LRU: its lines, the most recently used last.
type recency []uint64

func (r *recency) use(line uint64) {
	if i := slices.Index(*r, line); i >= 0 {
		*r = slices.Delete(*r, i, i+1)
	}
	*r = append(*r, line)
}

// fill brings a line in as a unit does: into an empty way, or into the victim's.
// It returns the line that had to go, NoLine if none.
func fill(a *Array, line uint64) (gone uint64) {
	gone = NoLine
	i := a.Room(line)
	if i < 0 {
		i = a.Victim(line, nil)
		gone = a.Tag(i)
		a.Clear(i)
	}
	a.Set(i, line, 0, 0)
	a.Touch(i)
	return gone
}

func TestLRUEvictsTheLeastRecentlyUsed(t *testing.T) {
	for _, ways := range []int{1, 2, 3, 8, 12} {
		const sets = 4
		r := rand.New(rand.NewSource(int64(ways)))
		a := NewArray(Config{Bytes: sets * ways * LineBytes, Ways: ways, Replacement: "lru"})
		ref := make([]recency, sets)
		for step := range 20000 {
			line := uint64(r.Intn(sets * (ways + 3)))
			set := &ref[line%sets]
			if i := a.Find(line); i >= 0 {
				if !slices.Contains(*set, line) {
					t.Fatalf("%d ways, step %d: line %d is found and was never brought", ways, step, line)
				}
				if r.Intn(20) == 0 { // invalidated
					a.Clear(i)
					*set = slices.Delete(*set, slices.Index(*set, line), slices.Index(*set, line)+1)
					continue
				}
				a.Touch(i)
				set.use(line)
				continue
			}
			want := NoLine
			if len(*set) == ways {
				want = (*set)[0]
				*set = (*set)[1:]
			}
			if gone := fill(a, line); gone != want {
				t.Fatalf("%d ways, step %d: line %d replaced %d, and the least recently used is %d", ways, step, line, int64(gone), int64(want))
			}
			set.use(line)
		}
	}
}
