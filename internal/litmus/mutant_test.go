package litmus

import (
	"fmt"
	"slices"
	"testing"

	"cohsim/cpu"
)

// classesOf lists the classes that a test's ops have.
func classesOf(t *Test) (s cpu.ClassSet) {
	for _, th := range t.Threads {
		for i := range th.Ops {
			ld, st, hasLd, hasSt := th.Ops[i].Classes()
			if hasLd {
				s |= 1 << ld
			}
			if hasSt {
				s |= 1 << st
			}
		}
	}
	return s
}

// implied says why no program can tell whether the entry i before j is in the table; ""
// if one might.
func implied(m *cpu.Model, i, j cpu.Class) string {
	fence := func(c cpu.Class) bool { return c >= cpu.FSY }
	all := func(ok func(cpu.Class) bool) bool {
		for c := range cpu.FSY {
			if !ok(c) {
				return false
			}
		}
		return true
	}
	switch {
	case i == cpu.LdN && m.MustPrecede(cpu.St, j) || j == cpu.LdN && (i == cpu.FISB || m.MustPrecede(i, cpu.St)):
		return "nobody sees what an atomic without result reads, but for its store half, which has the same entry"
	case fence(j):
		if all(func(c cpu.Class) bool { return !m.MustPrecede(j, c) || m.MustPrecede(i, c) }) {
			return "the older access precedes by itself all that the fence holds back"
		}
	case i == cpu.FISB:
		if j == cpu.St || j == cpu.StL || j == cpu.StAL {
			return "a store waits for branches and addresses anyway"
		}
		if m.MustPrecede(cpu.Ld, j) && m.MustPrecede(cpu.LdQ, j) && m.MustPrecede(cpu.LdA, j) {
			return "branches and addresses come from loads, which precede by themselves"
		}
	case fence(i):
		if all(func(c cpu.Class) bool { return c == cpu.LdN || !m.MustPrecede(c, i) || m.MustPrecede(c, j) }) {
			return "all that the fence waits for precedes the younger access by itself"
		}
	}
	if j == cpu.StAL && m.MustPrecede(i, cpu.LdA) {
		return "the load half of the same atomic waits already"
	}
	return ""
}

func TestDeletingAnEntryOfAnOrderingTableIsNoticedUnlessItIsImplied(t *testing.T) {
	type base struct {
		test    *Test
		classes cpu.ClassSet
		out     []Outcome
	}
	var tests []base
	for _, e := range Suite() {
		test, err := e.Test()
		if err != nil {
			t.Fatal(err)
		}
		if !test.Loops() {
			tests = append(tests, base{test: test, classes: classesOf(test)})
		}
	}
	run := func(test *Test, m *cpu.Model) []Outcome {
		r, err := test.Run(Options{Model: m})
		if err != nil {
			t.Fatal(err)
		}
		return r.Outcomes
	}
	for _, m := range cpu.Models() {
		for k := range tests {
			tests[k].out = nil
		}
		deleted, noticed, redundant := 0, 0, 0
		for i := range cpu.NumClasses {
			for j := range cpu.NumClasses {
				if !m.MustPrecede(i, j) {
					continue
				}
				deleted++
				why := implied(m, i, j)
				if why != "" && testing.Short() {
					redundant++
					continue
				}
				mutant := *m
				mutant.Before[j] &^= 1 << i
				by := ""
				for k := range tests {
					b := &tests[k]
					if !b.classes.Has(i) || !b.classes.Has(j) || m == cpu.ARMv8 && b.test.ISA == cpu.X86_64 {
						continue
					}
					if b.out == nil {
						b.out = run(b.test, m)
					}
					if !slices.Equal(run(b.test, &mutant), b.out) {
						by = b.test.Name
						break
					}
				}
				switch {
				case by != "" && why != "":
					t.Errorf("%s: %v before %v counts as redundant (%s), but %s notices that it is gone", m.Name, i, j, why, by)
				case by != "":
					noticed++
				case why != "":
					redundant++
					if testing.Verbose() {
						fmt.Printf("%-5s %-4v before %-4v is redundant: %s\n", m.Name, i, j, why)
					}
				default:
					t.Errorf("%s: no test notices that %v before %v is gone", m.Name, i, j)
				}
			}
		}
		t.Logf("%s: %d entries, %d deletions noticed, %d redundant", m.Name, deleted, noticed, redundant)
	}
}
