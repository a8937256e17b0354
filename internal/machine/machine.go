package machine

import (
	"fmt"
	"slices"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/internal/noc"
	"cohsim/internal/sim"
	"cohsim/internal/stats"
	"cohsim/mesi"
)

// Engine is the number of the engine's behaviour: raised by hand whenever
// results of an unchanged config may change.
const Engine = 4

// Thread is what one task runs.
type Thread struct {
	Program *cpu.Program
	Regs    []RegValue
}

// RegValue is a register's value before the run.
type RegValue struct {
	Reg   cpu.Reg
	Value uint64
}

// Word is a memory word's value before the run.
type Word struct {
	Addr  mem.Addr
	Bytes int
	Value uint64
}

// Judge watches the ghost records of a run in the order of time. An error is a
// violation: it ends the run.
type Judge interface {
	Observe(t int64, thread int, event int32, obj mem.Addr, old, new uint64) error
}

// Setup is everything a run needs.
type Setup struct {
	Config    Config
	Threads   []Thread      // tasks, dealt out to the hardware threads of Place in turn
	Place     []int         // hardware threads of the machine that take part
	Task      cpu.TaskWords // what the scheduler writes into a task_struct
	Space     *mem.Space
	Init      []Word
	Walks     []Walk // what threads have read before the run
	Judge     Judge  // may be nil
	Seed      uint64
	WarmupNS  float64
	MeasureNS float64 // 0: until every thread has halted
	StuckNS   float64 // no operation completed for this long: the run is livelocked; 0: never
	// LimitCycles ends the run as aborted when it gets there; 0: never.
	LimitCycles int64
	ChaosNS     float64 // every message takes up to that much longer, see chaos.go; 0: none
	Check       Check
	Clock       func() int64 // the host's, in ns, for Checked.HostNS; may be nil
	Reference   bool         // one event per cycle of a core: slow, for tests of run-ahead
	Coverage    *mesi.Coverage
	PerOp       bool // fill Result.Programs
	// From is a machine that is done with, or nil: what it has allocated serves the new
	// one, which is as new all the same. Most of what a short run costs beside simulating
	// it would be getting that memory anew.
	From *Machine
}

const (
	toUnit   uint8 = iota // a message arrives at a unit
	toHome                // a message arrives at a home
	toL3                  // a request arrives at the requester's own L3, to be served there or passed on
	departed              // a message reaches its first link (only with link occupancy)
)

// event is the payload of a message event.
type event struct {
	msg    mesi.Msg
	line   int32 // index into Machine.lines
	slot   int32 // bytes carried, -1 if none
	kind   uint8
	final  uint8 // departed: the kind it becomes
	grace  uint8 // locked ops that ran since this snoop arrived
	offset uint8 // offset in the line of the access that started the transaction
	flags  evFlags
	cause  stats.Cause // what supplied the bytes
	at     int16       // where the home sits that sends or receives it: an L3, or -1
	delay  int32       // departed: delay on free links; retried: cycles that it has waited at the home before
}

type evFlags uint8

const (
	dirty   evFlags = 1 << iota // bytes come from a modified copy
	slotted                     // the home's occupancy has been paid
	write                       // the transaction is for a write
	retried                     // a request that has waited at the home, and is on its way to try again
)

// unit is the private caches of one core of the machine, and what it sends.
type unit struct {
	cache.Unit
	id      mesi.Node
	place   noc.Place
	far     farOp
	refused bool // a miss found no way since the last unlock
	l1Lat   int64
	key     uint64 // order of the message sent last
	rng     sim.Rand
	st      *stats.Counters // of its first thread, which is charged for what no thread asked for
	threads []int32
	alone   *thread // its only thread, an in-order core that may run ahead; nil if it has others, or another
	inbox   arrivals
}

// l3 is a home of lines that an L3 serves.
type l3 struct {
	place noc.Place
	units []uint64 // bit set of the units behind it
}

// thread is one hardware thread, with the tasks that it runs.
type thread struct {
	core   *cpu.Core
	unit   int32
	number int32 // from 1
	wakeAt int64
	limit  int64
	seq    uint64
	st     *stats.Counters
	retry  bool // a way was unlocked: repeat what was refused, at the next wake
	ready  bool // inside LineReady: accesses are retries and not counted again
}

