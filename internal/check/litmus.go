package check

import (
	"fmt"
	"slices"

	"cohsim/cpu"
)

// LitmusThread is one thread of a litmus test: a program without calls, and the
// registers that are not 0 at first.
type LitmusThread struct {
	Ops  []cpu.Op
	Regs map[cpu.Reg]uint64
	Text []string // the instruction that each op belongs to, for paths; may be nil
}

// LitmusConfig is a system of threads over a few words of memory under a memory model.
type LitmusConfig struct {
	Model   *cpu.Model
	Threads []LitmusThread
	Addr    []uint64 // of each word of memory
	Init    []uint64 // its first value
	Names   []string // its name, for paths; may be nil

	// Window bounds the ops in flight of a thread that jumps backward; any other
	// thread may have all of its ops in flight. 0 is DefaultWindow.
	Window int

	// Observe lists what an outcome consists of.
	Observe []Observed
	// Forbidden, if not nil, says that an outcome breaks a law: the exploration ends
	// with a shortest path to it.
	Forbidden func(outcome []uint64) bool
}

// DefaultWindow is enough to find a lock without acquire or release, and cheap.
const DefaultWindow = 8

// Observed is a register of a thread or, with Thread < 0, a word of memory.
type Observed struct {
	Thread int
	Reg    cpu.Reg
	Word   int
}

// Litmus is the [System] of a litmus test: threads of the operational memory model in
// weak.go over a few words. A state without a step is no deadlock; it leads to one state
// that means "a guess was wrong".
type Litmus struct {
	weak
	cfg      LitmusConfig
	words    int
	outcomes map[string][]uint64
	scratch  weakState // what the steps of a state work on
}

// NewLitmus returns the system, or an error if an op makes no sense in it.
func NewLitmus(cfg LitmusConfig) (*Litmus, error) {
	l := &Litmus{cfg: cfg, outcomes: map[string][]uint64{}}
	l.weak = newWeak(cfg.Model, litmusMemory(cfg.Addr))
	l.words = len(cfg.Addr)
	if cfg.Window == 0 {
		cfg.Window = DefaultWindow
	}
	for t, th := range cfg.Threads {
		window := len(th.Ops)
		for i := range th.Ops {
			op := &th.Ops[i]
			if op.Code != cpu.Branch {
				continue
			}
			if op.Off < 0 || int(op.Off) > len(th.Ops) {
				return nil, fmt.Errorf("thread %d: a branch to nowhere", t)
			}
			if int(op.Off) <= i {
				window = min(cfg.Window, maxWindow)
			}
		}
		if window > maxWindow {
			return nil, fmt.Errorf("thread %d has %d ops; a litmus test has up to %d", t, len(th.Ops), maxWindow)
		}
		var observed []cpu.Reg
		for _, o := range cfg.Observe {
			if o.Thread == t {
				observed = append(observed, o.Reg)
			}
		}
		p := newWeakProgram(th.Ops, max(1, window), observed...)
		p.text, p.at = th.Text, l.words
		l.threads = append(l.threads, p)
		l.words += 2 + len(p.regs) + 2*p.window
	}
	return l, nil
}

const maxWindow = 100

// Outcomes returns the distinct outcomes of the states explored so far, in no
// particular order. Values stand in the order of Observe.
func (l *Litmus) Outcomes() [][]uint64 {
	var out [][]uint64
	for _, o := range l.outcomes {
		out = append(out, o)
	}
	return out
}

// A state in words: memory; per thread: fetch position and number of ops in flight;
// the retired monitor; registers; two words per op in flight.

func bit(b bool, at uint) uint64 {
	if b {
		return 1 << at
	}
	return 0
}

