package check

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// LockRequest says what [CheckLock] shall explore.
type LockRequest struct {
	Lock   vmalock.Kind
	Layout *mem.Layout // has been through vmalock.Supplement
	Model  *cpu.Model
	ISA    cpu.ISA

	Readers, Writers, Detachers int
	Rounds                      int    // of readers and writers; 0 is 1
	Scenario                    string // see lockScenarios; "" is how the lock has its VMAs freed
	Mutant                      *vmalock.Mutant
	FullMmapLock                bool // run mmap_lock's own programs, not an atomic lock
	Unreduced                   bool // see LockConfig
	MaxStates                   int
	Window                      int
	Progress                    func(states, transitions int64)
}

// LockReport is the outcome of a check. Everything but Host is the same on any host.
type LockReport struct {
	Lock        string `json:"lock"`
	Mutant      string `json:"mutant,omitempty"`
	Model       string `json:"model"`
	ISA         string `json:"isa"`
	Scenario    string `json:"scenario"`
	Readers     int    `json:"readers"`
	Writers     int    `json:"writers"`
	Detachers   int    `json:"detachers"`
	Rounds      int    `json:"rounds"`
	States      int64  `json:"states"`
	Transitions int64  `json:"transitions"`
	Depth       int    `json:"depth"`
	Law         string `json:"law,omitempty"`
	Detail      string `json:"detail,omitempty"`
	Path        []Step `json:"path,omitempty"` // shortest way to the broken law

	Timeline string `json:"-"` // the path as text
	Host     Host   `json:"-"`
}

// CheckLock explores everything that tasks can do with a lock. The error says what
// cannot be explored; broken laws are in the report.
func CheckLock(req LockRequest) (*LockReport, error) {
	if req.Rounds == 0 {
		req.Rounds = 1
	}
	if req.Scenario == "" {
		req.Scenario = "reuse"
		if req.Lock.Grace {
			req.Scenario = "grace"
		}
	}
	cfg, err := lockSystem(&req)
	if err != nil {
		return nil, err
	}
	rep := &LockReport{Lock: req.Lock.Name, Model: req.Model.Name, ISA: req.ISA.String(), Scenario: req.Scenario,
		Readers: req.Readers, Writers: req.Writers, Detachers: req.Detachers, Rounds: req.Rounds}
	if req.Mutant != nil {
		rep.Mutant = req.Mutant.Name
	}
	words := newLockWords(cfg.World, cfg.Equal)
	cfg.Equal = words.equal
	if err := lockLearn(cfg, words); err != nil {
		return nil, err
	}
	for {
		sys, err := newLock(cfg, words)
		if err != nil {
			return nil, err
		}
		r, err := Explore(sys, Options{MaxStates: req.MaxStates, Progress: req.Progress})
		rep.Host.Search += r.SearchTime
		rep.Host.Liveness += r.LiveTime
		rep.Host.Bytes = max(rep.Host.Bytes, r.Bytes+sys.bytes())
		if words.news {
			continue
		}
		if words.clash != "" {
			return nil, fmt.Errorf("%s: error: its programs access one word in two widths, which a check cannot follow: %s", req.Lock.Source.File, words.clash)
		}
		if err != nil {
			return nil, err
		}
		rep.States, rep.Transitions, rep.Depth = r.States, r.Transitions, r.Depth
		if v := r.Violation; v != nil {
			rep.Law, rep.Detail, rep.Path = v.Law, v.Detail, v.Path
			sys.explain(rep, v)
			rep.Timeline = sys.Timeline(v.Path)
		}
		return rep, nil
	}
}

// lockLearn finds out most of what is worth knowing of the memory before the exploration
// begins, which would have to start over with every news: by random walks, and where
// accesses are reordered by the far smaller exploration of what happens when they are
// not, as far as that is small.
func lockLearn(cfg LockConfig, words *lockWords) error {
	reordered := cfg.Model != cpu.SC
	cfg.Model = cpu.SC // what happens under it happens under every model
	sys, err := newLock(cfg, words)
	if err != nil {
		return err
	}
	mix := cpu.Op{Code: cpu.ALU, Fn: cpu.Mix}
	const walks, length = 200, 5000
	rnd := uint64(1)
	for range walks {
		b := &Batch{words: sys.Words()}
		sys.Initial(b)
		k := slices.Clone(b.State(0))
		for range length {
			b.reset()
			// A law that breaks here breaks again when everything is explored.
			if err := sys.Next(k, b); err != nil && err != errNews || b.Len() == 0 {
				break
			}
			rnd = mix.Eval(rnd, 0)
			copy(k, b.State(int(rnd%uint64(b.Len()))))
		}
		if words.news {
			if sys, err = newLock(cfg, words); err != nil {
				return err
			}
		}
	}
	const small = 100_000
	for reordered {
		// Neither broken laws nor too many states matter here.
		_, _ = Explore(sys, Options{MaxStates: small, NoLiveness: true})
		if !words.news {
			break
		}
		if sys, err = newLock(cfg, words); err != nil {
			return err
		}
	}
	return nil
}

