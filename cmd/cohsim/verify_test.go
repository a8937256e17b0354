package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cohsim/mesi"
)

func verify(args ...string) (code int, stdout, stderr string) {
	var out, err strings.Builder
	code = cmdVerify(args, &out, &err)
	return code, out.String(), err.String()
}

func TestVerifyProvesEveryProtocol(t *testing.T) {
	code, out, stderr := verify("--symmetry")
	if code != verifyOK || strings.Count(out, "proven") != 8 {
		t.Errorf("exit %d\n%s%s", code, out, stderr)
	}
	for _, l := range strings.Split(out, "\n") {
		if len(l) > 80 {
			t.Errorf("%d columns: %s", len(l), l)
		}
	}
	if strings.Contains(out, " s,") || !strings.Contains(stderr, "search") {
		t.Error("times of the host belong on stderr")
	}
}

func TestVerifyPrintsTheCountsOfTheBaseProtocol(t *testing.T) {
	code, out, _ := verify("mesi", "--format", "csv", "--caches", "2")
	want := "protocol,read_dirty,caches,states,transitions,depth,cache pairs,home pairs,verdict\nmesi,share,2,2980,7788,28,"
	if code != verifyOK || !strings.HasPrefix(out, want) {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestVerifyJSONHoldsTheCoverage(t *testing.T) {
	_, out, _ := verify("--format", "json", "--caches", "2", "msi")
	var doc struct {
		Schema  string
		Reports []struct {
			States   int
			Coverage []string
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != "cohsim.verify/v1" || len(doc.Reports) != 2 || doc.Reports[0].States != 2698 || len(doc.Reports[0].Coverage) < 68 {
		t.Errorf("document %+v", doc)
	}
}

func TestVerifyRefusesWhatWouldTakeForEver(t *testing.T) {
	code, out, stderr := verify("--caches", "9", "mesi")
	if code != verifyUse || out != "" || !strings.Contains(stderr, "about") || !strings.Contains(stderr, "--force") {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
}

func TestVerifyUsageErrorsSayWhatIsAllowed(t *testing.T) {
	for args, want := range map[string]string{
		"dragon":                             "mesi, mesif, moesi, msi",
		"mesi --set recal=true":              "recall",
		"mesi --set recall=perhaps":          "true and false",
		"mesi --set recall":                  "KEY=VALUE",
		"mesi --format xml":                  "markdown",
		"mesif --set non_blocking_gets=true": "non_blocking_gets = false",
		"mesi --caches 99 --force":           "1 to",
		"mesi --read-dirty never":            "share, any, both",
		"mesi --lines 3":                     "1 and 2",
		"mesi --export promela x":            "murphi",
		"mesi --export murphi":               "which file",
		"--mutant M99":                       "--mutant list",
		"--colour":                           "colour",
	} {
		code, _, stderr := verify(strings.Fields(args)...)
		if code != verifyUse || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q does not mention %q", args, code, stderr, want)
		}
	}
}

func TestVerifyTellsTheStoryOfAMutant(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "m12.svg")
	code, out, _ := verify("--mutant", "M12", "--svg", svg)
	if code != verifyFails || !strings.Contains(out, "SWMR") || !strings.Contains(out, "DataE") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if data, err := os.ReadFile(svg); err != nil || !strings.HasPrefix(string(data), "<svg") {
		t.Errorf("chart: %v", err)
	}
	if code, out, _ := verify("--mutant", "list"); code != verifyOK || !strings.Contains(out, "M19") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestVerifyExportsAModelFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "moesi.m")
	code, _, stderr := verify("--caches", "2", "--export", "murphi", file, "moesi")
	data, err := os.ReadFile(file)
	if code != verifyOK || err != nil || !strings.Contains(string(data), "scalarset(CACHES)") {
		t.Errorf("exit %d, %v, %s", code, err, stderr)
	}
	code, _, _ = verify("--export", "murphi", filepath.Join(file, "no", "such"), "moesi")
	if code != verifyIO {
		t.Errorf("exit %d for a file that cannot be written", code)
	}
}

func TestShowProtocolKnowsItsFormats(t *testing.T) {
	o := mesi.DefaultOptions("moesi")
	o.FarAtomics = true
	p, err := mesi.New("moesi", o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range protocolFormats {
		var b strings.Builder
		if err := showProtocol(p, f, &b); err != nil || !strings.Contains(b.String(), "OM_AD") && !strings.Contains(b.String(), `OM\_AD`) {
			t.Errorf("%s: %v, %d bytes", f, err, b.Len())
		}
	}
	if err := showProtocol(p, "png", &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "svg") {
		t.Errorf("unknown format: %v", err)
	}
}