func (l *Litmus) encode(s *weakState, k []uint64) {
	clear(k)
	copy(k, s.mem)
	for i := range s.th {
		t := &s.th[i]
		w := k[l.threads[i].at:]
		w[0] = uint64(t.pc) | uint64(len(t.win))<<16
		m := t.monitor
		w[1] = m.addr<<3 | bit(m.armed, 0) | bit(m.stale, 1) | bit(m.void, 2)
		w = w[2:]
		w = w[copy(w, t.regs):]
		for j := range t.win {
			e := &t.win[j]
			w[2*j] = e.val
			w[2*j+1] = uint64(e.pc) | uint64(e.fwd+1)<<16 | bit(e.rdone, 32) | bit(e.wdone, 33) | bit(e.stale, 34) | bit(e.void, 35) | uint64(e.guess)<<36
		}
	}
}

func (l *Litmus) decode(k []uint64, s *weakState) {
	s.mem = append(s.mem[:0], k[:len(l.cfg.Addr)]...)
	if s.th == nil {
		s.th = make([]weakThread, len(l.threads))
	}
	for i := range s.th {
		t, p := &s.th[i], &l.threads[i]
		w := k[p.at:]
		t.pc = int(w[0] & 0xffff)
		n := int(w[0] >> 16)
		t.monitor = monitor{addr: w[1] >> 3, armed: w[1]&1 != 0, stale: w[1]&2 != 0, void: w[1]&4 != 0}
		w = w[2:]
		t.regs = append(t.regs[:0], w[:len(p.regs)]...)
		w = w[len(p.regs):]
		t.win = t.win[:0]
		for j := range n {
			b := w[2*j+1]
			t.win = append(t.win, inflight{pc: int(b & 0xffff), val: w[2*j], fwd: int(b>>16&0xffff) - 1,
				rdone: b>>32&1 != 0, wdone: b>>33&1 != 0, stale: b>>34&1 != 0, void: b>>35&1 != 0, guess: uint8(b >> 36)})
		}
	}
}

// Words implements [System].
func (l *Litmus) Words() int { return l.words }

// Initial implements [System].
func (l *Litmus) Initial(b *Batch) {
	s := weakState{mem: slices.Clone(l.cfg.Init), th: make([]weakThread, len(l.threads))}
	for i := range s.th {
		p := &l.threads[i]
		s.th[i].regs = make([]uint64, len(p.regs))
		for j, r := range p.regs {
			s.th[i].regs[j] = l.cfg.Threads[i].Regs[r]
		}
		l.settle(&s, i)
	}
	l.encode(&s, b.Copy(make([]uint64, l.words)))
}

// Canon implements [System]: threads differ, so there is no symmetry.
func (l *Litmus) Canon([]uint64) {}

// final says that every thread is at its end.
func (l *Litmus) final(k []uint64) bool {
	for i := range l.threads {
		if k[l.threads[i].at] != uint64(len(l.threads[i].ops)) {
			return false
		}
	}
	return true
}

// dead is the state behind a wrong guess.
func (l *Litmus) dead(k []uint64) bool { return k[l.threads[0].at] == ^uint64(0) }

// Goal implements [System].
func (l *Litmus) Goal(k []uint64) bool { return l.dead(k) || l.final(k) }

// Check implements [System]: it notes the outcome of a final state.
func (l *Litmus) Check(k []uint64) error {
	if l.dead(k) || !l.final(k) {
		return nil
	}
	out := make([]uint64, len(l.cfg.Observe))
	key := make([]byte, 0, 8*len(out))
	for i, o := range l.cfg.Observe {
		if o.Thread < 0 {
			out[i] = k[o.Word]
		} else {
			p := &l.threads[o.Thread]
			out[i] = k[p.at+2+int(p.index[o.Reg])]
		}
		for sh := 0; sh < 64; sh += 8 {
			key = append(key, byte(out[i]>>sh))
		}
	}
	l.outcomes[string(key)] = out
	if l.cfg.Forbidden != nil && l.cfg.Forbidden(out) {
		return &Broken{Law: "forbidden outcome"}
	}
	return nil
}
