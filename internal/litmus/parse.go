package litmus

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cohsim/cpu"
)

// Error is one mistake in a test.
type Error struct {
	File      string
	Line, Col int
	Msg       string
}

func (e Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: error: %s", e.File, e.Line, e.Col, e.Msg)
}

// Errors are all mistakes of a test, in the order of the text.
type Errors []Error

func (es Errors) Error() string {
	var lines []string
	for _, e := range es {
		lines = append(lines, e.Error())
	}
	return strings.Join(lines, "\n")
}

// piece is a part of the text and where it stands.
type piece struct {
	s         string
	line, col int
}

// cut returns p[from:to] without the space around it.
func (p piece) cut(from, to int) piece {
	s := p.s[from:to]
	t := strings.TrimLeft(s, " \t\r\n")
	for _, c := range p.s[:from+len(s)-len(t)] {
		p.col++
		if c == '\n' {
			p.line, p.col = p.line+1, 1
		}
	}
	p.s = strings.TrimRight(t, " \t\r\n")
	return p
}

// split cuts p at every sep.
func (p piece) split(sep byte) []piece {
	var out []piece
	from := 0
	for i := 0; i <= len(p.s); i++ {
		if i == len(p.s) || p.s[i] == sep {
			out = append(out, p.cut(from, i))
			from = i + 1
		}
	}
	return out
}

type parser struct {
	t    *Test
	arch Arch
	uop  *uopTest // what names mean in a .uop test; nil in other formats
	errs Errors
}

func (p *parser) fail(at piece, format string, args ...any) {
	p.errs = append(p.errs, Error{p.t.File, at.line, at.col, fmt.Sprintf(format, args...)})
}

// Parse reads a test. The error is Errors.
func Parse(file, text string) (*Test, error) {
	p := &parser{t: newTest(file, 4)}
	p.file(piece{blankComments(text), 1, 1})
	return p.done()
}

func newTest(file string, bytes int) *Test {
	return &Test{File: file, Suite: filepath.Base(filepath.Dir(file)), Bytes: bytes}
}

