package check

import (
	"os"
	"testing"

	"cohsim/mesi"
)

func TestTwoLinesThatShareOneEntryAreProven(t *testing.T) {
	t.Parallel()
	for _, name := range mesi.Names() {
		if name != "mesi" && os.Getenv("COHSIM_LONG") == "" {
			continue
		}
		p, err := mesi.New(name, mesi.DefaultOptions(name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewTwoLines(p, ProtocolConfig{Caches: 2, Symmetry: true})
		if err != nil {
			t.Fatal(err)
		}
		r := mustHold(t, s)
		t.Logf("%s: %d states, %d steps, depth %d, %v + %v", name, r.States, r.Transitions, r.Depth, r.SearchTime, r.LiveTime)
	}
}
