package cpu

import (
	"fmt"
	"slices"
)

// access emits a load, store, exclusive or atomic.
func (l *linker) access(f *frame, in *Inst, m mnemonic) {
	args := in.Args
	switch m.form.name {
	case "load", "ll":
		p := l.memory(f, in, args[1], m.width)
		op := Op{Code: Load, Order: l.isa.loads[m.order], Flags: p.width, Dst: l.dest(f, args[0]), A: p.base, Off: p.off, B: NoReg, C: NoReg}
		if m.form.name == "ll" {
			op.Code = LoadExcl
			l.needExclusives(f, in)
		}
		l.emitMem(f, in, op, p, "")
	case "store":
		p := l.memory(f, in, args[0], m.width)
		v := l.value(f, args[1])
		op := Op{Code: Store, Order: l.isa.stores[m.order], Flags: p.width, Dst: NoReg, A: p.base, Off: p.off, B: v.reg, C: NoReg, Imm: v.imm}
		switch {
		case m.fn == "mb" && l.isa.swapMB:
			op.Code, op.Fn, op.Order, op.Flags = RMW, Swap, AcqRel, op.Flags|Locked
			l.emitMem(f, in, op, p, "")
		case m.fn == "mb":
			l.emitMem(f, in, op, p, "store "+operandText(args[0])+", "+operandText(args[1]))
			l.fullBarrier(f, in, false)
		default:
			l.emitMem(f, in, op, p, "")
		}
	case "sc":
		p := l.memory(f, in, args[1], m.width)
		v := l.value(f, args[2])
		l.needExclusives(f, in)
		l.emitMem(f, in, Op{Code: StoreExcl, Order: l.isa.stores[m.order], Flags: p.width, Dst: l.dest(f, args[0]), A: p.base, Off: p.off, B: v.reg, C: NoReg, Imm: v.imm}, p, "")
	case "rmw":
		p := l.memory(f, in, args[1], m.width)
		if l.isa.atomic == exclusiveLoop {
			l.rmwLoop(f, in, m, p)
			return
		}
		v := l.value(f, args[2])
		l.atomic(f, in, m, p, Op{Fn: rmwFns[m.fn], B: v.reg, C: NoReg, Imm: v.imm})
	case "cas":
		p := l.memory(f, in, args[1], m.width)
		if l.isa.atomic == exclusiveLoop {
			l.casLoop(f, in, m, p)
			return
		}
		expected, v := l.inReg(f, in, l.value(f, args[2])), l.value(f, args[3])
		l.atomic(f, in, m, p, Op{Fn: Cas, B: v.reg, C: expected, Imm: v.imm})
	}
}

func (l *linker) needExclusives(f *frame, in *Inst) {
	if !l.isa.excl {
		l.fail(f, in, 0, "", "%s has no ll and sc; use rmw or cas", l.isa.name)
	}
}

// atomic emits an rmw or cas as a single op.
func (l *linker) atomic(f *frame, in *Inst, m mnemonic, p memPlace, op Op) {
	op.Code, op.Order, op.Flags = RMW, m.order, p.width
	op.Dst, op.A, op.Off = l.dest(f, in.Args[0]), p.base, p.off
	if l.isa.atomic == lockedOp {
		op.Order = AcqRel
		op.Flags |= Locked
	}
	if m.far && l.isa.far {
		op.Flags |= Far
	}
	l.emitMem(f, in, op, p, "")
}

// fullBarrier emits mb, or the barrier half of store.mb (ghosts: of mb only).
func (l *linker) fullBarrier(f *frame, in *Inst, ghosts bool) {
	op, text := Op{Code: Fence, Fn: l.isa.mb, Dst: NoReg, A: NoReg, B: NoReg, C: NoReg}, "mb"
	var p memPlace
	if l.isa.stackRMW {
		// The line is the task's own, so this costs the lock prefix and no more.
		stack := Inst{Name: "rmw.add", Args: []Operand{{Kind: OpdNone}, {Kind: OpdMem, Name: "task", Field: "stack"}, {Kind: OpdImm}}, Line: in.Line, Col: in.Col, Source: in.Source}
		if before := len(l.probs); l.o.Layout == nil || l.o.Layout.Struct("task_struct") == nil {
			l.fail(f, in, 0, "", "a full barrier on %s is a locked op on the task's stack line, but the layout has no struct \"task_struct\" with a field \"stack\"", l.isa.name)
			return
		} else if p = l.memory(f, &stack, stack.Args[1], 0); len(l.probs) > before {
			return
		}
		op = Op{Code: RMW, Fn: Add, Order: AcqRel, Flags: p.width | Locked, Dst: NoReg, A: p.base, Off: p.off, B: NoReg, C: NoReg}
		text = instText(&stack)
	}
	d := l.emit(f, in, op, text, -1)
	d.site.Field = p.field
	if ghosts {
		l.haunt(f, in, d)
	}
}

// loopNames are the operands of an exclusive loop as listings show them.
type loopNames struct{ old, mem, flag string }

