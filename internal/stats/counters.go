package stats

import "reflect"

// Run is what one simulation counted in its measured window: the input of
// [Run.Readings].
type Run struct {
	Window Window
	Total  Counters // the sum over all cores
}

// Window is the measured span of simulated time.
type Window struct {
	Cycles uint64 `metric:"sim.cycles" unit:"cycles" layer:"sim" doc:"core clock cycles of the window"`
	TimePS uint64 `metric:"sim.time_ps" unit:"ps" layer:"sim" internal:"yes" doc:"simulated time of the window"`
}

// Counters are the counts of one core; the machine's are their sum. To add a
// counter, add a field with its tags here: metric is its public name (dotted,
// lower case, never reused for another meaning), unit, layer, doc. A field
// with internal:"yes" feeds formulas and is not listed on its own.
type Counters struct {
	Ops   Ops
	CPU   CPU
	Cache Cache
	Coh   Coh
	Lock  Lock
}

// Ops counts operations as the user sees them: outermost marked regions.
type Ops struct {
	// Latency records every operation that ends in the window, so its count
	// is the number of operations.
	Latency Histogram `metric:"op.cycles" unit:"cycles" layer:"ops" internal:"yes" doc:"core cycles from begin to end of an operation"`
}

// CPU counts what a core's pipeline does.
type CPU struct {
	MemOps      uint64      `metric:"sim.memops" unit:"ops" layer:"sim" doc:"loads, stores and read-modify-writes retired"`
	Total       uint64      `metric:"cpu.cycles.total" unit:"cycles" layer:"cpu" doc:"cycles of all cores in the window; the causes sum to it exactly"`
	Cycles      CauseCycles `metric:"cpu.cycles" unit:"cycles" layer:"cpu"`
	Retired     uint64      `metric:"cpu.retired" unit:"ops" layer:"cpu" doc:"micro-ops retired, of every kind"`
	Squashes    uint64      `metric:"cpu.squashes" unit:"events" layer:"cpu" doc:"squashes because a line was lost before an early load retired"`
	Mispredicts uint64      `metric:"cpu.mispredicts" unit:"events" layer:"cpu" doc:"branches that went another way than predicted"`
	WrongPath   uint64      `metric:"cpu.wrong_path_loads" unit:"ops" layer:"cpu" doc:"loads issued on a path that was squashed; never in sim.memops"`
}

// Unaccounted is Total minus the sum of the causes: 0 in every correct run.
func (c *CPU) Unaccounted() int64 { return int64(c.Total - c.Cycles.Sum()) }

// Cache counts accesses and how misses are classified.
type Cache struct {
	L1Hits    uint64 `metric:"l1.hits" unit:"accesses" layer:"cache" doc:"accesses served by the L1"`
	L1Misses  uint64 `metric:"l1.misses" unit:"accesses" layer:"cache" better:"lower" doc:"accesses the L1 could not serve"`
	L2Hits    uint64 `metric:"l2.hits" unit:"accesses" layer:"cache" doc:"L1 misses served by the private L2"`
	L2Misses  uint64 `metric:"l2.misses" unit:"accesses" layer:"cache" better:"lower" doc:"L1 misses the private L2 could not serve"`
	LLCHits   uint64 `metric:"llc.hits" unit:"accesses" layer:"cache" doc:"requests whose data the last-level cache supplied"`
	LLCMisses uint64 `metric:"llc.misses" unit:"accesses" layer:"cache" better:"lower" doc:"requests whose data memory supplied"`

	Cold         uint64 `metric:"miss.cold" unit:"misses" layer:"cache" doc:"first access of this core to the line"`
	Capacity     uint64 `metric:"miss.capacity" unit:"misses" layer:"cache" doc:"the core itself had evicted the line"`
	Upgrade      uint64 `metric:"miss.upgrade" unit:"misses" layer:"cache" doc:"writes to a line held read-only"`
	TrueSharing  uint64 `metric:"miss.true_sharing" unit:"misses" layer:"cache" better:"lower" doc:"coherence misses on a copy that then read or wrote a word another core had written since the copy was lost"`
	FalseSharing uint64 `metric:"miss.false_sharing" unit:"misses" layer:"cache" better:"lower" doc:"coherence misses on a copy that never touched such a word: only neighbours in the line moved it"`
}

