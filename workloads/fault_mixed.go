package workloads

import (
	"fmt"
	"maps"
)

// FaultMix are the parameters of fault_mixed. Shares are in steps of 0.001.
type FaultMix struct {
	Fault
	Processes     int     `toml:"processes" min:"1" max:"1000" doc:"mms that the threads are dealt out to; threads that share a core are of different ones"`
	VMAs          int     `toml:"vmas" min:"1" max:"100000" doc:"VMAs of each mm; every operation picks one at random"`
	WritePercent  float64 `toml:"write_percent" min:"0" max:"100" doc:"share of operations that take mmap_lock for write and write-lock VMAs, in steps of 0.001"`
	WriteVMAs     int     `toml:"vmas_per_write" min:"1" max:"100000" doc:"VMAs that a writer locks, the picked one and those behind it"`
	HoldNS        float64 `toml:"write_hold_ns" min:"0" max:"10000000" doc:"private work of a writer under its locks (assumed)"`
	RemapPercent  float64 `toml:"remap_percent" min:"0" max:"100" doc:"share of operations that unmap a VMA, zap it under mmap_lock for read, free it, and map the range again as the VMA that the CPU's tasks freed last; faults that find nothing mapped end there"`
	RemapCores    int     `toml:"remap_cores" min:"0" max:"100000" doc:"cores, the last ones, whose threads do nothing but that, in each of two processes in turn, as if these took turns on the CPU"`
	SpareNodes    int     `toml:"spare_nodes" min:"1" max:"100000" doc:"spare nodes of the maple tree of each thread: so many leaves it can replace in an RCU grace period or two, and then it waits; no effect unless threads remap"`
	SpareVMAs     int     `toml:"spare_vmas" min:"1" max:"100000" doc:"free VMAs of each CPU at first; of a lock whose VMAs are freed after a grace period, so many it can map again in one or two, and then it waits. No effect unless threads remap"`
	ForkPercent   float64 `toml:"fork_percent" min:"0" max:"100" doc:"share of operations that write-lock every VMA of the mm, as fork does"`
	MapsPercent   float64 `toml:"maps_percent" min:"0" max:"100" doc:"share of operations that go through all VMAs, as a reader of /proc/PID/maps does"`
	MovePercent   float64 `toml:"move_percent" min:"0" max:"100" doc:"share of operations that read-lock two VMAs, as UFFDIO_MOVE does"`
	SignalPercent float64 `toml:"signal_percent" min:"0" max:"100" doc:"share of operations that send the next thread a fatal signal, which ends its operation's wait for mmap_lock or for a VMA's readers; another thread then goes on in its place; 0, the default: nobody gets a signal"`
	GuardPercent  float64 `toml:"guard_percent" min:"0" max:"100" doc:"share of operations that set a flag of a read-locked VMA, as MADV_GUARD_INSTALL does"`
}

// mapsOp goes once through all VMAs, as a reader of /proc/PID/maps does.
const mapsOp = `
	mark begin maps
	mov addr, 0
line:
	call read_next(mm, addr) -> vma, held  locked=show none=shown
show:
	load pick, [vma.vm_start]
	load pick, [vma.vm_flags]
	call anon_vma_name(vma)
	load addr, [vma.vm_end]
	call read_end(mm, vma, held)
	jump line
shown:
	mark end maps
	work think_cycles
`

