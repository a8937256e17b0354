package machine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/internal/sim"
	"cohsim/mesi"
)

// The random coherence tester: cores load, store and update packed words of a few
// lines that conflict in tiny caches and directories, while messages are delayed at
// random. Every load is compared with the last store, and all copies of a line
// after every message (CheckFull); sums of atomic adds are compared at the end. A
// trial that fails is shrunk, and its line's history printed.

// trial is one run of the tester: a machine, and what its threads do.
type trial struct {
	seed    uint64
	cfg     Config
	chaosNS float64
	lines   int
	rounds  int
	scripts [][]access
	threads []int          // script of each thread
	broken  *mesi.Protocol // instead of the machine's own, if not nil
}

// access is one op of a script.
type access struct {
	kind   accessKind
	offset int  // from the first line
	far    bool // an atomic op for the home
}

type accessKind uint8

const (
	load4 accessKind = iota
	load8
	store4
	store8
	add4 // of the line's first word, which nothing else writes
	swap8
	fence
	prefetch
	prefetchForWrite
	pause
	accessKinds
)

// draw makes a trial of a protocol with options. Everything else is random.
func draw(seed uint64, protocol string, options mesi.Options, cores, accesses int) trial {
	r := sim.NewRand(seed, 3, 3)
	pick := func(xs ...int) int { return xs[r.Intn(len(xs))] }
	c := randomConfig(&r)
	c.ISA = []string{"x86-64", "arm64-lse"}[r.Intn(2)]
	c.Protocol.Name, c.Protocol.Options = protocol, options
	c.Core.Window = pick(1, 1, 4, 16)
	c.L1 = cache.Config{Bytes: 64 * pick(1, 2, 4), Ways: 1, LatencyCycles: 1, Replacement: "lru"}
	c.L2 = cache.Config{Bytes: pick(0, 1) * c.L1.Bytes * 2, Ways: 2, LatencyCycles: 3, Replacement: "lru"}
	c.Topology.CoresPerL3 = max(1, (cores+c.Topology.Sockets*c.Topology.L3PerSocket-1)/(c.Topology.Sockets*c.Topology.L3PerSocket))
	c.Topology.ThreadsPerCore = pick(1, 1, 1, 2)
	c.Fabric.JitterPercent = pick(0, 30, 90)
	c.Directory = Directory{Ways: 1}
	if options.Recall {
		c.Directory = Directory{Entries: pick(1, 2, 4), Ways: pick(1, 1, 2)}
		c.Directory.Entries *= c.Directory.Ways
	}
	if c.Protocol.FarAtomics { // of the options given, not of randomConfig
		c.ISA, c.Core.Atomics = "arm64-lse", []string{"near", "far"}[r.Intn(2)]
	} else {
		c.Core.Atomics = "near"
	}
	t := trial{seed: seed, cfg: c, chaosNS: float64(pick(0, 30, 100, 400, 1000)), lines: pick(1, 2, 3, 6)}
	readers := r.Intn(4) // quarters of the accesses that are loads for certain
	for range 1 + r.Intn(4) {
		var s []access
		for range 8 + r.Intn(40) {
			a := access{kind: accessKind(r.Intn(int(accessKinds)))}
			if r.Intn(4) < readers {
				a.kind = load4
			}
			line := r.Intn(t.lines)
			switch a.kind {
			case add4, prefetch, prefetchForWrite:
				a.offset = 64 * line
			case load8, store8, swap8:
				a.offset = 64*line + 8 + 8*r.Intn(7)
			default:
				a.offset = 64*line + 4 + 4*r.Intn(15)
			}
			a.far = c.Protocol.FarAtomics && (a.kind == add4 || a.kind == swap8) && r.Intn(2) == 0
			s = append(s, a)
		}
		t.scripts = append(t.scripts, s)
	}
	per := 0
	for range cores {
		k := r.Intn(len(t.scripts))
		t.threads = append(t.threads, k)
		per += len(t.scripts[k])
	}
	t.rounds = max(1, accesses/per)
	return t
}

func (t *trial) source(s []access) string {
	var b strings.Builder
	fmt.Fprintf(&b, "program p\n    in a v\n    reg x i\n    mov i, %d\nloop:\n    mark begin round\n", t.rounds)
	for _, a := range s {
		far := ""
		if a.far {
			far = ".far"
		}
		switch a.kind {
		case load4:
			fmt.Fprintf(&b, "    load.4 x, [a+%d]\n", a.offset)
		case load8:
			fmt.Fprintf(&b, "    load x, [a+%d]\n", a.offset)
		case store4:
			fmt.Fprintf(&b, "    add v, v, 1\n    store.4 [a+%d], v\n", a.offset)
		case store8:
			fmt.Fprintf(&b, "    add v, v, 1\n    store [a+%d], v\n", a.offset)
		case add4:
			fmt.Fprintf(&b, "    rmw.add.4%s x, [a+%d], 1\n", far, a.offset)
		case swap8:
			fmt.Fprintf(&b, "    add v, v, 1\n    rmw.swap%s x, [a+%d], v\n", far, a.offset)
		case fence:
			b.WriteString("    mb\n")
		case prefetch:
			fmt.Fprintf(&b, "    prefetch [a+%d]\n", a.offset)
		case prefetchForWrite:
			fmt.Fprintf(&b, "    prefetchw [a+%d]\n", a.offset)
		case pause:
			fmt.Fprintf(&b, "    work %d\n", 1+a.offset)
		}
	}
	b.WriteString("    mark end round\n    sub i, i, 1\n    bne i, 0, loop likely\n    halt\n")
	return b.String()
}

