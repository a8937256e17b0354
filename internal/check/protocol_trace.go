package check

import (
	"fmt"

	"cohsim/mesi"
)

// note records a step for Label; n is the state after it.
func (s *Protocol) note(st Step, n []uint64) {
	if s.trace == nil {
		return
	}
	for i := range s.out.Msgs {
		m := &s.out.Msgs[i]
		st.Sends = append(st.Sends, Arrow{m.From.String(), m.To.String(), m.Type.String()})
	}
	st.After = s.After(n)
	*s.trace = append(*s.trace, st)
}

// After returns the state of each actor, with the value of the bytes it holds.
func (s *Protocol) After(n []uint64) []string {
	var after []string
	for _, w := range n[:s.n] {
		t := mesi.State(get(w, stAt, stMask)).String()
		if cd := get(w, cdAt, cdMask); cd != 0 {
			t += fmt.Sprintf("=%d", cd-1)
		}
		after = append(after, t)
	}
	h := n[s.n]
	return append(after, fmt.Sprintf("%v=%d", mesi.HomeState(get(h, dsAt, dsMask)), get(h, memAt, 1)))
}

func (s *Protocol) noteCore(c int, ev mesi.CoreEvent, n []uint64) {
	if s.trace == nil {
		return
	}
	what := ev.String()
	if ev == mesi.Store && len(s.out.Msgs) == 0 {
		what += fmt.Sprintf(" %d", get(n[s.n], lastAt, 1))
	}
	s.note(Step{Actor: mesi.Node(c).String(), What: what}, n)
}

func (s *Protocol) noteMsg(m mesi.Msg, n []uint64) {
	if s.trace == nil {
		return
	}
	from := m.From.String()
	switch m.Type {
	case mesi.DataS, mesi.DataSn, mesi.DataSo, mesi.DataE, mesi.DataF, mesi.DataM, mesi.DataD,
		mesi.AckCnt, mesi.InvAck, mesi.RcAck, mesi.FarVal, mesi.FarDone:
		from = "" // the bag does not remember; a chart looks for the oldest one sent
	}
	s.note(Step{Actor: m.To.String(), What: m.Type.String(),
		Gets: &Arrow{from, m.To.String(), m.Type.String()}}, n)
}
