package check

import (
	"os"
	"strings"
	"testing"

	"cohsim/mesi"
)

// farVariants are protocols whose home performs atomic ops, and the states and rules at
// 2 caches and, with symmetry, at 3. TestEveryOptionSetIsProven has the other options.
var farVariants = []struct {
	protocol   string
	two, three [2]int64
}{
	{"msi", [2]int64{33996, 130544}, [2]int64{466774, 2446160}},
	{"mesi", [2]int64{40878, 158352}, [2]int64{749008, 3919540}},
	{"mesif", [2]int64{44724, 173312}, [2]int64{875130, 4594032}},
	{"moesi", [2]int64{49434, 187960}, [2]int64{1157968, 6032920}},
}

func far(o *mesi.Options) { o.FarAtomics = true }

func TestAtomicOpsAtTheHomeKeepEveryLaw(t *testing.T) {
	for _, v := range farVariants {
		t.Run(v.protocol, func(t *testing.T) {
			r := mustHold(t, system(t, v.protocol, far, ProtocolConfig{Caches: 2, Migrate: true}))
			if got := [2]int64{r.States, r.Transitions}; got != v.two {
				t.Errorf("2 caches: states and rules %v, want %v", got, v.two)
			}
			if testing.Short() {
				return
			}
			s := system(t, v.protocol, far, ProtocolConfig{Caches: 3, Symmetry: true, Migrate: true})
			r = mustHold(t, s)
			if got := [2]int64{r.States, r.Transitions}; got != v.three {
				t.Errorf("3 caches: states and rules %v, want %v", got, v.three)
			}
			for _, p := range s.Unreached() {
				t.Errorf("row %v is never used", p)
			}
		})
	}
}

// TestEveryMutantOfAFarAtomicIsKilledOrExplained spoils every row that far atomics add,
// in MESI; with COHSIM_LONG=1 in every protocol.
func TestEveryMutantOfAFarAtomicIsKilledOrExplained(t *testing.T) {
	known := knownSurvivors(t)
	for _, name := range mesi.Names() {
		if name != "mesi" && os.Getenv("COHSIM_LONG") == "" {
			continue
		}
		o := mesi.DefaultOptions(name)
		far(&o)
		p, err := mesi.New(name, o)
		if err != nil {
			t.Fatal(err)
		}
		j, err := NewJudge(p, true, 2)
		if err != nil {
			t.Fatal(err)
		}
		mutants, killed := 0, map[string]int{}
		for _, m := range Mutants(p) {
			if !strings.Contains(m.Name, "Far") && !strings.HasPrefix(m.Name, "D A_") {
				continue
			}
			v, err := j.Try(m)
			if err != nil {
				t.Fatal(err)
			}
			mutants++
			killed[v.By]++
			if full := m.Kind + " " + m.Name; v.By == "" && known[name+" "+full] == "" {
				t.Errorf("%s: survivor without an explanation: %s", name, full)
			}
		}
		t.Logf("%s: %d mutants, killed by %v", name, mutants, killed)
	}
}

func TestExportedFarAtomicsHaveTheSameStatesUnderAnIndependentChecker(t *testing.T) {
	if os.Getenv("COHSIM_RUMUR") == "" {
		t.Skip("compiles four models: COHSIM_RUMUR=1")
	}
	for _, v := range farVariants {
		t.Run(v.protocol, func(t *testing.T) {
			cfg := ProtocolConfig{Caches: 2, Symmetry: true, Migrate: true}
			s := system(t, v.protocol, far, cfg)
			r := mustHold(t, s)
			states, rules := runRumur(t, s.p, cfg)
			if states != r.States || rules != r.Transitions {
				t.Errorf("%d states and %d rules, rumur says %d and %d", r.States, r.Transitions, states, rules)
			}
		})
	}
}
