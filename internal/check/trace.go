package check

import (
	"errors"
	"slices"
)

// violation builds the path to state i, and returns the concrete state it ends in. The stored states are representatives of their
// symmetry classes; the path is replayed without symmetry, so that a cache keeps its
// name from the first step to the last.
func (s *search) violation(i uint32, err error) (*Violation, []uint64) {
	t := &Violation{}
	var b *Broken
	if errors.As(err, &b) {
		t.Broken = *b
	} else {
		t.Broken = Broken{Law: err.Error()}
	}
	var chain []uint32
	for ; ; i = s.parent[i] {
		chain = append(chain, i)
		if s.parent[i] == i {
			break
		}
	}
	slices.Reverse(chain)
	batch := &Batch{words: s.sys.Words()}
	s.sys.Initial(batch)
	cur := slices.Clone(batch.State(s.index(batch, chain[0])))
	for k, next := range chain[1:] {
		steps, at := s.step(batch, cur, next)
		if at < 0 {
			// Equal tasks that cannot be told apart: cur goes another way than the state of
			// its class that was explored. From here on the story is of that one.
			if steps, at = s.step(batch, s.seen.state(chain[k]), next); at < 0 {
				panic("check: a state's parent does not lead to it")
			}
		}
		if at < len(steps) {
			t.Path = append(t.Path, steps[at])
		}
		cur = slices.Clone(batch.State(at))
	}
	t.End = cur
	return t, cur
}

// step goes on from a state: the labels of what follows it, which is in the batch then,
// and which of that belongs to the class of state want, -1 if none does.
func (s *search) step(b *Batch, from []uint64, want uint32) (labels []Step, at int) {
	labels = s.sys.Label(from)
	b.reset()
	// An error is that of a later step: the one on the path is in the batch.
	_ = s.sys.Next(from, b)
	return labels, s.index(b, want)
}

// index finds the state of the batch that belongs to the class of state want, -1 if
// there is none.
func (s *search) index(b *Batch, want uint32) int {
	k := make([]uint64, s.sys.Words())
	for i := range b.Len() {
		copy(k, b.State(i))
		s.sys.Canon(k)
		if slices.Equal(k, s.seen.state(want)) {
			return i
		}
	}
	return -1
}
