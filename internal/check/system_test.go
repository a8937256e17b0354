package check

import (
	"fmt"
	"testing"
)

// counters is a small system with a known shape: n counters from 0 to top, each step
// raises one of them; the flags break one law each.
type counters struct {
	n, top              int
	symmetric           bool
	sink, trap, illegal bool // no step out of (1,1..), no goal but no end either, a bad state
}

func (s *counters) Words() int       { return s.n }
func (s *counters) Initial(b *Batch) { b.Copy(make([]uint64, s.n)) }
func (s *counters) Next(k []uint64, b *Batch) error {
	all := true
	for i := range k {
		all = all && k[i] == 1
	}
	if s.sink && all {
		return nil
	}
	for i := range k {
		if int(k[i]) < s.top {
			b.Copy(k)[i]++
		} else if s.trap {
			b.Copy(k)[i]--
		}
	}
	return nil
}
func (s *counters) Check(k []uint64) error {
	for i := range k {
		if s.illegal && int(k[i]) == s.top {
			return &Broken{Law: "not the top", Detail: fmt.Sprint(k)}
		}
	}
	return nil
}
func (s *counters) Goal(k []uint64) bool {
	for i := range k {
		if int(k[i]) < s.top {
			return false
		}
	}
	return !s.trap
}
func (s *counters) Canon(k []uint64) {
	for i := range k {
		for j := i; s.symmetric && j > 0 && k[j-1] > k[j]; j-- {
			k[j-1], k[j] = k[j], k[j-1]
		}
	}
}
func (s *counters) Label(k []uint64) []Step {
	var steps []Step
	for i := range k {
		if int(k[i]) < s.top || s.trap {
			steps = append(steps, Step{Actor: fmt.Sprint(i), What: fmt.Sprintf("%d up from %d", i, k[i])})
		}
	}
	return steps
}

func TestExplorerCountsAGridExactly(t *testing.T) {
	r := mustHold(t, &counters{n: 3, top: 40})
	// Every counter may take a step in 40 of its 41 values.
	if r.States != 41*41*41 || r.Transitions != 3*40*41*41 || r.Depth != 120 {
		t.Errorf("%d states, %d transitions, depth %d", r.States, r.Transitions, r.Depth)
	}
}

func TestSymmetryKeepsOneStatePerClass(t *testing.T) {
	r := mustHold(t, &counters{n: 3, top: 40, symmetric: true})
	if want := int64(43 * 42 * 41 / 6); r.States != want { // multisets of 3 out of 41
		t.Errorf("%d states, want %d", r.States, want)
	}
}

func TestDeadlockIsAStateWithoutAWayOutThatIsNoGoal(t *testing.T) {
	r, err := Explore(&counters{n: 2, top: 5, sink: true}, Options{})
	if err != nil || r.Violation == nil || r.Violation.Law != "deadlock" || len(r.Violation.Path) != 2 {
		t.Errorf("%v, violation %+v", err, r.Violation)
	}
}

func TestLivenessIsBrokenWhereNoGoalCanBeReached(t *testing.T) {
	r, err := Explore(&counters{n: 1, top: 3, trap: true}, Options{})
	if err != nil || r.Violation == nil || r.Violation.Law != "liveness" || r.States != 4 {
		t.Errorf("%v, violation %+v", err, r.Violation)
	}
	r, err = Explore(&counters{n: 1, top: 3, trap: true}, Options{NoLiveness: true})
	if err != nil || r.Violation != nil {
		t.Errorf("%v, violation %+v without the liveness pass", err, r.Violation)
	}
}

func TestInvariantsAreBrokenOnAShortestPath(t *testing.T) {
	for _, sym := range []bool{false, true} {
		r, err := Explore(&counters{n: 3, top: 7, illegal: true, symmetric: sym}, Options{})
		if err != nil || r.Violation == nil || r.Violation.Law != "not the top" || len(r.Violation.Path) != 7 {
			t.Fatalf("%v, violation %+v", err, r.Violation)
		}
		for i, s := range r.Violation.Path {
			// The same counter must rise all the way, whatever symmetry called it.
			if want := fmt.Sprintf("up from %d", i); s.What[2:] != want {
				t.Errorf("symmetry %v, step %d: %s", sym, i, s.What)
			}
		}
	}
}

func TestBatchCopiesItsOwnStates(t *testing.T) {
	b := &Batch{words: 2}
	k := []uint64{7, 9}
	for range 1000 {
		k = b.Copy(k)
		k[0]++
	}
	for i := range b.Len() {
		if got := b.State(i); got[0] != uint64(i+8) || got[1] != 9 {
			t.Fatalf("state %d is %v", i, got)
		}
	}
	b.Undo()
	if b.Len() != 999 {
		t.Errorf("%d states after an undo", b.Len())
	}
}
