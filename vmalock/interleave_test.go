package vmalock_test

import (
	"fmt"
	"sync"
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

// Random interleavings under sequential consistency, with the judge on: they
// find lost wake-ups, deadlocks and wrong counts of the programs themselves,
// before any machine adds time or a weaker memory model.

// rounds wraps a body into a loop of a few rounds with a random register.
func rounds(body string) string {
	return "\nagain:\n\tbeq rounds, 0, out\n\tsub rounds, rounds, 1\n\tmix rnd, rnd\n" + body + "\n\tjump again\nout:\n\thalt"
}

var bodies = map[string]string{
	// A page fault by the kind's interface.
	"fault": `
	call read_begin(mm, addr) -> v, held  locked=fault none=again
fault:
	bclr rnd, 7, slow
	call read_end(mm, v, held)
	jump again
slow:
	call read_retry(mm, v, addr, held) -> v, held  locked=served none=again
served:
	call read_end(mm, v, held)`,
	// A writer by the interface; now and then it keeps mmap_lock for read.
	"writer": `
	call write_begin(mm)
	call write_find(mm, addr) -> v  found=found none=nothing
found:
	call write_vma(mm, v)
	bclr rnd, 3, twice
	jump end
twice:
	call write_vma(mm, v)
end:
	bset rnd, 16, downgrade
nothing:
	call write_end(mm)
	jump again
downgrade:
	call write_downgrade(mm)
	call read_drop(mm)`,
	// Takes the VMA out of reach and brings it back, by the interface.
	"remapper": `
	call write_begin(mm)
	call write_vma(mm, vma)
	call write_detach(mm, vma)
	call write_attach(mm, vma)
	call write_end(mm)`,
	// mmap_lock alone.
	"mmap_reader": `
	call mmap_read_lock(mm)
	call mmap_read_unlock(mm)`,
	// Takes the VMA out and puts it back as a new one.
	"detacher": `
	call mmap_write_lock(mm)
	call vma_start_write(vma)
	call vma_mark_detached(vma)
	call vma_lock_init(vma)
	call vma_start_write(vma)
	call vma_mark_attached(vma)
	call mmap_write_unlock(mm)`,
	// The bare read lock, without the tree.
	"reader": `
	call vma_start_read(mm, vma) locked=got retry=again fallback=again
got:
	count lock.read.success ghost reader_true vma
	call vma_end_read(vma)`,
	// Read lock of the VMA under mmap_lock, as when walking all VMAs.
	"nested_reader": `
	call mmap_read_lock(mm)
	call vma_start_read_locked(vma) locked=both failed=one
one:
	call mmap_read_unlock(mm)
	jump again
both:
	call mmap_read_unlock(mm)
	call vma_end_read(vma)`,
}

func TestNoInterleavingBreaksTheLocks(t *testing.T) {
	seeds := 120
	if testing.Short() {
		seeds = 40
	}
	mixes := [][]string{
		{"reader", "reader", "writer"},
		{"reader", "reader", "reader", "writer", "writer"},
		{"reader", "reader", "detacher"},
		{"reader", "reader", "reader", "detacher", "writer"},
		{"fault", "fault", "writer"},
		{"fault", "fault", "fault", "writer", "writer", "mmap_reader"},
		{"fault", "fault", "fault", "remapper", "writer"},
		{"fault", "fault", "detacher"},
		{"fault", "nested_reader", "detacher", "mmap_reader"},
		{"mmap_reader", "mmap_reader", "mmap_reader", "writer", "writer", "writer"},
		{"nested_reader", "nested_reader", "reader", "writer", "detacher"},
	}
	var mu sync.Mutex
	reached := map[string]bool{}
	t.Run("mix", func(t *testing.T) {
		for _, kind := range vmalock.Kinds() {
			for _, mix := range mixes {
				allowed := []string{"fault", "writer", "mmap_reader", "remapper"}
				if kind != vmalock.MmapLock {
					allowed = append(allowed, "detacher")
				}
				if kind != vmalock.VMRefcnt && !only(mix, allowed...) {
					continue
				}
				t.Run(fmt.Sprint(kind.Name, mix), func(t *testing.T) {
					t.Parallel()
					r := interleave(t, kind, mix, seeds)
					mu.Lock()
					defer mu.Unlock()
					for at := range r {
						reached[at] = true
					}
				})
			}
		}
	})
	if testing.Short() || t.Failed() {
		return
	}
	// Whatever a program can do has been done, but for what is named here.
	rare := map[string]string{
		"mmap_lock_speculate_try_begin": "has a law of its own",
		"mmap_lock_speculate_retry":     "has a law of its own",
		"mtree_walk_inner":              "needs hundreds of VMAs; the tree's laws walk it",
		"vma_start_read_locked":         "of vm_refcnt_far, has a law of its own",
		"vma_start_read_unstable":       "needs a second mm; has a law of its own",
	}
	for _, kind := range vmalock.Kinds() {
		procs, err := kind.Programs()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range procs {
			missed := 0
			for _, in := range p.Insts {
				switch in.Name {
				case "call", "exit", "jump", "rmb", "wmb": // may become no op of their own
				default:
					if !reached[fmt.Sprintf("%s:%d", p.File, in.Line)] {
						missed++
					}
				}
			}
			// One instruction may be too rare: a spurious wake-up of a kind that
			// takes three unlucky steps in a row.
			if missed > 1 && rare[p.Name] == "" && (kind == vmalock.VMRefcnt || p.File == kind.Source.File) {
				t.Errorf("%s: no interleaving reached %d instructions of %s", p.File, missed, p.Name)
			}
		}
	}
}

func only(mix []string, allowed ...string) bool {
	for _, m := range mix {
		ok := false
		for _, a := range allowed {
			ok = ok || a == m
		}
		if !ok {
			return false
		}
	}
	return true
}

// last is the VMA that the interleavings fight over: the last of a tree of two levels.
const last = 11

func interleave(t *testing.T, kind vmalock.Kind, mix []string, seeds int) (reached map[string]bool) {
	ran := map[*cpu.Program][]bool{}
	reached = map[string]bool{}
	total := map[string]int{}
	for _, isa := range isas {
		proto := newBench(t, kind, isa, last+1)
		for seed := range seeds {
			b := newBench2(proto)
			for i, body := range mix {
				b.thread(rounds(bodies[body]), map[string]uint64{"rounds": 4, "rnd": uint64(seed*64 + i), "vma": uint64(b.vma(last)), "addr": b.w.VMAs[last].Start})
			}
			b.reached, b.m.OnAccess = ran, nil
			if err := b.random(uint64(seed)+1, 200000); err != nil {
				t.Fatalf("%v, seed %d: %v", isa, seed, err)
			}
			b.idle()
			if t.Failed() {
				t.Fatalf("%v, seed %d: not everything was given back", isa, seed)
			}
			if c := b.field(b.mm, mms, "mmap_lock.count"); c != 0 {
				t.Fatalf("%v, seed %d: mmap_lock.count ends as %#x", isa, seed, c)
			}
			if _, ok := b.layout.Struct(vas).Field("vm_refcnt"); ok {
				if r := b.field(b.vma(last), vas, "vm_refcnt"); r != 1 {
					t.Fatalf("%v, seed %d: vm_refcnt ends as %#x", isa, seed, r)
				}
			}
			for name, n := range b.counts {
				total[name] += n
			}
		}
	}
	// The schedule must have been hard enough to mean something.
	if total["lock.wakeups"] == 0 {
		t.Errorf("nobody ever slept: %v", total)
	}
	library, err := kind.Library()
	if err != nil {
		t.Fatal(err)
	}
	for p, ops := range ran {
		for pc, did := range ops {
			if s := p.Sites[p.Ops[pc].Site]; did {
				if p, ok := library(s.Proc); ok {
					reached[fmt.Sprintf("%s:%d", p.File, s.Line)] = true
				}
			}
		}
	}
	return reached
}

// newBench2 is a fresh bench that shares what is costly to make: the parsed
// library and the linked programs, whose addresses do not differ.
func newBench2(p *bench) *bench {
	b := newBenchWith(p.t, p.kind, p.isa, last+1, p.lib, p.layout)
	b.linked = p.linked
	return b
}

// A sleeping writer that nobody wakes must be found: the test above would be
// worthless otherwise. Here the put forgets the wake-up.
func TestALostWakeUpIsFound(t *testing.T) {
	procs, err := vmalock.VMRefcnt.Programs()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range procs {
		if p.Name == "rcuwait_wake_up" {
			broken, err := cpu.Parse("broken.uop", []byte("program rcuwait_wake_up\n\trole mm mm_struct\n\texit\n"))
			if err != nil {
				t.Fatal(err)
			}
			procs[i] = broken[0]
		}
	}
	for seed := range 100 {
		b := newBenchWith(t, vmalock.VMRefcnt, cpu.X86_64, 1, cpu.LibraryOf(procs...), layoutOf(t, vmalock.VMRefcnt))
		for i, body := range []string{"reader", "writer"} {
			b.thread(rounds(bodies[body]), map[string]uint64{"rounds": 4, "rnd": uint64(i)})
		}
		if b.random(uint64(seed), 100000) != nil {
			return
		}
	}
	t.Error("100 schedules and no deadlock without wake-ups")
}
