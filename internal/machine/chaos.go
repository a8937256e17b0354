package machine

import (
	"cohsim/cache"
	"cohsim/mesi"
)

// Chaos makes rare orders of messages common. With Setup.ChaosNS every message
// takes up to that much longer, so that messages overtake each other that never
// would on the machine's own interconnect; and where the protocol allows both
// kinds of eviction, half of them are silent.
//
// Delays only grow, so the bounds that run-ahead relies on still hold. A delay is
// a function of the seed and of the message's place in the order of events, not
// a draw from a stream: it disturbs no other random choice of the run.

// chaosDelay is the extra delay of the message with the order key. Some types of
// message are slow throughout a run, which ones depends on the seed; of the
// others, one message in four is.
func (m *Machine) chaosDelay(t mesi.MsgType, key uint64) int64 {
	if m.chaos == 0 {
		return 0
	}
	x := mix(m.setup.Seed ^ mix(key))
	if mix(m.setup.Seed+uint64(t)*0x9e3779b97f4a7c15)>>62 != 0 && x>>62 != 0 {
		return 0
	}
	return int64((x >> 20 & (1<<32 - 1)) * uint64(m.chaos+1) >> 32)
}

// evictEvent is how a unit evicts a line: as the options say.
func (m *Machine) evictEvent(u *unit, fr *cache.Frame) mesi.CoreEvent {
	if m.chaos > 0 && mix(m.setup.Seed^mix(fr.Tag<<10^uint64(u.id)^u.key<<40))>>63 == 0 &&
		m.proto.Has(fr.State, mesi.OnSilentEvict) && m.proto.Has(fr.State, mesi.OnEvict) {
		return mesi.SilentEvict
	}
	return mesi.Evict
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
