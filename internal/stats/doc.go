// Package stats is the vocabulary of everything cohsim counts.
//
// Its one idea: a counter struct is nothing but 64-bit words, so it is a
// vector. Warm-up is removed by subtracting two snapshots, a machine is the
// sum of its cores, and both are one loop over words ([Add], [Sub]) whatever
// fields the struct has. The tags of the fields are the registry: a counter is
// added by adding one field to counters.go, and its name, unit, layer and
// meaning appear in `cohsim metrics`, in every result and in every table.
//
// Contract:
//   - The model counts in integers. A quotient is declared as data (a [Derived]
//     names its numerator, denominator and scale) and rounded once, on output,
//     by the rule of [Value]; the bytes are the same on every architecture.
//   - A missing value is missing, never 0: a mean over no operations, or a
//     counter of a cache that the machine does not have.
//   - [Histogram.Record], [Add] and [Sub] allocate nothing.
//
// What it does not know: time, cores, protocols, files, tables, formats. It
// keeps no global state that changes and starts no goroutine.
package stats
