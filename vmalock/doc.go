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
//	read_end(mm, vma, held)
//	write_begin(mm)                     mmap_lock for write
//	write_find(mm, addr) -> vma         exits: found, none; inside write_begin
//	write_vma(mm, vma)                  keeps faults off the VMA until write_end
//	write_attach(mm, vma)               makes a write-locked VMA visible to faults
//	write_detach(mm, vma)               takes it away again
//	write_downgrade(mm)                 keeps mmap_lock for read, ends with read_drop
//	read_drop(mm)
//	write_end(mm)                       releases mmap_lock and every VMA
//
// To add a lock, add one file: kinds/NAME.uop with these programs and whatever
// they call, or with "# base: KIND" and the programs in which it differs. Its name in TOML, its line in listings, its default layout and the
// tests that every kind must pass come from that. [ParseKind] makes a lock of any
// such text, so that users can bring their own.
//
// The programs that the kinds share are in kernel/: mmap_lock (a rw_semaphore
// with owner stores, a queue and sleeping), the per-VMA reference count of 6.15
// and later, the maple-tree walk, and as much of the scheduler as a sleeper
// needs. They run on any layout that has the fields; [Supplement] supplies the
// structs that no debug information of one kernel object gives as the programs
// use them. [World] places the objects.
//
// Ghost annotations sit on read-modify-writes, stores and counts, never on loads:
// a load may perform long before the branch that makes it matter. The vocabulary
// is the table in events.go.
//
// # What it does not know
//
// Time, caches, and the machine. The price of schedule() and of a wake-up is the
// machine's; the programs only say where a task sleeps (the sleep instruction).
// Not modelled here yet: preemptible RCU's nesting counter, preemption counts,
// signals (killable waits), optimistic spinning and hand-off of mmap_lock, reuse
// of freed VMAs. The other locks and the reuse of memory follow with issue D.
package vmalock
