// Package experiment turns a config into runs of the machine, and their results
// into a document.
//
// # One idea
//
// An experiment is ready before it starts. [Load] reads the config and builds and
// links the programs of every point, so that whatever a user can get wrong, a key,
// a field that no layout gives, a line of a .uop file, is told at once and nothing
// has been simulated. [Experiment.Run] can then fail only where the simulated
// machine does.
//
// # Contract
//
//   - The jobs are points × seeds, of which a shard takes every n-th. Records are in the order of the points, then of
//     the seeds, whatever [Options].Jobs is: the same bytes with one worker or eight.
//   - The layout of a point is the lock's own, then what vmalock.Supplement adds,
//     then point.Layouts in their order.
//   - Main programs with the same text, parameters, lock, layout and instruction
//     set are linked once, and shared by all runs.
//   - A [Plan] lists the runs with the keys of their records; an [Archive] is what a
//     store has of a plan. Records that are stored give the bytes of runs that are
//     simulated.
//   - A run that fails is a [*RunError], which names the point and the seed and
//     wraps a *machine.Aborted (the simulated program or protocol is at fault) or a
//     *machine.Bug (cohsim is).
//
// # What it does not know
//
// Command lines, terminals, exit codes, formats.
package experiment
