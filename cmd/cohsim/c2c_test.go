package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What c2c --out keeps is all that c2c prints: in every format, and of any point.
func TestC2COfADirectoryPrintsWhatTheSimulationDid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	config := append([]string{"c2c", "program.toml"}, small...)
	ok(t, append(config, "--out", dir)...)
	for _, with := range [][]string{{}, {"--format", "csv"}, {"--format", "json"}, {"--format", "markdown", "--point", "cores=1"}, {"--point", "cores=2", "--lines", "1"}} {
		want := ok(t, append(slices.Clone(config), with...)...)
		if got := ok(t, append([]string{"c2c", dir}, with...)...); got != want {
			t.Errorf("%v: got\n%s\nwant\n%s", with, got, want)
		}
	}
	if code, _, msg := cohsim(t, "c2c", dir, "--point", "cores=3"); code != exitUsage || !strings.Contains(msg, "it has 1, 2") {
		t.Errorf("exit %d: %s", code, msg)
	}
}

// A store of counters alone does not have it: the error is the command that gets it.
func TestC2COfAStoreWithoutItSaysWhatToRun(t *testing.T) {
	dir := t.TempDir()
	set := []string{"--set", "run.measure_ns=30000"}
	ok(t, append([]string{"run", "program.toml", "--out", dir}, set...)...)
	c2c := func(args ...string) (int, string) {
		code, _, msg := cohsim(t, append([]string{"c2c", dir}, args...)...)
		return code, msg
	}
	code, msg := c2c()
	_, words, found := strings.Cut(strings.TrimSpace(msg), "run: cohsim ")
	if code != exitUsage || !found || strings.Contains(words, "'") {
		t.Fatalf("exit %d: %s", code, msg)
	}
	ok(t, strings.Fields(words)...)
	if code, msg := c2c(); code != exitOK {
		t.Errorf("after it: exit %d: %s", code, msg)
	}
	if code, msg := c2c("--seed", "2"); code != exitUsage || !strings.Contains(msg, "simulates nothing") {
		t.Errorf("exit %d: %s", code, msg)
	}
	// What is of another config than the runs beside it is refused.
	ok(t, append([]string{"run", "program.toml", "--out", dir, "--seed", "3"}, set...)...)
	if code, msg := c2c(); code != exitUsage || !strings.Contains(msg, "run: cohsim c2c") {
		t.Errorf("exit %d: %s", code, msg)
	}
	if err := os.WriteFile(filepath.Join(dir, "program"+foughtSuffix), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, msg := c2c(); code != exitUsage || !strings.Contains(msg, "schema") {
		t.Errorf("exit %d: %s", code, msg)
	}
}
