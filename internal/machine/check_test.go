package machine

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"cohsim/internal/sim"
	"cohsim/mesi"
)

func TestCheckingChangesNeitherTimingNorResults(t *testing.T) {
	for seed := uint64(1); seed <= 25; seed++ {
		var first *Result
		for _, c := range []Check{CheckOff, CheckSample, CheckFull} {
			r := sim.NewRand(seed, 5, 5)
			objects, programs := randomPrograms(&r, 4, 3, 30)
			cfg := plain()
			cfg.Core.Window = 1 + 31*int(seed%2)
			cfg.Fabric.JitterPercent = 30
			w := newWorld(t, cfg, objects, programs...)
			w.setup.Seed, w.setup.Check = seed, c
			_, res := w.run(t)
			if (c == CheckFull) != (res.Checked.Values > 0) || (c == CheckOff) != (res.Checked == Checked{}) {
				t.Errorf("check %d: %+v", c, res.Checked)
			}
			res.Checked = Checked{}
			if first == nil {
				first = res
			} else if !reflect.DeepEqual(first, res) {
				t.Fatalf("seed %d, check %d: %d cycles, unchecked %d", seed, c, res.End, first.End)
			}
		}
	}
}

// breakRow runs a small fight on a protocol in which one cache row does something else.
func breakRow(t *testing.T, c Check, s mesi.State, on mesi.CacheEvent, to mesi.State, do ...mesi.Action) error {
	t.Helper()
	loop := func(op string) string {
		return "    reg x i\n    mov i, 300\nloop:\n    " + op + "\n    work 20\n    sub i, i, 1\n    bne i, 0, loop\n    halt"
	}
	w := newWorld(t, plain(), []string{"a"}, loop("store [a+8], i"), loop("load x, [a]"), loop("load x, [a]"))
	w.setup.Check = c
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	rows := append([]mesi.CacheRow(nil), m.proto.CacheRows()...)
	for i := range rows {
		if rows[i].From == s && rows[i].On == on {
			rows[i].Do, rows[i].To = do, to
		}
	}
	if m.proto, err = m.proto.WithRows(rows, m.proto.HomeRows()); err != nil {
		t.Fatal(err)
	}
	_, err = m.Simulate()
	return err
}

func TestAViolationIsReportedWithTheHistoryOfTheLine(t *testing.T) {
	// A sharer that acks an invalidation and keeps its copy.
	err := breakRow(t, CheckFull, mesi.S, mesi.OnInv, mesi.S, mesi.SendInvAck)
	var bug *Bug
	if !errors.As(err, &bug) {
		t.Fatalf("no violation: %v", err)
	}
	for _, want := range []string{"line of a: c", "instead of"} {
		if !strings.Contains(bug.What, want) {
			t.Errorf("%q lacks %q", bug.What, want)
		}
	}
	for _, want := range []string{"history of the line", "Inv      home -> c", "stores", "home in B_X"} {
		if !strings.Contains(bug.Dump, want) {
			t.Errorf("the dump lacks %q:\n%s", want, bug.Dump)
		}
	}
}

func TestASampledCheckFindsALastingViolation(t *testing.T) {
	if err := breakRow(t, CheckSample, mesi.S, mesi.OnInv, mesi.S, mesi.SendInvAck); err == nil {
		t.Error("no violation found")
	}
}

func TestAnUncheckedRunFindsTheViolationAtItsEndOrNotAtAll(t *testing.T) {
	if err := breakRow(t, CheckOff, mesi.S, mesi.OnInv, mesi.S, mesi.SendInvAck); err != nil && !strings.Contains(err.Error(), "bug in cohsim") {
		t.Error(err)
	}
}