// line is one memory line: its home's entry, its bytes, its queue of requests.
// What every message looks at comes first.
type line struct {
	share  *sharing // nil until the line is contended
	head   int32    // first waiting request in Machine.queue, -1 if none
	tail   int32
	home   noc.Place
	waits  bool  // for a way of the directory
	at     int16 // where the transaction in progress is served: an L3, or -1 for the line's home
	far    int16 // who performed the last far atomic, see farNobody
	offset uint8 // of the access that started it
	write  bool
	mesi.Entry
	past  pasts
	bytes [cache.LineBytes]byte
}

// Machine is one run's machine.
type Machine struct {
	once   *thread // whose oldest load may use a frame with Once set
	cfg    Config
	setup  Setup
	net    *noc.Net
	topo   noc.Topology
	proto  *mesi.Protocol
	stable func(mesi.State) bool
	rights [mesi.NumStates]cache.Rights // what a hit on an uncontended line in a state may do
	msgs   *sim.Wheel[event]
	wakes  *sim.Wheel[int32]

	units   []unit
	threads []thread
	lines   []line
	l3s     []l3
	first   uint64   // line number of lines[0]
	homeKey []uint64 // order of the message that each home sent last
	homeRng []sim.Rand
	homeUse []int64 // home occupied until
	llc     []*cache.Array
	// spareLLC are arrays of an earlier machine that have not been needed yet.
	spareLLC []*cache.Array
	counters []stats.Counters // of the threads, apart: a thread's own fields stay together
	counted  []stats.Counters // what they were at the start of the measured span, at the end what they grew by in it
	dirs     []directory      // by home; nil if every line is tracked
	check    *checker         // nil if nothing is checked
	noPlain  bool             // every access is looked at
	detours  bool             // messages take longer than the interconnect's delays
	socket0  int

	slots    []slot
	freeSlot int32
	queue    []queued
	freeQ    int32
	out      mesi.Out

	homeNS, llcHit, dram int64
	replay               int64 // after which a request that waits at a home tries again
	farNS                int64 // of a home's atomic unit
	chaos                int64
	l2Lat                int64
	leastReq             int64 // shortest way of a request to a home
	leastReply           int64 // shortest way of anything to a unit
	lockedShare          int64
	readDirty            [noc.NumDistances]dirtyPolicy
	randomHome           bool

	now      int64
	end      int64 // of the span that is being run
	ghosts   ghostLog
	lastOps  uint64
	lastSeen int64
	sent     uint64
	received uint64
	history  [64]trace // the last messages handled, for dumps
	handled  uint64
}

type dirtyPolicy uint8

const (
	share dirtyPolicy = iota
	migrate
	migrateIfWritten
)

// slot is the bytes of a message on its way.
type slot struct {
	bytes [cache.LineBytes]byte
	next  int32
}

// queued is a request that waits for its line at a home.
type queued struct {
	ev   event
	at   int64 // since when
	next int32
}

