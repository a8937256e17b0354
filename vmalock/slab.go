package vmalock

import (
	"fmt"

	"cohsim/internal/mem"
)

// AddSlab gives the CPU of each task that is there n free VMAs, which tasks of any mm
// take and give back; tasks that share a CPU share them.
func (w *World) AddSlab(n int) {
	w.rcu = true
	caches := map[uint64]mem.Addr{} // by the CPU's node of spinners; looked up, never iterated
	for i, task := range w.Tasks {
		cpu := w.initial(task, "task_struct", "osq_node")
		cache, ok := caches[cpu]
		if !ok {
			cache = w.Object("kmem_cache_cpu", fmt.Sprintf("cpu_slab[%d]", i))
			caches[cpu] = cache
			next := uint64(0)
			for range n {
				vma := w.AddVMA(w.MMs[0], 0, 0, false)
				w.VMAs[len(w.VMAs)-1].Free = true
				w.Set(vma, "vm_area_struct", "vm_freeptr.v", next)
				next = uint64(vma)
			}
			w.Set(cache, "kmem_cache_cpu", "freelist", next)
		}
		w.Set(task, "task_struct", "cpu_slab", uint64(cache))
	}
}

// addRCU places what grace periods need, and makes a list of all tasks.
func (w *World) addRCU() {
	if len(w.Tasks) == 0 {
		return
	}
	rcu := w.Object("rcu_state", "rcu_state")
	w.Set(rcu, "rcu_state", "tasks", uint64(w.Tasks[0]))
	for i, t := range w.Tasks {
		w.Set(t, "task_struct", "rcu_state", uint64(rcu))
		if i > 0 {
			w.Set(w.Tasks[i-1], "task_struct", "rcu_next", uint64(t))
		}
	}
}

// initial is the value that a field was set to last.
func (w *World) initial(base mem.Addr, structName, field string) uint64 {
	at, _ := w.Field(base, structName, field)
	for i := len(w.Init) - 1; i >= 0; i-- {
		if w.Init[i].Addr == at {
			return w.Init[i].Value
		}
	}
	return 0
}
