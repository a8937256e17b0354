package vmalock

import (
	"fmt"

	"cohsim/internal/mem"
)

// Word is an initial value of memory.
type Word struct {
	Addr  mem.Addr
	Bytes int // 4 or 8
	Value uint64
}

// VMA is one placed vm_area_struct.
type VMA struct {
	Addr       mem.Addr
	MM         mem.Addr
	Lock       mem.Addr // the object that its rw_semaphore is a member of; 0 if the layout has none
	Start, End uint64   // the addresses it covers, End not included
	Attached   bool     // visible to page faults from the start
	Free       bool     // the allocator has it
}

// Node is one placed leaf of a maple tree.
type Node struct {
	Addr mem.Addr
	Live bool // in the tree from the start, not a spare one
}

// World places the objects that lock programs work on, tasks, an mm, its VMAs
// and the tree that finds them, and collects their initial values. The first
// error sticks and is what Finish returns.
type World struct {
	Layout *mem.Layout // has been through Supplement
	Space  *mem.Space
	Init   []Word
	Tasks  []mem.Addr
	MMs    []mem.Addr
	VMAs   []VMA
	Sems   []mem.Addr // semaphores that lock neither an mm nor a VMA
	Nodes  []Node     // leaves of maple trees
	// Grace says that VMAs are freed after a grace period, see Kind.
	Grace bool
	// SeqBits is the width of sequence numbers, see Options.
	SeqBits int
	rcu     bool // somebody waits for grace periods
	err     error
}

// NewWorld is an empty world. The space must have been made for a layout that has
// been through Supplement, and layout must be that one.
func NewWorld(layout *mem.Layout, space *mem.Space) *World {
	return &World{Layout: layout, Space: space, SeqBits: 32}
}

// Err is the first thing that went wrong.
func (w *World) Err() error { return w.err }

// Finish places what depends on the number of tasks, once all are there, and
// returns the first thing that went wrong.
func (w *World) Finish() error {
	if w.has("vm_readers") {
		for i, v := range w.VMAs {
			at := w.Space.NewRaw(fmt.Sprintf("readers[%d]", i), mem.LineBytes*max(1, len(w.Tasks)), mem.LineBytes)
			w.Set(v.Addr, "vm_area_struct", "vm_readers", uint64(at))
			w.Set(v.Addr, "vm_area_struct", "vm_readers_end", uint64(at)+mem.LineBytes*uint64(len(w.Tasks)))
		}
		for i, t := range w.Tasks {
			w.Set(t, "task_struct", "cpu_offset", mem.LineBytes*uint64(i))
		}
	}
	if w.rcu {
		w.addRCU()
	}
	return w.err
}

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Object places an object of a struct; see mem.Space.New.
func (w *World) Object(structName, name string) mem.Addr {
	a, err := w.Space.New(structName, name)
	if err != nil {
		w.fail(err)
	}
	return a
}

// Field is the address and the size of a field of the object at base.
func (w *World) Field(base mem.Addr, structName, field string) (mem.Addr, int) {
	s := w.Layout.Struct(structName)
	if s == nil {
		w.fail(fmt.Errorf("layout %q has no struct %q", w.Layout.Name, structName))
		return base, 8
	}
	f, ok := s.Field(field)
	if !ok {
		w.fail(fmt.Errorf("layout %q has no field %s.%s", w.Layout.Name, structName, field))
		return base, 8
	}
	return base + mem.Addr(f.Offset), f.Size
}

// Set gives a field of the object at base its initial value. A field narrower
// than a word is set together with its neighbours up to four bytes.
func (w *World) Set(base mem.Addr, structName, field string, value uint64) {
	a, size := w.Field(base, structName, field)
	if w.err == nil {
		w.Init = append(w.Init, Word{a, max(size, 4), value})
	}
}

// AddTask places a task, the waiter on its stack, and its CPU's node in the queue of
// spinners. The task runs from the start, and has the CPU to itself.
func (w *World) AddTask() mem.Addr {
	i := len(w.Tasks)
	t := w.Object("task_struct", fmt.Sprintf("task[%d]", i))
	waiter := w.Object("rwsem_waiter", fmt.Sprintf("waiter[%d]", i))
	w.Set(t, "task_struct", "stack", uint64(waiter))
	w.Set(t, "task_struct", "on_cpu", 1)
	w.Set(t, "task_struct", "osq_node", uint64(w.Object("optimistic_spin_node", fmt.Sprintf("osq_node[%d]", i))))
	w.Tasks = append(w.Tasks, t)
	return t
}