// New builds a machine. The config must have no Problems.
func New(s Setup) (*Machine, error) {
	cfg, old := s.Config, s.From
	if old == nil {
		old = &Machine{}
	}
	s.From = nil
	m := &Machine{cfg: cfg, setup: s, topo: cfg.Topology, freeSlot: -1, freeQ: -1, slots: old.slots[:0], queue: old.queue[:0], counted: old.counted[:0]}
	cycles := func(ns float64) int64 { return cpu.CyclesNS(ns, cfg.Core.ClockMHz) }
	m.net = noc.New(cfg.Topology, cfg.Fabric, cycles)
	opt := cfg.Protocol.Options
	var err error

	m.msgs, m.wakes = old.msgs.Renew(), old.wakes.Renew()
	m.homeNS, m.llcHit, m.dram = cycles(cfg.Fabric.HomeNS), cycles(cfg.LLC.HitNS), cycles(cfg.DRAMNS)
	m.replay, m.farNS = cycles(cfg.Fabric.ReplayNS), cycles(cfg.Fabric.FarAtomicNS)
	m.chaos = cycles(s.ChaosNS)
	m.detours = m.chaos > 0 || m.net.Queues()
	m.l2Lat = int64(cfg.L2.LatencyCycles)
	m.lockedShare = cycles(cfg.Protocol.LockedShare)
	m.randomHome = cfg.Protocol.Arbitration == "random"
	for d, l := range []noc.Legs{cfg.Fabric.Near, cfg.Fabric.Far, cfg.Fabric.Remote} {
		p := l.ReadDirty
		if p == "" || p == "inherit" {
			p = cfg.Protocol.ReadDirty
		}
		m.readDirty[d] = map[string]dirtyPolicy{"share": share, "migrate": migrate, "migrate_if_written": migrateIfWritten}[p]
	}
	model := cpu.ModelByName(cfg.Model())
	if model == nil {
		return nil, fmt.Errorf("memory_model: there is no model %q", cfg.Model())
	}

	first, last := s.Space.Lines()
	m.first = first
	m.lines = zeroed(old.lines, int(last-first+1))
	for i := range m.lines {
		m.lines[i].Entry = mesi.NewEntry()
		m.lines[i].head, m.lines[i].tail, m.lines[i].at, m.lines[i].far = -1, -1, -1, farNobody
	}
	for _, w := range s.Init {
		poke(&m.lines[w.Addr.Line()-first].bytes, uint64(w.Addr), w.Bytes, w.Value)
	}

	nHomes := m.topo.Sockets * (m.topo.L3PerSocket + 1)
	m.homeKey, m.homeUse = make([]uint64, nHomes), make([]int64, nHomes)
	m.homeRng = make([]sim.Rand, nHomes)
	for h := range m.homeRng {
		m.homeRng[h] = sim.NewRand(s.Seed, h, 1)
	}
	if cfg.LLC.Bytes > 0 {
		m.llc = make([]*cache.Array, nHomes)
	}
	for _, a := range slices.Concat(old.llc, old.spareLLC) {
		if a.Renew(m.llcGeometry(), old.first, len(old.lines)) {
			m.spareLLC = append(m.spareLLC, a)
		}
	}
	if cfg.Directory.Entries > 0 {
		m.dirs = make([]directory, nHomes)
	}
	m.check = newChecker(s.Check, m.lines, s.Clock)
	m.noPlain = s.Check == CheckFull

	m.threads = make([]thread, min(len(s.Place), len(s.Threads)))
	m.counters = zeroed(old.counters, len(m.threads))
	m.units = make([]unit, 0, len(m.threads))
	unitOf := map[int]int32{}
	for i := range m.threads {
		core := s.Place[i] / m.topo.ThreadsPerCore
		u, ok := unitOf[core]
		if !ok {
			u = int32(len(m.units))
			unitOf[core] = u
			m.units = append(m.units, unit{
				id: mesi.Node(u), key: sim.Key(int(u), 0), place: m.topo.CorePlace(core), rng: sim.NewRand(s.Seed, core, 0),
				l1Lat: int64(cfg.L1.LatencyCycles),
			})
		}
		m.units[u].threads = append(m.units[u].threads, int32(i))
		m.threads[i].unit, m.threads[i].number, m.threads[i].st = u, int32(i+1), &m.counters[i]
	}
	for h := range m.homeKey {
		m.homeKey[h] = sim.Key(len(m.units)+h, 0)
	}
	m.socket0 = int(m.units[0].place.Socket)
	m.l3s = make([]l3, m.topo.Sockets*m.topo.L3PerSocket)
	for k := range m.l3s {
		m.l3s[k] = l3{m.topo.L3Place(int16(k)), make([]uint64, (len(m.units)+63)/64)}
	}
	for i := range m.units {
		u := &m.units[i]
		if i < len(old.units) {
			u.Unit, u.inbox = old.units[i].Unit, old.units[i].inbox[:0]
		}
		u.Renew(cfg.L1, cfg.L2, cfg.MSHRs, first, len(m.lines))
		u.inbox = slices.Grow(u.inbox, 64+len(m.units)) // every other unit may send an ack at the same time
		u.st = m.threads[u.threads[0]].st
		m.l3s[u.place.L3].units[i/64] |= 1 << (i % 64)
	}
	for i := range m.lines {
		m.lines[i].home = m.homeOf(m.first + uint64(i))
	}
	opt.Caches = len(m.units)
	if m.proto = old.proto; m.proto == nil || m.proto.Name() != cfg.Protocol.Name || m.proto.Options() != opt {
		if m.proto, err = mesi.New(cfg.Protocol.Name, opt); err != nil {
			return nil, fmt.Errorf("protocol: %w", err)
		}
	}
	m.proto.Cov = s.Coverage
	m.stable = m.proto.Stable
	for s := range mesi.NumStates {
		if m.proto.Readable(s) {
			m.rights[s] = cache.MayRead
		}
		if s == mesi.M {
			m.rights[s] |= cache.MayWrite
		}
		if !m.noPlain {
			m.rights[s] |= cache.Plain
		}
	}
	m.bounds()
	for i := range m.threads {
		th := &m.threads[i]
		th.wakeAt = sim.Never
		th.core = new(cpu.Core)
		if i < len(old.threads) {
			th.core = old.threads[i].core
		}
		th.core.Renew(cfg.Core, model, &port{m, th, &m.units[th.unit]}, th.st)
		if i > 0 {
			th.core.Peer(m.threads[0].core)
		}
		th.core.KeepWords(s.Task)
		for k := i; k < len(s.Threads); k += len(m.threads) {
			prog := s.Threads[k].Program
			th.core.AddTask(k, prog)
			for _, r := range s.Threads[k].Regs {
				th.core.SetReg(r.Reg, r.Value)
			}
			for r, name := range prog.Regions {
				th.core.CountInto(r, th.st.Lock.Named(name))
			}
		}
		if s.PerOp {
			th.core.CountCycles()
		}
		u := &m.units[th.unit]
		ahead := !s.Reference && len(u.threads) == 1
		th.core.Replay(ahead && cfg.Core.Window > 1)
		if th.core.InOrder = ahead && cfg.Core.Window == 1; th.core.InOrder {
			u.alone = th
		}
		m.wakeThread(int32(i), 0)
	}
	if len(s.Walks) > 0 {
		if err := m.walk(); err != nil {
			return nil, err
		}
	}
	m.ghosts.judge, m.ghosts.clock, m.ghosts.records = s.Judge, s.Clock, old.ghosts.records[:0]
	*old = Machine{} // its parts are not its own any more
	return m, nil
}

