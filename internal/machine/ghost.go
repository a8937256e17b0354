package machine

import (
	"cmp"
	"slices"

	"cohsim/cpu"
	"cohsim/internal/mem"
)

// ghostLog merges the threads' ghost records into the order of time before they
// are judged: threads run ahead of each other, and a load is only known to
// count when it retires.
type ghostLog struct {
	judge   Judge
	records []ghostRecord
	seq     uint64
	judged  uint64
	clock   func() int64 // the host's, may be nil
	hostNS  int64        // what judging took
}

type ghostRecord struct {
	cpu.GhostRecord
	seq   uint64 // order of arrival, which is program order within a thread
	event int32
	obj   uint64
}

// add takes the annotations of one op.
func (g *ghostLog) add(prog *cpu.Program, r *cpu.GhostRecord) {
	if g.judge == nil {
		return
	}
	for k, a := range prog.Sites[r.Site].Ghosts {
		if k >= len(r.Objects) {
			break
		}
		g.seq++
		g.records = append(g.records, ghostRecord{*r, g.seq, a.ID, r.Objects[k]})
	}
}

// violation is what the judge has to say of an event of a cycle that may be long over.
type violation struct {
	at int64
	error
}

// settle judges the records before cycle t, which must be final: no thread may
// still retire an op that performed earlier.
func (g *ghostLog) settle(t int64) error {
	if len(g.records) == 0 {
		return nil
	}
	if g.clock != nil {
		start := g.clock()
		defer func() { g.hostNS += g.clock() - start }()
	}
	slices.SortFunc(g.records, func(a, b ghostRecord) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Thread, b.Thread), cmp.Compare(a.seq, b.seq))
	})
	n := 0
	for ; n < len(g.records) && g.records[n].At < t; n++ {
		r := &g.records[n]
		g.judged++
		if err := g.judge.Observe(r.At, int(r.Thread), r.event, mem.Addr(r.obj), r.Old, r.New); err != nil {
			return &violation{r.At, err}
		}
	}
	g.records = g.records[:copy(g.records, g.records[n:])]
	return nil
}

// settled is a cycle before which every ghost record has been reported.
func (m *Machine) settled() int64 {
	t := m.now
	for i := range m.threads {
		t = min(t, m.threads[i].core.OldestAge(m.now))
	}
	return t
}
