package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sweepConfig is a sweep of 60 short runs.
const sweepConfig = `
name = "sweep"
machine = "zen5-epyc"
[workload]
kind = "contend"
op = "xadd"
[run]
warmup_ns = 1000
measure_ns = 20000
seeds = [1, 2, 3, 4, 5]
[sweep]
"run.cores" = [1, 2, 4, 8]
"workload.stride_bytes" = [0, 8, 64]
[report]
rows = "run.cores"
columns = "workload.stride_bytes"
value = "ops.per_second"
`

// sweepRuns is how many runs sweepConfig has.
const sweepRuns = 4 * 3 * 5

// sweepFile writes sweepConfig, altered by pairs of old and new text.
func sweepFile(t *testing.T, oldnew ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sweep.toml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(oldnew...).Replace(sweepConfig)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// tree is the content of every file below dir, by its path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		files[strings.TrimPrefix(name, dir)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameTrees demands the same files with the same bytes.
func sameTrees(t *testing.T, got, want string) {
	t.Helper()
	a, b := tree(t, got), tree(t, want)
	for name, text := range b {
		if other, ok := a[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if other != text {
			t.Errorf("%s differs", name)
		}
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
}

// records are the whole lines of a store's files, of parts too.
func records(t *testing.T, dir string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "records", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasSuffix(line, "\n") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// recordFile is the one file of a store that is complete.
func recordFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "records", "*"))
	if err != nil || len(files) != 1 || filepath.Ext(files[0]) != ".jsonl" {
		t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

// setRecords replaces the lines of a store's file.
func setRecords(t *testing.T, file string, lines []string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// runOut is run --out with what it says on standard error.
func runOut(t *testing.T, want int, config, dir string, more ...string) (stdout, stderr string) {
	t.Helper()
	code, out, msg := cohsim(t, append([]string{"run", config, "--out", dir}, more...)...)
	if code != want {
		t.Fatalf("exit code %d, want %d\n%s", code, want, msg)
	}
	return out, msg
}

// sed edits a file as README says.
func sed(t *testing.T, script, file string) {
	t.Helper()
	if out, err := exec.Command("sed", "-i", script, file).CombinedOutput(); err != nil {
		t.Skip("no sed -i here: ", err, string(out))
	}
}

func TestASecondRunSimulatesNothingAndADeletedRecordOneRun(t *testing.T) {
	config, dir := sweepFile(t), t.TempDir()
	first, _ := runOut(t, exitOK, config, dir)
	before := tree(t, dir)
	if n := len(records(t, dir)); n != sweepRuns {
		t.Fatalf("%d records", n)
	}
	second, msg := runOut(t, exitOK, config, dir)
	if !strings.Contains(msg, fmt.Sprintf("nothing to simulate: %s has all %d runs", dir, sweepRuns)) || second != first {
		t.Errorf("the second run says %s%s", second, msg)
	}
	sed(t, "7d", recordFile(t, dir))
	if _, msg = runOut(t, exitOK, config, dir, "--dry-run"); !strings.Contains(msg, "\n1 runs to simulate: about ") {
		t.Errorf("one record is gone, and a dry run says %s", msg)
	}
	third, msg := runOut(t, exitOK, config, dir)
	if !strings.Contains(msg, fmt.Sprintf("%s has %d of %d runs\n", dir, sweepRuns-1, sweepRuns)) || third != first {
		t.Errorf("the third run says %s%s", third, msg)
	}
	for name, text := range tree(t, dir) {
		if before[name] != text {
			t.Errorf("%s changed", name)
		}
	}
}

func TestADamagedRecordIsToldAndRunAgain(t *testing.T) {
	config, dir, want := sweepFile(t), t.TempDir(), t.TempDir()
	runOut(t, exitOK, config, want)
	runOut(t, exitOK, config, dir)
	file, lines := recordFile(t, dir), records(t, dir)
	lines[1] = lines[1][:len(lines[1])/2] + "\n"
	lines[2] = strings.Replace(lines[2], `"value": 1`, `"value": 2`, 1)
	lines[3] = "\n"
	lines[4] = lines[0][:44] + lines[4][44:] // the key of another run
	lines[sweepRuns-1] = lines[sweepRuns-1][:1000]
	setRecords(t, file, lines)
	_, msg := runOut(t, exitOK, config, dir)
	for _, n := range []int{2, 3, 4, 5, sweepRuns} {
		if !strings.Contains(msg, fmt.Sprintf("cohsim: warning: %s:%d: the record ", file, n)) {
			t.Errorf("no word of line %d in\n%s", n, msg)
		}
	}
	if !strings.Contains(msg, fmt.Sprintf("%s has %d of %d runs\n", dir, sweepRuns-5, sweepRuns)) {
		t.Errorf("got\n%s", msg)
	}
	sameTrees(t, dir, want)
}

func TestAnotherConfigNeverMixesWithOldRecords(t *testing.T) {
	dir, want := t.TempDir(), t.TempDir()
	runOut(t, exitOK, sweepFile(t), dir)
	other := sweepFile(t, "measure_ns = 20000", "measure_ns = 21000")
	alone, _ := runOut(t, exitOK, other, want)
	out, msg := runOut(t, exitOK, other, dir)
	if !strings.Contains(msg, "had results of another config of this name") {
		t.Errorf("no word of the replaced results:\n%s", msg)
	}
	if out != alone || strings.Contains(msg, "nothing to simulate") || len(records(t, dir)) != 2*sweepRuns {
		t.Errorf("%d records, output\n%s%s", len(records(t, dir)), out, msg)
	}
	for name, text := range tree(t, want) {
		if tree(t, dir)[name] != text {
			t.Errorf("%s differs from that of a directory without old records", name)
		}
	}
	// What is kept is not lost either: the first config finds all its runs.
	if _, msg := runOut(t, exitOK, sweepFile(t), dir); !strings.Contains(msg, "nothing to simulate") {
		t.Errorf("got\n%s", msg)
	}
	// A longer sweep takes what it shares with the shorter one.
	_, msg = runOut(t, exitOK, sweepFile(t, "seeds = [1, 2, 3, 4, 5]", "seeds = [5, 6]"), dir)
	if !strings.Contains(msg, "has 12 of 24 runs\n") {
		t.Errorf("got\n%s", msg)
	}
}

// kills is the number of times that TestKilledSweepsGiveTheSameBytes kills.
func kills() int {
	if os.Getenv("COHSIM_LONG") != "" {
		return 300
	}
	return 30
}

func TestKilledSweepsGiveTheSameBytes(t *testing.T) {
	config, dir, want := sweepFile(t), filepath.Join(t.TempDir(), "out"), t.TempDir()
	begin := time.Now()
	runOut(t, exitOK, config, want)
	whole := time.Since(begin)
	rng := rand.New(rand.NewPCG(1, 1)) // which moments these are depends on the host all the same
	for killed, finished := 0, 0; killed < kills(); {
		cmd := exec.Command(binary, "run", config, "--out", dir)
		var msg bytes.Buffer
		cmd.Stderr = &msg
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(whole/4))), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if strings.Contains(msg.String(), "warning") {
			t.Errorf("after %d kills: %s", killed, msg.String())
		}
		if err != nil {
			killed++
			continue
		}
		// Done before it was killed: it loses half of its records and goes on.
		if finished++; finished > 10*kills() {
			t.Fatalf("only %d kills", killed)
		}
		sameTrees(t, dir, want)
		setRecords(t, recordFile(t, dir), records(t, dir)[sweepRuns/2:])
	}
	runOut(t, exitOK, config, dir)
	sameTrees(t, dir, want)
}

func TestAnInterruptedSweepSaysHowToGoOn(t *testing.T) {
	config := sweepFile(t, "measure_ns = 20000", "measure_ns = 2000000")
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir := t.TempDir()
		cmd := exec.Command(binary, "run", config, "--out", dir, "--jobs", "1")
		var out, msg bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &msg
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begin := time.Now(); len(records(t, dir)) == 0 && time.Since(begin) < time.Minute; {
			time.Sleep(time.Millisecond)
		}
		cmd.Process.Signal(sig)
		cmd.Wait() // an error, since the exit code is not 0
		n := len(records(t, dir))
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || out.Len() > 0 || n == 0 || n == sweepRuns {
			t.Errorf("%v: exit code %d, output %q, %d records", sig, code, out.String(), n)
		}
		if want := fmt.Sprintf(" of %d runs; the same command goes on from there\n", sweepRuns); !strings.Contains(msg.String(), want) {
			t.Errorf("%v: no %q in %s", sig, want, msg.String())
		}
	}
}

func TestAnInterruptedSweepWithoutADirectorySaysHowToKeepRuns(t *testing.T) {
	cmd := exec.Command(binary, "run", sweepFile(t, "measure_ns = 20000", "measure_ns = 20000000"))
	msg, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1)
	if _, err := msg.Read(line); err != nil { // the first line of progress: it runs
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGINT)
	rest, _ := io.ReadAll(msg)
	cmd.Wait() // an error, since the exit code is not 0
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(string(rest), "with --out DIR the runs that are done are") {
		t.Errorf("exit code %d\n%s", code, rest)
	}
}

