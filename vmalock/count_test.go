package vmalock_test

import (
	"fmt"
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

// The tests in this file hold the programs to the accesses that the compiled
// kernel makes on x86-64, by field: section 3 of the reference on the VMA lock.

// wantAccess compares the accesses to each field with what is wanted; fields that
// are not named must not have been accessed, unless they are the tree's.
func wantAccess(t *testing.T, b *bench, want map[string]counts) {
	t.Helper()
	for field, c := range b.access {
		if w := want[field]; c != w {
			t.Errorf("%s: %d loads, %d stores, %d atomics; want %d, %d, %d", field, c.loads, c.stores, c.rmws, w.loads, w.stores, w.rmws)
		}
	}
	for field := range want {
		if _, ok := b.access[field]; !ok {
			t.Errorf("%s was not accessed", field)
		}
	}
}

// faultAccesses: a page fault's lock and unlock: five loads on the VMA's first line and one
// more at the unlock, a load and two atomics on the count, two loads of the
// mm's number, one of the tree's root.
var faultAccesses = map[string]counts{
	"vm_area_struct.vm_lock_seq":     {loads: 2},
	"vm_area_struct.vm_mm":           {loads: 2}, // lock and unlock
	"vm_area_struct.vm_start":        {loads: 1},
	"vm_area_struct.vm_end":          {loads: 1},
	"vm_area_struct.vm_refcnt":       {loads: 1, rmws: 2},
	"mm_struct.mm_lock_seq.sequence": {loads: 2},
	"mm_struct.mm_mt.ma_root":        {loads: 1},
	// One leaf: gap, VMA, gap. The last pivot says that it is not full, so the
	// end is in the meta data; the address is in the second slot.
	"maple_range_64.pivot[14]": {loads: 1},
	"maple_range_64.meta.end":  {loads: 1},
	"maple_range_64.pivot[0]":  {loads: 2}, // the second is pivot[1], through a moved base
	"maple_range_64.slot[0]":   {loads: 1},
	"maple_range_64.parent":    {loads: 2}, // root and level
}

// writeLockAccesses: the uncontended write lock: two atomics on the count, one full barrier,
// two stores of the waiter slot, one of vm_lock_seq, although nobody is there.
var writeLockAccesses = map[string]counts{
	"mm_struct.mmap_lock.count":      {loads: 3}, // assertions
	"mm_struct.mm_lock_seq.sequence": {loads: 2},
	"mm_struct.vma_writer_wait.task": {stores: 2},
	"vm_area_struct.vm_mm":           {loads: 2}, // with vm_lock_seq three loads of the first line, of two to four
	"vm_area_struct.vm_lock_seq":     {loads: 1, stores: 1},
	"vm_area_struct.vm_refcnt":       {loads: 2, rmws: 2},
	"task_struct.__state":            {stores: 1, rmws: 1}, // xchg, mov
	// The struct on the stack since patch 7.
	"task_struct.ves.vma":       {loads: 2, stores: 1},
	"task_struct.ves.state":     {loads: 1, stores: 1},
	"task_struct.ves.detaching": {loads: 1, stores: 1},
	"task_struct.ves.detached":  {loads: 1, stores: 2},
	"task_struct.ves.exclusive": {loads: 1, stores: 2},
}

func TestAFaultMakesTheAccessesOfTheCompiledKernel(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1)
	if got := b.run(lockUnderRCU, nil); got != uint64(b.vma(0)) {
		t.Fatal("not locked")
	}
	wantAccess(t, b, faultAccesses)
}

