package machine

import (
	"fmt"
	"runtime/debug"

	"cohsim/cpu"
	"cohsim/internal/sim"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// Bug is a fault in cohsim itself, with what is needed to reproduce it.
type Bug struct {
	What  string
	Dump  string
	Stack string
}

func (b *Bug) Error() string { return "bug in cohsim: " + b.What }

// Simulate runs a machine from cycle 0 to the end of its measured span, lets
// it come to rest, and checks the books. An *Aborted error is a property of the
// simulated programs or protocol; a *Bug is one of cohsim.
func Simulate(s Setup) (res *Result, err error) {
	m, err := New(s)
	if err != nil {
		return nil, err
	}
	return m.Simulate()
}

// Simulate runs the machine, once.
func (m *Machine) Simulate() (res *Result, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case cpu.BadAccess:
			err = m.badAccess(r)
		case mesi.Unspecified:
			err = m.abort("%v", r.Error())
		case bug:
			err = m.bug(string(r))
		default:
			err = m.bug(fmt.Sprint(r))
		}
	}()
	start := m.cfg.Core.Cycles(m.setup.WarmupNS)
	end := sim.Never
	if m.setup.MeasureNS > 0 {
		end = start + m.cfg.Core.Cycles(m.setup.MeasureNS)
	}
	if err := m.advance(start); err != nil {
		return nil, err
	}
	m.cut(start)
	m.counted = append(m.counted, m.counters...)
	var beforeOps []ProgramCycles
	if m.setup.PerOp {
		beforeOps = m.opCycles()
	}
	m.resetLines()
	if err := m.advance(end); err != nil {
		return nil, err
	}
	if m.setup.MeasureNS == 0 {
		end = start
		for i := range m.threads {
			end = max(end, m.threads[i].core.Charged())
		}
	}
	if m.setup.MeasureNS > 0 && !m.progressed() {
		return nil, m.tooShort(start, end)
	}
	m.cut(end)
	res = &Result{End: end, Cores: m.counted}
	res.Run.Window.Cycles = uint64(end - start)
	res.Run.Window.TimePS = uint64(end-start) * 1_000_000 / uint64(m.cfg.Core.ClockMHz)
	for i := range m.threads {
		c := &res.Cores[i]
		stats.Sub(c, &m.counters[i], c)
		c.CPU.Total = uint64(end - start)
		if n := c.CPU.Unaccounted(); n != 0 {
			return nil, m.bug(fmt.Sprintf("thread %d: %d cycles of %d are charged to no cause", i, n, end-start))
		}
		stats.Add(&res.Run.Total, c)
	}
	res.Lines = m.lineReports()
	if m.setup.PerOp {
		res.Programs = m.sinceCycles(beforeOps)
	}
	if err := m.rest(); err != nil {
		return nil, err
	}
	if m.check != nil {
		res.Checked = m.check.Checked
	}
	res.Checked.Events, res.Checked.JudgeNS = m.ghosts.judged, m.ghosts.hostNS
	return res, nil
}

// tooShort is the error of a measured span in which no operation ended. One in which
// none ever will has been found before, if the run was long enough to tell.
func (m *Machine) tooShort(start, end int64) *Aborted {
	longest := int64(0)
	for i := range m.threads {
		longest = max(longest, m.threads[i].core.UnderWay(end))
	}
	why := fmt.Sprintf("no operation was completed in the measured span of %d cycles: ", end-start)
	switch {
	case longest > 0 && m.setup.StuckNS == 0:
		why += fmt.Sprintf("it is too short, one has been under way for %d cycles; raise run.measure_ns (a run of 100000 ns or more is watched for livelocks)", longest)
	case longest > 0:
		why += fmt.Sprintf("it is too short, one has been under way for %d cycles; raise run.measure_ns", longest)
	default:
		why += "it is too short, raise run.measure_ns; or the programs mark no operation (mark begin, mark end)"
	}
	return &Aborted{Why: why}
}

// slice is how far the machine runs between looks at progress and ghosts.
const slice = 200_000

// advance runs to cycle end, or until every thread has halted if end is
// sim.Never.
func (m *Machine) advance(end int64) error {
	stuck := m.cfg.Core.Cycles(m.setup.StuckNS)
	for next := m.now; next < end; {
		next = min(end, next+slice)
		if limit := m.setup.LimitCycles; limit > 0 && next > limit {
			m.until(limit)
			return m.abort("cycle limit: %d cycles are over and the run is not", limit)
		}
		m.until(next)
		if m.msgs.Next() == sim.Never && m.wakes.Next() == sim.Never {
			if m.allFinished() {
				if end == sim.Never {
					return m.judge()
				}
				m.now = max(m.now, end-1)
				return m.judge()
			}
			return m.abort("deadlock: no event is pending and %s", m.unfinished())
		}
		if err := m.judge(); err != nil {
			return err
		}
		if ops := m.opsDone(); ops != m.lastOps {
			m.lastOps, m.lastSeen = ops, next
		} else if stuck > 0 && next-m.lastSeen > stuck && !m.allFinished() {
			m.now = next // threads ran up to here, though the last event was earlier
			return m.abort("livelock: no operation was completed for %d cycles while ops kept retiring; %s", next-m.lastSeen, m.unfinished())
		}
		if t := min(m.msgs.Next(), m.wakes.Next()); t > next && t < end {
			next = t - t%slice // skip empty time
		}
	}
	return nil
}

func (m *Machine) judge() error {
	if err := m.ghosts.settle(m.settled()); err != nil {
		return m.guilty(err)
	}
	return nil
}

