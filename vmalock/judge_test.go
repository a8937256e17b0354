package vmalock_test

import (
	"errors"
	"strings"
	"testing"

	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// step is one hand-written ghost event.
type step struct {
	thread   int
	event    vmalock.Event
	obj      mem.Addr
	old, new uint64
}

const (
	theMM   mem.Addr = 0x2000
	theVMA  mem.Addr = 0x3000
	nextVMA mem.Addr = 0x4000 // not attached
)

func newJudge() *vmalock.Judge {
	j := vmalock.NewJudge(func(a mem.Addr) string {
		return map[mem.Addr]string{theMM: "mm", theVMA: "vma[0]", nextVMA: "vma[1]"}[a]
	})
	j.AddMM(theMM)
	j.AddVMA(theVMA, theMM, true)
	j.AddVMA(nextVMA, theMM, false)
	return j
}

// Sequences of events, as building blocks.
func read(thread int, ref uint64) []step {
	return []step{
		{thread, vmalock.RefGet, theVMA, ref, ref + 1},
		{thread, vmalock.ReaderTrue, theVMA, 0, 0},
		{thread, vmalock.RefPut, theVMA, ref + 1, ref},
	}
}

func mmapWrite(thread int, seq uint64) []step {
	return []step{
		{thread, vmalock.SemWrite, theMM, 0, 1},
		{thread, vmalock.MMSeq, theMM, seq, seq + 1},
	}
}

func mmapUnwrite(thread int, seq uint64) []step {
	return []step{
		{thread, vmalock.MMSeq, theMM, seq, seq + 1},
		{thread, vmalock.SemUpWrite, theMM, 1, 0},
	}
}

func vmaWrite(thread int, seq uint64) []step {
	return []step{
		{thread, vmalock.RefExclude, theVMA, 1, bit30 + 1},
		{thread, vmalock.SeqWrite, theVMA, 0, seq},
		{thread, vmalock.RefInclude, theVMA, bit30 + 1, 1},
	}
}

func join(parts ...[]step) []step {
	var out []step
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func observe(j *vmalock.Judge, steps []step) (int, error) {
	for i, s := range steps {
		if err := j.Observe(int64(10*i), s.thread, s.event, s.obj, s.old, s.new); err != nil {
			return i, err
		}
	}
	return len(steps), nil
}

func TestLegalHistoriesPass(t *testing.T) {
	for name, steps := range map[string][]step{
		"readers one after the other": join(read(0, 1), read(1, 1), read(0, 1)),
		"readers at once": {
			{0, vmalock.RefGet, theVMA, 1, 2}, {1, vmalock.RefGet, theVMA, 2, 3}, {0, vmalock.ReaderTrue, theVMA, 0, 0},
			{0, vmalock.RefPut, theVMA, 3, 2}, {1, vmalock.RefPut, theVMA, 2, 1},
		},
		"a write lock and a reader afterwards": join(mmapWrite(0, 0), vmaWrite(0, 1), mmapUnwrite(0, 1), read(1, 1)),
		"a writer waits for a reader": join(
			[]step{{1, vmalock.RefGet, theVMA, 1, 2}, {1, vmalock.ReaderTrue, theVMA, 0, 0}}, mmapWrite(0, 0),
			[]step{{0, vmalock.RefExclude, theVMA, 2, bit30 + 2}, {1, vmalock.RefPut, theVMA, bit30 + 2, bit30 + 1},
				{0, vmalock.SeqWrite, theVMA, 0, 1}, {0, vmalock.RefInclude, theVMA, bit30 + 1, 1}}, mmapUnwrite(0, 1)),
		"a spurious reader while write-locked": join(mmapWrite(0, 0), vmaWrite(0, 1),
			[]step{{1, vmalock.RefGet, theVMA, 1, 2}, {1, vmalock.RefPut, theVMA, 2, 1}}, mmapUnwrite(0, 1)),
		"detach, reuse, attach": join(mmapWrite(0, 0), vmaWrite(0, 1),
			[]step{{0, vmalock.RefDetach, theVMA, 1, 0}, {0, vmalock.VMAInit, theVMA, 1, 0xffffffff}, {0, vmalock.SeqWrite, theVMA, 0xffffffff, 1}, {0, vmalock.RefAttach, theVMA, 0, 1}},
			mmapUnwrite(0, 1), read(1, 1)),
		"detach waits for a spurious reader": join(mmapWrite(0, 0), vmaWrite(0, 1),
			[]step{{1, vmalock.RefGet, theVMA, 1, 2}, {0, vmalock.RefDetach, theVMA, 2, 1}, {0, vmalock.RefExclude, theVMA, 1, bit30 + 1},
				{1, vmalock.RefPut, theVMA, bit30 + 1, bit30}, {0, vmalock.RefInclude, theVMA, bit30, 0}}, mmapUnwrite(0, 1)),
		"mmap_lock: a queued reader is let in by the writer that leaves": {
			{0, vmalock.SemWrite, theMM, 0, 1},
			{1, vmalock.SemRead, theMM, 1, 0x101}, {1, vmalock.SemReadBack, theMM, 0x101, 3},
			{0, vmalock.SemUpWrite, theMM, 3, 2}, {0, vmalock.SemGrant, theMM, 2, 0x102}, {0, vmalock.SemGrantMore, theMM, 0x102, 0x100},
			{1, vmalock.SemGranted, theMM, 2, 0}, {1, vmalock.SemUpRead, theMM, 0x100, 0},
		},
		"mmap_lock: downgrade": {
			{0, vmalock.SemWrite, theMM, 0, 1}, {0, vmalock.SemDowngrade, theMM, 1, 0x100}, {1, vmalock.SemRead, theMM, 0x100, 0x200},
			{0, vmalock.SemUpRead, theMM, 0x200, 0x100}, {1, vmalock.SemUpRead, theMM, 0x100, 0},
		},
		"mmap_lock: a pending reader keeps the lock": {
			{1, vmalock.SemFlags, theMM, 0, 2},
			{0, vmalock.SemRead, theMM, 2, 0x102}, {0, vmalock.SemSteal, theMM, 0, 0}, {0, vmalock.SemUpRead, theMM, 0x102, 2},
		},
		"mmap_lock: the first in the queue has it handed over": {
			{0, vmalock.SemWrite, theMM, 0, 1}, {1, vmalock.SemFlags, theMM, 1, 3}, {1, vmalock.SemTryWrite, theMM, 3, 7},
			{0, vmalock.SemUpWrite, theMM, 7, 6}, {1, vmalock.SemTryWrite, theMM, 6, 1}, {1, vmalock.SemUpWrite, theMM, 1, 0},
		},
	} {
		if i, err := observe(newJudge(), steps); err != nil {
			t.Errorf("%s: event %d: %v", name, i, err)
		}
	}
}

func TestEveryKindOfViolationIsCaughtAtItsEvent(t *testing.T) {
	inside := []step{{1, vmalock.RefGet, theVMA, 1, 2}, {1, vmalock.ReaderTrue, theVMA, 0, 0}}
	for _, c := range []struct {
		name, rule string
		steps      []step // the last one is illegal
	}{
		{"I1: a reader gets in while the VMA is write-locked", "I1", join(mmapWrite(0, 0), vmaWrite(0, 1),
			[]step{{1, vmalock.RefGet, theVMA, 1, 2}, {1, vmalock.ReaderTrue, theVMA, 0, 0}})},
		{"I1: the mark is written while a reader is inside", "I1", join(inside, mmapWrite(0, 0),
			[]step{{0, vmalock.RefExclude, theVMA, 2, bit30 + 2}, {0, vmalock.SeqWrite, theVMA, 0, 1}})},
		{"I2: a count rises while readers are excluded", "I2", join(mmapWrite(0, 0),
			[]step{{0, vmalock.RefExclude, theVMA, 1, bit30 + 1}, {1, vmalock.RefGet, theVMA, bit30 + 1, bit30 + 2}})},
		{"I3: a reader counts itself on a detached VMA", "I3", []step{{0, vmalock.RefGet, nextVMA, 0, 1}}},
		{"I3: a VMA is reused with a reader on it", "I3", join(mmapWrite(0, 0),
			[]step{{1, vmalock.RefGet, theVMA, 1, 2}, {0, vmalock.RefDetach, theVMA, 2, 1}, {0, vmalock.VMAInit, theVMA, 0, 0xffffffff}})},
		{"I7: the mm's number moves without mmap_lock", "I7", []step{{0, vmalock.MMSeq, theMM, 0, 1}}},
		{"I7: the mm's number skips one", "I7", []step{{0, vmalock.SemWrite, theMM, 0, 1}, {0, vmalock.MMSeq, theMM, 0, 2}}},
		{"I7: mmap_lock is released with an odd number", "I7", join(mmapWrite(0, 0), []step{{0, vmalock.SemUpWrite, theMM, 1, 0}})},
		{"I7: the mark is written outside the window", "I7", join(mmapWrite(0, 0), []step{{0, vmalock.SeqWrite, theVMA, 0, 1}})},
		{"I7: the mark is not the mm's number", "I7", join(mmapWrite(0, 0),
			[]step{{0, vmalock.RefExclude, theVMA, 1, bit30 + 1}, {0, vmalock.SeqWrite, theVMA, 0, 3}})},
		{"I7: readers are excluded without mmap_lock", "I7", []step{{0, vmalock.RefExclude, theVMA, 1, bit30 + 1}}},
		{"I10: a count is given back twice", "I10", join(read(0, 1), []step{{0, vmalock.RefPut, theVMA, 1, 0}})},
		{"I10: the flag is added twice", "I10", join(mmapWrite(0, 0),
			[]step{{0, vmalock.RefExclude, theVMA, 1, bit30 + 1}, {0, vmalock.RefExclude, theVMA, bit30 + 1, 2*bit30 + 1}})},
		{"edges: the flag is taken away by another", "edges", join(mmapWrite(0, 0),
			[]step{{0, vmalock.RefExclude, theVMA, 1, bit30 + 1}, {1, vmalock.RefInclude, theVMA, bit30 + 1, 1}})},
		{"edges: attached twice", "edges", join(mmapWrite(0, 0), []step{{0, vmalock.RefAttach, theVMA, 1, 2}})},
		{"edges: detached twice", "edges", join(mmapWrite(0, 0),
			[]step{{1, vmalock.RefGet, theVMA, 1, 2}, {0, vmalock.RefDetach, theVMA, 2, 1}, {0, vmalock.RefDetach, theVMA, 1, 0}})},
		{"edges: attached without mmap_lock", "edges", []step{{0, vmalock.RefAttach, nextVMA, 0, 1}}},
		{"edges: detached without mmap_lock", "edges", []step{{0, vmalock.RefDetach, theVMA, 1, 0}}},
		{"identity: the word is not what was counted", "identity", []step{{0, vmalock.RefGet, theVMA, 4, 5}}},
		{"identity: the word moves by two", "identity", []step{{0, vmalock.RefGet, theVMA, 1, 3}}},
		{"readers: in without a count", "readers", []step{{0, vmalock.ReaderTrue, theVMA, 0, 0}}},
		{"readers: counted twice", "readers", []step{{0, vmalock.RefGet, theVMA, 1, 2}, {0, vmalock.RefGet, theVMA, 2, 3}}},
		{"mmap_lock: two writers", "mmap_lock", []step{{0, vmalock.SemWrite, theMM, 0, 1}, {1, vmalock.SemWrite, theMM, 1, 1}}},
		{"mmap_lock: a writer beside a reader", "mmap_lock", []step{{0, vmalock.SemRead, theMM, 0, 0x100}, {1, vmalock.SemWrite, theMM, 0x100, 0x101}}},
		{"mmap_lock: a pending reader stays beside the writer", "mmap_lock", []step{
			{0, vmalock.SemWrite, theMM, 0, 1}, {1, vmalock.SemRead, theMM, 1, 0x101}, {1, vmalock.SemSteal, theMM, 0, 0}}},
		{"mmap_lock: a queued reader runs that was not let in", "mmap_lock", []step{{0, vmalock.SemGranted, theMM, 2, 0}}},
		{"mmap_lock: a reader leaves twice", "mmap_lock", []step{
			{0, vmalock.SemRead, theMM, 0, 0x100}, {0, vmalock.SemUpRead, theMM, 0x100, 0}, {0, vmalock.SemUpRead, theMM, 0, 0}}},
		{"mmap_lock: another's write lock is released", "mmap_lock", []step{{0, vmalock.SemWrite, theMM, 0, 1}, {1, vmalock.SemUpWrite, theMM, 1, 0}}},
		{"mmap_lock: readers are let in beside the writer", "mmap_lock", []step{
			{0, vmalock.SemWrite, theMM, 0, 1}, {1, vmalock.SemGrantMore, theMM, 1, 0x101}}},
		{"identity: count lost a reader", "identity", []step{{0, vmalock.SemRead, theMM, 0, 0x100}, {1, vmalock.SemRead, theMM, 0, 0x100}}},
		{"objects: no such VMA", "objects", []step{{0, vmalock.RefGet, 0x9000, 1, 2}}},
		{"objects: no such mm", "objects", []step{{0, vmalock.MMSeq, theVMA, 0, 1}}},
	} {
		i, err := observe(newJudge(), c.steps)
		var v *vmalock.Violation
		switch {
		case !errors.As(err, &v):
			t.Errorf("%s: passed", c.name)
		case i != len(c.steps)-1:
			t.Errorf("%s: caught at event %d instead of the last: %v", c.name, i, err)
		case v.Rule != c.rule:
			t.Errorf("%s: blamed on %s, want %s: %v", c.name, v.Rule, c.rule, err)
		}
	}
}

func TestAViolationTellsTheHistoryOfItsVMA(t *testing.T) {
	_, err := observe(newJudge(), join(read(0, 1), read(1, 1), []step{{2, vmalock.RefPut, theVMA, 1, 0}}))
	if err == nil {
		t.Fatal("passed")
	}
	text := err.Error()
	for _, want := range []string{"I10", "vma[0]", "thread 0   ref_get", "thread 1   reader_true", "> ", "thread 2   ref_put"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n != 7 {
		t.Errorf("%d lines, want one of explanation, six of history, and the event:\n%s", n+1, text)
	}
}

func TestIdleMeansThatNobodyIsLeftInside(t *testing.T) {
	j := newJudge()
	if _, err := observe(j, []step{{0, vmalock.RefGet, theVMA, 1, 2}, {1, vmalock.SemRead, theMM, 0, 0x100}}); err != nil {
		t.Fatal(err)
	}
	if j.Idle(theVMA) == nil || j.Idle(theMM) == nil {
		t.Error("a count is out and nobody minds")
	}
	if err := j.Idle(nextVMA); err != nil {
		t.Error(err)
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	j := newJudge()
	steps := read(5, 1)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := observe(j, steps); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for three events", n)
	}
}

// A thread that did its part long ago is in the story too.
func TestAViolationTellsTheLastStepOfEveryTask(t *testing.T) {
	steps := []step{{7, vmalock.RefGet, theVMA, 1, 2}}
	for range 20 {
		steps = append(steps, read(0, 2)...)
	}
	steps = append(steps, step{7, vmalock.RefGet, theVMA, 2, 3})
	_, err := observe(newJudge(), steps)
	var v *vmalock.Violation
	if !errors.As(err, &v) {
		t.Fatalf("error %v", err)
	}
	if len(v.History) != 33 || v.History[0].Thread != 7 || v.History[0].Event != vmalock.RefGet {
		t.Errorf("%d records, the first is %v", len(v.History), v.History[0])
	}
}

// What State and Holds say makes another judge know the same.
func TestTheJudgesStateIsAValue(t *testing.T) {
	steps := join(read(0, 1), mmapWrite(1, 0), vmaWrite(1, 1), []step{{2, vmalock.RefGet, theVMA, 1, 2}})
	for n := range steps {
		a, b := newJudge(), newJudge()
		if _, err := observe(a, steps[:n]); err != nil {
			t.Fatal(err)
		}
		b.SetState(a.State(nil))
		for thread := range 3 {
			b.SetHolds(thread, a.Holds(thread))
		}
		if i, err := observe(b, steps[n:]); err != nil {
			t.Errorf("after %d events, event %d: %v", n, n+i, err)
		}
		if n > 0 && steps[n-1].event == vmalock.MMSeq {
			if i, _ := observe(newJudge(), steps[n:]); i == len(steps)-n {
				t.Errorf("after %d events an ignorant judge objects to nothing", n)
			}
		}
	}
}
