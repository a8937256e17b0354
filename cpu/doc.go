// Package cpu is the core: a micro-op ISA, programs written in it, memory
// models as ordering tables, and an out-of-order window that runs a linked
// program against a memory port.
//
// Its one idea: an op is plain data (Op, 24 bytes) with one meaning (Eval,
// Modify, Taken), shared by the timed core and by the checker; what may be
// reordered is one table per memory model (Model), read by both.
//
// cpu does not know coherence protocols, caches, networks, time units other
// than core cycles, or what a lock is. It reaches memory through Port alone.
package cpu
