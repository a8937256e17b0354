package cpu

import (
	"fmt"
	"strings"
)

// checkProc judges a whole program: names, operand kinds, labels, flow. With
// broken set (lines were lost) it says nothing about what a lost line may have
// held. Link runs it too, because a Proc may be made in Go; labelled says where
// labels stand in a text.
func checkProc(p *Proc, broken bool, labelled map[string]Problem) Problems {
	c := &procCheck{p: p, kinds: map[string]nameKind{"task": nameTask}, labels: map[string]int{}, labelled: labelled, used: map[string]bool{}, broken: broken}
	c.declare()
	for i := range p.Insts {
		for _, l := range p.Insts[i].Labels {
			if _, twice := c.labels[l]; twice {
				c.fail(&p.Insts[i], 0, "", "label %q is defined twice", l)
			}
			c.labels[l] = i
			c.labelNames = append(c.labelNames, l)
		}
	}
	for i := range p.Insts {
		if p.Insts[i].Name != "" {
			c.inst(&p.Insts[i])
		}
	}
	if broken {
		return c.probs
	}
	for i := range p.Insts {
		for _, l := range p.Insts[i].Labels {
			if c.used[l] {
				continue
			}
			c.fail(&p.Insts[i], 0, "", "label %q is never used", l)
			if at, ok := labelled[l]; ok {
				last := &c.probs[len(c.probs)-1]
				last.Line, last.Col, last.Excerpt = at.Line, at.Col, at.Excerpt
			}
		}
	}
	if len(p.Insts) == 0 {
		c.fail(nil, 0, "", "program %q has no instruction", p.Name)
	}
	if len(c.probs) == 0 { // flow means something only where every name does
		c.flow()
	}
	return c.probs
}

// colOf finds a word of an instruction that carries no column of its own (ghost
// roles, results and exits of calls); the last one, as they stand at the end.
func colOf(in *Inst, word string) int {
	for end := len(in.Source); end > 0; {
		i := strings.LastIndex(in.Source[:end], word)
		if i < 0 {
			break
		}
		after := i + len(word)
		if (i == 0 || !isNameByte(in.Source[i-1])) && (after == len(in.Source) || !isNameByte(in.Source[after])) {
			return i + 1
		}
		end = i
	}
	return 0
}

type nameKind uint8

const (
	nameNone nameKind = iota
	nameTask
	nameRole
	nameIn
	nameOut
	nameReg
	nameConst
	nameParam
)

func (k nameKind) isReg() bool { return nameTask <= k && k <= nameReg }

type procCheck struct {
	p          *Proc
	kinds      map[string]nameKind
	structs    map[string]string // register -> struct it points to
	names      []string          // every declared name, for suggestions
	labels     map[string]int    // label -> instruction
	labelNames []string
	labelled   map[string]Problem // where labels stand, those without an instruction included
	used       map[string]bool    // labels
	broken     bool
	probs      Problems
}

func (c *procCheck) fail(in *Inst, col int, suggestion, format string, args ...any) {
	c.probs = append(c.probs, problemAt(c.p, in, col, suggestion, format, args...))
}

// problemAt places a problem at an instruction of p, or at its head (in nil).
func problemAt(p *Proc, in *Inst, col int, suggestion, format string, args ...any) Problem {
	pr := Problem{File: p.File, Line: p.Line, Msg: fmt.Sprintf(format, args...), Suggestion: suggestion}
	if pr.File == "" {
		pr.File = p.Name // made in Go: the name is all there is
	}
	if in == nil {
		return pr
	}
	pr.Line, pr.Excerpt = in.Line, in.Source
	if in.Source == "" {
		pr.Excerpt = instText(in)
		return pr
	}
	if pr.Col = col; col == 0 {
		pr.Col = in.Col
	}
	return pr
}

func (c *procCheck) declare() {
	p := c.p
	c.structs = structsOf(p)
	c.names = append(c.names, "task")
	add := func(name string, k nameKind) {
		if c.kinds[name] != nameNone && p.File == "" { // text was told by the parser
			c.fail(nil, 0, "", "program %q declares %q twice", p.Name, name)
		}
		c.kinds[name] = k
		c.names = append(c.names, name)
	}
	for _, r := range p.Roles {
		add(r.Name, nameRole)
	}
	for _, n := range p.Ins {
		add(n, nameIn)
	}
	for _, n := range p.Outs {
		add(n, nameOut)
	}
	for _, n := range p.Regs {
		add(n, nameReg)
	}
	for _, k := range p.Consts {
		add(k.Name, nameConst)
	}
	for _, n := range p.Params {
		add(n, nameParam)
	}
}

// structsOf maps each register of p that points to a struct to its name.
func structsOf(p *Proc) map[string]string {
	m := map[string]string{"task": "task_struct"}
	for _, r := range p.Roles {
		m[r.Name] = r.Struct
	}
	for _, r := range p.Types {
		m[r.Name] = r.Struct
	}
	return m
}

// known finds a name, or reports it.
func (c *procCheck) known(in *Inst, name string, col int) nameKind {
	k := c.kinds[name]
	if k == nameNone {
		c.fail(in, col, nearest(name, c.names), "%q is not declared", name)
	}
	return k
}