// done returns the test, or all mistakes in the order of the text.
func (p *parser) done() (*Test, error) {
	if len(p.errs) == 0 {
		return p.t, nil
	}
	slices.SortStableFunc(p.errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return nil, slices.Compact(p.errs)
}

// blankComments replaces (* … *) by spaces, so that positions stay.
func blankComments(s string) string {
	b := []byte(s)
	for i := 0; i+1 < len(b); i++ {
		if b[i] != '(' || b[i+1] != '*' {
			continue
		}
		end := strings.Index(s[i+2:], "*)")
		if end < 0 {
			end = len(s) - i - 4
		}
		for j := i; j < min(len(b), i+end+4); j++ {
			if b[j] != '\n' {
				b[j] = ' '
			}
		}
	}
	return string(b)
}

func (p *parser) file(text piece) {
	head := text.cut(0, len(text.s))
	first, _, _ := strings.Cut(head.s, "\n")
	words := strings.Fields(first)
	if len(words) != 2 {
		p.fail(head, "a test begins with a line \"ARCH NAME\", ARCH one of X86_64, AArch64")
		return
	}
	switch words[0] {
	case "X86_64":
		p.arch = X86
	case "AArch64":
		p.arch = AArch64
	default:
		p.fail(head, "unsupported architecture %q: supported are X86_64, AArch64", words[0])
		return
	}
	p.t.Name, p.t.Arch, p.t.ISA = words[1], p.arch.String(), p.arch.ISA()
	open, shut := strings.IndexByte(text.s, '{'), strings.IndexByte(text.s, '}')
	if open < 0 || shut < open {
		p.fail(head, "the initial state { … } is missing")
		return
	}
	body := text.cut(shut+1, len(text.s))
	tail := tailOf(body.s)
	if tail < 0 {
		p.fail(body, "the condition is missing: exists, ~exists or forall (…)")
		return
	}
	p.init(text.cut(open+1, shut))
	p.columns(body.cut(0, tail))
	p.tail(body.cut(tail, len(body.s)))
	p.finish(head)
}

// tailOf finds the line on which locations or the condition begin.
func tailOf(s string) int {
	at := 0
	for line := range strings.SplitAfterSeq(s, "\n") {
		w := strings.TrimLeft(line, " \t")
		for _, k := range []string{"exists", "~exists", "~ exists", "forall", "locations", "filter"} {
			if strings.HasPrefix(w, k) && !strings.HasPrefix(strings.TrimSpace(w[len(k):]), ":") {
				return at + len(line) - len(w)
			}
		}
		at += len(line)
	}
	return -1
}

// loc returns the number of a location. Only the formats in which locations are not
// declared make a new one.
func (p *parser) loc(at piece, name string) int {
	i := p.t.location(name)
	if i < 0 && p.uop != nil {
		p.fail(at, "there is no location %q: locations are the inputs of the threads' programs%s", name, p.uop.locations(p.t))
		return 0
	}
	return p.newLoc(name)
}

func (p *parser) newLoc(name string) int {
	i := p.t.location(name)
	if i < 0 {
		i = len(p.t.Locs)
		p.t.Locs = append(p.t.Locs, Loc{Name: name})
	}
	return i
}

func (p *parser) thread(n int) *Thread {
	for len(p.t.Threads) <= n {
		p.t.Threads = append(p.t.Threads, Thread{})
	}
	return &p.t.Threads[n]
}

const maxThreads = 8

// init reads "x=1; 0:X1=x; int y=2; [z]=3; 0:rax=0".
func (p *parser) init(body piece) {
	for _, item := range body.split(';') {
		if item.s == "" {
			continue
		}
		eq := strings.IndexByte(item.s, '=')
		if eq < 0 {
			if f := strings.Fields(item.s); len(f) == 1 && isName(f[0]) {
				p.loc(item, f[0])
				continue
			}
			p.fail(item, "expected NAME=VALUE, [NAME]=VALUE or THREAD:REGISTER=VALUE")
			continue
		}
		left, right := item.cut(0, eq), item.cut(eq+1, len(item.s))
		if f := strings.Fields(left.s); len(f) >= 2 && isType(f[0]) { // a type before the name
			left = left.cut(strings.Index(left.s, f[0])+len(f[0]), len(left.s))
		}
		var v Var
		if !p.variable(left, &v) {
			continue
		}
		n, isNumber := number(right.s)
		switch {
		case v.Thread < 0 && isNumber:
			p.t.Locs[v.Loc].Init = n
		case v.Thread < 0:
			p.fail(right, "a location begins with a number")
		case isNumber:
			p.thread(v.Thread).Init = append(p.thread(v.Thread).Init, RegInit{v.Reg, n, -1})
		case isName(right.s):
			p.thread(v.Thread).Init = append(p.thread(v.Thread).Init, RegInit{v.Reg, 0, p.newLoc(right.s)})
		default:
			p.fail(right, "expected a number or the name of a location")
		}
	}
}

func isType(s string) bool {
	return s == "int" || strings.HasSuffix(s, "_t")
}

// variable reads "x", "[x]", "0:X1".
func (p *parser) variable(at piece, v *Var) bool {
	s := at.s
	if colon := strings.IndexByte(s, ':'); colon >= 0 {
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(s[:colon], "P")))
		if err != nil || n < 0 || n >= maxThreads {
			p.fail(at, "expected a thread number from 0 to %d before \":\"", maxThreads-1)
			return false
		}
		name := at.cut(colon+1, len(s))
		if p.uop != nil {
			return p.uop.register(p, at, n, name, v)
		}
		r, ok := registerOf(p.arch, name.s)
		if !ok || r == cpu.NoReg {
			p.fail(name, "undefined register %q: %s has %s", name.s, p.arch, registerList(p.arch))
			return false
		}
		*v = Var{Thread: n, Name: fullRegister(p.arch, name.s), Reg: r}
		return true
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	s = strings.TrimPrefix(s, "*")
	if !isName(s) {
		p.fail(at, "expected a location or THREAD:REGISTER, not %q", at.s)
		return false
	}
	*v = Var{Thread: -1, Name: s, Loc: p.loc(at, s)}
	return true
}

func isName(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 0, 64)
	return n, err == nil
}

// columns reads the threads' instructions, a row a line of cells "P0 | P1 ;".
func (p *parser) columns(body piece) {
	rows := body.split(';')
	if body.s == "" || len(rows) < 2 {
		p.fail(body, "the threads P0 | P1 | … ; are missing")
		return
	}
	cols := rows[0].split('|')
	if len(cols) > maxThreads {
		p.fail(cols[maxThreads], "%d threads; up to %d are supported", len(cols), maxThreads)
		return
	}
	for i, c := range cols {
		if c.s != fmt.Sprintf("P%d", i) {
			p.fail(c, "expected the name P%d of a thread, not %q", i, c.s)
			return
		}
	}
	if len(p.t.Threads) > len(cols) {
		p.fail(rows[0], "the initial state names thread %d, but there are %d threads", len(p.t.Threads)-1, len(cols))
		return
	}
	asm := make([]*assembler, len(cols))
	p.thread(len(cols) - 1)
	for i := range asm {
		asm[i] = newAssembler(p, i)
	}
	for _, row := range rows[1:] {
		if row.s == "" {
			continue
		}
		cells := row.split('|')
		if len(cells) > len(cols) {
			p.fail(cells[len(cols)], "a row has %d cells, but there are %d threads", len(cells), len(cols))
			continue
		}
		for i, c := range cells {
			asm[i].cell(c)
		}
	}
	for _, a := range asm {
		a.finish()
	}
}

// finish checks what needs the whole test.
func (p *parser) finish(head piece) {
	vs := append(p.t.Cond.vars(nil), p.t.Observe...)
	for _, v := range vs {
		if v.Thread >= len(p.t.Threads) {
			p.fail(head, "the condition names thread %d, but there are %d threads", v.Thread, len(p.t.Threads))
		}
	}
	slices.SortFunc(vs, compareVars)
	p.t.Observe = slices.CompactFunc(vs, func(a, b Var) bool { return a.Thread == b.Thread && a.Name == b.Name })
}
