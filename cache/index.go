package cache

import "slices"

// Held is what a unit has of a line: which frame, which way of the L1 if any, and
// what an access may do without a look at the frame. The zero value is nothing.
type Held struct {
	entry uint32 // (frame + 1)<<3 | rights
	l1    int32  // way of the L1 tag array + 1, 0 if it is not there
}

// Rights say what an access to a line may do at once. They are a copy of what the
// frame's state allows, kept by Unit.Sync.
type Rights uint8

const (
	MayRead  Rights = 1 << iota // the bytes may be read
	MayWrite                    // the line is modified already: the bytes may be written
	Plain                       // the line is not contended: nobody counts its accesses
)

// Frame is the line's frame, -1 if the unit does not have the line.
func (h Held) Frame() int32 { return int32(h.entry>>3) - 1 }

// L1 is the line's way of the L1 tag array, -1 if it is not there.
func (h Held) L1() int32 { return h.l1 - 1 }

// Allows reports whether an access that needs these rights hits in the L1.
func (h Held) Allows(r Rights) bool { return Rights(h.entry)&r == r && h.l1 > 0 }

// index says what a unit has of every line of the run's memory: looking a line up
// reads one word, where searching the tags of a set reads several host cache
// lines. Its pages are made when the unit first takes one of their lines.
type index struct {
	first   uint64 // line number of the first line
	lines   int
	recent  uint64           // number of a page that was looked at
	page    *[pageLines]Held // and the page; nil if it is not made
	pages   []*[pageLines]Held
	emptied []*[pageLines]Held // empty pages of an index that is done with
}

const pageLines = 512

// renew makes the index as new, for other lines.
func (x *index) renew(first uint64, lines int) {
	for i, page := range x.pages {
		if page != nil {
			*page = [pageLines]Held{}
			x.emptied = append(x.emptied, page)
			x.pages[i] = nil
		}
	}
	n := (lines + pageLines - 1) / pageLines
	x.recent, x.page = 0, nil
	x.first, x.lines, x.pages = first, lines, slices.Grow(x.pages[:0], n)[:n]
}

// Held is what the unit has of a line.
func (x *index) Held(line uint64) Held {
	n := line - x.first
	if n/pageLines == x.recent && x.page != nil {
		return x.page[n%pageLines]
	}
	return x.elsewhere(n)
}

// elsewhere is Held where the page looked at last does not have the line.
//
//go:noinline
func (x *index) elsewhere(n uint64) Held {
	k := n / pageLines
	if k >= uint64(len(x.pages)) || x.pages[k] == nil {
		return Held{}
	}
	x.recent, x.page = k, x.pages[k]
	return x.page[n%pageLines]
}

// at is the entry of a line of the run's memory.
func (x *index) at(line uint64) *Held {
	n := line - x.first
	if n/pageLines == x.recent && x.page != nil {
		return &x.page[n%pageLines]
	}
	page := &x.pages[n/pageLines]
	if *page == nil {
		x.addPage(page)
	}
	x.recent, x.page = n/pageLines, *page
	return &x.page[n%pageLines]
}

// addPage makes a page, of one that is spare if there is one.
func (x *index) addPage(page **[pageLines]Held) {
	n := len(x.emptied) - 1
	if n < 0 {
		*page = new([pageLines]Held)
		return
	}
	*page = x.emptied[n]
	x.emptied = x.emptied[:n]
}
