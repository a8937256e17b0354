package vmalock_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/internal/structs"
	"cohsim/vmalock"
	"cohsim/vmalock/interp"
)

var isas = []cpu.ISA{cpu.X86_64, cpu.ARM64LSE, cpu.ARM64LLSC}

// bench is a world with threads on the interpreter, under a judge.
type bench struct {
	t      *testing.T
	kind   vmalock.Kind
	isa    cpu.ISA
	lib    cpu.Library
	layout *mem.Layout
	w      *vmalock.World
	mm     mem.Addr
	m      *interp.Machine
	judge  *vmalock.Judge
	counts map[string]int    // counted events
	access map[string]counts // accesses by field
	linked map[string]*cpu.Program
	loaded bool

	reached map[*cpu.Program][]bool // the ops that ran, if not nil
}

// counts are the accesses to one field.
type counts struct{ loads, stores, rmws int }

const (
	vmaBase = 0x400000
	vmaSpan = 0x10000
)

// layoutOf is the layout that the kind was made for.
func layoutOf(t testing.TB, kind vmalock.Kind) *mem.Layout {
	l, err := structs.Load(configs.FS, "", kind.Layout)
	if err != nil {
		t.Fatal(err)
	}
	return vmalock.Supplement(l)
}

// newBench makes an mm with attached VMAs in a row, from vmaBase on.
func newBench(t *testing.T, kind vmalock.Kind, isa cpu.ISA, vmas int) *bench {
	t.Helper()
	procs, err := kind.Programs()
	if err != nil {
		t.Fatal(err)
	}
	return newBenchWith(t, kind, isa, vmas, cpu.LibraryOf(procs...), layoutOf(t, kind))
}

func newBenchWith(t *testing.T, kind vmalock.Kind, isa cpu.ISA, vmas int, lib cpu.Library, l *mem.Layout) *bench {
	t.Helper()
	b := &bench{t: t, kind: kind, isa: isa, lib: lib, layout: l, w: vmalock.NewWorld(l, mem.NewSpace(l)), m: interp.New(),
		counts: map[string]int{}, access: map[string]counts{}, linked: map[string]*cpu.Program{}}
	b.w.SeqBits = kind.Options.SeqBits
	b.mm = b.w.AddMM()
	for i := range vmas {
		b.w.AddVMA(b.mm, vmaBase+uint64(i)*vmaSpan, vmaBase+uint64(i+1)*vmaSpan, true)
	}
	b.w.AddTree(b.mm, 1)
	b.m.OnMark = func(_ int, fn cpu.Fn, name string) {
		if fn == cpu.Count {
			b.counts[name]++
		}
	}
	b.m.OnAccess = func(a interp.Access) {
		c := b.access[a.Site.Field]
		switch a.Op.Code {
		case cpu.Load, cpu.LoadExcl, cpu.Wait:
			c.loads++
		case cpu.Store, cpu.StoreExcl:
			c.stores++
		case cpu.RMW:
			c.rmws++
		}
		b.access[a.Site.Field] = c
	}
	b.m.OnGhost = func(g interp.Ghost) error {
		e, ok := vmalock.ParseEvent(g.Event)
		if !ok {
			return fmt.Errorf("unknown ghost event %q", g.Event)
		}
		return b.judge.Observe(g.At, g.Thread, e, g.Object, g.Old, g.New)
	}
	return b
}

func (b *bench) vma(i int) mem.Addr { return b.w.VMAs[i].Addr }

// program links a main program of that text; tabs and a name are added.
func (b *bench) program(text string) *cpu.Program {
	b.t.Helper()
	if p := b.linked[text]; p != nil {
		return p
	}
	src := "program main\n\trole mm mm_struct\n\trole vma vm_area_struct\n\tin addr got rnd rounds held tasks stride\n\treg r x v:vm_area_struct w:vm_area_struct p:task_struct\n" + text + "\n"
	procs, err := cpu.Parse("test.uop", []byte(src))
	if err != nil {
		b.t.Fatalf("%v\n%s", err, src)
	}
	b.kind.Options.Bind(procs)
	cover(b.t, b.kind, text, procs[0], b.lib)
	p, err := cpu.Link(procs[0], cpu.LinkOptions{ISA: b.isa, Layout: b.layout, Library: b.lib})
	if err != nil {
		b.t.Fatal(err)
	}
	b.linked[text] = p
	return p
}

// thread adds a thread on VMA 0 that runs the text; bind may give more registers.
func (b *bench) thread(text string, bind map[string]uint64) *interp.Thread {
	b.t.Helper()
	all := map[string]uint64{"mm": uint64(b.mm), "vma": uint64(b.vma(0)), "addr": vmaBase}
	if n := len(b.w.Tasks); n > 1 {
		all["tasks"], all["stride"] = uint64(b.w.Tasks[0]), uint64(b.w.Tasks[1]-b.w.Tasks[0])
	}
	for k, v := range bind {
		all[k] = v
	}
	th, err := b.m.Add(b.program(text), b.w.AddTask(), all)
	if err != nil {
		b.t.Fatal(err)
	}
	return th
}

