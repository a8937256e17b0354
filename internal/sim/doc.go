// Package sim is simulated time: a timing wheel of by-value events in a total
// order, and seeded random streams.
//
// Events are delivered by (cycle, source, per-source sequence). The order in
// which they were scheduled never matters, so a core that runs ahead of global
// time schedules the same future as one that does not.
//
// sim does not know what an event means.
package sim
