package main

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"cohsim/internal/measure"
	"cohsim/internal/validate"
)

// What measure prints is a points file that validate and calibrate take.
func TestMeasurePrintsAPointsFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux hosts are measured")
	}
	var out, err bytes.Buffer
	if code := run([]string{"measure", "--budget", "200ms", "--name", "this-host"}, &out, &err); code != exitOK {
		t.Fatalf("exit %d: %s", code, err.String())
	}
	points, bad := validate.Parse("host.csv", out.Bytes())
	if bad != nil {
		t.Fatalf("%v\n%s", bad, out.String())
	}
	if len(points) < 10 {
		t.Errorf("%d points", len(points))
	}
	for _, p := range points {
		if p.Machine != "this-host" || !strings.Contains(p.Source, "GHz") {
			t.Errorf("machine %q, source %q", p.Machine, p.Source)
		}
	}
	if strings.Join(measure.Columns, ",") != strings.Join(validate.Columns(), ",") {
		t.Errorf("measure writes %q, validate reads %q", measure.Columns, validate.Columns())
	}
}

func TestMeasureRefusesWhatItCannotDo(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"measure", "--budget", "1ms"}, exitUsage, "not between 100ms and 24h"},
		{[]string{"measure", "--budget", "60"}, exitUsage, "--budget"},
		{[]string{"measure", "--name", "My Host"}, exitUsage, "no name of a machine"},
		{[]string{"measure", "extra"}, exitUsage, "extra"},
		{[]string{"measure", "--budget", "100ms", "--pairs", "/no/such/dir/pairs.csv"}, exitIO, "no such file"},
	} {
		var out, err bytes.Buffer
		if code := run(c.args, &out, &err); code != c.code || !strings.Contains(err.String(), c.want) || out.Len() > 0 {
			t.Errorf("%q: exit %d, %q", c.args, code, err.String())
		}
	}
}

func TestAMachinesNameComesFromItsCPU(t *testing.T) {
	for model, want := range map[string]string{
		"AMD EPYC 7313 16-Core Processor":          "amd-epyc-7313-16-core-processor",
		"Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.6GHz": "intel-xeon-cpu-e5-2690-v4",
		"": "host",
	} {
		if got := slug(model); got != want {
			t.Errorf("%q is called %q, not %q", model, got, want)
		}
	}
}
