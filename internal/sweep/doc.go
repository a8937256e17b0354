// Package sweep runs many independent jobs on a few workers and hands their
// results back in order.
//
// Its one idea: what a caller sees does not depend on the number of workers.
// [Run] delivers result 0, then 1, and so on, from one goroutine, and if jobs
// fail it reports the failing job with the lowest index after delivering
// everything below it: the same bytes and the same error with one worker or
// eight, in any start order.
//
// Contract:
//   - A job's panic becomes a [*PanicError] that carries its index and stack.
//   - Cancelling the context starts no further job, waits for those that run,
//     and returns the cause.
//   - When Run returns, none of its goroutines is left.
//
// What it does not know: what a job is, configurations, results, files.
package sweep
