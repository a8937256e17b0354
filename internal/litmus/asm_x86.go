package litmus

import (
	"strings"

	"cohsim/cpu"
)

// x86Operand is $N, %REG or (LOCATION).
type x86Operand struct {
	kind byte // 'i', 'r', 'm', 0 if it is none
	reg  cpu.Reg
	imm  int64
}

func (a *assembler) x86Operand(p piece) x86Operand {
	s := p.s
	switch {
	case strings.HasPrefix(s, "$"):
		if n, ok := number(s[1:]); ok {
			return x86Operand{kind: 'i', reg: cpu.NoReg, imm: n}
		}
	case strings.HasPrefix(s, "%"):
		if r, ok := registerOf(X86, s); ok {
			return x86Operand{kind: 'r', reg: r}
		}
		a.p.fail(p, "undefined register %q: X86_64 has %s", s, registerList(X86))
		return x86Operand{}
	default:
		name := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(s, "("), ")"))
		if strings.HasPrefix(s, "[") {
			name = strings.TrimSpace(strings.TrimSuffix(s[1:], "]"))
		}
		if isName(name) && s != name {
			return x86Operand{kind: 'm', reg: a.base(name)}
		}
	}
	a.p.fail(p, "unsupported operand %q: supported are $N, %%REG and (LOCATION)", s)
	return x86Operand{}
}

// base is the register that holds the address of a location.
func (a *assembler) base(name string) cpu.Reg {
	i := a.p.loc(a.cur, name)
	if i >= maxX86Loc {
		a.p.fail(a.cur, "more than %d locations", maxX86Loc)
		return locReg
	}
	r := locReg + cpu.Reg(i)
	if !a.bases[i] {
		a.bases[i] = true
		a.t.Init = append(a.t.Init, RegInit{r, 0, i})
	}
	return r
}

func (a *assembler) x86(name string) {
	locked := false
	if name == "lock" && len(a.args) > 0 && a.args[0].s != "" {
		locked = true
		f := strings.Fields(a.args[0].s)
		name = strings.ToLower(f[0])
		a.args[0] = a.args[0].cut(len(f[0]), len(a.args[0].s))
	}
	fences := map[string]cpu.Fn{"mfence": cpu.Full, "sfence": cpu.StoreF, "lfence": cpu.LFence}
	if fn, ok := fences[name]; ok && len(a.args) == 0 {
		a.emit(cpu.Op{Code: cpu.Fence, Fn: fn, Dst: cpu.NoReg, A: cpu.NoReg, B: cpu.NoReg, C: cpu.NoReg})
		return
	}
	if name == "nop" && len(a.args) == 0 {
		return
	}
	name = strings.TrimSuffix(name, "l")
	if len(a.args) != 2 {
		a.unsupported("instruction")
		return
	}
	before := len(a.p.errs)
	src, dst := a.x86Operand(a.args[0]), a.x86Operand(a.args[1])
	if len(a.p.errs) > before {
		return
	}
	rmw := cpu.Op{Code: cpu.RMW, Flags: cpu.Locked, Dst: cpu.NoReg, A: dst.reg, B: src.reg, C: cpu.NoReg, Imm: src.imm}
	form := string([]byte{src.kind, dst.kind})
	switch {
	case name == "mov" && !locked && (form == "ir" || form == "rr"):
		a.alu(cpu.Mov, dst.reg, cpu.NoReg, src.reg, int64(uint32(src.imm)))
	case name == "mov" && !locked && form == "mr":
		a.emit(cpu.Op{Code: cpu.Load, Dst: dst.reg, A: src.reg, B: cpu.NoReg, C: cpu.NoReg})
	case name == "mov" && !locked && (form == "im" || form == "rm"):
		a.emit(cpu.Op{Code: cpu.Store, Dst: cpu.NoReg, A: dst.reg, B: src.reg, C: cpu.NoReg, Imm: src.imm})
	case name == "xchg" && (form == "mr" || form == "rm"): // locked with or without the prefix
		if form == "mr" {
			src, dst = dst, src
		}
		rmw.Fn, rmw.Dst, rmw.A, rmw.B = cpu.Swap, src.reg, dst.reg, src.reg
		a.emit(rmw)
	case name == "xadd" && locked && form == "rm":
		rmw.Fn, rmw.Dst = cpu.Add, src.reg
		a.emit(rmw)
	case name == "add" && locked && (form == "im" || form == "rm"):
		rmw.Fn = cpu.Add
		a.emit(rmw)
	case name == "cmpxchg" && locked && form == "rm":
		rmw.Fn, rmw.Dst, rmw.C = cpu.Cas, 1, 1 // eax: expected, then the old value
		a.emit(rmw)
	default:
		a.unsupported("instruction")
	}
}