func (c *procCheck) inst(in *Inst) {
	m, msg, near := splitMnemonic(in.Name)
	if msg != "" {
		c.fail(in, 0, near, "%s", msg)
		return
	}
	args, ok := m.form.shape(len(in.Args))
	if !ok {
		c.fail(in, 0, "", "%s", wrongCount(m.form, len(in.Args)))
		return
	}
	for i, o := range in.Args {
		c.operand(in, m, args[i], o)
	}
	for _, g := range in.Ghosts {
		if g.Event == callerGhost {
			continue
		}
		if k := c.known(in, g.Role, colOf(in, g.Role)); k != nameNone && !k.isReg() {
			c.fail(in, colOf(in, g.Role), "", "a ghost event concerns the object a register points to; %q is a number", g.Role)
		}
	}
	if len(in.Ghosts) > 0 && m.form.noOp && m.form.name != "call" {
		c.fail(in, 0, "", "%q is not always an op, so it cannot carry a ghost event", m.form.name)
	}
	switch {
	case m.form.name == "call" && in.Call == nil:
		c.fail(in, 0, "", "a call without a program to call")
	case m.form.name == "call":
		c.call(in)
	case m.form.name == "exit" && len(in.Args) == 0 && len(c.p.Exits) > 0:
		c.fail(in, 0, "", "this program has named exits; leave by one of them: exit %s", strings.Join(c.p.Exits, "|"))
	}
}

// operand checks one operand against what its place wants.
func (c *procCheck) operand(in *Inst, m mnemonic, want byte, o Operand) {
	wrong := func(what string) {
		c.fail(in, o.Col, "", "%q wants %s here, not %s", m.form.name, what, operandText(o))
	}
	switch want {
	case 'd', 'r':
		if o.Kind == OpdNone && want == 'd' {
			return
		}
		if o.Kind != OpdReg {
			wrong("a result register")
			return
		}
		c.writable(in, o.Name, o.Col)
	case 'v':
		if o.Kind != OpdImm && o.Kind != OpdReg {
			wrong("a register or a number")
		} else if o.Kind == OpdReg {
			c.known(in, o.Name, o.Col)
		}
	case 'n':
		if o.Kind == OpdImm && o.Imm < 0 {
			c.fail(in, o.Col, "", "work cannot last %d cycles", o.Imm)
		} else if o.Kind == OpdReg {
			if k := c.known(in, o.Name, o.Col); k.isReg() && k != nameIn {
				wrong("a number, constant or parameter")
			}
		} else if o.Kind != OpdImm {
			wrong("a number, constant or parameter")
		}
	case 'm':
		if o.Kind != OpdMem {
			wrong("a memory operand such as [role.field] or [reg+8]")
			return
		}
		k := c.known(in, o.Name, o.Col)
		if o.Field != "" && k != nameNone && c.structs[o.Name] == "" {
			c.fail(in, o.Col, "", "%q points to no known struct, so it has no field %q; declare it as a role, or as NAME:STRUCT", o.Name, o.Field)
		}
	case 'l':
		if o.Kind != OpdLabel {
			wrong("a label")
			return
		}
		c.label(in, o.Name, o.Col)
	case 'x':
		if o.Kind != OpdLabel {
			wrong("an exit")
			return
		}
		c.exit(in, o.Name, o.Col)
	case 'k':
		if o.Kind != OpdLabel || o.Name != "begin" && o.Name != "end" {
			wrong("begin or end")
		}
	case 'e':
		if o.Kind != OpdLabel || !isDottedName(o.Name) {
			wrong("a name")
		}
	}
}

// writable reports what cannot take a result.
func (c *procCheck) writable(in *Inst, name string, col int) {
	switch k := c.known(in, name, col); {
	case k == nameTask:
		c.fail(in, col, "", "\"task\" always points to the thread's task_struct and cannot be written")
	case k == nameConst || k == nameParam:
		c.fail(in, col, "", "%q is a number, not a register; it cannot take a result", name)
	}
}

func (c *procCheck) label(in *Inst, name string, col int) {
	c.used[name] = true
	_, written := c.labelled[name]
	if _, ok := c.labels[name]; !ok && !written {
		c.fail(in, col, nearest(name, c.labelNames), "label %q is not defined", name)
	}
}

func (c *procCheck) exit(in *Inst, name string, col int) {
	for _, e := range c.p.Exits {
		if e == name {
			return
		}
	}
	c.fail(in, col, nearest(name, c.p.Exits), "program %q has no exit %q", c.p.Name, name)
}

func (c *procCheck) call(in *Inst) {
	for _, o := range in.Call.Args {
		switch o.Kind {
		case OpdReg:
			c.known(in, o.Name, o.Col)
		case OpdImm:
		case OpdMem:
			c.operand(in, mnemonic{form: &textForm{name: "call"}}, 'm', o)
			if o.Field == "" || o.Imm != 0 {
				c.fail(in, o.Col, "", "an argument is a register, a number, or a member of a struct such as [mm.mmap_lock], not %s", operandText(o))
			}
		default:
			c.fail(in, o.Col, "", "an argument is a register, a number, or a member of a struct such as [mm.mmap_lock], not %s", operandText(o))
		}
	}
	for i, name := range in.Call.Outs {
		if name == "_" {
			continue
		}
		c.writable(in, name, colOf(in, name))
		for _, other := range in.Call.Outs[:i] {
			if other == name {
				c.fail(in, colOf(in, name), "", "%q takes two results of one call", name)
			}
		}
	}
	for _, e := range in.Call.Order {
		to := in.Call.Exits[e]
		if own, ok := strings.CutPrefix(to, "exit:"); ok {
			c.exit(in, own, colOf(in, own))
		} else {
			c.label(in, to, colOf(in, to))
		}
	}
}
