package sweep

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Options tune a Run; the zero value is useful.
type Options struct {
	// Workers is how many jobs run at once; 0 means one per host CPU.
	Workers int
	// Cost estimates the work of job i in any unit. Jobs start in order of
	// falling cost, so that a long one does not finish alone at the end, and
	// the ETA weighs them. nil means all cost the same.
	Cost func(i int) uint64
	// Progress is called in the goroutine of Run: before anything starts, when a
	// job starts and after each has ended.
	Progress func(Progress)
}

// PanicError is the panic of one job.
type PanicError struct {
	Index int
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("job %d panicked: %v", e.Index, e.Value) }

// Unwrap gives the panic's value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

type result[T any] struct {
	index int
	value T
	err   error
}

// Run calls do(ctx, i) for every i in [0, n) on a bounded number of goroutines
// and each(i, result) in order of i from the calling goroutine. It stops at the
// failing job with the lowest index, once every job below it is delivered, and
// returns that job's error; an error of each, or the end of ctx, stops it too.
// Jobs receive a context that ends when their result can no longer matter.
//
// Results that are ready before their turn are kept: at worst n of them.
func Run[T any](ctx context.Context, n int, opt Options, do func(ctx context.Context, i int) (T, error), each func(i int, v T) error) error {
	if n <= 0 {
		return context.Cause(ctx)
	}
	workers := opt.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, n)
	order, costs := plan(n, opt.Cost)

	jobs := make(chan int)
	results := make(chan result[T], workers)
	jobCtx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for range workers {
		wg.Go(func() {
			for i := range jobs {
				v, err := protect(jobCtx, i, do)
				results <- result[T]{i, v, err}
			}
		})
	}
	defer close(jobs)

	meter := newMeter(n, costs, opt.Progress)
	meter.report()
	var (
		ready   = make(map[int]T)
		limit   = n   // no job at or above it matters: the lowest failure so far
		failure error // of job limit
		next    = 0   // the index to deliver next
		running = 0
		start   = order // jobs not started
	)
	for next < limit || running > 0 {
		// Jobs that can no longer matter are never started.
		for len(start) > 0 && start[0] >= limit {
			start = start[1:]
		}
		var feed chan int // nil, hence never ready, when nothing is to start
		var job int
		if len(start) > 0 && ctx.Err() == nil {
			feed, job = jobs, start[0]
		} else if running == 0 {
			break // cancelled with results missing
		}
		select {
		case feed <- job:
			start = start[1:]
			running++
			meter.started(job)
			meter.report()
		case <-ctx.Done():
			// Nothing starts any more; wait for those that run.
			for ; running > 0; running-- {
				<-results
			}
			return context.Cause(ctx)
		case r := <-results:
			running--
			meter.done(r.index)
			if r.err == nil {
				ready[r.index] = r.value
			} else if r.index < limit {
				limit, failure = r.index, r.err
			}
			for next < limit {
				v, ok := ready[next]
				if !ok {
					break
				}
				delete(ready, next)
				if err := each(next, v); err != nil {
					limit, failure = next, err
					break
				}
				next++
			}
			meter.report()
			if next == limit {
				stop() // what still runs is above the failure
			}
		}
	}
	if failure != nil {
		return failure
	}
	return context.Cause(ctx)
}

// protect calls one job and turns its panic into an error.
func protect[T any](ctx context.Context, i int, do func(context.Context, int) (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Index: i, Value: p, Stack: debug.Stack()}
		}
	}()
	return do(ctx, i)
}

// plan is the order of starting, costliest first, and every job's cost (at
// least 1, so that progress moves).
func plan(n int, cost func(int) uint64) (order []int, costs []uint64) {
	order, costs = make([]int, n), make([]uint64, n)
	for i := range n {
		order[i], costs[i] = i, 1
		if cost != nil {
			costs[i] = max(1, cost(i))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(costs[b], costs[a]) })
	return order, costs
}

// meter keeps the figures of Progress.
type meter struct {
	p         Progress
	costs     []uint64
	doneCost  float64
	totalCost float64
	begin     time.Time
	progress  func(Progress)
}

func newMeter(n int, costs []uint64, progress func(Progress)) *meter {
	m := &meter{p: Progress{Total: n}, costs: costs, begin: time.Now(), progress: progress}
	for _, c := range costs {
		m.totalCost += float64(c)
	}
	return m
}

func (m *meter) started(i int) {
	m.p.Running = append(m.p.Running, i)
	m.p.Elapsed = time.Since(m.begin)
}

func (m *meter) done(i int) {
	m.p.Done++
	m.p.Running = slices.DeleteFunc(m.p.Running, func(r int) bool { return r == i })
	m.doneCost += float64(m.costs[i])
	m.p.Elapsed = time.Since(m.begin)
	m.p.ETA = time.Duration(float64(m.p.Elapsed) * (m.totalCost - m.doneCost) / m.doneCost)
}

func (m *meter) report() {
	if m.progress != nil {
		m.progress(m.p)
	}
}