// run simulates the trial. The error is a failure of cohsim.
func (t *trial) run(tb testing.TB, cov *mesi.Coverage) (*Result, error) {
	tb.Helper()
	w := &world{cfg: t.cfg}
	space := mem.NewSpace(testLayout)
	a := space.NewRaw("a", 64*t.lines, 64)
	w.setup = Setup{Config: t.cfg, Space: space, Seed: t.seed, Coverage: cov, ChaosNS: t.chaosNS, Check: CheckFull,
		LimitCycles: 4e9, StuckNS: 1e8}
	linked := make([]Thread, len(t.scripts))
	for k, s := range t.scripts {
		linked[k] = w.link(tb, t.source(s))
	}
	for i, k := range t.threads {
		th := linked[k]
		task, err := space.New("task_struct", fmt.Sprintf("task[%d]", i))
		if err != nil {
			tb.Fatal(err)
		}
		th.Regs = []RegValue{{cpu.TaskReg, uint64(task)}}
		if r, ok := th.Program.Bind["a"]; ok {
			th.Regs = append(th.Regs, RegValue{r, uint64(a)})
		}
		if r, ok := th.Program.Bind["v"]; ok {
			th.Regs = append(th.Regs, RegValue{r, uint64(i+1) << 20})
		}
		w.setup.Threads = append(w.setup.Threads, th)
		w.setup.Place = append(w.setup.Place, i)
	}
	m, err := New(w.setup)
	if err != nil {
		tb.Fatal(err)
	}
	if t.broken != nil {
		t.broken.Cov = cov
		m.proto = t.broken
	}
	res, err := m.Simulate()
	if err != nil {
		return nil, err
	}
	for l := range t.lines {
		want := uint64(0)
		for _, k := range t.threads {
			for _, x := range t.scripts[k] {
				if x.kind == add4 && x.offset == 64*l {
					want += uint64(t.rounds)
				}
			}
		}
		if got := m.value(tb, a+mem.Addr(64*l), 4); got != want {
			return nil, fmt.Errorf("the sum of line %d is %d, want %d", l, got, want)
		}
	}
	return res, nil
}

// shrink makes a failing trial as small as it goes: fewer threads, ops, rounds,
// and a simpler machine, as long as it fails.
func (t trial) shrink(fails func(*trial) bool) trial {
	tries := 0
	try := func(edit func(*trial)) bool {
		s := t
		s.threads, s.scripts = slices.Clone(t.threads), slices.Clone(t.scripts)
		edit(&s)
		if tries++; tries > 2000 || !fails(&s) {
			return false
		}
		t = s
		return true
	}
	for smaller := true; smaller; {
		smaller = false
		for t.rounds > 1 && (try(func(s *trial) { s.rounds = 1 }) || try(func(s *trial) { s.rounds /= 2 }) || try(func(s *trial) { s.rounds-- })) {
			smaller = true
		}
		for n := len(t.threads) / 2; n > 0; n /= 2 {
			for i := 0; i+n <= len(t.threads) && len(t.threads) > n; {
				if try(func(s *trial) { s.threads = slices.Delete(s.threads, i, i+n) }) {
					smaller = true
				} else {
					i += n
				}
			}
		}
		for k := range t.scripts {
			for n := max(1, len(t.scripts[k])/2); n > 0; n /= 2 {
				for i := 0; i+n <= len(t.scripts[k]) && slices.Contains(t.threads, k); {
					if try(func(s *trial) { s.scripts[k] = slices.Delete(slices.Clone(s.scripts[k]), i, i+n) }) {
						smaller = true
					} else {
						i += n
					}
				}
			}
		}
		for _, edit := range []func(*trial){
			func(s *trial) { s.chaosNS = 0 },
			func(s *trial) { s.cfg.Core.Window = 1 },
			func(s *trial) { s.cfg.Fabric.JitterPercent = 0 },
			func(s *trial) { s.cfg.Topology.L3Local = false },
			func(s *trial) { s.cfg.L2.Bytes = 0 },
			func(s *trial) { s.cfg.Fabric.HomeNS, s.cfg.Fabric.LinkNS = 0, 0 },
			func(s *trial) { s.cfg.Adjacent = false },
		} {
			before := fmt.Sprint(t)
			if try(edit) && fmt.Sprint(t) != before {
				smaller = true
			}
		}
	}
	return t
}

// report is what a failing trial prints: the smallest trial found, and how it fails.
func (t trial) report(tb testing.TB, err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %s %+v, %d threads on %d lines: %v\n", t.seed, t.cfg.Protocol.Name, t.cfg.Protocol.Options, len(t.threads), t.lines, err)
	small := t.shrink(func(s *trial) bool { _, err := s.run(tb, nil); return err != nil })
	_, err = small.run(tb, nil)
	fmt.Fprintf(&b, "shrunk to %d threads and chaos of %v ns: %v\n", len(small.threads), small.chaosNS, err)
	for i, k := range small.threads {
		fmt.Fprintf(&b, "thread %d:\n%s", i, small.source(small.scripts[k]))
	}
	var bug *Bug
	var aborted *Aborted
	switch {
	case errors.As(err, &bug):
		b.WriteString(bug.Dump)
	case errors.As(err, &aborted):
		b.WriteString(aborted.Dump)
	}
	return b.String()
}

// mustRun fails the test if the trial fails.
func (t *trial) mustRun(tb testing.TB, cov *mesi.Coverage) *Result {
	tb.Helper()
	res, err := t.run(tb, cov)
	if err != nil {
		tb.Fatal(t.report(tb, err))
	}
	return res
}
