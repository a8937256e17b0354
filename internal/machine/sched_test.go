package machine

import (
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/internal/stats"
)

// scheduled is a machine at 1 GHz, so that a ns is a cycle, with round prices.
func scheduled(window int) Config {
	cfg := plain()
	cfg.Core.Window = window
	cfg.Core.ScheduleNS, cfg.Core.SwitchNS, cfg.Core.WakeupNS, cfg.Core.IPINS = 1000, 300, 1500, 700
	cfg.Core.SliceNS = 10_000
	return cfg
}

// on puts the threads of a world on so many cores.
func (w *world) on(cores int) *world {
	w.setup.Place = w.setup.Place[:cores]
	return w
}

const (
	waits = "    reg v\n    sleep.ne v, [a], 0\n    halt"
	wakes = "    work 20000\n    fence.lfence\n    store [a], 1\n    mb\n    halt"
)

func TestASleeperPaysScheduleAndTheWayOutOfIdle(t *testing.T) {
	for _, window := range []int{1, 64} {
		_, res := newWorld(t, scheduled(window), []string{"a"}, waits, wakes).run(t)
		c := &res.Cores[0].CPU.Cycles
		if got := c[stats.Schedule]; got != 1000+700 {
			t.Errorf("window %d: %d cycles in the scheduler, want schedule() and interrupt, 1700", window, got)
		}
		// Asleep from 1000 on until the store is seen and try_to_wake_up is through.
		if got := c[stats.Sleep]; got < 20000-1000+1500-200 || got > 20000-1000+1500+400 {
			t.Errorf("window %d: slept %d cycles, want about 20500", window, got)
		}
	}
}

func TestASleepingTaskLeavesItsCoreToTheNext(t *testing.T) {
	for _, window := range []int{1, 64} {
		_, res := newWorld(t, scheduled(window), []string{"a"}, waits, wakes).on(1).run(t)
		c := &res.Cores[0].CPU.Cycles
		// The waker's store is the core's own. schedule() and a switch to the waker;
		// it halts while the sleeper is being woken: schedule(), and a switch again
		// after an idle time of 1500 - 1000 and an interrupt.
		// The cycle in which the halt retires is the first of its schedule().
		if got := c[stats.Schedule]; got != 2*(1000+300)+700-1 {
			t.Errorf("window %d: %d cycles in the scheduler, want 3299", window, got)
		}
		if got := c[stats.Sleep]; got == 0 || got > 500 {
			t.Errorf("window %d: %d cycles idle, want less than 500", window, got)
		}
		if len(res.Cores) != 1 {
			t.Errorf("counters of %d cores", len(res.Cores))
		}
	}
}

// Two tasks on one core take turns of a slice each: while one is in the middle of
// its work, the other gets on.
func TestASliceEndsWherePreemptionIsAllowed(t *testing.T) {
	const turns = `
    reg i
    mov i, 59
loop:
    work 1000
    sub i, i, 1
    bne i, 0, loop
    halt`
	switches := func(preemption, before, after string) uint64 {
		cfg := scheduled(1)
		cfg.Core.Preemption = preemption
		text := strings.Replace(strings.Replace(turns, "    mov i", before+"    mov i", 1), "    halt", after+"    halt", 1)
		_, res := newWorld(t, cfg, []string{"a"}, text, text).on(1).run(t)
		return (res.Cores[0].CPU.Cycles[stats.Schedule]) / 1300
	}
	region, unregion := "    mark begin x\n", "    mark end x\n"
	off, on := "    preempt.off\n    preempt.off\n    preempt.on\n", "    preempt.on\n"
	for _, c := range []struct {
		name, preemption, before, after string
		want                            uint64
	}{
		// 59000 cycles of work each, in slices of 10000; the last one of each ends in a halt.
		{"full", "full", "", "", 11},
		{"full, in an operation", "full", region, unregion, 11},
		{"full, disabled", "full", off, on, 3}, // each gives way once, when it may at last
		{"none, in an operation", "none", region, unregion, 3},
		{"none, between operations", "none", "", "", 11},
	} {
		if got := switches(c.preemption, c.before, c.after); got != c.want {
			t.Errorf("%s: %d switches, want %d", c.name, got, c.want)
		}
	}
}

func TestATaskAloneIsNeverPreempted(t *testing.T) {
	cfg := scheduled(1)
	cfg.Core.Preemption, cfg.Core.SliceNS = "full", 1
	_, res := newWorld(t, cfg, []string{"a"}, "    work 100000\n    halt").run(t)
	if n := res.Cores[0].CPU.Cycles[stats.Schedule]; n != 0 {
		t.Errorf("%d cycles in the scheduler", n)
	}
}