// Coh counts coherence traffic, charged to the core that caused it.
type Coh struct {
	GetS       uint64 `metric:"coh.gets" unit:"messages" layer:"coh" doc:"requests for a readable copy"`
	GetM       uint64 `metric:"coh.getm" unit:"messages" layer:"coh" doc:"requests for a writable copy with data"`
	Upgrade    uint64 `metric:"coh.upgrade" unit:"messages" layer:"coh" doc:"requests for write permission without data"`
	Inv        uint64 `metric:"coh.inv" unit:"messages" layer:"coh" better:"lower" doc:"invalidations sent"`
	Fwd        uint64 `metric:"coh.fwd" unit:"messages" layer:"coh" doc:"requests forwarded to an owner"`
	Writeback  uint64 `metric:"coh.writeback" unit:"messages" layer:"coh" doc:"dirty lines returned to their home"`
	Recall     uint64 `metric:"coh.recall" unit:"lines" layer:"coh" better:"lower" doc:"lines that a directory without room took back from all caches"`
	Far        uint64 `metric:"coh.far" unit:"messages" layer:"coh" doc:"atomic ops sent to their line's home, which performs them"`
	HitMLocal  uint64 `metric:"coh.hitm_local" unit:"misses" layer:"coh" better:"lower" doc:"misses that hit a line modified in another cache of the same socket"`
	HitMRemote uint64 `metric:"coh.hitm_remote" unit:"misses" layer:"coh" better:"lower" doc:"misses that hit a line modified in another socket"`

	OwnedOps   uint64 `metric:"line.owned_ops" unit:"ops" layer:"coh" internal:"yes" doc:"memory ops performed on a line between gaining and losing its ownership to another core"`
	Ownerships uint64 `metric:"line.ownerships" unit:"events" layer:"coh" internal:"yes" doc:"ownerships that another core ended"`
}

// Lock counts what the lock programs report through their exits and ghosts.
type Lock struct {
	ReadSuccess uint64 `metric:"lock.read.success" unit:"events" layer:"lock" doc:"read locks taken on the fast path"`
	ReadAbort   uint64 `metric:"lock.read.abort" unit:"events" layer:"lock" better:"lower" doc:"read attempts that found a writer and fell back"`
	ReadRetry   uint64 `metric:"lock.read.retry" unit:"events" layer:"lock" better:"lower" doc:"read attempts repeated because the object changed under them"`
	ReadMiss    uint64 `metric:"lock.read.miss" unit:"events" layer:"lock" doc:"read attempts that found no object"`
	ReadForeign uint64 `metric:"lock.read.foreign" unit:"events" layer:"lock" better:"lower" doc:"read attempts that counted themselves on a VMA that had become another mm's meanwhile, and fell back"`
	CASFailures uint64 `metric:"lock.cas.failures" unit:"events" layer:"lock" better:"lower" doc:"compare-and-swaps of lock words that lost a race"`
	Restarts    uint64 `metric:"lock.walk.restarts" unit:"events" layer:"lock" better:"lower" doc:"walks of a maple tree that found themselves in a replaced node and began again"`
	WriteVMAs   uint64 `metric:"lock.write.vmas" unit:"events" layer:"lock" doc:"VMAs write-locked, those included that the writer had locked already"`
	WriteWaits  uint64 `metric:"lock.write.waits" unit:"events" layer:"lock" better:"lower" doc:"writers that had to sleep until readers left"`
	Wakeups     uint64 `metric:"lock.wakeups" unit:"events" layer:"lock" doc:"sleepers woken"`
	Interrupted uint64 `metric:"lock.interrupted" unit:"events" layer:"lock" doc:"waits for a lock that a fatal signal ended (-EINTR)"`
	Spurious    uint64 `metric:"lock.wakeups.spurious" unit:"events" layer:"lock" better:"lower" doc:"wake-ups that found nothing to do and slept again"`
	Warnings    uint64 `metric:"lock.warnings" unit:"events" layer:"lock" better:"lower" doc:"assertions of the kernel that failed (WARN_ON, saturated counts, lockdep)"`
}

