package check

import (
	"math/bits"
	"slices"
)

// chunkBits is the number of states per chunk of storage, as a power of two. Systems
// with long states, litmus tests, have few of them.
func chunkBits(words int) uint {
	if words > 24 {
		return 6
	}
	return 14
}

// visited holds the states seen, numbered in the order they were found. States live in
// chunks that never move; an open-addressed table maps a 32-bit tag of the hash to the
// number, and the words decide.
type visited struct {
	words  int
	bits   uint // see chunkBits
	n      uint32
	chunks [][]uint64
	table  []uint64 // tag<<32 | number+1; 0 is free
	shift  uint     // position in the table = tag >> shift
}

func newVisited(words int) *visited {
	log := chunkBits(words) // of the table, at first
	return &visited{words: words, bits: chunkBits(words), table: make([]uint64, 1<<log), shift: 32 - log}
}

// state returns the words of a state by number.
func (v *visited) state(i uint32) []uint64 {
	o := int(i&(1<<v.bits-1)) * v.words
	return v.chunks[i>>v.bits][o : o+v.words : o+v.words]
}

// tagOf hashes a state to 32 bits.
func tagOf(key []uint64) uint32 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, w := range key {
		hi, lo := bits.Mul64(h^w, 0xd6e8feb86659fd93)
		h = hi ^ lo ^ w>>29
	}
	hi, lo := bits.Mul64(h, 0xa0761d6478bd642f)
	return uint32((hi ^ lo) >> 13)
}

// add looks the key up and inserts it if it is new.
func (v *visited) add(key []uint64, tag uint32) (i uint32, isNew bool) {
	mask := uint32(len(v.table) - 1)
	for pos := tag >> v.shift; ; pos = (pos + 1) & mask {
		e := v.table[pos]
		if e == 0 {
			v.table[pos] = uint64(tag)<<32 | uint64(v.n+1)
			break
		}
		if uint32(e>>32) == tag && slices.Equal(v.state(uint32(e)-1), key) {
			return uint32(e) - 1, false
		}
	}
	i = v.n
	if i&(1<<v.bits-1) == 0 {
		v.chunks = append(v.chunks, make([]uint64, v.words<<v.bits))
	}
	v.n++
	copy(v.state(i), key)
	if 2*uint64(v.n) > uint64(len(v.table)) {
		v.grow()
	}
	return i, true
}

func (v *visited) grow() {
	old := v.table
	v.table = make([]uint64, 4*len(old))
	v.shift -= 2
	mask := uint32(len(v.table) - 1)
	for _, e := range old {
		if e == 0 {
			continue
		}
		pos := uint32(e>>32) >> v.shift
		for v.table[pos] != 0 {
			pos = (pos + 1) & mask
		}
		v.table[pos] = e
	}
}

// bytes returns the memory held.
func (v *visited) bytes() int64 {
	return int64(len(v.chunks))*int64(v.words)<<(v.bits+3) + int64(len(v.table))*8
}
