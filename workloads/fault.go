package workloads

import (
	"fmt"

	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// Fault are the parameters that all fault workloads share. Of the durations only
// the sum has a source: one thread of pft takes 2.1 us per fault on a Xeon
// E5-2690 v4 (470925 faults/s). How it divides is assumed.
type Fault struct {
	ThinkNS       float64 `toml:"think_ns" min:"0" max:"1000000" doc:"private work between two faults: user time, exception entry and exit (assumed)"`
	FaultWorkNS   float64 `toml:"fault_work_ns" min:"0" max:"1000000" doc:"private work under the read lock: page allocation, zeroing, page tables (assumed)"`
	RetryPercent  float64 `toml:"retry_percent" min:"0" max:"100" doc:"share of faults that cannot be served under the VMA's own lock and are repeated under mmap_lock; no effect on mmap_lock"`
	KernelPercent float64 `toml:"kernel_percent" min:"0" max:"100" doc:"share of faults that come from kernel mode (copy_to_user), which go straight to mmap_lock; no effect on mmap_lock"`
	MapleDepth    int     `toml:"maple_depth" min:"1" max:"8" doc:"least number of levels of the tree that finds VMAs; more if the number of VMAs needs it"`
}

func defaultFault() Fault {
	return Fault{ThinkNS: 1000, FaultWorkNS: 1000, MapleDepth: 2}
}

// VMAs lie in a row; addresses are those of a small program's heap.
const (
	vmaBase = 0x55555555000
	vmaSpan = 0x200000 // 2 MiB each
)

// percent is a share as a whole number of hundred-thousandths.
func percent(p float64) int64 { return int64(p*1000 + 0.5) }

// faultOp is one page fault at addr, from and to the label next.
const faultOp = faultLock + "slower:" + faultServe + faultAnon + faultUnlock + faultEnd

// The parts of a page fault. faultLock finds and read-locks the VMA, faultServe has
// it, whatever way it was locked; faultAnon is for memory that is private to the mm;
// faultUnlock does the private work and lets go.
const (
	faultLock = `
	mark begin fault
	beq kernel_share, 0, user
	shr pick, rnd, 32
	rem pick, pick, 100000
	bge pick, kernel_share, user likely
	call read_slow(mm, addr) -> vma, held  locked=inside none=lost
user:
	call read_begin(mm, addr) -> vma, held  locked=inside none=lost
inside:
	shr pick, rnd, 20
	rem pick, pick, 100000
	bge pick, retry_share, serve likely
`
	faultServe = `
	call read_retry(mm, vma, addr, held) -> vma, held  locked=serve none=lost
serve:
	load pick, [vma.vm_flags]     # is the access allowed?
	load pick, [vma.vm_ops]       # anonymous or of a file?
`
	faultAnon = `
	call vmf_anon_prepare(mm, vma, held)  ready=prepared retry=slower
prepared:
`
	faultUnlock = `
	work done, work_cycles
	add vma, vma, done            # so that the unlock waits for the work
	call read_end(mm, vma, held)
`
	faultEnd = `
	mark end fault
	work think_cycles
`
)

const faultLoop = `
# A thread of a fault storm: page faults in one VMA, one after the other.
program fault_loop
	role mm mm_struct
	in addr rnd
	reg vma:vm_area_struct
	reg held pick done
	param think_cycles work_cycles retry_share kernel_share
again:
	mix rnd, rnd
` + faultOp + `
	jump again
lost:
	halt
`

// faultWorld places mms with so many VMAs each.
func faultWorld(env *Env, mms, vmas, depth int) (w *vmalock.World, all []mem.Addr) {
	w = newWorld(env)
	for range mms {
		mm := w.AddMM()
		for i := range vmas {
			start := uint64(vmaBase + i*vmaSpan)
			w.AddVMA(mm, start, start+vmaSpan, true)
		}
		w.AddTree(mm, depth)
		all = append(all, mm)
	}
	return w, all
}

// faultParams are the link-time constants of faultOp.
func (f *Fault) params(env *Env) map[string]int64 {
	return map[string]int64{
		"think_cycles": env.CyclesNS(f.ThinkNS),
		"work_cycles":  env.CyclesNS(f.FaultWorkNS),
		"retry_share":  percent(f.RetryPercent),
		"kernel_share": percent(f.KernelPercent),
	}
}

// faultPlan is a plan of threads on vmas VMAs, thread i in VMA of(i).
func faultPlan(env *Env, f *Fault, vmas int, of func(i int) int) (*Plan, error) {
	lib, err := env.Lock.Library()
	if err != nil {
		return nil, err
	}
	w, mms := faultWorld(env, 1, vmas, f.MapleDepth)
	p := plan(env, w, "fault")
	p.Library = lib
	p.Programs = []Program{{Text: faultLoop, Params: f.params(env)}}
	for i := range p.Threads {
		t := &p.Threads[i]
		t.bind("mm", uint64(mms[0]))
		t.bind("addr", uint64(vmaBase+of(i)*vmaSpan+i*4096%vmaSpan))
		t.bindStream("rnd", i)
	}
	p.Judge = w.Judge
	return p.finish(w)
}

// FaultSame are the parameters of fault_same_vma.
type FaultSame struct {
	Fault
	VMAs int `toml:"vmas" min:"1" max:"100000" doc:"VMAs of the mm; all threads fault in the middle one"`
}

// FaultSameVMA is page_fault1_threads at its simplest: one VMA for all.
var FaultSameVMA = define(Kind{
	Name:   "fault_same_vma",
	Doc:    "every thread takes page faults in one and the same VMA",
	Locks:  true,
	Params: func() any { return &FaultSame{Fault: defaultFault(), VMAs: 20} },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*FaultSame)
		return faultPlan(env, &p.Fault, p.VMAs, func(int) int { return p.VMAs / 2 })
	},
})

// FaultPrivate are the parameters of fault_private_vma.
type FaultPrivate struct {
	Fault
	VMAs int `toml:"vmas" min:"0" max:"100000" doc:"VMAs of the mm, dealt out to the threads in turn; 0 is one per thread"`
}

// FaultPrivateVMA is page_fault2_threads at its simplest: a VMA for each.
var FaultPrivateVMA = define(Kind{
	Name:   "fault_private_vma",
	Doc:    "every thread takes page faults in a VMA of its own, all of one mm",
	Locks:  true,
	Params: func() any { return &FaultPrivate{Fault: defaultFault()} },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*FaultPrivate)
		vmas := p.VMAs
		if vmas == 0 {
			vmas = env.Threads
		}
		if vmas < 1 {
			return nil, fmt.Errorf("workload \"fault_private_vma\" needs a thread")
		}
		return faultPlan(env, &p.Fault, vmas, func(i int) int { return i % vmas })
	},
})
