package cpu

import (
	"fmt"
	"strings"
	"unicode"
)

// Parse reads the programs of a .uop text (docs/uop.md). It reports every
// problem it can find in one pass; the error is then Problems.
func Parse(file string, src []byte) ([]*Proc, error) {
	p := &parser{file: file}
	for _, line := range strings.Split(strings.TrimPrefix(string(src), "\ufeff"), "\n") {
		p.lineNo++
		p.line = strings.TrimRight(line, "\r")
		p.parseLine()
	}
	p.closeProc()
	if len(p.procs) == 0 && len(p.probs) == 0 {
		p.lineNo, p.line = 1, ""
		p.fail(0, "the file holds no program")
	}
	if err := p.probs.err(); err != nil {
		return nil, err
	}
	return p.procs, nil
}

type parser struct {
	file   string
	lineNo int
	line   string
	procs  []*Proc
	probs  Problems

	cur      *Proc
	declared map[string]bool    // names of cur's registers, constants and parameters
	named    map[string]bool    // names of programs so far
	labels   []string           // labels that wait for an instruction
	labelled map[string]Problem // where each label of cur stands
	comments []string           // comment lines that wait for a program or an instruction
	block    int                // where the last unbroken block of them starts
	adjacent bool               // no blank line since the last of them
	broken   bool               // cur has lines that could not be read
	homeless bool               // text before the first program was already reported

	toks []token // of the current line
	pos  int
	note string
}

func (p *parser) fail(col int, format string, args ...any) {
	p.suggest(col, "", format, args...)
}

func (p *parser) suggest(col int, suggestion, format string, args ...any) {
	p.probs = append(p.probs, Problem{p.file, p.lineNo, col, fmt.Sprintf(format, args...), suggestion, p.line})
}

func (p *parser) peek() token {
	if p.pos < len(p.toks) {
		return p.toks[p.pos]
	}
	return token{kind: tokEnd, col: len(p.line) + 1}
}

func (p *parser) next() token {
	t := p.peek()
	p.pos++
	return t
}

// accept takes the next token if it is this punctuation.
func (p *parser) accept(punct string) bool {
	if t := p.peek(); t.kind == tokPunct && t.text == punct {
		p.pos++
		return true
	}
	return false
}

func describe(t token) string {
	switch t.kind {
	case tokEnd:
		return "the end of the line"
	case tokMem:
		return fmt.Sprintf("%q", "["+t.text+"]")
	}
	return fmt.Sprintf("%q", t.text)
}

func (p *parser) parseLine() {
	toks, comment, col, msg := scanLine(p.line)
	p.toks, p.pos, p.note = toks, 0, commentText(comment)
	if msg != "" {
		p.fail(col, "%s", msg)
		p.spoil()
		return
	}
	if len(toks) == 0 {
		if comment == "" {
			p.adjacent = false
			return
		}
		if !p.adjacent {
			p.block = len(p.comments)
		}
		p.comments, p.adjacent = append(p.comments, p.note), true
		return
	}
	first := toks[0]
	isLabel := len(toks) > 1 && toks[1].text == ":" // a label may be called "out"
	switch {
	case first.kind == tokName && first.text == "program" && !isLabel:
		p.program()
	case p.cur == nil:
		if !p.homeless {
			p.fail(first.col, "this stands before the first program; a program opens with \"program NAME\"")
			p.homeless = true
		}
	case first.kind == tokName && !isLabel && p.isDecl(first.text):
		p.declaration()
		p.comments, p.adjacent = nil, false
	default:
		p.instruction()
	}
}

// commentText strips the "#" and the one space behind it.
func commentText(c string) string {
	return strings.TrimRightFunc(strings.TrimPrefix(strings.TrimPrefix(c, "#"), " "), unicode.IsSpace)
}

// spoil remembers that a line of the current program was lost, which makes
// judgements on the whole of it (labels, flow) unsafe.
func (p *parser) spoil() {
	p.broken = true
	p.labels = nil
}

func (p *parser) program() {
	p.closeProc()
	if p.named == nil {
		p.named = map[string]bool{}
	}
	p.next()
	name := p.next()
	p.cur = &Proc{Name: name.text, File: p.file, Line: p.lineNo}
	p.declared, p.broken = map[string]bool{"task": true}, false
	p.labelled = map[string]Problem{}
	if p.adjacent && p.block <= len(p.comments) { // what stands above a blank line is about the file
		p.cur.Doc = strings.Join(p.comments[p.block:], "\n")
	}
	p.comments, p.adjacent = nil, false
	switch {
	case name.kind != tokName || !isDottedName(name.text):
		p.fail(name.col, "expected the name of the program, not %s", describe(name))
		p.broken = true
	case p.named[name.text]:
		p.fail(name.col, "program %q is defined twice", name.text)
	}
	p.named[name.text] = true
	p.expectEnd()
}

