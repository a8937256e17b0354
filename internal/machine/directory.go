package machine

import (
	"fmt"
	"slices"

	"cohsim/cache"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// Directory is the geometry of a sparse directory: the entries that each home
// has for lines that are cached somewhere.
type Directory struct {
	Entries int `toml:"entries" min:"0" max:"67108864" doc:"lines that one home can keep track of; one more recalls a line from all caches; 0 tracks every line"`
	Ways    int `toml:"ways" min:"1" max:"64" doc:"associativity of the directory"`
}

// check says what is wrong with the geometry, "" if nothing is.
func (d Directory) check() string {
	switch sets := d.Entries / max(d.Ways, 1); {
	case d.Entries == 0:
		return ""
	case sets*d.Ways != d.Entries:
		return fmt.Sprintf("entries: %d is not a whole number of sets of %d ways", d.Entries, d.Ways)
	case sets&(sets-1) != 0:
		return fmt.Sprintf("entries: %d entries in %d ways make %d sets, which is no power of two", d.Entries, d.Ways, sets)
	}
	return ""
}

// directory keeps the entries of one home: of the lines whose home it is, also
// while an L3 serves them.
//
// A line has an entry from the request that finds it uncached until its home is
// back in I. A request that finds no free way in its set waits, and with it all
// later ones for its line except Puts, which need no entry; the home recalls the
// least recently requested line of the set that is at rest. Nothing that a
// recall needs waits for a request: caches answer it at once, and the home takes
// replies in any state. So a recall always ends, a way becomes free, and the
// oldest waiting line of the set takes it: no deadlock, and no line waits for
// ever, because lines that wait come before requests for lines with an entry.
type directory struct {
	tags    *cache.Array
	mask    uint64  // sets - 1
	waiting []int32 // lines that wait for a way, oldest first
}

// directoryOf is the directory that a line belongs to.
func (m *Machine) directoryOf(l *line) *directory {
	d := &m.dirs[m.homeIndex(&l.home)]
	if d.tags == nil {
		g := m.cfg.Directory
		d.tags = cache.NewArray(cache.Config{Bytes: g.Entries * cache.LineBytes, Ways: g.Ways, Replacement: "lru"})
		d.mask = uint64(g.Entries/g.Ways - 1)
	}
	return d
}

// admit reports whether a request may be presented to the home of line i now.
// If not, it was queued until the line has an entry: in front of the others of
// its line if it has been queued before.
func (m *Machine) admit(l *line, ev *event, t int64, again bool) bool {
	switch ev.msg.Type {
	case mesi.GetS, mesi.GetM, mesi.Upg, mesi.FarOp:
	default:
		return true
	}
	if !l.State.Stable() {
		return true // it will wait, as the rows say
	}
	d, n := m.directoryOf(l), m.first+uint64(ev.line)
	w := d.tags.Find(n)
	if w < 0 && !l.waits {
		if w = d.tags.Room(n); w >= 0 {
			d.tags.Set(w, n)
		} else {
			l.waits = true
			d.waiting = append(d.waiting, ev.line)
		}
	}
	if w >= 0 {
		d.tags.Touch(w)
		return true
	}
	m.enqueue(l, ev, t)
	if again && l.head != l.tail {
		m.frontOfQueue(l)
	}
	return false
}

// frontOfQueue makes the request that a line queued last its first.
func (m *Machine) frontOfQueue(l *line) {
	last, before := l.tail, l.head
	for m.queue[before].next != last {
		before = m.queue[before].next
	}
	m.queue[before].next, l.tail = -1, before
	m.queue[last].next, l.head = l.head, last
}

// directoryStep follows a step at the home of line i: the line's entry is given
// back if no cache has a copy any more, lines of its set that wait take what is
// free, and a line is recalled for each that still waits.
func (m *Machine) directoryStep(l *line, i int32, t int64) {
	d, n := m.directoryOf(l), m.first+uint64(i)
	if l.State == mesi.HI {
		if w := d.tags.Find(n); w >= 0 {
			d.tags.Clear(w)
		}
	}
	waits := int32(-1) // the last line of the set that waits
	need := 0
	for k := 0; k < len(d.waiting); k++ {
		j := d.waiting[k]
		other := m.first + uint64(j)
		if (other^n)&d.mask != 0 {
			continue
		}
		w := d.tags.Room(other)
		if w < 0 {
			waits = j
			need++
			continue
		}
		d.waiting = slices.Delete(d.waiting, k, k+1)
		k--
		d.tags.Set(w, other)
		d.tags.Touch(w)
		lo := &m.lines[j]
		lo.waits = false
		for k := lo.head; k >= 0; k = m.queue[k].next {
			m.queue[k].at = t // they waited for the way, and need not try again to find out
		}
		m.drain(lo, t)
		if lo.State == mesi.HI { // its requests were only Puts, or went elsewhere
			d.tags.Clear(d.tags.Find(other))
		}
	}
	if need == 0 {
		return
	}
	for {
		coming := 0 // ways that are about to be free
		victim := d.tags.Victim(n, func(w int32) bool {
			s := m.lines[d.tags.Tag(w)-m.first].State
			if s >= mesi.R_S { // recalled, or taken back for an atomic op
				coming++
			}
			return s.Stable()
		})
		if coming >= need || victim < 0 {
			return
		}
		m.recall(int32(d.tags.Tag(victim)-m.first), m.queue[m.lines[waits].head].ev.msg.From, t)
	}
}

// recall takes a line back from all caches, for a request of another line.
func (m *Machine) recall(i int32, by mesi.Node, t int64) {
	l := &m.lines[i]
	l.at, l.offset, l.write = -1, 0, false
	m.units[by].st.Coh.Recall++
	m.out.Msgs = m.out.Msgs[:0]
	m.proto.Recall(&l.Entry, &m.out)
	for k := range m.out.Msgs {
		m.sendFromHome(&m.out.Msgs[k], i, -1, m.homeIndex(&l.home), &l.home, t, 0, stats.Upgrade)
	}
}

// recalledCopy books a copy that the home took back: if the unit misses it, that
// is a matter of capacity, not of sharing.
func (m *Machine) recalledCopy(u *unit, fr *cache.Frame, l *line) {
	m.copyEnds(u, fr, l)
	m.endOwnership(u, fr, l, false)
	*l.past.of(u.id, len(m.units)) = evicted
}
