package workloads_test

import (
	"slices"
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
	"cohsim/vmalock/interp"
	"cohsim/workloads"
)

// accesses runs a kind and returns, per word, the operations on it by thread.
type accesses struct {
	*run
	env    *workloads.Env
	writes map[string][]int // by symbol: read-modify-writes and stores of each thread
	lines  []map[uint64]bool
}

func watch(t *testing.T, kind string, threads int, set func(p any)) *accesses {
	t.Helper()
	k, ok := workloads.Find(kind)
	if !ok {
		t.Fatalf("no kind %s", kind)
	}
	p := k.Params()
	set(p)
	e := env(t, vmalock.VMRefcnt, cpu.X86_64, threads)
	plan, err := k.Build(e, p)
	if err != nil {
		t.Fatal(err)
	}
	a := &accesses{run: start(t, e, plan), env: e, writes: map[string][]int{}}
	for range threads {
		a.lines = append(a.lines, map[uint64]bool{})
	}
	a.m.OnAccess = func(x interp.Access) {
		a.lines[x.Thread][x.Addr.Line()] = true
		if x.Op.Code == cpu.Load {
			return
		}
		name := e.Space.Symbol(x.Addr)
		if a.writes[name] == nil {
			a.writes[name] = make([]int, threads)
		}
		a.writes[name][x.Thread]++
	}
	return a
}

// until runs thread 0 alone until it has completed n operations.
func (a *accesses) until(t *testing.T, n int) {
	t.Helper()
	for a.ops[0] < n {
		if _, err := a.m.Step(0); err != nil {
			t.Fatal(err)
		}
	}
}

