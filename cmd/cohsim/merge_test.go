package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestMergedShardsAreTheUnshardedSweep(t *testing.T) {
	config, want := sweepFile(t), t.TempDir()
	whole, _ := runOut(t, exitOK, config, want)
	dir := t.TempDir()
	shard := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	for i := 1; i <= 2; i++ {
		_, msg := runOut(t, exitOK, config, shard(i), "--shard", fmt.Sprintf("%d/3", i))
		if !strings.Contains(msg, fmt.Sprintf("%s has %d of %d runs; other shards have the rest", shard(i), sweepRuns/3, sweepRuns)) {
			t.Errorf("shard %d says\n%s", i, msg)
		}
		if files, _ := filepath.Glob(filepath.Join(shard(i), "sweep.*")); len(files) != 1 {
			t.Errorf("a part of a sweep has results: %v", files)
		}
	}
	all := filepath.Join(dir, "all")
	code, out, msg := cohsim(t, "merge", all, shard(1), shard(2))
	if code != exitFailed || out != "" || !strings.Contains(msg, "all has 40 of 60 runs; missing are\n  run.cores=1 workload.stride_bytes=0 seed=3\n") {
		t.Errorf("a shard is missing: exit code %d\n%s%s", code, out, msg)
	}
	// The third shard goes to a directory that another shard has used already.
	runOut(t, exitOK, config, shard(2), "--shard", "3/3")
	for range 2 { // the second time there is nothing to do
		code, out, msg = cohsim(t, "merge", all, shard(1), shard(2))
		if code != exitOK || out != whole {
			t.Errorf("exit code %d\n%s%s", code, out, msg)
		}
		sameTrees(t, all, want)
	}
	if !strings.Contains(msg, "0 are new") {
		t.Errorf("the second merge says\n%s", msg)
	}
	if code, out, _ = cohsim(t, "merge", shard(1), shard(2), "--format", "json"); code != exitOK || out != tree(t, want)["/sweep.json"] {
		t.Errorf("into the first: exit code %d", code)
	}
	sameTrees(t, shard(1), want)
}

func TestMergeTrustsNoDamagedRecord(t *testing.T) {
	config, dir, into := sweepFile(t), t.TempDir(), filepath.Join(t.TempDir(), "into")
	runOut(t, exitOK, config, dir)
	file, lines := recordFile(t, dir), records(t, dir)
	lines[5] = lines[5][:1000] + "\n"
	setRecords(t, file, lines)
	code, _, msg := cohsim(t, "merge", dir, "--out", into)
	if code != exitFailed || len(records(t, into)) != sweepRuns-1 || !strings.Contains(msg, "warning: "+file+":6: ") || !strings.Contains(msg, "has 59 of 60 runs; missing are\n  run.cores=") {
		t.Errorf("exit code %d, %d records\n%s", code, len(records(t, into)), msg)
	}
}

func TestMergeRefusesWhatDoesNotBelongTogether(t *testing.T) {
	a, b, empty := t.TempDir(), t.TempDir(), t.TempDir()
	runOut(t, exitOK, sweepFile(t), a, "--shard", "1/60")
	runOut(t, exitOK, sweepFile(t, "measure_ns = 20000", "measure_ns = 21000"), b, "--shard", "2/60")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "no directory is given"},
		{[]string{a, b}, exitUsage, "have different sweeps: config "},
		{[]string{a, "--out", b}, exitUsage, "have different sweeps: config "},
		{[]string{empty}, exitUsage, empty + " has no sweep"},
		{[]string{a, empty}, exitUsage, empty + " has no sweep"},
		{[]string{a, filepath.Join(empty, "nosuch")}, exitUsage, "nosuch: there is no such directory"},
		{[]string{a, "--out", "/dev/null/x"}, exitIO, "not a directory"},
		{[]string{a, "--format", "tabel"}, exitUsage, `did you mean "table"?`},
	} {
		code, out, msg := cohsim(t, append([]string{"merge"}, c.args...)...)
		if code != c.code || out != "" || !strings.Contains(msg, c.want) {
			t.Errorf("merge %v: exit code %d, no %q in\n%s%s", c.args, code, c.want, out, msg)
		}
	}
	if len(records(t, a)) != 1 || len(records(t, b)) != 1 {
		t.Error("something was merged")
	}
}