// On Arm they are the same in every word: an atomic is one op with LSE, and a load-linked
// and a store-conditional without; what is an xchg on x86 for its barrier's sake is a
// plain store there.
func TestLocksMakeTheSameAccessesOnArm(t *testing.T) {
	for _, isa := range []cpu.ISA{cpu.ARM64LSE, cpu.ARM64LLSC} {
		onArm := func(x86 map[string]counts) map[string]counts {
			want := map[string]counts{}
			for field, c := range x86 {
				switch {
				case field == "task_struct.__state":
					c = counts{loads: c.loads, stores: c.stores + c.rmws}
				case isa == cpu.ARM64LLSC:
					c = counts{loads: c.loads + c.rmws, stores: c.stores + c.rmws}
				}
				want[field] = c
			}
			return want
		}
		t.Run(isa.String(), func(t *testing.T) {
			b := newBench(t, vmalock.VMRefcnt, isa, 1)
			b.run(lockUnderRCU, nil)
			wantAccess(t, b, onArm(faultAccesses))
			wantAccess(t, after(t, vmalock.VMRefcnt, isa, mmapWriteLock, vmaStartWrite), onArm(writeLockAccesses))
		})
	}
}

// after counts what text does in a task that has done something before.
func after(t *testing.T, kind vmalock.Kind, isa cpu.ISA, before, text string) *bench {
	t.Helper()
	b := newBench(t, kind, isa, 1)
	b.run(before+text+"\n\thalt", nil)
	all := b.access
	b = newBench(t, kind, isa, 1)
	b.run(before+"\n\thalt", nil)
	for field, c := range b.access {
		d := all[field]
		d.loads, d.stores, d.rmws = d.loads-c.loads, d.stores-c.stores, d.rmws-c.rmws
		if all[field] = d; d == (counts{}) {
			delete(all, field)
		}
	}
	b.access = all
	return b
}

const (
	mmapWriteLock = "\n\tcall mmap_write_lock(mm)"
	vmaStartWrite = "\n\tcall vma_start_write(vma)"
)

func TestAWriteLockMakesTheAccessesOfTheCompiledKernel(t *testing.T) {
	wantAccess(t, after(t, vmalock.VMRefcnt, cpu.X86_64, mmapWriteLock, vmaStartWrite), writeLockAccesses)
}

// Before the series a write lock knew the mm's number from its first look, and
// kept the state of the exclusion in registers.
func TestAWriteLockBeforeTheSeriesReadsTheNumberOnce(t *testing.T) {
	o := vmalock.DefaultOptions()
	o.Patch = 0
	wantAccess(t, after(t, vmalock.VMRefcnt.With(o), cpu.X86_64, mmapWriteLock, vmaStartWrite), map[string]counts{
		"mm_struct.mmap_lock.count":      {loads: 2},
		"mm_struct.mm_lock_seq.sequence": {loads: 1},
		"mm_struct.vma_writer_wait.task": {stores: 2},
		"vm_area_struct.vm_mm":           {loads: 2},
		"vm_area_struct.vm_lock_seq":     {loads: 1, stores: 1},
		"vm_area_struct.vm_refcnt":       {loads: 2, rmws: 2},
		"task_struct.__state":            {stores: 1, rmws: 1},
	})
}

func TestASecondWriteLockOfAVMAOnlyReads(t *testing.T) {
	for patch := range vmalock.Merged + 1 {
		o := vmalock.DefaultOptions()
		o.Patch = patch
		wantAccess(t, after(t, vmalock.VMRefcnt.With(o), cpu.X86_64, mmapWriteLock+vmaStartWrite, vmaStartWrite), map[string]counts{
			"vm_area_struct.vm_mm":           {loads: 1},
			"mm_struct.mmap_lock.count":      {loads: 1},
			"mm_struct.mm_lock_seq.sequence": {loads: 1},
			"vm_area_struct.vm_lock_seq":     {loads: 1},
		})
	}
}

func TestAWriteLockOfMmapLockMakesTwoAtomicsAndFourStores(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1)
	b.run("\n\tcall mmap_write_lock(mm)\n\tcall mmap_write_unlock(mm)\n\thalt", nil)
	wantAccess(t, b, map[string]counts{
		"mm_struct.mmap_lock.count":      {loads: 1, rmws: 2}, // the load is vma_end_write_all's assertion
		"mm_struct.mmap_lock.owner":      {stores: 2},
		"mm_struct.mm_lock_seq.sequence": {loads: 2, stores: 2},
	})
}

