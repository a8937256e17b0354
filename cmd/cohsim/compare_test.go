package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// alone is a config whose metrics follow from its latencies without any luck: one
// core, one seed.
var alone = []string{"seeds = [1, 2, 3, 4, 5]", "seeds = [1]", "[1, 2, 4, 8]", "[1]"}

// resultOf runs sweepConfig, altered, and writes its result into a file.
func resultOf(t *testing.T, alter []string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "result.json")
	out := ok(t, append([]string{"run", sweepFile(t, alter...), "--format", "json"}, args...)...)
	if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCompareWithItselfIsIdentical(t *testing.T) {
	file := resultOf(t, nil)
	for _, format := range []string{"table", "markdown", "latex", "csv", "json", "bench", "robot"} {
		code, out, msg := cohsim(t, "compare", file, file, "--format", format, "--fail-on", "*>0")
		if code != exitOK || !strings.Contains(out+msg, "identical: 60 runs at 12 points") {
			t.Errorf("%s: exit code %d\n%s%s", format, code, out, msg)
		}
	}
}

// The self-test of the gate: a regression that is put in on purpose, one cycle more
// of a locked operation, is named and fails.
func TestTheGateFiresOnOneCycleOfOneLatency(t *testing.T) {
	base := resultOf(t, alone)
	slow := resultOf(t, alone, "--set", "machine.core.atomic_hold_cycles=4")
	code, out, _ := cohsim(t, "compare", base, slow)
	for _, want := range []string{"machine.core.atomic_hold_cycles  3     4", "op.cycles.mean", "ops.per_second", "cpu.cycles.atomic", "core cycles moved"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for _, c := range []struct {
		args string
		code int
	}{
		{"--fail-on op.cycles.mean>0", exitFailed},
		{"--fail-on ops.per_second>0.1", exitFailed},
		{"--fail-on cpu.cycles.atomic>0 --fail-on op.cycles.mean>1000", exitFailed},
		{"--fail-on op.cycles.mean>1000", exitOK},
		{"--fail-on lock.cas.failures>0", exitOK},
		{"--tolerance *=1000", exitOK},
		{"--tolerance op.cycles.*=1000", exitFailed},
	} {
		for _, format := range []string{"table", "robot", "csv", "json", "markdown", "latex", "bench"} {
			if code, out, msg := cohsim(t, append(append([]string{"compare", base, slow}, strings.Fields(c.args)...), "--format", format)...); code != c.code {
				t.Errorf("%s as %s: exit code %d, want %d\n%s%s", c.args, format, code, c.code, out, msg)
			}
		}
	}
	// And the way back is none.
	if code, out, _ := cohsim(t, "compare", slow, base, "--fail-on", "op.cycles.mean>0", "--fail-on", "ops.per_second>0"); code != exitOK {
		t.Errorf("an improvement: exit code %d\n%s", code, out)
	}
	if code, out, _ := cohsim(t, "compare", slow, base); code != exitFailed {
		t.Errorf("a difference: exit code %d\n%s", code, out)
	}
}

func TestCompareWritesForPrograms(t *testing.T) {
	base, slow := resultOf(t, alone), resultOf(t, alone, "--set", "machine.core.atomic_hold_cycles=4")
	_, out, msg := cohsim(t, "compare", base, slow, "--format", "csv", "--fail-on", "op.cycles.mean>0")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) < 4 || !strings.Contains(msg, "rules broken 3 times") || strings.Count(out, ",op.cycles.mean>0\n") != 3 {
		t.Errorf("csv: %v\n%s%s", err, out, msg)
	}
	_, out, _ = cohsim(t, "compare", base, slow, "--format", "json")
	var doc struct {
		Schema string
		Tables []struct{ Rows [][]any }
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Schema != "cohsim.table/v1" || len(doc.Tables) != 1 || len(doc.Tables[0].Rows) != len(rows)-1 {
		t.Errorf("json: %v, %+v", err, doc)
	}
}

func TestRunsThatOnlyOneSideHasAreNamed(t *testing.T) {
	all, some := resultOf(t, nil), resultOf(t, nil, "--point", "cores=1,2,4", "--seed", "2")
	named := `run.cores=8 workload.stride_bytes=64 seed=5`
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{all, some, "--wide"}, exitFailed, "Runs that head lacks"},
		{[]string{some, all, "--wide"}, exitFailed, "Runs that base lacks"},
		{[]string{all, some, "--wide", "--fail-on", "*>0"}, exitFailed, "51 runs missing in head"}, // a point that is gone is no success
		{[]string{some, all, "--wide", "--fail-on", "*>0"}, exitOK, "51 runs missing in base"},
		{[]string{all, some, "--format", "csv"}, exitFailed, "missing in " + some + ": "},
	} {
		code, out, msg := cohsim(t, append([]string{"compare"}, c.args...)...)
		if code != c.code || !strings.Contains(out+msg, c.want) || !strings.Contains(out+msg, named) {
			t.Errorf("%v: exit code %d, no %q in\n%s%s", c.args, code, c.want, out, msg)
		}
	}
}