func (m *Machine) allFinished() bool {
	for i := range m.threads {
		if !m.threads[i].core.Finished {
			return false
		}
	}
	return true
}

func (m *Machine) unfinished() string {
	n, first := 0, len(m.setup.Threads)
	for i := range m.threads {
		m.threads[i].core.Unfinished(func(id int, _ *cpu.Program, _ int32, _ string, _ uint64) {
			n++
			first = min(first, id)
		})
	}
	return fmt.Sprintf("%d of %d threads are unfinished, the first is thread %d", n, len(m.setup.Threads), first)
}

func (m *Machine) opsDone() uint64 {
	n := uint64(0)
	for i := range m.threads {
		n += m.threads[i].st.Ops.Latency.Count() + uint64(m.threads[i].core.Halted)
	}
	return n
}

// progressed reports whether a thread completed an operation in the measured span, or
// halted.
func (m *Machine) progressed() bool {
	for i := range m.threads {
		th := &m.threads[i]
		if th.core.Halted > 0 || th.st.Ops.Latency.Count() > m.counted[i].Ops.Latency.Count() {
			return true
		}
	}
	return false
}

// cut ends the threads' cycles at t, so that their counters are those of that cycle.
func (m *Machine) cut(t int64) {
	for i := range m.threads {
		m.threads[i].core.Cut(t)
	}
}

// rest lets the machine finish what is under way, fetching no further ops, and
// checks conservation: every message was received, every transaction ended,
// every home is stable and knows every copy.
func (m *Machine) rest() error {
	for i := range m.threads {
		m.threads[i].core.Stopped = true
	}
	for k := 0; m.msgs.Next() < sim.Never || m.wakes.Next() < sim.Never; k++ {
		if k > 1000 {
			return m.abort("the machine does not come to rest after the measured span")
		}
		m.until(max(m.now, min(m.msgs.Next(), m.wakes.Next())) + slice)
	}
	if err := m.ghosts.settle(sim.Never); err != nil {
		return m.guilty(err)
	}
	if m.sent != m.received {
		return m.bug(fmt.Sprintf("%d messages were sent and %d received", m.sent, m.received))
	}
	for i := range m.lines {
		if l := &m.lines[i]; !l.State.Stable() || l.head >= 0 {
			return m.bug("a home is still blocked at rest: " + l.State.String())
		}
	}
	for i := range m.units {
		u := &m.units[i]
		if !u.Quiet() || u.far.op != nil {
			return m.bug("a cache has misses or evictions outstanding at rest")
		}
		for f := range u.Frames {
			if s := u.Frames[f].State; !m.proto.Stable(s) {
				return m.bug("a line is still in state " + s.String() + " at rest")
			}
		}
	}
	if m.noPlain {
		for i := range m.lines {
			m.check.line = int32(i)
			m.assertLine(int32(i))
		}
	}
	return m.checkCopies()
}

// checkCopies checks, at rest, that one cache may write only where no other may
// read, that all readable copies agree, with memory where the home says so, and
// that the home lists every copy.
func (m *Machine) checkCopies() error {
	for i := range m.lines {
		l := &m.lines[i]
		n := m.first + uint64(i)
		owner := mesi.Node(-1)
		for k := range m.units {
			u := &m.units[k]
			f := u.Find(n)
			if f < 0 {
				continue
			}
			fr := &u.Frames[f]
			switch {
			case fr.State == mesi.M || fr.State == mesi.E || fr.State == mesi.O:
				if owner >= 0 {
					return m.bug("two owners of one line")
				}
				owner = u.id
				if l.Owner != u.id {
					return m.bug(fmt.Sprintf("%s holds a line in %s that the home does not know it owns", u.id, fr.State))
				}
			case !l.Sharers.Has(u.id):
				return m.bug(fmt.Sprintf("%s holds a line in %s and is no sharer at the home", u.id, fr.State))
			}
			if l.State == mesi.HS && fr.Data != l.bytes {
				return m.bug("a shared copy differs from memory")
			}
		}
	}
	return nil
}

// bug describes a fault of the simulator.
func (m *Machine) bug(what string) *Bug {
	return &Bug{What: fmt.Sprintf("cycle %d, seed %d: %s", m.now, m.setup.Seed, what), Dump: m.safeDump(), Stack: string(debug.Stack())}
}

// safeDump is dump, which may itself stumble over a broken machine.
func (m *Machine) safeDump() (s string) {
	defer func() {
		if recover() != nil {
			s = "(the machine's state could not be printed)\n"
		}
	}()
	return m.dump()
}

// badAccess says which op of which thread accesses memory that it may not.
func (m *Machine) badAccess(r cpu.BadAccess) error {
	th := &m.threads[r.Thread%len(m.threads)]
	prog := th.core.Program()
	op := ""
	if r.PC < 0 { // the op at the head, or a store that has left the window
		r.PC, _, _ = th.core.Head()
	}
	if site := prog.Ops[r.PC].Site; int(site) < len(prog.Sites) {
		s := &prog.Sites[site]
		op = fmt.Sprintf(" (%s line %d: %s)", s.Proc, s.Line, s.Text)
	}
	if r.Bytes > 0 && cpu.Unaligned(r.Addr, r.Bytes) {
		return m.abort("thread %d%s accesses %d bytes at address %#x, which is no multiple of %d", r.Thread, op, r.Bytes, r.Addr, r.Bytes)
	}
	return m.abort("thread %d%s accesses address %#x, where no object is", r.Thread, op, r.Addr)
}
