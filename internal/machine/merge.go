package machine

import (
	"cmp"
	"slices"

	"cohsim/internal/mem"
)

// Add adds the counts of another field, or of the same field in another run.
func (w *WordReport) Add(o *WordReport) {
	w.Misses += o.Misses
	w.HitMLocal += o.HitMLocal
	w.HitMRemote += o.HitMRemote
	w.Stores += o.Stores
	w.Invalidated += o.Invalidated
	w.True += o.True
	w.False += o.False
	w.Cycles += o.Cycles
}

// MergeLines adds up the reports of two runs that place their objects alike:
// replicates of one point. Neither argument is changed.
func MergeLines(a, b []LineReport) []LineReport {
	index := map[mem.Addr]int{} // looked up, never iterated
	out := make([]LineReport, 0, len(a))
	for _, l := range slices.Concat(a, b) {
		k, ok := index[l.Addr]
		if !ok {
			index[l.Addr] = len(out)
			l.Words, l.Pairs, l.Stalls = slices.Clone(l.Words), slices.Clone(l.Pairs), slices.Clone(l.Stalls)
			out = append(out, l)
			continue
		}
		out[k].merge(&l)
	}
	slices.SortStableFunc(out, byCost)
	return out
}

func (l *LineReport) merge(o *LineReport) {
	l.Total.Add(&o.Total)
	for i := range o.Words {
		w := &o.Words[i]
		k := slices.IndexFunc(l.Words, func(x WordReport) bool { return x.Offset == w.Offset })
		if k < 0 {
			l.Words = append(l.Words, *w)
			continue
		}
		l.Words[k].Add(w)
	}
	slices.SortFunc(l.Words, func(a, b WordReport) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, p := range o.Pairs {
		k := slices.IndexFunc(l.Pairs, func(x Pair) bool { return x.Victim == p.Victim && x.By == p.By })
		if k < 0 {
			l.Pairs = append(l.Pairs, p)
			continue
		}
		l.Pairs[k].Count += p.Count
	}
	slices.SortStableFunc(l.Pairs, func(a, b Pair) int { return cmp.Compare(b.Count, a.Count) })
	for _, s := range o.Stalls {
		k := slices.IndexFunc(l.Stalls, func(x Stall) bool {
			return x.Field == s.Field && x.Proc == s.Proc && x.Line == s.Line && x.Text == s.Text
		})
		if k < 0 {
			l.Stalls = append(l.Stalls, s)
			continue
		}
		l.Stalls[k].Cycles += s.Cycles
	}
	slices.SortStableFunc(l.Stalls, func(a, b Stall) int { return cmp.Compare(b.Cycles, a.Cycles) })
}

// byCost puts the line that held cores longest first.
func byCost(a, b LineReport) int {
	return cmp.Or(cmp.Compare(b.Total.Cycles, a.Total.Cycles), cmp.Compare(b.Total.Misses, a.Total.Misses))
}
