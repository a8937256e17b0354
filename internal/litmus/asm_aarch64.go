package litmus

import (
	"strings"

	"cohsim/cpu"
)

// armAccess is a load, store or atomic by mnemonic.
var armAccess = map[string]cpu.Op{
	"LDR": {Code: cpu.Load}, "LDAR": {Code: cpu.Load, Order: cpu.Acq}, "LDAPR": {Code: cpu.Load, Order: cpu.AcqPC},
	"LDXR": {Code: cpu.LoadExcl}, "LDAXR": {Code: cpu.LoadExcl, Order: cpu.Acq},
	"STR": {Code: cpu.Store}, "STLR": {Code: cpu.Store, Order: cpu.Rel},
	"STXR": {Code: cpu.StoreExcl}, "STLXR": {Code: cpu.StoreExcl, Order: cpu.Rel},
	"STADD": {Code: cpu.RMW, Fn: cpu.Add}, "STADDL": {Code: cpu.RMW, Fn: cpu.Add, Order: cpu.Rel},
	"STSET": {Code: cpu.RMW, Fn: cpu.Or}, "STSETL": {Code: cpu.RMW, Fn: cpu.Or, Order: cpu.Rel},
}

func init() {
	for name, fn := range map[string]cpu.Fn{"LDADD": cpu.Add, "LDSET": cpu.Or, "SWP": cpu.Swap, "CAS": cpu.Cas} {
		for suffix, o := range map[string]cpu.Order{"": cpu.Plain, "A": cpu.Acq, "L": cpu.Rel, "AL": cpu.AcqRel} {
			armAccess[name+suffix] = cpu.Op{Code: cpu.RMW, Fn: fn, Order: o}
		}
	}
}

var armALU = map[string]cpu.Fn{"ADD": cpu.Add, "SUB": cpu.Sub, "AND": cpu.And, "ORR": cpu.Or, "EOR": cpu.Xor}

var armFences = map[string]cpu.Fn{"SY": cpu.Full, "ISH": cpu.Full, "LD": cpu.LoadF, "ISHLD": cpu.LoadF, "ST": cpu.StoreF, "ISHST": cpu.StoreF}

// reg reads a register; wide says that it is an X register.
func (a *assembler) reg(p piece) (r cpu.Reg, wide bool) {
	r, ok := registerOf(AArch64, p.s)
	if !ok {
		a.p.fail(p, "undefined register %q: AArch64 has %s", p.s, registerList(AArch64))
	}
	return r, strings.HasPrefix(strings.ToUpper(p.s), "X")
}

// regOrImm reads a register or #N.
func (a *assembler) regOrImm(p piece) (cpu.Reg, int64) {
	if n, ok := number(strings.TrimSpace(strings.TrimPrefix(p.s, "#"))); ok {
		return cpu.NoReg, n
	}
	r, _ := a.reg(p)
	return r, 0
}

// address reads [Xn], [Xn,#N], [Xn,Xm] or [Xn,Wm,SXTW] and emits what computes it.
func (a *assembler) address(p piece) (base cpu.Reg, off int32) {
	if !strings.HasPrefix(p.s, "[") || !strings.HasSuffix(p.s, "]") {
		a.p.fail(p, "unsupported address mode %q: supported are [Xn], [Xn,#N], [Xn,Xm], [Xn,Wm,SXTW], [Xn],#N", p.s)
		return cpu.NoReg, 0
	}
	parts := p.cut(1, len(p.s)-1).split(',')
	base, wide := a.reg(parts[0])
	if !wide && base != cpu.NoReg {
		a.p.fail(parts[0], "an address is an X register, not %q", parts[0].s)
	}
	switch {
	case len(parts) == 1:
		return base, 0
	case len(parts) == 2 && strings.HasPrefix(parts[1].s, "#"):
		_, n := a.regOrImm(parts[1])
		return base, int32(n)
	case len(parts) == 2:
		if m, wide := a.reg(parts[1]); wide {
			a.alu(cpu.Add, tempReg, base, m, 0)
			return tempReg, 0
		}
	case len(parts) == 3 && strings.EqualFold(parts[2].s, "SXTW"):
		if m, wide := a.reg(parts[1]); !wide {
			a.addExtended(tempReg, base, m)
			return tempReg, 0
		}
	}
	a.p.fail(p, "unsupported address mode %q: supported are [Xn], [Xn,#N], [Xn,Xm], [Xn,Wm,SXTW], [Xn],#N", p.s)
	return cpu.NoReg, 0
}

// addExtended emits dst = x + the signed 4-byte value of y.
func (a *assembler) addExtended(dst, x, y cpu.Reg) {
	const sign = 1 << 31
	a.alu(cpu.Xor, tempReg+1, y, cpu.NoReg, sign)
	a.alu(cpu.Sub, tempReg+1, tempReg+1, cpu.NoReg, sign)
	a.alu(cpu.Add, dst, x, tempReg+1, 0)
}

// want reports whether the instruction has n operands.
func (a *assembler) want(n int) bool {
	if len(a.args) != n {
		a.unsupported("instruction")
	}
	return len(a.args) == n
}

