package machine

import (
	"os"
	"slices"
	"strings"
	"testing"

	"cohsim/internal/check"
	"cohsim/internal/sim"
	"cohsim/mesi"
)

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
		o.SilentS = !o.PutS || coin()
		o.SilentE, o.NonBlockingS = coin() && o.ExclusiveGrant, coin()
		o.PutE = o.ExclusiveGrant && (!o.SilentE || coin())
		if coin() {
			o.SharerPointers, o.SharerGroup, o.Caches = 1+r.Intn(4), 1+r.Intn(4), cores
		}
		if _, err := mesi.New(name, o); err != nil {
			o.NonBlockingS = false
		}
		o.FarAtomics = seed%3 == 0
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

func TestAFailingTrialShrinksToAFewOpsAndPrintsTheLine(t *testing.T) {
	for _, n := range check.NamedMutants() {
		if n.Name != "M7" && n.Name != "M6" {
			continue
		}
		mutant, err := n.Build()
		if err != nil {
			t.Fatal(err)
		}
		var tr trial
		for seed := uint64(1); seed <= 20 && err == nil; seed++ {
			tr = draw(seed, n.Protocol, mutant.P.Options(), 8, 3000)
			tr.broken = mutant.P
			_, err = tr.run(t, nil)
		}
		if err == nil {
			t.Fatalf("%s: the mistake is not found", n.Name)
		}
		small := tr.shrink(func(s *trial) bool { _, err := s.run(t, nil); return err != nil })
		ops := 0
		for _, k := range small.threads {
			ops += len(small.scripts[k])
		}
		if len(small.threads) > 3 || ops*small.rounds > 30 {
			t.Errorf("%s: shrunk to %d threads with %d ops %d times", n.Name, len(small.threads), ops, small.rounds)
		}
		report := small.report(t, err)
		t.Log(report)
		for _, want := range []string{"shrunk to", "thread 0:\nprogram p", "history of the line", "->"} {
			if !strings.Contains(report, want) {
				t.Errorf("%s: the report lacks %q:\n%s", n.Name, want, report)
			}
		}
	}
}
