package vmalock_test

import (
	"fmt"
	"slices"
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
	return "\nagain:\n\tbeq rounds, 0, out\n\tsub rounds, rounds, 1\n\tmix rnd, rnd\n" + body + "\n\tjump again\nout:\n\tstore [task.on_cpu], 0\n\thalt"
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
	// munmap and mmap of a VMA, which others find meanwhile.
	"unmapper": `
	call write_begin(mm)
	call write_find(mm, addr) -> v  found=unmap none=mapped
unmap:
	call write_vma(mm, v)
	call write_detach(mm, v)
	call mas_store(mm, addr, 0)
	call write_downgrade(mm)
	call read_drop(mm)
	call write_new(mm, v)
	store [v.anon_vma], 0
	call write_begin(mm)
	call write_vma(mm, v)
	call mas_store(mm, addr, v)
	call write_attach(mm, v)
mapped:
	call write_end(mm)`,
	// The same, which copies leaves of the tree.
	"replacer": `
	call mas_preallocate(2)
	call write_begin(mm)
	call write_find(mm, addr) -> v  found=unmap none=mapped
unmap:
	call write_vma(mm, v)
	call write_detach(mm, v)
	call mas_wr_node_store(mm, addr, 0)
	call write_downgrade(mm)
	call read_drop(mm)
	call write_new(mm, v)
	store [v.anon_vma], 0
	call write_begin(mm)
	call write_vma(mm, v)
	call mas_wr_node_store(mm, addr, v)
	call write_attach(mm, v)
mapped:
	call write_end(mm)`,
	// The same by the allocator: what it maps is a VMA that it or another has freed.
	"recycler": `
	call mas_preallocate(1)
	call vm_area_alloc(mm) -> w  got=have none=again
have:
	call write_begin(mm)
	call write_find(mm, addr) -> v  found=unmap none=mapped
unmap:
	call write_vma(mm, v)
	call write_detach(mm, v)
	call mas_wr_node_store(mm, addr, 0)
	call write_end(mm)
	load x, [v.vm_end]
	call vm_area_free(v)
	call write_new(mm, w)
	store [w.vm_start], addr
	store [w.vm_end], x
	call write_begin(mm)
	call write_vma(mm, w)
	call mas_store(mm, addr, w)
	call write_attach(mm, w)
	call write_end(mm)
	call rcu_qs()
	jump again
mapped:
	call write_end(mm)
	call vm_area_free(w)
	call rcu_qs()`,
	// A fault of a task that says when it is in user mode.
	"user": `
	call rcu_qs()
	call read_begin(mm, addr) -> v, held  locked=fault none=again
fault:
	call read_end(mm, v, held)`,
	// Everybody else who reads an address space, by the interface.
	"walker": `
	call read_next(mm, addr) -> v, held  locked=show none=again
show:
	call anon_vma_name(v)
	call read_end(mm, v, held)
	call read_slow(mm, addr) -> v, held  locked=slow none=again
slow:
	call vmf_anon_prepare(mm, v, held)  ready=ready retry=ready
ready:
	call read_end(mm, v, held)`,
	"flagger": `
	call read_begin(mm, addr) -> v, held  locked=flag none=again
flag:
	call vma_flag_set_atomic(v, 0x800)
	call vmf_anon_prepare(mm, v, held)  ready=ready retry=ready
ready:
	call read_end(mm, v, held)`,
	"pair": `
	sub x, addr, 0x10000
	call read_pair(mm, addr, x) -> v, w, held  locked=both none=again
both:
	call read_pair_end(mm, v, w, held)
	call read_pair(mm, addr, addr) -> v, w, held  locked=one none=again
one:
	call read_pair_end(mm, v, w, held)`,
	"forker": `
	call write_begin(mm)
	call write_find(mm, addr) -> v  found=copy none=nothing
copy:
	call write_vma_killable(mm, v)  locked=nothing interrupted=nothing
nothing:
	call write_end(mm)`,
	// mmap_lock alone, for write.
	"spinner": `
	bclr rnd, 6, try
	call down_write([mm.mmap_lock])
	jump up
try:
	call down_write_trylock([mm.mmap_lock]) locked=up busy=again
up:
	call up_write([mm.mmap_lock])`,
	// mmap_lock by a task that a signal may end.
	"killable": `
	bclr rnd, 4, read
	call mmap_write_lock_killable(mm) locked=write interrupted=killed
write:
	call mmap_write_unlock(mm)
	jump again
read:
	call mmap_read_lock_killable(mm) locked=in interrupted=killed
in:
	call mmap_read_unlock(mm)
	jump again
killed:
	call flush_signals()`,
	// Sends one of the first three tasks a signal.
	"signaller": `
	rem x, rnd, 3
	mul x, x, stride
	add p, x, tasks
	call send_sig_fatal(p)`,
	// Tells one of the first three tasks that another wants its CPU, or that none does.
	"ticker": `
	rem x, rnd, 3
	mul x, x, stride
	add p, x, tasks
	bset rnd, 8, off
	rmw.or _, [p.thread_info.flags], 8
	jump again
off:
	rmw.and _, [p.thread_info.flags], -9`,
	// The bare read lock, without the tree.
	"reader": `
	call rcu_read_lock()
	call vma_start_read(mm, vma) locked=got retry=again fallback=again
got:
	call rcu_read_unlock()
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

// kernels are the options under which everything must hold: each step of the
// series, and what assertions, lockdep and RCU add.
var kernels = func() []vmalock.Options {
	of := func(change func(o *vmalock.Options)) vmalock.Options {
		o := vmalock.DefaultOptions()
		change(&o)
		return o
	}
	all := []vmalock.Options{
		of(func(*vmalock.Options) {}),
		of(func(o *vmalock.Options) { o.RWSemHandoff = 3000 }),
		of(func(o *vmalock.Options) { o.RWSemSpin, o.RWSemHandoff = false, 3000 }),
		of(func(o *vmalock.Options) { o.DebugVM, o.PreemptRCU = true, true }),
		of(func(o *vmalock.Options) { o.DebugVM, o.Lockdep = true, true }),
		of(func(o *vmalock.Options) { o.PerVMALock = false }),
		of(func(o *vmalock.Options) { o.SeqBits = 12 }),
	}
	for _, patch := range []int{0, 3, 7, 8, 9, 10} {
		all = append(all, of(func(o *vmalock.Options) { o.Patch, o.DebugVM, o.Lockdep = patch, true, patch%2 == 1 }))
	}
	return all
}()

func TestNoInterleavingBreaksTheLocks(t *testing.T) {
	seeds := 80
	if testing.Short() {
		seeds = 20
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
		{"fault", "unmapper", "unmapper", "walker", "flagger", "pair"},
		{"walker", "unmapper", "forker", "pair", "fault"},
		{"killable", "killable", "spinner", "mmap_reader", "signaller", "signaller"},
		{"spinner", "spinner", "spinner", "killable", "mmap_reader", "ticker", "ticker", "ticker"},
		{"reader", "forker", "forker", "forker", "signaller", "signaller"},
	}
	var mu sync.Mutex
	reached := map[string]bool{}
	t.Run("mix", func(t *testing.T) {
		for _, kind := range vmalock.Kinds() {
			for _, mix := range mixes {
				byInterface := only(mix, "fault", "writer", "mmap_reader", "remapper", "unmapper", "walker", "flagger", "pair", "forker", "killable", "spinner", "signaller", "ticker")
				for _, o := range kernels {
					switch {
					case slices.Contains(mix, "signaller") && o.DebugVM && o.Patch >= 7 && o.Patch < vmalock.Merged:
						continue // warns wrongly when a signal ends a wait; that has a law of its own
					case byInterface, kind == vmalock.VMRefcnt && o.PerVMALock:
					case kind != vmalock.MmapLock && o.PerVMALock && only(mix, "fault", "writer", "mmap_reader", "remapper", "detacher"):
					default:
						continue
					}
					n := seeds
					if o != vmalock.DefaultOptions() {
						if n = seeds / 40; kind != vmalock.VMRefcnt && o.Patch != vmalock.Merged {
							continue
						}
					}
					t.Run(fmt.Sprintf("%s%v%+v", kind.Name, mix, o), func(t *testing.T) {
						t.Parallel()
						r := interleave(t, kind.With(o), mix, n)
						mu.Lock()
						defer mu.Unlock()
						for at := range r {
							reached[at] = true
						}
					})
				}
			}
		}
	})
	if testing.Short() || t.Failed() {
		return
	}
	// Whatever a program can do has been done, but for what is named here.
	rare := map[string]string{
		"mtree_walk_inner":           "needs hundreds of VMAs; the tree's laws walk it",
		"vma_start_read":             "the path of a second mm has a law of its own",
		"vma_start_read_locked":      "of vm_refcnt_far, has a law of its own",
		"mmgrab":                     "needs a second mm; the same law",
		"mmdrop":                     "needs a second mm; the same law",
		"mas_wr_node_store":          "needs spare nodes; interleavings with them have a law of their own",
		"mas_replace_node":           "the same law",
		"mas_pop_node":               "the same law",
		"mas_preallocate":            "the same law",
		"ma_free_rcu":                "the same law",
		"rcu_qs":                     "grace periods and free VMAs have interleavings of their own",
		"get_state_synchronize_rcu":  "the same laws",
		"poll_state_synchronize_rcu": "the same laws",
		"cond_synchronize_rcu":       "the same laws",
		"rcu_gp_fqs_loop":            "the same laws",
		"vm_area_alloc":              "the same laws",
		"vm_area_free":               "the same laws",
		"call_rcu":                   "the same laws",
		"rcu_do_batch":               "the same laws",
		"refcount_warn_saturate":     "only a bug gets there; has a law of its own",
		"refcount_dec":               "nobody calls it: it would saturate at the last count; has a law of its own",
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
				case "call", "exit", "jump", "rmb", "wmb", "beq", "bne", "blt", "bge": // may become no op of their own
				default:
					if len(in.Args) == 1 && in.Args[0].Name == "lock.warnings" {
						continue // only a bug gets there; the warnings' laws do
					}
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
	if total["lock.wakeups"] == 0 && seeds >= 20 {
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
