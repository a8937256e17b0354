package check

import "cohsim/mesi"

// Canon implements System. The representative of a class is the smallest state among
// the renamings that sort the caches by what can be seen of each without names; only
// caches that look alike are tried in every order.
func (s *Protocol) Canon(k []uint64) {
	if !s.cfg.Symmetry {
		return
	}
	var sig [MaxCaches]uint64
	var order [MaxCaches]int
	home := k[s.n]
	own, rq := get(home, ownAt, ownMask), get(home, rqAt, rqMask)
	const who = uint64(fwdwMask) << fwdwAt
	for c, w := range k[:s.n] {
		// One word per cache: its fields, what the home and other caches' forwards say
		// about it, and whether its own forward is for somebody.
		x := w &^ who
		if own == uint64(c)+1 {
			x |= 1 << usedBits
		}
		if rq == uint64(c)+1 {
			x |= 1 << (usedBits + 1)
		}
		if get(w, fwdwAt, fwdwMask) != 0 {
			x |= 1 << (usedBits + 2)
		}
		for _, o := range k[:s.n] {
			if get(o, fwdwAt, fwdwMask) == uint64(c)+1 {
				x += 1 << (usedBits + 3)
			}
		}
		sig[c] = x
		i := c
		for ; i > 0 && sig[order[i-1]] > x; i-- {
			order[i] = order[i-1]
		}
		order[i] = c
	}
	var best, cand [MaxCaches + 1]uint64
	s.rename(k, &order, &best)
	ties := false
	for i := 1; i < s.n; i++ {
		ties = ties || sig[order[i]] == sig[order[i-1]]
	}
	if ties && s.named(k) {
		s.tryTies(k, &sig, &order, 0, &best, &cand)
	}
	copy(k, best[:s.n+1])
}

// named reports whether forwards name different requesters. The requester they all name
// is told apart by that, and caches that then look alike are alike.
func (s *Protocol) named(k []uint64) bool {
	who := uint64(0)
	for _, w := range k[:s.n] {
		if n := get(w, fwdwAt, fwdwMask); n != 0 && who != 0 && n != who {
			return true
		} else if n != 0 {
			who = n
		}
	}
	return false
}

// rename writes the state with cache order[i] called i.
func (s *Protocol) rename(k []uint64, order *[MaxCaches]int, to *[MaxCaches + 1]uint64) {
	var name [MaxCaches + 2]uint64 // by old name + 1; nobody stays nobody
	for i, c := range order[:s.n] {
		name[c+1] = uint64(i) + 1
	}
	for i, c := range order[:s.n] {
		w := k[c]
		set(&w, fwdwAt, fwdwMask, name[get(w, fwdwAt, fwdwMask)])
		to[i] = w
	}
	h := k[s.n]
	set(&h, ownAt, ownMask, name[get(h, ownAt, ownMask)])
	set(&h, rqAt, rqMask, name[get(h, rqAt, rqMask)])
	to[s.n] = h
}

// tryTies permutes order within runs of equal signatures from position i on.
func (s *Protocol) tryTies(k []uint64, sig *[MaxCaches]uint64, order *[MaxCaches]int, i int, best, cand *[MaxCaches + 1]uint64) {
	if i == s.n {
		s.rename(k, order, cand)
		for j := range s.n + 1 {
			if cand[j] != best[j] {
				if cand[j] < best[j] {
					*best = *cand
				}
				return
			}
		}
		return
	}
	for j := i; j < s.n && sig[order[j]] == sig[order[i]]; j++ {
		order[i], order[j] = order[j], order[i]
		s.tryTies(k, sig, order, i+1, best, cand)
		order[i], order[j] = order[j], order[i]
	}
}

// Actors implements Charter.
func (s *Protocol) Actors() []string {
	var a []string
	for c := range s.n {
		a = append(a, mesi.Node(c).String())
	}
	return append(a, mesi.Home.String())
}
