package machine

import (
	"math/bits"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// past is what became of a unit's last copy of a line.
type past uint8

const (
	never   past = iota // it had none
	held                // it has one, or one is coming
	evicted             // it gave it up itself
	lost                // another core took it
)

// pasts is the past of every unit with one line. Most lines meet one unit, so
// the first is kept inline.
type pasts struct {
	first int16 // unit + 1
	state past
	rest  []past
}

func (p *pasts) of(u mesi.Node, units int) *past {
	if p.first == 0 {
		p.first = int16(u) + 1
	}
	if p.first == int16(u)+1 {
		return &p.state
	}
	if p.rest == nil {
		p.rest = make([]past, units)
	}
	return &p.rest[u]
}

// sharing is what is known of a line that cores take from each other.
type sharing struct {
	seq   uint32     // grows with every ownership that ends
	any   uint16     // 4-byte words ever written by an ownership that ended
	wrote [16]uint32 // per word: seq of the last ownership that wrote it
	lost  []uint32   // per unit: seq when it lost its copy

	words  [16]wordStats
	pairs  [16][16]uint32 // victim's word, disturber's word: copies lost that were missed again
	by     []uint8        // per unit: word whose access took the unit's copy
	stalls []stall
}

// wordStats are what a c2c report shows of one word.
type wordStats struct {
	accesses                  uint64 // misses on the line that this word's access started
	hitmLocal, hitmRemote     uint64
	stores                    uint64 // of those misses, the ones that wanted to write
	invalidated               uint64 // copies taken from others by this word's accesses
	trueSharing, falseSharing uint64
	cycles                    uint64 // that these misses held a core's oldest op
}

// stall is the cycles that one op of a program waited for one word.
type stall struct {
	prog   *cpu.Program
	pc     int32
	word   uint8
	cycles uint64
}

func (s *sharing) stalled(addr uint64, prog *cpu.Program, pc int32, cycles int64) {
	w := uint8(addr >> 2 & 15)
	s.words[w].cycles += uint64(cycles)
	for i := range s.stalls {
		if st := &s.stalls[i]; st.prog == prog && st.pc == pc && st.word == w {
			st.cycles += uint64(cycles)
			return
		}
	}
	s.stalls = append(s.stalls, stall{prog: prog, pc: pc, word: w, cycles: uint64(cycles)})
}

// share returns the line's sharing record, made at first use.
func (m *Machine) shareOf(l *line) *sharing {
	if l.share == nil {
		l.share = &sharing{lost: make([]uint32, len(m.units)), by: make([]uint8, len(m.units))}
	}
	return l.share
}

// classify says why a unit misses on a line, as far as that is known when the
// request goes out.
func (m *Machine) classify(u *unit, th *thread, fr *cache.Frame, n, addr uint64) {
	p := m.line(n).past.of(u.id, len(m.units))
	switch *p {
	case never:
		th.st.Cache.Cold++
	case evicted:
		th.st.Cache.Capacity++
	case lost:
		fr.Class = cache.Undecided
	}
	*p = held
}

// endOwnership books the words that a unit wrote, when others get to see them.
func (m *Machine) endOwnership(u *unit, fr *cache.Frame, l *line, byOther bool) {
	if fr.Written != 0 {
		s := m.shareOf(l)
		s.seq++
		s.any |= fr.Written
		for w := fr.Written; w != 0; w &= w - 1 {
			s.wrote[bits.TrailingZeros16(w)&15] = s.seq
		}
		fr.Written = 0
	}
	if byOther && fr.Tracked {
		st := &u.st.Coh
		st.OwnedOps += uint64(fr.Ops)
		st.Ownerships++
	}
	fr.Ops = 0
}

// copyEnds decides a miss whose copy dies.
func (m *Machine) copyEnds(u *unit, fr *cache.Frame, l *line) {
	if fr.Class == cache.Undecided {
		fr.Class = cache.Settled
		u.st.Cache.FalseSharing++
		if l.share != nil {
			l.share.words[fr.Off>>2].falseSharing++
		}
	}
}

// lostCopy books a copy that the access of another core, at byte offset off of
// the line, took away.
func (m *Machine) lostCopy(u *unit, fr *cache.Frame, l *line, owner bool, off uint8) {
	m.copyEnds(u, fr, l)
	m.endOwnership(u, fr, l, owner)
	*l.past.of(u.id, len(m.units)) = lost
	s := m.shareOf(l)
	s.lost[u.id] = s.seq // what the unit itself wrote is counted, so not foreign to it
	s.by[u.id] = off >> 2
	s.words[off>>2].invalidated++
}

// arrived books the bytes that fill a frame: which words others have written
// since the unit lost its last copy, and who disturbed whom.
func (m *Machine) arrived(u *unit, fr *cache.Frame, l *line, ev *event, mshr *cache.MSHR) {
	fr.Off = mshr.Offset
	fr.Foreign = 0
	w := mshr.Offset >> 2
	if fr.Class == cache.Undecided {
		s := m.shareOf(l)
		lost := s.lost[u.id]
		for w := s.any; w != 0; w &= w - 1 {
			if k := bits.TrailingZeros16(w) & 15; s.wrote[k] > lost {
				fr.Foreign |= 1 << k
			}
		}
		s.pairs[w][s.by[u.id]]++
		mshr.Cause = uint8(ev.cause.Sharing(fr.Foreign>>w&1 != 0))
	}
	if ev.flags&dirty != 0 {
		local := ev.cause != stats.Remote
		if local {
			u.st.Coh.HitMLocal++
		} else {
			u.st.Coh.HitMRemote++
		}
		s := m.shareOf(l)
		if local {
			s.words[w].hitmLocal++
		} else {
			s.words[w].hitmRemote++
		}
	}
	if s := l.share; s != nil {
		s.words[w].accesses++
		if ev.flags&write != 0 {
			s.words[w].stores++
		}
	}
}
