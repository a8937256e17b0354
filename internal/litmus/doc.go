// Package litmus reads litmus tests, small programs of a few threads with a condition on
// what they may end with, and runs them on the checker.
//
// # Idea
//
// A [Test] is programs over cpu.Op, so the instructions of a test are the micro-ops that
// the timed cores run, and [Test.Run] explores them under the same cpu.Model that the
// cores obey. What comes out is the set of all outcomes; two models are compared by these
// sets, not by the verdict on one condition.
//
// # Contract
//
// [Parse] reads the X86_64 and AArch64 litmus formats, as far as [Supported] says, and
// reports every mistake with file, line and column. [Generate] writes tests from the
// names of cycles ("PodWW Rfe DpAddrdR Fre"). [ReadVerdicts] reads a table of known outcome
// sets.
//
// # What it does not know
//
// How a model works (internal/check has it), and time.
package litmus
