package cpu

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/internal/mem"
)

// memPlace is a resolved memory operand.
type memPlace struct {
	base  Reg
	off   int32
	width Flags // Size8 or 0
	field string
}

// value resolves a register, number, constant or parameter.
func (l *linker) value(f *frame, o Operand) value {
	v := l.passed(f, o)
	l.decides(v)
	return v
}

// passed is value for what does not look at the number of a parameter.
func (l *linker) passed(f *frame, o Operand) value {
	if o.Kind == OpdImm {
		return value{reg: NoReg, imm: o.Imm}
	}
	return f.names[o.Name]
}

// decides notes that the program is another one with another number.
func (l *linker) decides(v value) {
	if v.param != "" {
		l.deciding[v.param] = true
	}
}

// inReg makes sure that v is in a register: what cannot be an immediate is
// moved to a temporary first.
func (l *linker) inReg(f *frame, in *Inst, v value) Reg {
	if v.reg != NoReg {
		return v.reg
	}
	t := l.take(f, "")
	l.emit(f, in, Op{Code: ALU, Fn: Mov, Dst: t, A: NoReg, B: NoReg, C: NoReg, Imm: v.imm}, fmt.Sprintf("mov t%d, %s", t, numberText(v.imm)), -1)
	return t
}

// dest resolves a result operand.
func (l *linker) dest(f *frame, o Operand) Reg {
	if o.Kind == OpdNone {
		return NoReg
	}
	return f.names[o.Name].reg
}

// memory resolves a memory operand for an access of width bytes (0: as wide as
// its field, or 8).
func (l *linker) memory(f *frame, in *Inst, o Operand, width int) memPlace {
	p := memPlace{off: int32(o.Imm)}
	size := 8
	if o.Field != "" {
		s, field, ok := l.field(f, in, o)
		if !ok {
			return p
		}
		p.field = s.Name + "." + field.Name
		if o.Imm != 0 {
			p.field += fmt.Sprintf("%+d", o.Imm)
		}
		size = field.Size
		if width != 0 {
			size = width
		}
		off := int64(field.Offset) + o.Imm
		prefetch := strings.HasPrefix(in.Name, "prefetch")
		switch {
		case prefetch: // the line is what counts
			size = 8
		case size != 4 && size != 8:
			l.fail(f, in, o.Col, "", "field %s has %d bytes in layout %q; an access has 4 or 8 (write %s.4 or %s.8)", p.field, size, l.o.Layout.Name, in.Name, in.Name)
		case off%int64(size) != 0:
			l.fail(f, in, o.Col, "", "%d bytes at offset %d of %s (%s) are not aligned", size, off, s.Name, p.field)
		}
		if off < 0 || off+int64(size) > int64(s.Size) && !prefetch || off >= int64(s.Size) {
			l.fail(f, in, o.Col, "", "%s, bytes %d to %d, lies outside %s, which has %d bytes in layout %q", p.field, off, off+int64(size)-1, s.Name, s.Size, l.o.Layout.Name)
		}
		p.off = int32(off)
	} else if width != 0 {
		size = width
	}
	if size == 8 {
		p.width = Size8
	}
	p.base = l.inReg(f, in, f.names[o.Name])
	return p
}

// field finds the field a memory operand names.
func (l *linker) field(f *frame, in *Inst, o Operand) (*mem.Struct, mem.Field, bool) {
	name, path := f.structs[o.Name], o.Field
	if m, ok := f.members[o.Name]; ok {
		name, path = m.outer, m.path+"."+o.Field
	}
	if l.o.Layout == nil {
		l.fail(f, in, o.Col, "", "no layout is given, so %s.%s has no offset", name, o.Field)
		return nil, mem.Field{}, false
	}
	s := l.o.Layout.Struct(name)
	if s == nil {
		var names []string
		for i := range l.o.Layout.Structs {
			names = append(names, l.o.Layout.Structs[i].Name)
		}
		l.fail(f, in, o.Col, nearest(name, names), "layout %q has no struct %q, which %q points to", l.o.Layout.Name, name, o.Name)
		return nil, mem.Field{}, false
	}
	field, ok := s.Field(path)
	if !ok {
		var names []string
		for i := range s.Fields {
			names = append(names, s.Fields[i].Name)
		}
		l.fail(f, in, o.Col, nearest(path, names), "struct %q of layout %q has no field %q", name, l.o.Layout.Name, path)
	}
	return s, field, ok
}

