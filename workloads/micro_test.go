package workloads_test

import (
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
	"cohsim/vmalock/interp"
	"cohsim/workloads"
)

func TestCountsOfTwoVMAsShareALineOnlyInOneLine(t *testing.T) {
	k, _ := workloads.Find("vma_pairs")
	for _, c := range []struct {
		refcnt      string
		withOther   bool // the two counts share a line
		withSeq     bool // a count shares its vm_lock_seq's line
		seqDistance uint64
	}{{"own_line", false, false, 128}, {"seq_line", false, true, 4}, {"one_line", true, false, 0}} {
		p := k.Params().(*workloads.VMAPairs)
		p.VMAs, p.Refcnt = 2, c.refcnt
		e := env(t, vmalock.VMRefcnt, cpu.X86_64, 2)
		plan, err := k.Build(e, p)
		if err != nil {
			t.Fatal(err)
		}
		reg := func(i int, name string) mem.Addr {
			for _, b := range plan.Threads[i].Bind {
				if b.Name == name {
					return mem.Addr(b.Value)
				}
			}
			t.Fatalf("thread %d has no %s", i, name)
			return 0
		}
		if shared := reg(0, "ref").Line() == reg(1, "ref").Line(); shared != c.withOther {
			t.Errorf("%s: counts share a line: %t", c.refcnt, shared)
		}
		if shared := reg(0, "ref").Line() == reg(0, "seq").Line(); shared != c.withSeq {
			t.Errorf("%s: count and vm_lock_seq share a line: %t", c.refcnt, shared)
		}
		if d := uint64(reg(0, "ref") - reg(0, "seq")); c.seqDistance != 0 && d != c.seqDistance {
			t.Errorf("%s: the count lies %d bytes behind vm_lock_seq, want %d", c.refcnt, d, c.seqDistance)
		}
		for _, other := range []string{"seq", "ref"} {
			if reg(0, "mm_seq").Line() == reg(1, other).Line() {
				t.Errorf("%s: mm_lock_seq shares a line with %s", c.refcnt, other)
			}
		}
		if s := e.Space.Symbol(reg(1, "ref")); s != "vma[1].vm_refcnt" {
			t.Errorf("%s: the count is called %s", c.refcnt, s)
		}
	}
}

func TestAThinkLoopHasThreeOpsPerStep(t *testing.T) {
	k, _ := workloads.Find("contend")
	ops := func(imul int) int64 {
		p := k.Params().(*workloads.Contend)
		p.ThinkImul = imul
		e := env(t, vmalock.VMRefcnt, cpu.X86_64, 1)
		plan, err := k.Build(e, p)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, e, plan)
		for r.ops[0] < 10 {
			r.steps(t, 1)
		}
		before := r.m.Steps
		for r.ops[0] < 11 {
			r.steps(t, 1)
		}
		return r.m.Steps - before
	}
	if d := ops(17) - ops(16); d != 3 {
		t.Errorf("one more multiplication makes %d ops more, want 3", d)
	}
	if d := ops(1) - ops(0); d != 5 {
		t.Errorf("the first multiplication makes %d ops, want 3 and two that start the chain", d)
	}
}

func TestEveryStateOfALineVisitsEveryLineOfABlockOnce(t *testing.T) {
	k, _ := workloads.Find("line_state")
	p := k.Params().(*workloads.LineState)
	p.Blocks = 3
	e := env(t, vmalock.VMRefcnt, cpu.X86_64, 2)
	plan, err := k.Build(e, p)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, e, plan)
	page := mem.Addr(0)
	for _, o := range e.Space.Objects() {
		if o.Name == "lines" {
			page = o.Base
		}
	}
	seen := map[mem.Addr]int{}
	r.m.OnAccess = func(a interp.Access) {
		if a.Thread == 0 && a.Addr >= page && a.Op.Code == cpu.Load {
			seen[a.Addr]++
		}
	}
	if err := r.m.RunAll(1 << 20); err != nil {
		t.Fatal(err)
	}
	if r.ops[0] != 3*256 || len(seen) != 3*256 {
		t.Errorf("%d operations on %d lines, want 768 on 768", r.ops[0], len(seen))
	}
	sets := map[uint64]int{}
	for a := range seen {
		if other := a ^ 64; seen[other] != 0 {
			t.Fatalf("both lines of the pair at %#x are used", uint64(a&^127))
		}
		sets[a.Line()%64]++
	}
	for s, n := range sets {
		if n != 12 {
			t.Errorf("set %d of 64 has %d lines, want 12: four a block", s, n)
		}
	}
}
