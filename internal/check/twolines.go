package check

import (
	"slices"

	"cohsim/mesi"
)

// TwoLines is two lines A and B with a home each, in caches that hold one line and have
// an eviction buffer of one entry: to ask for B a cache must first get rid of A, and to
// get rid of a dirty B it must wait until A has left the buffer. It finds races and
// circular waits across lines that a single line cannot show.
type TwoLines struct {
	one  *Protocol
	half int
	tmp  Batch
	// other is the state of the other line at each cache while one line steps.
	other [MaxCaches]mesi.State
}

// NewTwoLines returns the system for a protocol. An error is a config error.
func NewTwoLines(p *mesi.Protocol, cfg ProtocolConfig) (*TwoLines, error) {
	one, err := NewProtocol(p, cfg)
	if err != nil {
		return nil, err
	}
	s := &TwoLines{one: one, half: one.Words()}
	s.tmp.words = s.half
	one.may = s.may
	return s, nil
}

func inBuffer(s mesi.State) bool { return s >= mesi.MI_A && s <= mesi.II_A }

// may says whether cache c has room for what its core wants of a line.
func (s *TwoLines) may(c int, on mesi.State, ev mesi.CoreEvent) bool {
	o := s.other[c]
	switch ev {
	case mesi.Load, mesi.Store:
		return on != mesi.I || o == mesi.I || inBuffer(o)
	case mesi.Evict:
		return !inBuffer(o)
	}
	return true
}

// Words implements System.
func (s *TwoLines) Words() int { return 2 * s.half }

// Initial implements System.
func (s *TwoLines) Initial(b *Batch) { b.Copy(make([]uint64, 2*s.half)) }

// Next implements System: the steps of line A, then those of line B.
func (s *TwoLines) Next(k []uint64, b *Batch) error {
	for line := range 2 {
		mine, others := k[line*s.half:(line+1)*s.half], k[(1-line)*s.half:]
		for c := range s.one.n {
			s.other[c] = mesi.State(get(others[c], stAt, stMask))
		}
		s.tmp.reset()
		err := s.one.Next(mine, &s.tmp)
		for i := range s.tmp.Len() {
			copy(b.Copy(k)[line*s.half:], s.tmp.State(i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Check implements System.
func (s *TwoLines) Check(k []uint64) error {
	if err := s.one.Check(k[:s.half]); err != nil {
		return err
	}
	return s.one.Check(k[s.half:])
}

// Goal implements System.
func (s *TwoLines) Goal(k []uint64) bool { return s.one.Goal(k[:s.half]) && s.one.Goal(k[s.half:]) }

// Canon implements System: caches and lines may both be renamed.
func (s *TwoLines) Canon(k []uint64) {
	if !s.one.cfg.Symmetry {
		return
	}
	best := slices.Clone(k)
	var order [MaxCaches]int
	for c := range s.one.n {
		order[c] = c
	}
	s.permute(k, &order, 0, best)
	copy(k, best)
}

func (s *TwoLines) permute(k []uint64, order *[MaxCaches]int, i int, best []uint64) {
	if i < s.one.n {
		for j := i; j < s.one.n; j++ {
			order[i], order[j] = order[j], order[i]
			s.permute(k, order, i+1, best)
			order[i], order[j] = order[j], order[i]
		}
		return
	}
	var a, b [MaxCaches + 1]uint64
	s.one.rename(k[:s.half], order, &a)
	s.one.rename(k[s.half:], order, &b)
	if slices.Compare(a[:s.half], b[:s.half]) > 0 {
		a, b = b, a
	}
	if c := slices.Compare(a[:s.half], best[:s.half]); c < 0 || c == 0 && slices.Compare(b[:s.half], best[s.half:]) < 0 {
		copy(best, a[:s.half])
		copy(best[s.half:], b[:s.half])
	}
}

// Coverage returns what the exploration met on either line.
func (s *TwoLines) Coverage() *mesi.Coverage { return s.one.Coverage() }

// Label implements System.
func (s *TwoLines) Label(k []uint64) []Step {
	var all []Step
	for line, name := range []string{"A", "B"} {
		mine, others := k[line*s.half:(line+1)*s.half], k[(1-line)*s.half:]
		for c := range s.one.n {
			s.other[c] = mesi.State(get(others[c], stAt, stMask))
		}
		rest := s.one.After(others[:s.half])
		for _, st := range s.one.Label(mine) {
			st.Actor = s.actor(st.Actor, name)
			st.What = name + " " + st.What
			if st.Gets != nil {
				st.Gets = &Arrow{s.actor(st.Gets.From, name), s.actor(st.Gets.To, name), name + " " + st.Gets.Text}
			}
			for i, a := range st.Sends {
				st.Sends[i] = Arrow{s.actor(a.From, name), s.actor(a.To, name), name + " " + a.Text}
			}
			for c := range s.one.n {
				if line == 0 {
					st.After[c] += "/" + rest[c]
				} else {
					st.After[c] = rest[c] + "/" + st.After[c]
				}
			}
			homes := []string{st.After[s.one.n], rest[s.one.n]}
			if line == 1 {
				slices.Reverse(homes)
			}
			st.After = append(st.After[:s.one.n], homes...)
			all = append(all, st)
		}
	}
	return all
}

func (s *TwoLines) actor(a, line string) string {
	if a == mesi.Home.String() {
		return a + line
	}
	return a
}

// Actors implements Charter.
func (s *TwoLines) Actors() []string {
	a := s.one.Actors()
	return append(a[:s.one.n], "homeA", "homeB")
}
