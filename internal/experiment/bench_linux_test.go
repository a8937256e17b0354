package experiment

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"
	"time"

	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

// BenchmarkSweepOverhead is what a sweep of 1,000 short runs costs beside simulating
// them: loading, checking and linking its points, building machines, storing records,
// and the result in every format, with the collector at the command's pace. It says for
// the quickstart with 34 seeds, and for runs of a third of its length, of points that
// differ in the machine, in the programs, and in nothing but the seed,
//   - how much of the sweep's CPU time that is, how much a run, what of it are the points
//     up to the plan, building the machine, the records, the results in every format and
//     the collector's work, and from which length of a run on it is less than 2 %, all on
//     one CPU;
//   - how busy the workers of a sweep with one for each CPU are: the time in which they
//     have a run to work on, of all time from the config to the printed result. It says
//     the same on a host that has other work, which only the CPU time per wall time shows.
func BenchmarkSweepOverhead(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	short := func(run, axes string) string {
		return fmt.Sprintf(`machine = "zen5-epyc"
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
`, run, axes)
	}
	quickstart, err := os.ReadFile("../../configs/quickstart.toml")
	if err != nil {
		b.Fatal(err)
	}
	seeds := func(n int) string { return "seeds = [" + numbers(n) + "]" }
	for _, bench := range []struct{ name, text string }{
		{"quickstart", strings.Replace(string(quickstart), "seeds = [1, 2, 3]", seeds(34), 1)},
		{"machines", short("", `"machine.fabric.near.snoop_ns" = { from = 5, to = 20, step = 0.06024 }`)},
		{"programs", short("", `"workload.think_ns" = { from = 10, to = 2500, step = 10 }`)},
		{"seeds", short(seeds(250), "")},
	} {
		b.Run(bench.name, func(b *testing.B) {
			text := []byte(bench.text)
			var sum phases
			var busy, cpu, wall time.Duration
			jobs := 0
			for range b.N {
				jobs += oneByOne(b, text, &sum)
				begin, start := cpuTime(), time.Now()
				e, a := open(b, text)
				var cost CheckCost
				doc, _, err := e.Run(b.Context(), Options{Archive: a, Cost: &cost})
				if err != nil {
					b.Fatal(err)
				}
				finish(b, e, a, doc)
				busy, cpu, wall = busy+cost.Runs, cpu+cpuTime()-begin, wall+time.Since(start)
			}
			workers := time.Duration(runtime.GOMAXPROCS(0))
			if jobs < 1000*b.N {
				b.Fatalf("%d runs", jobs/b.N)
			}
			b.ReportMetric(float64(jobs/b.N), "runs")
			each := func(d time.Duration) float64 { return float64(d) / float64(jobs) / 1e6 }
			over := sum.points + sum.building + sum.recording + sum.results + sum.collecting
			b.ReportMetric(100*float64(over)/float64(over+sum.simulating), "overhead-%")
			b.ReportMetric(each(over), "overhead-ms/run")
			b.ReportMetric(each(sum.points), "of-it-points-ms/run")
			b.ReportMetric(each(sum.building), "of-it-machine-ms/run")
			b.ReportMetric(each(sum.recording), "of-it-records-ms/run")
			b.ReportMetric(each(sum.results), "of-it-results-ms/run")
			b.ReportMetric(each(sum.collecting), "of-it-collector-ms/run")
			b.ReportMetric(each(sum.simulating), "simulation-ms/run")
			b.ReportMetric(49*each(over), "ms/run-for-2%")
			b.ReportMetric(100*float64(busy)/float64(wall*workers), "busy-%")
			b.ReportMetric(100*float64(cpu)/float64(wall*workers), "cpu-per-wall-%")
		})
	}
}

// phases are where a sweep's CPU time goes. The Go scheduler's own is in none of them: that
// of a goroutine with a thread of its own, as here, is no measure of the command's.
type phases struct {
	points, building, simulating, recording time.Duration // of the thread that works
	results                                 time.Duration // of all threads
	collecting                              time.Duration // of the collector until the results
}

// oneByOne is a sweep in which the CPU time of each phase is taken apart, and added to
// sum. It says how many runs there were. It has one CPU, since the collector takes others
// that are idle, which is no cost.
func oneByOne(b *testing.B, text []byte, sum *phases) int {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	gc, last := collectorTime(), threadTime(b)
	lap := func(phase *time.Duration) {
		now := threadTime(b)
		*phase += now - last
		last = now
	}
	e, a := open(b, text)
	lap(&sum.points)
	for i := range a.Plan.Runs {
		p, seed := e.run(i)
		m, err := e.build(p, seed, false)
		if err != nil {
			b.Fatal(err)
		}
		lap(&sum.building)
		res, err := m.Simulate()
		if err != nil {
			b.Fatal(err)
		}
		lap(&sum.simulating)
		e.used.give(m)
		r := &report.Record{Point: a.Plan.Runs[i].Point, Seed: uint64(seed), Metrics: res.Run.Readings(absent(p.Config)...)}
		if err := a.keep(i, r); err != nil {
			b.Fatal(err)
		}
		a.records[i] = r
		lap(&sum.recording)
	}
	sum.collecting += collectorTime() - gc
	start := cpuTime() // formats are made by other threads
	finish(b, e, a, a.Document())
	sum.results += cpuTime() - start
	return len(a.Plan.Runs)
}

// threadTime is the CPU time of this thread, which does not simulate and collect at once.
func threadTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// collectorTime is the CPU time of the garbage collector.
func collectorTime() time.Duration {
	runtime.GC() // the times are brought up to date at the end of a collection
	m := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(m)
	return time.Duration(m[0].Value.Float64() * 1e9)
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

// finish ends a store, and makes the tables and files of its result.
func finish(b *testing.B, e *Experiment, a *Archive, doc *report.Document) {
	if err := a.Finish(); err != nil {
		b.Fatal(err)
	}
	printer, formats := report.NewPrinter(doc, e.Reports, report.Options{}), report.Formats()
	err := sweep.Run(b.Context(), len(formats), sweep.Options{}, func(_ context.Context, i int) ([]byte, error) {
		var text bytes.Buffer
		err := printer.Write(&text, formats[i])
		return text.Bytes(), err
	}, func(int, []byte) error { return nil })
	if err != nil {
		b.Fatal(err)
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
