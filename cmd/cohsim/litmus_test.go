package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func litmusRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(append([]string{"litmus"}, args...), &out, &err)
	return code, out.String(), err.String()
}

func TestLitmusRunsTheSuiteAgainstItsKnownOutcomes(t *testing.T) {
	code, out, _ := litmusRun(t, "--format", "json")
	if code != 0 || !strings.Contains(out, `"relation": "equal"`) || strings.Contains(out, `"larger"`) || strings.Contains(out, `"smaller"`) {
		t.Errorf("code %d", code)
	}
}

func TestLitmusPrintsAnOutcomeSetAndMarksTheCondition(t *testing.T) {
	code, out, _ := litmusRun(t, "--cycle", "PodWW Rfe DpAddrdR Fre")
	want := ` test   model  condition  outcomes  states  verdict
────────────────────────────────────────────────────
 cycle  armv8  Sometimes         4      19

cycle, armv8: exists 1:X0=1 /\ 1:X2=0

 outcome         condition  model
────────────────────────────────────
 1:X0=0; 1:X2=0             allowed
 1:X0=0; 1:X2=1             allowed
 1:X0=1; 1:X2=0  met        allowed
 1:X0=1; 1:X2=1             allowed
`
	if code != 0 || out != want {
		t.Errorf("code %d:\n%s", code, out)
	}
}

func TestLitmusFailsOnAForbiddenOutcomeAndNotOnASmallerSet(t *testing.T) {
	dir := t.TempDir()
	test := filepath.Join(dir, "SB.litmus")
	code, text, _ := litmusRun(t, "--arch", "X86_64", "--cycle", "PodWR Fre PodWR Fre", "--print")
	if err := os.WriteFile(test, []byte(text), 0o644); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	verdicts := filepath.Join(dir, "v.tsv")
	states := "0:rbx=0; 1:rbx=1; | 0:rbx=1; 1:rbx=0; | 0:rbx=1; 1:rbx=1;"
	line := "suite\ttest\tobservation\tstates\n" + filepath.Base(dir) + "\tSB\tNever\t" + states + "\n"
	if err := os.WriteFile(verdicts, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, _ := litmusRun(t, test, "--verdicts", verdicts)
	if code != 1 || !strings.Contains(out, " 0:rbx=0; 1:rbx=0  met        outside the known set") {
		t.Errorf("code %d:\n%s", code, out)
	}
	if code, out, _ = litmusRun(t, dir, "--verdicts", verdicts, "--model", "sc"); code != 0 || !strings.Contains(out, "equal") {
		t.Errorf("code %d:\n%s", code, out)
	}
}

func TestLitmusFailsOnAClaimThatDoesNotHold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "SB.litmus")
	text := "X86_64 SB\n{\n}\n P0 | P1 ;\n movl $1,(x) | movl $1,(y) ;\n movl (y),%eax | movl (x),%eax ;\n~exists (0:rax=0 /\\ 1:rax=0)\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := litmusRun(t, file, "--wide"); code != 1 || !strings.Contains(out, "does not hold") {
		t.Errorf("tso: code %d:\n%s", code, out)
	}
	if code, out, _ := litmusRun(t, file, "--model", "sc"); code != 0 {
		t.Errorf("sc: code %d:\n%s", code, out)
	}
}

func TestTheShippedTestsHoldOnEveryInstructionSetAndOnTheCores(t *testing.T) {
	code, out, stderr := litmusRun(t, "../../configs/litmus", "--timed", "50", "--format", "csv")
	if code != 0 {
		t.Errorf("code %d:\n%s%s", code, out, stderr)
	}
	for _, isa := range []string{"x86-64", "arm64-lse", "arm64-llsc"} {
		if !strings.Contains(out, "litmus,vma-read-lock,"+isa+",") {
			t.Errorf("vma-read-lock did not run on %s", isa)
		}
	}
	if code, out, _ = litmusRun(t, "../../configs/litmus/spinlock.uop", "--isa", "arm64-llsc", "--model", "tso"); code != 0 || strings.Contains(out, "x86-64") {
		t.Errorf("code %d:\n%s", code, out)
	}
}

func TestLitmusMistakesAreUsageErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.litmus")
	if err := os.WriteFile(file, []byte("X86_64 bad\n{\n}\n P0 ;\n jmp x ;\nexists (x=1)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{file}, file + `:5:2: error: unsupported instruction "jmp x": supported are movl`},
		{[]string{"--isa", "arm"}, "arm64-llsc"},
		{[]string{"--model", "pso"}, "--model pso: allowed are sc, tso, armv8"},
		{[]string{"--format", "xml"}, "--format xml: allowed are table"},
		{[]string{"--cycle", "PodWW"}, "two edges or more"},
		{[]string{"nowhere.litmus"}, "nowhere.litmus"},
		{[]string{t.TempDir()}, "no *.litmus or *.uop file in it"},
		{[]string{"--window", "0"}, "--window 0: allowed are 1 to 100"},
		{[]string{"--bogus"}, "bogus"},
		{[]string{"--verdicts", file}, `a verdict file has the column "suite"`},
	} {
		if code, _, stderr := litmusRun(t, c.args...); code != 2 || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: code %d, %s", c.args, code, stderr)
		}
	}
}
