package validate

import (
	"fmt"

	"cohsim/internal/stats"
)

// Metric is a column value of a points file: what was measured.
type Metric struct {
	Name string
	Unit string
	Doc  string
	// of computes it from a run; ok is false if the run has no such number.
	of func(r *reading) (v float64, ok bool)
}

// reading is what the metrics need of one run.
type reading struct {
	clockMHz float64
	bench    bench
	threads  int
	get      func(metric string) float64 // 0 if missing
}

// perThread is the time of an operation as one thread sees it, in ns.
func (r *reading) perThread() (float64, bool) {
	if r.bench.timed {
		return quotient(r.get("op.cycles.mean")*1000, r.clockMHz)
	}
	n := r.threads
	if r.bench.counted > 0 {
		n = r.bench.counted
	}
	return quotient(r.get("sim.time_ns")*float64(n), r.get("ops.count"))
}

func quotient(a, b float64) (float64, bool) {
	if b == 0 || a == 0 {
		return 0, false
	}
	return a / b, true
}

// Metrics are everything that a point may measure.
var metrics = []Metric{
	{"cycles_per_op", "cycles", "core cycles of an operation as one thread sees it", func(r *reading) (float64, bool) {
		ns, ok := r.perThread()
		return ns * r.clockMHz / 1000, ok
	}},
	{"ns_per_op", "ns", "time of an operation as one thread sees it", (*reading).perThread},
	{"ns_system_per_op", "ns", "time divided by the operations of all threads", func(r *reading) (float64, bool) {
		return quotient(r.get("sim.time_ns"), r.get("ops.count"))
	}},
	// Both threads of a pair count every round trip once.
	{"ns_one_way", "ns", "half a round trip", func(r *reading) (float64, bool) {
		if !r.bench.roundTrip {
			return 0, false
		}
		return quotient(r.get("sim.time_ns"), r.get("ops.count"))
	}},
	{"mops_total", "Mops/s", "millions of operations, or pairs, a second, all threads together", func(r *reading) (float64, bool) {
		return quotient(r.get("ops.count")*1000, r.get("sim.time_ns"))
	}},
	// line.run_length counts memory ops; an operation may have several.
	{"run_length", "ops", "consecutive operations of one thread before another's next", func(r *reading) (float64, bool) {
		return quotient(r.get("line.run_length.mean")*r.get("ops.count"), r.get("sim.memops"))
	}},
	{"ops_per_retry", "ops", "operations per failed compare-and-swap", func(r *reading) (float64, bool) {
		return quotient(r.get("ops.count"), r.get("lock.cas.failures"))
	}},
}

func metricOf(name string) (Metric, bool) {
	for _, m := range metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

func metricNames() []string {
	var out []string
	for _, m := range metrics {
		out = append(out, m.Name)
	}
	return out
}

// bench is what the points take for granted about a workload: how many threads
// it has where no parameter says so, and which of them are looked at.
type bench struct {
	threads   int  // without a parameter "threads"
	counted   int  // threads whose operations count; 0: all
	timed     bool // only the marked regions are timed, not what lies between
	roundTrip bool // an operation is a round trip that both threads count
	finite    bool // the threads stop by themselves
}

// Workloads that are not listed have one thread where no parameter says more.
var benches = map[string]bench{
	"line_state":              {threads: 2, counted: 1, timed: true, finite: true},
	"pingpong":                {threads: 2, roundTrip: true},
	"alternate":               {threads: 2},
	"vma_pairs_vs_seq_writer": {threads: 2, counted: 1},
	"load_next_to":            {threads: 2, counted: 1},
}

func benchOf(workload string) bench {
	b := benches[workload]
	b.threads = max(b.threads, 1)
	return b
}

// value is the number of a float, for report. It is rounded to 6 digits: what
// lies beyond is arithmetic, not measurement.
func value(f float64) stats.Value {
	v, err := stats.ParseValue(fmt.Sprintf("%.6g", f))
	if err != nil {
		return stats.Missing
	}
	return v
}
