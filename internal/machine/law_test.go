package machine

import (
	"fmt"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/internal/stats"
)

// world links one program per thread over plain words and builds a machine.
// Objects are raw lines named a, b, c…; registers of that name hold their
// addresses.
type world struct {
	cfg   Config
	setup Setup
	addr  map[string]mem.Addr
}

var testLayout = &mem.Layout{Name: "test", Structs: []mem.Struct{{Name: "task_struct", Size: 128, Align: 64,
	Fields: []mem.Field{{Name: "__state", Offset: 0, Size: 4}, {Name: "stack", Offset: 64, Size: 8}}}}}

func newWorld(t testing.TB, cfg Config, objects []string, programs ...string) *world {
	t.Helper()
	w := &world{cfg: cfg, addr: map[string]mem.Addr{}}
	w.setup = Setup{Config: cfg, Space: mem.NewSpace(testLayout), Seed: 1}
	in := ""
	for _, o := range objects {
		w.addr[o] = w.setup.Space.NewRaw(o, 64, 64)
		in += " " + o
	}
	for i, src := range programs {
		th := w.link(t, fmt.Sprintf("program p%d\n    in%s\n%s\n", i, in, src))
		task, err := w.setup.Space.New("task_struct", fmt.Sprintf("task[%d]", i))
		if err != nil {
			t.Fatal(err)
		}
		th.Regs = append(th.Regs, RegValue{cpu.TaskReg, uint64(task)})
		for _, o := range objects {
			if r, ok := th.Program.Bind[o]; ok {
				th.Regs = append(th.Regs, RegValue{r, uint64(w.addr[o])})
			}
		}
		w.setup.Threads = append(w.setup.Threads, th)
		w.setup.Place = append(w.setup.Place, i)
	}
	return w
}

// link makes a thread of program text.
func (w *world) link(t testing.TB, text string) Thread {
	t.Helper()
	isa, err := cpu.ParseISA(w.cfg.ISA)
	if err != nil {
		t.Fatal(err)
	}
	procs, err := cpu.Parse("test.uop", []byte(text))
	if err != nil {
		t.Fatalf("%v", err)
	}
	prog, err := cpu.Link(procs[0], cpu.LinkOptions{ISA: isa, Layout: testLayout})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return Thread{Program: prog}
}

// run simulates until every thread has halted.
func (w *world) run(t testing.TB) (*Machine, *Result) {
	t.Helper()
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	res, err := m.Simulate()
	if err != nil {
		if b, ok := err.(*Bug); ok {
			t.Fatalf("%v\n%s\n%s", err, b.Dump, b.Stack)
		}
		if b, ok := err.(*Aborted); ok {
			t.Fatalf("%v\n%s", err, b.Dump)
		}
		t.Fatal(err)
	}
	return m, res
}

func (m *Machine) value(t testing.TB, a mem.Addr, bytes int) uint64 {
	l := m.line(a.Line())
	for i := range m.units {
		if f := m.units[i].Find(a.Line()); f >= 0 {
			return peek(&m.units[i].Frames[f].Data, uint64(a), bytes)
		}
	}
	return peek(&l.bytes, uint64(a), bytes)
}

// plain is a machine with round figures and no jitter at 1 GHz, so that a ns is
// a cycle.
func plain() Config {
	c := DefaultConfig()
	c.Core.ClockMHz = 1000
	c.Core.Window = 1
	c.Fabric.JitterPercent = 0
	c.Topology.L3Local = false
	c.Topology.L3PerSocket = 1
	c.L2.Bytes = 0
	return c
}

func TestALoadThatHitsTakesTheL1Latency(t *testing.T) {
	w := newWorld(t, plain(), []string{"a"}, `
    reg x
    load x, [a]
    load x, [a]
    load x, [a]
    halt`)
	_, res := w.run(t)
	// Cold miss: request 8, data 12 with DRAM 80; then two hits of 4 cycles.
	if got := res.Cores[0].CPU.Cycles[stats.DRAM]; got == 0 {
		t.Fatalf("no cycle charged to dram: %v", res.Cores[0].CPU.Cycles)
	}
	if res.Cores[0].Cache.L1Hits != 2 || res.Cores[0].Cache.L1Misses != 1 {
		t.Fatalf("hits %d misses %d", res.Cores[0].Cache.L1Hits, res.Cores[0].Cache.L1Misses)
	}
	t.Log(res.End, res.Cores[0].CPU.Cycles)
}

func TestEveryAtomicIncrementCounts(t *testing.T) {
	for _, isa := range []string{"x86-64", "arm64-lse", "arm64-llsc"} {
		for _, window := range []int{1, 4, 64} {
			for _, n := range []int{1, 2, 7} {
				cfg := plain()
				cfg.ISA = isa
				cfg.Core.Window = window
				var progs []string
				for range n {
					progs = append(progs, `
    reg i
    mov i, 100
loop:
    rmw.add _, [a], 1
    rmw.add _, [b], 2
    sub i, i, 1
    bne i, 0, loop
    halt`)
				}
				w := newWorld(t, cfg, []string{"a", "b"}, progs...)
				m, res := w.run(t)
				if got := m.value(t, w.addr["a"], 8); got != uint64(100*n) {
					t.Fatalf("%s window %d, %d cores: a = %d", isa, window, n, got)
				}
				if got := m.value(t, w.addr["b"], 8); got != uint64(200*n) {
					t.Fatalf("%s window %d, %d cores: b = %d", isa, window, n, got)
				}
				_ = res
			}
		}
	}
}
