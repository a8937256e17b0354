package experiment

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/config"
	"cohsim/internal/machine"
	"cohsim/internal/mem"
	"cohsim/internal/structs"
	"cohsim/vmalock"
	"cohsim/workloads"
)

// point is what the runs of one point share: none of it changes once built.
type point struct {
	cfg      *config.Config
	kind     workloads.Kind
	lock     vmalock.Kind
	isa      cpu.ISA
	layout   *mem.Layout
	place    []int
	programs []*cpu.Program // as in workloads.Plan.Programs
	plans    *plans
	of       string // planKey

	layoutDigest   string
	programDigests []string
}

// builder makes points and remembers what they have in common.
type builder struct {
	dir      string // what paths in the config are relative to
	open     func(file string) ([]byte, error)
	points   map[*config.Config]*point
	locks    map[lockKey]vmalock.Kind
	layouts  map[string]*mem.Layout
	programs map[string]*cpu.Program // by linkKey
	alike    map[string]*cpu.Program // the latest, by linkKey without parameters
	notes    *cpu.LinkNotes
	digests  map[any]string // of layouts and programs, by their pointers
	plans    plans
	problems cpu.Problems
	set      []string // what is set on the command line
	told     map[string]bool
}

type lockKey struct {
	name    string
	file    string // of a lock from a file
	options vmalock.Options
}

func newBuilder() *builder {
	return &builder{open: os.ReadFile,
		points: map[*config.Config]*point{}, locks: map[lockKey]vmalock.Kind{}, layouts: map[string]*mem.Layout{},
		programs: map[string]*cpu.Program{}, alike: map[string]*cpu.Program{}, notes: cpu.NewLinkNotes(), digests: map[any]string{}, told: map[string]bool{},
	}
}

// point builds and links a point. The error is what the user has to mend.
func (b *builder) point(cfg *config.Config) (*point, error) {
	p := &point{cfg: cfg, plans: &b.plans}
	var ok bool
	var err error
	if p.kind, ok = workloads.Find(cfg.Workload.Kind); !ok {
		return nil, fmt.Errorf("workload.kind: there is no workload %q", cfg.Workload.Kind)
	}
	if p.lock, err = b.lock(cfg.Lock.Kind, cfg.Lock.Params); err != nil {
		return nil, errors.Join(err, syntax(cfg.Workload.Params))
	}
	if p.isa, err = cpu.ParseISA(cfg.Machine.ISA); err != nil {
		return nil, fmt.Errorf("machine.isa: %w", err)
	}
	if p.layout, err = b.layout(p.lock, cfg.Layouts); err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	if p.place, err = cfg.Machine.Place(cfg.Run.Placement, cfg.Run.Cores); err != nil {
		return nil, fmt.Errorf("run.cores: %w", err)
	}
	p.of = p.planKey()
	made, err := p.plan(0)
	if err != nil {
		return nil, err
	}
	plan := made.plan
	if len(plan.Walks) > 0 && p.cfg.Machine.Directory.Entries > 0 {
		return nil, fmt.Errorf("machine.directory.entries: %s follows its pointers once before the run, which needs directories that know every line (0)", p.cfg.Workload.Kind)
	}
	var problems cpu.Problems
	for i := range plan.Programs {
		prog, err := b.link(p, plan, &plan.Programs[i])
		var ps cpu.Problems
		if errors.As(err, &ps) {
			problems = append(problems, ps...)
		} else if err != nil {
			return nil, err
		}
		p.programs = append(p.programs, prog)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if err := p.farAtomics(); err != nil {
		return nil, err
	}
	p.layoutDigest = b.digest(p.layout, func() string { return config.LayoutDigest(p.layout) })
	for _, prog := range p.programs {
		p.programDigests = append(p.programDigests, b.digest(prog, func() string { return programDigest(prog) }))
	}
	return p, nil
}

// syntax is what is wrong in a user's programs whatever lock they call.
func syntax(params any) error {
	user, ok := params.(*workloads.UserProgram)
	if !ok {
		return nil
	}
	file, text := user.Source()
	if text == nil { // it could not be read
		return nil
	}
	_, err := cpu.Parse(file, text)
	return err
}

// digest is of(), which is called once for each thing that points share.
func (b *builder) digest(thing any, of func() string) string {
	if _, ok := b.digests[thing]; !ok {
		b.digests[thing] = of()
	}
	return b.digests[thing]
}

// lock finds a lock and parses its programs, once for each kernel.
func (b *builder) lock(name string, params any) (vmalock.Kind, error) {
	key := lockKey{name: name}
	user, fromFile := params.(*vmalock.FileOptions)
	var text []byte
	if fromFile {
		key.options = user.Options
		key.file, text = user.Source()
	} else {
		key.options = *params.(*vmalock.Options)
	}
	if k, ok := b.locks[key]; ok {
		return k, nil
	}
	k, ok := vmalock.Find(name)
	switch {
	case fromFile:
		var err error
		if k, err = vmalock.ParseKind(key.file, string(text)); err != nil {
			return k, fmt.Errorf("lock.file: %w", err)
		}
	case !ok:
		return k, fmt.Errorf("lock.kind: there is no lock %q", name)
	}
	k, err := k.With(key.options).Parsed()
	if err == nil {
		b.locks[key] = k
	} else if fromFile {
		errs := apart(err)
		for i := range errs {
			errs[i] = fmt.Errorf("lock.file: %w", errs[i])
		}
		err = errors.Join(errs...)
	}
	return k, err
}

// layout lays the experiment's layouts over the lock's.
func (b *builder) layout(lock vmalock.Kind, over []config.Layout) (*mem.Layout, error) {
	key := lock.Layout
	for _, o := range over {
		key += fmt.Sprintf(" %p", o.Layout) // config reads each file once
	}
	if l := b.layouts[key]; l != nil {
		return l, nil
	}
	l, err := structs.Load(configs.FS, ".", lock.Layout)
	if err != nil {
		return nil, err
	}
	l = vmalock.Supplement(l)
	for _, o := range over {
		if l, err = mem.Overlay(l, o.Layout); err != nil {
			return nil, err
		}
	}
	b.layouts[key] = l
	return l, nil
}

// link links a main program, unless it was linked before, or one that differs in how
// long work lasts.
func (b *builder) link(p *point, plan *workloads.Plan, main *workloads.Program) (*cpu.Program, error) {
	text := p.linkKey(main)
	key := text + fmt.Sprint(main.Params)
	if prog := b.programs[key]; prog != nil {
		return prog, nil
	}
	if like := b.alike[text]; like != nil {
		if prog := like.Retimed(main.Params); prog != nil {
			b.programs[key] = prog
			return prog, nil
		}
	}
	prog, err := cpu.Link(main.Proc(), cpu.LinkOptions{ISA: p.isa, Layout: p.layout, Params: main.Params, Library: plan.Library, Notes: b.notes})
	if err != nil {
		return nil, err
	}
	if err := vmalock.NumberGhosts(prog); err != nil {
		return nil, err
	}
	b.programs[key], b.alike[text] = prog, prog
	return prog, nil
}

// farAtomics says which op the machine's homes cannot perform.
func (p *point) farAtomics() error {
	if p.cfg.Machine.Protocol.FarAtomics {
		return nil
	}
	for _, prog := range p.programs {
		for i := range prog.Ops {
			if op := &prog.Ops[i]; op.Flags&cpu.Far != 0 {
				site := &prog.Sites[op.Site]
				return fmt.Errorf("%s line %d: %s: the machine's homes perform no atomic ops: set machine.protocol.far_atomics = true, or leave .far out", site.Proc, site.Line, site.Text)
			}
		}
	}
	return nil
}

// linkKey is everything that the linked program depends on, but for its parameters.
func (p *point) linkKey(main *workloads.Program) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v %p %s %+v\n", p.isa, p.layout, p.lock.Source.File, p.lock.Options)
	if main.Main == nil {
		s.WriteString(main.Text)
		return s.String()
	}
	s.WriteString(main.Main.String())
	return s.String()
}