func TestCompareReadsFilesDirectoriesAndRevisions(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	repo := t.TempDir()
	in := func(name string, args ...string) (int, string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = repo
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && (name == "git" || !errors.As(err, &exit)) {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out.String())
		}
		return cmd.ProcessState.ExitCode(), out.String()
	}
	git := func(args ...string) {
		in("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"}, args...)...)
	}
	dir := filepath.Join(repo, "results", "sweep")
	config := sweepFile(t, alone...)
	runOut(t, exitOK, config, dir)
	if err := os.WriteFile(filepath.Join(repo, "sweep.csv"), []byte(tree(t, dir)["/sweep.csv"]), 0o644); err != nil {
		t.Fatal(err)
	}
	git("init", "-q")
	git("add", "-A")
	git("commit", "-qm", "base")
	for _, pair := range [][2]string{
		{"results/sweep", "results/sweep/"},
		{"results/sweep", "results/sweep/sweep.json"},
		{"results/sweep/sweep.csv", "sweep.csv"},
		{"sweep.csv", "results/sweep"}, // axes whose values are numbers survive csv
		{"HEAD:results/sweep", "results/sweep"},
		{"HEAD:results/sweep/", "HEAD:sweep.csv"},
		{"HEAD:./results/sweep/sweep.json", "results/sweep"},
	} {
		if code, out := in(binary, "compare", pair[0], pair[1]); code != exitOK || !strings.Contains(out, "identical: 3 runs") {
			t.Errorf("%q: exit code %d\n%s", pair, code, out)
		}
	}
	runOut(t, exitOK, config, dir, "--set", "machine.core.atomic_hold_cycles=4")
	if code, out := in(binary, "compare", "HEAD:results/sweep", "results/sweep", "--fail-on", "op.cycles.mean>0"); code != exitFailed || !strings.Contains(out, "op.cycles.mean>0") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	// What is not a result is told, and so is one that does not belong to its sweep.
	runOut(t, exitOK, config, dir, "--set", "machine.core.atomic_hold_cycles=5", "--shard", "1/3")
	if err := os.WriteFile(filepath.Join(repo, "broken.json"), []byte("{\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ ref, want string }{
		{"results/sweep", "the sweep sweep is not finished"},
		{"results", "there is no result in it"},
		{"results/nosuch", "there is no such file or directory"},
		{"broken.json", "broken.json is no result that run --format json writes: line 2"},
		{"results/sweep/sweep.sweep.json", "is no result"},
		{"HEAD:nosuch", "git cat-file: "},
		{"nosuch:results/sweep", "git cat-file: "},
		{"-x:results", "unknown flag"},
	} {
		if code, out := in(binary, "compare", "HEAD:results/sweep", c.ref); code != exitUsage || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, no %q in\n%s", c.ref, code, c.want, out)
		}
	}
}

func TestMistakesOfCompare(t *testing.T) {
	base := resultOf(t, alone)
	other := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(other, []byte(ok(t, append([]string{"run", "program.toml", "--format", "json"}, small...)...)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "two results are compared, and 0 are given"},
		{[]string{base}, "two results are compared, and 1 are given"},
		{[]string{base, base, base}, "and 3 are given"},
		{[]string{base, other}, "no point and seed in common"},
		{[]string{base, base, "--fail-on", "op.cycles.men>1"}, `--fail-on: unknown metric "op.cycles.men"; did you mean "op.cycles.mean"?`},
		{[]string{base, base, "--fail-on", "op.cycles.mean"}, `--fail-on: "op.cycles.mean" is not METRIC>PCT`},
		{[]string{base, base, "--tolerance", "op.cycles.mean=x"}, `"x" is no percentage`},
		{[]string{base, base, "--format", "robt"}, `unknown format "robt"; did you mean "robot"?`},
	} {
		if code, out, msg := cohsim(t, append([]string{"compare"}, c.args...)...); code != exitUsage || out != "" || !strings.Contains(msg, c.want) {
			t.Errorf("%v: exit code %d, no %q in\n%s%s", c.args, code, c.want, out, msg)
		}
	}
}
