package interp

import (
	"fmt"

	"cohsim/cpu"
	"cohsim/internal/mem"
)

// StepNS is how far the clock moves with every op: far, so that waits with a limit
// reach it soon.
const StepNS = 100

// Machine is a number of threads on one memory.
type Machine struct {
	Threads []*Thread
	Steps   int64 // ops run so far, the time of events

	mem map[mem.Addr]uint32 // by 4-byte words, looked up only

	// Hooks, each may be nil.
	OnAccess func(a Access)
	OnMark   func(thread int, fn cpu.Fn, name string) // fn: Begin, End or Count
	OnGhost  func(g Ghost) error
}

// Thread is one thread's state.
type Thread struct {
	Prog   *cpu.Program
	PC     int
	Regs   [cpu.NumRegs]uint64
	Halted bool

	monitor  mem.Addr // address of the last load-linked, while it holds
	reserved bool
}

// Access is one access to memory.
type Access struct {
	Thread   int
	Op       *cpu.Op
	Site     *cpu.Site
	Addr     mem.Addr
	Old, New uint64
	Wrote    bool
}

// Ghost is one ghost event.
type Ghost struct {
	At       int64
	Thread   int
	Event    string
	Object   mem.Addr
	Old, New uint64
}

// Status says what became of a step.
type Status uint8

const (
	Ran     Status = iota
	Blocked        // a wait's condition does not hold
	Halted
)

// New returns a machine without threads.
func New() *Machine { return &Machine{mem: map[mem.Addr]uint32{}} }

// Add starts a thread with registers bound by name, and task in the task register.
func (m *Machine) Add(p *cpu.Program, task mem.Addr, bind map[string]uint64) (*Thread, error) {
	t := &Thread{Prog: p}
	t.Regs[cpu.TaskReg] = uint64(task)
	for name, v := range bind {
		r, ok := p.Bind[name]
		if !ok {
			return nil, fmt.Errorf("program %s has no role or input %q", p.Name, name)
		}
		t.Regs[r] = v
	}
	m.Threads = append(m.Threads, t)
	return t, nil
}

// Read is the value of an aligned word of 4 or 8 bytes.
func (m *Machine) Read(a mem.Addr, bytes int) uint64 {
	v := uint64(m.mem[a])
	if bytes == 8 {
		v |= uint64(m.mem[a+4]) << 32
	}
	return v
}

// Write sets an aligned word of 4 or 8 bytes.
func (m *Machine) Write(a mem.Addr, bytes int, v uint64) {
	m.mem[a] = uint32(v)
	if bytes == 8 {
		m.mem[a+4] = uint32(v >> 32)
	}
}

// Step runs the next op of thread i.
func (m *Machine) Step(i int) (Status, error) {
	t := m.Threads[i]
	if t.Halted {
		return Halted, nil
	}
	op := &t.Prog.Ops[t.PC]
	site := &t.Prog.Sites[op.Site]
	b := uint64(op.Imm)
	if op.B != cpu.NoReg {
		b = t.Regs[op.B]
	}
	next := t.PC + 1
	acc := Access{Thread: i, Op: op, Site: site}
	happened := true // what the site's ghosts are about
	if op.IsMem() {
		acc.Addr = mem.Addr(t.reg(op.A) + uint64(int64(op.Off)))
		if acc.Addr < mem.PageBytes || int(acc.Addr)%op.Bytes() != 0 {
			return Ran, fmt.Errorf("thread %d: %s at %s:%d accesses %#x", i, site.Text, site.Proc, site.Line, uint64(acc.Addr))
		}
		acc.Old = m.Read(acc.Addr, op.Bytes())
		acc.New = acc.Old
	}
	switch op.Code {
	case cpu.Load:
		t.set(op.Dst, acc.Old)
	case cpu.LoadExcl:
		t.set(op.Dst, acc.Old)
		t.monitor, t.reserved = acc.Addr, true
	case cpu.Store:
		acc.New, acc.Wrote = op.Truncate(b), true
	case cpu.StoreExcl:
		happened = t.reserved && t.monitor == acc.Addr
		t.reserved = false
		if happened {
			acc.New, acc.Wrote = op.Truncate(b), true
			t.set(op.Dst, 0)
		} else {
			t.set(op.Dst, 1)
		}
	case cpu.RMW:
		acc.New, acc.Wrote = op.Modify(acc.Old, b, t.reg(op.C))
		if !acc.Wrote {
			acc.New, happened = acc.Old, false
		}
		t.set(op.Dst, acc.Old)
	case cpu.Wait:
		if !op.Taken(acc.Old, b) {
			return Blocked, nil
		}
		t.set(op.Dst, acc.Old)
	case cpu.ALU:
		if op.Fn == cpu.Work {
			t.set(op.Dst, 0)
		} else {
			t.set(op.Dst, op.Eval(t.reg(op.A), b))
			if op.Fn == cpu.Clock {
				t.set(op.Dst, uint64(m.Steps)*StepNS)
			}
		}
	case cpu.Branch:
		if op.Taken(t.reg(op.A), b) {
			next = int(op.Off)
		}
	case cpu.Mark:
		if m.OnMark != nil && site.Region >= 0 {
			m.OnMark(i, op.Fn, t.Prog.Regions[site.Region])
		}
	case cpu.Halt:
		t.Halted = true
	}
	m.Steps++
	if op.IsMem() {
		if acc.Wrote {
			m.Write(acc.Addr, op.Bytes(), acc.New)
			m.loseMonitors(i, acc.Addr)
		}
		if m.OnAccess != nil {
			m.OnAccess(acc)
		}
	}
	t.PC = next
	if happened && m.OnGhost != nil {
		for _, g := range site.Ghosts {
			if err := m.OnGhost(Ghost{m.Steps, i, g.Event, mem.Addr(t.reg(g.Reg)), acc.Old, acc.New}); err != nil {
				return Ran, err
			}
		}
	}
	return Ran, nil
}

func (t *Thread) reg(r cpu.Reg) uint64 {
	if r == cpu.NoReg {
		return 0
	}
	return t.Regs[r]
}

func (t *Thread) set(r cpu.Reg, v uint64) {
	if r != cpu.NoReg {
		t.Regs[r] = v
	}
}

// loseMonitors clears every other thread's monitor on the line of a.
func (m *Machine) loseMonitors(writer int, a mem.Addr) {
	for i, t := range m.Threads {
		if i != writer && t.reserved && t.monitor.Line() == a.Line() {
			t.reserved = false
		}
	}
}

// RunAll steps the threads in turn until all have halted, or until limit ops
// have run, or until every thread that has not halted is blocked: an error.
func (m *Machine) RunAll(limit int64) error {
	for m.Steps < limit {
		progress, live := false, false
		for i := range m.Threads {
			s, err := m.Step(i)
			if err != nil {
				return err
			}
			progress = progress || s == Ran
			live = live || s != Halted
		}
		if !live {
			return nil
		}
		if !progress {
			return m.stuck("every thread that has not halted waits")
		}
	}
	return m.stuck(fmt.Sprintf("not finished after %d ops", limit))
}

func (m *Machine) stuck(why string) error {
	for i, t := range m.Threads {
		if !t.Halted {
			s := t.Prog.Sites[t.Prog.Ops[t.PC].Site]
			why += fmt.Sprintf("; thread %d at %s:%d %q", i, s.Proc, s.Line, s.Text)
		}
	}
	return fmt.Errorf("interp: %s", why)
}
