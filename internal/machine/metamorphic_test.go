package machine

import (
	"fmt"
	"testing"

	"cohsim/internal/sim"
	"cohsim/internal/stats"
)

// contenders are n threads that add to a, read b and write a line of their own.
func contenders(n int) (objects, programs []string) {
	objects = []string{"a", "b"}
	for i := range n {
		objects = append(objects, fmt.Sprintf("p%d", i))
	}
	for i := range n {
		programs = append(programs, fmt.Sprintf(`
    reg v i
    mov i, 200
loop:
    rmw.add _, [a], 1
    load v, [b]
    store [p%d], v
    add v, v, 1
    work 20
    sub i, i, 1
    bne i, 0, loop
    halt`, i))
	}
	return objects, programs
}

// quietMachine is the default machine without chance and without delays that
// rounding could touch: 1 GHz, whole ns.
func quietMachine(window int) Config {
	cfg := DefaultConfig()
	cfg.Core.ClockMHz, cfg.Core.Window = 1000, window
	cfg.Fabric.JitterPercent = 0
	return cfg
}

func TestAFasterClockWithLongerNanosecondsIsTheSameMachine(t *testing.T) {
	// Twice the clock and half of every ns: the same cycles, half the time.
	objects, programs := contenders(4)
	for _, window := range []int{1, 64} {
		run := func(clock int) *Result {
			cfg := quietMachine(window)
			f := 1000 / float64(clock)
			cfg.Core.ClockMHz = clock
			for _, ns := range []*float64{
				&cfg.Core.StoreRestart, &cfg.Core.PauseNS, &cfg.Core.ScheduleNS, &cfg.Core.WakeupNS, &cfg.DRAMNS, &cfg.LLC.HitNS,
				&cfg.Fabric.Near.Request, &cfg.Fabric.Near.Snoop, &cfg.Fabric.Near.Data, &cfg.Fabric.Near.Completion,
				&cfg.Fabric.Far.Request, &cfg.Fabric.Far.Snoop, &cfg.Fabric.Far.Data, &cfg.Fabric.Far.Completion,
			} {
				*ns *= f
			}
			_, res := newWorld(t, cfg, objects, programs...).run(t)
			return res
		}
		one := run(1000)
		for _, clock := range []int{500, 2000, 4000} {
			if got := run(clock); got.End != one.End || got.Run.Window.TimePS*uint64(clock) != one.Run.Window.TimePS*1000 {
				t.Errorf("window %d, %d MHz: %d cycles and %d ps, at 1000 MHz %d and %d", window, clock, got.End, got.Run.Window.TimePS, one.End, one.Run.Window.TimePS)
			}
		}
	}
}

func TestPaddingAPrivateLineChangesNothing(t *testing.T) {
	// The lines between what the threads use are nobody's.
	objects, programs := contenders(4)
	for _, window := range []int{1, 64} {
		run := func(pad bool) *Result {
			cfg := quietMachine(window)
			var padded []string
			for i, o := range objects {
				padded = append(padded, o)
				if pad && i >= 2 {
					padded = append(padded, o+"pad")
				}
			}
			_, res := newWorld(t, cfg, padded, programs...).run(t)
			return res
		}
		a, b := run(false), run(true)
		if a.End != b.End || a.Run.Total.Coh != b.Run.Total.Coh || a.Run.Total.Cache != b.Run.Total.Cache {
			t.Errorf("window %d: %d cycles without padding, %d with it", window, a.End, b.End)
		}
	}
}

func TestWhichCoresOfAnL3TakePartChangesNothing(t *testing.T) {
	objects, programs := contenders(6)
	for _, window := range []int{1, 64} {
		run := func(place []int) *Result {
			w := newWorld(t, quietMachine(window), objects, programs...)
			w.setup.Place = place
			_, res := w.run(t)
			return res
		}
		a := run([]int{0, 1, 2, 3, 4, 5})
		for _, place := range [][]int{{5, 4, 3, 2, 1, 0}, {7, 30, 2, 19, 0, 11}, {32, 33, 34, 35, 36, 37}} {
			b := run(place)
			for i := range a.Cores {
				if a.Cores[i].CPU != b.Cores[i].CPU || a.Cores[i].Coh != b.Cores[i].Coh {
					t.Errorf("window %d, cores %v: thread %d counts other than on cores 0 to 5", window, place, i)
				}
			}
			if a.End != b.End {
				t.Errorf("window %d, cores %v: %d cycles, on cores 0 to 5 %d", window, place, b.End, a.End)
			}
		}
		// Across L3s it is another machine.
		if b := run([]int{0, 1, 2, 32, 33, 34}); b.End <= a.End || b.Run.Total.CPU.Cycles[stats.Far] == 0 {
			t.Errorf("window %d: across L3s %d cycles, behind one %d", window, b.End, a.End)
		}
	}
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	for _, window := range []int{1, 64} {
		for _, c := range []struct {
			what    string
			threads int
			body    string
		}{
			{"hits", 1, "    load v, [a]\n    store [b], v\n    rmw.add _, [a], 1\n    load v, [b]"},
			{"one contended line", 4, "    rmw.add _, [a], 1\n    load v, [a]\n    work 10"},
			{"shared lines", 4, "    load v, [a]\n    load v, [b]\n    rmw.add _, [c], 1\n    store [d], v"},
		} {
			var programs []string
			for range c.threads {
				programs = append(programs, "    reg v\nagain:\n    mark begin op\n"+c.body+"\n    mark end op\n    jump again")
			}
			cfg := DefaultConfig()
			cfg.Core.Window = window
			w := newWorld(t, cfg, []string{"a", "b", "c", "d"}, programs...)
			w.setup.MeasureNS = 1e9
			m, err := New(w.setup)
			if err != nil {
				t.Fatal(err)
			}
			end := int64(300_000)
			m.until(end) // tables and queues find their size
			before := m.opsDone()
			n := testing.AllocsPerRun(10, func() {
				end += 20_000
				m.until(end)
			})
			if n != 0 {
				t.Errorf("window %d, %s: %v allocations in 20000 cycles", window, c.what, n)
			}
			if m.opsDone() == before || m.msgs.Next() == sim.Never && c.threads > 1 {
				t.Errorf("window %d, %s: nothing happens", window, c.what)
			}
		}
	}
}