func (a *assembler) arm(name string) {
	if op, ok := armAccess[name]; ok {
		a.armMemory(op)
		return
	}
	if fn, ok := armALU[name]; ok {
		a.armALU(fn)
		return
	}
	switch name {
	case "NOP":
	case "MOV":
		if a.want(2) {
			dst, wide := a.reg(a.args[0])
			r, n := a.regOrImm(a.args[1])
			if !wide {
				n = int64(uint32(n))
			}
			a.alu(cpu.Mov, dst, cpu.NoReg, r, n)
		}
	case "CMP":
		if a.want(2) {
			x, wide := a.reg(a.args[0])
			y, n := a.regOrImm(a.args[1])
			a.alu(cpu.Sub, flagsReg, x, y, n)
			if !wide {
				a.narrow(flagsReg)
			}
		}
	case "CSEL":
		if a.want(4) {
			a.csel()
		}
	case "B", "B.EQ", "B.NE", "BEQ", "BNE":
		if a.want(1) {
			fn := map[byte]cpu.Fn{'B': cpu.Always, 'Q': cpu.EQ, 'E': cpu.NE}[name[len(name)-1]]
			x := flagsReg
			if fn == cpu.Always {
				x = cpu.NoReg
			}
			a.branch(fn, x, a.args[0])
		}
	case "CBZ", "CBNZ":
		if a.want(2) {
			x, _ := a.reg(a.args[0])
			a.branch(map[string]cpu.Fn{"CBZ": cpu.EQ, "CBNZ": cpu.NE}[name], x, a.args[1])
		}
	case "DMB":
		if a.want(1) {
			if fn, ok := armFences[strings.ToUpper(a.args[0].s)]; ok {
				a.fence(fn)
				return
			}
			a.p.fail(a.args[0], "unsupported barrier %q: supported are SY, LD, ST, ISH, ISHLD, ISHST", a.args[0].s)
		}
	case "ISB":
		if a.want(0) {
			a.fence(cpu.ISB)
		}
	default:
		a.unsupported("instruction")
	}
}

func (a *assembler) fence(fn cpu.Fn) {
	a.emit(cpu.Op{Code: cpu.Fence, Fn: fn, Dst: cpu.NoReg, A: cpu.NoReg, B: cpu.NoReg, C: cpu.NoReg})
}

// armMemory emits an access. Operands stand as the architecture has them: what is
// stored first, then the result, then the address.
func (a *assembler) armMemory(op cpu.Op) {
	operands := map[cpu.Code]int{cpu.Load: 2, cpu.LoadExcl: 2, cpu.Store: 2, cpu.StoreExcl: 3, cpu.RMW: 3}[op.Code]
	stadd := op.Code == cpu.RMW && len(a.args) == 2
	if stadd != (op.Code == cpu.RMW && strings.HasPrefix(strings.ToUpper(a.cur.s), "ST")) {
		a.unsupported("instruction")
		return
	}
	post := len(a.args) == operands+1 && (op.Code == cpu.Load || op.Code == cpu.Store) && strings.HasPrefix(a.args[operands].s, "#")
	if stadd {
		operands = 2
	}
	if !post && !a.want(operands) {
		return
	}
	var rs []cpu.Reg
	for i, p := range a.args[:operands-1] {
		r, wide := a.reg(p)
		rs = append(rs, r)
		if wide && (op.Code != cpu.StoreExcl || i > 0) {
			op.Flags |= cpu.Size8
		}
	}
	op.A, op.Off = a.address(a.args[operands-1])
	op.Dst, op.B, op.C = cpu.NoReg, cpu.NoReg, cpu.NoReg
	switch {
	case op.Code == cpu.Load || op.Code == cpu.LoadExcl:
		op.Dst = rs[0]
	case op.Code == cpu.Store || stadd:
		op.B = rs[0]
	case op.Code == cpu.StoreExcl:
		op.Dst, op.B = rs[0], rs[1]
	case op.Fn == cpu.Cas:
		op.C, op.B, op.Dst = rs[0], rs[1], rs[0]
	default:
		op.B, op.Dst = rs[0], rs[1]
	}
	a.emit(op)
	if post {
		_, n := a.regOrImm(a.args[operands])
		a.alu(cpu.Add, op.A, op.A, cpu.NoReg, n)
	}
}

func (a *assembler) armALU(fn cpu.Fn) {
	if len(a.args) == 4 && fn == cpu.Add && strings.EqualFold(a.args[3].s, "SXTW") {
		dst, _ := a.reg(a.args[0])
		x, _ := a.reg(a.args[1])
		y, _ := a.reg(a.args[2])
		a.addExtended(dst, x, y)
		return
	}
	if !a.want(3) {
		return
	}
	dst, wide := a.reg(a.args[0])
	x, _ := a.reg(a.args[1])
	y, n := a.regOrImm(a.args[2])
	a.alu(fn, dst, x, y, n)
	if !wide && (fn == cpu.Add || fn == cpu.Sub || n < 0) && dst != cpu.NoReg {
		a.narrow(dst)
	}
}

// csel emits a choice without a branch: mask = all ones if the condition holds, then
// dst = n ^ ((m ^ n) & ^mask). All three operands are dependencies.
func (a *assembler) csel() {
	dst, _ := a.reg(a.args[0])
	yes, _ := a.reg(a.args[1])
	no, _ := a.reg(a.args[2])
	switch strings.ToUpper(a.args[3].s) {
	case "EQ":
	case "NE":
		yes, no = no, yes
	default:
		a.p.fail(a.args[3], "unsupported condition %q: supported are EQ, NE", a.args[3].s)
	}
	t, u := tempReg, tempReg+1
	a.alu(cpu.Sub, t, cpu.NoReg, flagsReg, 0)
	a.alu(cpu.Or, t, t, flagsReg, 0)
	a.alu(cpu.Shr, t, t, cpu.NoReg, 63) // 1 if the operands compared differ
	a.alu(cpu.Sub, t, t, cpu.NoReg, 1)  // all ones if they are equal
	a.alu(cpu.Xor, u, yes, no, 0)
	a.alu(cpu.And, u, u, t, 0)
	a.alu(cpu.Xor, dst, u, no, 0)
}
