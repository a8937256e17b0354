package sim

import (
	"sort"
	"testing"
)

type item struct {
	at  int64
	key uint64
}

// Random pushes and pops against a sorted reference: the wheel delivers in
// (cycle, key) order whatever the order of scheduling, near and far.
func TestEventsComeInOrderOfCycleThenSourceThenSequence(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		r := NewRand(seed, 0, 0)
		w := NewWheel[uint64]()
		var ref []item
		now := int64(0)
		seq := uint64(0)
		for range 5000 {
			if r.Intn(3) > 0 || len(ref) == 0 {
				d := int64(1 + r.Intn(20))
				switch r.Intn(20) {
				case 0:
					d = int64(1 + r.Intn(4*slots))
				case 1:
					d = int64(slots - 2 + r.Intn(4))
				}
				seq++
				it := item{now + d, Key(r.Intn(5), seq)}
				w.Push(it.at, it.key, it.key)
				ref = append(ref, it)
				continue
			}
			sort.Slice(ref, func(i, j int) bool {
				return ref[i].at < ref[j].at || ref[i].at == ref[j].at && ref[i].key < ref[j].key
			})
			if n := w.Next(); n != ref[0].at {
				t.Fatalf("seed %d: Next = %d, want %d", seed, n, ref[0].at)
			}
			e := w.Pop()
			if e.At != ref[0].at || e.Key != ref[0].key || e.P != ref[0].key {
				t.Fatalf("seed %d: popped (%d,%x), want (%d,%x)", seed, e.At, e.Key, ref[0].at, ref[0].key)
			}
			now = e.At
			ref = ref[1:]
			if (w.Next() == Never) != (len(ref) == 0) {
				t.Fatalf("Next = %d with %d events left", w.Next(), len(ref))
			}
		}
	}
}

// A machine's cores all wake in cycle 0, before any event: no cycle comes that would
// put them in order.
func TestEventsOfTheCycleThatIsOverComeInOrderToo(t *testing.T) {
	for _, start := range []int64{0, 5} {
		w := NewWheel[int]()
		if start > 0 {
			w.Push(start, 0, -1)
			w.Pop()
		}
		const n = 40
		for i := range n {
			w.Push(start, Key(i*7%n, 0), i*7%n)
		}
		for i := range n {
			if e := w.Pop(); e.At != start || e.P != i {
				t.Fatalf("event %d of cycle %d: got %d of cycle %d", i, start, e.P, e.At)
			}
		}
	}
}

func TestAnEmptyWheelNeverFires(t *testing.T) {
	if n := NewWheel[int]().Next(); n != Never {
		t.Fatalf("Next of an empty wheel is %d", n)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	w := NewWheel[[4]uint64]()
	now := int64(0)
	step := func() {
		for i := range 40 {
			w.Push(now+1+int64(i%7), Key(i, uint64(now)), [4]uint64{})
		}
		for range 40 {
			now = w.Pop().At
		}
	}
	for range 200 {
		step()
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Fatalf("%v allocations per step", n)
	}
}

func TestStreamsOfDifferentOwnersAndPurposesDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for seed := range uint64(4) {
		for owner := range 16 {
			for purpose := range uint64(4) {
				r := NewRand(seed, owner, purpose)
				v := r.Next()
				if seen[v] {
					t.Fatalf("stream (%d,%d,%d) repeats another", seed, owner, purpose)
				}
				seen[v] = true
			}
		}
	}
}

func BenchmarkWheel(b *testing.B) {
	w := NewWheel[[5]uint64]()
	r := NewRand(1, 0, 0)
	now := int64(0)
	for i := range 64 {
		w.Push(int64(1+i), Key(i, 0), [5]uint64{})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := w.Pop()
		now = e.At
		w.Push(now+1+int64(r.Intn(100)), Key(i&63, uint64(i)), e.P)
	}
}