const mixedLoop = `
# A thread that mostly takes page faults and now and then changes the mm or looks
# at it.
program fault_mixed
	role mm mm_struct
	in rnd
	reg vma:vm_area_struct second:vm_area_struct fresh:vm_area_struct changed:mm_struct
	reg addr other held pick done left
	param think_cycles work_cycles retry_share kernel_share vmas write_share vmas_per_write hold_cycles
	in elsewhere
	param alternate remaps signals rare remap_below fork_below maps_below move_below guard_below signal_below
	role victim task_struct
	const FLAG 0x800              # VM_MAYBE_GUARD
	const SIGPENDING 4
again:
	beq remaps, 0, alive
	call rcu_qs()                 # back in user mode
alive:
	beq signals, 0, next_op
	load pick, [task.thread_info.flags]
	bclr pick, SIGPENDING, next_op likely
	call flush_signals()          # the thread ends here
next_op:
	mix rnd, rnd
	rem pick, rnd, vmas
	mul addr, pick, {SPAN}
	add addr, addr, {BASE}
	add other, pick, 1
	rem other, other, vmas
	shr pick, rnd, 40
	rem pick, pick, 100000
	blt pick, write_share, writer unlikely
	beq rare, 0, fault
	blt pick, remap_below, remap unlikely
	blt pick, fork_below, fork unlikely
	blt pick, maps_below, maps unlikely
	blt pick, move_below, move unlikely
	blt pick, guard_below, guard unlikely
	blt pick, signal_below, signal unlikely
fault:
` + faultOp + `
	jump again
lost:
	mark end fault
	work think_cycles
	jump again
writer:
	mark begin write
	call write_begin_killable(mm)  locked=writing interrupted=wrote
writing:
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
wrote:
	mark end write
	work think_cycles
	jump again

remap:
	beq alternate, 0, here
	mov other, mm                 # a task of another process is next on this CPU
	mov mm, elsewhere
	mov elsewhere, other
here:
	mark begin remap
	call mas_preallocate(1)
	call vm_area_alloc(mm) -> fresh  got=have none=out
have:
	call write_begin_killable(mm)  locked=inside_remap interrupted=unused
inside_remap:
	call write_find(mm, addr) -> vma  found=unmap none=unmapped
unmap:
	call write_vma(mm, vma)
	call write_detach(mm, vma)
	call mas_wr_node_store(mm, addr, 0)   # gaps side by side become one
	call write_downgrade(mm)
	work done, hold_cycles        # page tables, TLB, pages
	add changed, mm, done
	call read_drop(changed)
	call vm_area_free(vma)
	call write_new(mm, fresh)
	store [fresh.vm_start], addr
	add other, addr, {SPAN}
	store [fresh.vm_end], other
	call write_begin(mm)
	call write_vma(mm, fresh)
	call mas_store(mm, addr, fresh)  # fits the gap
	call write_attach(mm, fresh)
	call write_end(mm)
	jump remapped
unmapped:
	call write_end(mm)
unused:
	call vm_area_free(fresh)
remapped:
	mark end remap
	work think_cycles
	jump again
out:
	jump remapped

fork:
	mark begin fork
	call write_begin_killable(mm)  locked=forking interrupted=fork_end
forking:
	mov addr, {BASE}
	mov left, vmas
each:
	beq left, 0, forked
	call write_find(mm, addr) -> vma  found=copy none=next
copy:
	call write_vma_killable(mm, vma)  locked=next interrupted=forked
next:
	sub left, left, 1
	add addr, addr, {SPAN}
	jump each
forked:
	work done, hold_cycles
	add changed, mm, done
	call write_end(changed)
fork_end:
	mark end fork
	work think_cycles
	jump again

maps:
` + mapsOp + `
	jump again

move:
	mark begin move
	mul other, other, {SPAN}
	add other, other, {BASE}
	call read_pair(mm, addr, other) -> vma, second, held  locked=moving none=moved
moving:
	work done, work_cycles
	add vma, vma, done
	add second, second, done
	call read_pair_end(mm, vma, second, held)
moved:
	mark end move
	work think_cycles
	jump again

guard:
	mark begin guard
	call read_begin(mm, addr) -> vma, held  locked=flagging none=flagged
flagging:
	call vma_flag_set_atomic(vma, FLAG)
	work done, work_cycles
	add vma, vma, done
	call read_end(mm, vma, held)
flagged:
	mark end guard
	work think_cycles
	jump again

signal:
	mark begin signal
	call send_sig_fatal(victim)
	mark end signal
	work think_cycles
	jump again
`

// FaultMixed mixes page faults with writers.
var FaultMixed = define(Kind{
	Name:  "fault_mixed",
	Doc:   "page faults in random VMAs beside shares of whatever else takes the locks: writers, munmap and mmap, fork, /proc/PID/maps, UFFDIO_MOVE, madvise",
	Locks: true,
	Params: func() any {
		return &FaultMix{Fault: defaultFault(), VMAs: 20, Processes: 1, SpareNodes: 64, SpareVMAs: 64, WritePercent: 1, WriteVMAs: 1, HoldNS: 2000}
	},
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*FaultMix)
		lib, err := env.Lock.Library()
		if err != nil {
			return nil, err
		}
		w, mms := faultWorld(env, f.Processes, f.VMAs, f.MapleDepth)
		p := plan(env, w, "fault", "write", "remap", "fork", "maps", "move", "guard", "signal")
		p.Library = lib
		values := f.params(env)
		values["vmas"] = int64(f.VMAs)
		values["alternate"] = 0
		values["remaps"] = either(f.RemapPercent > 0 || f.RemapCores > 0)
		values["signals"] = either(f.SignalPercent > 0)
		values["write_share"] = percent(f.WritePercent)
		below := values["write_share"]
		for _, share := range []struct {
			param   string
			percent float64
		}{{"remap_below", f.RemapPercent}, {"fork_below", f.ForkPercent}, {"maps_below", f.MapsPercent}, {"move_below", f.MovePercent}, {"guard_below", f.GuardPercent}, {"signal_below", f.SignalPercent}} {
			below += percent(share.percent)
			values[share.param] = below
		}
		if below > percent(100) {
			return nil, fmt.Errorf("workload.write_percent and the other shares are more than 100 %% together")
		}
		values["rare"] = below - values["write_share"]
		values["vmas_per_write"] = int64(f.WriteVMAs)
		values["hold_cycles"] = env.CyclesNS(f.HoldNS)
		text := fill(mixedLoop, "BASE", hex(vmaBase), "SPAN", hex(vmaSpan))
		p.Programs = []Program{{Text: text, Params: values}}
		cores := env.Cores
		if cores == 0 {
			cores = env.Threads
		}
		if f.RemapCores > 0 {
			only := maps.Clone(values)
			only["alternate"] = either(f.Processes > 1)
			only["write_share"], only["rare"], only["remap_below"] = 0, 1, percent(100)
			p.Programs = append(p.Programs, Program{Text: text, Params: only})
		}
		for i := range p.Threads {
			if i%cores >= cores-f.RemapCores {
				p.Threads[i].Program = 1
			}
			p.Threads[i].bind("mm", uint64(mms[(i+i/cores)%len(mms)]))
			p.Threads[i].bind("elsewhere", uint64(mms[(i+i/cores+1)%len(mms)]))
			p.Threads[i].bindStream("rnd", i)
			p.Threads[i].bind("victim", uint64(p.Threads[(i+1)%env.Threads].Task))
		}
		if f.RemapPercent > 0 || f.RemapCores > 0 {
			w.AddSpareNodes(f.SpareNodes)
			w.AddSlab(f.SpareVMAs)
		}
		p.Judge = w.Judge
		return p.finish(w)
	},
})

func either(on bool) int64 {
	if on {
		return 1
	}
	return 0
}
