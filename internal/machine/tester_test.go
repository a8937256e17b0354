package machine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/check"
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
	offset int // from the first line
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
	fmt.Fprintf(&b, "program p\n    in a v\n    reg x i\n    mov i, %d\nloop:\n", t.rounds)
	for _, a := range s {
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
			fmt.Fprintf(&b, "    rmw.add.4 x, [a+%d], 1\n", a.offset)
		case swap8:
			fmt.Fprintf(&b, "    add v, v, 1\n    rmw.swap x, [a+%d], v\n", a.offset)
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
	b.WriteString("    sub i, i, 1\n    bne i, 0, loop likely\n    halt\n")
	return b.String()
}

// run simulates the trial. The error is a failure of cohsim.
func (t *trial) run(tb testing.TB, cov *mesi.Coverage) (*Result, error) {
	tb.Helper()
	w := &world{cfg: t.cfg}
	space := mem.NewSpace(testLayout)
	a := space.NewRaw("a", 64*t.lines, 64)
	w.setup = Setup{Config: t.cfg, Space: space, Seed: t.seed, Coverage: cov, ChaosNS: t.chaosNS, Check: CheckFull,
		LimitCycles: 1e9, StuckNS: 1e7}
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

// Every protocol, random options, 2 to 64 cores. COHSIM_LONG=1 checks 10 million
// accesses.
func TestRandomAccessesOfManyCoresSeeTheLastStore(t *testing.T) {
	total, most := uint64(0), uint64(400_000)
	if os.Getenv("COHSIM_LONG") != "" {
		most = 10_000_000
	} else if testing.Short() {
		most = 50_000
	}
	var sum Checked
	trials := 0
	for seed := uint64(1); total < most; seed++ {
		r := sim.NewRand(seed, 4, 4)
		name := mesi.Names()[seed%4]
		o := mesi.DefaultOptions(name)
		coin := func() bool { return r.Intn(2) == 0 }
		cores := []int{2, 3, 4, 8, 16, 64}[r.Intn(6)]
		o.PutS, o.Upgrade, o.Recall = coin(), coin(), coin()
		o.SilentE, o.NonBlockingS = coin() && o.ExclusiveGrant, coin()
		if coin() {
			o.SharerPointers, o.SharerGroup, o.Caches = 1+r.Intn(4), 1+r.Intn(4), cores
		}
		if _, err := mesi.New(name, o); err != nil {
			o.NonBlockingS = false
		}
		tr := draw(seed, name, o, cores, 20_000)
		res := tr.mustRun(t, nil)
		total += res.Run.Total.CPU.MemOps
		sum.Lines += res.Checked.Lines
		sum.Values += res.Checked.Values
		trials++
	}
	t.Logf("%d accesses in %d trials; %d values and %d times all copies of a line checked", total, trials, sum.Values, sum.Lines)
}

// The option sets whose reachable pairs are known from another model checker.
var coverageLists = []struct {
	file, protocol string
	set            func(*mesi.Options)
}{
	{"msi", "msi", nil},
	{"mesi", "mesi", nil},
	{"mesif", "mesif", nil},
	{"moesi", "moesi", nil},
	{"mesi-puts", "mesi", func(o *mesi.Options) { o.PutS, o.SilentS = true, false }},
	{"mesi-puts-silente", "mesi", func(o *mesi.Options) { o.PutS, o.SilentE = true, true }},
	{"mesi-nbs-puts-silente", "mesi", func(o *mesi.Options) { o.PutS, o.SilentE, o.NonBlockingS = true, true, true }},
	{"mesi-recall-puts-silente-nbs", "mesi", func(o *mesi.Options) { o.PutS, o.SilentE, o.NonBlockingS, o.Recall = true, true, true, true }},
	{"moesi-puts-silente-recall", "moesi", func(o *mesi.Options) { o.PutS, o.SilentE, o.Recall = true, true, true }},
	{"mesif-puts-silente-recall", "mesif", func(o *mesi.Options) { o.PutS, o.SilentE, o.Recall = true, true, true }},
}

// Per option set, random programs meet exactly the (state, event) pairs that the
// model checker can reach.
func TestRandomAccessesReachExactlyTheReachablePairsOfEveryOptionSet(t *testing.T) {
	for _, list := range coverageLists {
		t.Run(list.file, func(t *testing.T) {
			want := readPairs(t, "../check/testdata/coverage/"+list.file+".txt")
			o := mesi.DefaultOptions(list.protocol)
			if list.set != nil {
				list.set(&o)
			}
			var cov mesi.Coverage
			accesses, seed, missing := uint64(0), uint64(1), []string{}
			for ; seed <= 4000; seed++ {
				tr := draw(seed, list.protocol, o, 2+int(seed%7), 3000)
				tr.cfg.Protocol.ReadDirty = "share" // the lists know no migration
				tr.cfg.Fabric.Near.ReadDirty, tr.cfg.Fabric.Far.ReadDirty, tr.cfg.Fabric.Remote.ReadDirty = "share", "share", "share"
				accesses += tr.mustRun(t, &cov).Run.Total.CPU.MemOps
				got := map[string]bool{}
				for _, p := range cov.MessagePairs() {
					got[p.String()] = true
					if !want[p.String()] {
						t.Fatalf("seed %d reaches %q, which the model checker does not", seed, p)
					}
				}
				missing = missing[:0]
				for p := range want {
					if !got[p] {
						missing = append(missing, p)
					}
				}
				if len(missing) == 0 {
					break
				}
			}
			slices.Sort(missing)
			if len(missing) > 0 {
				t.Errorf("never reached: %q", missing)
			}
			t.Logf("%d of %d pairs after %d trials, %d accesses", len(want)-len(missing), len(want), seed, accesses)
		})
	}
}

// readPairs reads a list of (state, event) pairs.
func readPairs(t *testing.T, file string) map[string]bool {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, line := range strings.Split(string(src), "\n") {
		if state, events, ok := strings.Cut(line, ": "); ok && line[0] != '#' {
			for _, e := range strings.Fields(events) {
				want[state+" "+strings.Replace(e, "/", " ", 1)] = true
			}
		}
	}
	return want
}

// Every mistake that the model checker has by name is found by the tester too.
func TestTheTesterFindsEveryNamedMistake(t *testing.T) {
	for _, n := range check.NamedMutants() {
		t.Run(n.Name, func(t *testing.T) {
			mutant, err := n.Build()
			if err != nil {
				t.Fatal(err)
			}
			accesses := uint64(0)
			for seed := uint64(1); seed <= 3000; seed++ {
				o := mutant.P.Options()
				tr := draw(seed, n.Protocol, o, 3, 3000)
				tr.broken = mutant.P
				res, err := tr.run(t, nil)
				if err != nil {
					t.Logf("%s: found at seed %d after %d accesses: %v", n.Story, seed, accesses, err)
					return
				}
				accesses += res.Run.Total.CPU.MemOps
			}
			t.Errorf("%s: not found in %d accesses", n.Story, accesses)
		})
	}
}
