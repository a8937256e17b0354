package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cohsim/internal/check"
)

func TestCheckSaysWhatHolds(t *testing.T) {
	out := ok(t, "check", "vm_refcnt", "--model", "sc", "--readers", "2")
	if !strings.Contains(out, "holds") || !strings.Contains(out, "2R 1W") {
		t.Errorf("got\n%s", out)
	}
}

// The documentation of vmalock says how many states there are of what; COHSIM_LONG=1 checks
// the largest ones, too.
func TestDocumentedChecksHoldInSoManyStates(t *testing.T) {
	doc, err := os.ReadFile("../../vmalock/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	type documented struct{ command, tasks, states string }
	var all []documented
	for _, m := range regexp.MustCompile(`(?m)^//\t(sc|tso|armv8) +(\S+) +([1-9][RWD](?: [1-9][RWD])*) +\S+ +([0-9,]+) `).FindAllStringSubmatch(string(doc), -1) {
		all = append(all, documented{"check vm_refcnt --isa " + m[2] + " --model " + m[1], m[3], m[4]})
	}
	for _, m := range regexp.MustCompile(`(?m)^//\tcohsim (check .*?) +([0-9,]+) states`).FindAllStringSubmatch(string(doc), -1) {
		all = append(all, documented{m[1], "", m[2]})
	}
	if len(all) < 12 {
		t.Fatalf("only %d checks are documented", len(all))
	}
	for _, d := range all {
		states := strings.ReplaceAll(d.states, ",", "")
		if n, _ := strconv.Atoi(states); n > 5_000_000 && os.Getenv("COHSIM_LONG") == "" {
			continue
		}
		out := ok(t, strings.Fields(d.command)...)
		if !strings.Contains(out, " "+states+" ") || !strings.Contains(out, d.tasks) || !strings.Contains(out, "holds") {
			t.Errorf("%s: not %s states:\n%s", d.command, strings.TrimSpace(d.tasks+" "+d.states), out)
		}
	}
}

func TestCheckTellsTheStoryOfAMistake(t *testing.T) {
	code, out, _ := cohsim(t, "check", "vm_refcnt", "--mutant", "no-barrier-a")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"no-barrier-a is caught: vm_refcnt under tso breaks I5", "a wake-up is lost", "writer sleeps at rcuwait_wait_event", "reader", "vma_writer_wait.task", "The last step is"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	_, out, _ = cohsim(t, "check", "vm_refcnt", "--mutant", "no-barrier-a", "--format", "json")
	for _, want := range []string{`"schema": "cohsim.check/v1"`, `"law": "I5"`, `"actor": "writer"`, `"op": `, `"value": `} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// A mistake of order shows nothing where nothing is reordered.
func TestAMistakeThatIsNotCaughtIsAFailure(t *testing.T) {
	code, out, _ := cohsim(t, "check", "vm_refcnt", "--mutant", "no-barrier-a", "--model", "sc")
	if code != 1 || !strings.Contains(out, "NOT CAUGHT") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// In a scenario that asks a question a broken law is an answer.
func TestAnAnswerIsNoFailure(t *testing.T) {
	if out := ok(t, "check", "vm_refcnt", "--scenario", "q3", "--model", "sc", "--readers", "1"); !strings.Contains(out, "vm_refcnt under sc breaks I1") {
		t.Errorf("got\n%s", out)
	}
}

// A story explains the marks that it has, and no others; a table says what was left out.
func TestCheckExplainsWhatItPrints(t *testing.T) {
	for _, c := range []struct{ args, has, lacks string }{
		{"check vm_refcnt --mutant relaxed-read-cas", "guess: what the core", "(own): the value"},
		{"check vm_refcnt --mutant relaxed-read-cas", "↓, ↑: the load", "no D nobody"},
		{"check vm_refcnt --scenario q3 --model sc --readers 1", "The last step is", "↓, ↑"},
		{"check vm_refcnt --model sc --readers 1", "no D nobody unmaps", "guess:"},
		{"check vm_refcnt --model sc --readers 1 --detachers 0", "holds", "no D nobody"},
		{"check vm_refcnt --model sc --readers 1 --detachers 1", "holds", "no D nobody"},
	} {
		if out := ok(t, strings.Fields(c.args)...); !strings.Contains(out, c.has) || strings.Contains(out, c.lacks) {
			t.Errorf("%s: %q must be there, and %q must not:\n%s", c.args, c.has, c.lacks, out)
		}
	}
}

// Scenarios without a detacher need no flag to say so.
func TestEveryScenarioRunsByItsName(t *testing.T) {
	for _, name := range check.ScenarioNames() {
		for _, model := range []string{"sc", "tso"} {
			if code, _, msg := cohsim(t, "check", "vm_refcnt", "--scenario", name, "--model", model, "--readers", "1"); code != 0 {
				t.Errorf("%s under %s: exit code %d\n%s", name, model, code, msg)
			}
		}
	}
}

func TestCheckRefusesWhatItDoesNotKnow(t *testing.T) {
	for want, args := range map[string]string{
		`there is no lock "vm_refcount"; did you mean "vm_refcnt"?`:                    "check vm_refcount",
		`there is no mutant "no-barrier"; did you mean "no-barrier-a"?`:                "check --mutant no-barrier",
		`there is no memory model "arm"`:                                               "check --model arm",
		`there is no scenario "q4"; did you mean "q1"?`:                                "check --scenario q4",
		"--detachers 1: the scenario q1 has nothing to detach; leave the flag out":     "check --scenario q1 --detachers 1",
		"--readers 9: at most 8":                                                       "check --readers 9",
		"--rounds 0: 1 to 100":                                                         "check --rounds 0",
		"there is nothing to check":                                                    "check --readers 0 --writers 0 --detachers 0",
		"--isa":                                                                        "check --isa sparc",
		"--format xml: allowed are table, markdown, csv, json":                         "check --format xml",
		"the machine reorders what x86-64 needs no barriers for: armv8 takes an arm64": "check --model armv8 --isa x86-64",
	} {
		if code, _, msg := cohsim(t, strings.Fields(args)...); code != 2 || !strings.Contains(msg, want) {
			t.Errorf("%s: exit code %d, %s", args, code, msg)
		}
	}
}

// Among tasks that cannot be told apart, the story of what was learnt first must not lose
// its way.
func TestACheckThatIsTooLargeIsUndecided(t *testing.T) {
	code, _, msg := cohsim(t, strings.Fields("check mmap_lock --mmap-lock full --model armv8 --readers 2 --writers 1 --detachers 0 --max-states 1000")...)
	if code != 3 || !strings.Contains(msg, "undecided after 1000 states") {
		t.Errorf("exit code %d, %s", code, msg)
	}
}

// A lock of a user's own gets a diagnosis, from the check and from a run.
func TestABadLockOfAUserIsDiagnosed(t *testing.T) {
	for _, l := range []struct {
		name   string
		check  int // exit code
		says   string
		writes string // percent of a run's operations
		run    int    // exit code
		warns  string
	}{
		{"never-unlocks", 1, "breaks never unlocked", "50", 3, "simulation aborted"},
		{"abba", 1, "breaks deadlock", "50", 3, "simulation aborted"},
		{"livelock", 1, "breaks livelock", "0", 3, "livelock"},
		{"no-lock", 1, "breaks I12", "50", 3, "a tree is walked outside of a read section"},
		{"not-its-own", 2, `not-its-own.uop:9:11: error: program "write_vma" writes vm_area_struct.vm_flags, which no lock owns`, "50", 2, "which no lock owns"},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			file, err := filepath.Abs(filepath.Join("testdata", "locks", l.name+".uop"))
			if err != nil {
				t.Fatal(err)
			}
			code, out, msg := cohsim(t, "check", file, "--model", "sc")
			if code != l.check || !strings.Contains(out+msg, l.says) {
				t.Errorf("check: exit code %d\n%s%s", code, out, msg)
			}
			config := filepath.Join(t.TempDir(), "run.toml")
			text := "[workload]\nkind = \"fault_mixed\"\nvmas = 1\nwrite_percent = " + l.writes + "\n[lock]\nkind = \"file\"\nfile = \"" + file +
				"\"\n[run]\ncores = 8\nwarmup_ns = 1000\nmeasure_ns = 500000\n"
			if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if code, _, msg := cohsim(t, "run", config); code != l.run || !strings.Contains(msg, l.warns) {
				t.Errorf("run: exit code %d\n%s", code, msg)
			}
		})
	}
}

// The read sections of one state are not those of the state that was explored before it.
func TestALockOfAUserMayMarkReadSectionsOfItsOwn(t *testing.T) {
	file, err := filepath.Abs(filepath.Join("testdata", "locks", "own-sections.uop"))
	if err != nil {
		t.Fatal(err)
	}
	out := ok(t, "check", file, "--model", "sc,tso", "--readers", "2", "--detachers", "1")
	if strings.Count(out, "holds") != 2 {
		t.Errorf("got\n%s", out)
	}
}

func TestRunsSayWhatJudgingCost(t *testing.T) {
	args := []string{"run", "quickstart", "--set", "run.cores=2", "--set", "run.warmup_ns=2000", "--set", "run.measure_ns=20000"}
	if _, _, msg := cohsim(t, args...); !strings.Contains(msg, "locks judged: ") {
		t.Errorf("got %s", msg)
	}
	if _, _, msg := cohsim(t, append(args, "--set", "run.check=off")...); strings.Contains(msg, "judged") {
		t.Errorf("switched off: %s", msg)
	}
}
