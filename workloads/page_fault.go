package workloads

import "cohsim/vmalock"

// Touching are the parameters of a thread that maps pages, writes one byte to each,
// and unmaps them, as will-it-scale's page_fault1, 2 and 3 do.
type Touching struct {
	Fault
	Mapping
	MMTouches
	Pages   int     `toml:"pages" min:"1" max:"1000000" doc:"pages of 4 KiB that a thread maps at a time"`
	ZapNS   float64 `toml:"zap_ns" min:"0" max:"1000000" doc:"private work of munmap for each page, under mmap_lock for read (assumed)"`
	FlushNS float64 `toml:"tlb_flush_ns" min:"0" max:"1000000" doc:"time in which munmap waits for the other CPUs of the mm to flush their TLB; those are not interrupted. No effect on processes (assumed)"`
}

func defaultTouching() Touching {
	return Touching{Fault: defaultFault(), Mapping: defaultMapping(), MMTouches: defaultMMTouches(), Pages: loopPages, ZapNS: 100, FlushNS: 2000}
}

// AnonFaults are the parameters of page_fault1.
type AnonFaults struct {
	Touching
	Merging
	PageTouches
}

func defaultAnonFaults() AnonFaults {
	return AnonFaults{Touching: defaultTouching(), Merging: Merging{true}, PageTouches: defaultPageTouches()}
}

// CowFaults are the parameters of page_fault2.
type CowFaults struct {
	Touching
	PageTouches
}

// A page of the thread's own file: looked up in the page cache, counted, locked.
const filePage = `
	load pick, [i_pages]
	shl slot, n, 3
	add slot, slot, i_pages
	load pick, [slot+64]          # the lowest node's entry
	shl slot, n, 6
	add slot, slot, folios
	rmw.add.4 _, [slot+52], 1     # folio_try_get
	rmw.or.acq _, [slot], 1       # folio_lock
`

const (
	unlockPage = "\n\trmw.and.rel _, [slot], -2     # folio_unlock\n"
	putPage    = "\n\trmw.add.4 _, [slot+52], -1    # folio_put\n"
)

// touchKind is what differs between page_fault1, 2 and 3.
type touchKind struct {
	merged  bool
	file    bool // faults find a page of the file
	private bool // faults allocate a page
}

// touchText is the program of a thread that maps, touches and unmaps. It begins
// with everything mapped.
func touchText(k touchKind) string {
	regs, served, touches, zapped := mmTouchRegs, faultServe, "", ""
	if k.private {
		regs += pageTouchRegs
		served = "slower:" + faultServe + faultAnon
		touches, zapped = pageTouches("alloc"), pageTouches("zap")
	}
	if k.merged {
		regs += "\trole target vm_area_struct\n"
	}
	var found, mapFile, unmapFile, unlocked string
	if k.file {
		regs += fileRegs + "\tin i_pages folios\n\treg slot\n"
		found, unlocked, mapFile, unmapFile = filePage, unlockPage, linkFile, unlinkFile
		if k.private {
			unlocked += putPage // the fault keeps its copy, and gives the file's page back
		} else {
			zapped += "\n\tshl slot, n, 6\n\tadd slot, slot, folios\n" + putPage
		}
	}
	return `
# A thread that maps memory, writes a byte to each of its pages, and unmaps it.
program page_fault
	role mm mm_struct
	role own vm_area_struct
	in base iterations rnd
	reg vma:vm_area_struct changed:mm_struct
	reg addr n held pick done
	param pages think_cycles work_cycles retry_share kernel_share map_cycles zap_cycles flush_cycles
` + regs + `
again:
	mov addr, base
	mov n, 0
touch:
	call rcu_qs()                 # back in user mode
	mix rnd, rnd
` + faultLock + served + tableTouch("alloc", bytesPerTable) + found + touches + rssTouch("map") + unlocked +
		faultUnlock + iterate + faultEnd + `
	add n, n, 1
	add addr, addr, 4096
	blt n, pages, touch likely
	mark begin munmap
` + unmapOp(k.merged, unmapFile, `
	mov n, 0
zap:
	work done, zap_cycles
	add n, n, done
`+zapped+rssTouch("zap")+tableTouch("zap", freesTable)+`
	add n, n, 1
	blt n, pages, zap likely
	work done, flush_cycles
	add changed, mm, done
`) + `
	mark end munmap
	mark begin mmap
` + mapOp(k.merged, mapFile) + `
	mark end mmap
	jump again
lost:
	halt
`
}

