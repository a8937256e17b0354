package machine

import (
	"errors"
	"fmt"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/mesi"
)

// bug is the panic of a fault in the simulator itself. Simulate recovers it.
type bug string

// trace is one message as it was handled.
type trace struct {
	at  int64
	msg mesi.Msg
	n   int32
}

func (m *Machine) remember(ev *event, t int64) {
	h := &m.history[m.handled%uint64(len(m.history))]
	h.at, h.n = t, ev.line
	h.msg = ev.msg
	m.handled++
}

// Aborted is a run that could not go on: a deadlock, a livelock, a violation.
type Aborted struct {
	Why  string // one line
	Dump string // state of the machine, several lines
}

func (a *Aborted) Error() string { return a.Why }

func (m *Machine) abort(format string, args ...any) *Aborted {
	return &Aborted{Why: fmt.Sprintf("cycle %d, seed %d: ", m.now, m.setup.Seed) + fmt.Sprintf(format, args...), Dump: m.dump()}
}

// guilty is the end of a run because of what the judge found.
func (m *Machine) guilty(err error) *Aborted {
	var v *violation
	if !errors.As(err, &v) {
		return m.abort("%v", err)
	}
	return &Aborted{
		Why:  fmt.Sprintf("cycle %d, seed %d: %v", v.at, m.setup.Seed, err),
		Dump: fmt.Sprintf("the machine when this was judged, in cycle %d:\n", m.now) + m.dump(),
	}
}

// dump describes what every unfinished thread waits for, the lines they wait
// for, and the last messages.
func (m *Machine) dump() string {
	var b strings.Builder
	lines := map[uint64]bool{}
	var order []uint64
	for i := range m.threads {
		th := &m.threads[i]
		th.core.Unfinished(func(id int, prog *cpu.Program, pc int32, waits string, addr uint64) {
			site := prog.Sites[prog.Ops[pc].Site]
			fmt.Fprintf(&b, "thread %d on core %d: %s, %s line %d: %s", id, m.units[th.unit].place.Core, waits, site.Proc, site.Line, site.Text)
			if addr != 0 {
				fmt.Fprintf(&b, "   (%s)", m.setup.Space.Symbol(mem.Addr(addr)))
				if n := addr >> 6; !lines[n] {
					lines[n] = true
					order = append(order, n)
				}
			}
			b.WriteByte('\n')
		})
	}
	for _, n := range order {
		m.dumpLine(&b, n)
	}
	m.dumpHistories(&b, order)
	k := min(m.handled, uint64(len(m.history)))
	if k > 0 {
		fmt.Fprintf(&b, "last messages:\n")
	}
	for j := m.handled - min(k, 16); j < m.handled; j++ {
		h := &m.history[j%uint64(len(m.history))]
		fmt.Fprintf(&b, "  cycle %d  %s\n", h.at, m.describe(h.msg, m.first+uint64(h.n)))
	}
	return b.String()
}

func (m *Machine) describe(msg mesi.Msg, n uint64) string {
	s := fmt.Sprintf("%-8s %s -> %s", msg.Type, msg.From, msg.To)
	if msg.Req >= 0 {
		s += fmt.Sprintf(" for %s", msg.Req)
	}
	return s + "  " + m.setup.Space.Symbol(mem.Addr(n<<6))
}

func (m *Machine) dumpLine(b *strings.Builder, n uint64) {
	if !m.has(n) {
		return
	}
	l := m.line(n)
	fmt.Fprintf(b, "line of %s: home %s", m.setup.Space.Symbol(mem.Addr(n<<6)), l.State)
	if l.Owner >= 0 {
		fmt.Fprintf(b, ", owner %s", l.Owner)
	}
	if l.Req >= 0 {
		fmt.Fprintf(b, ", serving %s", l.Req)
	}
	if l.waits {
		b.WriteString(", waiting for a way of the directory")
	}
	for i := l.head; i >= 0; i = m.queue[i].next {
		fmt.Fprintf(b, ", queued %s of %s", m.queue[i].ev.msg.Type, m.queue[i].ev.msg.From)
	}
	for i := range m.units {
		u := &m.units[i]
		if f := u.Find(n); f >= 0 {
			fr := &u.Frames[f]
			fmt.Fprintf(b, "; %s %s", u.id, fr.State)
			if fr.Bal != 0 {
				fmt.Fprintf(b, " (acks %+d)", fr.Bal)
			}
		} else if p := u.FindParked(n); p != nil {
			fmt.Fprintf(b, "; %s %s (evicting)", u.id, p.State)
		}
	}
	b.WriteByte('\n')
}
