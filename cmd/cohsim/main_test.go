package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// binary is the built command: exit codes and signals are only real there.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "cohsim-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "cohsim")
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// cohsim runs the built command in testdata.
func cohsim(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = "testdata"
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), msg.String()
}

// ok runs a command that must succeed and returns its output.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	code, out, msg := cohsim(t, args...)
	if code != exitOK {
		t.Fatalf("cohsim %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, msg)
	}
	return out
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (go test -update rewrites it)\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

// small makes any experiment short.
var small = []string{"--seed", "1", "--set", "run.warmup_ns=2000", "--set", "run.measure_ns=20000"}

func TestEveryShippedExperimentRuns(t *testing.T) {
	names := shipped(".")
	if len(names) == 0 {
		t.Fatal("no experiment is shipped")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"run", name}, small...)
			if name == "contention" { // its 256 threads complete nothing in so short a time
				args = append(args, "--point", "run.cores=1,4,16,64")
			}
			golden(t, name+".table", ok(t, args...))
		})
	}
}

func TestC2CNamesTheFieldsThatAreFoughtOver(t *testing.T) {
	out := ok(t, append([]string{"c2c", "quickstart", "--point", "faults in=one VMA", "--point", "cores=8"}, small...)...)
	golden(t, "quickstart.c2c", out)
	for _, want := range []string{"vma[10].vm_refcnt", "mm.mmap_lock.count", "vma_refcount_put", "vma[10].vm_mm"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d characters wide: %s", n, line)
		}
	}
}

func TestC2CGivesProgramsEveryCount(t *testing.T) {
	args := append([]string{"c2c", "program.toml"}, small...)
	golden(t, "program.c2c.csv", ok(t, append(args, "--format", "csv")...))
	var doc struct{ Tables []struct{ Title string } }
	err := json.Unmarshal([]byte(ok(t, append(args, "--format", "json")...)), &doc)
	if err != nil || len(doc.Tables) != 3 || doc.Tables[0].Title != "fields" {
		t.Errorf("%v, %+v", err, doc)
	}
}

func TestRunShowsLinesBelowItsTables(t *testing.T) {
	out := ok(t, append([]string{"run", "program.toml", "--lines", "1"}, small...)...)
	if !strings.Contains(out, "throughput") || !strings.Contains(out, "adds:6: rmw.add.acqrel _, [word], 1") {
		t.Errorf("got\n%s", out)
	}
}

func TestAnnotateChargesEveryOp(t *testing.T) {
	golden(t, "annotate.table", ok(t, append([]string{"run", "quickstart", "--point", "faults in=one VMA", "--point", "cores=4",
		"--point", "lock=vm_refcnt", "--annotate", "__refcount_inc_not_zero_limited_acquire"}, small...)...))
}

func TestResultsDoNotDependOnJobsOrEngine(t *testing.T) {
	for _, config := range []string{"quickstart", "writers", "program.toml"} {
		args := append([]string{"run", config, "--format", "json"}, small...)
		one := ok(t, append(args, "--jobs", "1")...)
		if eight := ok(t, append(args, "--jobs", "8")...); one != eight {
			t.Errorf("%s: --jobs 1 and --jobs 8 differ", config)
		}
		if ref := ok(t, append(args, "--set", "run.engine=reference")...); one != ref {
			t.Errorf("%s: the reference engine differs", config)
		}
		var doc struct {
			Schema  string
			Records []struct{ Metrics map[string]any }
		}
		if err := json.Unmarshal([]byte(one), &doc); err != nil || doc.Schema != "cohsim.result/v1" || len(doc.Records) == 0 {
			t.Errorf("%s: %v, schema %q, %d records", config, err, doc.Schema, len(doc.Records))
		}
	}
}

func TestEveryFormatIsWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "out")
	args := append([]string{"run", "program.toml", "--out", dir}, small...)
	for _, format := range report.Formats() {
		out := ok(t, append(args, "--format", format)...)
		text, err := os.ReadFile(filepath.Join(dir, "program."+extensions[format]))
		file := string(text)
		if format == "table" { // the file also says what was typed
			head, _, _ := strings.Cut(file, "\n\n")
			first, command, _ := strings.Cut(head, "\n")
			if file = first + file[len(head):]; !strings.HasPrefix(command, "cohsim run program.toml --set ") {
				t.Errorf("the file says %q", command)
			}
		}
		if err != nil || file != out {
			t.Errorf("--out and --format %s differ (%v)", format, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestUserProgramsRun(t *testing.T) {
	golden(t, "program.table", ok(t, "run", "program.toml"))
}

func TestCommandsThatExplain(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"list", "vm_refcnt"},
		{"explain fault_mixed", "fault_mixed (workload)"},
		{"list locks", "mmap_lock"},
		{"list programs", "vma_start_read"},
		{"list workloads", "fault_same_vma"},
		{"list machines protocols models layouts experiments", "seq-beside-refcnt"},
		{"show program vma_start_read", "lock cmpxchg"},
		{"show program down_read --lock mmap_lock --isa arm64-lse --format markdown", "ldadda"},
		{"show program vma_start_read --source", "program vma_start_read"},
		{"show program vma_start_read --layout seq-beside-refcnt", "layout seq-beside-refcnt"},
		{"show machine default", "core.window"},
		{"show machine zen5-epyc --format csv", "fabric.near.snoop_ns"},
		{"show protocol mesi", "IM_AD"},
		{"show layout seq-beside-refcnt", "vm_refcnt"},
		{"metrics", "ops.per_second"},
		{"metrics --format csv", "coh.hitm"},
		{"explain machine.core.window coh.hitm", "micro-ops in flight"},
		{"explain cores", "run.cores"},
		{"explain lock.kind", "vm_refcnt"},
		{"explain lock.patch lock.file", "as merged"},
		{"version", "cohsim.result/v1"},
		{"help", "Model-check"},
		{"completion bash", "bash completion"},
		{"run quickstart --dry-run", "30 points"},
		{"verify msi --caches 2", "msi"},
	} {
		if out := ok(t, strings.Fields(c.args)...); !strings.Contains(out, c.want) {
			t.Errorf("cohsim %s says nothing of %q:\n%s", c.args, c.want, out)
		}
	}
}

func TestEveryLockProgramCanBeShown(t *testing.T) {
	rows, err := listPrograms()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		var out, msg bytes.Buffer
		if code := run([]string{"show", "program", r[0]}, &out, &msg); code != exitOK {
			t.Errorf("%s: exit code %d\n%s", r[0], code, msg.String())
		}
	}
}

func TestInterruptLeavesAtOnceAndPrintsNothing(t *testing.T) {
	cmd := exec.Command(binary, "run", "quickstart", "--set", "run.measure_ns=100000000")
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // an error, since the exit code is not 0
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || out.Len() > 0 || time.Since(begin) > 2*time.Second {
		t.Errorf("exit code %d after %v, output %q", code, time.Since(begin), out.String())
	}
}

func TestOutputThatCannotBeWrittenIsExitCode4(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this host has no /dev/full")
	}
	defer full.Close()
	cmd := exec.Command(binary, "version")
	cmd.Stdout = full
	cmd.Run() // an error, since the exit code is not 0
	if code := cmd.ProcessState.ExitCode(); code != exitIO {
		t.Errorf("exit code %d", code)
	}
	if code, _, msg := cohsim(t, append([]string{"run", "program.toml", "--out", "/dev/null/x"}, small...)...); code != exitIO {
		t.Errorf("--out: exit code %d\n%s", code, msg)
	}
}

// A panic of a job is a bug of cohsim, wherever its error has come through.
func TestAPanicOfAJobIsABug(t *testing.T) {
	err := &ioError{fmt.Errorf("%w\nthe same command goes on", &sweep.PanicError{Value: "index out of range", Stack: []byte("goroutine 1\n")})}
	var b strings.Builder
	if code := finish(&b, newRoot(), nil, err); code != exitBug || b.String() != "cohsim: bug: index out of range\ngoroutine 1\n" {
		t.Errorf("exit code %d: %s", code, b.String())
	}
}
