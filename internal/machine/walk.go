package machine

import (
	"fmt"

	"cohsim/cache"
	"cohsim/mesi"
)

// Walk is the lines that a thread's core has read before the run begins, one after the
// other, each once. Nobody else has read or written them. Its caches, the LLC and the homes
// are as those reads leave them; no time has passed and nothing is counted. The walks of
// several threads took turns, and ended together.
//
// What a pass over memory that no cache holds leaves in the caches are its last lines. So
// a walk over 256 MiB takes little longer than one over a few times the LLC.
//
// Note: an adjacent-line prefetcher (Config.Adjacent) takes no part in it. The run's own
// laps bring the caches to where they belong with one; the first reads may differ.
type Walk struct {
	Thread int
	Lines  []uint64 // line numbers
}

// visited is a line of a walk, and the unit that read it.
type visited struct {
	line int32
	unit int32
}

// walk leaves the machine as the walks of the setup do.
func (m *Machine) walk() error {
	if m.dirs != nil {
		return fmt.Errorf("machine: a walk needs directories that know every line")
	}
	defer func(cov *mesi.Coverage) { m.proto.Cov = cov }(m.proto.Cov)
	m.proto.Cov = nil
	all := m.visits()
	if c := m.llcGeometry(); m.llc != nil {
		home := func(v visited) int {
			p := m.homeOf(m.first + uint64(v.line))
			return m.homeIndex(&p)
		}
		from := m.lastVisits(all, c, 1, home)
		if m.topo.L3Local {
			from = min(from, m.lastVisits(all, c, 1, func(v visited) int { return int(m.units[v.unit].place.L3) }))
		}
		for _, v := range all[from:] {
			m.walkLLC(v)
		}
	}
	outer := m.cfg.L2
	if outer.Bytes == 0 {
		outer = m.cfg.L1
	}
	// The L2 spares what the L1 holds, so the latest lines alone do not say which stay.
	recent := m.lastVisits(all, outer, 2, func(v visited) int { return int(v.unit) })
	m.walkPast(all[:recent])
	for _, v := range all[recent:] {
		m.walkCaches(v)
	}
	return nil
}

// visits lists the lines of all walks in their order.
func (m *Machine) visits() []visited {
	longest := 0
	for _, w := range m.setup.Walks {
		longest = max(longest, len(w.Lines))
	}
	all := make([]visited, 0, longest*len(m.setup.Walks))
	for k := longest; k > 0; k-- {
		for _, w := range m.setup.Walks {
			if k <= len(w.Lines) {
				unit := m.threads[w.Thread%len(m.threads)].unit // tasks are dealt out to the hardware threads in turn
				all = append(all, visited{int32(w.Lines[len(w.Lines)-k] - m.first), unit})
			}
		}
	}
	return all
}

// walkPast is for lines of which nothing is left in the units. It takes them in the
// order of memory, which is much faster.
func (m *Machine) walkPast(all []visited) {
	reader := make([]int32, len(m.lines)) // unit + 1
	for _, v := range all {
		reader[v.line] = v.unit + 1
	}
	for i, u := range reader {
		if u > 0 {
			var line mesi.Line
			v := visited{int32(i), u - 1}
			m.atRest(v, &line, mesi.Load)
			m.walkEvict(v, &line)
		}
	}
}

// lastVisits is from where on the visits decide what is in the arrays: from there on each
// set of each has met as many lines as it has ways, so many times. array says which a
// visit goes to.
func (m *Machine) lastVisits(all []visited, c cache.Config, times int, array func(visited) int) int {
	if c.Replacement == "plru" { // whatever was there before shows
		return 0
	}
	sets := c.Bytes / cache.LineBytes / c.Ways
	met := map[int][]uint16{}
	open := 0 // sets that have not met enough lines
	for _, v := range all {
		if a := array(v); met[a] == nil {
			met[a] = make([]uint16, sets)
			open += sets
		}
	}
	for i := len(all) - 1; i >= 0; i-- {
		n := &met[array(all[i])][(m.first+uint64(all[i].line))&uint64(sets-1)]
		if *n++; int(*n) == times*c.Ways {
			if open--; open == 0 {
				return i
			}
		}
	}
	return 0
}

// walkLLC is the way of a line's bytes from memory past the LLC.
func (m *Machine) walkLLC(v visited) {
	n := m.first + uint64(v.line)
	m.keep(m.llcAt(&m.lines[v.line].home), n)
	if m.topo.L3Local {
		m.fill(&m.l3s[m.units[v.unit].place.L3].place, n)
	}
}

// walkCaches is a read that misses in its unit.
func (m *Machine) walkCaches(v visited) {
	u, n := &m.units[v.unit], m.first+uint64(v.line)
	f, taken := u.Take(n, m.stable)
	if !taken {
		fr := &u.Frames[f]
		m.walkEvict(visited{int32(fr.Tag - m.first), v.unit}, &fr.Line)
		u.Empty(f)
		f, _ = u.Take(n, m.stable)
	}
	fr := &u.Frames[f]
	m.atRest(v, &fr.Line, mesi.Load)
	fr.Data = m.lines[v.line].bytes
	*m.lines[v.line].past.of(u.id, len(m.units)) = held
	m.sync(u, fr)
	u.Use(f)
	u.Reserve()
}

// walkEvict is the end of a copy.
func (m *Machine) walkEvict(v visited, line *mesi.Line) {
	u, l := &m.units[v.unit], &m.lines[v.line]
	told := m.atRest(v, line, mesi.Evict)
	if told && m.topo.L3Local {
		l.at = u.place.L3 // it is behind that L3 alone, which thus serves the Put
	}
	*l.past.of(u.id, len(m.units)) = evicted
}

// atRest presents a core request for a line of which no other unit has a copy to the
// protocol, and lets all messages arrive. It reports whether there were any.
func (m *Machine) atRest(v visited, line *mesi.Line, ev mesi.CoreEvent) (told bool) {
	u, l := &m.units[v.unit], &m.lines[v.line]
	m.out.Msgs = m.out.Msgs[:0]
	m.proto.Core(line, ev, u.id, &m.out)
	for i := 0; i < len(m.out.Msgs); i++ {
		switch msg := m.out.Msgs[i]; msg.To {
		case mesi.Home:
			m.proto.Home(&l.Entry, &msg, &m.out)
		case u.id:
			m.proto.Cache(line, &msg, false, u.id, &m.out)
		default:
			panic(bug("a walk meets a line that another core has"))
		}
	}
	return len(m.out.Msgs) > 0
}
