package vmalock

import "cohsim/internal/mem"

// supplement are the structs that the programs use and that a layout of
// vm_area_struct and mm_struct need not have. Offsets of the maple nodes and of
// rwsem_waiter are those of Linux 6.18 on x86-64. task_struct is synthetic: of a
// task the programs touch what others write or poll (its state, its flags, whether
// it is on a core) and its stack, which nobody else does; only that these lie on
// lines of their own matters.
var supplement = []mem.Struct{
	{
		Name: "task_struct", Size: 320, Align: 64,
		Notes: "synthetic: what others write or poll on one line, the task's own words, and what RCU knows of it, the top of its stack and its held locks on others; stack holds the address of the task's rwsem_waiter, osq_node that of its CPU's node",
		Fields: []mem.Field{
			{Name: "__state", Offset: 0, Size: 4},
			{Name: "on_cpu", Offset: 4, Size: 4},
			{Name: "thread_info.flags", Offset: 8, Size: 8},
			{Name: "wake_q.next", Offset: 16, Size: 8},
			{Name: "rcu_read_lock_nesting", Offset: 72, Size: 4},
			{Name: "rcu_gp_seq", Offset: 80, Size: 8},
			{Name: "rcu_next", Offset: 88, Size: 8},
			{Name: "rcu_state", Offset: 96, Size: 8},
			{Name: "cpu_slab", Offset: 104, Size: 8},
			{Name: "osq_node", Offset: 112, Size: 8},
			{Name: "stack", Offset: 128, Size: 8, Count: 2},
			{Name: "ves.vma", Offset: 144, Size: 8},
			{Name: "ves.state", Offset: 152, Size: 4},
			{Name: "ves.detaching", Offset: 156, Size: 4},
			{Name: "ves.detached", Offset: 160, Size: 4},
			{Name: "ves.exclusive", Offset: 164, Size: 4},
			{Name: "maple_spare", Offset: 168, Size: 8},
			{Name: "lockdep_depth", Offset: 192, Size: 4},
			{Name: "held_locks", Offset: 200, Size: 8, Count: 15},
		},
	},
	{
		Name: "rwsem_waiter", Size: 48, Align: 64,
		Notes: "what a task that waits for mmap_lock has on its stack",
		Fields: []mem.Field{
			{Name: "list.next", Offset: 0, Size: 8},
			{Name: "list.prev", Offset: 8, Size: 8},
			{Name: "task", Offset: 16, Size: 8},
			{Name: "type", Offset: 24, Size: 4},
			{Name: "timeout", Offset: 32, Size: 8},
			{Name: "handoff_set", Offset: 40, Size: 4},
		},
	},
	{
		Name: "optimistic_spin_node", Size: 64, Align: 64,
		Notes: "one for each CPU, on a line of its own",
		Fields: []mem.Field{
			{Name: "next", Offset: 0, Size: 8},
			{Name: "prev", Offset: 8, Size: 8},
			{Name: "locked", Offset: 16, Size: 4},
		},
	},
	{
		Name: "rw_semaphore", Size: 40, Align: 8,
		Notes: "members that are semaphores lie where the struct around them says",
		Fields: []mem.Field{
			{Name: "count", Offset: 0, Size: 8},
			{Name: "owner", Offset: 8, Size: 8},
			{Name: "osq.tail", Offset: 16, Size: 4},
			{Name: "wait_lock", Offset: 20, Size: 4},
			{Name: "wait_list.next", Offset: 24, Size: 8},
			{Name: "wait_list.prev", Offset: 32, Size: 8},
		},
	},
	{
		Name: "maple_spare", Size: 24, Align: 8,
		Notes: "synthetic: a place for a spare node of a maple tree, one of a ring that a task has",
		Fields: []mem.Field{
			{Name: "node", Offset: 0, Size: 8},
			{Name: "ready", Offset: 8, Size: 8},
			{Name: "next", Offset: 16, Size: 8},
		},
	},
	{
		Name: "rcu_state", Size: 128, Align: 64,
		Notes: "synthetic: what readers look at on one line, what is for those who carry a grace period on (its beginning, when to look again, the task to be asked next, all tasks) on another",
		Fields: []mem.Field{
			{Name: "gp_seq", Offset: 0, Size: 8},
			{Name: "lock", Offset: 64, Size: 4},
			{Name: "gp_start", Offset: 72, Size: 8},
			{Name: "next_task", Offset: 80, Size: 8},
			{Name: "tasks", Offset: 88, Size: 8},
			{Name: "next_fqs", Offset: 96, Size: 8},
		},
	},
	{
		Name: "kmem_cache_cpu", Size: 64, Align: 64,
		Notes: "a CPU's free VMAs, and in rcu those that wait for a grace period, first to last",
		Fields: []mem.Field{
			{Name: "freelist", Offset: 0, Size: 8},
			{Name: "rcu.head", Offset: 8, Size: 8},
			{Name: "rcu.tail", Offset: 16, Size: 8},
		},
	},
	{
		Name: "maple_range_64", Size: 256, Align: 256,
		Notes: "leaf of a maple tree; a leaf that is not full keeps its last index in place of the last slot",
		Fields: []mem.Field{
			{Name: "parent", Offset: 0, Size: 8},
			{Name: "pivot", Offset: 8, Size: 8, Count: 15},
			{Name: "slot", Offset: 128, Size: 8, Count: 16, Union: "slot"},
			{Name: "meta.end", Offset: 248, Size: 1, Union: "slot"},
			{Name: "meta.gap", Offset: 249, Size: 1, Union: "slot"},
		},
	},
	{
		Name: "maple_arange_64", Size: 256, Align: 256,
		Notes: "internal node of a maple tree that tracks gaps",
		Fields: []mem.Field{
			{Name: "parent", Offset: 0, Size: 8},
			{Name: "pivot", Offset: 8, Size: 8, Count: 9},
			{Name: "slot", Offset: 80, Size: 8, Count: 10},
			{Name: "gap", Offset: 160, Size: 8, Count: 10},
			{Name: "meta.end", Offset: 240, Size: 1},
			{Name: "meta.gap", Offset: 241, Size: 1},
		},
	},
}

// Supplement returns l with the structs added that programs of this package use
// and l lacks altogether. l itself is not changed.
func Supplement(l *mem.Layout) *mem.Layout {
	out := *l
	out.Structs = append([]mem.Struct(nil), l.Structs...)
	for _, s := range supplement {
		if out.Struct(s.Name) == nil {
			out.Structs = append(out.Structs, s)
		}
	}
	return &out
}
