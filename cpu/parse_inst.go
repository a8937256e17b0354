package cpu

import (
	"fmt"
	"slices"
	"strings"
)

// instruction reads "label: … mnemonic operands hint ghost EVENT ROLE …".
func (p *parser) instruction() {
	for p.peek().kind == tokName && p.pos+1 < len(p.toks) && p.toks[p.pos+1].kind == tokPunct && p.toks[p.pos+1].text == ":" {
		t, _ := p.declare(false)
		p.pos++
		if _, twice := p.labelled[t.text]; twice {
			p.fail(t.col, "label %q is defined twice", t.text)
			continue
		}
		p.labels = append(p.labels, t.text)
		p.labelled[t.text] = Problem{File: p.file, Line: p.lineNo, Col: t.col, Excerpt: p.line}
	}
	name := p.peek()
	if name.kind == tokEnd {
		if p.note != "" { // a label's comment moves above its instruction
			p.comments = append(p.comments, p.note)
		}
		return
	}
	in := Inst{Labels: p.labels, Line: p.lineNo, Col: name.col, Source: p.line, Note: p.note}
	in.Doc = strings.Join(p.comments, "\n")
	p.labels, p.comments, p.adjacent = nil, nil, false
	if !p.body(&in) {
		in.Name, in.Args, in.Call = "", nil, nil // keeps its labels, so that they are not reported missing
		p.broken = true
	}
	p.cur.Insts = append(p.cur.Insts, in)
}

// body reads all of an instruction behind its labels. On a problem it reports
// that one and gives the line up.
func (p *parser) body(in *Inst) bool {
	name := p.next()
	if name.kind != tokName || name.text == "_" {
		p.fail(name.col, "expected an instruction, not %s", describe(name))
		return false
	}
	m, msg, near := splitMnemonic(name.text)
	if msg != "" {
		p.suggest(name.col, near, "%s", msg)
		return false
	}
	in.Name = m.String()
	ok := false
	switch m.form.name {
	case "call":
		ok = p.call(in)
	case "mark": // no comma between its two words
		ok = p.operand(in, 'k') && p.operand(in, 'e')
	default:
		ok = p.operands(in, m.form)
	}
	if !ok {
		return false
	}
	for p.peek().kind == tokName {
		t := p.next()
		switch {
		case t.text == "ghost":
			if !p.ghost(in) {
				return false
			}
		case (t.text == "likely" || t.text == "unlikely") && m.form.hint:
			if in.Hint != "" || len(in.Ghosts) > 0 {
				p.fail(t.col, "a hint stands once, right behind the label")
				return false
			}
			in.Hint = t.text
		default:
			p.suggest(t.col, nearest(t.text, reservedWords), "unexpected %q behind the operands", t.text)
			return false
		}
	}
	if t := p.peek(); t.kind != tokEnd {
		p.fail(t.col, "expected the end of the line, not %s", describe(t))
		return false
	}
	return true
}

// operands reads the list up to the end of the line or a trailing word.
func (p *parser) operands(in *Inst, f *textForm) bool {
	start := p.peek()
	if start.kind == tokEnd || start.kind == tokName && slices.Contains(reservedWords, start.text) {
		return p.counted(in, f, start.col)
	}
	// The letters depend on how many operands there are (work), so count first.
	n := 1
	for _, t := range p.toks[p.pos:] {
		if t.kind == tokPunct && t.text == "," {
			n++
		}
	}
	args, _ := f.shape(n)
	for i := 0; ; i++ {
		kind := byte('v')
		if i < len(args) {
			kind = args[i]
		}
		if !p.operand(in, kind) {
			return false
		}
		if !p.accept(",") {
			return p.counted(in, f, start.col)
		}
	}
}

// counted checks the number of operands.
func (p *parser) counted(in *Inst, f *textForm, col int) bool {
	if _, ok := f.shape(len(in.Args)); ok {
		return true
	}
	p.fail(col, "%s", wrongCount(f, len(in.Args)))
	return false
}

func wrongCount(f *textForm, got int) string {
	if f.args == "" && f.alt == "" {
		return fmt.Sprintf("%q takes no operand", f.name)
	}
	s := fmt.Sprintf("%q takes %d operand", f.name, len(f.args))
	if len(f.args) != 1 {
		s += "s"
	}
	s += fmt.Sprintf(", not %d: %s", got, f.usage(f.args))
	if f.alt != "" {
		s += " (or " + f.usage(strings.TrimPrefix(f.alt, "-")) + ")"
	}
	return s
}

