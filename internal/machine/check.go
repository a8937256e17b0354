package machine

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/cache"
	"cohsim/internal/mem"
	"cohsim/mesi"
)

// Check says how often a run asserts that its caches are coherent. It changes
// neither timing nor results.
type Check uint8

const (
	CheckOff    Check = iota
	CheckSample       // after one message in sampleEvery: one writer or many readers, equal copies, the home knows them
	CheckFull         // after every message, and the value of every load, store and data message
)

// sampleEvery is the number of messages from one sampled check to the next.
const sampleEvery = 256

// checker asserts the laws that the model checker proves, in a running machine.
//
// A thread runs ahead of global time, so its caches may be newer than the
// message just handled. That cannot raise a false alarm: on its own a unit only
// gives rights up (it evicts) or writes where it may write already; every right
// is gained by a message. And it does not hide a wrong value: between a write
// and a read of the same line by another unit there are messages, and messages
// are handled in the order of time, so on a coherent machine the host performs
// conflicting accesses in the order of time too. What a load must return is
// therefore the last value stored, in the order in which the host performs
// stores: the shadow.
type checker struct {
	full   bool
	until  int // messages to the next sampled check
	shadow [][cache.LineBytes]byte
	clock  func() int64
	line   int32 // of the message in hand
	broken bool  // the line is not coherent
	log    []logged
	n      uint64 // entries ever logged
	Checked
}

// Checked counts what was asserted.
type Checked struct {
	Lines  uint64 // looks at all copies of a line
	Values uint64 // loads, and messages with data, compared with the last store
	HostNS int64  // about what the looks took, by Setup.Clock

	Events  uint64 // ghost events of locks judged
	JudgeNS int64  // what judging them took
}

// ParseCheck returns the check of a name: off, sample or full.
func ParseCheck(name string) (Check, error) {
	switch name {
	case "off", "":
		return CheckOff, nil
	case "sample":
		return CheckSample, nil
	case "full":
		return CheckFull, nil
	}
	return CheckOff, fmt.Errorf("check: there is no %q: allowed are off, sample, full", name)
}

// timeEvery is the number of looks of a full check from one that is timed to the
// next: reading the host's clock takes as long as a look.
const timeEvery = 32

// logged is one step in the history of a line.
type logged struct {
	at     int64
	msg    mesi.Msg
	home   mesi.HomeState
	kind   logKind
	cache  mesi.State
	bytes  uint8
	offset uint8
	line   int32
	value  uint64
}

type logKind uint8

const (
	logMsg logKind = iota
	logStore
	logLoad
	logEvict
)

// historySteps is how much of a line's history a dump shows.
const historySteps = 40

func newChecker(c Check, lines []line, clock func() int64) *checker {
	if c == CheckOff {
		return nil
	}
	k := &checker{full: c == CheckFull, until: sampleEvery, line: -1, clock: clock}
	if k.full {
		k.shadow = make([][cache.LineBytes]byte, len(lines))
		for i := range lines {
			k.shadow[i] = lines[i].bytes
		}
		k.log = make([]logged, 1<<14)
	}
	return k
}

// deliverChecked is deliver, with a look at the line afterwards.
func (m *Machine) deliverChecked(e *simEvent) {
	c := m.check
	if !c.full {
		if c.until--; c.until > 0 {
			m.deliver(e)
			return
		}
		c.until = sampleEvery
	}
	msg, at, moving := e.P.msg, e.At, e.P.kind == departed
	c.line = e.P.line
	i := c.line
	before := m.received
	m.deliver(e)
	if moving {
		return
	}
	if c.full && m.received != before {
		l := logged{at: at, msg: msg, home: m.lines[i].State, line: i}
		if msg.To >= 0 {
			l.cache = m.stateAt(&m.units[msg.To], m.first+uint64(i))
		}
		c.add(l)
	}
	if c.clock == nil || c.full && c.Lines%timeEvery != 0 {
		m.assertLine(i)
		return
	}
	start := c.clock()
	m.assertLine(i)
	took := c.clock() - start
	if c.full {
		took *= timeEvery
	}
	c.HostNS += took
}

func (c *checker) add(l logged) {
	c.log[c.n%uint64(len(c.log))] = l
	c.n++
}

// stateAt is the state of a line in a unit, eviction buffer included.
func (m *Machine) stateAt(u *unit, n uint64) mesi.State {
	if f := u.Find(n); f >= 0 {
		return u.Frames[f].State
	}
	if p := u.FindParked(n); p != nil {
		return p.State
	}
	return mesi.I
}

// assertLine checks all copies of a line: one unit may write it, or many may
// read it; the copies are equal, and equal to the last store; a home at rest
// lists every copy, and has current memory if it says so.
func (m *Machine) assertLine(i int32) {
	c, l, n := m.check, &m.lines[i], m.first+uint64(i)
	c.Lines++
	readers, writer := 0, mesi.Node(-1)
	var want *[cache.LineBytes]byte
	if c.full {
		want = &c.shadow[i]
	}
	for k := range m.units {
		u := &m.units[k]
		f := u.Find(n)
		if f < 0 {
			continue
		}
		fr := &u.Frames[f]
		if !m.proto.Readable(fr.State) {
			continue
		}
		readers++
		if m.proto.Writable(fr.State) {
			if writer >= 0 {
				m.violated("%s and %s may both write the line", writer, u.id)
			}
			writer = u.id
		}
		if want == nil {
			want = &fr.Data
		}
		if fr.Data != *want {
			m.violated("%s holds the line in %s with %s", u.id, fr.State, differ(&fr.Data, want))
		}
		if known := l.Sharers.Has(u.id) || l.Owner == u.id; l.State.Stable() && (l.State == mesi.HI || l.State == mesi.HX && l.Owner != u.id || !known) {
			m.violated("%s holds the line in %s and its home, in %s, does not know", u.id, fr.State, l.State)
		}
	}
	if writer >= 0 && readers > 1 {
		m.violated("%s may write the line while %d others may read it", writer, readers-1)
	}
	if want != nil && l.bytes != *want && (l.State == mesi.HS || c.full && l.State == mesi.HI) {
		m.violated("memory, which the home in %s takes for current, has %s", l.State, differ(&l.bytes, want))
	}
}

