package experiment

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"cohsim/internal/report"
)

// BenchmarkSweepOverhead is what a sweep of 1,000 short runs costs beside simulating
// them: loading, checking and linking its points, building machines, storing records,
// and the result in every format. It says how much of the sweep's CPU time that is, and
// how much a run, for points that differ in the machine, in the programs, and in
// nothing but the seed; and how busy two workers keep the host's CPUs, which says
// something only on an idle host. Unlike the command it runs with the collector's own
// pace.
func BenchmarkSweepOverhead(b *testing.B) {
	for _, bench := range []struct{ name, run, axes string }{
		{"machines", "", `"machine.fabric.near.snoop_ns" = { from = 5, to = 20, step = 0.06024 }`},
		{"programs", "", `"workload.think_ns" = { from = 10, to = 2500, step = 10 }`},
		{"seeds", "seeds = [" + numbers(250) + "]", ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			text := fmt.Appendf(nil, `machine = "zen5-epyc"
[workload]
kind = "fault_same_vma"
[run]
warmup_ns = 20000
measure_ns = 300000
%s
[sweep]
"run.cores" = [1, 2, 4, 8]
%s
[report]
rows = "run.cores"
value = "ops.per_second"
`, bench.run, bench.axes)
			var all, runs, busy, wall time.Duration
			jobs := 0
			for range b.N {
				n, sim, total := oneByOne(b, text)
				jobs, runs, all = jobs+n, runs+sim, all+total
				begin, start := cpuTime(), time.Now()
				e, a := open(b, text)
				doc, _, err := e.Run(b.Context(), Options{Archive: a})
				if err != nil {
					b.Fatal(err)
				}
				print(b, e, doc)
				busy, wall = busy+cpuTime()-begin, wall+time.Since(start)
			}
			b.ReportMetric(float64(jobs/b.N), "runs")
			b.ReportMetric(100*float64(all-runs)/float64(all), "overhead-%")
			b.ReportMetric(float64(all-runs)/float64(jobs)/1e6, "overhead-ms/run")
			b.ReportMetric(float64(runs)/float64(jobs)/1e6, "simulation-ms/run")
			b.ReportMetric(100*float64(busy)/float64(wall)/float64(runtime.GOMAXPROCS(0)), "busy-%")
		})
	}
}

// oneByOne is a sweep in which the CPU time of each simulation is taken apart. It says
// how many runs there were, what simulating them took, and what everything took.
func oneByOne(b *testing.B, text []byte) (n int, simulating, all time.Duration) {
	begin := cpuTime()
	e, a := open(b, text)
	for i := range a.Plan.Runs {
		p, seed := e.run(i)
		m, err := e.build(p, seed, false)
		if err != nil {
			b.Fatal(err)
		}
		start := cpuTime()
		res, err := m.Simulate()
		if err != nil {
			b.Fatal(err)
		}
		simulating += cpuTime() - start
		e.used.give(m)
		r := &report.Record{Point: a.Plan.Runs[i].Point, Seed: uint64(seed), Metrics: res.Run.Readings(absent(p.Config)...)}
		if err := a.keep(i, r); err != nil {
			b.Fatal(err)
		}
		a.records[i] = r
	}
	print(b, e, a.Document())
	return len(a.Plan.Runs), simulating, cpuTime() - begin
}

func open(b *testing.B, text []byte) (*Experiment, *Archive) {
	e, err := LoadText("bench.toml", text, Overrides{})
	if err != nil {
		b.Fatal(err)
	}
	plan, err := e.Plan()
	if err != nil {
		b.Fatal(err)
	}
	a, err := CreateArchive(b.TempDir(), plan)
	if err != nil {
		b.Fatal(err)
	}
	return e, a
}

// print makes the tables and files of a result.
func print(b *testing.B, e *Experiment, doc *report.Document) {
	for _, format := range report.Formats() {
		if err := report.Write(io.Discard, format, doc, e.Reports, report.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// numbers are 1, 2, …, n.
func numbers(n int) string {
	s := "1"
	for i := 2; i <= n; i++ {
		s += fmt.Sprint(", ", i)
	}
	return s
}
