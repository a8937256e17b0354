package litmus

import (
	"fmt"
	"strings"

	"cohsim/cpu"
)

// The registers of both architectures lie from register 1 on (register 0 is the
// machine's own); behind them what instructions need besides.
const (
	flagsReg  cpu.Reg = 40 // difference of the last compare
	tempReg   cpu.Reg = 41 // and one more
	locReg    cpu.Reg = 46 // X86_64: address of location 0, 1, …
	maxX86Loc         = int(cpu.NumRegs - locReg)
)

var x86Regs = []string{"ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// registerOf returns the register of a name; cpu.NoReg is the zero register.
func registerOf(a Arch, s string) (cpu.Reg, bool) {
	s = strings.ToLower(s)
	if a == X86 {
		s = strings.TrimPrefix(s, "%")
		if !strings.HasPrefix(s, "r") && !strings.HasPrefix(s, "e") {
			return 0, false
		}
		for i, n := range x86Regs {
			if s == n || s == n+"d" || s[1:] == n && n[0] != 'r' {
				return cpu.Reg(i + 1), true
			}
		}
		return 0, false
	}
	if s == "wzr" || s == "xzr" {
		return cpu.NoReg, true
	}
	var n int
	if len(s) < 2 || s[0] != 'w' && s[0] != 'x' {
		return 0, false
	}
	if _, err := fmt.Sscanf(s[1:], "%d", &n); err != nil || n < 0 || n > 30 || fmt.Sprint(n) != s[1:] {
		return 0, false
	}
	return cpu.Reg(n + 1), true
}

// fullRegister is the name of the whole register that a name belongs to.
func fullRegister(a Arch, s string) string {
	r, _ := registerOf(a, s)
	if a == AArch64 {
		return fmt.Sprintf("X%d", r-1)
	}
	if n := x86Regs[r-1]; n[0] == 'r' {
		return n
	}
	return "r" + x86Regs[r-1]
}

func registerList(a Arch) string {
	if a == AArch64 {
		return "X0 to X30, W0 to W30, XZR, WZR"
	}
	return "eax, ebx, ecx, edx, esi, edi, ebp, esp, r8d to r15d and their r forms"
}

// assembler turns the cells of one thread into ops.
type assembler struct {
	p      *parser
	arch   Arch
	n      int
	t      *Thread
	labels map[string]int
	jumps  []jump
	cur    piece // the instruction
	args   []piece
	bases  map[int]bool // X86_64: locations whose address is in a register
}

type jump struct {
	op    int
	label piece
}

func newAssembler(p *parser, n int) *assembler {
	return &assembler{p: p, arch: p.arch, n: n, t: &p.t.Threads[n], labels: map[string]int{}, bases: map[int]bool{}}
}

// cell reads labels and at most one instruction.
func (a *assembler) cell(c piece) {
	for {
		colon := strings.IndexByte(c.s, ':')
		if colon < 0 || !isName(strings.TrimSpace(c.s[:colon])) {
			break
		}
		name := strings.TrimSpace(c.s[:colon])
		if _, dup := a.labels[name]; dup {
			a.p.fail(c, "label %q stands twice in P%d", name, a.n)
		}
		a.labels[name] = len(a.t.Ops)
		c = c.cut(colon+1, len(c.s))
	}
	if c.s == "" {
		return
	}
	a.cur = c
	end := strings.IndexAny(c.s, " \t")
	if end < 0 {
		end = len(c.s)
	}
	name := strings.ToUpper(c.s[:end])
	a.args = splitArgs(c.cut(end, len(c.s)))
	if a.arch == X86 {
		a.x86(strings.ToLower(name))
	} else {
		a.arm(name)
	}
}

// splitArgs cuts at commas outside of brackets.
func splitArgs(c piece) []piece {
	var out []piece
	depth, from := 0, 0
	for i := 0; i <= len(c.s); i++ {
		if i < len(c.s) {
			switch c.s[i] {
			case '[', '(':
				depth++
			case ']', ')':
				depth--
			}
		}
		if i == len(c.s) || c.s[i] == ',' && depth == 0 {
			if a := c.cut(from, i); a.s != "" || i < len(c.s) {
				out = append(out, a)
			}
			from = i + 1
		}
	}
	return out
}

func (a *assembler) emit(op cpu.Op) {
	op.Site = int32(len(a.t.Ops))
	a.t.Ops = append(a.t.Ops, op)
	a.t.Text = append(a.t.Text, strings.Join(strings.Fields(a.cur.s), " "))
}

// alu emits Dst = A fn B; a B of cpu.NoReg stands for imm.
func (a *assembler) alu(fn cpu.Fn, dst, x, y cpu.Reg, imm int64) {
	a.emit(cpu.Op{Code: cpu.ALU, Fn: fn, Dst: dst, A: x, B: y, C: cpu.NoReg, Imm: imm})
}

// narrow cuts a result to 4 bytes.
func (a *assembler) narrow(dst cpu.Reg) { a.alu(cpu.And, dst, dst, cpu.NoReg, 0xffffffff) }

func (a *assembler) branch(fn cpu.Fn, x cpu.Reg, label piece) {
	a.jumps = append(a.jumps, jump{len(a.t.Ops), label})
	a.emit(cpu.Op{Code: cpu.Branch, Fn: fn, Dst: cpu.NoReg, A: x, B: cpu.NoReg, C: cpu.NoReg})
}

func (a *assembler) finish() {
	for _, j := range a.jumps {
		at, ok := a.labels[j.label.s]
		if !ok {
			a.p.fail(j.label, "P%d has no label %q", a.n, j.label.s)
		}
		op := &a.t.Ops[j.op]
		op.Off = int32(at)
		if at <= j.op {
			op.Flags |= cpu.Likely
		}
	}
}

// unsupported reports an instruction whose form is not known.
func (a *assembler) unsupported(what string) {
	a.p.fail(a.cur, "unsupported %s %q: supported are %s", what, strings.Join(strings.Fields(a.cur.s), " "), Supported(a.arch))
}

// Supported lists the instructions of an architecture that tests may use.
func Supported(a Arch) string {
	if a == X86 {
		return "movl, xchgl, [lock] xaddl, lock addl, lock cmpxchgl, mfence, sfence, lfence, nop over $N, %REG and (LOCATION)"
	}
	return "MOV, LDR, STR, LDAR, LDAPR, STLR, LDXR, LDAXR, STXR, STLXR, LDADD, LDSET, SWP, CAS (each with A, L, AL), STADD, STSET (with L), " +
		"ADD, SUB, AND, ORR, EOR, CMP, CSEL, B, B.EQ, B.NE, CBZ, CBNZ, DMB SY|LD|ST|ISH|ISHLD|ISHST, ISB, NOP; addresses [Xn], [Xn,#N], [Xn,Xm], [Xn,Wm,SXTW], [Xn],#N"
}