// lockSystem places the objects and links the tasks' programs.
func lockSystem(req *LockRequest) (LockConfig, error) {
	cfg := LockConfig{Model: req.Model, Equal: req.Readers, Window: req.Window, Unreduced: req.Unreduced}
	sc := scenario(req.Scenario)
	lock := req.Lock
	o := lock.Options
	o.RCUGrace = 0 // no time passes here
	if sc.seqBits > 0 {
		o.SeqBits = sc.seqBits
	}
	lock = lock.With(o)
	if req.Mutant != nil {
		var err error
		if lock, err = lock.Edited(req.Mutant.Edits...); err != nil {
			return cfg, err
		}
	}
	procs, err := lock.Programs()
	if err != nil {
		return cfg, err
	}
	mains, atomic := vmalock.Tasks()
	for i, p := range procs {
		ofTree := p.Name == "mas_walk" || p.Name == "rcu_read_lock" || p.Name == "rcu_read_unlock"
		if ofTree && sc.tree || !ofTree && req.FullMmapLock {
			continue
		}
		if j := slices.IndexFunc(atomic, func(a *cpu.Proc) bool { return a.Name == p.Name }); j >= 0 {
			procs[i] = atomic[j]
		}
	}
	lib := cpu.LibraryOf(procs...)
	w := vmalock.NewWorld(req.Layout, mem.NewSpace(req.Layout))
	w.SeqBits = lock.Options.SeqBits
	const start, end = 0x10000, 0x20000
	mm := w.AddMM()
	other := w.AddMM()
	vma := w.AddVMA(mm, start, end, true)
	if sc.tree {
		w.AddFullLeaf(mm, vma, end)
	} else {
		w.Set(mm, "mm_struct", "mm_mt.ma_root", uint64(vma))
	}
	w.Set(vma, "vm_area_struct", "anon_vma", 0)
	add := func(n int, name, main string, params map[string]int64, regs map[string]uint64) error {
		i := slices.IndexFunc(mains, func(p *cpu.Proc) bool { return p.Name == main })
		prog, err := cpu.Link(mains[i], cpu.LinkOptions{ISA: req.ISA, Layout: req.Layout, Library: lib, Params: params})
		if err != nil {
			return err
		}
		for k := range n {
			t := LockTask{Name: name, Program: prog, Regs: map[cpu.Reg]uint64{cpu.TaskReg: uint64(w.AddTask())}}
			if n > 1 {
				t.Name += fmt.Sprint(k)
			}
			for name, v := range regs {
				if r, ok := prog.Bind[name]; ok {
					t.Regs[r] = v
				}
			}
			if r, ok := prog.Bind["value"]; ok {
				t.Regs[r] = uint64(len(cfg.Tasks))
			}
			cfg.Tasks = append(cfg.Tasks, t)
		}
		return nil
	}
	next := uint64(start)
	if sc.sameMM {
		other, next = mm, end
	}
	regs := map[string]uint64{"mm": uint64(mm), "mapped": uint64(vma), "other": uint64(other), "addr": start + 0x1000, "start": next, "rounds": uint64(req.Rounds)}
	for _, t := range []struct {
		n          int
		name, main string
	}{{req.Readers, "reader", sc.reader}, {req.Writers, "writer", sc.writer}, {req.Detachers, "detacher", sc.detacher}} {
		if t.n > 0 {
			if err := add(t.n, t.name, t.main, sc.params, regs); err != nil {
				return cfg, err
			}
			regs["victim"] = cfg.Tasks[len(cfg.Tasks)-1].Regs[cpu.TaskReg] // of who comes next
		}
	}
	if sc.tree {
		w.AddSpareNodes(1)
	}
	cfg.World = w
	return cfg, w.Finish()
}

// explain words a violation that concerns no single step.
func (l *Lock) explain(rep *LockReport, v *Violation) {
	if v.Law != "deadlock" && v.Law != "liveness" {
		return
	}
	where, asleep, running := l.where(v.End)
	switch {
	case v.Law == "liveness":
		rep.Law, rep.Detail = "livelock", "from here on the tasks cannot all come to an end"
	case running:
		rep.Law, rep.Detail = "livelock", "whatever a task does, nothing changes any more"
	case asleep:
		rep.Law, rep.Detail = "I5", "a wake-up is lost: nobody is left who could wake the sleeper"
	default:
		rep.Law, rep.Detail = "deadlock", "nobody can go on"
	}
	rep.Detail += "; " + strings.Join(where, "; ")
}

// bytes is the memory held beside the explorer's.
func (l *Lock) bytes() int64 {
	n := l.mems.bytes() + l.ghosts.bytes() + l.stored.bytes()
	for i := range l.moves {
		n += l.moves[i].bytes()
	}
	for i, in := range l.locals {
		if i == 0 || i >= l.cfg.Equal {
			n += in.bytes()
		}
	}
	return n
}
