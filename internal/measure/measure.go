package measure

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"time"
)

// Options of Run.
type Options struct {
	Budget   time.Duration
	Progress func(done, total int, what string) // called before each step; may be nil
}

// Result is what was measured, and what was not.
type Result struct {
	Host     *Host
	ClockGHz float64 // as a chain of one-cycle operations saw it
	Rows     []Row
	Pairs    []Pair   // one-way latency of the pairs that were measured
	Missing  []string // what this host does not let one measure, in words
}

// Pair is the one-way latency of a compare-and-swap between two CPUs.
type Pair struct {
	A, B     int // logical CPUs, A < B
	Distance string
	NS       float64
}

// step is one thing to measure. share is its part of the budget.
type step struct {
	what  string
	share float64
	do    func(length time.Duration) error
}

// windowsPerStep is how many windows a step's time is cut into.
const windowsPerStep = 15

// longest bounds a window: the longer it is, the more likely it is disturbed.
const longest = 8 * time.Millisecond

// Run measures this host within the budget, give or take its last step. The error
// is that of the context, or says why the host cannot be measured at all.
func Run(ctx context.Context, host *Host, o Options) (*Result, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if n := runtime.GOMAXPROCS(0); n < len(host.CPUs)+1 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(len(host.CPUs) + 1)) // one more for who waits
	}
	r := &run{ctx: ctx, host: host, res: &Result{Host: host}}
	r.alone()
	r.together()
	r.crowds()
	total := 0.0
	for _, s := range r.steps {
		total += s.share
	}
	for i, s := range r.steps {
		if o.Progress != nil {
			o.Progress(i, len(r.steps), s.what)
		}
		if err := s.do(time.Duration(float64(o.Budget) * s.share / total)); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return r.res, nil
}

type run struct {
	ctx   context.Context
	host  *Host
	res   *Result
	steps []step
}

func (r *run) step(what string, share float64, do func(time.Duration) error) {
	r.steps = append(r.steps, step{what, share, do})
}

func (r *run) miss(format string, args ...any) {
	r.res.Missing = append(r.res.Missing, fmt.Sprintf(format, args...))
}

// bench is a measurement that takes about so long.
func (r *run) bench(cpus []CPU, batch int, length time.Duration, loops ...loop) *bench {
	windows := windowsPerStep
	each := min(length/time.Duration(windows+1), longest)
	if each < longest/8 { // too short to mean much: fewer, but not shorter
		each = longest / 8
		windows = max(3, int(length/each))
	} else if each == longest {
		windows = int(length / longest)
	}
	return &bench{ctx: r.ctx, cpus: cpus, loops: loops, batch: batch, windows: windows, length: each}
}

// add makes a row of a bench's windows.
func (r *run) add(row Row, all []window, of func(window) float64) {
	kept, note := undisturbed(all)
	row.Note = note
	row.summarize(slices.DeleteFunc(figures(kept, of), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }))
	if !math.IsNaN(row.Value) && row.Value > 0 {
		r.res.Rows = append(r.res.Rows, row)
	}
}

// alone is what one thread costs.
func (r *run) alone() {
	one := r.host.CPUs[:1]
	r.step("core clock", 1, func(length time.Duration) error {
		// Two operations a step that depend on each other, a cycle each.
		all, err := r.bench(one, 4096, length, func(w *worker, n int) {
			a, b := w.last, w.sink
			for range n / 8 {
				a ^= b
				a += b
				a ^= b
				a += b
				a ^= b
				a += b
				a ^= b
				a += b
				b++
			}
			w.last = a
		}).run()
		kept, _ := undisturbed(all)
		r.res.ClockGHz = quantile(figures(kept, func(w window) float64 { return w.ops / w.ns }), 0.5)
		return err
	})
	loops := uncontended(word64(lines(2), 0))
	var ops []string
	for op := range loops {
		ops = append(ops, op)
	}
	sort.Strings(ops)
	for _, op := range ops {
		r.step("uncontended "+op, 1, func(length time.Duration) error {
			all, err := r.bench(one, 512, length, loops[op]).run()
			r.add(Row{Calibrate: true, Name: op, Placement: "near", Workload: "uncontended", Params: params("op = %q", op), Metric: "ns_per_op"}, all, perOp)
			return err
		})
	}
	sizes := []int{4 << 10, 256 << 10}
	if r.host.llc > 0 && r.host.llc <= 64<<20 {
		big := 4 << 10
		for big < 4*r.host.llc {
			big *= 2
		}
		sizes = append(sizes, big)
	} else {
		r.miss("latency of memory: the size of the last cache is %s", map[bool]string{true: "not known", false: "too large to chase through"}[r.host.llc == 0])
	}
	for _, bytes := range sizes {
		r.step(fmt.Sprintf("chase through %d KiB", bytes>>10), 1, func(length time.Duration) error {
			all, err := r.bench(one, 512, length, chase(chain(bytes))).run()
			r.add(Row{Calibrate: true, Name: fmt.Sprintf("chase_%dk", bytes>>10), Placement: "near", Workload: "chase", Params: params("bytes = %d", bytes), Metric: "ns_per_op"}, all, perOp)
			return err
		})
	}
}

