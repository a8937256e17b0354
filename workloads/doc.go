// Package workloads says what threads do: page-fault storms on a lock of the
// kernel, and the micro-benchmarks that machines are measured with.
//
// # One idea
//
// A workload is a function from a few numbers to programs, objects and registers.
// It writes no lock itself: fault workloads call the interface of programs that
// every vmalock.Kind has, so every lock runs every workload.
//
// # Contract
//
//   - A [Kind] has a name, a struct of parameters (the keys of [workload] in TOML,
//     with unit, range and default), and Build, which places objects in Env.Space
//     and returns a [Plan]. To add a workload, add a file with one define.
//   - Each turn of a thread's loop is a marked region, "mark begin NAME … mark end
//     NAME"; Plan.Ops names the regions that count as operations.
//   - Programs hold what all threads share; what tells threads apart (the VMA, the
//     random stream) is in registers. So threads with the same Program index run
//     the same linked program.
//   - Random choices come from the mix instruction on a private register that is
//     seeded by (Env.Seed, thread). Build is deterministic, and a plan serves every
//     seed unless Build sets Env.Seeded.
//   - Durations are parameters in ns; Env.CyclesNS turns them into cycles. The
//     micro-benchmarks' think and hold times are loops of dependent multiplications,
//     counted and not timed, because that is how the measurements were made.
//   - Mistakes in parameters are errors that name the key.
//
// # What it does not know
//
// Caches, protocols and distances. What a fault does besides locking is private
// time, fault_work_ns: entries of page tables, zeroing or copying the page. In the
// fault_ kinds that is all. Those named after will-it-scale's tests also write the
// shared words that allocating, freeing, mapping and unmapping pages come to now and
// then (touches.go), at the batches of the kernel; its spin locks are one word
// without a queue. Their VMAs and the entries of the tree are placed beforehand: mmap
// and munmap attach and detach them, and replace entries, but no node of the tree
// grows; a VMA that munmap splits off a merged one is never in the tree, and what lies
// behind it keeps its VMA; a child of fork_storm is one mm, which exits and comes
// back. Waiting for TLBs to be flushed is time of the thread that
// waits.
package workloads
