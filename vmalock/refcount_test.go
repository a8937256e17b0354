package vmalock_test

import (
	"errors"
	"testing"

	"cohsim/vmalock"
)

// options is the default kernel, changed.
func options(change func(o *vmalock.Options)) vmalock.Options {
	o := vmalock.DefaultOptions()
	change(&o)
	return o
}

// deaf makes the judge look away, for states that no run can come to.
func (b *bench) deaf() *bench {
	b.m.OnGhost = nil
	return b
}

// rule runs text to its end and returns the rule that the judge said was broken,
// "" for none.
func (b *bench) rule(text string) string {
	b.t.Helper()
	th := b.thread(text, nil)
	b.load()
	for range 100000 {
		_, err := b.m.Step(len(b.m.Threads) - 1)
		var v *vmalock.Violation
		switch {
		case errors.As(err, &v):
			return v.Rule
		case err != nil:
			b.t.Fatal(err)
		case th.Halted:
			return ""
		}
	}
	b.t.Fatal("does not end" + b.where())
	return ""
}

const saturated = 0xc0000000

// Every primitive with what it does to a good count and to one that went wrong.
func TestACountThatWentWrongIsPinnedAndWarnedOf(t *testing.T) {
	const (
		sub  = "\n\tcall refcount_sub_and_test(vma, 2) -> r  some=some zero=zero\nsome:\n\tmov got, 1\n\thalt\nzero:\n\tmov got, 2\n\thalt"
		dect = "\n\tcall refcount_dec_and_test(vma) -> r  some=some zero=zero\nsome:\n\tmov got, 1\n\thalt\nzero:\n\tmov got, 2\n\thalt"
		put  = "\n\tcall __vma_refcount_put_return(vma) -> r  attached=some detached=zero\nsome:\n\tmov got, 1\n\thalt\nzero:\n\tmov got, 2\n\thalt"
		dec  = "\n\tcall refcount_dec(vma)\n\thalt"
		add  = "\n\tcall refcount_add_not_zero(vma, 0x40000000)  added=some zero=zero\nsome:\n\tmov got, 1\n\thalt\nzero:\n\tmov got, 2\n\thalt"
		inc  = "\n\tcall __refcount_inc_not_zero_limited_acquire(vma)  taken=some zero=zero limited=full\nsome:\n\tmov got, 1\n\thalt\nzero:\n\tmov got, 2\n\thalt\nfull:\n\tmov got, 3\n\thalt"
		set  = "\n\tcall refcount_set_release(vma, 1)\n\thalt"
		read = "\n\tcall refcount_read(vma) -> got\n\thalt"
		pin  = "\n\tcall refcount_warn_saturate(vma)\n\thalt"
	)
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.deaf()
		for _, c := range []struct {
			name, text         string
			before, after, got uint64
			warns              bool
		}{
			{"sub", sub, 5, 3, 1, false},
			{"sub the last", sub, 2, 0, 2, false},
			{"sub too many", sub, 1, saturated, 1, true},
			{"sub of nothing", sub, 0, saturated, 1, true},
			{"sub of a pinned count", sub, saturated, saturated, 1, true},
			{"sub from the highest", sub, 0x7fffffff, 0x7ffffffd, 1, false},
			{"dec_and_test", dect, 2, 1, 1, false},
			{"dec_and_test the last", dect, 1, 0, 2, false},
			{"dec_and_test of nothing", dect, 0, saturated, 1, true},
			{"put", put, bit30 + 2, bit30 + 1, 1, false},
			{"put the last", put, 1, 0, 2, false},
			{"put of nothing", put, 0, saturated, 1, true},
			{"dec", dec, 3, 2, 0, false},
			{"dec to one", dec, 2, 1, 0, false},
			{"dec the last", dec, 1, saturated, 0, true},
			{"dec of a pinned count", dec, saturated, saturated, 0, true},
			{"add", add, 2, bit30 + 2, 1, false},
			{"add to nothing", add, 0, 0, 2, false},
			{"add twice", add, bit30 + 1, saturated, 1, true},
			{"add to a pinned count", add, saturated, saturated, 1, true},
			{"inc", inc, 1, 2, 1, false},
			{"inc of nothing", inc, 0, 0, 2, false},
			{"inc at the limit", inc, bit30 - 1, bit30 - 1, 3, false},
			{"inc beyond it", inc, 0x7fffffff, 0x7fffffff, 3, false},
			{"inc of a pinned count", inc, saturated, saturated, 1, true},
			{"set", set, 0, 1, 0, false},
			{"read", read, 7, 7, 7, false},
			{"warn_saturate", pin, 1, saturated, 0, true},
		} {
			b.poke(b.vma(0), vas, "vm_refcnt", c.before)
			b.counts["lock.warnings"] = 0
			got := b.run(c.text, nil)
			if r := b.ref(); r != c.after || got != c.got || b.counts["lock.warnings"] > 0 != c.warns {
				t.Errorf("%s of %#x: left %#x by exit %d with %d warnings; want %#x, %d, a warning %t", c.name, c.before, r, got, b.counts["lock.warnings"], c.after, c.got, c.warns)
			}
		}
	})
}

func TestAWarningEndsAJudgedRun(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	if r := b.rule("\n\tcall refcount_warn_saturate(vma)\n\thalt"); r != "WARN" {
		t.Errorf("rule %q, want WARN", r)
	}
}

// The two ways of asking whether a put may have left what a writer waits for.
func TestReadersAreExcludedAtTheFlagAndTheFlagPlusOne(t *testing.T) {
	const text = "\n\tcall __vma_are_readers_excluded(addr)  yes=yes no=no\nyes:\n\tmov got, 1\n\thalt\nno:\n\tmov got, 2\n\thalt"
	b := newBench(t, vmalock.VMRefcnt, isas[0], 1)
	for count, want := range map[uint64]uint64{0: 2, 1: 2, bit30 - 1: 2, bit30: 1, bit30 + 1: 1, bit30 + 2: 2, bit30 + 100: 2} {
		if got := b.run(text, map[string]uint64{"addr": count}); got != want {
			t.Errorf("%#x: exit %d, want %d", count, got, want)
		}
	}
}

// An mm_struct lives as long as somebody has pinned it.
func TestTheLastDropFreesAnMM(t *testing.T) {
	onEveryISA(t, func(t *testing.T, b *bench) {
		b.run("\n\tcall mmgrab(mm)\n\tcall mmdrop(mm)\n\thalt", nil)
		if n := b.field(b.mm, mms, "mm_count"); n != 1 {
			t.Errorf("mm_count is %d, want 1", n)
		}
		if r := b.rule("\n\tcall mmdrop(mm)\n\tcall mmgrab(mm)\n\thalt"); r != "I8" {
			t.Errorf("pinning an mm that was freed broke rule %q, want I8", r)
		}
	})
}
