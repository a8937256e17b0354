package check

import (
	"fmt"
	"slices"

	"cohsim/mesi"
)

// Mutant is a protocol with one deliberate mistake.
type Mutant struct {
	Kind string // "delete", "redirect", "drop", "swap" or "named"
	Name string
	P    *mesi.Protocol
}

// Mutants returns every protocol that differs from p in one place: a row deleted, a
// next state redirected, an action dropped, or two events of one message swapped.
func Mutants(p *mesi.Protocol) []Mutant {
	var ms []Mutant
	cache, home := p.CacheRows(), p.HomeRows()
	add := func(kind, name string, c []mesi.CacheRow, h []mesi.HomeRow) {
		q, err := p.WithRows(c, h)
		if err != nil {
			panic(fmt.Sprintf("check: mutant %s %s: %v", kind, name, err))
		}
		ms = append(ms, Mutant{kind, name, q})
	}
	for i, r := range cache {
		name := fmt.Sprintf("C %v %v", r.From, r.On)
		add("delete", name, slices.Delete(slices.Clone(cache), i, i+1), home)
		for to := mesi.I; to <= mesi.II_A; to++ {
			if to != r.To {
				c := slices.Clone(cache)
				c[i].To = to
				add("redirect", fmt.Sprintf("%s to %v, not %v", name, to, r.To), c, home)
			}
		}
		for j, a := range r.Do {
			c := slices.Clone(cache)
			c[i].Do = slices.Delete(slices.Clone(r.Do), j, j+1)
			add("drop", fmt.Sprintf("%s without %v", name, a), c, home)
		}
		for j := i + 1; j < len(cache); j++ {
			o := cache[j]
			if o.From == r.From && sameMessage(r.On, o.On) && !(o.To == r.To && slices.Equal(o.Do, r.Do)) {
				c := slices.Clone(cache)
				c[i].On, c[j].On = o.On, r.On
				add("swap", fmt.Sprintf("%s with %v", name, o.On), c, home)
			}
		}
	}
	for i, r := range home {
		name := fmt.Sprintf("D %v %v", r.From, r.On)
		add("delete", name, cache, slices.Delete(slices.Clone(home), i, i+1))
		for to := mesi.HI; to <= mesi.A_P; to++ {
			if to != r.To {
				h := slices.Clone(home)
				h[i].To = to
				add("redirect", fmt.Sprintf("%s to %v, not %v", name, to, r.To), cache, h)
			}
		}
		for j, a := range r.Do {
			h := slices.Clone(home)
			h[i].Do = slices.Delete(slices.Clone(r.Do), j, j+1)
			add("drop", fmt.Sprintf("%s without %v", name, a), cache, h)
		}
		for j := i + 1; j < len(home); j++ {
			o := home[j]
			if o.From == r.From && sameMessage(r.On, o.On) && !(o.To == r.To && slices.Equal(o.Do, r.Do)) {
				h := slices.Clone(home)
				h[i].On, h[j].On = o.On, r.On
				add("swap", fmt.Sprintf("%s with %v", name, o.On), cache, h)
			}
		}
	}
	return ms
}

func sameMessage[E interface{ Msg() (mesi.MsgType, bool) }](a, b E) bool {
	t, ok := a.Msg()
	u, also := b.Msg()
	return ok && also && t == u
}

// Judge finds out what tells mutants of one protocol from the original.
type Judge struct {
	caches []int
	golden []goldenCount
	cfg    ProtocolConfig
}

type goldenCount struct {
	states, transitions int64
	pairs               string
}

// NewJudge explores the original with the given numbers of caches, smallest first.
func NewJudge(p *mesi.Protocol, migrate bool, caches ...int) (*Judge, error) {
	j := &Judge{caches: caches, cfg: ProtocolConfig{Symmetry: p.Options().SharerPointers == 0, Migrate: migrate}}
	for _, n := range caches {
		r, s, err := j.explore(p, n, 0)
		if err != nil {
			return nil, err
		}
		if r.Violation != nil {
			return nil, fmt.Errorf("the original breaks a law with %d caches: %w", n, &r.Violation.Broken)
		}
		j.golden = append(j.golden, golden(r, s))
	}
	return j, nil
}

func golden(r *Result, s *Protocol) goldenCount {
	return goldenCount{r.States, r.Transitions, fmt.Sprint(s.Coverage().Pairs())}
}

func (j *Judge) explore(p *mesi.Protocol, caches, limit int) (*Result, *Protocol, error) {
	cfg := j.cfg
	cfg.Caches = caches
	s, err := NewProtocol(p, cfg)
	if err != nil {
		return nil, nil, err
	}
	r, err := Explore(s, Options{MaxStates: limit})
	return r, s, err
}

// Verdict says how a mutant died. By is empty for a survivor.
type Verdict struct {
	By     string // the law broken: "SWMR", "row law", "golden count" and so on
	Caches int    // with how many caches it was found; 0 when no exploration was needed
	States int64  // states seen until then
}

// Try explores the mutant with more and more caches until a law breaks. A mutant that
// keeps every law and still differs in the number of states or steps, or in what is
// reached, is slower or faster than the original: "golden count". A mutant that
// explores like the original can only differ in what the machine is told: "row law".
func (j *Judge) Try(m Mutant) (Verdict, error) {
	counts := Verdict{}
	for i, n := range j.caches {
		r, s, err := j.explore(m.P, n, int(20*j.golden[i].states)+1000)
		switch {
		case err != nil && r == nil:
			return Verdict{}, err
		case err != nil:
			return Verdict{By: "golden count", Caches: n, States: r.States}, nil
		case r.Violation != nil:
			return Verdict{By: r.Violation.Law, Caches: n, States: r.States}, nil
		case counts.By == "" && golden(r, s) != j.golden[i]:
			counts = Verdict{By: "golden count", Caches: n, States: r.States}
		}
	}
	if m.P.Lint() != nil {
		return Verdict{By: "row law"}, nil
	}
	return counts, nil
}
