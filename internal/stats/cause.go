package stats

// Cause says what held the oldest unretired op of a core during a cycle. Every
// cycle of every core is charged to exactly one cause.
type Cause uint8

const (
	Issue     Cause = iota // the core retired at least one op, or fetch supplied none yet
	ALU                    // an arithmetic op in execution
	L1                     // a load or store that hits in the L1
	L2                     // a load or store that hits in the private L2
	LLC                    // data supplied by the last-level cache
	DRAM                   // data supplied by memory
	Near                   // data supplied by a core behind the same L3, of a line new to this core
	NearTrue               // the same, of a line that another core had taken, for a word written since
	NearFalse              // the same, for a word that nobody else had written
	Far                    // data supplied by a core of the same socket behind another L3; three causes as above
	FarTrue
	FarFalse
	Remote // data supplied by a core of another socket; three causes as above
	RemoteTrue
	RemoteFalse
	Upgrade  // write permission for a line already held, waiting for invalidations
	StoreBuf // the store buffer is full
	Drain    // stores ahead must leave the buffer first (locked op or fence)
	Fence    // the intrinsic latency of a fence
	Ordering // the memory model holds back an op whose operands are ready
	Atomic   // the latency of a read-modify-write on a line held writable
	AtHome   // an atomic op that the line's home performs
	Squash   // refetch and re-execution after a mispredict or a lost line
	Pause    // a pause or spin-wait hint
	Schedule // in schedule(), on the switch to a task, or on the way out of idle
	Sleep    // every task of the core sleeps until another wakes it
	Idle     // the program has ended
	Inflight // a miss whose supplier is not known yet when counting stops

	NumCauses // the number of causes, not a cause
)

var causes = [NumCauses]struct{ name, doc string }{
	Issue:       {"issue", "cycles in which the core retired an op or waited for fetch alone"},
	ALU:         {"alu", "cycles held by an arithmetic op in execution"},
	L1:          {"l1", "cycles held by an access that hits in the L1"},
	L2:          {"l2", "cycles held by an access that hits in the private L2"},
	LLC:         {"llc", "cycles held by a miss that the last-level cache served"},
	DRAM:        {"dram", "cycles held by a miss that memory served"},
	Near:        {"near.new", "of near: on lines that this core had not had, or had evicted itself"},
	NearTrue:    {"near.true", "of near: on lines that another core had taken, by an access to a word written since"},
	NearFalse:   {"near.false", "of near: on lines that another core had taken, by an access to a word that nobody else wrote since"},
	Far:         {"far.new", "of far: on lines that this core had not had, or had evicted itself"},
	FarTrue:     {"far.true", "of far: on lines that another core had taken, by an access to a word written since"},
	FarFalse:    {"far.false", "of far: on lines that another core had taken, by an access to a word that nobody else wrote since"},
	Remote:      {"remote.new", "of remote: on lines that this core had not had, or had evicted itself"},
	RemoteTrue:  {"remote.true", "of remote: on lines that another core had taken, by an access to a word written since"},
	RemoteFalse: {"remote.false", "of remote: on lines that another core had taken, by an access to a word that nobody else wrote since"},
	Upgrade:     {"upgrade", "cycles held waiting for write permission to a line already held"},
	StoreBuf:    {"storebuf", "cycles held by a full store buffer"},
	Drain:       {"drain", "cycles held until older stores left the store buffer"},
	Fence:       {"fence", "cycles of the intrinsic latency of fences"},
	Ordering:    {"ordering", "cycles held by the memory model although operands were ready"},
	Atomic:      {"atomic", "cycles of read-modify-writes on lines held writable"},
	AtHome:      {"home", "cycles held by an atomic op that the line's home performs: the way there, its turn, and the way back"},
	Squash:      {"squash", "cycles of refetch after a mispredict or a squash by a lost line"},
	Pause:       {"pause", "cycles in pause and spin-wait hints"},
	Schedule:    {"schedule", "cycles in schedule(), in switches between tasks and on the way out of idle"},
	Sleep:       {"sleep", "cycles in which every task of the core slept"},
	Idle:        {"idle", "cycles after the last op of the program"},
	Inflight:    {"inflight", "cycles held by a miss whose supplier was unknown when counting stopped"},
}

// causeSum is a metric that adds up some causes: parts of them, from first on.
type causeSum struct {
	first, parts Cause
	name, doc    string
}

var sums = []causeSum{
	{Near, 3, "near", "cycles held by a miss that a core behind the same L3 served"},
	{Far, 3, "far", "cycles held by a miss that a core of the same socket behind another L3 served"},
	{Remote, 3, "remote", "cycles held by a miss that a core of another socket served"},
}

// Sharing is the cause that a miss on a line that another core had taken is charged
// to, where c is Near, Far or Remote. Other causes have no such parts.
func (c Cause) Sharing(writtenByOther bool) Cause {
	switch {
	case c != Near && c != Far && c != Remote:
		return c
	case writtenByOther:
		return c + 1
	}
	return c + 2
}

// String is the end of the metric name, as in cpu.cycles.upgrade.
func (c Cause) String() string {
	if c < NumCauses {
		return causes[c].name
	}
	return "cause?"
}

// Doc says what c charges, in one line.
func (c Cause) Doc() string {
	if c < NumCauses {
		return causes[c].doc
	}
	return ""
}

// CauseCycles holds the cycles charged to each cause.
type CauseCycles [NumCauses]uint64

// Sum is the number of cycles charged.
func (c *CauseCycles) Sum() uint64 {
	var sum uint64
	for _, n := range c {
		sum += n
	}
	return sum
}
