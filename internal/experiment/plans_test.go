package experiment

import (
	"fmt"
	"reflect"
	"testing"

	"cohsim/internal/report"
)

// What runs share of workloads, programs and machines changes none of them.
func TestARunAmongOthersGivesWhatItGivesAlone(t *testing.T) {
	for workload, axis := range map[string]string{
		"kind = \"fault_mixed\"\nwrite_percent = 20\n": "workload.think_ns",         // whose program is retimed
		"kind = \"page_fault1\"\n":                     "machine.l1.latency_cycles", // whose plan depends on the seed
		"kind = \"chase\"\n":                           "machine.l1.latency_cycles",
	} {
		text := func(cores, seeds, clock, value string) string {
			return fmt.Sprintf("[workload]\n%s[run]\nwarmup_ns = 1000\nmeasure_ns = 5000\nseeds = %s\n[sweep]\n\"run.cores\" = %s\n"+
				"\"machine.core.clock_mhz\" = %s\n\"%s\" = %s\n", workload, seeds, cores, clock, axis, value)
		}
		sweep := loadText(t, text("[1, 2]", "[1, 2]", "[2000, 4000]", "[3, 9]"))
		all, _, err := sweep.Run(t.Context(), Options{Jobs: 2})
		if err != nil {
			t.Fatal(err)
		}
		var alone []report.Record
		for _, cores := range []string{"[1]", "[2]"} {
			for _, clock := range []string{"[2000]", "[4000]"} {
				for _, value := range []string{"[3]", "[9]"} {
					for _, seed := range []string{"[1]", "[2]"} {
						e := loadText(t, text(cores, seed, clock, value))
						one, _, err := e.Run(t.Context(), Options{})
						if err != nil {
							t.Fatal(err)
						}
						if a, b := words(t, sweep, len(alone)), words(t, e, 0); !reflect.DeepEqual(a, b) {
							t.Errorf("%s: run %d begins with other values alone", workload, len(alone))
						}
						alone = append(alone, one.Records...)
					}
				}
			}
		}
		if reflect.DeepEqual(words(t, sweep, 0), words(t, sweep, 1)) {
			t.Errorf("%s: two seeds begin with the same values", workload)
		}
		if !reflect.DeepEqual(all.Records, alone) {
			t.Errorf("%s: some of %d runs give something else alone", workload, len(alone))
		}
	}
}

// words are what memory and registers hold when a run begins.
func words(t *testing.T, e *Experiment, run int) (all []any) {
	t.Helper()
	p, seed := e.run(run)
	s, err := e.points[p.Config].setup(seed)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Threads {
		all = append(all, s.Threads[i].Regs)
	}
	return append(all, s.Init)
}
