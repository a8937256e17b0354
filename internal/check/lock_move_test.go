package check

import (
	"errors"
	"slices"
	"testing"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/structs"
	"cohsim/vmalock"
)

// afresh is a lock system that takes every step of every state a second time, with all
// tasks of that state at hand.
type afresh struct {
	*Lock
	differ int // states in which the second time says otherwise
}

func (a *afresh) Next(k []uint64, b *Batch) error {
	before := b.Len()
	err := a.Lock.Next(k, b)
	again := &Batch{words: a.Words()}
	broken := a.take(k, again)
	same := again.Len() == b.Len()-before && (err == nil) == (broken == nil) && (err == nil || err.Error() == broken.Error())
	for i := 0; same && i < again.Len(); i++ {
		same = slices.Equal(again.State(i), b.State(before+i))
	}
	if !same {
		a.differ++
	}
	return err
}

// take is Next without anything that is known from other states.
func (a *afresh) take(k []uint64, b *Batch) error {
	l, s := a.Lock, &a.Lock.next
	l.open(k)
	l.ended = l.atEnd()
	for i := range l.threads {
		for _, m := range l.movesOf(&l.cur, i, nil) {
			s.mem = append(s.mem[:0], l.cur.mem...)
			copy(s.th, l.cur.th)
			for j := range s.th {
				l.own(s, j)
			}
			l.judging, l.stores, l.err = false, nil, nil
			ok := l.perform(s, m) && l.hurry(s, i)
			heard := true
			for j := range s.th {
				for _, addr := range l.stores {
					heard = heard && (j == i || l.weak.hear(s, j, addr))
				}
			}
			switch {
			case !heard:
				continue
			case l.err != nil:
				return l.err
			case !ok:
				continue
			}
			ids := slices.Clone(l.from)
			ids[idMem] = l.encodeMem(s)
			if l.judging {
				ids[idGhost], l.holds[i] = l.encodeGhost(), l.judge.Holds(i)
			}
			for j := range s.th {
				ids[idTasks+j] = l.encode(s, j, l.holds[j])
			}
			packIDs(b.Copy(k), ids)
			l.open(k)
		}
	}
	if l.words.news {
		return errNews
	}
	return nil
}

// In every state, a task's steps are those that were worked out where it was first in
// the same situation.
func TestStepsDependOnTheSituationAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		model                       *cpu.Model
		isa                         cpu.ISA
		readers, writers, detachers int
		mutant, scenario            string
	}{
		{cpu.SC, cpu.X86_64, 2, 1, 0, "", "reuse"},
		{cpu.TSO, cpu.X86_64, 1, 1, 1, "", "exit"},
		{cpu.ARMv8, cpu.ARM64LSE, 1, 1, 0, "", "reuse"},
		{cpu.ARMv8, cpu.ARM64LLSC, 1, 1, 0, "", "reuse"},
		{cpu.ARMv8, cpu.ARM64LSE, 1, 1, 0, "", "tree"},
		{cpu.ARMv8, cpu.ARM64LSE, 2, 0, 1, "", "reuse"},    // of which it sees a part
		{cpu.SC, cpu.X86_64, 1, 0, 1, "no-mmgrab", "exit"}, // until a law breaks
	} {
		r := DefaultLockRequest(vmalock.VMRefcnt, c.model)
		r.ISA, r.Readers, r.Writers, r.Detachers, r.Scenario, r.Rounds = c.isa, c.readers, c.writers, c.detachers, c.scenario, 1
		if c.model == cpu.ARMv8 {
			r.Window = 4
		}
		if m, ok := vmalock.FindMutant(c.mutant); ok {
			r.Mutant = &m
		}
		layout, err := structs.Load(configs.FS, "", r.Lock.Layout)
		if err != nil {
			t.Fatal(err)
		}
		r.Layout = vmalock.Supplement(layout)
		cfg, err := lockSystem(&r)
		if err != nil {
			t.Fatal(err)
		}
		words := newLockWords(cfg.World, cfg.Equal)
		cfg.Equal = words.equal
		if err := lockLearn(cfg, words); err != nil {
			t.Fatal(err)
		}
		for words.news = true; words.news; {
			sys, err := newLock(cfg, words)
			if err != nil {
				t.Fatal(err)
			}
			a := &afresh{Lock: sys}
			res, err := Explore(a, Options{MaxStates: 20_000, NoLiveness: true})
			if err != nil && !errors.Is(err, ErrTooBig) {
				t.Fatal(err)
			}
			if a.differ > 0 {
				t.Errorf("%s, %v, %s: other steps in %d of %d states", c.model.Name, c.isa, c.mutant, a.differ, res.States)
			}
		}
	}
}