// NeedResched is the bit of thread_info.flags that tells a task that spins to let
// another have its CPU (TIF_NEED_RESCHED on x86-64; the programs use the same bits
// everywhere).
const NeedResched = 1 << 3

// ShareCPU makes a task wait for its turn on the CPU of another.
func (w *World) ShareCPU(task, other mem.Addr) {
	w.Set(task, "task_struct", "osq_node", w.initial(other, "task_struct", "osq_node"))
	w.Set(task, "task_struct", "on_cpu", 0)
}

// AddMM places an mm: unlocked, sequence number 0, one reference.
func (w *World) AddMM() mem.Addr {
	name := "mm"
	if n := len(w.MMs); n > 0 {
		name = fmt.Sprintf("mm[%d]", n)
	}
	mm := w.Object("mm_struct", name)
	w.Set(mm, "mm_struct", "mm_count", 1)
	w.MMs = append(w.MMs, mm)
	return mm
}

// AddSem places a semaphore, free, that locks neither an mm nor a VMA.
func (w *World) AddSem(name string) mem.Addr {
	a := w.Object("rw_semaphore", name)
	w.Sems = append(w.Sems, a)
	return a
}

// AddVMA places a VMA that covers [start, end). If attached it has its own count
// of 1 and will be in the tree.
func (w *World) AddVMA(mm mem.Addr, start, end uint64, attached bool) mem.Addr {
	const vas = "vm_area_struct"
	a := w.Object(vas, fmt.Sprintf("vma[%d]", len(w.VMAs)))
	w.Set(a, vas, "vm_start", start)
	w.Set(a, vas, "vm_end", end)
	w.Set(a, vas, "vm_mm", uint64(mm))
	w.Set(a, vas, "vm_lock_seq", seqMask(w.SeqBits)) // never write-locked
	v := VMA{Addr: a, MM: mm, Start: start, End: end, Attached: attached}
	if attached {
		w.Set(a, vas, "anon_vma", uint64(a)) // faults have been there
	}
	if attached && w.has("vm_refcnt") {
		w.Set(a, vas, "vm_refcnt", 1)
	}
	if !attached && w.has("detached") {
		w.Set(a, vas, "detached", 1)
	}
	switch {
	case w.has("vm_lock.lock.count"):
		v.Lock = a
	case w.has("vm_lock"):
		v.Lock = w.Object("vma_lock", fmt.Sprintf("vma_lock[%d]", len(w.VMAs)))
		w.Set(a, vas, "vm_lock", uint64(v.Lock))
	}
	w.VMAs = append(w.VMAs, v)
	return a
}

// has reports whether VMAs have the field: what locks them differs from layout to
// layout.
func (w *World) has(field string) bool {
	s := w.Layout.Struct("vm_area_struct")
	if s == nil {
		return false
	}
	_, ok := s.Field(field)
	return ok
}

// Judge makes the judge of this world's VMAs and mms.
func (w *World) Judge() *Judge {
	j := NewJudge(func(a mem.Addr) string {
		if obj, _, ok := w.Space.Resolve(a); ok && obj.Base == a {
			return obj.Name
		}
		return w.Space.Symbol(a)
	})
	j.seqMask, j.vmaGrace = seqMask(w.SeqBits), w.Grace
	for _, mm := range w.MMs {
		j.AddMM(mm)
	}
	for _, v := range w.VMAs {
		j.AddVMA(v.Addr, v.MM, v.Attached)
		if v.Free {
			j.vmas[v.Addr].freed = 1
		}
		if v.Lock != 0 {
			j.AddSem(v.Lock, v.Addr)
		}
	}
	for _, s := range w.Sems {
		j.AddSem(s, 0)
	}
	for _, n := range w.Nodes {
		j.AddNode(n.Addr, n.Live)
	}
	return j
}
