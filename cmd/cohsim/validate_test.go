package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A point whose run aborts is a result about that point: everything else is still
// printed, and the exit code says that something aborted.
func TestAPointThatAbortsStopsNeitherValidateNorCalibrate(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mine := file("mine.toml", "name = \"mine\"\nfree_keys = [\"fabric.near.data_ns\"]\n[placements]\npair = [0, 1]\n")
	// So long a think time that no operation ends within the measured span.
	const never = `,"{op = ""xadd"", threads = 2, think_imul = 1000000}",mops_total,1,,,me,` + "\n"
	points := file("points.csv", "use,id,machine,placement,workload,params,metric,value,lo,hi,source,note\n"+
		"calibrate,mine.never,mine,pair,contend"+never+
		`calibrate,mine.remote,mine,pair,line_state,"{state = ""remote_M"", action = ""load""}",ns_per_op,40,,,me,`+"\n"+
		`validate,mine.pair,mine,pair,contend,"{op = ""xadd"", threads = 2}",mops_total,100,,,me,`+"\n")
	both := []string{"mine.never", "livelock: no operation was completed"}
	for _, c := range []struct {
		args []string
		out  []string
		err  []string
	}{
		{[]string{"validate", mine, "--strict", "--wide"}, append([]string{"remote  ", "pair  ", "aborted", "every point runs to its end", "1 of 3 abort"}, both...), both},
		{[]string{"calibrate", mine}, []string{"data_ns = ", "to 1 rows of", "aborts, and was left out:  never", "remote"}, both},
	} {
		code, out, msg := cohsim(t, append(c.args, "--points", points, "--seeds", "2")...)
		if code != exitAborted {
			t.Errorf("%s: exit code %d", c.args[0], code)
		}
		for _, w := range c.out {
			if !strings.Contains(out, w) {
				t.Errorf("%s prints no %q:\n%s", c.args[0], w, out)
			}
		}
		for _, w := range c.err {
			if !strings.Contains(msg, w) {
				t.Errorf("%s says no %q:\n%s", c.args[0], w, msg)
			}
		}
	}
	alone := file("alone.csv", "use,id,machine,placement,workload,params,metric,value,lo,hi,source,note\ncalibrate,mine.never,mine,pair,contend"+never)
	if code, _, msg := cohsim(t, "calibrate", mine, "--points", alone, "--seeds", "1"); code != exitUsage || !strings.Contains(msg, "every point for calibrate") {
		t.Errorf("exit code %d: %s", code, msg)
	}
}

// A file of which nothing can be run shows nothing about the model, which is no success.
func TestPointsThatNobodyCanRunFailValidate(t *testing.T) {
	points := filepath.Join(t.TempDir(), "points.csv")
	text := "use,id,machine,placement,workload,params,metric,value,lo,hi,source,note\nvalidate,a,nowhere,,contend,,mops_total,1,,,me,\n"
	if err := os.WriteFile(points, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	code, out, msg := cohsim(t, "validate", "--points", points)
	if code != exitFailed || !strings.Contains(out, `no machine "nowhere"`) || !strings.Contains(msg, "no point could be run") {
		t.Errorf("exit code %d: %s%s", code, out, msg)
	}
	for _, empty := range []string{"errors\n", "targets\n"} {
		if strings.Contains(out, empty) {
			t.Errorf("a table without rows is printed:\n%s", out)
		}
	}
}