// setup is the machine's view of a point with a seed.
func (p *point) setup(seed int) (machine.Setup, error) {
	made, err := p.plan(uint64(seed))
	if err != nil {
		return machine.Setup{}, err
	}
	plan := made.plan
	run := &p.cfg.Run
	s := machine.Setup{
		Config: p.cfg.Machine, Place: p.place, Space: made.space, Init: made.init, Seed: uint64(seed),
		WarmupNS: float64(run.WarmupNS), MeasureNS: float64(run.MeasureNS),
		ChaosNS: float64(run.ChaosNS), LimitCycles: int64(run.LimitCycles), Reference: run.Engine == "reference",
	}
	if task := p.layout.Struct("task_struct"); task != nil {
		onCPU, _ := task.Field("on_cpu")
		flags, _ := task.Field("thread_info.flags")
		s.Task = cpu.TaskWords{OnCPU: onCPU.Offset, OnCPUBytes: onCPU.Size, Flags: flags.Offset, FlagBytes: flags.Size, NeedResched: vmalock.NeedResched}
	}
	if s.Check, err = machine.ParseCheck(run.Check); err != nil {
		return s, err
	}
	if len(plan.Ops) > 0 {
		s.StuckNS = stuckNS(run)
	}
	for _, w := range plan.Walks {
		s.Walks = append(s.Walks, machine.Walk{Thread: w.Thread, Lines: w.Lines})
	}
	if plan.Judge != nil && s.Check != machine.CheckOff {
		s.Judge = judge{plan.Judge()}
	}
	for i := range plan.Threads {
		t := &plan.Threads[i]
		prog := p.programs[t.Program]
		th := machine.Thread{Program: prog, Regs: []machine.RegValue{{Reg: cpu.TaskReg, Value: uint64(t.Task)}}}
		for k := range t.Bind {
			b := &t.Bind[k]
			// A name that the program lacks would leave a register at 0, unseen.
			reg, ok := prog.Bind[b.Name]
			if !ok {
				return s, fmt.Errorf("workload %q binds %q, which program %q does not have", p.kind.Name, b.Name, prog.Name)
			}
			th.Regs = append(th.Regs, machine.RegValue{Reg: reg, Value: b.Of(uint64(seed))})
		}
		s.Threads = append(s.Threads, th)
	}
	return s, nil
}

// stuckNS is how long no operation may end before a run counts as livelocked:
// nearly the whole of a short run, so that one in which nothing ever ends is
// caught, and no more than 10 ms beyond the warm-up, in which a workload may fill
// its caches first, of a long one. Runs that are too short to tell are not watched.
func stuckNS(run *config.Run) float64 {
	total := float64(run.WarmupNS) + float64(run.MeasureNS)
	if total < 100_000 {
		return 0
	}
	return min(0.9*total, 10e6+float64(run.WarmupNS))
}

// judge lets the machine, which knows events by number only, ask vmalock.
type judge struct{ *vmalock.Judge }

func (j judge) Observe(t int64, thread int, event int32, obj mem.Addr, old, new uint64) error {
	return j.Judge.Observe(t, thread, vmalock.Event(event), obj, old, new)
}
