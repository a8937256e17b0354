package measure

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// remoteLines is how many lines one thread dirties before the other visits them.
const remoteLines = 256

// remote times visits of lines that the other CPU has just written, in rounds:
// ns per line, one figure a round. The visits are a dependent chain.
func remote(ctx context.Context, p pair, xadd bool, length time.Duration) ([]float64, error) {
	nodes := chain(remoteLines * lineBytes)
	meet := barrier{n: 2}
	var stop atomic.Bool
	var failed atomic.Pointer[error]
	var out []float64
	var all sync.WaitGroup
	for i, cpu := range []CPU{p.a, p.b} {
		all.Go(func() {
			runtime.LockOSThread()
			if err := pin(cpu.ID); err != nil {
				err = fmt.Errorf("cannot run on CPU %d: %w", cpu.ID, err)
				failed.Store(&err)
			}
			meet.wait()
			for begin := time.Now(); ; {
				if i == 1 {
					for k := range nodes {
						nodes[k].word++
					}
				}
				meet.wait()
				if i == 0 {
					before := preemptions()
					from := time.Now()
					at := &nodes[0]
					for range remoteLines {
						if xadd {
							atomic.AddUint64(&at.word, 1)
						}
						at = at.next
					}
					ns := float64(time.Since(from)-clockCost) / remoteLines
					if preemptions() == before && at != nil {
						out = append(out, ns)
					}
					if time.Since(begin) > length || ctx.Err() != nil || failed.Load() != nil {
						stop.Store(true)
					}
				}
				meet.wait()
				if stop.Load() {
					return
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return out, ctx.Err()
}

// clockCost is what two looks at the clock cost by themselves.
var clockCost = func() time.Duration {
	best := time.Second
	for range 1000 {
		from := time.Now()
		best = min(best, time.Since(from))
	}
	return best
}()
