package workloads

import (
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// Mapping are the parameters of threads that each map and unmap a region of their
// own, in one mm or in an mm each.
type Mapping struct {
	Mode       string  `toml:"mode" oneof:"threads processes" doc:"threads share one mm; processes have an mm each"`
	VMAs       int     `toml:"vmas" min:"0" max:"100000" doc:"VMAs of each mm besides those that the threads map: the program, libraries, stacks"`
	SpareNodes int     `toml:"spare_nodes" min:"2" max:"100000" doc:"spare nodes of the maple tree of each thread: so many leaves it can replace in an RCU grace period or two, and then it waits"`
	MapWorkNS  float64 `toml:"map_work_ns" min:"0" max:"1000000" doc:"private work under mmap_lock for write, of mmap and of munmap each: search for a free range, accounting (assumed)"`
}

// Merging is a parameter of mappings of anonymous memory.
type Merging struct {
	Merge bool `toml:"merge" doc:"regions of threads lie side by side and are one VMA, as the kernel makes it of equal anonymous mappings; else a VMA each. No effect on processes"`
}

func defaultMapping() Mapping {
	return Mapping{Mode: "threads", VMAs: 20, SpareNodes: 128, MapWorkNS: 500}
}

// Mapped regions lie in a row from mmapBase up; each begins at a page table of its own.
const (
	loopPages = 32768 // will-it-scale maps 128 MiB at a time
	mmapBase  = 0x7f0000000000
	tableSpan = 2 << 20
	pageBytes = 4096
)

// mapping is what one thread maps.
type mapping struct {
	mm     mem.Addr
	own    mem.Addr // its VMA; if regions are merged, the part that munmap splits off
	target mem.Addr // the VMA that all regions are merged into, or 0
	base   uint64
}

// merged reports whether the threads' regions are one VMA.
func (m *Mapping) merged(env *Env, merge bool) bool {
	return merge && m.Mode == "threads" && env.Threads > 1
}

// place places the mms, everything mapped.
func (m *Mapping) place(env *Env, pages, depth int, merge bool) (*vmalock.World, []mapping) {
	w := newWorld(env)
	span := uint64((pages*pageBytes + tableSpan - 1) / tableSpan * tableSpan)
	addMM := func(threads int) (mm mem.Addr, out []mapping) {
		mm = w.AddMM()
		for i := range m.VMAs {
			start := uint64(vmaBase + i*vmaSpan)
			w.AddVMA(mm, start, start+vmaSpan, true)
		}
		var target mem.Addr
		if merge {
			target = w.AddVMA(mm, mmapBase, mmapBase+uint64(threads)*span, true)
		}
		for i := range threads {
			base := mmapBase + uint64(i)*span
			out = append(out, mapping{mm, w.AddVMA(mm, base, base+span, !merge), target, base})
		}
		w.AddTree(mm, depth)
		return mm, out
	}
	var maps []mapping
	if m.Mode == "threads" {
		_, maps = addMM(env.Threads)
		return w, maps
	}
	for range env.Threads {
		_, one := addMM(1)
		maps = append(maps, one...)
	}
	return w, maps
}

func (m *Mapping) params(env *Env, pages int, values map[string]int64) {
	values["pages"] = int64(pages)
	values["map_cycles"] = env.CyclesNS(m.MapWorkNS)
}

// bind gives the threads their mappings, spare nodes, and their counters of iterations,
// which will-it-scale keeps 256 bytes apart in a mapping that all tasks share.
func (m *Mapping) bind(w *vmalock.World, threads []Thread, maps []mapping) {
	w.AddSpareNodes(m.SpareNodes)
	counters := w.Space.NewRaw("iterations", 256*len(threads), mem.PageBytes)
	for i := range threads {
		to, t := maps[i], &threads[i]
		t.bind("mm", uint64(to.mm))
		t.bind("own", uint64(to.own))
		if to.target != 0 {
			t.bind("target", uint64(to.target))
		}
		t.bind("base", to.base)
		t.bind("iterations", uint64(counters)+256*uint64(i))
	}
}

// iterate counts one more iteration, as the measured loops do.
const iterate = `
	load pick, [iterations]
	add pick, pick, 1
	store [iterations], pick
`

// account changes the number of VMAs and of pages that the mm has mapped.
func account(vmas, pages string) string {
	return fill(`
	load pick, [mm.map_count]
	add pick, pick, {VMAS}
	store [mm.map_count], pick
	load pick, [mm.total_vm]
	{PAGES}
	store [mm.total_vm], pick
`, "VMAS", vmas, "PAGES", pages+" pick, pick, pages")
}

// mapOp maps the thread's region: a new VMA, which nobody knows before it is in the
// tree and attached; or the VMA beside it grows, whose faults have to wait. file is
// what a mapping of a file does besides. The tree has room for the region, whose ranges
// never change; the kernel's do, so here too each store makes a new leaf.
func mapOp(merged bool, file string) string {
	if merged {
		return `
	call mas_preallocate(1)
	call write_begin(mm)
	call write_find(mm, base) -> _  found=beside none=beside
beside:
	work done, map_cycles
	add base, base, done          # so that the store waits for the work
	call write_vma(mm, target)
	load pick, [target.vm_end]
	store [target.vm_end], pick
	call mas_wr_node_store(mm, base, target)
` + account("0", "add") + `
	call write_end(mm)
`
	}
	return `
	call mas_preallocate(1)
	call write_begin(mm)
	call write_find(mm, base) -> _  found=free none=free
free:
	work done, map_cycles
	add base, base, done          # so that the stores wait for the work
	call write_new(mm, own)       # the allocator gives the same memory back
	store [own.vm_start], base
	store [own.vm_mm], mm
	store [own.vm_flags], 0
	store [own.anon_vma], 0
	call write_vma(mm, own)
	call mas_wr_node_store(mm, base, own)
	call write_attach(mm, own)
` + file + account("1", "add") + `
	call write_end(mm)
`
}

// unmapOp unmaps the region: under mmap_lock for write as little as possible, then
// zap under it for read. Of a merged VMA the region is split off first, so that
// faults of all threads have to wait.
func unmapOp(merged bool, file, zap string) string {
	gather := `
	call write_vma(mm, own)
	call write_detach(mm, own)
	call mas_wr_node_store(mm, base, 0)
` + file
	if merged {
		gather = `
	call write_new(mm, own)
	store [own.vm_start], base
	store [own.vm_mm], mm
	store [own.vm_flags], 0
	call write_vma(mm, target)
	call write_vma(mm, own)
	load pick, [target.vm_end]
	store [target.vm_end], pick
	call mas_wr_node_store(mm, base, target)
	call write_attach(mm, own)
` + account("1", "add") + `
	call write_detach(mm, own)
	call mas_wr_node_store(mm, base, target)
`
	}
	drop := "mm"
	if zap != "" {
		drop = "changed" // mm, once the work is done
	}
	return `
	call mas_preallocate(2)
	call write_begin(mm)
	call write_find(mm, base) -> _  found=there none=there
there:
	work done, map_cycles
	add base, base, done
` + gather + account("-1", "sub") + `
	call write_downgrade(mm)
` + zap + `
	call read_drop(` + drop + `)
`
}
