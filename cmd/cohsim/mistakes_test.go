package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every mistake of a user is told like a compiler's, ends with exit code 2, and
// nothing is printed to standard output.
func TestMistakesAreExitCode2(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string // in standard error, in this order
	}{
		{"rnu", []string{`unknown command "rnu"`, `did you mean "run"?`}},
		{"run", []string{"no config is given"}},
		{"run program.toml other.toml", []string{"one config at a time"}},
		{"run program.toml --jbos 3", []string{"unknown flag --jbos", "--jobs"}},
		{"run program.toml --jobs x", []string{`"x"`}},
		{"run program.toml --jobs -1", []string{"--jobs: -1 is negative"}},
		{"run program.toml --seed -1", []string{"--seed: -1 is negative"}},
		{"run program.toml --format tabel", []string{`unknown format "tabel"`, `"table"`}},
		{"run program.toml --point core=1", []string{`no axis "core"`, "run.cores"}},
		{"run program.toml --point cores=3", []string{`no value "3"`}},
		{"run program.toml --annotate nobody", []string{`no program here "nobody"`}},
		{"run quickstart --annotate vma_end_read", []string{"vma_end_read has no op of its own here, only calls; annotate what it calls: vma_refcount_put"}},
		{"run quickstart --annotate vma_start_write", []string{"no thread runs vma_start_write here; there are __anon_vma_prepare"}},
		{"run program.toml --set run.limit_cycles=1 --annotate adss", []string{`did you mean "adds"?`}}, // simulated, it would be exit code 3
		{"run program.toml --lines 3 --format csv", []string{"--lines"}},
		{"run program.toml --shard 3/2", []string{`--shard: "3/2" is not a part such as 1/4`}},
		{"run program.toml --shard half", []string{`--shard: "half"`}},
		{"run nosuch", []string{`"nosuch" is neither a file nor a shipped experiment`}},
		{"run nosuch/quickstart.toml", []string{"there is no file nosuch/quickstart.toml; the experiment quickstart is built in"}},
		{"run nosuch.toml", []string{"nosuch.toml: error: cannot read the file: no such file or directory"}},
		{"run .", []string{"cannot read the file: is a directory"}},
		{"run program.toml --set run.coers=3", []string{`--set run.coers=3: error: unknown key "run.coers"; did you mean "run.cores"?`}},
		{"run program.toml --set run.cores=0", []string{"run.cores = 0 is out of range"}},
		{"run program.toml --set run.cores=1000000", []string{"run.cores: 1000000 is more than the machine has"}},
		{"run program.toml --set run.measure_ns=10us", []string{`takes an integer, not the string "10us"`, "write 10000"}},
		{"run program.toml --set run.cores=[1,2]", []string{"run.cores takes an integer"}},
		{"run program.toml --set machine.l1.bytes=48000", []string{"machine.l1.bytes: 48000 is not a whole number of sets"}},
		{"run program.toml --set machine.l1.bytes=49152", []string{"machine.l1"}},
		{"run program.toml --set layout=overlap.toml", []string{`the layout "overlap.toml" has mistakes`, "overlap.toml:5:", "overlap"}},
		{"run program.toml --set workload.file=field.uop", []string{`field.uop:4:14: error: struct "vm_area_struct" of layout "linux-6.18" has no field "vm_refcount"; did you mean "vm_refcnt"?`, "workload.file"}},
		{"run program.toml --set workload.file=syntax.uop", []string{`syntax.uop:4:2: error: unknown instruction "lod"; did you mean "load"?`, "syntax.uop:6:", "workload.file"}},
		{"run program.toml --set workload.file=nosuch.uop", []string{"workload.file: cannot read nosuch.uop"}},
		{"run program.toml --set workload.main=nobody", []string{`workload.main: there is no program "nobody"`, "adds"}},
		{"run program.toml --set workload.private=nobody", []string{`workload.private: program "adds" has no role and no input "nobody"`}},
		{"run program.toml --set workload.values={m=1}", []string{"workload.values", `"m"`}},
		{"run mistakes.toml", []string{
			`mistakes.toml:1:1: error: unknown key "machin"; did you mean "machine"?`,
			`mistakes.toml:4:12: error: workload.think_ns takes a number`,
			`mistakes.toml:6:9: error: run.cores = 0`,
			`mistakes.toml:7:1: error: unknown key "run.warmup"; the unit is nanoseconds: warmup_ns`,
			`mistakes.toml:9:1: error: unknown key "run.coers" (sweep axis)`,
			`mistakes.toml:11:9: error: report.value: unknown metric "ops.per_sec"`,
		}},
		{"run axes.toml --out never", []string{
			`axes.toml:3:1: error: unknown key "run.coers" (sweep axis); did you mean "run.cores"?`,
			`axes.toml:4:15: error: the axis "run.cores" has no values`,
			`axes.toml:5:48: error: the range never gets from 10 to 1 in steps of 1`,
			`axes.toml:6:19: error: a range needs step (added) or times (multiplied)`,
			`axes.toml:7:21: error: the axis "machine.l1.ways" takes a list of values or a range`,
			`axes.toml:8:3: error: variant needs the key "set"`,
			`axes.toml:12:1: error: exclude names "run.core", which is no axis`,
			`axes.toml:15:9: error: report.value: unknown metric "op.cycles.men"; did you mean "op.cycles.mean"?`,
		}},
		// A mistake in one section hides none in another.
		{"run sections.toml --out never", []string{
			`syntax.uop:4:2: error: unknown instruction "lod"`,
			`sections.toml:3:8: error: workload.file: its programs cannot be run: see the errors above`,
			`sections.toml:4:1: error: unknown key "workload.thnk"`,
			`sections.toml:7:8: error: lock.file: cannot read`,
			`sections.toml:9:9: error: run.cores: 100 is more than the machine has`,
			`sections.toml:10:1: error: unknown key "run.warmup"`,
			`sections.toml:11:13: error: run.placement: the machine has no placement "nera"`,
			`sections.toml:13:1: error: unknown key "report.titel"; did you mean "title"?`,
			`sections.toml:14:9: error: report.value: unknown metric "ops.per_sec"`,
			`sections.toml:15:8: error: report.rows: unknown axis "run.coers"`,
			`sections.toml:17:1: error: unknown key "figure.knd"; did you mean "kind"?`,
			`sections.toml:18:9: error: figure.value: unknown metric "op.cycles.men"`,
		}},
		{"run kinds.toml --out never", []string{
			`kinds.toml:2:8: error: no machine is named "zen9"`,
			`kinds.toml:3:1: error: unknown key "machine.cor"; did you mean "core"?`,
			`kinds.toml:5:8: error: workload.kind = "fault_samevma" is not one of its values; did you mean "fault_same_vma"?`,
			`kinds.toml:6:1: error: unknown key "workload.think"; the unit is nanoseconds: think_ns`,
		}},
		{"run program.toml --set workload.private=[\"a\",\"b\"] --set workload.values={c=1}", []string{`no role and no input "a"`, `no role and no input "b"`, `no param and no input "c"`}},
		{"c2c program.toml --lines 0", []string{"--lines"}},
		{"c2c program.toml --format bench", []string{"not bench"}},
		{"verify --cahces 3", []string{"unknown flag --cahces; did you mean --caches?"}},
		{"litmus --timed x", []string{`--timed takes a whole number, not "x"`}},
		{"litmus --timed", []string{"--timed needs a value"}},
		{"layout import --algn 3", []string{"unknown flag --algn; did you mean --align?"}},
		{"run program.toml --set", []string{"--set needs a value"}},
		{"run program.toml --lines -1", []string{"--lines: -1 is negative"}},
		{"run program.toml --set machine.core.mhz=3", []string{`did you mean "machine.core.clock_mhz"?`}},
		{"run program.toml --set run.cores=99999999999999999999", []string{"does not fit 64 bits"}},
		{"check --readers -5", []string{"--readers -5: allowed are 0 and more"}},
		{"measure x", []string{"takes no arguments"}},
		{"help rnu", []string{`no command "rnu"; did you mean "run"?`}},
		{"results nosuch", []string{`no shipped experiment "nosuch"; there are acquire-fence`}},
		{"list metrics", []string{"cohsim metrics lists"}},
		{"list lokcs", []string{`"lokcs"`, `"locks"`}},
		{"show", []string{"program, protocol, machine, layout"}},
		{"show progam x", []string{`"progam"`, `"program"`}},
		{"show program vma_strt_read", []string{`"vma_strt_read"`, `"vma_start_read"`}},
		{"show program vma_start_read --lock mutex", []string{`no lock "mutex"`, "vm_refcnt"}},
		{"show program vma_start_read --isa vax", []string{"--isa", "vax"}},
		{"show machine zen6", []string{"zen6", "zen5-epyc"}},
		{"show machine ./nosuch.toml", []string{"show machine: error: open ./nosuch.toml"}},
		{"show protocol mesy", []string{`"mesy"`, `"mesi"`}},
		{"show layout linux-7", []string{"linux-7", "linux-6.18"}},
		{"explain widnow", []string{`"widnow"`}},
		{"validate default", []string{"no point names default", "zen5-epyc", "measure --name"}},
		{"calibrate default", []string{`names the machine "default"`, "zen5-epyc"}},
		{"metrics all", []string{"takes no arguments"}},
		{"layout nosuch", []string{"unknown subcommand"}},
	} {
		code, out, msg := cohsim(t, strings.Fields(c.args)...)
		if code != exitUsage || out != "" {
			t.Errorf("cohsim %s: exit code %d, output %q\n%s", c.args, code, out, msg)
		}
		rest := msg
		for _, want := range c.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("cohsim %s does not say %q (in this order):\n%s", c.args, want, msg)
				break
			}
			rest = after
		}
	}
}