func (t *Touching) params(env *Env) map[string]int64 {
	values := t.Fault.params(env)
	t.Mapping.params(env, t.Pages, values)
	t.MMTouches.params(env, values)
	values["zap_cycles"] = env.CyclesNS(t.ZapNS)
	values["flush_cycles"] = t.flushCycles(env)
	return values
}

// flushCycles is how long other CPUs of the mm take to flush their TLB.
func (t *Touching) flushCycles(env *Env) int64 {
	if t.Mode == "threads" && env.Threads > 1 {
		return env.CyclesNS(t.FlushNS)
	}
	return 0
}

// touchers are threads that all run touchText, in a world that may get more objects.
type touchers struct {
	*Plan
	world *vmalock.World
	maps  []mapping
}

func newTouchers(env *Env, t *Touching, pages *PageTouches, merge, file bool) (*touchers, error) {
	k := touchKind{merged: t.merged(env, merge), file: file, private: pages != nil}
	lib, err := env.Lock.Library()
	if err != nil {
		return nil, err
	}
	w, maps := t.place(env, t.Pages, t.MapleDepth, k.merged)
	p := plan(env, w, "fault")
	p.Library = lib
	values := t.params(env)
	counter := "rss_stat[1]" // MM_ANONPAGES
	if !k.private {
		counter = "rss_stat[0]" // MM_FILEPAGES
	}
	if pages != nil {
		pages.params(env, values)
		pages.bind(env, w, p.Threads)
	}
	if file {
		bindFiles(w, p.Threads, t.Pages)
	}
	t.Mapping.bind(w, p.Threads, maps)
	t.MMTouches.bind(env, w, p.Threads, maps, counter)
	for i := range p.Threads {
		p.Threads[i].bindStream("rnd", i)
	}
	p.Programs = []Program{{Text: touchText(k), Params: values}}
	return &touchers{p, w, maps}, nil
}

// replace makes the first threads run another program, with no registers bound yet;
// op is the only region that counts from here on.
func (t *touchers) replace(first int, op string, by Program) {
	t.Ops = []string{op}
	t.Programs = append([]Program{by}, t.Programs...)
	for i := range t.Threads {
		if i < first {
			t.Threads[i].Bind = nil
		} else {
			t.Threads[i].Program++
		}
	}
}

// done is the plan, once everything is placed.
func (t *touchers) done() (*Plan, error) {
	t.Judge = t.world.Judge
	return t.finish(t.world)
}

// touchPlan is a plan in which every thread runs touchText.
func touchPlan(env *Env, t *Touching, pages *PageTouches, merge, file bool) (*Plan, error) {
	all, err := newTouchers(env, t, pages, merge, file)
	if err != nil {
		return nil, err
	}
	return all.done()
}

// bindFiles gives each thread a file of its own, all of it in the page cache.
func bindFiles(w *vmalock.World, threads []Thread, pages int) {
	for i := range threads {
		f := bindFile(w, &threads[i], i)
		threads[i].bind("i_pages", uint64(w.Space.NewRaw(f+".i_pages", 64+8*pages, 128)))
		threads[i].bind("folios", uint64(w.Space.NewRaw(f+".folios", 64*pages, 128)))
	}
}

// PageFault1 is will-it-scale's page_fault1: anonymous memory.
var PageFault1 = define(Kind{
	Name:   "page_fault1",
	Doc:    "will-it-scale page_fault1: map anonymous memory, write to every page, unmap; an operation is a page",
	Locks:  true,
	Params: func() any { p := defaultAnonFaults(); return &p },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*AnonFaults)
		return touchPlan(env, &p.Touching, &p.PageTouches, p.Merge, false)
	},
})

// PageFault2 is will-it-scale's page_fault2: a private mapping of the thread's own file.
var PageFault2 = define(Kind{
	Name:   "page_fault2",
	Doc:    "will-it-scale page_fault2: map a file of one's own privately, write to every page, unmap; an operation is a page",
	Locks:  true,
	Params: func() any { return &CowFaults{defaultTouching(), defaultPageTouches()} },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*CowFaults)
		return touchPlan(env, &p.Touching, &p.PageTouches, false, true)
	},
})

// PageFault3 is will-it-scale's page_fault3: a shared mapping of the thread's own file.
var PageFault3 = define(Kind{
	Name:   "page_fault3",
	Doc:    "will-it-scale page_fault3: map a file of one's own shared, write to every page, unmap; an operation is a page",
	Locks:  true,
	Params: func() any { t := defaultTouching(); return &t },
	Build: func(env *Env, params any) (*Plan, error) {
		return touchPlan(env, params.(*Touching), nil, false, true)
	},
})
