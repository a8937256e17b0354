package mesi

import "math/bits"

// MaxCaches is the largest number of caches a Set can name.
const MaxCaches = 1024

// Set is a set of caches. The zero value is empty. It counts its members and the words
// in use, so that with 64 caches or fewer an operation touches one word.
type Set struct {
	n     int16 // members
	words int16 // words that may be non-zero
	w     [MaxCaches / 64]uint64
}

// Add inserts c.
func (s *Set) Add(c Node) {
	i, b := int16(c)>>6, uint64(1)<<(uint(c)&63)
	if s.w[i]&b == 0 {
		s.w[i] |= b
		s.n++
		if i >= s.words {
			s.words = i + 1
		}
	}
}

// Del removes c.
func (s *Set) Del(c Node) {
	i, b := int16(c)>>6, uint64(1)<<(uint(c)&63)
	if s.w[i]&b != 0 {
		s.w[i] &^= b
		s.n--
	}
}

// Has reports whether c is a member; false for a negative c.
func (s *Set) Has(c Node) bool {
	return c >= 0 && s.w[c>>6]&(1<<(uint(c)&63)) != 0
}

// Count returns the number of members.
func (s *Set) Count() int { return int(s.n) }

// Empty reports whether the set has no member.
func (s *Set) Empty() bool { return s.n == 0 }

// Clear removes every member.
func (s *Set) Clear() {
	for i := range s.w[:s.words] {
		s.w[i] = 0
	}
	s.n, s.words = 0, 0
}

// Next returns the smallest member >= c, or -1. Loop with
// for c := s.Next(0); c >= 0; c = s.Next(c + 1).
func (s *Set) Next(c Node) Node {
	i := c >> 6
	if int16(i) >= s.words {
		return -1
	}
	if w := s.w[i] &^ (1<<(uint(c)&63) - 1); w != 0 {
		return i<<6 | Node(bits.TrailingZeros64(w))
	}
	for i++; int16(i) < s.words; i++ {
		if w := s.w[i]; w != 0 {
			return i<<6 | Node(bits.TrailingZeros64(w))
		}
	}
	return -1
}

// Word returns members 64i to 64i+63 as bits.
func (s *Set) Word(i int) uint64 { return s.w[i] }

// SetWord makes the set the caches 0 to 63 given as bits.
func (s *Set) SetWord(w uint64) {
	s.Clear()
	s.w[0] = w
	s.n = int16(bits.OnesCount64(w))
	if w != 0 {
		s.words = 1
	}
}