// differ names the first word in which bytes are not what they should be.
func differ(got, want *[cache.LineBytes]byte) string {
	for o := uint64(0); o < cache.LineBytes; o += 4 {
		if g, w := peek(got, o, 4), peek(want, o, 4); g != w {
			return fmt.Sprintf("%d at offset %d instead of %d", g, o, w)
		}
	}
	return "equal bytes"
}

// checkLoad compares a value that a unit read with the last one stored.
func (m *Machine) checkLoad(u *unit, addr uint64, bytes int, got uint64, t int64) {
	c := m.check
	c.Values++
	i := int32(addr>>6 - m.first)
	if want := peek(&c.shadow[i], addr, bytes); got != want {
		c.line = i
		c.add(logged{at: t, msg: mesi.Msg{From: u.id}, kind: logLoad, line: i, bytes: uint8(bytes), offset: uint8(addr & 63), value: got,
			cache: m.stateAt(u, addr>>6), home: m.lines[i].State})
		m.violated("%s read %d at offset %d, the last store was %d", u.id, got, addr&63, want)
	}
}

// checkStore notes a value that a unit wrote.
func (m *Machine) checkStore(u *unit, addr uint64, bytes int, v uint64, t int64) {
	c := m.check
	i := int32(addr>>6 - m.first)
	poke(&c.shadow[i], addr, bytes, v)
	c.add(logged{at: t, msg: mesi.Msg{From: u.id}, kind: logStore, line: i, bytes: uint8(bytes), offset: uint8(addr & 63), value: v,
		cache: m.stateAt(u, addr>>6), home: m.lines[i].State})
}

// checkSent compares the bytes of a message, when it is sent, with the last ones
// stored: whoever supplies data has current data.
func (m *Machine) checkSent(ev *event) {
	c := m.check
	c.Values++
	if b, want := &m.slots[ev.slot].bytes, &c.shadow[ev.line]; *b != *want {
		c.line = ev.line
		m.violated("%s of %s for %s carries %s", ev.msg.Type, ev.msg.From, ev.msg.To, differ(b, want))
	}
}

// violated ends the run: the line in hand is not coherent.
func (m *Machine) violated(format string, args ...any) {
	m.check.broken = true
	panic(bug("line of " + m.setup.Space.Symbol(mem.Addr((m.first+uint64(m.check.line))<<6)) + ": " + fmt.Sprintf(format, args...)))
}

// dumpHistories prints the last steps of the line that is not coherent, or else of
// lines that threads wait for.
func (m *Machine) dumpHistories(b *strings.Builder, waited []uint64) {
	c := m.check
	if c == nil || !c.full {
		if len(waited) > 0 {
			b.WriteString("with run.check = \"full\" the history of each of these lines stands here\n")
		}
		return
	}
	if !c.broken {
		for _, n := range waited[:min(len(waited), 3)] {
			if m.has(n) {
				m.dumpHistory(b, int32(n-m.first))
			}
		}
		return
	}
	if n := m.first + uint64(c.line); !slices.Contains(waited, n) {
		m.dumpLine(b, n)
	}
	m.dumpHistory(b, c.line)
}

func (m *Machine) dumpHistory(b *strings.Builder, line int32) {
	c := m.check
	var steps []*logged
	for k := c.n; k > 0 && c.n-k < uint64(len(c.log)) && len(steps) < historySteps; k-- {
		if l := &c.log[(k-1)%uint64(len(c.log))]; l.line == line {
			steps = append(steps, l)
		}
	}
	fmt.Fprintf(b, "history of the line of %s, its last %d steps and what each led to:\n", m.setup.Space.Symbol(mem.Addr((m.first+uint64(line))<<6)), len(steps))
	for k := len(steps) - 1; k >= 0; k-- {
		l := steps[k]
		what, who := "", fmt.Sprintf("%s in %s", l.msg.From, l.cache)
		switch l.kind {
		case logStore:
			what = fmt.Sprintf("%s stores %d in %d bytes at offset %d", l.msg.From, l.value, l.bytes, l.offset)
		case logLoad:
			what = fmt.Sprintf("%s loads %d from %d bytes at offset %d", l.msg.From, l.value, l.bytes, l.offset)
		case logEvict:
			what = fmt.Sprintf("%s evicts the line", l.msg.From)
		default:
			what = fmt.Sprintf("%-8s %s -> %s", l.msg.Type, l.msg.From, l.msg.To)
			if l.msg.Req >= 0 {
				what += fmt.Sprintf(" for %s", l.msg.Req)
			}
			if l.msg.Acks != 0 {
				what += fmt.Sprintf(", %d acks", l.msg.Acks)
			}
			if who = fmt.Sprintf("home in %s", l.home); l.msg.To >= 0 {
				who = fmt.Sprintf("%s in %s", l.msg.To, l.cache)
			}
		}
		fmt.Fprintf(b, "  cycle %-8d %-46s %s\n", l.at, what, who)
	}
}
