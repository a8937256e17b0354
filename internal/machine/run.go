package machine

import (
	"cohsim/internal/sim"
	"cohsim/internal/stats"
)

// wakeThread makes a thread run at cycle t, or earlier if it is due earlier.
func (m *Machine) wakeThread(i int32, t int64) {
	th := &m.threads[i]
	if t < th.wakeAt {
		th.wakeAt = t
		th.seq++
		m.wakes.Push(t, sim.Key(int(i), th.seq), i)
	}
}

// until runs every event before cycle end.
func (m *Machine) until(end int64) {
	m.end = end
	for {
		tm, tw := m.msgs.Next(), m.wakes.Next()
		if tm <= tw {
			if tm >= end {
				return
			}
			e := m.msgs.Pop()
			m.now = e.At
			if m.check != nil {
				m.deliverChecked(e)
			} else {
				m.deliver(e)
			}
			continue
		}
		if tw >= end {
			return
		}
		e := m.wakes.Pop()
		m.now = e.At
		th := &m.threads[e.P]
		if th.wakeAt != e.At {
			continue // the thread was woken earlier
		}
		m.runThread(e.P, th, e.At)
	}
}

// runThread lets a woken thread run up to its horizon.
func (m *Machine) runThread(i int32, th *thread, t int64) {
	u := &m.units[th.unit]
	u.Reserve()
	th.limit = t + 1
	if !m.setup.Reference {
		th.limit = m.horizon(u, u.inbox.after(t))
		if len(u.threads) > 1 {
			// A sibling shares the caches: its next step may touch them at once.
			for _, j := range u.threads {
				if j != i {
					th.limit = min(th.limit, max(m.threads[j].wakeAt, t+1))
				}
			}
		}
		th.limit = max(th.limit, t+1)
	}
	th.wakeAt = sim.Never
	if th.retry {
		th.retry = false
		th.core.MSHRFree(t)
	}
	m.run(i, th, t)
}

// horizon is the first cycle at which a message could reach the caches of a unit:
// the earliest of the messages on their way to it, what any other pending message
// or thread could still cause, and the end of the measured span.
func (m *Machine) horizon(u *unit, inbox int64) int64 {
	limit := min(m.end, inbox, m.msgs.Next()+m.leastReply)
	if next := m.wakes.Next(); next < sim.Never {
		limit = min(limit, next+m.leastReq+m.leastReply)
	}
	return limit
}

func (m *Machine) run(i int32, th *thread, t int64) {
	if next := th.core.Run(t, &th.limit); next < th.wakeAt && next < sim.Never {
		m.wakeThread(i, next)
	}
}

// loadReady gives the core that is alone on its unit the line that its load waits
// for, if nothing can reach the two before they have run the next cycle. If the core
// takes it, goOn follows, at the end of the message.
func (m *Machine) loadReady(th *thread, u *unit, n uint64, t int64, cause stats.Cause) bool {
	if th.wakeAt <= t || th.retry {
		return false
	}
	inbox, one := u.inbox.others(t)
	if !one {
		return false
	}
	if th.limit = m.horizon(u, inbox); th.limit <= t+1 {
		return false
	}
	th.ready = true
	took := th.core.LoadReady(n, t, cause)
	th.ready = false
	return took
}

// goOn runs the core whose load has its line at once, where a wake would only find
// that it may.
func (m *Machine) goOn(u *unit, t int64) {
	i, th := u.threads[0], u.alone
	if th.core.Wants() {
		th.core.MSHRFree(t)
	}
	th.wakeAt = sim.Never
	m.run(i, th, t+1)
}

// retryNext makes a unit's threads repeat what they were refused, a cycle after
// a locked op of the running thread let go of a way.
func (m *Machine) retryNext(u *unit, running *thread, t int64) {
	u.refused = false
	for _, i := range u.threads {
		m.threads[i].retry = true
		m.wakeThread(i, t+1)
	}
	running.limit = min(running.limit, t+1)
}

// Result is what a run counted in its measured span.
type Result struct {
	Run     stats.Run
	Cores   []stats.Counters // per thread; they are gone when another machine is made From this one
	Lines   []LineReport     // contended lines, most costly first
	Checked Checked          // what Setup.Check asserted
	End     int64            // last cycle of the span
	// Programs are only there if Setup.PerOp asked for them.
	Programs []ProgramCycles
}