// sharedRefcnts are the vm_refcnt words that more than one thread writes.
func (a *accesses) sharedRefcnts() []string {
	var out []string
	for name, by := range a.writes {
		writers := 0
		for _, n := range by {
			if n > 0 {
				writers++
			}
		}
		if strings.HasSuffix(name, ".vm_refcnt") && writers > 1 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func TestMergedMappingsHaveOneCountThatAllThreadsWrite(t *testing.T) {
	for merge, want := range map[bool]int{true: 1, false: 0} {
		a := watch(t, "page_fault1", 3, func(p any) {
			f := p.(*workloads.AnonFaults)
			f.Merge, f.Pages = merge, 6
		})
		a.steps(t, 30000)
		if got := a.sharedRefcnts(); len(got) != want {
			t.Errorf("merge = %t: %d counts are written by several threads: %v", merge, len(got), got)
		}
	}
}

func TestThreadsOnFilesOfTheirOwnShareNoCount(t *testing.T) {
	for _, kind := range []string{"page_fault2", "page_fault3", "mmap2"} {
		a := watch(t, kind, 3, func(p any) {
			switch f := p.(type) {
			case *workloads.CowFaults:
				f.Pages = 6
			case *workloads.Touching:
				f.Pages = 6
			}
		})
		a.steps(t, 30000)
		if got := a.sharedRefcnts(); len(got) != 0 {
			t.Errorf("%s: %v are written by several threads", kind, got)
		}
		for name, by := range a.writes {
			if strings.HasPrefix(name, "file[") && slices.Max(by) != by[0]+by[1]+by[2] {
				t.Errorf("%s: %s is written by several threads: %v", kind, name, by)
			}
		}
	}
}

func TestProcessesShareWordsOfTheMachineAndNoneOfAnMM(t *testing.T) {
	for _, kind := range []string{"page_fault1", "page_fault2", "page_fault3", "mmap1", "mmap2"} {
		a := watch(t, kind, 3, func(p any) {
			switch f := p.(type) {
			case *workloads.AnonFaults:
				f.Mode, f.Pages = "processes", 5
			case *workloads.CowFaults:
				f.Mode, f.Pages = "processes", 5
			case *workloads.Touching:
				f.Mode, f.Pages = "processes", 5
			case *workloads.MmapAnon:
				f.Mode = "processes"
			case *workloads.Mmap:
				f.Mode = "processes"
			}
		})
		a.steps(t, 60000)
		shared := map[string]bool{}
		for line := range a.lines[0] {
			if a.lines[1][line] || a.lines[2][line] {
				name, _, _ := strings.Cut(a.env.Space.Symbol(mem.Addr(line*mem.LineBytes)), "+")
				shared[name] = true
			}
		}
		for name := range shared {
			if strings.HasPrefix(name, "rcu_state.") || strings.HasPrefix(name, "task[") {
				delete(shared, name) // grace periods are everybody's
			} else if name != "zone.lock" && name != "lruvec.lru_lock" && name != "memcg.page_counter" {
				t.Errorf("%s: processes share %s", kind, name)
			}
		}
		if touches := kind == "page_fault1" || kind == "page_fault2"; touches != (len(shared) == 3) {
			t.Errorf("%s: processes share %v", kind, shared)
		}
	}
}

func TestATouchComesExactlyOnceABatch(t *testing.T) {
	for _, c := range []struct {
		word, clock string // the clock is touched at every page
		batch       int
		set         func(f *workloads.AnonFaults)
	}{
		{"zone.lock", "memcg.page_counter", 7, func(f *workloads.AnonFaults) { f.ZoneBatch, f.MemcgBatch = 7, 1 }},
		{"zone.lock", "memcg.page_counter", 63, func(f *workloads.AnonFaults) { f.MemcgBatch = 1 }},
		{"lruvec.lru_lock", "memcg.page_counter", 31, func(f *workloads.AnonFaults) { f.MemcgBatch = 1 }},
		{"memcg.page_counter", "zone.lock", 64, func(f *workloads.AnonFaults) { f.ZoneBatch = 1 }},
		{"mm.rss_stat[1].lock", "zone.lock", 32, func(f *workloads.AnonFaults) { f.ZoneBatch = 1 }},
		{"mm.rss_stat[1].count", "zone.lock", 5, func(f *workloads.AnonFaults) { f.ZoneBatch, f.RSSBatch = 1, 5 }},
	} {
		a := watch(t, "page_fault1", 1, func(p any) {
			f := p.(*workloads.AnonFaults)
			f.Pages = 40
			c.set(f)
		})
		var at []int // what the clock showed at each touch
		pages := 0
		a.m.OnAccess = func(x interp.Access) {
			if x.Op.Code != cpu.RMW && a.env.Space.Symbol(x.Addr) != "mm.rss_stat[1].count" || x.Op.Code == cpu.Load {
				return
			}
			switch a.env.Space.Symbol(x.Addr) {
			case c.clock:
				pages++
			case c.word:
				at = append(at, pages)
			}
		}
		a.until(t, 400)
		if len(at) < (400+360)/c.batch-1 { // 360 have been freed
			t.Errorf("%s every %d: %d touches", c.word, c.batch, len(at))
		}
		for i := 1; i < len(at); i++ {
			if at[i]-at[i-1] != c.batch {
				t.Fatalf("%s every %d: touches at %v pages", c.word, c.batch, at)
			}
		}
	}
}

func (a *accesses) sum(word string) int {
	n := 0
	for _, by := range a.writes[word] {
		n += by
	}
	return n
}

func TestEveryPageTableIsCountedWhenItComesAndGoes(t *testing.T) {
	a := watch(t, "page_fault1", 1, func(p any) {
		f := p.(*workloads.AnonFaults)
		f.Pages, f.TablePages = 20, 8
	})
	a.until(t, 1)
	if got := a.sum("mm.pgtables_bytes"); got != 1 {
		t.Errorf("%d page tables for the first page, want 1", got)
	}
	a.until(t, 20)
	if got := a.sum("mm.pgtables_bytes"); got != 3 {
		t.Errorf("%d page tables for 20 pages, 8 to each, want 3", got)
	}
	a.until(t, 21)
	if got := a.sum("mm.pgtables_bytes"); got != 3+3+1 {
		t.Errorf("%d changes of pgtables_bytes after munmap and another page, want 7", got)
	}
}

func TestIterationsAreCounted256BytesApart(t *testing.T) {
	a := watch(t, "mmap1", 3, func(any) {})
	a.steps(t, 40000)
	for i, name := range []string{"iterations", "iterations+256", "iterations+512"} {
		by := a.writes[name]
		if by == nil || by[0]+by[1]+by[2] != by[i] || by[i]-a.ops[i] < 0 || by[i]-a.ops[i] > 1 {
			t.Errorf("%s is written %v times; thread %d has completed %d pairs", name, by, i, a.ops[i])
		}
	}
}

// perOp is what thread 0 writes to a word in each of its operations, once it has
// done some.
func (a *accesses) perOp(t *testing.T, word string) int {
	t.Helper()
	a.until(t, 3)
	before := a.sum(word)
	a.until(t, 5)
	if got := a.sum(word) - before; got%2 == 0 {
		return got / 2
	}
	t.Errorf("%s is not written equally often in each operation", word)
	return 0
}

func TestForkWriteLocksBothMMsAndEveryVMAOfTheParent(t *testing.T) {
	storm := func() *accesses {
		return watch(t, "fork_storm", 1, func(p any) { p.(*workloads.ForkStorm).VMAs = 6 })
	}
	vmas := 0
	for _, o := range storm().env.Space.Objects() {
		if !strings.HasPrefix(o.Name, "vma[") {
			continue
		}
		vmas++
		// Seven VMAs of the parent; then those of the child, which are initialised
		// and write-locked when they come, and write-locked when they go.
		want := 1
		if vmas > 7 {
			want = 3
		}
		if got := storm().perOp(t, o.Name+".vm_lock_seq"); got != want {
			t.Errorf("%s.vm_lock_seq is written %d times a fork, want %d", o.Name, got, want)
		}
	}
	if vmas != 14 {
		t.Errorf("%d VMAs, want 7 of the parent and as many of the child", vmas)
	}
	// Twice for each time that it is held for write.
	for word, want := range map[string]int{"mm.mm_lock_seq.sequence": 2, "mm[1].mm_lock_seq.sequence": 4} {
		if got := storm().perOp(t, word); got != want {
			t.Errorf("%s is written %d times a fork, want %d", word, got, want)
		}
	}
}

func TestAReaderOfMapsReadLocksEveryVMAOnceAPass(t *testing.T) {
	for _, vma := range []string{"vma[0]", "vma[5]", "vma[6]"} {
		a := watch(t, "proc_maps_reader", 1, func(p any) { p.(*workloads.MapsReaders).VMAs = 6 })
		if got := a.perOp(t, vma+".vm_refcnt"); got != 2 {
			t.Errorf("%s.vm_refcnt is written %d times a pass, want 2: get and put", vma, got)
		}
		if got := a.perOp(t, "mm.mmap_lock.count"); got != 0 {
			t.Errorf("mmap_lock is taken %d times a pass", got)
		}
	}
}