// loop opens an exclusive loop: prefetch for writing, then the ll at the label
// it returns. The value read is in the register given.
func (l *linker) loop(f *frame, in *Inst, m mnemonic, p memPlace, old Reg, n loopNames) (again int) {
	op := Op{Code: Prefetch, Fn: ForWrite, Dst: NoReg, A: p.base, Off: p.off, B: NoReg, C: NoReg}
	l.emit(f, in, op, "prefetchw "+n.mem, -1).site.Field = p.field
	again = l.label()
	l.place(again)
	op = Op{Code: LoadExcl, Flags: p.width, Dst: old, A: p.base, Off: p.off, B: NoReg, C: NoReg}
	text := "ll"
	if m.order == Acq {
		op.Order, text = Acq, "ll.acq"
	}
	l.emit(f, in, op, text+" "+n.old+", "+n.mem, -1).site.Field = p.field
	return again
}

// closeLoop emits the sc, which carries the ghosts (they take effect with its
// success), the branch back, and the barrier of a fully ordered atomic.
func (l *linker) closeLoop(f *frame, in *Inst, m mnemonic, p memPlace, again int, v value, vText string, n loopNames) {
	flag := l.take(f, "")
	op := Op{Code: StoreExcl, Flags: p.width, Dst: flag, A: p.base, Off: p.off, B: v.reg, C: NoReg, Imm: v.imm}
	text := "sc"
	if m.order == Rel || m.order == AcqRel {
		op.Order, text = Rel, "sc.rel"
	}
	n.flag = fmt.Sprintf("t%d", flag)
	l.emitMem(f, in, op, p, text+" "+n.flag+", "+n.mem+", "+vText)
	op = Op{Code: Branch, Fn: NE, Dst: NoReg, A: flag, B: NoReg, C: NoReg}
	l.emit(f, in, op, "bne "+n.flag+", 0, retry unlikely", again)
	if m.order == AcqRel {
		l.fullBarrier(f, in, false)
	}
}

// oldValue picks the register of the value read: the result itself, unless it
// is wanted for something else while the loop may go round again.
func (l *linker) oldValue(f *frame, in *Inst, busy ...Reg) (old Reg, name string, late bool) {
	dst := l.dest(f, in.Args[0])
	if dst != NoReg && !slices.Contains(busy, dst) {
		return dst, operandText(in.Args[0]), false
	}
	old = l.take(f, "")
	return old, fmt.Sprintf("t%d", old), dst != NoReg
}

// late copies the value read to a result that was busy.
func (l *linker) late(f *frame, in *Inst, old Reg, name string) {
	l.emit(f, in, Op{Code: ALU, Fn: Mov, Dst: l.dest(f, in.Args[0]), A: NoReg, B: old, C: NoReg}, "mov "+operandText(in.Args[0])+", "+name, -1)
}

// rmwLoop is an rmw made of exclusives.
func (l *linker) rmwLoop(f *frame, in *Inst, m mnemonic, p memPlace) {
	v := l.value(f, in.Args[2])
	n := loopNames{mem: operandText(in.Args[1])}
	old, name, late := l.oldValue(f, in, p.base, v.reg)
	n.old = name
	again := l.loop(f, in, m, p, old, n)
	stored, text := v, operandText(in.Args[2])
	if fn := rmwFns[m.fn]; fn != Swap {
		t := l.take(f, "")
		was := text
		stored, text = value{reg: t}, fmt.Sprintf("t%d", t)
		l.emit(f, in, Op{Code: ALU, Fn: fn, Dst: t, A: old, B: v.reg, C: NoReg, Imm: v.imm}, m.fn+" "+text+", "+n.old+", "+was, -1)
	}
	l.closeLoop(f, in, m, p, again, stored, text, n)
	if late {
		l.late(f, in, old, n.old)
	}
}

// casLoop is a cas made of exclusives. A mismatch leaves past the sc (and past
// the barrier of a fully ordered one).
func (l *linker) casLoop(f *frame, in *Inst, m mnemonic, p memPlace) {
	expected, v := l.value(f, in.Args[2]), l.value(f, in.Args[3])
	n := loopNames{mem: operandText(in.Args[1])}
	old, name, late := l.oldValue(f, in, p.base, expected.reg, v.reg)
	n.old = name
	again := l.loop(f, in, m, p, old, n)
	// eor; cbnz, as compilers do it. The mask keeps a 4-byte compare from
	// seeing the upper half of a register.
	diff, out := l.take(f, ""), l.label()
	diffText := fmt.Sprintf("t%d", diff)
	l.emit(f, in, Op{Code: ALU, Fn: Xor, Dst: diff, A: old, B: expected.reg, C: NoReg, Imm: expected.imm}, "xor "+diffText+", "+n.old+", "+operandText(in.Args[2]), -1)
	mask := int64(-1)
	if p.width&Size8 == 0 {
		mask = 0xffffffff
	}
	l.emit(f, in, Op{Code: Branch, Fn: AnySet, Dst: NoReg, A: diff, B: NoReg, C: NoReg, Imm: mask}, "bset "+diffText+", "+numberText(mask)+", mismatch unlikely", out)
	l.closeLoop(f, in, m, p, again, v, operandText(in.Args[3]), n)
	l.place(out)
	if late {
		l.late(f, in, old, n.old)
	}
}
