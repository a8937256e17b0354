// Package sweep runs many independent jobs on a few workers, hands their results
// back in order, and keeps them in a directory across runs.
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
//   - A record of a [Store] is whole or absent whenever a process may end, and the
//     bytes of a finished store do not depend on the order in which records came.
//
// What it does not know: what a job is, what a result says, configurations.
package sweep