// zeroed is a slice of n zero values, in the memory of one that is done with if there
// is enough of it.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	clear(s[:n])
	return s[:n]
}

// Model is the name of the memory model in force.
func (c *Config) Model() string {
	switch {
	case c.MemoryModel != "isa" && c.MemoryModel != "":
		return c.MemoryModel
	case c.ISA == "x86-64":
		return "tso"
	}
	return "armv8"
}

// bounds finds the shortest ways that the horizon relies on.
func (m *Machine) bounds() {
	m.leastReq, m.leastReply = sim.Never, sim.Never
	var homes []noc.Place
	for s := range m.topo.Sockets {
		if m.topo.L3Local {
			homes = append(homes, noc.Place{Socket: int16(s), L3: -1, Tile: -1, Core: -1})
		}
	}
	for l3 := range m.topo.Sockets * m.topo.L3PerSocket {
		if m.topo.L3Local {
			homes = append(homes, m.topo.L3Place(int16(l3)))
			continue
		}
		for k := range m.topo.CoresPerL3 {
			p := m.topo.CorePlace(l3*m.topo.CoresPerL3 + k)
			p.Core = -1
			homes = append(homes, p)
		}
	}
	least := func(d int64) int64 {
		d = m.net.Least(d)
		if m.net.Queues() { // counted from the message's first link, a cycle after it was sent
			d = max(d-1, 1)
		}
		return d
	}
	between := homes // that matter to a leg from one core to another
	if m.cfg.Fabric.Kind != "matrix" {
		between = homes[:1]
	}
	for i := range m.units {
		u := &m.units[i]
		for _, h := range homes {
			m.leastReq = min(m.leastReq, least(m.net.Leg(noc.Request, u.place, h, h)))
			m.leastReply = min(m.leastReply, least(m.net.Leg(noc.Snoop, h, u.place, h)),
				least(m.net.Leg(noc.Data, h, u.place, h)))
		}
		for j := range m.units {
			if j != i {
				for _, h := range between {
					m.leastReply = min(m.leastReply, least(m.net.Leg(noc.Supply, m.units[j].place, u.place, h)),
						least(m.net.Leg(noc.Ack, m.units[j].place, u.place, h)))
				}
			}
		}
	}
}
