package vmalock

import (
	"fmt"
	"slices"

	"cohsim/internal/mem"
)

// Types of maple nodes, as they are kept in the low byte of a pointer to one.
const (
	mapleLeaf64   = 1 << 3
	mapleArange64 = 3 << 3
	mapleParent   = 6 // in a parent pointer, whose slot is in bits 3 to 6
	mapleRoot     = 1 // in a parent pointer, of the node at the root
)

// Fill of nodes: a tree that has seen some insertions is not packed. A leaf has
// room for 16 entries, an internal node for 10.
const (
	leafFill  = 10
	innerFill = 8
)

// entry is what one slot covers: everything above the slot before, up to last.
type entry struct {
	last  uint64
	value uint64 // a VMA, 0 for a gap, or a tagged node
}

// AddTree builds the maple tree of the mm's attached VMAs, which must have been
// added in ascending order and must not overlap, and hangs it into the mm. The
// tree has at least minDepth levels: levels beyond what the number of VMAs needs
// are nodes with a single child.
func (w *World) AddTree(mm mem.Addr, minDepth int) {
	var level []entry
	next := uint64(0)
	for _, v := range w.VMAs {
		if v.MM != mm || !v.Attached {
			continue
		}
		if v.Start < next || v.End <= v.Start {
			w.fail(fmt.Errorf("%s covers [%#x, %#x), which is empty or not above the VMA before it", w.Space.Symbol(v.Addr), v.Start, v.End))
			return
		}
		if v.Start > next {
			level = append(level, entry{v.Start - 1, 0})
		}
		level = append(level, entry{v.End - 1, uint64(v.Addr)})
		next = v.End
	}
	level = append(level, entry{^uint64(0), 0})
	tree := "maple"
	if i := slices.Index(w.MMs, mm); i > 0 {
		tree = fmt.Sprintf("mm[%d].maple", i)
	}
	level = w.mapleLevel(tree, level, 0, leafFill)
	for depth := 1; len(level) > 1 || depth < minDepth; depth++ {
		level = w.mapleLevel(tree, level, depth, innerFill)
	}
	root, _ := w.Field(mm, "mm_struct", "mm_mt.ma_root")
	w.Set(mm, "mm_struct", "mm_mt.ma_root", level[0].value)
	w.Set(mem.Addr(level[0].value&^0xff), "maple_range_64", "parent", uint64(root)|mapleRoot)
}

// AddSpareNodes gives each task that is there n nodes of 256 bytes, with which it
// replaces leaves of trees. A node that was replaced takes the place of the new one.
func (w *World) AddSpareNodes(n int) {
	w.rcu = true
	for i, task := range w.Tasks {
		places := make([]mem.Addr, n)
		for k := range places {
			places[k] = w.Object("maple_spare", fmt.Sprintf("spare[%d][%d]", i, k))
		}
		for k, p := range places {
			node := w.Object("maple_range_64", fmt.Sprintf("spare_node[%d][%d]", i, k))
			w.Nodes = append(w.Nodes, Node{node, false})
			w.Set(p, "maple_spare", "node", uint64(node))
			w.Set(p, "maple_spare", "next", uint64(places[(k+1)%n]))
		}
		w.Set(task, "task_struct", "maple_spare", uint64(places[0]))
	}
}

// AddFullLeaf makes the mm's tree a single leaf with all of its slots in use: vma up to
// end, and gaps. A full leaf has no meta data in the place of its last slot, so that all
// of its words are accessed in one width.
func (w *World) AddFullLeaf(mm, vma mem.Addr, end uint64) {
	const name = "maple_range_64"
	leaf := w.Object(name, "leaf")
	w.Nodes = append(w.Nodes, Node{leaf, true})
	for k := range 15 {
		w.Set(leaf, name, fmt.Sprintf("pivot[%d]", k), end+uint64(k)*0x1000-1)
	}
	w.Set(leaf, name, "slot[0]", uint64(vma))
	root, _ := w.Field(mm, "mm_struct", "mm_mt.ma_root")
	w.Set(leaf, name, "parent", uint64(root)|mapleRoot)
	w.Set(mm, "mm_struct", "mm_mt.ma_root", uint64(leaf)|mapleLeaf64)
}

// mapleLevel makes the nodes of one level, leaves being level 0, and returns
// their entries for the level above. It spreads the entries evenly.
func (w *World) mapleLevel(tree string, below []entry, level, fill int) []entry {
	name, tag := "maple_arange_64", uint64(mapleArange64)
	if level == 0 {
		name, tag = "maple_range_64", mapleLeaf64
	}
	nodes := (len(below) + fill - 1) / fill
	var out []entry
	for i := range nodes {
		part := below[i*len(below)/nodes : (i+1)*len(below)/nodes]
		node := w.Object(name, fmt.Sprintf("%s[%d][%d]", tree, level, i))
		if level == 0 {
			w.Nodes = append(w.Nodes, Node{node, true})
		}
		for k, e := range part {
			if k < len(part)-1 || level > 0 {
				w.Set(node, name, fmt.Sprintf("pivot[%d]", k), e.last)
			}
			w.Set(node, name, fmt.Sprintf("slot[%d]", k), e.value)
			if level > 0 {
				w.Set(mem.Addr(e.value&^0xff), name, "parent", uint64(node)|uint64(k)<<3|mapleParent)
			}
		}
		w.Set(node, name, "meta.end", uint64(len(part)-1))
		out = append(out, entry{part[len(part)-1].last, uint64(node) | tag})
	}
	return out
}
