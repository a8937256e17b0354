package workloads

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// UserProgram are the parameters of program.
type UserProgram struct {
	File    string           `toml:"file" required:"yes" dump:"-" doc:"text of the programs, a .uop file; a path relative to the config file"`
	Main    string           `toml:"main" doc:"the program that every thread runs; empty takes the file's last"`
	Private []string         `toml:"private" doc:"roles and inputs of which every thread has an object of its own; all others are shared"`
	Values  map[string]int64 `toml:"values" doc:"values of the program's params, and of inputs that are numbers"`

	text []byte
}

// Source is where the programs are and what they say: results depend on the
// text, not on where it lies.
func (p *UserProgram) Source() (file string, text []byte) { return p.File, p.text }

// SetSource gives the parameters their text, which this package does not read
// itself, and the path under which it was found.
func (p *UserProgram) SetSource(file string, text []byte) { p.File, p.text = file, text }

// UserProgramKind runs what a user wrote.
//
// The roles of the main program are objects of their structs: one for all threads,
// or one for each where the role is private. Roles of mm_struct and vm_area_struct
// are one unlocked mm and attached VMAs of it, in a tree, so that the programs of
// lock.kind can be called on them. Of the inputs, thread is the thread's number,
// threads their count, rnd the seed of a random stream; those in values have that
// value, and any other is the address of a line of its own, shared or private.
var UserProgramKind = define(Kind{
	Name:   "program",
	Doc:    "every thread runs a program of yours, from a .uop file",
	Locks:  true,
	Params: func() any { return &UserProgram{} },
	Build: func(env *Env, params any) (*Plan, error) {
		p := params.(*UserProgram)
		main, library, err := p.parse(env)
		if err != nil {
			return nil, err
		}
		if err := p.check(main); err != nil {
			return nil, err
		}
		u := &userWorld{World: newWorld(env), p: p, shared: map[string]uint64{}}
		plan := plan(env, u.World, marks(main, library)...)
		plan.Library = cpu.LibraryOf(library...)
		plan.Programs = []Program{{Main: main, Params: p.Values}}
		for i := range plan.Threads {
			t := &plan.Threads[i]
			for _, r := range main.Roles {
				t.bind(r.Name, u.object(r.Name, i, func(name string) mem.Addr { return u.instance(r.Struct, name) }))
			}
			for _, in := range main.Ins {
				u.bindInput(env, t, in, i)
			}
		}
		if u.mm != 0 {
			u.AddTree(u.mm, 1)
			plan.Judge = u.Judge
		}
		return plan.finish(u.World)
	},
})

// parse finds the main program, and everything that it may call: what stands in
// the file, then the lock's programs.
func (p *UserProgram) parse(env *Env) (*cpu.Proc, []*cpu.Proc, error) {
	procs, err := env.Lock.Parse(vmalock.Source{File: p.File, Text: string(p.text)})
	if err != nil {
		return nil, nil, err
	}
	if len(procs) == 0 {
		return nil, nil, errors.New("workload.file: there is no program in " + p.File)
	}
	main := procs[len(procs)-1]
	if p.Main != "" {
		i := slices.IndexFunc(procs, func(q *cpu.Proc) bool { return q.Name == p.Main })
		if i < 0 {
			var names []string
			for _, q := range procs {
				names = append(names, q.Name)
			}
			return nil, nil, fmt.Errorf("workload.main: there is no program %q in %s; there are %s", p.Main, p.File, strings.Join(names, ", "))
		}
		main = procs[i]
	}
	lock, err := env.Lock.Programs()
	return main, append(procs, lock...), err
}

// check finds every name that the main program does not have.
func (p *UserProgram) check(main *cpu.Proc) error {
	var errs []error
	inputs := slices.Clone(main.Ins)
	for _, r := range main.Roles {
		inputs = append(inputs, r.Name)
	}
	for _, in := range main.Ins {
		if in == "mm" || in == "vma" || in == "waiter" {
			errs = append(errs, fmt.Errorf("workload.file: the input %q of program %q has the name of objects that are placed anyway; rename it", in, main.Name))
		}
	}
	for _, name := range p.Private {
		if !slices.Contains(inputs, name) {
			errs = append(errs, fmt.Errorf("workload.private: program %q has no role and no input %q; it has %s", main.Name, name, strings.Join(inputs, ", ")))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		if !slices.Contains(main.Params, name) && !slices.Contains(main.Ins, name) {
			errs = append(errs, fmt.Errorf("workload.values: program %q has no param and no input %q", main.Name, name))
		}
	}
	return errors.Join(errs...)
}

// userWorld places the objects of a user's program.
type userWorld struct {
	*vmalock.World
	p      *UserProgram
	mm     mem.Addr
	shared map[string]uint64 // by role or input; looked up, never iterated
}

// object is the value of a role or input of thread i: shared or private.
func (u *userWorld) object(name string, i int, place func(name string) mem.Addr) uint64 {
	if slices.Contains(u.p.Private, name) {
		return uint64(place(fmt.Sprintf("%s[%d]", name, i)))
	}
	if a, ok := u.shared[name]; ok {
		return a
	}
	u.shared[name] = uint64(place(name))
	return u.shared[name]
}

// instance places an object of a struct.
func (u *userWorld) instance(structName, name string) mem.Addr {
	switch structName {
	case "mm_struct":
		return u.theMM()
	case "vm_area_struct":
		start := uint64(vmaBase + len(u.VMAs)*vmaSpan)
		return u.AddVMA(u.theMM(), start, start+vmaSpan, true)
	}
	return u.Object(structName, name)
}

func (u *userWorld) theMM() mem.Addr {
	if u.mm == 0 {
		u.mm = u.AddMM()
	}
	return u.mm
}

// bindInput gives input name of thread i its value.
func (u *userWorld) bindInput(env *Env, t *Thread, name string, i int) {
	v, given := u.p.Values[name]
	switch {
	case given:
		t.bind(name, uint64(v))
	case name == "thread":
		t.bind(name, uint64(i))
	case name == "threads":
		t.bind(name, uint64(env.Threads))
	case name == "rnd":
		t.bindStream(name, i)
	default:
		t.bind(name, u.object(name, i, func(name string) mem.Addr { return u.Space.NewRaw(name, mem.LineBytes, mem.LineBytes) }))
	}
}

// marks lists the regions that a program marks, or that what it calls may mark.
// Without one there are no operations to count, and no progress to watch.
func marks(main *cpu.Proc, library []*cpu.Proc) []string {
	var out []string
	for _, p := range append([]*cpu.Proc{main}, library...) {
		for i := range p.Insts {
			in := &p.Insts[i]
			if in.Name == "mark" && len(in.Args) == 2 && in.Args[0].Name == "begin" && !slices.Contains(out, in.Args[1].Name) {
				out = append(out, in.Args[1].Name)
			}
		}
	}
	return out
}
