package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// shuffledCost starts jobs in an order unlike that of their indices.
func shuffledCost(i int) uint64 { return uint64(i*7919%101) + 1 }

func TestResultsArriveInOrderWithAnyNumberOfWorkers(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 8, 300} {
		for _, cost := range []func(int) uint64{nil, shuffledCost} {
			var got []int
			err := Run(t.Context(), 200, Options{Workers: workers, Cost: cost},
				func(_ context.Context, i int) (int, error) {
					if rand.IntN(4) == 0 {
						runtime.Gosched()
					}
					return i * i, nil
				},
				func(i, v int) error {
					if v != i*i {
						t.Fatalf("job %d gave %d", i, v)
					}
					got = append(got, i)
					return nil
				})
			if err != nil || len(got) != 200 || !slices.IsSorted(got) {
				t.Fatalf("workers=%d: %v, %d results", workers, err, len(got))
			}
		}
	}
}

func TestTheLowestFailureIsReportedAfterEverythingBelowIt(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		for _, cost := range []func(int) uint64{nil, shuffledCost} {
			delivered := 0
			err := Run(t.Context(), 100, Options{Workers: workers, Cost: cost},
				func(_ context.Context, i int) (int, error) {
					if i == 40 || i == 41 || i == 90 {
						return 0, fmt.Errorf("job %d failed", i)
					}
					return i, nil
				},
				func(i, _ int) error { delivered++; return nil })
			if err == nil || err.Error() != "job 40 failed" || delivered != 40 {
				t.Errorf("workers=%d: %v after %d results", workers, err, delivered)
			}
		}
	}
}

func TestAPanicBecomesAnErrorWithItsIndex(t *testing.T) {
	err := Run(t.Context(), 5, Options{Workers: 2},
		func(_ context.Context, i int) (int, error) {
			if i == 3 {
				panic(fs.ErrClosed)
			}
			return i, nil
		}, func(int, int) error { return nil })
	var p *PanicError
	if !errors.As(err, &p) || p.Index != 3 || !errors.Is(err, fs.ErrClosed) || !bytes.Contains(p.Stack, []byte("sweep_test.go")) {
		t.Errorf("got %v", err)
	}
}

func TestAnErrorOfTheReceiverStopsTheRun(t *testing.T) {
	var ran atomic.Int64
	err := Run(t.Context(), 100000, Options{Workers: 4},
		func(_ context.Context, i int) (int, error) { ran.Add(1); return i, nil },
		func(i, _ int) error {
			if i == 10 {
				return fs.ErrPermission
			}
			return nil
		})
	if err != fs.ErrPermission || ran.Load() > 50000 {
		t.Errorf("%v after %d jobs", err, ran.Load())
	}
}

func TestCancellationStartsNoFurtherJobAndWaits(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("interrupted")
	var running atomic.Int64
	err := Run(ctx, 1000, Options{Workers: 4},
		func(ctx context.Context, i int) (int, error) {
			running.Add(1)
			defer running.Add(-1)
			if i == 5 {
				cancel(why)
			}
			if i >= 5 {
				<-ctx.Done()
			}
			return i, nil
		}, func(int, int) error { return nil })
	if err != why || running.Load() != 0 {
		t.Errorf("%v with %d jobs running", err, running.Load())
	}
}

func TestACancelledContextRunsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, n := range []int{0, 10} {
		err := Run(ctx, n, Options{}, func(context.Context, int) (int, error) { return 0, nil },
			func(int, int) error { t.Error("delivered"); return nil })
		if err != context.Canceled {
			t.Errorf("n=%d: %v", n, err)
		}
	}
}

func TestJobsAboveAFailureAreToldToStop(t *testing.T) {
	err := Run(t.Context(), 4, Options{Workers: 4},
		func(ctx context.Context, i int) (int, error) {
			if i == 0 {
				return 0, fs.ErrExist
			}
			<-ctx.Done() // would hang for ever otherwise
			return i, nil
		}, func(int, int) error { return nil })
	if err != fs.ErrExist {
		t.Errorf("got %v", err)
	}
}

func TestWorkersBoundWhatRunsAtOnce(t *testing.T) {
	var now, most atomic.Int64
	err := Run(t.Context(), 100, Options{Workers: 3},
		func(_ context.Context, i int) (int, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(100 * time.Microsecond)
			now.Add(-1)
			return i, nil
		}, func(int, int) error { return nil })
	if err != nil || most.Load() > 3 {
		t.Errorf("%v, %d at once", err, most.Load())
	}
}