func perOp(w window) float64     { return w.ns / w.ops }
func mops(w window) float64      { return w.ops / w.ns * 1000 }
func perSystem(w window) float64 { return w.ns / w.ops }

// together is what two threads cost each other, by distance.
func (r *run) together() {
	if len(r.host.CPUs) < 2 {
		r.miss("everything that takes two threads: this process may use one CPU")
		return
	}
	for _, d := range distances {
		pairs := r.host.pairs(d)
		if len(pairs) == 0 {
			r.miss("pairs of CPUs %q: this process may use none", d)
			continue
		}
		first := pairs[0]
		two := []CPU{first.a, first.b}
		r.step("compare-and-swap between pairs, "+d, 4, func(length time.Duration) error { return r.pingpong(d, pairs, length) })
		for _, xadd := range []bool{false, true} {
			action := map[bool]string{false: "load", true: "xadd"}[xadd]
			r.step(action+" of a line that the other wrote, "+d, 1, func(length time.Duration) error {
				values, err := remote(r.ctx, first, xadd, length)
				row := Row{Calibrate: !xadd, Name: action + "_remote_M", Placement: d, Workload: "line_state", Params: params("state = \"remote_M\", action = %q", action), Metric: "ns_per_op"}
				if row.summarize(values); len(values) > 0 {
					r.res.Rows = append(r.res.Rows, row)
				}
				return err
			})
		}
		r.step("two threads on one word, "+d, 2, func(length time.Duration) error { return r.contend(two, d, length) })
		r.step("two threads on VMAs, "+d, 2, func(length time.Duration) error { return r.pairsOfVMAs(two, d, length) })
	}
}

// pingpong measures as many pairs as the time allows, spread evenly, and the
// class as a whole.
func (r *run) pingpong(d string, pairs []pair, length time.Duration) error {
	const each = 4 * time.Millisecond // for three windows and a warm-up
	step := max(1, (len(pairs)*int(each)+int(length)-1)/int(max(length, each)))
	var values []float64
	for i := 0; i < len(pairs); i += step {
		p := pairs[i]
		word := word64(lines(2), 0)
		b := &bench{ctx: r.ctx, cpus: []CPU{p.a, p.b}, loops: []loop{turns(word, 0), turns(word, 1)}, batch: 64, windows: 3, length: each / 4}
		if step == 1 {
			b.windows = max(3, min(windowsPerStep, int(length/time.Duration(len(pairs))/b.length)))
		}
		all, err := b.run()
		if err != nil {
			return err
		}
		kept, _ := undisturbed(all)
		got := figures(kept, func(w window) float64 { return w.ns / w.ops })
		values = append(values, got...)
		r.res.Pairs = append(r.res.Pairs, Pair{A: p.a.ID, B: p.b.ID, Distance: d, NS: quantile(got, 0.5)})
	}
	row := Row{Name: "cas_pingpong", Placement: d, Workload: "pingpong", Params: params(`op = "cas", lines = 1`), Metric: "ns_one_way"}
	row.summarize(values)
	row.Note = fmt.Sprintf("%d of %d pairs", (len(pairs)+step-1)/step, len(pairs))
	r.res.Rows = append(r.res.Rows, row)
	return nil
}

