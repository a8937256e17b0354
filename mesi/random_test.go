package mesi

import (
	"fmt"
	"os"
	"testing"
)

// tester drives one line in many caches with random requests and a bag of messages
// that are delivered in random order. It checks what the model checker checks, with
// more caches than that can explore: every value read is the last one written.
type tester struct {
	p       *Protocol
	line    []Line
	bytes   []uint64
	want    []CoreEvent // access that waits, plus one; 0 is none
	home    Entry
	mem     uint64
	last    uint64 // value of the latest store
	bag     []sent
	queue   []sent // requests that stalled, in order
	out     Out
	rng     uint64
	migrate bool
	slow    MsgType // this kind is slow, so that rare orders happen
	done    int     // accesses performed
	far     []bool  // a far atomic is under way
}

type sent struct {
	Msg
	bytes uint64
}

func (s *tester) random(n int) int {
	s.rng ^= s.rng << 13
	s.rng ^= s.rng >> 7
	s.rng ^= s.rng << 17
	return int(s.rng >> 11 % uint64(n))
}

func (s *tester) fail(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// access performs a load or store at cache c.
func (s *tester) access(c Node, ev CoreEvent, once bool) {
	s.done++
	if ev == Store {
		if !s.p.Writable(s.line[c].State) {
			s.fail("%v stores in %v", c, s.line[c].State)
		}
		for q := range s.line {
			if Node(q) != c && s.p.Readable(s.line[q].State) {
				s.fail("%v stores while %d may read", c, q)
			}
		}
		s.line[c].State = M
		s.last++
		s.bytes[c] = s.last
		return
	}
	if !once && s.bytes[c] != s.last {
		s.fail("%v in %v reads %d, the last store was %d", c, s.line[c].State, s.bytes[c], s.last)
	}
}

// obey does what a step at cache c asked for.
func (s *tester) obey(c Node, f Effect, m *sent) {
	for _, o := range s.out.Msgs {
		s.bag = append(s.bag, sent{o, s.bytes[c]})
	}
	if f&Fill != 0 {
		s.bytes[c] = m.bytes
	}
	if m != nil && m.Type == FarVal {
		s.far[c] = false
		return
	}
	if f&Perform != 0 {
		if s.want[c] == 0 {
			s.fail("%v completes a transaction nobody waits for", c)
		}
		ev := s.want[c] - 1
		s.want[c] = 0
		if ev == Store && !s.p.Writable(s.line[c].State) {
			s.fail("a store of %v ends in %v", c, s.line[c].State)
		}
		s.access(c, ev, f&UseOnce != 0)
	}
	if f&Drop != 0 {
		s.bytes[c] = 1 << 63
	}
}

func (s *tester) core(c Node) {
	st := s.line[c].State
	ev := CoreEvent(s.random(4))
	if s.p.Options().FarAtomics && !s.far[c] && s.random(16) == 0 {
		ev, s.far[c] = Far, true
	}
	if ev == Evict || ev == SilentEvict {
		if st == I || !s.p.Stable(st) {
			return
		}
		if ev == SilentEvict && !s.p.Has(st, OnSilentEvict) {
			ev = Evict
		}
	}
	s.out.Msgs = s.out.Msgs[:0]
	f := s.p.Core(&s.line[c], ev, c, &s.out)
	switch {
	case f&Hit != 0:
		s.access(c, ev, false)
	case f&Wait != 0 && len(s.out.Msgs) > 0 && ev != Far:
		s.want[c] = ev + 1
	}
	s.obey(c, f, nil)
}

func (s *tester) atHome(m sent) {
	s.out.Msgs = s.out.Msgs[:0]
	f := s.p.Home(&s.home, &m.Msg, &s.out)
	if f&Stall != 0 {
		s.queue = append(s.queue, m)
		return
	}
	s.sendFromHome(f, m.bytes)
	if f&Unblocked == 0 {
		return
	}
	if s.p.Options().Recall && s.home.State != HI && s.random(16) == 0 {
		s.out.Msgs = s.out.Msgs[:0]
		s.sendFromHome(s.p.Recall(&s.home, &s.out), 0)
	}
	if s.home.State.Stable() && len(s.queue) > 0 {
		next := s.queue[0]
		s.queue = append(s.queue[:0], s.queue[1:]...)
		s.atHome(next)
	}
}

func (s *tester) sendFromHome(f Effect, bytes uint64) {
	if f&WriteMem != 0 {
		s.mem = bytes
	}
	if f&PerformFar != 0 {
		s.done++
		if s.mem != s.last {
			s.fail("an atomic op at the home reads %d, the last store was %d", s.mem, s.last)
		}
		s.last++
		s.mem = s.last
		for c := range s.line {
			if s.p.Readable(s.line[c].State) {
				s.fail("the home stores while %d may read", c)
			}
		}
	}
	for _, o := range s.out.Msgs {
		s.bag = append(s.bag, sent{o, s.mem})
	}
}

func (s *tester) deliver() {
	i := s.random(len(s.bag))
	for n := 0; n < 8 && s.bag[i].Type == s.slow; n++ {
		i = s.random(len(s.bag))
	}
	m := s.bag[i]
	s.bag[i] = s.bag[len(s.bag)-1]
	s.bag = s.bag[:len(s.bag)-1]
	if m.Type.ToHome() {
		s.atHome(m)
		return
	}
	s.out.Msgs = s.out.Msgs[:0]
	f := s.p.Cache(&s.line[m.To], &m.Msg, s.migrate && s.random(2) == 0, m.To, &s.out)
	s.obey(m.To, f, &m)
}

// run makes steps steps, then delivers what is left and looks for loose ends.
func (s *tester) run(t *testing.T, steps int) {
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%s %+v, %d caches, after %d accesses: %v", s.p.Name(), s.p.Options(), len(s.line), s.done, r)
		}
	}()
	for range steps {
		if len(s.bag) > 0 && s.random(4) != 0 {
			if len(s.bag) > 1 || s.bag[0].Type != s.slow || s.random(32) == 0 {
				s.deliver()
			}
			s.core(Node(s.random(len(s.line))))
		} else {
			s.core(Node(s.random(len(s.line))))
		}
	}
	for len(s.bag) > 0 {
		s.deliver()
	}
	if len(s.queue) > 0 || !s.home.State.Stable() {
		s.fail("home in %v with %d requests left", s.home.State, len(s.queue))
	}
	for c := range s.line {
		if !s.p.Stable(s.line[c].State) || s.want[c] != 0 || s.line[c].Bal != 0 || s.far[c] {
			s.fail("cache %d is left in %v, balance %d", c, s.line[c].State, s.line[c].Bal)
		}
	}
}

