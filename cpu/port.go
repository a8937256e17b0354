package cpu

import "cohsim/internal/stats"

// Result is a port's answer to an access.
type Result uint8

const (
	Done    Result = iota // done
	Pending               // on its way: Core.LineReady follows for that line
	Busy                  // no MSHR free: Core.MSHRFree follows
	Fault                 // no such memory: harmless on a wrong path, an error when it retires
)

// Port is a core's way to memory. Times are core cycles; a call at cycle t
// sees every effect of the rest of the machine before t and none after.
type Port interface {
	// Load reads an aligned word of 4 or 8 bytes if the line is readable; lat
	// is the load-to-use latency of the hit and level what to charge it to.
	Load(addr uint64, bytes int, t int64) (val uint64, lat int64, level stats.Cause, r Result)

	// Arrived is Load for the access that the line was brought for, at the cycle in
	// which it came; ok is false, and nothing happened, if it must be asked again.
	Arrived(addr uint64, bytes int, t int64) (val uint64, ok bool)

	// Store writes if the line is writable, and otherwise asks for ownership.
	Store(addr uint64, bytes int, val uint64, t int64) Result

	// PlainLoad is Load for a hit in the L1 on a line that no core contends for,
	// if its latency is below most; ok is false, and nothing happened, otherwise.
	PlainLoad(addr uint64, bytes int, most int64) (val uint64, lat int64, ok bool)

	// PlainStore is Store for such a hit on a line that is modified already.
	PlainStore(addr uint64, bytes int, val uint64) bool

	// HitLoad is what PlainLoad would read, and HitStore whether PlainStore would write;
	// neither leaves a trace. UseHit and WriteHit make such a load and store, but for
	// counting them.
	HitLoad(addr uint64, bytes int) (val uint64, hit Hit, ok bool)
	HitStore(addr uint64) (hit Hit, ok bool)
	UseHit(hit Hit)
	WriteHit(hit Hit, addr uint64, bytes int, val uint64)

	// Quiet reports whether an RMW of the word would hit, and whether nobody but
	// the rest of the machine, by a message, would notice it.
	Quiet(addr uint64) bool

	// Own asks for the line writable: Done if it is. A demand is for an op that
	// must perform next; otherwise it is a prefetch, which may be refused.
	Own(addr uint64, t int64, demand bool) Result

	// Prefetch asks for the line readable and may be refused.
	Prefetch(addr uint64, t int64)

	// Modify performs a locked op on a line that is writable: it reads the old value
	// and writes what op makes of that, b and expected, if anything. With unlock it is
	// an Unlock too.
	Modify(op *Op, addr, b, expected uint64, t int64, unlock bool) (old uint64, wrote bool)

	// Poke writes a word of a line that is writable, after a Peek of it: together they
	// are one access.
	Poke(addr uint64, bytes int, val uint64, t int64)

	// Peek reads a word of a line that is writable.
	Peek(addr uint64, bytes int, t int64) uint64

	// Handover is the cycle from which the thread may use a line that a sibling
	// thread of its core wrote last; 0 if it is nobody else's.
	Handover(addr uint64) int64

	// Lock keeps a writable line in the cache until Unlock: a locked op is in
	// the middle of its latency.
	Lock(addr uint64)
	Unlock(addr uint64, t int64)

	// Far sends an RMW with its operands to the line's home, which performs it:
	// Pending, and Core.FarDone follows; Busy while another thread's of these caches
	// is on its way, and Core.MSHRFree follows.
	Far(op *Op, addr, b, expected uint64, t int64) Result

	// Ghost reports, when the op at site retires, that it performed at cycle t:
	// the ghosts of the site with the registers as of that op, and for a memory
	// access the old and new value. Calls come in program order, except that a
	// store's comes when it leaves the store buffer.
	Ghost(g *GhostRecord)

	// Stalled reports that the access of op pc to addr held the core's oldest
	// op for some cycles because of cause.
	Stalled(addr uint64, pc int32, cycles int64, cause stats.Cause)
}

// Hit is where a port found a line, until anything about the line changes.
type Hit struct{ Frame, Way int32 }

// GhostRecord is what an annotated op did.
type GhostRecord struct {
	At       int64
	Thread   int32
	Site     int32
	Addr     uint64    // accessed address, 0 if none
	Old, New uint64    // value before and after
	Objects  [2]uint64 // values of the registers that the site's first two ghosts name
}

// BadAccess is the panic of an op that retires although the memory it accesses
// does not exist, or although its address is no multiple of its width: a fault
// of the program. On a wrong path neither matters.
type BadAccess struct {
	Addr   uint64
	Bytes  int
	Thread int
	PC     int32
}

// Unaligned reports whether an access of that width at addr would be split.
func Unaligned(addr uint64, bytes int) bool { return addr&uint64(bytes-1) != 0 }

func (c *Core) bad(e *entry) BadAccess { return BadAccess{e.addr, e.op.Bytes(), c.id, e.pc} }
