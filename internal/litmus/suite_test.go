package litmus

import (
	"flag"
	"os"
	"testing"

	"cohsim/cpu"
)

var update = flag.Bool("update", false, "write the suite's outcomes anew")

func TestEveryTestOfTheSuiteHasItsKnownOutcomes(t *testing.T) {
	known, err := Known()
	if err != nil && !*update {
		t.Fatal(err)
	}
	var rs []*Result
	var states int64
	for _, e := range Suite() {
		test, err := e.Test()
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		r, err := test.Run(Options{})
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		rs = append(rs, r)
		states += r.States
		if *update {
			continue
		}
		v := known.Of(test)
		if v == nil {
			t.Errorf("%s has no known outcomes", e.Name)
			continue
		}
		if rel, extra, missing := v.Compare(r.Outcomes); rel != Equal || v.Observation != r.Observation() {
			t.Errorf("%s: %s, not %s: extra %v, missing %v", e.Name, r.Observation(), v.Observation, extra, missing)
		}
		if e.Cycle == "" && !r.Holds() {
			t.Errorf("%s: %s %v does not hold", e.Name, test.Quant, &test.Cond)
		}
	}
	t.Logf("%d tests, %d states", len(rs), states)
	if *update {
		f, err := os.Create("testdata/suite.tsv")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := WriteVerdicts(f, rs); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStrongerModelShowsNothingNew(t *testing.T) {
	for _, e := range Suite() {
		test, err := e.Test()
		if err != nil {
			t.Fatal(err)
		}
		weak, err := test.Run(Options{})
		if err != nil {
			t.Fatal(err)
		}
		sc, err := test.Run(Options{Model: cpu.SC})
		if err != nil {
			t.Fatal(err)
		}
		if rel, extra, _ := (&Verdict{Outcomes: weak.Outcomes}).Compare(sc.Outcomes); rel == Larger {
			t.Errorf("%s: sc shows %v, %s does not", e.Name, extra, weak.Model.Name)
		}
		if e.Cycle != "" && sc.Positive > 0 {
			t.Errorf("%s: sc has the cycle %s", e.Name, e.Cycle)
		}
	}
}
