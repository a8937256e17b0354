// Package noc prices messages: which cores and homes are how far apart, and how
// long each leg of a coherence transaction takes between them.
//
// Its one idea: a message's delay is its leg's delay for the distance class of
// its end points, plus what a mesh or busy links add, plus seeded jitter. Delays
// are configured in ns and rounded once, to core cycles, when a Net is built.
//
// noc does not know what a message says.
package noc
