package check

import (
	"slices"

	"cohsim/cpu"
)

// weak is the operational memory model that litmus tests and lock programs share. What
// may be reordered is the table of a [cpu.Model], the one that the timed core obeys; what
// the table does not hold (dependencies, same-address order, atomicity) is in
// weak_view.go, as rules that all models share. weak_step.go is what can happen.
//
// Memory is one copy: a store is visible to all other threads at once. A thread is its
// retired registers and a window of ops, of which loads and stores may perform in any
// order that the model allows; a read-modify-write performs in two halves. A store that
// waits in the window is what a store buffer holds. A guess that proves wrong ends its
// path; another path guessed right. So a state without a step need not be a deadlock.
type weak struct {
	model   *cpu.Model
	threads []weakProgram
	guesses bool         // fetch past unresolved branches
	seals   cpu.ClassSet // classes that hold every younger access back
	memory  weakMemory

	// decided makes a compare-and-swap read only once it knows what to compare with, and
	// what uses the status of a store-conditional wait for its store, as in cores. The
	// models know no such order.
	decided bool
	// oneRound keeps a thread from fetching an op that it has in flight already: it does
	// not guess its way into another round of a loop.
	oneRound bool

	// retired is told of every op that leaves a window, in program order; may be nil.
	retired func(s *weakState, thread int, e *inflight, v *view)
}

// weakMemory finds the words of memory in a state; ok is false for an address that is no
// word, which only a wrong path asks for.
type weakMemory interface {
	load(mem []uint64, addr uint64) (val uint64, ok bool)
	store(mem []uint64, addr, val uint64) (ok bool)
}

// weakProgram is a thread with what never changes precomputed.
type weakProgram struct {
	ops    []cpu.Op
	text   []string
	regs   []cpu.Reg // in use
	index  [256]int8 // register -> position in regs
	window int
	at     int // first word of the thread in a state
}

func newWeak(m *cpu.Model, memory weakMemory) weak {
	w := weak{model: m, memory: memory, guesses: !m.MustPrecede(cpu.Ld, cpu.Ld)}
	for c := range cpu.FISB + 1 {
		all := true
		for younger := range cpu.FSY {
			all = all && m.MustPrecede(c, younger)
		}
		if all {
			w.seals |= 1 << c
		}
	}
	return w
}

func newWeakProgram(ops []cpu.Op, window int, observed ...cpu.Reg) weakProgram {
	p := weakProgram{ops: ops, window: window, regs: slices.Clone(observed)}
	for i := range ops {
		p.regs = append(p.regs, ops[i].Dst, ops[i].A, ops[i].B, ops[i].C)
	}
	slices.Sort(p.regs)
	p.regs = slices.Compact(p.regs)
	if n := len(p.regs); n > 0 && p.regs[n-1] == cpu.NoReg {
		p.regs = p.regs[:n-1]
	}
	for i, r := range p.regs {
		p.index[r] = int8(i)
	}
	return p
}

type weakState struct {
	mem []uint64
	th  []weakThread
}

type weakThread struct {
	pc      int // next op to fetch; blocked: the youngest op decides
	monitor monitor
	regs    []uint64
	win     []inflight
	views   []view // what win means; see weak_view.go
	sealed  bool   // an op in flight holds back every younger access: nothing is fetched
}

const blocked = 0xffff

// monitor is what a load-linked that has left the window left behind.
type monitor struct {
	addr               uint64
	armed, stale, void bool
}

// inflight is an op in the window.
type inflight struct {
	pc    int
	val   uint64 // what the load half read
	fwd   int    // the op that its value came from; -1 is memory
	rdone bool   // the load half has performed
	wdone bool   // the store half has performed
	stale bool   // another thread has since stored to where the load half read
	void  bool   // load-linked: its own thread stored there since, so it cannot fail for others' stores
	freed bool   // the load half read an object that was freed
	told  bool   // the judge knows of the atomic
	guess uint8  // branch and store-conditional
}

const (
	guessNone uint8 = iota
	guessYes        // taken; success
	guessNo
)