// inst emits one instruction that is no call.
func (l *linker) inst(f *frame, i int, in *Inst) {
	m, _, _ := splitMnemonic(in.Name)
	none := Op{Dst: NoReg, A: NoReg, B: NoReg, C: NoReg}
	op, args := none, in.Args
	switch m.form.name {
	case "load", "ll", "store", "sc", "rmw", "cas":
		l.access(f, in, m)
	case "wait", "sleep":
		p := l.memory(f, in, args[1], m.width)
		v := l.value(f, args[2])
		op = Op{Code: Wait, Fn: condFns[m.fn], Flags: p.width, Dst: l.dest(f, args[0]), A: p.base, Off: p.off, B: v.reg, C: NoReg, Imm: v.imm}
		if m.form.name == "sleep" {
			op.Flags |= Sleep
		}
		l.emitMem(f, in, op, p, "")
	case "prefetch", "prefetchw":
		p := l.memory(f, in, args[0], 0)
		op.Code, op.Fn, op.A, op.Off = Prefetch, ForRead, p.base, p.off
		if m.form.name == "prefetchw" {
			op.Fn = ForWrite
		}
		l.emitMem(f, in, op, p, "")
	case "mb":
		l.fullBarrier(f, in, true)
	case "rmb":
		l.fence(f, in, l.isa.rmb)
	case "wmb":
		l.fence(f, in, l.isa.wmb)
	case "fence":
		if !slices.Contains(l.isa.fences, m.fn) {
			l.fail(f, in, 0, "", "%s has no fence.%s; it has fence.%s, and the portable mb, rmb and wmb", l.isa.name, m.fn, strings.Join(l.isa.fences, ", fence."))
			return
		}
		l.fence(f, in, fenceFns[m.fn])
	case "work":
		l.work(f, in)
	case "jump":
		op.Code, op.Fn, op.Flags = Branch, Always, Likely
		l.emit(f, in, op, "", f.labels[args[0].Name])
	case "beq", "bne", "blt", "bge", "bset", "bclr":
		l.branch(f, i, in, condFns[m.form.name])
	case "pause":
		op.Code = Pause
		l.emitGhost(f, in, op)
	case "halt":
		op.Code = Halt
		l.emitGhost(f, in, op)
	case "mark", "count":
		op.Code, op.Fn = Mark, Count
		name := args[len(args)-1].Name
		if m.form.name == "mark" {
			op.Fn = Begin
			if args[0].Name == "end" {
				op.Fn = End
			}
		}
		l.emitGhost(f, in, op)
		l.code[len(l.code)-1].site.Region = l.region(name)
	case "preempt":
		op.Code, op.Fn = Mark, PreemptOff
		if m.fn == "on" {
			op.Fn = PreemptOn
		}
		l.emitGhost(f, in, op)
	case "clock":
		op.Code, op.Fn, op.Dst = ALU, Clock, l.dest(f, args[0])
		l.emitGhost(f, in, op)
	case "exit":
		l.exit(f, in)
	default:
		l.alu(f, in, aluFns[m.form.name])
	}
}

func (l *linker) exit(f *frame, in *Inst) {
	if len(in.Args) > 0 {
		l.results(f, in)
		l.jump(f, in, f.exits[in.Args[0].Name], "")
		return
	}
	if f.up == nil {
		l.fail(f, in, 0, "", "program %q is what the thread runs, so it has nowhere to exit to; it ends with halt", f.p.Name)
		return
	}
	l.jump(f, in, f.end, "") // the results are copied there
}

// region numbers the name of a region or event.
func (l *linker) region(name string) int32 {
	if i := slices.Index(l.prog.Regions, name); i >= 0 {
		return int32(i)
	}
	l.prog.Regions = append(l.prog.Regions, name)
	return int32(len(l.prog.Regions) - 1)
}

// emitGhost emits the op that carries the ghosts of its instruction.
func (l *linker) emitGhost(f *frame, in *Inst, op Op) *draft {
	d := l.emit(f, in, op, "", -1)
	l.haunt(f, in, d)
	return d
}

func (l *linker) haunt(f *frame, in *Inst, d *draft) {
	d.site.Ghosts = append(d.site.Ghosts, l.ghosts(f, in)...)
}

