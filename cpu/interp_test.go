package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cohsim/internal/mem"
)

// testLayout has the structs that the programs of these tests name.
var testLayout = &mem.Layout{Name: "test", Structs: []mem.Struct{
	{Name: "thing", Size: 128, Align: 64, Fields: []mem.Field{
		{Name: "word", Offset: 0, Size: 8}, {Name: "half", Offset: 8, Size: 4}, {Name: "other", Offset: 12, Size: 4},
		{Name: "slot", Offset: 64, Size: 8, Count: 4}, {Name: "byte", Offset: 96, Size: 1},
	}},
	{Name: "vm_area_struct", Size: 192, Align: 64, Fields: []mem.Field{
		{Name: "vm_mm", Offset: 16, Size: 8}, {Name: "vm_lock_seq", Offset: 40, Size: 4}, {Name: "vm_refcnt", Offset: 128, Size: 4},
	}},
	{Name: "mm_struct", Size: 256, Align: 64, Fields: []mem.Field{
		{Name: "mmap_lock.count", Offset: 184, Size: 8}, {Name: "writer_wait", Offset: 240, Size: 8}, {Name: "mm_lock_seq", Offset: 248, Size: 4},
	}},
	{Name: "task_struct", Size: 128, Align: 64, Fields: []mem.Field{
		{Name: "state", Offset: 0, Size: 4}, {Name: "stack", Offset: 64, Size: 8},
	}},
}}

// seqWorld is what a sequential run leaves behind: memory, the main program's
// registers, and the marks and ghosts in order.
type seqWorld struct {
	mem   [512]byte
	trace []string
}

func (w *seqWorld) read(at uint64, bytes int) uint64 {
	if bytes == 4 {
		return uint64(binary.LittleEndian.Uint32(w.mem[at:]))
	}
	return binary.LittleEndian.Uint64(w.mem[at:])
}

func (w *seqWorld) write(at, v uint64, bytes int) {
	if bytes == 4 {
		binary.LittleEndian.PutUint32(w.mem[at:], uint32(v))
		return
	}
	binary.LittleEndian.PutUint64(w.mem[at:], v)
}

// runLinked executes a linked program in program order. A store-conditional
// fails whenever flaky says so, as any may.
func runLinked(t *testing.T, p *Program, w *seqWorld, regs *[NumRegs]uint64, flaky *rand.Rand) {
	t.Helper()
	pc, monitor := 0, ^uint64(0)
	for range 100_000 {
		o := &p.Ops[pc]
		b := uint64(o.Imm)
		if o.B != NoReg {
			b = regs[o.B]
		}
		var a, c uint64
		if o.A != NoReg {
			a = regs[o.A]
		}
		if o.C != NoReg {
			c = regs[o.C]
		}
		at := a + uint64(int64(o.Off))
		set := func(v uint64) {
			if o.Dst != NoReg {
				regs[o.Dst] = v
			}
		}
		ghosts := o.Flags&Ghosted != 0
		next := pc + 1
		switch o.Code {
		case Load:
			set(w.read(at, o.Bytes()))
		case Store:
			w.write(at, b, o.Bytes())
		case RMW:
			old := w.read(at, o.Bytes())
			v, write := o.Modify(old, b, c)
			if write {
				w.write(at, v, o.Bytes())
			} else {
				ghosts = false
			}
			set(old)
		case LoadExcl:
			monitor = at
			set(w.read(at, o.Bytes()))
		case StoreExcl:
			if monitor != at {
				t.Fatalf("op %d: a store-conditional without its load", pc)
			}
			monitor = ^uint64(0)
			if flaky.IntN(3) == 0 {
				ghosts = false
				set(1)
			} else {
				w.write(at, b, o.Bytes())
				set(0)
			}
		case ALU:
			set(o.Eval(a, b))
		case Branch:
			if o.Taken(a, b) {
				next = int(o.Off)
			}
		case Mark:
			w.trace = append(w.trace, fmt.Sprintf("%s %s", fnWords[o.Fn], p.Regions[p.Sites[o.Site].Region]))
		case Halt:
			return
		}
		if ghosts {
			for _, g := range p.Sites[o.Site].Ghosts {
				w.trace = append(w.trace, fmt.Sprintf("%s %d", g.Event, regs[g.Reg]))
			}
		}
		pc = next
	}
	t.Fatal("the linked program does not end")
}

