// Package interp runs linked programs one op at a time over a flat memory.
//
// # One idea
//
// The meaning of an op is in package cpu; its timing is the machine's. Between
// them lies plain sequential execution, in which every op performs in program
// order and at once: sequential consistency, the strongest memory model there
// is. Whatever a program does here it must be able to do everywhere, so the
// programs' own tests run on it: memory effects, exits, counted accesses, and
// thousands of interleavings chosen at random.
//
// # Contract
//
// [Machine.Step] runs one op of one thread. A wait or sleep whose condition does
// not hold blocks: the op stays and nothing changes. Memory reads as zero until
// written. Hooks see every access, counted event and ghost event.
//
// # What it does not know
//
// Time, caches, lines, store buffers, speculation. It is no fallback for the
// machine: a program that is right here may be wrong under a weaker model.
package interp
