package check

import (
	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// LockTask is one task of a lock system: a linked program and its registers at first.
type LockTask struct {
	Name    string
	Program *cpu.Program
	Regs    map[cpu.Reg]uint64 // cpu.TaskReg is its task_struct
}

// LockConfig is a system of tasks that use a lock, under a memory model.
type LockConfig struct {
	Model *cpu.Model
	Tasks []LockTask
	World *vmalock.World // tasks in the order of Tasks
	Equal int            // the first so many tasks differ in nothing but their names
	// Window bounds the ops of a task that are in flight; see MaxLockWindow.
	Window int
	// Unreduced explores every step of every task: no step that nobody else can see is
	// taken at once, and equal tasks are told apart. For tests of the reductions.
	Unreduced bool
}

// MaxLockWindow is how many ops a task may have in flight, and the default. Nothing is
// fetched behind an op that holds back every younger access, so that few programs ever
// have so many.
const MaxLockWindow = 64

// Lock is the [System] of tasks that use a lock: the micro-op programs that the cores
// run, threads of the operational memory model in weak.go, and the judge that holds
// runs to their laws. A state names its parts by number, see intern.go: shared memory,
// what the judge knows, and each task with what it alone touches.
type Lock struct {
	weak
	cfg   LockConfig
	judge *vmalock.Judge
	live  [][]uint64 // per task and op: registers that are still read, as bits
	words *lockWords
	regs  [][]uint64 // per task: registers at first, in the order of its weakProgram

	mems, ghosts *intern
	locals       []*intern      // per task; equal tasks share one
	parts        [][]lockPart   // per locals
	memTied      []bool         // per mems: names a task that has equals
	ghostTied    []bool         // per ghosts: the same
	ghostFreed   []bool         // per ghosts: some mm was freed
	cache        [][]lockCached // per task
	moves        []lockMoves    // per task
	stored       *intern        // addresses that a move stores to

	// The state that steps works on: as it was, and after a move.
	cur, next weakState
	from, ids []uint32 // numbers of its parts
	holds     []uint64
	buffers   []weakThread
	moving    []weakMove
	hiding    []weakMove
	key       []uint64

	// Of the move in progress.
	judging bool     // the judge has the state at hand
	ended   uint64   // tasks at their ends, as bits
	stores  []uint64 // addresses that it has stored to
	err     error    // the law it breaks
}

// lockCached is a task's part of a state, decoded.
type lockCached struct {
	id    uint32 // +1
	holds uint64
	priv  []uint64
	th    weakThread
}

const lockCache = 1 << 12

// newLock returns the system as far as is known which words of memory matter.
func newLock(cfg LockConfig, words *lockWords) (*Lock, error) {
	if cfg.Window == 0 {
		cfg.Window = MaxLockWindow
	}
	l := &Lock{cfg: cfg, words: words, judge: cfg.World.Judge(), mems: newIntern(), ghosts: newIntern(), stored: newIntern()}
	l.weak = newWeak(cfg.Model, words)
	l.weak.retired, l.weak.decided, l.weak.oneRound = l.retired, true, true
	words.layOut()
	for i, t := range cfg.Tasks {
		p := newWeakProgram(t.Program.Ops, cfg.Window)
		l.threads = append(l.threads, p)
		l.live = append(l.live, liveRegs(t.Program))
		regs := make([]uint64, len(p.regs))
		for j, r := range p.regs {
			regs[j] = t.Regs[r]
		}
		l.regs = append(l.regs, regs)
		l.moves = append(l.moves, lockMoves{situations: newIntern()})
		if i > 0 && i < cfg.Equal {
			l.locals = append(l.locals, l.locals[0])
		} else {
			l.locals = append(l.locals, newIntern())
		}
	}
	n := len(cfg.Tasks)
	l.parts = make([][]lockPart, n)
	l.cache = make([][]lockCached, n)
	for i := range l.cache {
		l.cache[i] = make([]lockCached, lockCache)
	}
	l.cur.th, l.next.th = make([]weakThread, n), make([]weakThread, n)
	l.from, l.ids = make([]uint32, 2+n), make([]uint32, 2+n)
	l.holds, l.buffers = make([]uint64, n), make([]weakThread, n)
	for _, t := range cfg.Tasks {
		if err := vmalock.NumberGhosts(t.Program); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// liveRegs says per op which registers are read from there on, by ops or by the judge,
// before they are written.
func liveRegs(p *cpu.Program) []uint64 {
	reg := func(r cpu.Reg) uint64 {
		if r == cpu.NoReg {
			return 0
		}
		return 1 << r
	}
	live := make([]uint64, len(p.Ops)+1)
	for changed := true; changed; {
		changed = false
		for i := len(p.Ops) - 1; i >= 0; i-- {
			op := &p.Ops[i]
			in := live[i+1]
			switch {
			case op.Code == cpu.Halt:
				in = 0
			case op.Code == cpu.Branch && op.Fn == cpu.Always:
				in = live[op.Off]
			case op.Code == cpu.Branch:
				in |= live[op.Off]
			}
			in = in&^reg(op.Dst) | reg(op.A) | reg(op.B) | reg(op.C)
			for _, g := range p.Sites[op.Site].Ghosts {
				in |= reg(g.Reg)
			}
			if in != live[i] {
				live[i], changed = in, true
			}
		}
	}
	return live
}

// vmaOf is the VMA that holds an address, 0 for none.
func (l *Lock) vmaOf(addr uint64) mem.Addr {
	for i := range l.cfg.World.VMAs {
		v := l.cfg.World.VMAs[i].Addr
		if size := uint64(l.cfg.World.Layout.Struct("vm_area_struct").Size); addr >= uint64(v) && addr < uint64(v)+size {
			return v
		}
	}
	return 0
}

// mmOf is the mm that holds an address, 0 for none.
func (l *Lock) mmOf(addr uint64) mem.Addr {
	for _, m := range l.cfg.World.MMs {
		if size := uint64(l.cfg.World.Layout.Struct("mm_struct").Size); addr >= uint64(m) && addr < uint64(m)+size {
			return m
		}
	}
	return 0
}
