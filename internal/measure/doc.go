// Package measure measures the machine it runs on, so that a preset can be
// fitted to it and checked against it.
//
// # One idea
//
// The loops behind measured points are the same few that the workloads of the
// simulator run. Here they run for real: threads pinned to CPUs, atomics of the
// hardware, in short windows of which those that were disturbed are thrown away.
//
// # Contract
//
// [Run] takes a budget of time and returns rows in the columns of a points file.
// A value is the median over windows, its range their 5th to 95th percentile. It
// never runs more threads than it may use CPUs, and says in words what this host
// does not let it measure. Only Linux tells enough about its CPUs.
//
// # What it does not know
//
// The simulator. Frequencies and prefetchers are as they are found; figures are
// in nanoseconds, and the clock that was seen is reported beside them.
package measure