// A reader of mmap_lock writes two lines to get in: count and owner.
func TestAReadLockOfMmapLockWritesCountAndOwner(t *testing.T) {
	b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 1)
	b.run("\n\tcall mmap_read_lock(mm)\n\tcall mmap_read_unlock(mm)\n\thalt", nil)
	wantAccess(t, b, map[string]counts{
		"mm_struct.mmap_lock.count": {rmws: 2},
		"mm_struct.mmap_lock.owner": {loads: 1, stores: 1},
	})
}

// A fault makes one fence for every level of the tree and one for its root on
// arm64, and none on x86-64.
func TestTheTreeWalkFencesOncePerLevelOnARM(t *testing.T) {
	for _, isa := range isas {
		for depth := 1; depth <= 3; depth++ {
			b := newBench(t, vmalock.VMRefcnt, isa, 0)
			mm := b.w.AddMM()
			b.w.AddVMA(mm, vmaBase, vmaBase+vmaSpan, true)
			b.w.AddTree(mm, depth)
			const text = "\n\tcall rcu_read_lock()\n\tcall mas_walk(mm, addr) -> got  found=done none=done\ndone:\n\thalt"
			th, err := b.m.Add(b.program(text), b.w.AddTask(), map[string]uint64{"mm": uint64(mm), "addr": vmaBase})
			if err != nil {
				t.Fatal(err)
			}
			b.load()
			fences := 0
			for !th.Halted {
				if op := th.Prog.Ops[th.PC]; op.Code == cpu.Fence {
					fences++
				}
				if _, err := b.m.Step(0); err != nil {
					t.Fatal(err)
				}
			}
			want := depth + 1
			if isa == cpu.X86_64 {
				want = 0
			}
			if fences != want {
				t.Errorf("%v, %d levels: %d fences, want %d", isa, depth, fences, want)
			}
			if th.Regs[th.Prog.Bind["got"]] != uint64(b.vma(0)) {
				t.Errorf("%v, %d levels: the walk missed", isa, depth)
			}
		}
	}
}

func TestTheTreeFindsEveryVMAAtEveryDepth(t *testing.T) {
	for _, n := range []int{1, 2, 9, 10, 11, 80, 700} {
		for _, depth := range []int{1, 4} {
			t.Run(fmt.Sprintf("vmas=%d/depth=%d", n, depth), func(t *testing.T) {
				b := newBench(t, vmalock.VMRefcnt, cpu.X86_64, 0)
				mm := b.w.AddMM()
				for i := range n {
					b.w.AddVMA(mm, vmaBase+uint64(2*i)*vmaSpan, vmaBase+uint64(2*i+1)*vmaSpan, true)
				}
				b.w.AddTree(mm, depth)
				b.load()
				const text = "\n\tcall rcu_read_lock()\n\tcall mas_walk(mm, addr) -> got  found=done none=none\nnone:\n\tmov got, 0\ndone:\n\thalt"
				p := b.program(text)
				walk := func(addr uint64) uint64 {
					b.m.Threads = nil
					th, err := b.m.Add(p, 0x1000, map[string]uint64{"mm": uint64(mm), "addr": addr})
					if err != nil {
						t.Fatal(err)
					}
					if err := b.m.RunAll(b.m.Steps + 10000); err != nil {
						t.Fatal(err)
					}
					return th.Regs[th.Prog.Bind["got"]]
				}
				for i, v := range b.w.VMAs {
					for _, addr := range []uint64{v.Start, v.End - 1} {
						if got := walk(addr); got != uint64(v.Addr) {
							t.Fatalf("%#x: found %#x, want vma[%d] at %#x", addr, got, i, uint64(v.Addr))
						}
					}
					for _, addr := range []uint64{v.Start - 1, v.End} {
						if got := walk(addr); got != 0 {
							t.Fatalf("%#x lies in a gap, and the walk found %#x", addr, got)
						}
					}
				}
			})
		}
	}
}