func TestTwoProcessesMayWorkInOneDirectory(t *testing.T) {
	config, dir, want := sweepFile(t), t.TempDir(), t.TempDir()
	runOut(t, exitOK, config, want)
	var both []*exec.Cmd
	for range 2 {
		cmd := exec.Command(binary, "run", config, "--out", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		both = append(both, cmd)
	}
	for _, cmd := range both {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	sameTrees(t, dir, want)
}

// limited runs the command with files of at most so many blocks of 512 bytes: a
// disk that is full.
func limited(t *testing.T, blocks int, args ...string) (code int, stderr string) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -f %d && exec "$0" "$@"`, blocks), binary}, args...)...)
	var msg bytes.Buffer
	cmd.Stderr = &msg
	cmd.Run() // an error, since the exit code is not 0
	return cmd.ProcessState.ExitCode(), msg.String()
}

func TestAFullDiskIsExitCode4AndLosesNothing(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh")
	}
	config, dir, want := sweepFile(t), t.TempDir(), t.TempDir()
	runOut(t, exitOK, config, want)
	blocks := func(bytes int) int { return bytes/512 + 1 }
	info, err := os.Stat(filepath.Join(want, "sweep.sweep.json"))
	if err != nil {
		t.Fatal(err)
	}
	record, plan := blocks(len(records(t, want)[0])), blocks(int(info.Size()))
	if plan > 8*record {
		t.Fatalf("the plan takes %d blocks, a record %d: take fewer runs", plan, record)
	}
	for _, c := range []struct{ blocks, least, most int }{
		{1, 0, 0},            // not even the plan
		{10 * record, 8, 12}, // some of the records
		{(sweepRuns + 2) * record, sweepRuns, sweepRuns}, // all of them, and their file, but not the result
	} {
		code, msg := limited(t, c.blocks, "run", config, "--out", dir)
		if code != exitIO || !strings.Contains(msg, "cohsim run: error: ") || !strings.Contains(msg, "file too large") || !strings.Contains(msg, dir) {
			t.Errorf("%d blocks: exit code %d\n%s", c.blocks, code, msg)
		}
		if n := len(records(t, dir)); n < c.least || n > c.most {
			t.Errorf("%d blocks: %d records", c.blocks, n)
		}
		for name, text := range tree(t, dir) {
			if strings.Contains(name, ".cohsim-") || strings.HasSuffix(name, ".part") && !strings.HasSuffix(text, "\n") {
				t.Errorf("%d blocks: %s is left", c.blocks, name)
			}
		}
	}
	if _, msg := runOut(t, exitOK, config, dir); !strings.Contains(msg, "nothing to simulate") {
		t.Errorf("with room again: %s", msg)
	}
	sameTrees(t, dir, want)
}

// A disk that really is full, half way through the records: a file system in memory of
// 96 KiB, where a user may mount one.
func TestADiskThatFillsUpKeepsWhatItHas(t *testing.T) {
	if err := exec.Command("unshare", "-Umr", "true").Run(); err != nil {
		t.Skip("no mounts of one's own here: ", err)
	}
	config, disk, out, want := sweepFile(t, "seeds = [1, 2, 3, 4, 5]", "seeds = [1, 2, 3, 4]"), t.TempDir(), t.TempDir(), t.TempDir()
	runOut(t, exitOK, config, want)
	script := `mount -t tmpfs -o size=96k none "$2" || exit 77
"$0" run "$1" --out "$2/store" >/dev/null; echo "exit code $?" >&2
mount -o remount,size=16m "$2" || exit 77
"$0" run "$1" --out "$2/store" >/dev/null; echo "exit code $?" >&2
cp -r "$2/store/." "$3"`
	cmd := exec.Command("unshare", "-Umr", "sh", "-c", script, binary, config, disk, out)
	var msg bytes.Buffer
	cmd.Stderr = &msg
	if err := cmd.Run(); err != nil {
		t.Skip("no mounts of one's own here: ", err, msg.String())
	}
	first, second, _ := strings.Cut(msg.String(), "exit code 4\n")
	if !strings.Contains(first, "no space left on device") || !strings.Contains(first, "the same command goes on from there") || strings.Contains(first, "has 0 of") {
		t.Errorf("on the full disk:\n%s", first)
	}
	if !strings.HasSuffix(second, "exit code 0\n") {
		t.Errorf("with room again:\n%s", second)
	}
	sameTrees(t, out, want)
}
