package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/litmus"
)

// shown runs the test of a cycle on the cores and counts the runs in which the condition
// was met.
func shown(t *testing.T, arch litmus.Arch, model *cpu.Model, cycle string, runs int) (met int) {
	t.Helper()
	text, err := litmus.Generate(arch, "T", cycle)
	if err != nil {
		t.Fatal(err)
	}
	test, err := litmus.Parse("T.litmus", text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := test.Run(litmus.Options{Model: model})
	if err != nil {
		t.Fatal(err)
	}
	rows := []litmusRow{{result: r}}
	if err := timedAll(t.Context(), rows, runs, nil); err != nil {
		t.Fatal(err)
	}
	if rows[0].failed != "" || len(rows[0].timed.stuck) > 0 {
		t.Errorf("%s under %s: %s, stuck %v", cycle, model.Name, rows[0].failed, rows[0].timed.stuck)
	}
	for o, n := range rows[0].timed.seen {
		if r.Meets(o) {
			met += n
		}
	}
	return met
}

func TestTheCoresShowTheWeakOutcomesTheyAreBuiltToShowAndNoOther(t *testing.T) {
	for _, c := range []struct {
		arch  litmus.Arch
		model *cpu.Model
		cycle string
		seen  bool
	}{
		{litmus.X86, cpu.TSO, "PodWR Fre PodWR Fre", true},
		{litmus.X86, cpu.SC, "PodWR Fre PodWR Fre", false},
		{litmus.X86, cpu.TSO, "Xadd PodWR Fre MFencedWR Fre", false},
		{litmus.X86, cpu.TSO, "PodWW Rfe PodRR Fre", false},
		{litmus.AArch64, cpu.ARMv8, "PodWR Fre PodWR Fre", true},
		{litmus.AArch64, cpu.ARMv8, "PodWW Rfe PodRR Fre", true},
		{litmus.AArch64, cpu.ARMv8, "PodWW Coe PodWR Fre", true},
		{litmus.AArch64, cpu.ARMv8, "PodWW Coe PodWW Coe", true},
		{litmus.AArch64, cpu.ARMv8, "PodWW Rfe PodRW Coe", true},
		{litmus.AArch64, cpu.ARMv8, "PodRW Rfe PodRW Rfe", false}, // allowed; stores wait for retirement
		{litmus.AArch64, cpu.ARMv8, "PodWW L Rfe A PodRR Fre", false},
	} {
		if n := shown(t, c.arch, c.model, c.cycle, 150); (n > 0) != c.seen {
			t.Errorf("%v under %s: %s seen %d times of 150", c.arch, c.model.Name, c.cycle, n)
		}
	}
}

func TestCoresOfAWeakerModelAreCaught(t *testing.T) {
	for _, c := range []struct {
		weak, strong *cpu.Model
		cycle        string
	}{
		{cpu.TSO, cpu.SC, "PodWR Fre PodWR Fre"},
		{cpu.ARMv8, cpu.TSO, "PodWW Rfe PodRR Fre"},
		{cpu.ARMv8, cpu.TSO, "PodWW Coe PodWW Coe"},
		{cpu.ARMv8, cpu.SC, "PodWW Coe PodWR Fre"},
	} {
		text, err := litmus.Generate(litmus.X86, "T", c.cycle)
		if err != nil {
			t.Fatal(err)
		}
		test, err := litmus.Parse("T.litmus", text)
		if err != nil {
			t.Fatal(err)
		}
		allowed, err := test.Run(litmus.Options{Model: c.strong})
		if err != nil {
			t.Fatal(err)
		}
		shown, err := timedRuns(test, c.weak, 150)
		if err != nil {
			t.Fatal(err)
		}
		outside := 0
		for o, n := range shown.seen {
			if !slices.Contains(allowed.Outcomes, o) {
				outside += n
			}
		}
		if outside == 0 {
			t.Errorf("%s on %s cores looks like %s in %d runs", c.cycle, c.weak.Name, c.strong.Name, shown.runs)
		}
	}
}

func TestLitmusPrintsWhatTheCoresShowBesideWhatTheModelAllows(t *testing.T) {
	code, out, _ := litmusRun(t, "--arch", "X86_64", "--cycle", "PodWR Fre PodWR Fre", "--timed", "20")
	if code != 0 || !strings.Contains(out, " 0:rbx=0; 1:rbx=0  met        weak ") {
		t.Errorf("code %d:\n%s", code, out)
	}
}

func TestTheTableOfWeakOutcomesCountsWhatTheCoresShowedOfWhatIsAllowed(t *testing.T) {
	dir := t.TempDir()
	for name, cycle := range map[string]string{
		"SB+po+po": "PodWR Fre PodWR Fre", "SB+mfence+mfence": "MFencedWR Fre MFencedWR Fre", "MP+po+po": "PodWW Rfe PodRR Fre",
	} {
		text, err := litmus.Generate(litmus.X86, name, cycle)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".litmus"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out string
	for _, format := range []string{"table", "markdown", "latex"} {
		code := 0
		if code, out, _ = litmusRun(t, dir, "--timed", "40", "--format", format); code != 0 || !strings.Contains(out, "with weak") {
			t.Errorf("%s: code %d:\n%s", format, code, out)
		}
	}
	_, out, _ = litmusRun(t, dir, "--timed", "40", "--format", "markdown")
	var sb []string
	for line := range strings.Lines(out) {
		if f := strings.Fields(strings.ReplaceAll(line, "|", " ")); len(f) == 10 && (f[0] == "SB" || f[0] == "MP") {
			sb = append(sb, strings.Join(f[:8], " "))
		}
	}
	// Of the three, one has a weak outcome, and one; no line for a shape without.
	if len(sb) != 1 || !strings.HasPrefix(sb[0], "SB tso 2 1 1 1 1 ") {
		t.Errorf("%q in\n%s", sb, out)
	}
}

func TestWeakOutcomesThatDidNotShowAreSaidToNeedMoreRuns(t *testing.T) {
	const hint = "the 1 weak outcomes that the models allow did not show; most take hundreds of runs: --timed 1000"
	for runs, hinted := range map[string]bool{"1": true, "1000": false} {
		code, _, msg := cohsim(t, "litmus", "--timed", runs, "--cycle", "PodWR Fre PodWR Fre")
		if code != exitOK || strings.Contains(msg, hint) != hinted {
			t.Errorf("%s runs: exit code %d\n%s", runs, code, msg)
		}
	}
}
