package experiment

import "testing"

func TestCheckedRunsGiveTheSameBytes(t *testing.T) {
	off := bytesOf(t, loadText(t, small, "run.check=off"), Options{})
	for _, check := range []string{"sample", "full"} {
		var cost CheckCost
		if bytesOf(t, loadText(t, small, "run.check="+check), Options{Cost: &cost}) != off {
			t.Errorf("run.check = %s changes the results", check)
		}
		if cost.Lines == 0 || cost.Runs == 0 || (check == "full") != (cost.Values > 0) {
			t.Errorf("run.check = %s costs %+v", check, cost)
		}
	}
}

func TestChaosOnARunKeepsRunAheadExact(t *testing.T) {
	chaos := "run.chaos_ns=200"
	one := bytesOf(t, loadText(t, small, chaos, "run.check=full"), Options{})
	if bytesOf(t, loadText(t, small, chaos, "run.engine=reference"), Options{}) != one {
		t.Error("the reference engine gives other bytes than run-ahead")
	}
	if bytesOf(t, loadText(t, small), Options{}) == one {
		t.Error("chaos has no effect")
	}
}

func TestASparseDirectoryOnARunRecallsLines(t *testing.T) {
	sparse := []string{"machine.protocol.recall=true", "machine.directory.entries=16", "machine.directory.ways=2", "run.check=full"}
	doc, _, err := loadText(t, small, sparse...).Run(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	recalls := 0.0
	for i := range doc.Records {
		for _, m := range doc.Records[i].Metrics {
			if m.Name == "coh.recall" {
				n, ok := m.Value.Float64()
				if !ok {
					t.Fatalf("coh.recall is %v", m.Value)
				}
				recalls += n
			}
		}
	}
	if recalls == 0 {
		t.Error("no line was recalled")
	}
}
