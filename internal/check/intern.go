package check

import "slices"

// intern numbers sequences of words: equal sequences get equal numbers, from 0 in order of
// first appearance. A system whose states are made of a few parts that repeat stores
// each part once and its states as numbers of parts.
type intern struct {
	words []uint64
	ends  []uint64 // end of each sequence in words
	table []uint64 // tag<<32 | number+1; 0 is free
	shift uint
}

func newIntern() *intern {
	const log = 10
	return &intern{table: make([]uint64, 1<<log), shift: 32 - log}
}

// get returns a sequence by number; it must not be changed.
func (n *intern) get(id uint32) []uint64 {
	from := uint64(0)
	if id > 0 {
		from = n.ends[id-1]
	}
	return n.words[from:n.ends[id]:n.ends[id]]
}

// id returns the number of a sequence, and whether it is new.
func (n *intern) id(key []uint64) (id uint32, isNew bool) {
	tag := tagOf(key)
	mask := uint32(len(n.table) - 1)
	pos := tag >> n.shift
	for ; n.table[pos] != 0; pos = (pos + 1) & mask {
		if e := n.table[pos]; uint32(e>>32) == tag && slices.Equal(n.get(uint32(e)-1), key) {
			return uint32(e) - 1, false
		}
	}
	id = uint32(len(n.ends))
	n.table[pos] = uint64(tag)<<32 | uint64(id+1)
	n.words = append(n.words, key...)
	n.ends = append(n.ends, uint64(len(n.words)))
	if 2*len(n.ends) > len(n.table) {
		n.grow()
	}
	return id, true
}

func (n *intern) grow() {
	old := n.table
	n.table = make([]uint64, 4*len(old))
	n.shift -= 2
	mask := uint32(len(n.table) - 1)
	for _, e := range old {
		if e == 0 {
			continue
		}
		pos := uint32(e>>32) >> n.shift
		for n.table[pos] != 0 {
			pos = (pos + 1) & mask
		}
		n.table[pos] = e
	}
}

// bytes returns the memory held.
func (n *intern) bytes() int64 { return 8 * int64(cap(n.words)+cap(n.ends)+len(n.table)) }
