// Package report turns results into what people and programs read.
//
// Its one idea: there are two shapes, and everything else is a view of them. A
// [Document] holds records (point, seed, metrics) and is the public result
// schema cohsim.result/v1; a [Table] holds titled columns of text and numbers.
// A [Spec] (the [report] section of a config) turns a Document into Tables,
// and one renderer per format prints any Table, so that no command has table
// code of its own.
//
// A [Comparison] is the exact difference of two Documents, and prints as Tables too.
//
// Contract:
//   - The same document gives the same bytes on every host, in every format.
//   - A document that was written reads back equal; reading is strict: unknown
//     keys, repeated keys and wrong types are errors.
//   - A missing value prints as null, as an empty CSV field, or as "-" in a
//     table, and never as 0. One seed is never given a range.
//   - A Spec is checked with [Spec.Check] before anything is simulated; what
//     passes there can be written.
//   - Numbers are rounded for tables only; json, csv and bench carry values
//     as they were recorded.
//   - Tables of the terminal format fit [Options].Width unless Wide is set.
//
// What it does not know: how results come to be, where they are stored,
// configuration files (a document carries its config as opaque JSON), or the
// meaning of a metric beyond what package stats lists.
package report