// contend is threads on one word: by add, and by load and compare-and-swap.
func (r *run) contend(cpus []CPU, placement string, length time.Duration) error {
	n := len(cpus)
	id := func(op string) string { return fmt.Sprintf("%s_%d", op, n) }
	what := func(op string) string { return params("op = %q, threads = %d, stride_bytes = 0", op, n) }
	word := word64(lines(2), 0)
	all, err := r.bench(cpus, 64, length/2, same(n, xadd(word))...).run()
	if err != nil {
		return err
	}
	row := Row{Calibrate: n == 2, Name: id("xadd") + "_ns_per_op", Placement: placement, Workload: "contend", Params: what("xadd"), Metric: "ns_system_per_op"}
	r.add(row, all, perSystem)
	if n > 1 {
		row.Name, row.Metric = id("xadd")+"_run_length", "run_length"
		r.add(row, all, func(w window) float64 { return w.ops / w.runs })
	}
	word = word64(lines(2), 0)
	if all, err = r.bench(cpus, 64, length/2, same(n, loadCAS(word))...).run(); err != nil {
		return err
	}
	row = Row{Name: id("load_cas"), Placement: placement, Workload: "contend", Params: what("load_cas"), Metric: "mops_total"}
	r.add(row, all, mops)
	if n > 1 {
		row.Name, row.Metric = id("load_cas")+"_ops_per_retry", "ops_per_retry"
		r.add(row, all, func(w window) float64 { return w.ops / w.fails })
	}
	return nil
}

// pairsOfVMAs is read locks and unlocks of bare lock words: one VMA for all, and
// one for each.
func (r *run) pairsOfVMAs(cpus []CPU, placement string, length time.Duration) error {
	n := len(cpus)
	for _, vmas := range slices.Compact([]int{1, n}) {
		// 256 bytes a VMA, its count 128 behind its number; the mm's number follows.
		words := lines(4 * (vmas + 1))
		var loops []loop
		for i := range n {
			at := 256 * (i % vmas)
			*word32(words, at), *word32(words, at+128) = math.MaxUint32, 1
			loops = append(loops, vmaPair(word32(words, at), word32(words, 256*vmas), word32(words, at+128)))
		}
		all, err := r.bench(cpus, 64, length/2, loops...).run()
		if err != nil {
			return err
		}
		r.add(Row{Name: fmt.Sprintf("vma_pairs_%d_vmas_%d", n, vmas), Placement: placement, Workload: "vma_pairs",
			Params: params(`threads = %d, vmas = %d, refcnt = "own_line"`, n, vmas), Metric: "mops_total"}, all, mops)
	}
	return nil
}

// crowds is what more threads cost, and page faults.
func (r *run) crowds() {
	cores := r.host.cores()
	counts := []int{1}
	for n := 2; n < len(cores); n *= 2 {
		counts = append(counts, n)
	}
	if len(cores) > 1 {
		counts = append(counts, len(cores))
	}
	for _, n := range counts {
		cpus := cores[:n]
		placement := spread(cpus)
		if n != 2 { // two have been measured at every distance
			r.step(fmt.Sprintf("%d threads on one word", n), 2, func(length time.Duration) error { return r.contend(cpus, placement, length) })
			r.step(fmt.Sprintf("%d threads on VMAs", n), 2, func(length time.Duration) error { return r.pairsOfVMAs(cpus, placement, length) })
		}
		r.step(fmt.Sprintf("page faults of %d threads", n), 2, func(length time.Duration) error {
			for _, one := range []bool{true, false} {
				if !one && n == 1 {
					continue
				}
				workload, vmas := "fault_private_vma", n
				if one {
					workload, vmas = "fault_same_vma", 1
				}
				all, err := faults(r.bench(cpus, faultPages, length/2), one)
				if err != nil {
					return err
				}
				r.add(Row{Name: fmt.Sprintf("faults_%d_vmas_%d", n, vmas), Placement: placement, Workload: workload, Params: params("threads = %d", n), Metric: "mops_total"}, all, mops)
			}
			return nil
		})
	}
}

// same is one loop for each of n threads.
func same(n int, l loop) []loop { return slices.Repeat([]loop{l}, n) }