func TestAnUnreadableFileIsExitCode2(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	file := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(file, nil, 0); err != nil {
		t.Fatal(err)
	}
	if code, _, msg := cohsim(t, "run", file); code != exitUsage || !strings.Contains(msg, "permission denied") {
		t.Errorf("exit code %d\n%s", code, msg)
	}
}

// The command that repeats a failed run works wherever the run was started: a shipped
// experiment is named without the clone that it may have come from.
func TestAFailedRunOfAShippedExperimentIsRepeatedByName(t *testing.T) {
	code, _, msg := cohsim(t, "run", "quickstart", "--set", "run.limit_cycles=1000", "--point", "cores=1")
	if code != exitAborted || !strings.Contains(msg, "to see this run alone: cohsim run quickstart.toml --set run.limit_cycles=1000 --point") {
		t.Errorf("exit code %d\n%s", code, msg)
	}
}

// Numbers of a handful of operations are printed, with a warning.
func TestARunOfFewOperationsIsWarnedOf(t *testing.T) {
	for ns, want := range map[string]bool{"200": true, "50000": false} {
		code, out, msg := cohsim(t, "run", "program.toml", "--set", "run.warmup_ns=0", "--set", "run.measure_ns="+ns)
		if code != exitOK || out == "" || strings.Contains(msg, "warning: ") != want || strings.Contains(msg, "too few to say much; raise run.measure_ns") != want {
			t.Errorf("measure_ns %s: exit code %d\n%s", ns, code, msg)
		}
	}
	// None at all is no result.
	if code, out, msg := cohsim(t, "run", "quickstart", "--set", "run.warmup_ns=0", "--set", "run.measure_ns=100"); code != exitAborted || out != "" || !strings.Contains(msg, "too short") {
		t.Errorf("exit code %d\n%s%s", code, out, msg)
	}
}

