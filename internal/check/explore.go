package check

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Options bound and shape an exploration.
type Options struct {
	MaxStates  int                             // give up beyond this many states; 0 is no limit
	NoLiveness bool                            // skip "from every state a goal can be reached"
	Progress   func(states, transitions int64) // called now and then, may be nil
}

// Result is what an exploration found.
type Result struct {
	States      int64
	Transitions int64 // steps taken, steps to the same state included
	Depth       int   // steps from an initial state to the farthest state
	SearchTime  time.Duration
	LiveTime    time.Duration // of the liveness pass alone
	Bytes       int64         // states, table and edges
	Violation   *Violation    // nil when every law holds
}

// Violation is a broken law with a shortest path to it.
type Violation struct {
	Broken
	Path []Step   // the last one is the step that breaks the law, where a step does
	End  []uint64 // the last state on it
}

// ErrTooBig reports that MaxStates was reached before every state was seen.
var ErrTooBig = errors.New("more states than allowed")

const batchStates = 384 // successors looked up together: independent cache misses overlap

type search struct {
	sys    System
	opt    Options
	seen   *visited
	parent []uint32
	first  []uint32 // first edge of each expanded state, for liveness
	edges  []uint32 // successors of states in order
	good   []uint64 // bit per state: a goal, later: can reach one
	trans  int64
	depth  int

	touched uint64 // what prefetch read; a sum that is kept is not optimized away
}

// Explore visits every reachable state of the system, breadth first. The error is
// ErrTooBig; broken laws are in the result.
func Explore(sys System, opt Options) (*Result, error) {
	s := &search{sys: sys, opt: opt, seen: newVisited(sys.Words())}
	start := time.Now()
	v, err := s.run()
	r := &Result{SearchTime: time.Since(start)}
	if err == nil && v == nil && !opt.NoLiveness {
		start = time.Now()
		v = s.liveness()
		r.LiveTime = time.Since(start)
	}
	r.States, r.Transitions, r.Depth = int64(s.seen.n), s.trans, s.depth
	r.Bytes = s.seen.bytes() + 4*int64(cap(s.parent)+cap(s.first)) + 4*int64(cap(s.edges)) + 8*int64(cap(s.good))
	r.Violation = v
	return r, err
}

func (s *search) run() (*Violation, error) {
	b := &Batch{words: s.sys.Words()}
	s.sys.Initial(b)
	for i := range b.Len() {
		k := b.State(i)
		s.sys.Canon(k)
		if j, isNew := s.seen.add(k, tagOf(k)); isNew {
			if v := s.found(j, j); v != nil {
				return v, nil
			}
		}
	}
	var counts [batchStates]uint32
	var tags []uint32
	levelEnd := s.seen.n
	report := int64(1 << 23)
	for cur := uint32(0); cur < s.seen.n; {
		b.reset()
		from, n := cur, 0
		var failed error
		for cur < s.seen.n && n < len(counts) && b.Len() < batchStates {
			before := b.Len()
			if failed = s.sys.Next(s.seen.state(cur), b); failed != nil {
				break
			}
			counts[n] = uint32(b.Len() - before)
			cur++
			n++
		}
		tags = s.prefetch(b, tags)
		at := 0
		for i := range n {
			src := from + uint32(i)
			if src == levelEnd {
				s.depth++
				levelEnd = s.seen.n
			}
			if !s.opt.NoLiveness {
				s.first = append(s.first, uint32(len(s.edges)))
			}
			moves := false
			for range counts[i] {
				dst, isNew := s.seen.add(b.State(at), tags[at])
				at++
				moves = moves || dst != src
				if !s.opt.NoLiveness {
					s.edges = append(s.edges, dst)
				}
				if isNew {
					if v := s.found(dst, src); v != nil {
						return v, nil
					}
				}
			}
			s.trans += int64(counts[i])
			if !moves && !s.isGood(src) && !s.guessing(src) {
				v, _ := s.violation(src, &Broken{Law: "deadlock", Detail: "no step leads to another state"})
				return v, nil
			}
		}
		if failed != nil {
			v, last := s.violation(cur, failed)
			if steps := s.sys.Label(last); len(steps) > 0 {
				v.Path = append(v.Path, steps[len(steps)-1])
			}
			return v, nil
		}
		if s.opt.MaxStates > 0 && int(s.seen.n) > s.opt.MaxStates {
			return nil, fmt.Errorf("%w: %d", ErrTooBig, s.opt.MaxStates)
		}
		if s.seen.n > math.MaxUint32-1<<16 || len(s.edges) > math.MaxUint32-1<<16 {
			return nil, fmt.Errorf("%w: states and steps are numbered with 32 bits", ErrTooBig)
		}
		if s.opt.Progress != nil && s.trans >= report {
			s.opt.Progress(int64(s.seen.n), s.trans)
			report = s.trans + 1<<23
		}
	}
	return nil, nil
}

// prefetch hashes a batch and touches the table and the candidate states. The loops
// hold no dependent loads, so the processor overlaps their cache misses.
func (s *search) prefetch(b *Batch, tags []uint32) []uint32 {
	tags = tags[:0]
	for i := range b.Len() {
		k := b.State(i)
		s.sys.Canon(k)
		tags = append(tags, tagOf(k))
	}
	var sum uint64
	var cand [batchStates + 256]uint32
	n := min(len(tags), len(cand))
	for i, t := range tags[:n] {
		cand[i] = uint32(s.seen.table[t>>s.seen.shift])
	}
	for _, c := range cand[:n] {
		if c != 0 {
			sum += s.seen.state(c - 1)[0]
		}
	}
	s.touched += sum
	return tags
}

// found records a new state and checks its invariants.
func (s *search) found(i, from uint32) *Violation {
	s.parent = append(s.parent, from)
	k := s.seen.state(i)
	if int(i>>6) >= len(s.good) {
		s.good = append(s.good, 0)
	}
	if s.sys.Goal(k) {
		s.good[i>>6] |= 1 << (i & 63)
	}
	if err := s.sys.Check(k); err != nil {
		v, _ := s.violation(i, err)
		return v
	}
	return nil
}

// guessing says that a state rests on a guess, see Guesser.
func (s *search) guessing(i uint32) bool {
	g, ok := s.sys.(Guesser)
	return ok && g.Guessing(s.seen.state(i))
}

func (s *search) isGood(i uint32) bool { return s.good[i>>6]>>(i&63)&1 != 0 }

// liveness marks every state from which a goal can be reached, by passes over the
// forward edges in both directions until nothing changes. The marks are one bit per
// state and stay in the processor's cache, which beats building reverse edges.
func (s *search) liveness() *Violation {
	n := s.seen.n
	first := append(s.first, uint32(len(s.edges)))
	mark := func(i uint32) bool {
		if s.isGood(i) {
			return false
		}
		for _, d := range s.edges[first[i]:first[i+1]] {
			if s.isGood(d) {
				s.good[i>>6] |= 1 << (i & 63)
				return true
			}
		}
		return false
	}
	for changed := true; changed; {
		changed = false
		for i := n; i > 0; i-- {
			changed = mark(i-1) || changed
		}
		if !changed {
			break
		}
		changed = false
		for i := range n {
			changed = mark(i) || changed
		}
	}
	for i := range n {
		if !s.isGood(i) && !s.guessing(i) {
			v, _ := s.violation(i, &Broken{Law: "liveness", Detail: "no goal state can be reached from here"})
			return v
		}
	}
	return nil
}
