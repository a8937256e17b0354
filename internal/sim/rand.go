package sim

// Rand is a seeded random stream (splitmix64). Give every (seed, core, purpose)
// its own, so that one consumer never disturbs another's draws.
type Rand struct{ s uint64 }

// NewRand returns the stream of a seed, an owner (core or node) and a purpose.
func NewRand(seed uint64, owner int, purpose uint64) Rand {
	r := Rand{seed}
	a := r.Next() ^ uint64(owner)*0xd1342543de82ef95
	r.s = a
	b := r.Next() ^ purpose*0xaf251af3b0f025b5
	r.s = b
	r.Next()
	return r
}

// Next is the next 64 random bits.
func (r *Rand) Next() uint64 {
	r.s += 0x9e3779b97f4a7c15
	x := r.s
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Intn is uniform in [0, n).
func (r *Rand) Intn(n int) int {
	// The bias of the multiply-shift is below n/2^32: irrelevant for jitter.
	return int((r.Next() >> 32) * uint64(n) >> 32)
}
