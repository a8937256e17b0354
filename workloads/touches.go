package workloads

import (
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// PageTouches are the words of the whole machine that allocating and freeing a
// page touches now and then: each CPU keeps a stock of what they guard.
type PageTouches struct {
	ZoneBatch  int     `toml:"zone_batch_pages" min:"1" max:"1000000000" doc:"pages that a CPU moves at a time between its own list and the zone's, under zone->lock (63 on a machine of 24 GiB)"`
	LRUBatch   int     `toml:"lru_batch_pages" min:"1" max:"1000000000" doc:"pages that a CPU puts on the LRU lists, or takes off them, at a time, under lru_lock (PAGEVEC_SIZE)"`
	MemcgBatch int     `toml:"memcg_batch_pages" min:"1" max:"1000000000" doc:"pages that a CPU charges at a time to the memory cgroup's page_counter (MEMCG_CHARGE_BATCH)"`
	BatchNS    float64 `toml:"batch_hold_ns" min:"0" max:"1000000" doc:"private work under zone->lock and under lru_lock (assumed)"`
}

// MMTouches are the words of the mm that a page touches now and then.
type MMTouches struct {
	RSSBatch   int `toml:"rss_batch_pages" min:"0" max:"1000000000" doc:"pages that a CPU counts before it adds them to mm.rss_stat under its lock; 0 is the kernel's max(32, 2 for each of run.cores)"`
	TablePages int `toml:"table_pages" min:"1" max:"1000000000" doc:"pages of a page table, each of which is counted in mm.pgtables_bytes and put in place under a lock of the 1 GiB around it"`
}

func defaultPageTouches() PageTouches {
	return PageTouches{ZoneBatch: 63, LRUBatch: 31, MemcgBatch: 64, BatchNS: 500}
}

func defaultMMTouches() MMTouches { return MMTouches{TablePages: 512} }

// rssBatch is percpu_counter_batch.
func (t *MMTouches) rssBatch(env *Env) int {
	if t.RSSBatch > 0 {
		return t.RSSBatch
	}
	cpus := env.Cores
	if cpus == 0 {
		cpus = env.Threads
	}
	return max(32, 2*cpus)
}

// every is code that does body in every batch-th pass; left counts down to it. Both
// are registers or params, and labels begin with label.
func every(label, left, batch, body string) string {
	return fill(`
	sub {LEFT}, {LEFT}, 1
	bne {LEFT}, 0, {L}_later likely
	mov {LEFT}, {BATCH}
{BODY}
{L}_later:
`, "LEFT", left, "BATCH", batch, "BODY", body, "L", label)
}

// section is code that takes the spin lock, does body under it, which leaves done 0
// when it ends, and lets go. The kernel's spinners form a queue; these watch the word.
func section(label, lock, body string) string {
	return fill(`
	preempt.off
{L}_try:
	cas.acq.4 pick, [{LOCK}], 0, 1
	beq pick, 0, {L}_got likely
	wait.eq.4 pick, [{LOCK}], 0
	jump {L}_try
{L}_got:
{BODY}
	store.rel.4 [{LOCK}], done
	preempt.on
`, "LOCK", lock, "BODY", body, "L", label)
}

// pageTouches is what one page costs the machine at large, allocated or freed.
func pageTouches(label string) string {
	const hold = "\twork done, batch_cycles"
	return every(label+"_memcg", "memcg_left", "memcg_batch", "\trmw.add.acqrel _, [memcg], memcg_batch") +
		every(label+"_zone", "zone_left", "zone_batch", section(label+"_zone", "zone", hold)) +
		every(label+"_lru", "lru_left", "lru_batch", section(label+"_lru", "lru", hold))
}

// rssTouch is what one page costs the mm, mapped or unmapped.
func rssTouch(label string) string {
	return every(label+"_rss", "rss_left", "rss_batch", section(label+"_rss", "rss_lock", `
	load done, [rss_count]
	add done, done, rss_batch
	store [rss_count], done
	mov done, 0`))
}

// tableTouch is what a page table costs, allocated or freed, at the first page n of
// those it holds.
func tableTouch(label, bytes string) string {
	return fill(`
	rem pick, n, table_pages
	bne pick, 0, {L}_there likely
	rmw.add _, [mm.pgtables_bytes], {BYTES}
`, "L", label, "BYTES", bytes) + section(label+"_pmd", "pmd_lock", "\tmov done, 0") + label + "_there:\n"
}

const (
	pageTouchRegs   = "\tin zone lru memcg zone_left lru_left memcg_left\n\tparam zone_batch lru_batch memcg_batch batch_cycles\n"
	mmTouchRegs     = "\tin rss_lock rss_count rss_left pmd_lock\n\tparam rss_batch table_pages\n"
	bytesPerTable   = "4096"
	freesTable      = "-4096"
	pageTableRegion = 1 << 30 // what the page table above page tables covers
)

func (t *PageTouches) params(env *Env, values map[string]int64) {
	values["zone_batch"] = int64(t.ZoneBatch)
	values["lru_batch"] = int64(t.LRUBatch)
	values["memcg_batch"] = int64(t.MemcgBatch)
	values["batch_cycles"] = env.CyclesNS(t.BatchNS)
}

func (t *MMTouches) params(env *Env, values map[string]int64) {
	values["rss_batch"] = int64(t.rssBatch(env))
	values["table_pages"] = int64(t.TablePages)
}

// shared places a word on a line of its own, and of its own pair of lines.
func shared(w *vmalock.World, name string) mem.Addr {
	return w.Space.NewRaw(name, 2*mem.LineBytes, 2*mem.LineBytes)
}

// left is how many passes a thread is from its next touch when it starts: CPUs have
// used up different parts of their stocks.
func left(env *Env, thread, batch int) uint64 {
	return 1 + env.stream(env.Threads+thread)%uint64(batch)
}

// bind gives the threads of a plan the machine's words.
func (t *PageTouches) bind(env *Env, w *vmalock.World, threads []Thread) {
	zone, lru, memcg := shared(w, "zone.lock"), shared(w, "lruvec.lru_lock"), shared(w, "memcg.page_counter")
	for i := range threads {
		th := &threads[i]
		th.bind("zone", uint64(zone))
		th.bind("lru", uint64(lru))
		th.bind("memcg", uint64(memcg))
		th.bind("zone_left", left(env, i, t.ZoneBatch))
		th.bind("lru_left", left(env, i, t.LRUBatch))
		th.bind("memcg_left", left(env, i, t.MemcgBatch))
	}
}

// bind gives the threads of a plan the words of their mms. counter says which of
// rss_stat counts the pages.
func (t *MMTouches) bind(env *Env, w *vmalock.World, threads []Thread, maps []mapping, counter string) {
	type region struct {
		mm mem.Addr
		at uint64
	}
	locks := map[region]mem.Addr{} // looked up, never iterated
	for i := range threads {
		m, th := maps[i], &threads[i]
		at := region{m.mm, m.base / pageTableRegion}
		if locks[at] == 0 {
			locks[at] = shared(w, w.Space.Symbol(m.mm)+".pmd_lock["+hex(at.at)+"]")
		}
		lock, _ := w.Field(m.mm, "mm_struct", counter+".lock")
		count, _ := w.Field(m.mm, "mm_struct", counter+".count")
		th.bind("pmd_lock", uint64(locks[at]))
		th.bind("rss_lock", uint64(lock))
		th.bind("rss_count", uint64(count))
		th.bind("rss_left", left(env, i, t.rssBatch(env)))
	}
}