// ghosts resolves the annotations of an instruction.
func (l *linker) ghosts(f *frame, in *Inst) (out []Ghost) {
	for _, g := range in.Ghosts {
		if g.Event == callerGhost {
			out = append(out, f.ghosts...)
			continue
		}
		v := f.names[g.Role]
		if v.reg == NoReg {
			l.fail(f, in, 0, "", "ghost %s %s: a number was passed for %q", g.Event, g.Role, g.Role)
		}
		out = append(out, Ghost{Event: g.Event, Reg: v.reg})
	}
	return out
}

// emitMem emits an access that carries the ghosts of its instruction.
func (l *linker) emitMem(f *frame, in *Inst, op Op, p memPlace, text string) *draft {
	d := l.emit(f, in, op, text, -1)
	d.site.Field = p.field
	l.haunt(f, in, d)
	return d
}

// fence emits a fence; FnNone means the model needs none.
func (l *linker) fence(f *frame, in *Inst, fn Fn) {
	if fn != FnNone {
		l.emitGhost(f, in, Op{Code: Fence, Fn: fn, Dst: NoReg, A: NoReg, B: NoReg, C: NoReg})
	}
}

// work emits private work. Work of no cycles is no op, so that a think time of
// 0 is free.
func (l *linker) work(f *frame, in *Inst) {
	op := Op{Code: ALU, Fn: Work, Dst: NoReg, A: NoReg, B: NoReg, C: NoReg}
	if len(in.Args) == 2 {
		op.Dst = l.dest(f, in.Args[0])
	}
	v := l.passed(f, in.Args[len(in.Args)-1])
	op.Imm = v.imm
	switch {
	case v.reg != NoReg:
		l.fail(f, in, 0, "", "the length of work is a number; %q was passed a register", in.Args[len(in.Args)-1].Name)
	case v.imm < 0:
		l.fail(f, in, 0, "", "work cannot last %d cycles", v.imm)
	case v.imm == 0 && op.Dst == NoReg:
		return
	case v.imm == 0:
		op.Fn = Mov
	}
	l.emit(f, in, op, "", -1).length = v.param
}

// swapped is the function or condition that gives the same with its operands
// exchanged; FnNone if there is none.
var swapped = [NumFns]Fn{EQ: EQ, NE: NE, AnySet: AnySet, NoneSet: NoneSet, Add: Add, And: And, Or: Or, Xor: Xor, Mul: Mul}

// operands brings a and b into the shape of an op: a in a register, b anywhere.
func (l *linker) operands(f *frame, in *Inst, fn Fn, a, b value) (value, value) {
	if a.reg == NoReg && swapped[fn] != FnNone {
		a, b = b, a
	}
	return value{reg: l.inReg(f, in, a)}, b
}

// branch emits a conditional branch; one between numbers is decided here.
func (l *linker) branch(f *frame, i int, in *Inst, fn Fn) {
	op := Op{Code: Branch, Fn: fn, Dst: NoReg, A: NoReg, B: NoReg, C: NoReg}
	a, b := l.value(f, in.Args[0]), l.value(f, in.Args[1])
	label := in.Args[2].Name
	if a.reg == NoReg && b.reg == NoReg {
		if op.Taken(uint64(a.imm), uint64(b.imm)) {
			l.jump(f, in, f.labels[label], "jump "+label) // threaded through: what is decided costs nothing
		}
		return
	}
	a, b = l.operands(f, in, fn, a, b)
	op.A, op.B, op.Imm = a.reg, b.reg, b.imm
	if in.Hint == "likely" || in.Hint == "" && f.index[label] <= i {
		op.Flags = Likely
	}
	l.emit(f, in, op, "", f.labels[label])
}

// alu emits arithmetic; what is known already is moved.
func (l *linker) alu(f *frame, in *Inst, fn Fn) {
	op := Op{Code: ALU, Fn: fn, Dst: l.dest(f, in.Args[0]), A: NoReg, B: NoReg, C: NoReg}
	a := l.value(f, in.Args[1])
	switch {
	case fn == Mov:
		op.B, op.Imm = a.reg, a.imm
	case fn == Mix:
		if a.reg == NoReg {
			op.Imm, op.Fn = int64(op.Eval(uint64(a.imm), 0)), Mov
		}
		op.A = a.reg
	default:
		b := l.value(f, in.Args[2])
		if a.reg == NoReg && b.reg == NoReg {
			op.Imm, op.Fn = int64(op.Eval(uint64(a.imm), uint64(b.imm))), Mov
			break
		}
		a, b = l.operands(f, in, fn, a, b)
		op.A, op.B, op.Imm = a.reg, b.reg, b.imm
	}
	l.emitGhost(f, in, op)
}