// Named is the counter that a program's "count NAME" feeds, nil if there is none.
func (l *Lock) Named(metric string) *uint64 {
	if i, ok := lockCounters[metric]; ok {
		return reflect.ValueOf(l).Elem().Field(i).Addr().Interface().(*uint64)
	}
	return nil
}

// lockCounters are the fields of Lock by their metrics: every core of every run asks.
var lockCounters = func() map[string]int {
	fields := map[string]int{}
	t := reflect.TypeFor[Lock]()
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("metric")] = i
	}
	return fields
}()

// derived are the metrics computed on output from the counters above.
var derived = []Derived{
	{Metric: Metric{Name: "sim.time_ns", Unit: "ns", Layer: "sim", Doc: "simulated time of the window"},
		Num: []string{"sim.time_ps"}, Div: 1000},
	{Metric: Metric{Name: "ops.count", Unit: "ops", Layer: "ops", Doc: "operations completed in the window: outermost marked regions that ended in it"},
		Num: []string{"op.cycles.count"}},
	{Metric: Metric{Name: "ops.per_second", Unit: "ops/s", Layer: "ops", Better: "higher", Doc: "operations per second of simulated time, all cores together"},
		Num: []string{"op.cycles.count"}, Den: []string{"sim.time_ps"}, Scale: 1e12},
	{Metric: Metric{Name: "op.cycles.mean", Unit: "cycles", Layer: "ops", Better: "lower", Doc: "mean duration of an operation in core cycles"},
		Num: []string{"op.cycles.sum"}, Den: []string{"op.cycles.count"}},
	{Metric: Metric{Name: "op.memops.mean", Unit: "ops", Layer: "ops", Better: "lower", Doc: "loads, stores and read-modify-writes retired for each operation, those between operations included"},
		Num: []string{"sim.memops"}, Den: []string{"op.cycles.count"}},
	{Metric: Metric{Name: "op.retired.mean", Unit: "ops", Layer: "ops", Better: "lower", Doc: "micro-ops retired for each operation, those between operations included"},
		Num: []string{"cpu.retired"}, Den: []string{"op.cycles.count"}},
	{Metric: Metric{Name: "op.cycles.p50", Unit: "cycles", Layer: "ops", Better: "lower", Doc: "median duration of an operation, exact below 128 cycles, from there on within 1.6 %"},
		Of: "op.cycles", Quantile: [2]uint64{50, 100}},
	{Metric: Metric{Name: "op.cycles.p99", Unit: "cycles", Layer: "ops", Better: "lower", Doc: "duration that 99 % of operations do not exceed, exact below 128 cycles, from there on within 1.6 %"},
		Of: "op.cycles", Quantile: [2]uint64{99, 100}},
	{Metric: Metric{Name: "coh.hitm", Unit: "misses", Layer: "coh", Better: "lower", Doc: "misses that hit a line modified in another cache"},
		Num: []string{"coh.hitm_local", "coh.hitm_remote"}},
	{Metric: Metric{Name: "line.run_length.mean", Unit: "ops", Layer: "coh", Better: "higher", Doc: "memory ops performed on a line per ownership, over ownerships that another core ended"},
		Num: []string{"line.owned_ops"}, Den: []string{"line.ownerships"}},
}
