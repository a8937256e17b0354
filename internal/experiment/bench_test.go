package experiment

import (
	"fmt"
	"io"
	"testing"

	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

// BenchmarkSweepOverhead is what a sweep of many short runs costs beside simulating
// them: loading and checking its points, records, and the result in json. It says
// how much of all CPU time that is, and how much a run. What the collector does is
// divided as it falls.
func BenchmarkSweepOverhead(b *testing.B) {
	for _, ns := range []int{20_000, 200_000} {
		b.Run(fmt.Sprintf("measure_ns=%d", ns), func(b *testing.B) {
			var all, runs int64
			jobs := 0
			for range b.N {
				begin := cpuTime()
				e, err := LoadText("bench.toml", fmt.Appendf(nil, `machine = "zen5-epyc"
[workload]
kind = "fault_same_vma"
[run]
warmup_ns = 20000
measure_ns = %d
[sweep]
"run.cores" = [1, 2, 4, 8]
"workload.think_ns" = { from = 10, to = 250, step = 10 }
`, ns), Overrides{})
				if err != nil {
					b.Fatal(err)
				}
				plan, err := e.Plan()
				if err != nil {
					b.Fatal(err)
				}
				store := sweep.NewStore(b.TempDir())
				if err := store.Create(); err != nil {
					b.Fatal(err)
				}
				a, err := OpenArchive(store, plan)
				if err != nil {
					b.Fatal(err)
				}
				doc, _, err := e.Run(b.Context(), Options{Archive: a})
				if err != nil {
					b.Fatal(err)
				}
				if err := report.WriteJSON(io.Discard, doc); err != nil {
					b.Fatal(err)
				}
				all += int64(cpuTime() - begin)
				begin = cpuTime()
				for i := range plan.Runs {
					p, seed := e.run(i)
					if _, err := e.simulate(p, seed, false); err != nil {
						b.Fatal(err)
					}
				}
				runs += int64(cpuTime() - begin)
				jobs += len(plan.Runs)
			}
			b.ReportMetric(100*float64(all-runs)/float64(all), "overhead-%")
			b.ReportMetric(float64(all-runs)/float64(jobs)/1e6, "overhead-ms/run")
			b.ReportMetric(float64(runs)/float64(jobs)/1e6, "simulation-ms/run")
		})
	}
}
