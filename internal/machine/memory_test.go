package machine

import (
	"fmt"
	"runtime"
	"testing"
)

// A machine of 1024 cores, each with a large window and a 1 MiB L2, in which
// every core has used the caches, takes less than 1 GiB.
func TestTheLargestMachineFitsAGibibyte(t *testing.T) {
	if testing.Short() {
		t.Skip("builds 1024 cores")
	}
	const cores = 1024
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cfg := DefaultConfig()
	cfg.Topology.L3PerSocket, cfg.Topology.CoresPerL3 = cores/64, 64
	w := newWorld(t, cfg, nil)
	th := w.link(t, `program p
    in base own
    reg x i
    mov i, 0
loop:
    and i, i, 16383
    add x, own, i
    store [x], i
    load x, [base]
    add i, i, 64
    jump loop
`)
	base := w.setup.Space.NewRaw("shared", 64, 64)
	for i := range cores {
		own := w.setup.Space.NewRaw(fmt.Sprintf("own[%d]", i), 16384, 64)
		th := th
		th.Regs = append([]RegValue{{th.Program.Bind["base"], uint64(base)}, {th.Program.Bind["own"], uint64(own)}}, th.Regs...)
		w.setup.Threads = append(w.setup.Threads, th)
		w.setup.Place = append(w.setup.Place, i)
	}
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	m.until(100_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	mib := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
	ops := uint64(0)
	for i := range m.threads {
		ops += m.threads[i].st.CPU.MemOps
	}
	t.Logf("%d MiB after %d memory ops", mib, ops)
	if mib >= 1024 {
		t.Errorf("%d MiB", mib)
	}
	runtime.KeepAlive(m)
}
