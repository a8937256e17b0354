package measure

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// loop runs n operations of a worker.
type loop func(w *worker, n int)

// worker is one pinned thread. What it counts lies on lines of its own.
type worker struct {
	_     [64]byte
	ops   uint64
	fails uint64      // compare-and-swaps that failed
	runs  uint64      // times that somebody else had the word in between
	last  uint64      // what the loop keeps from one call to the next
	sink  uint64      // so that loads have a use
	over  func() bool // whether the window is over
	_     [64]byte
}

// window is what a set of workers did together in a short time.
type window struct {
	ns               float64
	ops, fails, runs float64
	preempted        bool // a worker lost its CPU
}

// bench is one measurement: loops that run side by side.
type bench struct {
	ctx     context.Context
	cpus    []CPU
	loops   []loop // one for each CPU
	batch   int    // operations between two looks at the clock
	windows int
	length  time.Duration // of a window
}

// run runs the workers for all windows and returns those after the first, which
// warms up. The first worker keeps the time; the others look at its flag. On a
// host so busy that windows take far longer than they should there are fewer.
func (b *bench) run() ([]window, error) {
	n := len(b.cpus)
	workers := make([]worker, n)
	lost := make([]int64, n)
	out := make([]window, b.windows+1)
	meet := barrier{n: int64(n)}
	var stopped atomic.Int64 // windows that are over
	var late atomic.Bool
	var failed atomic.Pointer[error]
	fail := func(err error) { failed.Store(&err) }
	begin, planned := time.Now(), b.length*time.Duration(len(out))
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			runtime.LockOSThread() // and never unlocked: the thread ends, and its mask with it
			if err := pin(b.cpus[i].ID); err != nil {
				fail(fmt.Errorf("cannot run on CPU %d: %w", b.cpus[i].ID, err))
			}
			w := &workers[i]
			for k := range out {
				meet.wait()
				if failed.Load() != nil || late.Load() {
					return
				}
				w.over = func() bool { return stopped.Load() > int64(k) }
				before := preemptions()
				if i == 0 {
					from := time.Now()
					for time.Since(from) < b.length {
						b.loops[i](w, b.batch)
						w.ops += uint64(b.batch)
					}
					stopped.Store(int64(k) + 1)
					out[k].ns = float64(time.Since(from))
				} else {
					for !w.over() {
						b.loops[i](w, b.batch)
						w.ops += uint64(b.batch)
					}
				}
				lost[i] = preemptions() - before
				meet.wait()
				if i == 0 { // the others wait at the barrier above
					out[k].take(workers, lost)
					late.Store(k > 1 && time.Since(begin) > planned*3/2)
					if err := b.ctx.Err(); err != nil {
						fail(err)
					}
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	ran := 1
	for ran < len(out) && out[ran].ns > 0 {
		ran++
	}
	return out[1:ran], nil
}

// barrier lets threads go on once all of them are there. It spins: everyone has a
// CPU of its own.
type barrier struct {
	n            int64
	count, phase atomic.Int64
}

func (b *barrier) wait() {
	phase := b.phase.Load()
	if b.count.Add(1) == b.n {
		b.count.Store(0)
		b.phase.Add(1)
		return
	}
	for b.phase.Load() == phase {
	}
}

// take adds the workers up and clears them.
func (w *window) take(workers []worker, lost []int64) {
	for i := range workers {
		w.ops += float64(workers[i].ops)
		w.fails += float64(workers[i].fails)
		w.runs += float64(workers[i].runs)
		w.preempted = w.preempted || lost[i] > 0
		workers[i].ops, workers[i].fails, workers[i].runs = 0, 0, 0
	}
}

// undisturbed drops the windows in which a worker lost its CPU, unless that was
// most of them; note then says so.
func undisturbed(all []window) (kept []window, note string) {
	for _, w := range all {
		if !w.preempted {
			kept = append(kept, w)
		}
	}
	if 2*len(kept) < len(all) {
		return all, fmt.Sprintf("noisy host: a thread lost its CPU in %d of %d windows", len(all)-len(kept), len(all))
	}
	return kept, ""
}

// figures is one figure a window.
func figures(windows []window, of func(w window) float64) []float64 {
	var out []float64
	for _, w := range windows {
		out = append(out, of(w))
	}
	return out
}