func TestCostliestJobsStartFirst(t *testing.T) {
	var order []int
	cost := []uint64{3, 9, 0, 9, 5}
	err := Run(t.Context(), 5, Options{Workers: 1, Cost: func(i int) uint64 { return cost[i] }},
		func(_ context.Context, i int) (int, error) { order = append(order, i); return i, nil },
		func(int, int) error { return nil })
	if err != nil || !slices.Equal(order, []int{1, 3, 4, 0, 2}) {
		t.Errorf("%v, order %v", err, order)
	}
}

func TestProgressCountsEveryJobAndEndsWithNothingLeft(t *testing.T) {
	var seen []Progress // without those that only tell of a start
	err := Run(t.Context(), 7, Options{Workers: 2, Cost: shuffledCost, Progress: func(p Progress) {
		if len(seen) == 0 || p.Done != seen[len(seen)-1].Done {
			seen = append(seen, p)
		}
		// A job that has ended counts as running until its worker's result is looked at.
		if len(p.Running) > min(2*2, p.Total-p.Done) || len(slices.Compact(slices.Sorted(slices.Values(p.Running)))) != len(p.Running) {
			t.Errorf("%d of %d are done, and %v run", p.Done, p.Total, p.Running)
		}
	}},
		func(_ context.Context, i int) (int, error) { return i, nil }, func(int, int) error { return nil })
	if err != nil || len(seen) != 8 {
		t.Fatalf("%v, %d reports", err, len(seen))
	}
	for i, p := range seen {
		if p.Done != i || p.Total != 7 {
			t.Errorf("report %d says %d of %d", i, p.Done, p.Total)
		}
	}
	if seen[7].ETA != 0 {
		t.Errorf("%v left at the end", seen[7].ETA)
	}
}

func TestALogGetsOneLinePerTenth(t *testing.T) {
	var log strings.Builder
	line := Line(&log, false, nil)
	for i := range 1001 {
		left := time.Duration(1000-i) * time.Second
		line(Progress{Done: i, Total: 1000, Elapsed: time.Duration(i) * time.Second, ETA: left})
	}
	want := " 10%  100 of 1000 runs, 15m00s left\n"
	if lines := strings.Count(log.String(), "\n"); lines != 10 || !strings.HasPrefix(log.String(), want) {
		t.Errorf("%d lines:\n%s", lines, log.String())
	}
	if strings.ContainsAny(log.String(), "\r\x1b") {
		t.Error("escape codes in a log")
	}
}

func TestATerminalLineIsRedrawnAtMostTenTimesASecondAndCleared(t *testing.T) {
	var screen strings.Builder
	line := Line(&screen, true, func(i int) string { return fmt.Sprintf("cores=%d", i) })
	for i := range 1001 {
		line(Progress{Done: i, Total: 1000, Elapsed: time.Duration(i) * time.Millisecond, Running: []int{i, i + 1}})
	}
	if n := strings.Count(screen.String(), "\r"); n != 11 {
		t.Errorf("%d drawings in a second", n)
	}
	if strings.Contains(screen.String(), "\n") || !strings.HasSuffix(screen.String(), "\r\x1b[K") {
		t.Errorf("the line is not cleared: %q", screen.String())
	}
	if !strings.Contains(screen.String(), " · now cores=500 | cores=501\r") {
		t.Errorf("the line does not say what runs: %q", screen.String())
	}
}

func TestATerminalLineIsNeverBroken(t *testing.T) {
	var screen strings.Builder
	line := Line(&screen, true, func(int) string { return strings.Repeat("ä long name ", 20) })
	line(Progress{Done: 1, Total: 3, Running: []int{1, 2}})
	if n := len([]rune(strings.TrimPrefix(screen.String(), "\r\x1b[K"))); n != 79 || !strings.HasSuffix(screen.String(), "…") {
		t.Errorf("%d characters: %q", n, screen.String())
	}
}

func BenchmarkOverhead(b *testing.B) {
	err := Run(b.Context(), b.N, Options{Workers: 2},
		func(_ context.Context, i int) (int, error) { return i, nil }, func(int, int) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
}