// operand reads one operand that stands where kind is wanted; whether its name
// exists is judged later, by checkProc.
func (p *parser) operand(in *Inst, kind byte) bool {
	t := p.next()
	o := Operand{Col: t.col}
	switch t.kind {
	case tokNumber:
		v, msg := scanNumber(t.text)
		if msg != "" {
			p.fail(t.col, "%s", msg)
			return false
		}
		o.Kind, o.Imm = OpdImm, v
	case tokMem:
		m, msg := scanMem(t.text, t.col)
		if msg != "" {
			p.fail(t.col, "%s", msg)
			return false
		}
		o = m
	case tokName:
		switch {
		case t.text == "_":
			o.Kind = OpdNone
		case slices.Contains(reservedWords, t.text):
			p.fail(t.col, "expected an operand, not %q", t.text)
			return false
		case strings.IndexByte("lxke", kind) >= 0:
			o.Kind, o.Name = OpdLabel, t.text
		default:
			o.Kind, o.Name = OpdReg, t.text
		}
	default:
		p.fail(t.col, "expected an operand, not %s", describe(t))
		return false
	}
	in.Args = append(in.Args, o)
	return true
}

func (p *parser) ghost(in *Inst) bool {
	event, role := p.next(), p.peek()
	if event.kind != tokName || !isDottedName(event.text) {
		p.fail(event.col, "expected the ghost event, not %s: ghost EVENT ROLE", describe(event))
		return false
	}
	if event.text == callerGhost {
		in.Ghosts = append(in.Ghosts, GhostText{Event: callerGhost})
		return true
	}
	if role.kind != tokName || !isPlainName(role.text) || slices.Contains(reservedWords, role.text) {
		p.fail(role.col, "expected the register whose object the ghost event concerns, not %s: ghost EVENT ROLE", describe(role))
		return false
	}
	p.next()
	in.Ghosts = append(in.Ghosts, GhostText{event.text, role.text})
	return true
}

// call reads "NAME(args) -> outs exit=label …".
func (p *parser) call(in *Inst) bool {
	const form = "call NAME(args) -> outs exit=label …"
	name := p.next()
	if name.kind != tokName || !isDottedName(name.text) {
		p.fail(name.col, "expected the name of a program, not %s: %s", describe(name), form)
		return false
	}
	in.Call = &Call{Callee: name.text, Exits: map[string]string{}}
	if !p.accept("(") {
		p.fail(p.peek().col, "expected \"(\", not %s: %s", describe(p.peek()), form)
		return false
	}
	if !p.accept(")") {
		var args Inst
		for {
			if !p.operand(&args, 'v') {
				return false
			}
			if p.accept(")") {
				break
			}
			if !p.accept(",") {
				p.fail(p.peek().col, "expected \",\" or \")\", not %s", describe(p.peek()))
				return false
			}
		}
		in.Call.Args = args.Args
	}
	if p.accept("->") {
		for {
			t := p.next()
			if t.kind != tokName || t.text != "_" && !isPlainName(t.text) {
				p.fail(t.col, "expected a register for the result, not %s", describe(t))
				return false
			}
			in.Call.Outs = append(in.Call.Outs, t.text)
			if !p.accept(",") {
				break
			}
		}
	}
	for p.peek().kind == tokName && !slices.Contains(reservedWords, p.peek().text) {
		if !p.callExit(in.Call) {
			return false
		}
	}
	return true
}

// callExit reads "exit=label" or "exit=exit:NAME".
func (p *parser) callExit(c *Call) bool {
	exit := p.next()
	if !isPlainName(exit.text) || !p.accept("=") {
		p.fail(exit.col, "expected exit=label, not %s", describe(exit))
		return false
	}
	to := p.next()
	if to.kind != tokName || !isPlainName(to.text) {
		p.fail(to.col, "expected the label that exit %q goes to, not %s", exit.text, describe(to))
		return false
	}
	target := to.text
	if to.text == "exit" && p.accept(":") {
		own := p.next()
		if own.kind != tokName || !isPlainName(own.text) {
			p.fail(own.col, "expected the name of an exit, not %s", describe(own))
			return false
		}
		target = "exit:" + own.text
	}
	if _, twice := c.Exits[exit.text]; twice {
		p.fail(exit.col, "exit %q is given twice", exit.text)
		return false
	}
	c.Exits[exit.text] = target
	c.Order = append(c.Order, exit.text)
	return true
}
