package cpu

import (
	"slices"
	"strings"
)

// call inlines a callee. Arguments are passed by name: an input that the callee
// never writes is the caller's own register or number, and a result is written
// straight to the caller's register, unless the callee could see the difference.
func (l *linker) call(f *frame, in *Inst) {
	c := in.Call
	callee, ok := (*Proc)(nil), false
	if l.o.Library != nil {
		callee, ok = l.o.Library(c.Callee)
	}
	if !ok {
		l.fail(f, in, 0, "", "there is no program %q to call", c.Callee)
		return
	}
	for up := f; up != nil; up = up.up {
		if up.p == callee || up.p.Name == callee.Name {
			l.fail(f, in, 0, "", "program %q calls itself; calls are inlined, so they cannot recurse", c.Callee)
			return
		}
	}
	if !l.check(callee) || !l.agree(f, in, callee) {
		return
	}
	g := l.newFrame(callee, f)
	g.ghosts = l.ghosts(f, in)
	if len(g.ghosts) > 0 && !slices.ContainsFunc(callee.Insts, takesCallers) {
		l.fail(f, in, 0, "", "program %q has no op with \"ghost caller\", so the call cannot say what an op of it means", callee.Name)
	}
	written := l.writtenBy(callee)
	var seen []Reg // the caller's registers that the callee reads under a name of its own
	for i, o := range c.Args {
		name := inputName(callee, i)
		if o.Kind == OpdMem {
			g.members[name] = f.member(o)
			o = Operand{Kind: OpdReg, Name: o.Name, Col: o.Col}
		} else if m, ok := f.members[o.Name]; ok && o.Kind == OpdReg && i < len(callee.Roles) {
			g.members[name] = m
		}
		v := l.passed(f, o)
		switch {
		case slices.Contains(written, name) || i < len(callee.Roles) && v.reg == NoReg:
			l.decides(v)
			r := l.local(g, name)
			l.emit(f, in, Op{Code: ALU, Fn: Mov, Dst: r, A: NoReg, B: v.reg, C: NoReg, Imm: v.imm}, "mov "+name+", "+operandText(o), -1)
		default:
			g.names[name] = v
			if v.reg != NoReg {
				seen = append(seen, v.reg)
			}
		}
	}
	for i, n := range callee.Outs {
		dst := "_"
		if i < len(c.Outs) {
			dst = c.Outs[i]
		}
		if dst == "_" {
			l.local(g, n)
			continue
		}
		if to := f.names[dst].reg; slices.Contains(seen, to) {
			g.moves = append(g.moves, move{l.local(g, n), to, "mov " + dst + ", " + n})
		} else {
			g.names[n] = value{reg: to}
		}
	}
	for _, n := range callee.Regs {
		l.local(g, n)
	}
	// An exit that is an exit of f too leaves f with f's own results: through a
	// landing at the end of f if there are any to copy.
	for _, e := range c.Order {
		own, isExit := strings.CutPrefix(c.Exits[e], "exit:")
		switch {
		case !isExit:
			g.exits[e] = f.labels[c.Exits[e]]
		case len(f.moves) == 0:
			g.exits[e] = f.exits[own]
		default:
			g.exits[e] = l.label()
			f.landings = append(f.landings, landing{in, g.exits[e], f.exits[own]})
		}
	}
	l.body(g)
	l.place(g.end)
	if len(callee.Exits) == 0 {
		l.results(g, in)
	}
	for _, at := range g.landings { // no path runs off the end of g into them: g has exits
		l.place(at.label)
		l.results(g, at.call)
		l.jump(g, at.call, at.to, "")
	}
}

// writtenBy lists the names that p writes.
func (l *linker) writtenBy(p *Proc) []string {
	out, ok := l.notes.written[p]
	if !ok {
		for i := range p.Insts {
			out = append(out, results(&p.Insts[i])...)
		}
		l.notes.written[p] = out
	}
	return out
}

// member is what a memory operand names as an argument: "[mm.mmap_lock]".
func (f *frame) member(o Operand) member {
	m, ok := f.members[o.Name]
	if !ok {
		return member{f.structs[o.Name], o.Field}
	}
	return member{m.outer, m.path + "." + o.Field}
}

// takesCallers reports whether an instruction carries the ghosts of the call.
func takesCallers(in Inst) bool {
	return slices.ContainsFunc(in.Ghosts, func(g GhostText) bool { return g.Event == callerGhost })
}

// inputName is the callee's name for argument i: roles first, then ins.
func inputName(p *Proc, i int) string {
	if i < len(p.Roles) {
		return p.Roles[i].Name
	}
	return p.Ins[i-len(p.Roles)]
}

// agree checks a call against the callee's declarations.
func (l *linker) agree(f *frame, in *Inst, callee *Proc) bool {
	c, before := in.Call, len(l.probs)
	if want := len(callee.Roles) + len(callee.Ins); len(c.Args) != want {
		names := make([]string, want)
		for i := range names {
			names[i] = inputName(callee, i)
		}
		l.fail(f, in, 0, "", "%q takes %d arguments, not %d: %s(%s)", callee.Name, want, len(c.Args), callee.Name, strings.Join(names, ", "))
	} else {
		wants := structsOf(callee)
		for i, o := range c.Args {
			name := inputName(callee, i)
			want, have := wants[name], f.structs[o.Name]
			_, within := f.members[o.Name]
			if (within && o.Kind == OpdReg || o.Kind == OpdMem) && (i >= len(callee.Roles) || slices.Contains(l.writtenBy(callee), name)) {
				l.fail(f, in, o.Col, "", "%s is a member of a struct, so it can only be passed as a role that the callee does not write; %q of program %q is none", operandText(o), name, callee.Name)
			}
			if o.Kind == OpdReg && want != "" && have != "" && want != have {
				l.fail(f, in, o.Col, "", "%q of program %q points to a %s, and %q to a %s", name, callee.Name, want, o.Name, have)
			}
		}
	}
	if len(c.Outs) > len(callee.Outs) {
		l.fail(f, in, 0, "", "the call takes %d results of %q, which has %d", len(c.Outs), callee.Name, len(callee.Outs))
	}
	for _, e := range c.Order {
		if !slices.Contains(callee.Exits, e) {
			l.fail(f, in, 0, nearest(e, callee.Exits), "program %q has no exit %q", callee.Name, e)
		}
	}
	var missing []string
	for _, e := range callee.Exits {
		if _, ok := c.Exits[e]; !ok {
			missing = append(missing, e)
		}
	}
	if len(missing) > 0 {
		l.fail(f, in, 0, "", "the call does not say where exit %s of %q goes", strings.Join(missing, ", "), callee.Name)
	}
	return len(l.probs) == before
}
