package check_test

import (
	"errors"
	"testing"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/check"
	"cohsim/internal/mem"
	"cohsim/internal/structs"
	"cohsim/vmalock"
)

func layoutOf(t testing.TB, k vmalock.Kind) *mem.Layout {
	t.Helper()
	l, err := structs.Load(configs.FS, "", k.Layout)
	if err != nil {
		t.Fatal(err)
	}
	return vmalock.Supplement(l)
}

// lockRequest is a default check of a lock, with other numbers of tasks.
func lockRequest(t testing.TB, k vmalock.Kind, m *cpu.Model, readers, writers, detachers int) check.LockRequest {
	t.Helper()
	r := check.DefaultLockRequest(k, m)
	r.Layout = layoutOf(t, k)
	r.Readers, r.Writers, r.Detachers = readers, writers, detachers
	r.MaxStates = 5_000_000
	return r
}

func checkLock(t testing.TB, r check.LockRequest) *check.LockReport {
	t.Helper()
	rep, err := check.CheckLock(r)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestEveryLockHolds(t *testing.T) {
	for _, k := range vmalock.Kinds() {
		for _, r := range []check.LockRequest{
			lockRequest(t, k, cpu.SC, 2, 1, 1),
			lockRequest(t, k, cpu.SC, 1, 2, 1),
			lockRequest(t, k, cpu.TSO, 1, 1, 1),
			lockRequest(t, k, cpu.ARMv8, 1, 1, 0),
		} {
			t.Run(k.Name+"/"+r.Model.Name, func(t *testing.T) {
				t.Parallel()
				rep := checkLock(t, r)
				if rep.Law != "" {
					t.Errorf("%s breaks %s: %s\n%s", rep.Tasks(), rep.Law, rep.Detail, rep.Timeline)
				}
				if rep.States < 50 {
					t.Errorf("%d states are too few to mean anything", rep.States)
				}
			})
		}
	}
}

func TestEveryKnownMistakeBreaksItsLaw(t *testing.T) {
	for _, m := range vmalock.Mutants() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			r := lockRequest(t, vmalock.VMRefcnt, cpu.ModelByName(m.Model), m.Readers, m.Writers, m.Detachers)
			r.Mutant, r.Scenario = &m, m.Scenario
			if m.Window > 0 {
				r.Window = m.Window
			}
			rep := checkLock(t, r)
			if rep.Law != m.Law {
				t.Errorf("breaks %q, not %q: %s", rep.Law, m.Law, rep.Detail)
			}
			if len(rep.Path) == 0 || rep.Timeline == "" {
				t.Error("without a story")
			}
			r.Mutant = nil
			if rep := checkLock(t, r); rep.Law != "" {
				t.Errorf("without the mistake it breaks %s: %s", rep.Law, rep.Detail)
			}
		})
	}
}

// A mistake that needs reordering to show breaks nothing under a model without.
func TestMistakesOfOrderShowOnlyWhereThereIsReordering(t *testing.T) {
	for _, m := range vmalock.Mutants() {
		strongest := map[string]*cpu.Model{"armv8": cpu.TSO, "tso": cpu.SC}[m.Model]
		if strongest == nil {
			continue
		}
		r := lockRequest(t, vmalock.VMRefcnt, strongest, m.Readers, m.Writers, m.Detachers)
		r.Mutant, r.Scenario = &m, m.Scenario
		if rep := checkLock(t, r); rep.Law != "" {
			t.Errorf("%s breaks %s under %s: %s", m.Name, rep.Law, strongest.Name, rep.Detail)
		}
	}
}

// What is not explored because nobody can see it changes no verdict.
func TestReducedAndFullExplorationAgree(t *testing.T) {
	none := vmalock.Mutant{}
	for _, c := range []struct {
		model                       *cpu.Model
		readers, writers, detachers int
	}{{cpu.SC, 1, 1, 0}, {cpu.SC, 2, 0, 0}, {cpu.SC, 2, 1, 0}, {cpu.SC, 1, 0, 1}, {cpu.TSO, 1, 1, 0}, {cpu.TSO, 1, 0, 1}} {
		for _, m := range append(vmalock.Mutants(), none) {
			r := lockRequest(t, vmalock.VMRefcnt, c.model, c.readers, c.writers, c.detachers)
			if m.Name != "" {
				if c.readers > 1 {
					continue // many states, and one task more proves little more
				}
				r.Mutant = &m
			}
			reduced := checkLock(t, r)
			r.Unreduced = true
			full := checkLock(t, r)
			if (reduced.Law == "") != (full.Law == "") {
				t.Errorf("%s, %s, %s: %q reduced, %q in full: %s %s", c.model.Name, reduced.Tasks(), m.Name, reduced.Law, full.Law, reduced.Detail, full.Detail)
			}
			if m.Name == "" && full.States <= reduced.States {
				t.Errorf("%s, %s: %d states reduced, %d in full", c.model.Name, reduced.Tasks(), reduced.States, full.States)
			}
		}
	}
}

func TestTheSameCheckGivesTheSameReport(t *testing.T) {
	r := lockRequest(t, vmalock.VMRefcnt, cpu.TSO, 2, 1, 0)
	a, b := checkLock(t, r), checkLock(t, r)
	if a.States != b.States || a.Transitions != b.Transitions || a.Depth != b.Depth {
		t.Errorf("%d states, %d steps, %d deep; then %d, %d, %d", a.States, a.Transitions, a.Depth, b.States, b.Transitions, b.Depth)
	}
}

func TestACheckGivesUpAtItsLimit(t *testing.T) {
	r := lockRequest(t, vmalock.VMRefcnt, cpu.SC, 3, 1, 0)
	r.MaxStates = 1000
	if _, err := check.CheckLock(r); !errors.Is(err, check.ErrTooBig) {
		t.Errorf("error %v", err)
	}
}
