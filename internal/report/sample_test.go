package report

import (
	"encoding/json"
	"slices"

	"cohsim/internal/stats"
)

// sampleDoc is a made-up sweep: locks over cores, with seeds.
func sampleDoc(locks []string, cores []int, seeds int) *Document {
	d := &Document{Engine: 1, ConfigHash: "3f2a91c0d4e5b6a7", Config: json.RawMessage(`{"name":"fault-storm","machine":"zen5-epyc"}`)}
	for _, n := range cores {
		for l, lock := range locks {
			for seed := range seeds {
				var r stats.Run
				r.Window = stats.Window{Cycles: 740_000, TimePS: 200_000_000}
				k := uint64(n)
				ops := 900*k*(10+3*uint64(l))/(10+k*k/uint64(1+2*l)) + uint64(seed*7*(n%5))
				for i := range ops {
					r.Total.Ops.Latency.Record(740_000*k/ops + i%37)
				}
				c := &r.Total
				c.CPU.MemOps, c.CPU.Retired, c.CPU.Total = ops*14, ops*61, 740_000*k
				c.CPU.Cycles[stats.Issue] = 200_000 * k
				c.CPU.Cycles[stats.Near] = 340_000*k - 13*ops
				c.CPU.Cycles[stats.Atomic] = 200_000 * k
				c.CPU.Cycles[stats.Idle] = 13 * ops
				c.Cache.L1Hits, c.Cache.L1Misses = ops*12, ops*2
				c.Cache.TrueSharing, c.Cache.FalseSharing = ops*3/2, ops/2
				c.Coh.HitMLocal, c.Coh.GetM = ops*(k-1)/k, ops*2
				c.Coh.OwnedOps, c.Coh.Ownerships = ops*9, ops*2*(k-1)/k
				c.Lock.ReadSuccess, c.Lock.CASFailures = ops, ops*(k-1)/17
				cv, _ := ScalarOf(n)
				d.Records = append(d.Records, Record{
					Point:   []Axis{{"run.cores", cv}, {"lock", Text(lock)}},
					Seed:    uint64(seed + 1),
					Metrics: sampleReadings(&r),
				})
			}
		}
	}
	return d
}

// sampleReadings are metrics of every layer, and not all: a new one is no matter of
// this package.
func sampleReadings(r *stats.Run) []stats.Reading {
	return slices.DeleteFunc(r.Readings("l2."), func(m stats.Reading) bool {
		return !slices.Contains([]string{"sim.cycles", "sim.memops", "sim.time_ns", "ops.count", "ops.per_second",
			"op.cycles.mean", "op.cycles.p50", "op.cycles.p99", "cpu.cycles.total", "cpu.cycles.issue", "cpu.cycles.l1",
			"cpu.cycles.near", "cpu.cycles.atomic", "cpu.cycles.idle", "cpu.retired", "l1.hits", "l1.misses", "l2.hits", "l2.misses",
			"miss.cold", "miss.true_sharing", "miss.false_sharing", "coh.getm", "coh.hitm_local", "coh.hitm_remote", "coh.hitm",
			"line.run_length.mean", "lock.read.success", "lock.read.retry", "lock.cas.failures"}, m.Name)
	})
}

var (
	quickLocks = []string{"mmap_lock", "vm_refcnt", "refcount on own line", "refcount beside vm_lock_seq"}
	quickSpec  = Spec{Rows: "run.cores", Columns: []string{"lock"}, Value: []string{"ops.per_second"}, Baseline: "mmap_lock"}
)
