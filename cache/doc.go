// Package cache is storage: tag arrays with replacement, and the private cache
// hierarchy of one core (Unit) with its frames, outstanding misses (MSHRs) and
// eviction buffer.
//
// Its one idea: L1 and L2 of a core are one coherence unit. A line has one
// protocol state and one copy of its bytes in the unit; the L1 is a smaller tag
// array in front that only decides the latency of a hit. Tag arrays say who must
// go; where a line is, an index by line number says.
//
// cache does not know when anything happens, who else holds a line, or what a
// protocol state means beyond mesi.Line.
package cache
