package machine

import (
	"cmp"
	"slices"

	"cohsim/internal/mem"
)

// LineReport says who fought over one line.
type LineReport struct {
	Addr   mem.Addr
	Name   string // the object and line, e.g. "vma[0] line 2"
	Total  WordReport
	Words  []WordReport // fields with traffic, in address order
	Pairs  []Pair       // which field's accesses took copies that which field's then missed
	Stalls []Stall      // what the misses cost, by op of a program
}

// WordReport is the traffic of one field of a line.
type WordReport struct {
	Offset      int
	Symbol      string
	Misses      uint64 // coherence transactions that an access to the field started
	HitMLocal   uint64 // of these, served by a modified copy in the same socket
	HitMRemote  uint64 // and in another socket
	Stores      uint64 // of these, the ones that wanted to write
	Invalidated uint64 // copies that accesses to the field took from other caches
	True, False uint64 // misses that turned out true and false sharing
	Cycles      uint64 // that they held a core's oldest op
}

// Pair is a disturbance: accesses to By took copies of the line that accesses
// to Victim then missed.
type Pair struct {
	Victim, By string
	Count      uint64
}

// Stall is what misses on a field cost one op.
type Stall struct {
	Field  string
	Proc   string
	Line   int32
	Text   string
	Cycles uint64
}

// resetLines forgets the traffic so far, at the start of the measured span.
func (m *Machine) resetLines() {
	for i := range m.lines {
		if s := m.lines[i].share; s != nil {
			s.words = [16]wordStats{}
			s.pairs = [16][16]uint32{}
			s.stalls = s.stalls[:0]
		}
	}
}

func (m *Machine) lineReports() []LineReport {
	var reports []LineReport
	for i := range m.lines {
		s := m.lines[i].share
		if s == nil {
			continue
		}
		base := mem.Addr((m.first + uint64(i)) << 6)
		r := LineReport{Addr: base}
		field := func(w int) string { return m.setup.Space.Symbol(m.wordSymbol(base, w)) }
		// Words of one field are one row.
		index := map[string]int{}
		for w := range s.words {
			ws := &s.words[w]
			if *ws == (wordStats{}) {
				continue
			}
			name := field(w)
			k, ok := index[name]
			if !ok {
				k = len(r.Words)
				index[name] = k
				r.Words = append(r.Words, WordReport{Offset: 4 * w, Symbol: name})
			}
			for _, to := range []*WordReport{&r.Words[k], &r.Total} {
				to.Misses += ws.accesses
				to.HitMLocal += ws.hitmLocal
				to.HitMRemote += ws.hitmRemote
				to.Stores += ws.stores
				to.Invalidated += ws.invalidated
				to.True += ws.trueSharing
				to.False += ws.falseSharing
				to.Cycles += ws.cycles
			}
		}
		if r.Total.Misses == 0 && r.Total.Invalidated == 0 {
			continue
		}
		pairs := map[[2]string]uint64{}
		for v := range s.pairs {
			for d, n := range s.pairs[v] {
				if n > 0 {
					k := [2]string{field(v), field(d)}
					if pairs[k] == 0 {
						r.Pairs = append(r.Pairs, Pair{Victim: k[0], By: k[1]})
					}
					pairs[k] += uint64(n)
				}
			}
		}
		for k := range r.Pairs {
			p := &r.Pairs[k]
			p.Count = pairs[[2]string{p.Victim, p.By}]
		}
		slices.SortStableFunc(r.Pairs, func(a, b Pair) int { return cmp.Compare(b.Count, a.Count) })
		r.Stalls = m.stalls(s, field)
		r.Name = m.setup.Space.Symbol(base)
		reports = append(reports, r)
	}
	slices.SortStableFunc(reports, byCost)
	return reports
}

// wordSymbol is the address of the field that a 4-byte word belongs to.
func (m *Machine) wordSymbol(base mem.Addr, w int) mem.Addr {
	a := base + mem.Addr(4*w)
	if obj, f, ok := m.setup.Space.Resolve(a); ok && f.Size <= 8 {
		return obj.Base + mem.Addr(f.Offset)
	}
	return a
}

func (m *Machine) stalls(s *sharing, field func(int) string) []Stall {
	var out []Stall
	for i := range s.stalls {
		st := &s.stalls[i]
		site := st.prog.Sites[st.prog.Ops[st.pc].Site]
		f := field(int(st.word))
		k := slices.IndexFunc(out, func(o Stall) bool {
			return o.Field == f && o.Proc == site.Proc && o.Line == site.Line && o.Text == site.Text
		})
		if k < 0 {
			k = len(out)
			out = append(out, Stall{Field: f, Proc: site.Proc, Line: site.Line, Text: site.Text})
		}
		out[k].Cycles += st.cycles
	}
	slices.SortStableFunc(out, func(a, b Stall) int { return cmp.Compare(b.Cycles, a.Cycles) })
	return out
}
