// Package vmalock holds the kernel's page-fault locks as micro-op programs.
//
// # One idea
//
// A lock is text: .uop programs named exactly as the kernel's functions, one
// program a function, that any machine can run and a checker can explore. What
// the programs mean is said beside them, by ghost annotations on the few ops
// that change hands, and a [Judge] holds every run to it.
//
// # Contract
//
// Every [Kind] of lock answers to one interface, so that every workload runs on
// every lock. It is these programs; mm is an mm_struct, vma a vm_area_struct:
//
//	read_begin(mm, addr) -> vma, held   exits: locked, none
//	    finds the VMA that covers addr and read-locks it for a page fault; held
//	    says how, to whoever gives it back. none: nothing covers addr.
//	read_retry(mm, vma, addr, held) -> vma, held   exits: locked, none
//	    the fault cannot be served under the lock that held names: lets go and
//	    locks again by the slowest way, which serves every fault.
//	read_slow(mm, addr) -> vma, held    exits: locked, none
//	    as read_begin, the slowest way at once: a fault from kernel mode.
//	read_next(mm, addr) -> vma, held    exits: locked, none
//	    the first VMA that ends above addr: how /proc/PID/maps goes on.
//	read_end(mm, vma, held)
//	read_pair(mm, addr, other) -> vma, second, held    exits: locked, none
//	    the VMAs of two addresses; second is vma if both lie in it.
//	read_pair_end(mm, vma, second, held)
//	write_begin(mm)                     mmap_lock for write
//	write_begin_killable(mm)            exits: locked, interrupted (by a fatal signal)
//	write_find(mm, addr) -> vma         exits: found, none; inside write_begin
//	write_vma(mm, vma)                  keeps faults off the VMA until write_end
//	write_vma_killable(mm, vma)         exits: locked, interrupted (by a fatal signal)
//	write_new(mm, vma)                  a VMA fresh from the allocator, nobody knows it
//	write_attach(mm, vma)               makes a write-locked VMA visible to faults
//	write_detach(mm, vma)               takes it away again
//	write_downgrade(mm)                 keeps mmap_lock for read, ends with read_drop
//	read_drop(mm)
//	write_end(mm)                       releases mmap_lock and every VMA
//
// and a few functions of the kernel that are the same on every lock, vmf_anon_prepare,
// anon_vma_name, vma_flag_set_atomic and mas_store.
//
// Those that a lock does nothing special for it may leave out: kernel/interface.uop
// has read_slow, read_next, read_pair, write_new, write_begin_killable and
// write_vma_killable in terms of mmap_lock and the others.
//
// To add a lock, add one file: kinds/NAME.uop with these programs and whatever
// they call, or with "# base: KIND" and the programs in which it differs. Its name in TOML, its line in listings, its default layout and the
// tests that every kind must pass come from that. [ParseKind] makes a lock of any
// such text, so that users can bring their own.
//
// The programs that the kinds share are in kernel/, a file a subject: vma_read,
// vma_write and vma_attach are the per-VMA reference count of 6.15 and later,
// vma_assert what the kernel asserts of it, refcount its primitives with their
// saturation; mmap_lock, rwsem* and osq are the semaphore around it; maple, maple_write, rcu,
// slab, lockdep, fault and sched are what the functions of the lock call, and what calls
// them. They run on any layout that has the fields; [Supplement] supplies the
// structs that no debug information of one kernel object gives as the programs
// use them. [World] places the objects.
//
// # One text for many kernels
//
// A program may declare params that are [Options] of the kernel: its
// configuration (PER_VMA_LOCK, DEBUG_VM, LOCKDEP, PREEMPT_RCU), the width of
// sequence numbers, and PATCH, which says how far the 2026 series "mm: add and use
// vma_assert_stabilised() helper" has gone: 0 is the lock before it, 1 to 10 after
// so many of its patches (v3), 11 as merged (v4). [Kind.With] binds them before
// anything is linked, so what a kernel does not have is no code at all.
// docs/patches.md says what each patch changes.
//
// Ghost annotations sit on read-modify-writes, stores and counts. A load may perform long
// before the branch that makes it matter; the few that carry one are about its retirement. A failed
// assertion of the kernel is one too (warn), and ends a judged run. The vocabulary
// is the table in events.go.
//
// # What is proven
//
// `cohsim check` explores every interleaving of a few tasks that use a lock, and every
// reordering that the memory model allows within a window, by the judge's laws. tasks/ has
// what the tasks do; mutants.go the known mistakes, each of which must break a law. Of
// vm_refcnt, with what is unmapped reused at once by another mm; seconds of one
// processor:
//
//	model  isa        tasks     window  states       s
//	sc     x86-64     3R 1W     all        69,414  0.1
//	tso    x86-64     2R 1W 1D  all       348,218  0.6
//	armv8  arm64-lse  1R 1W 1D  8       3,524,558  4
//
// These are what cohsim check vm_refcnt does. Others:
//
//	cohsim check vm_refcnt --model armv8 --detachers 0 --window 20            295,915 states, 0.4 s
//	cohsim check vm_refcnt --model sc --detachers 0 --rounds 2 --readers 2    72,308 states, 0.1 s
//	cohsim check vm_refcnt --model sc --detachers 0 --readers 1 --mmap-lock full    848 states
//	cohsim check vm_refcnt --model armv8 --detachers 0 --mmap-lock full       34,013 states, 0.1 s
//	cohsim check vm_refcnt --model armv8 --detachers 0 --scenario tree        1,411 states: nodes of the tree and grace periods
//
// Larger ones need up to 2.3 GB; the first three proofs above stay below 0.8 GB:
//
//	cohsim check vm_refcnt --model armv8 --readers 2 --detachers 0 --window 12    6,098,918 states, 6 s
//	cohsim check vm_refcnt --model tso --readers 3          10,852,058 states, 17 s
//	cohsim check vm_refcnt --model armv8 --isa arm64-llsc   11,864,771 states, 12 s
//	cohsim check vm_refcnt --model armv8 --window 10        12,756,775 states, 15 s
//
// # What it does not know
//
// Time, caches, and the machine. The price of schedule() and of a wake-up is the
// machine's, and so are time slices and on_cpu; the programs only say where a task
// sleeps (the sleep instruction) and where it may not be preempted (preempt.off).
// A signal is what another task does (send_sig_fatal): it ends killable waits. Who waits
// for an RCU grace period carries it on, where the kernel has a thread, and tasks
// say between two operations that they are in no read section, where it has the tick.
// Free VMAs are a list for each CPU (slab.uop); what SLUB does beyond that is left out.
// Not modelled: maple nodes that split, fill up or merge. Of the rw_semaphore, tasks of real-time
// priority and a count that overflows are left out. Lockdep's search of its tables
// is work of a given length.
package vmalock
