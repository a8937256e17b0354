package workloads

import (
	"fmt"

	"cohsim/vmalock"
)

// Mmap are the parameters of mmap2.
type Mmap struct {
	Mapping
	ThinkNS    float64 `toml:"think_ns" min:"0" max:"1000000" doc:"private work between two pairs: entry into the kernel and exit from it (assumed)"`
	MapleDepth int     `toml:"maple_depth" min:"1" max:"8" doc:"least number of levels of the tree that finds VMAs; more if the number of VMAs needs it"`
}

// MmapAnon are the parameters of mmap1.
type MmapAnon struct {
	Mmap
	Merging
}

func defaultMmap() Mmap { return Mmap{defaultMapping(), 500, 2} }

// What a mapping of a file does besides, under mmap_lock for write: it holds the
// file, and is in the file's tree of mappings.
const (
	fileRegs = "\trole i_mmap_rwsem rw_semaphore\n\tin f_count\n"
	linkFile = `
	rmw.add _, [f_count], 1
	call down_write(i_mmap_rwsem)
	call up_write(i_mmap_rwsem)
`
	unlinkFile = `
	call down_write(i_mmap_rwsem)
	call up_write(i_mmap_rwsem)
	rmw.add _, [f_count], -1
`
)

// bindFile gives a thread a file of its own, and returns the file's name.
func bindFile(w *vmalock.World, t *Thread, i int) string {
	name := fmt.Sprintf("file[%d]", i)
	t.bind("f_count", uint64(shared(w, name+".f_count")))
	t.bind("i_mmap_rwsem", uint64(w.AddSem(name+".i_mmap_rwsem")))
	return name
}

// mmapText is the program of a thread that maps and unmaps. It begins mapped.
func mmapText(merged, file bool) string {
	regs, link, unlink := "", "", ""
	if merged {
		regs = "\trole target vm_area_struct\n"
	}
	if file {
		regs, link, unlink = fileRegs, linkFile, unlinkFile
	}
	return `
# A thread that unmaps memory that nobody has touched, and maps it again.
program mmap_munmap
	role mm mm_struct
	role own vm_area_struct
	in base iterations
	reg pick done
	param pages think_cycles map_cycles
` + regs + `
again:
	call rcu_qs()                 # back in user mode
	mark begin pair
` + unmapOp(merged, unlink, "") + mapOp(merged, link) + iterate + `
	mark end pair
	work think_cycles
	jump again
`
}

func mmapPlan(env *Env, m *Mmap, merge, file bool) (*Plan, error) {
	lib, err := env.Lock.Library()
	if err != nil {
		return nil, err
	}
	merge = m.merged(env, merge)
	w, maps := m.place(env, loopPages, m.MapleDepth, merge)
	p := plan(env, w, "pair")
	p.Library = lib
	m.bind(w, p.Threads, maps)
	for i := range p.Threads {
		if file {
			bindFile(w, &p.Threads[i], i)
		}
	}
	values := map[string]int64{"think_cycles": env.CyclesNS(m.ThinkNS)}
	m.params(env, loopPages, values)
	p.Programs = []Program{{Text: mmapText(merge, file), Params: values}}
	p.Judge = w.Judge
	return p.finish(w)
}

// Mmap1 is will-it-scale's mmap1: anonymous memory.
var Mmap1 = define(Kind{
	Name:   "mmap1",
	Doc:    "will-it-scale mmap1: map anonymous memory and unmap it untouched; an operation is the pair",
	Locks:  true,
	Params: func() any { return &MmapAnon{defaultMmap(), Merging{true}} },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*MmapAnon)
		return mmapPlan(env, &p.Mmap, p.Merge, false)
	},
})

// Mmap2 is will-it-scale's mmap2: a private mapping of the thread's own file.
var Mmap2 = define(Kind{
	Name:   "mmap2",
	Doc:    "will-it-scale mmap2: map a file of one's own and unmap it untouched; an operation is the pair",
	Locks:  true,
	Params: func() any { m := defaultMmap(); return &m },
	Build: func(env *Env, params any) (*Plan, error) {
		return mmapPlan(env, params.(*Mmap), false, true)
	},
})
