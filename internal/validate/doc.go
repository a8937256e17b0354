// Package validate holds the model against measured hardware: it runs the
// workload behind each measured point and says how far off the model is.
//
// # One idea
//
// A measured point describes itself: a row of a points file names a machine, a
// placement, a workload with its parameters, a metric and a value. So any tool
// that knows the workloads can repeat it, and a new point needs no code. Every
// judgement (errors, ranking, directional claims, targets) is derived from the
// rows alone.
//
// # Contract
//
//   - [Parse] reads a points file strictly; the error is config.Diagnostics, with
//     file:line:col, what is allowed and what may have been meant.
//   - A machine is a preset of the point's name, or a file that the user names.
//     What cannot be run is an [Uncovered] with its reason, never dropped.
//   - [Run] simulates all points with all seeds in one pool. The same points,
//     machines, seeds and engine give the same numbers with any number of jobs.
//   - The error of a point is |ln(simulated/measured)|, and 0 inside the measured
//     noise range. Tables show it as the factor minus one, in percent.
//   - [Calibrate] moves only the keys that a machine file declares free (its key
//     free_keys), looks only at rows whose use is calibrate, and is deterministic.
//
// # What it does not know
//
// How points are measured (`cohsim measure`), and what a workload does: the
// simulator never learns which point it is run for.
package validate
