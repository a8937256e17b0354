package main

import (
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

func TestLitmusPrintsWhatTheCoresShowBesideWhatTheModelAllows(t *testing.T) {
	code, out, _ := litmusRun(t, "--arch", "X86_64", "--cycle", "PodWR Fre PodWR Fre", "--timed", "20")
	if code != 0 || !strings.Contains(out, "  * 0:rbx=0; 1:rbx=0   seen ") {
		t.Errorf("code %d:\n%s", code, out)
	}
}