func newTester(p *Protocol, caches int, seed uint64, migrate bool) *tester {
	return &tester{p: p, line: make([]Line, caches), bytes: make([]uint64, caches), want: make([]CoreEvent, caches), far: make([]bool, caches),
		home: NewEntry(), rng: seed*0x9e3779b97f4a7c15 + 1, migrate: migrate,
		slow: MsgType(seed % uint64(numMsgTypes))}
}

func TestRandomAccessesReadTheLastStoreWithAnyNumberOfCaches(t *testing.T) {
	accesses, steps := 0, 3000
	if os.Getenv("COHSIM_LONG") != "" {
		steps = 100000 // about 20 million accesses
	}
	for i, name := range Names() {
		for j, caches := range []int{2, 3, 8, 64, 130, 1024} {
			for bits := range 1 << 7 {
				o := DefaultOptions(name)
				o.PutS, o.SilentE, o.NonBlockingS = bits&1 != 0, bits&2 != 0, bits&4 != 0
				o.Recall, o.Upgrade = bits&8 != 0, bits&16 != 0
				o.FarAtomics = bits&64 != 0
				if bits&32 != 0 {
					o.SharerPointers, o.SharerGroup, o.Caches = 3, 5, caches
				}
				p, err := New(name, o)
				if err != nil {
					continue
				}
				s := newTester(p, caches, uint64(i*1000+j*100+bits), bits%3 == 0)
				s.run(t, steps)
				accesses += s.done
			}
		}
	}
	t.Logf("%d accesses checked", accesses)
}

func TestRandomAccessesReachEveryRow(t *testing.T) {
	for _, name := range Names() {
		o := DefaultOptions(name)
		o.PutS, o.Recall, o.FarAtomics = true, true, true
		if name != "msi" {
			o.SilentE = true
		}
		p, err := New(name, o)
		if err != nil {
			t.Fatal(err)
		}
		p.Cov = new(Coverage)
		var missing []string
		for seed := uint64(1); seed == 1 || len(missing) > 0 && seed <= 1000; seed++ {
			newTester(p, 2+int(seed%3), seed, true).run(t, 20000)
			missing = nil
			for _, r := range p.CacheRows() {
				if p.Cov.CacheCount(r.From, r.On) == 0 {
					missing = append(missing, fmt.Sprint("C ", r.From, " ", r.On))
				}
			}
			for _, r := range p.HomeRows() {
				if p.Cov.HomeCount(r.From, r.On) == 0 {
					missing = append(missing, fmt.Sprint("D ", r.From, " ", r.On))
				}
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s: rows never used: %v", name, missing)
		}
	}
}
