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
	cur := s.pick(batch, chain[0])
	for _, next := range chain[1:] {
		steps := s.sys.Label(cur)
		batch.reset()
		// An error is that of a later step: the one on the path is in the batch.
		_ = s.sys.Next(cur, batch)
		at := s.index(batch, next)
		if at < len(steps) {
			t.Path = append(t.Path, steps[at])
		}
		cur = slices.Clone(batch.State(at))
	}
	t.End = cur
	return t, cur
}

func (s *search) pick(b *Batch, want uint32) []uint64 {
	return slices.Clone(b.State(s.index(b, want)))
}

// index finds the state of the batch that belongs to the class of state want.
func (s *search) index(b *Batch, want uint32) int {
	k := make([]uint64, s.sys.Words())
	for i := range b.Len() {
		copy(k, b.State(i))
		s.sys.Canon(k)
		if slices.Equal(k, s.seen.state(want)) {
			return i
		}
	}
	panic("check: a state's parent does not lead to it")
}