// runWritten executes programs as written: calls pass values and results are
// copied back, whatever the linker makes of them. It returns the exit taken.
func runWritten(t *testing.T, p *Proc, lib Library, args []uint64, w *seqWorld) (vars map[string]uint64, exit string) {
	t.Helper()
	vars = map[string]uint64{"task": args[0]}
	for i := range args[1:] {
		vars[inputName(p, i)] = args[1+i]
	}
	structs := structsOf(p)
	for _, c := range p.Consts {
		vars[c.Name] = uint64(c.Value)
	}
	labels := map[string]int{}
	for i := range p.Insts {
		for _, l := range p.Insts[i].Labels {
			labels[l] = i
		}
	}
	val := func(o Operand) uint64 {
		if o.Kind == OpdImm {
			return uint64(o.Imm)
		}
		return vars[o.Name]
	}
	for pc := 0; pc < len(p.Insts); {
		in := &p.Insts[pc]
		pc++
		if in.Call != nil {
			callee, _ := lib(in.Call.Callee)
			passed := []uint64{args[0]}
			for _, o := range in.Call.Args {
				passed = append(passed, val(o))
			}
			got, exit := runWritten(t, callee, lib, passed, w)
			for i, n := range in.Call.Outs {
				if n != "_" {
					vars[n] = got[callee.Outs[i]]
				}
			}
			if to, ok := in.Call.Exits[exit]; ok {
				if own, leaves := strings.CutPrefix(to, "exit:"); leaves {
					return vars, own
				}
				pc = labels[to]
			}
			continue
		}
		m, _, _ := splitMnemonic(in.Name)
		arg := func(i int) uint64 { return val(in.Args[i]) }
		set := func(v uint64) {
			if in.Args[0].Kind != OpdNone {
				vars[in.Args[0].Name] = v
			}
		}
		place := func(i int) (at uint64, bytes int) {
			o := in.Args[i]
			at, bytes = vars[o.Name]+uint64(o.Imm), 8
			if o.Field != "" {
				f, _ := testLayout.Struct(structs[o.Name]).Field(o.Field)
				at, bytes = at+uint64(f.Offset), f.Size
			}
			if m.width != 0 {
				bytes = m.width
			}
			return at, bytes
		}
		cut := func(v uint64, bytes int) uint64 {
			if bytes == 4 {
				return uint64(uint32(v))
			}
			return v
		}
		ghosts := true
		switch name := m.form.name; name {
		case "load":
			set(w.read(place(1)))
		case "store":
			at, n := place(0)
			w.write(at, arg(1), n)
		case "rmw":
			at, n := place(1)
			old, v := w.read(at, n), arg(2)
			switch m.fn {
			case "add":
				v += old
			case "and":
				v &= old
			case "or":
				v |= old
			}
			w.write(at, v, n)
			set(old)
		case "cas":
			at, n := place(1)
			old := w.read(at, n)
			if ghosts = old == cut(arg(2), n); ghosts {
				w.write(at, arg(3), n)
			}
			set(old)
		case "mark":
			w.trace = append(w.trace, in.Args[0].Name+" "+in.Args[1].Name)
		case "count":
			w.trace = append(w.trace, "count "+in.Args[0].Name)
		case "jump":
			pc = labels[in.Args[0].Name]
		case "exit":
			if len(in.Args) == 0 {
				return vars, ""
			}
			return vars, in.Args[0].Name
		case "halt":
			return vars, ""
		case "work":
			if len(in.Args) == 2 {
				set(0)
			}
		case "mb", "rmb", "wmb", "pause", "prefetch", "prefetchw":
		default:
			op := Op{Fn: condFns[name]}
			if m.form.hint {
				if op.Taken(arg(0), arg(1)) {
					pc = labels[in.Args[2].Name]
				}
				break
			}
			op.Fn = aluFns[name]
			switch name {
			case "mov":
				set(arg(1))
			case "mix":
				set(op.Eval(arg(1), 0))
			default:
				set(op.Eval(arg(1), arg(2)))
			}
		}
		if ghosts {
			for _, g := range in.Ghosts {
				w.trace = append(w.trace, fmt.Sprintf("%s %d", g.Event, vars[g.Role]))
			}
		}
	}
	return vars, ""
}

// sameEverywhere links main for every ISA and runs it against the text.
func sameEverywhere(t *testing.T, procs []*Proc, seed uint64) {
	t.Helper()
	main, lib := procs[len(procs)-1], LibraryOf(procs...)
	start := seqWorld{}
	fill := rand.New(rand.NewPCG(seed, 1))
	for i := range start.mem {
		if fill.IntN(2) == 0 {
			start.mem[i] = byte(fill.IntN(4))
		}
	}
	args := []uint64{0, 256, 384} // task, then main's roles; names of ins follow
	want := start
	vars, _ := runWritten(t, main, lib, args[:1+len(main.Roles)], &want)
	for isa := range NumISAs {
		p, err := Link(main, LinkOptions{ISA: isa, Layout: testLayout, Library: lib})
		if err != nil {
			t.Fatalf("%v: %v\n%s", isa, err, Format(procs))
		}
		got, regs := start, [NumRegs]uint64{}
		for i := range regs {
			regs[i] = 0xdead0000 + uint64(i) // what nobody wrote must not matter
		}
		regs[TaskReg] = args[0]
		for i, r := range main.Roles {
			regs[p.Bind[r.Name]] = args[1+i]
		}
		runLinked(t, p, &got, &regs, fill)
		if got.mem != want.mem {
			t.Fatalf("%v: memory differs\n%v\n%v\n%s\n%s", isa, got.mem, want.mem, Format(procs), listing(p))
		}
		if !slices.Equal(got.trace, want.trace) {
			t.Fatalf("%v: marks and ghosts are\n%v, want\n%v\n%s\n%s", isa, got.trace, want.trace, Format(procs), listing(p))
		}
		for r, name := range p.RegName {
			if v, ok := vars[name]; ok && v != regs[r] {
				t.Fatalf("%v: %s is %#x, want %#x\n%s\n%s", isa, name, regs[r], v, Format(procs), listing(p))
			}
		}
	}
}

func listing(p *Program) string {
	var b strings.Builder
	for i := range p.Ops {
		s := p.Sites[p.Ops[i].Site]
		fmt.Fprintf(&b, "%3d  %-34s %-16s %s\n", i, p.Ops[i].String(), p.Ops[i].Mnemonic(p.ISA), s.Text)
	}
	return b.String()
}

func TestTheThreeISAsLeaveTheSameMemoryRegistersAndExits(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for seed := range uint64(rounds) {
		g := &uopGen{Rand: rand.New(rand.NewPCG(seed, 0))}
		procs, err := Parse("generated", []byte(g.file()))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, g.text.String())
		}
		sameEverywhere(t, procs, seed)
	}
}
