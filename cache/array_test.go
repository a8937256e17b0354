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
	a.Set(i, line)
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

func TestLRUKeepsItsOrderWhenItsClockIsFull(t *testing.T) {
	const ways = 8
	for before := range uint32(6 * ways) { // the clock overflows after so many uses
		a := NewArray(Config{Bytes: 2 * ways * LineBytes, Ways: ways, Replacement: "lru"})
		a.clock = 1<<32 - 2 - before
		var ref [2]recency
		r := rand.New(rand.NewSource(1))
		for step := range 20 * ways {
			line := uint64(r.Intn(2 * (ways + 2)))
			set := &ref[line%2]
			if i := a.Find(line); i >= 0 {
				a.Touch(i)
			} else if gone := fill(a, line); gone != NoLine {
				if want := (*set)[0]; gone != want {
					t.Fatalf("full after %d uses: step %d replaced %d, want %d", before, step, gone, want)
				}
				*set = (*set)[1:]
			}
			set.use(line)
		}
		if a.clock > 1<<31 {
			t.Fatalf("the clock did not overflow: %d", a.clock)
		}
	}
}

// halves is the reference of a set under tree pseudo-LRU: of every half, quarter,
// … of the ways it remembers which of its own halves was used last. The victim is
// found by going to the other one; where nothing was used, to the lower.
type halves map[[2]int]bool // [first, end) of the ways: the upper half was used last

func (h halves) use(way, lo, hi int) {
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		h[[2]int{lo, hi}] = way >= mid
		if way >= mid {
			lo = mid
		} else {
			hi = mid
		}
	}
}

func (h halves) victim(lo, hi int) int {
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if upper, used := h[[2]int{lo, hi}]; used && !upper {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

func TestPLRUGoesToTheHalfThatWasNotUsedLast(t *testing.T) {
	for _, ways := range []int{1, 2, 4, 8, 16, 64} {
		const sets = 2
		r := rand.New(rand.NewSource(int64(ways)))
		a := NewArray(Config{Bytes: sets * ways * LineBytes, Ways: ways, Replacement: "plru"})
		for i := range int32(sets * ways) {
			a.Set(i, uint64(i%sets)+sets*uint64(i))
		}
		ref := [sets]halves{{}, {}}
		for step := range 5000 {
			set, way := r.Intn(sets), r.Intn(ways)
			if got, want := a.Victim(uint64(set), nil), int32(set*ways+ref[set].victim(0, ways)); got != want {
				t.Fatalf("%d ways, step %d: the victim is way %d, want %d", ways, step, got, want)
			}
			a.Touch(int32(set*ways + way))
			ref[set].use(way, 0, ways)
			if got := a.Victim(uint64(set), nil); ways > 1 && got == int32(set*ways+way) {
				t.Fatalf("%d ways, step %d: the way used last is the victim", ways, step)
			}
		}
	}
}

func TestAVictimIsOneThatMayGo(t *testing.T) {
	for _, policy := range []string{"lru", "plru"} {
		const ways = 8
		r := rand.New(rand.NewSource(3))
		a := NewArray(Config{Bytes: ways * LineBytes, Ways: ways, Replacement: policy})
		for line := range uint64(ways) {
			fill(a, line)
		}
		for range 5000 {
			may := r.Intn(1 << ways)
			a.Touch(int32(r.Intn(ways)))
			got := a.Victim(99, func(i int32) bool { return may>>i&1 != 0 })
			if may == 0 && got != -1 || may != 0 && (got < 0 || may>>got&1 == 0) {
				t.Fatalf("%s: of the ways %08b the victim is %d", policy, may, got)
			}
			if all := a.Victim(99, nil); may>>all&1 != 0 && got != all {
				t.Fatalf("%s: the policy's choice %d may go, and %d is taken", policy, all, got)
			}
		}
	}
}

func TestEmptyWaysAreTakenFirst(t *testing.T) {
	a := NewArray(Config{Bytes: 4 * LineBytes, Ways: 4, Replacement: "lru"})
	for line := range uint64(4) {
		if gone := fill(a, line); gone != NoLine {
			t.Fatalf("line %d replaced %d", line, gone)
		}
	}
	a.Clear(a.Find(2))
	if a.Find(2) >= 0 || a.Room(77) < 0 || a.Tag(a.Room(77)) != NoLine {
		t.Error("a cleared way is not empty")
	}
	if gone := fill(a, 4); gone != NoLine {
		t.Errorf("line 4 replaced %d although a way was empty", gone)
	}
}

func TestGeometriesThatCannotBeBuiltAreNamed(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string // "" is a good geometry
	}{
		{Config{Bytes: 0, Ways: 7}, ""},
		{Config{Bytes: 32 << 10, Ways: 8, Replacement: "plru"}, ""},
		{Config{Bytes: 48 << 10, Ways: 12, Replacement: "lru"}, ""},
		{Config{Bytes: 64, Ways: 1}, ""},
		{Config{Bytes: 1000, Ways: 2}, "bytes: 1000 is not a whole number of sets of 2 ways of 64 bytes"},
		{Config{Bytes: 64, Ways: 2}, "bytes: 64 is not a whole number of sets of 2 ways of 64 bytes"},
		{Config{Bytes: 48 << 10, Ways: 8}, "bytes: 49152 bytes in 8 ways of 64 bytes make 96 sets, which is no power of two"},
		{Config{Bytes: 48 << 10, Ways: 12, Replacement: "plru"}, "ways: plru needs a power of two, not 12"},
	} {
		if got := c.cfg.Check(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.cfg, got, c.want)
		}
	}
}
