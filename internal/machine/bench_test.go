package machine

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"cohsim/internal/mem"
)

// The benchmarks of record. memops/s counts retired loads, stores and RMWs per
// second of CPU time (the wall clock of a shared host says little); handoffs/s
// counts ownerships taken from another core.
//
//	Hits:    16 KiB private per core, 30 % stores, all L1 hits
//	Shared:  64 lines shared by all cores, 30 % stores
//	OneLine: every core's RMW on one line

var benchCores = []int{1, 8, 64, 256}

// benchMachine is a machine of n cores: one L3 up to 64 of them.
func benchMachine(n, window int) Config {
	c := DefaultConfig()
	c.Core.Window = window
	c.Topology.L3PerSocket = (n + 63) / 64
	c.Topology.CoresPerL3 = (n + c.Topology.L3PerSocket - 1) / c.Topology.L3PerSocket
	return c
}

func runBench(b *testing.B, n, window int, objects func(sp *mem.Space, core int) mem.Addr, body string) {
	runBenchWith(b, newWorld(b, benchMachine(n, window), nil), n, objects, body)
}

func runBenchWith(b *testing.B, w *world, n int, objects func(sp *mem.Space, core int) mem.Addr, body string) {
	src := "program p\n    in base seed\n" + body
	th := w.link(b, src)
	for i := range n {
		t := th
		t.Regs = append([]RegValue{{th.Program.Bind["base"], uint64(objects(w.setup.Space, i))}}, th.Regs...)
		if r, ok := th.Program.Bind["seed"]; ok {
			t.Regs = append(t.Regs, RegValue{r, uint64(i + 1)})
		}
		w.setup.Threads = append(w.setup.Threads, t)
		w.setup.Place = append(w.setup.Place, i)
	}
	m, err := New(w.setup)
	if err != nil {
		b.Fatal(err)
	}
	// Warm caches and arenas (256 cores take turns at the homes to fill theirs),
	// then measure b.N steps of simulated time.
	span := int64(20000)
	if n > 64 {
		span = 4000
	}
	warm := int64(160_000)
	m.until(warm)
	at := warm
	count := func() (ops, hand uint64) {
		for i := range m.threads {
			ops += m.threads[i].st.CPU.MemOps
			hand += m.threads[i].st.Coh.Ownerships
		}
		return
	}
	ops0, hand0 := count()
	msgs0 := m.received
	b.ReportAllocs()
	b.ResetTimer()
	cpu0 := cpuSeconds()
	for range b.N {
		at += span
		m.until(at)
	}
	sec := cpuSeconds() - cpu0
	b.StopTimer()
	ops, hand := count()
	b.ReportMetric(float64(ops-ops0)/sec, "memops/s")
	b.ReportMetric(float64(hand-hand0)/sec, "handoffs/s")
	b.ReportMetric(float64(m.received-msgs0)/sec, "messages/s")
}

// cpuSeconds is the CPU time that the process has used.
func cpuSeconds() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func each(b *testing.B, run func(b *testing.B, cores, window int)) {
	for _, n := range benchCores {
		for _, w := range []int{1, 64} {
			b.Run(fmt.Sprintf("cores=%d/window=%d", n, w), func(b *testing.B) { run(b, n, w) })
		}
	}
}

func BenchmarkHits(b *testing.B) {
	each(b, func(b *testing.B, n, w int) { runBench(b, n, w, privateBuffer, hits()) })
}

// BenchmarkAttributed is Hits with every cycle charged to a micro-op, too.
func BenchmarkAttributed(b *testing.B) {
	each(b, func(b *testing.B, n, w int) {
		world := newWorld(b, benchMachine(n, w), nil)
		world.setup.PerOp = true
		runBenchWith(b, world, n, privateBuffer, hits())
	})
}

func privateBuffer(sp *mem.Space, core int) mem.Addr {
	return sp.NewRaw(fmt.Sprintf("buf[%d]", core), 16384, 64)
}

// hits is ten accesses a step, three of them stores, over 16 KiB.
func hits() string {
	var body strings.Builder
	body.WriteString("    reg p i x\n    mov i, 0\nloop:\n    and i, i, 16383\n    add p, base, i\n")
	for k := range 10 {
		off := 8 * (k * 7 % 8)
		if k%3 == 2 {
			fmt.Fprintf(&body, "    store [p+%d], i\n", off)
		} else {
			fmt.Fprintf(&body, "    load x, [p+%d]\n", off)
		}
	}
	body.WriteString("    add i, i, 64\n    jump loop\n")
	return body.String()
}

func BenchmarkShared(b *testing.B) {
	// Pseudo-random lines of 64; three of ten accesses are stores.
	var body strings.Builder
	body.WriteString("    reg p i x\n    mov i, seed\nloop:\n")
	for k := range 10 {
		body.WriteString("    mix i, i\n    and p, i, 4032\n    add p, p, base\n")
		if k%3 == 2 {
			body.WriteString("    store [p], i\n")
		} else {
			body.WriteString("    load x, [p]\n")
		}
	}
	body.WriteString("    jump loop\n")
	each(b, func(b *testing.B, n, w int) {
		var base mem.Addr
		runBench(b, n, w, func(sp *mem.Space, core int) mem.Addr {
			if core == 0 {
				base = sp.NewRaw("shared", 4096, 64)
			}
			return base
		}, body.String())
	})
}

func BenchmarkOneLine(b *testing.B) {
	each(b, func(b *testing.B, n, w int) {
		var base mem.Addr
		runBench(b, n, w, func(sp *mem.Space, core int) mem.Addr {
			if core == 0 {
				base = sp.NewRaw("line", 64, 64)
			}
			return base
		}, "loop:\n    rmw.add _, [base], 1\n    jump loop\n")
	})
}
