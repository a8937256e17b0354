package workloads

// FaultMix are the parameters of fault_mixed.
type FaultMix struct {
	Fault
	VMAs         int     `toml:"vmas" min:"1" max:"100000" doc:"VMAs of the mm; every operation picks one at random"`
	WritePercent float64 `toml:"write_percent" min:"0" max:"100" doc:"share of operations that take mmap_lock for write and write-lock VMAs, in steps of 0.001"`
	WriteVMAs    int     `toml:"vmas_per_write" min:"1" max:"100000" doc:"VMAs that a writer locks, the picked one and those behind it"`
	HoldNS       float64 `toml:"write_hold_ns" min:"0" max:"10000000" doc:"private work of a writer under its locks (assumed)"`
}

const mixedLoop = `
# A thread that mostly takes page faults and now and then changes the mm.
program fault_mixed
	role mm mm_struct
	in rnd
	reg vma:vm_area_struct changed:mm_struct
	reg addr held pick done left
	param think_cycles work_cycles retry_share vmas write_share vmas_per_write hold_cycles
again:
	mix rnd, rnd
	rem pick, rnd, vmas
	mul addr, pick, {SPAN}
	add addr, addr, {BASE}
	shr pick, rnd, 40
	rem pick, pick, 100000
	blt pick, write_share, writer unlikely
` + faultOp + `
	jump again
writer:
	mark begin write
	call write_begin(mm)
	mov left, vmas_per_write
more:
	beq left, 0, locked
	call write_find(mm, addr) -> vma  found=found none=locked
found:
	call write_vma(mm, vma)
	sub left, left, 1
	add addr, addr, {SPAN}
	jump more
locked:
	work done, hold_cycles
	add changed, mm, done         # so that the unlock waits for the work
	call write_end(changed)
	mark end write
	work think_cycles
	jump again
lost:
	halt
`

// FaultMixed mixes page faults with writers.
var FaultMixed = define(Kind{
	Name:  "fault_mixed",
	Doc:   "page faults in random VMAs, and a share of writers that hold mmap_lock and write-lock VMAs",
	Locks: true,
	Params: func() any {
		return &FaultMix{Fault: defaultFault(), VMAs: 20, WritePercent: 1, WriteVMAs: 1, HoldNS: 2000}
	},
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*FaultMix)
		lib, err := env.Lock.Library()
		if err != nil {
			return nil, err
		}
		w, mm := faultWorld(env, f.VMAs, f.MapleDepth)
		p := plan(env, w, "fault", "write")
		p.Library = lib
		values := f.params(env)
		values["vmas"] = int64(f.VMAs)
		values["write_share"] = percent(f.WritePercent)
		values["vmas_per_write"] = int64(f.WriteVMAs)
		values["hold_cycles"] = env.CyclesNS(f.HoldNS)
		text := fill(mixedLoop, "BASE", hex(vmaBase), "SPAN", hex(vmaSpan))
		p.Programs = []Program{{mainProc(text), values}}
		for i := range p.Threads {
			p.Threads[i].bind("mm", uint64(mm))
			p.Threads[i].bind("rnd", env.stream(i))
		}
		p.Judge = w.Judge()
		return p.finish(w)
	},
})