// closeProc judges the finished program as a whole.
func (p *parser) closeProc() {
	if p.cur == nil {
		return
	}
	if len(p.labels) > 0 {
		for _, l := range p.labels {
			at := p.labelled[l]
			at.Msg = fmt.Sprintf("label %q stands before no instruction; end the program with one, for example \"exit\"", l)
			p.probs = append(p.probs, at)
		}
		p.spoil()
	}
	p.probs = append(p.probs, checkProc(p.cur, p.broken, p.labelled)...)
	p.procs = append(p.procs, p.cur)
	p.cur = nil
}

func (p *parser) expectEnd() {
	if t := p.peek(); t.kind != tokEnd {
		p.fail(t.col, "expected the end of the line, not %s", describe(t))
	}
}

// isDecl tells declarations from instructions. "exit NAME" is a declaration
// until its name is declared or the first instruction has passed.
func (p *parser) isDecl(word string) bool {
	if word != "exit" {
		for _, w := range declWords {
			if w == word {
				return true
			}
		}
		return false
	}
	if len(p.cur.Insts) > 0 || len(p.labels) > 0 || len(p.toks) == 1 {
		return false
	}
	if len(p.toks) == 2 {
		for _, e := range p.cur.Exits {
			if e == p.toks[1].text {
				return false
			}
		}
	}
	return true
}

func (p *parser) declaration() {
	word := p.next()
	if len(p.cur.Insts) > 0 || len(p.labels) > 0 {
		p.fail(word.col, "declarations stand before the first instruction")
	}
	switch word.text {
	case "role":
		p.role()
		return
	case "const":
		p.constant()
		return
	}
	if p.peek().kind == tokEnd {
		p.fail(p.peek().col, "%q needs at least one name", word.text)
	}
	for p.peek().kind != tokEnd {
		name, ok := p.declare(word.text != "exit")
		if !ok {
			return
		}
		pr := p.cur
		switch word.text {
		case "in":
			pr.Ins = append(pr.Ins, name.text)
		case "out":
			pr.Outs = append(pr.Outs, name.text)
		case "reg":
			pr.Regs = append(pr.Regs, name.text)
		case "param":
			pr.Params = append(pr.Params, name.text)
			continue
		case "exit":
			for _, e := range pr.Exits {
				if e == name.text {
					p.fail(name.col, "exit %q is declared twice", name.text)
				}
			}
			pr.Exits = append(pr.Exits, name.text)
			continue
		}
		if p.accept(":") {
			if s, ok := p.structName(); ok {
				pr.Types = append(pr.Types, Role{name.text, s})
			}
		}
	}
}

// declare takes a new plain name; shared says whether it lives among the
// registers, constants and parameters, where no two may be equal.
func (p *parser) declare(shared bool) (token, bool) {
	t := p.next()
	if t.kind != tokName || !isPlainName(t.text) {
		p.fail(t.col, "expected a name (letters, digits and _), not %s", describe(t))
		p.broken = true
		return t, false
	}
	for _, w := range reservedWords {
		if t.text == w {
			p.fail(t.col, "%q is a word of the language and cannot be a name", t.text)
			return t, true
		}
	}
	if shared {
		switch {
		case t.text == "task":
			p.fail(t.col, "\"task\" is always there; choose another name")
		case p.declared[t.text]:
			p.fail(t.col, "%q is declared twice", t.text)
		}
		p.declared[t.text] = true
	}
	return t, true
}

func (p *parser) structName() (string, bool) {
	t := p.next()
	if t.kind != tokName || !isDottedName(t.text) {
		p.fail(t.col, "expected the name of a struct, not %s", describe(t))
		return "", false
	}
	return t.text, true
}

func (p *parser) role() {
	if t := p.peek(); t.kind == tokName && t.text == "task" {
		// Declaring what is always there is harmless, as long as it agrees.
		p.next()
		at := p.peek()
		if s, ok := p.structName(); ok && s != "task_struct" {
			p.fail(at.col, "the role \"task\" is a task_struct, not a %s", s)
		}
		p.expectEnd()
		return
	}
	name, ok := p.declare(true)
	if !ok {
		return
	}
	if s, ok := p.structName(); ok {
		p.cur.Roles = append(p.cur.Roles, Role{name.text, s})
		p.expectEnd()
	}
}

func (p *parser) constant() {
	name, ok := p.declare(true)
	if !ok {
		return
	}
	t := p.next()
	if t.kind != tokNumber {
		p.fail(t.col, "expected the number of constant %q, not %s", name.text, describe(t))
		return
	}
	v, msg := scanNumber(t.text)
	if msg != "" {
		p.fail(t.col, "%s", msg)
	}
	p.cur.Consts = append(p.cur.Consts, Const{name.text, v})
	p.expectEnd()
}