// load puts the initial values into memory, once, after the last thread.
func (b *bench) load() {
	b.t.Helper()
	if b.loaded {
		return
	}
	b.loaded = true
	if err := b.w.Finish(); err != nil {
		b.t.Fatal(err)
	}
	for _, w := range b.w.Init {
		b.m.Write(w.Addr, w.Bytes, w.Value)
	}
	b.judge = b.w.Judge()
}

// run adds a thread with the text and runs it alone to its end; got is what it
// left in register got.
func (b *bench) run(text string, bind map[string]uint64) (got uint64) {
	b.t.Helper()
	th := b.thread(text, bind)
	if b.loaded { // the new task's own words
		for _, w := range b.w.Init {
			if w.Addr >= b.w.Tasks[len(b.w.Tasks)-1] {
				b.m.Write(w.Addr, w.Bytes, w.Value)
			}
		}
	}
	b.load()
	i := len(b.m.Threads) - 1
	for range 100000 {
		s, err := b.m.Step(i)
		if err != nil {
			b.t.Fatal(err)
		}
		if s == interp.Blocked {
			b.t.Fatalf("blocked at %s", th.Prog.Sites[th.Prog.Ops[th.PC].Site].Text)
		}
		if s == interp.Halted {
			return th.Regs[th.Prog.Bind["got"]]
		}
	}
	b.t.Fatal("does not end")
	return 0
}

// field reads a field of memory.
func (b *bench) field(base mem.Addr, structName, name string) uint64 {
	b.t.Helper()
	a, size := b.w.Field(base, structName, name)
	if err := b.w.Err(); err != nil {
		b.t.Fatal(err)
	}
	return b.m.Read(a, size)
}

func (b *bench) poke(base mem.Addr, structName, name string, v uint64) {
	b.t.Helper()
	b.load()
	a, size := b.w.Field(base, structName, name)
	if err := b.w.Err(); err != nil {
		b.t.Fatal(err)
	}
	b.m.Write(a, size, v)
}

func (b *bench) ref() uint64 { return b.field(b.vma(0), "vm_area_struct", "vm_refcnt") }

func (b *bench) idle() {
	b.t.Helper()
	for _, v := range b.w.VMAs {
		if err := b.judge.Idle(v.Addr); err != nil {
			b.t.Error(err)
		}
	}
	if err := b.judge.Idle(b.mm); err != nil {
		b.t.Error(err)
	}
}

// random runs all threads in a random order to their ends; a lost wake-up shows
// as a deadlock, and so does a livelock, as too many ops. Odd seeds let a thread
// run on for up to 64 ops, so that others are far behind it.
func (b *bench) random(seed uint64, limit int) error {
	b.load()
	x := cpu.Op{Code: cpu.ALU, Fn: cpu.Mix}
	live := make([]int, len(b.m.Threads))
	for i := range live {
		live[i] = i
	}
	blocked, k, burst, bursts := 0, 0, 0, seed&1 == 1
	for n := 0; len(live) > 0; n++ {
		if n > limit {
			return errors.New("no end in sight" + b.where())
		}
		if burst--; burst <= 0 {
			seed = x.Eval(seed, 0)
			k = int(seed % uint64(len(live)))
			if bursts {
				burst = int(seed>>32%64) + 1
			}
		}
		if th := b.m.Threads[live[k]]; b.reached != nil && !th.Halted {
			r := b.reached[th.Prog]
			if r == nil {
				r = make([]bool, len(th.Prog.Ops))
				b.reached[th.Prog] = r
			}
			r[th.PC] = true
		}
		s, err := b.m.Step(live[k])
		if err != nil {
			return err
		}
		switch s {
		case interp.Ran:
			blocked = 0
		case interp.Halted:
			live = append(live[:k], live[k+1:]...)
			blocked, burst = 0, 0
		case interp.Blocked:
			burst = 0
			// Enough misses in a row that each live thread had its chance.
			if blocked++; blocked > 50*len(live) && b.allBlocked(live) {
				return errors.New("deadlock" + b.where())
			}
		}
	}
	return nil
}

func (b *bench) allBlocked(live []int) bool {
	for _, i := range live {
		if s, _ := b.m.Step(i); s != interp.Blocked {
			return false
		}
	}
	return true
}

func (b *bench) where() string {
	var s strings.Builder
	for i, th := range b.m.Threads {
		if !th.Halted {
			site := th.Prog.Sites[th.Prog.Ops[th.PC].Site]
			fmt.Fprintf(&s, "\n  thread %d at %s:%d %s", i, site.Proc, site.Line, site.Text)
		}
	}
	return s.String()
}