// A task that is preempted goes on where it was, with its registers.
func TestAPreemptedTaskKeepsItsRegistersAndItsPlace(t *testing.T) {
	for _, window := range []int{1, 8, 64} {
		cfg := scheduled(window)
		cfg.Core.Preemption, cfg.Core.SliceNS = "full", 50
		const text = `
    reg i v
    mov i, 200
loop:
    rmw.add _, [a], 1
    load v, [b]
    add v, v, 1
    sub i, i, 1
    bne i, 0, loop
    rmw.add _, [b], i
    halt`
		w := newWorld(t, cfg, []string{"a", "b"}, text, text, text).on(1)
		m, res := w.run(t)
		if got := m.value(t, w.addr["a"], 8); got != 600 {
			t.Errorf("window %d: three tasks of 200 additions made %d", window, got)
		}
		if n := res.Cores[0].CPU.Cycles[stats.Schedule] / 1300; n < 5 {
			t.Errorf("window %d: %d switches", window, n)
		}
	}
}

// on_cpu is 1 while a task has a core: a spinner sees its owner go to sleep.
func TestTheSchedulerKeepsOnCPU(t *testing.T) {
	w := newWorld(t, scheduled(8), []string{"a", "seen", "other"}, waits,
		"    reg v\n    wait.eq.4 v, [other+8], 0\n    store [seen], 1\n    store [a], 1\n    mb\n    wait.eq.4 v, [other+8], 1\n    store [seen], 2\n    halt")
	task := w.setup.Threads[0].Regs[0].Value
	w.setup.Task = cpu.TaskWords{OnCPU: 8, OnCPUBytes: 4}
	for i := range w.setup.Threads[1].Regs {
		if r := &w.setup.Threads[1].Regs[i]; r.Reg == w.setup.Threads[1].Program.Bind["other"] {
			r.Value = task
		}
	}
	for _, th := range w.setup.Threads {
		w.setup.Init = append(w.setup.Init, Word{Addr: mem.Addr(th.Regs[0].Value + 8), Bytes: 4, Value: 1})
	}
	m, res := w.run(t)
	if got := m.value(t, w.addr["seen"], 8); got != 2 {
		t.Errorf("the spinner saw %d of two changes", got)
	}
	if res.End < 1000+1500+700 {
		t.Errorf("the run ended at %d, before the sleeper could have been back", res.End)
	}
}

func TestTasksThatAllSleepAreADeadlockThatNamesEachOfThem(t *testing.T) {
	w := newWorld(t, scheduled(8), []string{"a", "b"}, waits, strings.Replace(waits, "[a]", "[b]", 1), waits).on(1)
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Simulate()
	a, ok := err.(*Aborted)
	if !ok || !strings.Contains(a.Why, "deadlock") || !strings.Contains(a.Why, "3 of 3 threads") {
		t.Fatalf("%v", err)
	}
	if n := strings.Count(a.Dump, "sleeps on its word"); n != 3 || !strings.Contains(a.Dump, "thread 1 on core 0: sleeps on its word, p1 line 4: sleep.ne v, [b], 0   (b)") {
		t.Errorf("the dump names %d sleepers:\n%s", n, a.Dump)
	}
}

// Spinners that take turns for ever are no deadlock, but nothing ends any more.
func TestTasksThatSpinInTurnsAreALivelock(t *testing.T) {
	cfg := scheduled(8)
	cfg.Core.Preemption = "full"
	spin := strings.Replace(waits, "sleep", "wait", 1)
	w := newWorld(t, cfg, []string{"a"}, spin, spin).on(1)
	w.setup.StuckNS = 1e6
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Simulate()
	if a, ok := err.(*Aborted); !ok || !strings.Contains(a.Why, "livelock") || !strings.Contains(a.Why, "2 of 2 threads") {
		t.Fatalf("%v", err)
	}
}

// A task that may not be preempted learns that its slice is over, and another
// core that wrote the same word loses nothing.
func TestATaskThatMayNotBePreemptedIsToldToGiveWay(t *testing.T) {
	for _, window := range []int{1, 8} {
		cfg := scheduled(window)
		cfg.Core.Preemption = "full"
		const spin = `
    reg v i
    mov i, 3
again:
    preempt.off
look:
    load v, [task.stack]
    bclr v, 8, look
    preempt.on
    sub i, i, 1
    bne i, 0, again
    halt`
		w := newWorld(t, cfg, []string{"a"}, spin, spin).on(1)
		w.setup.Task = cpu.TaskWords{Flags: 64, FlagBytes: 8, NeedResched: 8}
		for _, th := range w.setup.Threads {
			w.setup.Init = append(w.setup.Init, Word{Addr: mem.Addr(th.Regs[0].Value + 64), Bytes: 8, Value: 4})
		}
		m, res := w.run(t)
		// Six looks, each ended by the end of a slice while the other task waits; but the
		// first task to end leaves the other alone, which is told no more: it has seen
		// all three by then.
		if res.End < 6*10_000 {
			t.Errorf("window %d: the run ended at %d, in less than six slices", window, res.End)
		}
		for _, th := range w.setup.Threads {
			if got := m.value(t, mem.Addr(th.Regs[0].Value+64), 8); got != 4 {
				t.Errorf("window %d: the flags end as %#x, want 4", window, got)
			}
		}
	}
}
