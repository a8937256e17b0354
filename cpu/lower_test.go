package cpu

import (
	"strings"
	"testing"
)

func TestEveryInstructionLowersAsRecorded(t *testing.T) {
	for isa := range NumISAs {
		procs := parseFile(t, "testdata/good/lower.uop")
		p, err := Link(procs[0], LinkOptions{ISA: isa, Layout: testLayout})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/good/lower."+isa.String()+".linked", listing(p))
	}
}

// shape is the sequence of machine instructions of a main program, "-" for an
// op that is no single one.
func shape(t *testing.T, isa ISA, body string) string {
	t.Helper()
	p := linkText(t, isa, "program m\n role vma vm_area_struct\n role mm mm_struct\n reg old new\n mov old, 1\n mov new, 2\n"+body+"\n halt\n")
	var words []string
	for i := range p.Ops[2 : len(p.Ops)-1] {
		w := p.Ops[2+i].Mnemonic(isa)
		if w == "" {
			w = "-"
		}
		words = append(words, w)
	}
	return strings.Join(words, "; ")
}

// The shapes are those that compilers give the kernel's lock paths.
func TestLockOpsTakeTheShapeThatCompilersGiveThem(t *testing.T) {
	for _, c := range []struct{ what, text, x86, lse, llsc string }{
		{"read lock", "cas.acq old, [vma.vm_refcnt], old, new",
			"lock cmpxchg", "casa", "prfm pstl1strm; ldaxr; -; b.ne; stxr; b.ne; -"},
		{"drop", "rmw.add.rel old, [vma.vm_refcnt], -1",
			"lock xadd", "ldaddl", "prfm pstl1strm; ldxr; -; stlxr; b.ne"},
		{"exclude readers", "cas new, [vma.vm_refcnt], old, 7",
			"lock cmpxchg", "cas", "prfm pstl1strm; ldxr; -; b.ne; stxr; b.ne"},
		{"main sequence check", "load old, [vma.vm_lock_seq]\n load.acq new, [mm.mm_lock_seq]",
			"mov; mov", "ldr; ldar", "ldr; ldar"},
		{"publish the waiter", "store.rel [mm.writer_wait], task",
			"mov", "stlr", "stlr"},
		{"set the task state", "store.mb [task.state], 2",
			"xchg", "str; dmb ish", "str; dmb ish"},
		{"wake barrier", "mb",
			"lock add", "dmb ish", "dmb ish"},
		{"begin of the sequence", "store [mm.mm_lock_seq], old\n wmb",
			"mov", "str; dmb ishst", "str; dmb ishst"},
		{"tree walk", "rmb\n load old, [vma.vm_mm]",
			"mov", "dmb ishld; ldr", "dmb ishld; ldr"},
		{"grab", "rmw.add _, [mm.mmap_lock.count], 1",
			"lock add", "stadd", "prfm pstl1strm; ldxr; -; stxr; b.ne"},
		{"drop the mm", "rmw.add.acqrel old, [mm.mmap_lock.count], -1",
			"lock xadd", "ldaddal", "prfm pstl1strm; ldxr; -; stlxr; b.ne; dmb ish"},
		{"down_read", "rmw.add.acq old, [mm.mmap_lock.count], 256",
			"lock xadd", "ldadda", "prfm pstl1strm; ldaxr; -; stxr; b.ne"},
	} {
		for isa, want := range []string{X86_64: c.x86, ARM64LSE: c.lse, ARM64LLSC: c.llsc} {
			if got := shape(t, ISA(isa), c.text); got != want {
				t.Errorf("%s on %v: %s, want %s", c.what, ISA(isa), got, want)
			}
		}
	}
}

func TestEveryLockedOpOnX86IsAFullBarrier(t *testing.T) {
	p := linkText(t, X86_64, "program m\n in p\n reg a\n rmw.add a, [p], 1\n cas _, [p], a, 1\n store.mb [p], 1\n mb\n halt\n")
	n := 0
	for i := range p.Ops {
		if o := &p.Ops[i]; o.Code == RMW {
			n++
			if o.Flags&Locked == 0 || o.Order != AcqRel {
				t.Errorf("%v is not locked and fully ordered", o)
			}
		}
	}
	if n != 4 {
		t.Errorf("%d locked ops, want 4", n)
	}
}

func TestLoweringNeverWeakensAnOrderOnArm(t *testing.T) {
	for _, isa := range []ISA{ARM64LSE, ARM64LLSC} {
		for _, c := range []struct {
			text string
			code Code
			min  Order
		}{
			{"load.acq a, [p]", Load, Acq}, {"load.acqpc a, [p]", Load, AcqPC}, {"store.rel [p], 1", Store, Rel},
			{"ll.acq a, [p]", LoadExcl, Acq}, {"sc.rel a, [p], 1", StoreExcl, Rel},
		} {
			p := linkText(t, isa, "program m\n in p\n reg a\n "+c.text+"\n halt\n")
			if o := &p.Ops[0]; o.Code != c.code || o.Order != c.min && !(c.min == AcqPC && o.Order == Acq) {
				t.Errorf("%v: %s became %v", isa, c.text, o)
			}
		}
	}
}

func TestISANamesParse(t *testing.T) {
	for isa := range NumISAs {
		if got, err := ParseISA(isa.String()); err != nil || got != isa {
			t.Errorf("%v: %v, %v", isa, got, err)
		}
	}
	if _, err := ParseISA("arm64-lsx"); err == nil || !strings.Contains(err.Error(), `did you mean "arm64-lse"`) {
		t.Errorf("error %v", err)
	}
	if _, err := ParseISA("mips"); err == nil || !strings.Contains(err.Error(), "x86-64, arm64-lse and arm64-llsc") {
		t.Errorf("error %v", err)
	}
}
