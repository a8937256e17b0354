package workloads

import (
	"slices"

	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// ForkStorm are the parameters of fork_storm.
type ForkStorm struct {
	AnonFaults
	Forkers int     `toml:"forkers" min:"0" max:"100000" doc:"threads that fork, the first ones; the others do as in page_fault1. 0 is all"`
	CopyNS  float64 `toml:"vma_copy_ns" min:"0" max:"1000000" doc:"private work for each VMA: copying its page tables when forking, freeing them at the child's exit (assumed)"`
}

// forkText is dup_mmap and exit_mmap. A VMA that the child does not have has
// vm_flags 0; in the tree, which is placed beforehand, it has its entry all the same.
const forkText = `
# A thread whose child exits, and that forks another.
program fork_storm
	role mm mm_struct
	role child mm_struct
	in iterations
	reg vma:vm_area_struct copy:vm_area_struct changed:mm_struct
	reg addr at pick done
	param think_cycles copy_cycles flush_cycles
	const LIVE 1
again:
	call rcu_qs()                 # back in user mode
	mark begin exit
	call write_begin(child)
	mov addr, 0
drop:
	call mas_find(child, addr) -> copy  found=gone none=exited
gone:
	load addr, [copy.vm_end]
	load pick, [copy.vm_flags]
	beq pick, 0, drop unlikely
	work done, copy_cycles
	call write_vma(child, copy)
	call write_detach(child, copy)
	store [copy.vm_flags], done
	jump drop
exited:
	call write_end(child)
	mark end exit
	mark begin fork
	call write_begin(mm)
	call write_begin(child)
	mov addr, 0
each:
	call mas_find(mm, addr) -> vma  found=lock none=forked
lock:
	call write_vma_killable(mm, vma)  locked=dup interrupted=forked
dup:
	load at, [vma.vm_start]
	call write_find(child, at) -> copy  found=copied none=next
copied:
	load pick, [vma.anon_vma]
	call write_new(child, copy)
	store [copy.vm_start], at
	store [copy.vm_mm], child
	store [copy.vm_flags], LIVE
	store [copy.anon_vma], pick
	work done, copy_cycles
	add at, at, done              # so that the store waits for the work
	call write_vma(child, copy)
	call mas_store(child, at, copy)
	call write_attach(child, copy)
next:
	load addr, [vma.vm_end]
	jump each
forked:
	call write_end(child)
	work done, flush_cycles
	add changed, mm, done
	call write_end(changed)
` + iterate + `
	mark end fork
	work think_cycles
	jump again
`

// addChild places the mm of a child: a copy of all that the parent may have mapped.
func addChild(w *vmalock.World, parent mem.Addr, depth int) mem.Addr {
	vmas := slices.Clone(w.VMAs)
	end := uint64(0)
	child := w.AddMM()
	for _, v := range vmas {
		if v.MM == parent && v.Start >= end { // not the parts of a merged VMA, which lie behind it in the list
			w.Set(w.AddVMA(child, v.Start, v.End, true), "vm_area_struct", "vm_flags", 1)
			end = v.End
		}
	}
	w.AddTree(child, depth)
	return child
}

// ForkStormKind forks mms that others change.
var ForkStormKind = define(Kind{
	Name:   "fork_storm",
	Doc:    "threads that fork, one child after the other: mmap_lock of both mms for write, and every VMA of the parent write-locked; an operation is a fork",
	Locks:  true,
	Params: func() any { return &ForkStorm{defaultAnonFaults(), 0, 1000} },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*ForkStorm)
		t, err := newTouchers(env, &p.Touching, &p.PageTouches, p.Merge, false)
		if err != nil {
			return nil, err
		}
		forkers := min(p.Forkers, env.Threads)
		if forkers == 0 {
			forkers = env.Threads
		}
		values := map[string]int64{"think_cycles": env.CyclesNS(p.ThinkNS), "copy_cycles": env.CyclesNS(p.CopyNS), "flush_cycles": p.flushCycles(env)}
		t.replace(forkers, "fork", Program{Text: forkText, Params: values})
		counters := t.world.Space.NewRaw("forks", 256*forkers, mem.PageBytes)
		for i := range forkers {
			th := &t.Threads[i]
			th.bind("mm", uint64(t.maps[i].mm))
			th.bind("child", uint64(addChild(t.world, t.maps[i].mm, p.MapleDepth)))
			th.bind("iterations", uint64(counters)+256*uint64(i))
		}
		return t.done()
	},
})
