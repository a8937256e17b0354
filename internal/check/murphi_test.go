package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cohsim/mesi"
)

// runRumur has an independent checker explore the exported model.
func runRumur(t *testing.T, p *mesi.Protocol, cfg ProtocolConfig) (states, rules int64) {
	t.Helper()
	rumur, err := exec.LookPath("rumur")
	if err != nil {
		t.Skip("rumur is not installed")
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	f, err := os.Create(in("model.m"))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteMurphi(f, p, cfg); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	sym := "off"
	if cfg.Symmetry {
		sym = "exhaustive"
	}
	run := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return string(out)
	}
	run(rumur, "--symmetry-reduction", sym, "--threads", "1", "--colour", "off", "--output", in("model.c"), in("model.m"))
	args := []string{"-std=c11", "-O0", "-w", "-o", in("model"), in("model.c"), "-lpthread"}
	if strings.Contains(run(cc, "-dumpmachine"), "x86_64") {
		args = append([]string{"-mcx16"}, args...)
	}
	run(cc, args...)
	out := run(in("model"))
	m := regexp.MustCompile(`(\d+) states, (\d+) rules fired`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no result in\n%s", out)
	}
	states, _ = strconv.ParseInt(m[1], 10, 64)
	rules, _ = strconv.ParseInt(m[2], 10, 64)
	return states, rules
}

// TestExportedModelHasTheSameStatesUnderAnIndependentChecker runs MSI at 2 caches where
// rumur and a C compiler are installed; every protocol with COHSIM_RUMUR=1, as CI does;
// and every variant with COHSIM_RUMUR=all.
func TestExportedModelHasTheSameStatesUnderAnIndependentChecker(t *testing.T) {
	which := os.Getenv("COHSIM_RUMUR")
	for _, v := range variants {
		if strings.Contains(v.name, " ") && which != "all" || v.name != "msi" && which == "" {
			continue
		}
		for _, migrate := range []bool{false, true} {
			if !migrate && which == "" {
				continue
			}
			t.Run(fmt.Sprintf("%s migrate=%v", v.name, migrate), func(t *testing.T) {
				cfg := ProtocolConfig{Caches: 2, Migrate: migrate}
				s := system(t, v.protocol, v.set, cfg)
				r := mustHold(t, s)
				states, rules := runRumur(t, s.p, cfg)
				if states != r.States || rules != r.Transitions {
					t.Errorf("%d states and %d rules, rumur says %d and %d", r.States, r.Transitions, states, rules)
				}
			})
		}
	}
}

// TestExportedCoarseListsHaveTheSameStatesUnderAnIndependentChecker uses 2 caches with
// COHSIM_RUMUR=1, and with COHSIM_RUMUR=all 3 caches in groups of 2, so that a group is
// cut off by the last cache.
func TestExportedCoarseListsHaveTheSameStatesUnderAnIndependentChecker(t *testing.T) {
	caches := 2
	switch os.Getenv("COHSIM_RUMUR") {
	case "":
		t.Skip("compiles four models: COHSIM_RUMUR=1")
	case "all":
		caches = 3
	}
	for _, name := range mesi.Names() {
		cfg := ProtocolConfig{Caches: caches, Migrate: true}
		s := system(t, name, func(o *mesi.Options) {
			o.PutS, o.Recall = true, true
			o.SharerPointers, o.SharerGroup, o.Caches = 1, 2, caches
		}, cfg)
		r := mustHold(t, s)
		states, rules := runRumur(t, s.p, cfg)
		t.Logf("%s: %d states, %d rules", name, states, rules)
		if states != r.States || rules != r.Transitions {
			t.Errorf("%s: %d states and %d rules, rumur says %d and %d", name, r.States, r.Transitions, states, rules)
		}
	}
}

func TestExportSaysEveryRowOnce(t *testing.T) {
	p, err := mesi.New("moesi", mesi.DefaultOptions("moesi"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := WriteMurphi(&b, p, ProtocolConfig{Caches: 2, Migrate: true}); err != nil {
		t.Fatal(err)
	}
	for _, r := range p.HomeRows() {
		name := fmt.Sprintf("rule %q ", fmt.Sprintf("D %v %v", r.From, r.On))
		want := 1
		if len(r.Do) == 1 && r.Do[0] == mesi.StallHere {
			want = 0
		}
		if n := strings.Count(b.String(), name); n != want {
			t.Errorf("%s: %d rules, want %d", name, n, want)
		}
	}
}
