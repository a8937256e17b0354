package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Results that were written are found equal, and any change of them is noticed.
func TestResultsAreWrittenAndChecked(t *testing.T) {
	dir := t.TempDir()
	call := func(args ...string) (int, string) {
		var out, err bytes.Buffer
		code := run(append([]string{"results", "--dir", dir}, args...), &out, &err)
		return code, out.String() + err.String()
	}
	const name = "vma-pairs"
	if code, out := call(name); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	if code, out := call(name, "--check", "--jobs", "1"); code != exitOK || !strings.Contains(out, "as they are made") {
		t.Errorf("exit %d: %s", code, out)
	}
	file := filepath.Join(dir, name, name+".md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, name, name+".json")); err != nil {
		t.Fatal(err)
	}
	code, out := call(name, "--check")
	if code != exitFailed || !strings.Contains(out, name+".md differs") || !strings.Contains(out, name+".json is missing") || !strings.Contains(out, "files differ; cohsim results "+name+" writes them") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, out := call("vma-pair"); code != exitUsage || !strings.Contains(out, `did you mean "vma-pairs"?`) {
		t.Errorf("exit %d: %s", code, out)
	}
}
