package machine

import (
	"slices"

	"cohsim/internal/sim"
)

// arrivals are the cycles at which messages on their way to a unit arrive.
// Those of the past are dropped when somebody asks for the next, or when the
// list is full, so that a message costs one append and nothing on arrival.
type arrivals []int64

func (a *arrivals) add(t, now int64) {
	if len(*a) == cap(*a) {
		a.full(now)
	}
	*a = append(*a, t)
}

// full makes room. At cycle now some messages may not have been delivered yet.
func (a *arrivals) full(now int64) {
	if a.after(now - 1); len(*a) >= cap(*a)/2 {
		*a = slices.Grow(*a, cap(*a)+8)
	}
}

// after is the earliest arrival after cycle t, sim.Never if there is none. Every
// message up to t must have been delivered.
func (a *arrivals) after(t int64) int64 {
	least := sim.Never
	left := (*a)[:0]
	for _, at := range *a {
		if at > t {
			left = append(left, at)
			least = min(least, at)
		}
	}
	*a = left
	return least
}

// others is the earliest arrival after cycle t, and whether the message of cycle t
// that is being handled is the only one of that cycle.
func (a arrivals) others(t int64) (next int64, one bool) {
	next, n := sim.Never, 0
	for _, at := range a {
		if at > t {
			next = min(next, at)
		} else if at == t {
			n++
		}
	}
	return next, n == 1
}