// A run that cannot go on says where every thread stands.
func TestRunsThatCannotGoOnAreExitCode3WithADump(t *testing.T) {
	for _, c := range []struct {
		set  string
		want []string
	}{
		{"workload.file=deadlock.uop", []string{
			"simulation aborted: at the point run.cores=2, cycle ", "seed 1: deadlock",
			"thread 0 on core 0: sleeps on its word, sleeper line 6: sleep.eq v, [word], 100", "(word)",
			"line of word: home S", "c0 S; c1 S", "last messages:",
			"to see this run alone: cohsim run program.toml --set workload.file=deadlock.uop --point run.cores=2 --seed 1",
		}},
		{"workload.file=livelock.uop", []string{"livelock: no operation was completed", "thread 0 on core 0", "thread 1 on core 1", "owner c", "last messages:"}},
		{"run.limit_cycles=1000", []string{"cycle limit: 1000 cycles are over", "line of word", "last messages:"}},
	} {
		args := append([]string{"run", "program.toml", "--point", "cores=2", "--set"}, strings.Fields(c.set)...)
		code, out, msg := cohsim(t, args...)
		if code != exitAborted || out != "" {
			t.Errorf("%s: exit code %d, output %q", c.set, code, out)
		}
		for _, want := range c.want {
			if !strings.Contains(msg, want) {
				t.Errorf("%s: no %q in\n%s", c.set, want, msg)
			}
		}
	}
}

// A directory that cannot be made is found before the runs whose tables it would lose.
func TestFiguresThatCannotBeWrittenStopARunThatHasNotBegun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, msg := cohsim(t, "run", "quickstart", "--figures", filepath.Join(file, "figures"))
	if code != exitIO || strings.Contains(msg, "runs") || !strings.Contains(msg, "not a directory") {
		t.Errorf("exit code %d\n%s", code, msg)
	}
}

// Half of the runs make a table that looks like one of all.
func TestAShardThatIsNotKeptIsWarnedOf(t *testing.T) {
	for _, out := range [][]string{nil, {"--out", filepath.Join(t.TempDir(), "d")}} {
		code, _, msg := cohsim(t, append([]string{"run", "program.toml", "--shard", "1/2"}, out...)...)
		if code != exitOK || strings.Contains(msg, "warning: shard 1/2 alone") != (out == nil) {
			t.Errorf("exit code %d\n%s", code, msg)
		}
	}
}

func TestWhatIsHardlyMeantIsWarnedOf(t *testing.T) {
	for text, want := range map[string]string{
		"run.cores = 2\n[sweep]\n\"run.cores\" = [1, 2]\n": `:1:5: warning: run.cores has no effect here: the axis "run.cores" sets it at every point`,
		"\ufeff":                            ":1:1: warning: the file says nothing",
		"[sweep]\n\"run.cores\" = [1, 2]\n": "",
	} {
		file := filepath.Join(t.TempDir(), "x.toml")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		code, out, msg := cohsim(t, "run", file)
		if code != exitOK || out == "" || !strings.Contains(msg, want) || strings.Contains(msg, "warning") != (want != "") {
			t.Errorf("exit %d, %q says\n%s", code, text, msg)
		}
	}
	code, _, msg := cohsim(t, "validate", "points.csv")
	if code != exitUsage || !strings.Contains(msg, "cohsim validate MACHINE --points points.csv") {
		t.Errorf("exit %d: %s", code, msg)
	}
}
