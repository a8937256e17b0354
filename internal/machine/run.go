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
		m.runThread(e.P, th, e.At, end)
	}
}

// runThread lets a woken thread run up to its horizon: the first cycle at which
// a message could reach its caches. That is the earliest of the messages on
// their way to it, what any other pending message or thread could still cause,
// and the end of the measured span.
func (m *Machine) runThread(i int32, th *thread, t, end int64) {
	u := &m.units[th.unit]
	limit := t + 1
	if !m.setup.Reference {
		limit = min(end, u.inbox.after(t), m.msgs.Next()+m.leastReply)
		if next := m.wakes.Next(); next < sim.Never {
			limit = min(limit, next+m.leastReq+m.leastReply)
		}
		if len(u.threads) > 1 {
			// A sibling shares the caches: its next step may touch them at once.
			for _, j := range u.threads {
				if j != i {
					limit = min(limit, max(m.threads[j].wakeAt, t+1))
				}
			}
		}
		limit = max(limit, t+1)
	}
	u.Reserve()
	th.limit = limit
	th.wakeAt = sim.Never
	if th.retry {
		th.retry = false
		th.core.MSHRFree(t)
	}
	next := th.core.Run(t, &th.limit)
	if next < th.wakeAt && next < sim.Never {
		m.wakeThread(i, next)
	}
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
	Cores   []stats.Counters // per thread
	Lines   []LineReport     // contended lines, most costly first
	Checked Checked          // what Setup.Check asserted
	End     int64            // last cycle of the span
	// Programs are only there if Setup.PerOp asked for them.
	Programs []ProgramCycles
}
