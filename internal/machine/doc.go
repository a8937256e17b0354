// Package machine wires one simulated machine and runs it: cores (cpu) over
// private caches (cache), homes with a directory (mesi), the interconnect (noc)
// and memory, under one clock (sim).
//
// Its one idea: two kinds of event move the machine. A message arrives, or a
// core wakes. Messages of a cycle come before wakes of that cycle; both are in
// a total order of (cycle, source, per-source sequence). A woken core runs on
// by itself up to a horizon that nothing remote can precede, so the result is
// the same as with one event per cycle (the reference engine).
//
// The engine's tick is one core clock cycle. Delays given in ns are rounded to
// whole picoseconds, then to the nearest cycle, once, when the machine is built;
// a message takes at least one cycle.
//
// machine does not know what a lock or a workload is: it takes linked programs,
// initial values and a judge of ghost records.
package machine
