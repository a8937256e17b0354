package check

import (
	"fmt"

	"cohsim/mesi"
)

const (
	isM      = 1 << mesi.M
	isE      = 1 << mesi.E
	isO      = 1 << mesi.O
	isF      = 1 << mesi.F
	atRest   = 1<<mesi.I | 1<<mesi.S | 1<<mesi.E | 1<<mesi.M | 1<<mesi.O | 1<<mesi.F
	isOwnerO = 1<<mesi.O | 1<<mesi.OM_AD | 1<<mesi.OM_A
)

// Check implements System: the invariants of a coherent memory.
func (s *Protocol) Check(k []uint64) error {
	home := k[s.n]
	last := get(home, lastAt, 1)
	ds := mesi.HomeState(get(home, dsAt, dsMask))
	var unbalanced, readers, exclusive, owners, forwarders int
	for c, w := range k[:s.n] {
		bit := uint32(1) << get(w, stAt, stMask)
		if bit&atRest != 0 && get(w, balAt, balMask) != 0 {
			unbalanced = c + 1
		}
		if bit&(isM|isE) != 0 {
			exclusive++
		}
		if bit&isO != 0 {
			owners++
		}
		if bit&isF != 0 {
			forwarders++
		}
		if bit&s.readMask == 0 {
			continue
		}
		readers++
		if cd := get(w, cdAt, cdMask); cd != last+1 {
			return s.broken("data value", "cache %d reads %s, the last store was %d", c, value(cd), last)
		}
		listed := w>>shrAt&1 != 0
		switch ds {
		case mesi.HI:
			return s.broken("directory covers every copy", "cache %d has a copy, the home knows of none", c)
		case mesi.HS, mesi.HO:
			if !listed && bit&isOwnerO == 0 {
				return s.broken("directory covers every copy", "cache %d has a copy and is not listed", c)
			}
		case mesi.HX:
			if get(home, ownAt, ownMask) != uint64(c)+1 {
				return s.broken("directory covers every copy", "cache %d has a copy and is not the owner", c)
			}
		}
	}
	switch {
	case exclusive > 0 && readers > 1:
		return s.broken("SWMR", "%d caches may read while one may write", readers)
	case (ds == mesi.HI || ds == mesi.HS) && get(home, memAt, 1) != last:
		return s.broken("clean home is current", "memory holds %d, the last store was %d", get(home, memAt, 1), last)
	case owners > 1 || forwarders > 1:
		return s.broken("one O, one F", "%d caches in O, %d in F", owners, forwarders)
	case unbalanced > 0:
		return s.broken("ack balance", "cache %d is at rest and awaits acks", unbalanced-1)
	}
	return nil
}

func (s *Protocol) broken(law, format string, args ...any) error {
	return &Broken{Law: law, Detail: fmt.Sprintf(format, args...)}
}

func value(cd uint64) string {
	if cd == 0 {
		return "nothing"
	}
	return fmt.Sprint(cd - 1)
}
