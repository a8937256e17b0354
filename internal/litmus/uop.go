package litmus

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/mem"
)

// ParseUop reads a test in the .uop language (docs/uop.md) for one instruction set: a
// section "litmus NAME", then the programs that its threads run. The error is Errors.
func ParseUop(file, text string, isa cpu.ISA) (*Test, error) {
	p := &parser{t: newTest(file, 8), uop: &uopTest{}}
	p.t.ISA, p.t.Arch = isa, isa.String()
	head, programs := splitUop(text)
	procs, err := cpu.Parse(file, []byte(programs))
	p.problems(err)
	p.header(head)
	if len(p.errs) == 0 {
		p.widths(procs)
	}
	if len(p.errs) == 0 {
		p.link(procs)
	}
	if len(p.errs) == 0 {
		p.state()
	}
	return p.done()
}

// uopTest is what the header of a .uop test says, before names have a meaning.
type uopTest struct {
	name     piece
	threads  []piece
	inits    []piece
	cond     piece // from its quantor on
	programs []*cpu.Program
	inputs   [][]string // of each thread
}

// splitUop cuts a text before its first program. Lines stay where they are.
func splitUop(text string) (head, programs string) {
	at := 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		if f := strings.Fields(line); len(f) > 0 && f[0] == "program" {
			return text[:at], strings.Repeat("\n", strings.Count(text[:at], "\n")) + text[at:]
		}
		at += len(line)
	}
	return text, ""
}

// header reads the section "litmus". Names are looked up later.
func (p *parser) header(text string) {
	u := p.uop
	for n, line := range strings.Split(text, "\n") {
		code, _, _ := strings.Cut(line, "#")
		at := piece{code, n + 1, 1}.cut(0, len(code))
		word, _, _ := strings.Cut(strings.ReplaceAll(at.s, "\t", " "), " ")
		rest := at.cut(len(word), len(at.s))
		switch {
		case word == "":
		case u.name.s == "" && word != "litmus":
			p.fail(at, "a litmus test begins with a line \"litmus NAME\", not %q", word)
			return
		case word == "litmus" && u.name.s != "":
			p.fail(at, "a file holds one litmus test")
		case word == "litmus":
			if rest.s == "" || strings.ContainsAny(rest.s, " \t") {
				p.fail(rest, "expected one name behind litmus")
			}
			u.name = rest
			p.t.Name = rest.s
		case word == "threads":
			u.threads = append(u.threads, rest.fields()...)
		case word == "init":
			u.inits = append(u.inits, rest)
		case u.cond.s != "":
			p.fail(at, "the condition has been given already; it is one line")
		case slices.ContainsFunc(quantors, func(q string) bool { return strings.HasPrefix(at.s, q) }):
			u.cond = at
		default:
			p.fail(at, "unknown line %q: allowed are threads, init, exists, ~exists and forall, before the first program", word)
		}
	}
	end := piece{"", 1, 1}
	switch {
	case len(p.errs) > 0:
	case u.name.s == "":
		p.fail(end, "a litmus test begins with a line \"litmus NAME\"")
	case len(u.threads) == 0:
		p.fail(u.name, "the line \"threads PROGRAM …\" is missing: it says what each thread runs")
	case len(u.threads) > maxThreads:
		p.fail(u.threads[maxThreads], "%d threads; up to %d are supported", len(u.threads), maxThreads)
	case u.cond.s == "":
		p.fail(u.name, "the condition is missing: exists, ~exists or forall (…)")
	}
}

// fields cuts p at white space.
func (p piece) fields() []piece {
	var out []piece
	for p.s != "" {
		n := strings.IndexAny(p.s, " \t")
		if n < 0 {
			n = len(p.s)
		}
		out = append(out, p.cut(0, n))
		p = p.cut(n, len(p.s))
	}
	return out
}

// problems takes over the mistakes that the language found.
func (p *parser) problems(err error) {
	var ps cpu.Problems
	if err == nil {
		return
	}
	if !errors.As(err, &ps) {
		panic(err) // cpu promises Problems
	}
	for _, q := range ps {
		place := q
		place.Msg, place.Suggestion, place.Excerpt = "", "", ""
		p.errs = append(p.errs, Error{q.File, q.Line, q.Col, strings.TrimPrefix(q.Error(), place.Error())})
	}
}

// widths demands that all accesses have one width: a location is one word.
func (p *parser) widths(procs []*cpu.Proc) {
	p.t.Bytes = 0
	for _, proc := range procs {
		for i := range proc.Insts {
			in := &proc.Insts[i]
			at := piece{in.Source, in.Line, in.Col}
			for _, o := range in.Args {
				if o.Kind != cpu.OpdMem {
					continue
				}
				width := 8
				if strings.HasSuffix(in.Name, ".4") || strings.Contains(in.Name, ".4.") {
					width = 4
				}
				switch {
				case o.Field != "" || o.Imm != 0:
					at.col = o.Col
					p.fail(at, "a location of a litmus test is one word: [NAME], without a field or an offset")
				case p.t.Bytes != 0 && p.t.Bytes != width && !strings.HasPrefix(in.Name, "prefetch"):
					p.fail(at, "an access of %d bytes in a test that has accesses of %d bytes: locations have one width, .4 or .8", width, p.t.Bytes)
				case !strings.HasPrefix(in.Name, "prefetch"):
					p.t.Bytes = width
				}
			}
		}
	}
	p.t.Bytes = cmp.Or(p.t.Bytes, 8)
}

// stackLayout gives x86 the word that a full barrier is a locked op on.
var stackLayout = &mem.Layout{Name: "litmus", Structs: []mem.Struct{
	{Name: "task_struct", Size: mem.LineBytes, Align: mem.LineBytes, Fields: []mem.Field{{Name: "stack", Offset: 0, Size: 8}}}}}

// link makes the threads.
func (p *parser) link(procs []*cpu.Proc) {
	u := p.uop
	library := cpu.LibraryOf(procs...)
	for _, at := range u.threads {
		main, ok := library(at.s)
		if !ok {
			var names []string
			for _, q := range procs {
				names = append(names, q.Name)
			}
			p.fail(at, "there is no program %q; there are %s", at.s, strings.Join(names, ", "))
			continue
		}
		if len(main.Roles) > 0 || len(main.Params) > 0 {
			p.fail(at, "%s has roles or params: a thread of a litmus test has only inputs, which are locations or numbers", at.s)
			continue
		}
		prog, err := cpu.Link(main, cpu.LinkOptions{ISA: p.t.ISA, Layout: stackLayout, Library: library})
		if err != nil {
			p.problems(err)
			continue
		}
		if len(prog.RegName) > int(maxUopRegs) {
			p.fail(at, "%s needs %d registers; a thread of a litmus test has up to %d", at.s, len(prog.RegName), maxUopRegs)
			continue
		}
		th := Thread{Ops: prog.Ops}
		for i := range prog.Ops {
			th.Text = append(th.Text, prog.Sites[prog.Ops[i].Site].Text)
		}
		p.t.Threads = append(p.t.Threads, th)
		u.programs = append(u.programs, prog)
		u.inputs = append(u.inputs, main.Ins)
	}
}

// maxUopRegs leaves two registers to who runs the test.
const maxUopRegs = cpu.NumRegs - 2

// state gives inputs their values, then reads initial state and condition.
func (p *parser) state() {
	u, t := p.uop, p.t
	var items []piece
	for _, line := range u.inits {
		items = append(items, line.split(';')...)
	}
	given := func(thread int, name string) bool { // 0:n=5 makes the input n a number
		return slices.ContainsFunc(items, func(at piece) bool {
			left, _, _ := strings.Cut(at.s, "=")
			return strings.ReplaceAll(left, " ", "") == fmt.Sprintf("%d:%s", thread, name)
		})
	}
	for i, names := range u.inputs {
		for _, name := range names {
			if given(i, name) {
				continue
			}
			t.Threads[i].Init = append(t.Threads[i].Init, RegInit{u.programs[i].Bind[name], 0, p.newLoc(name)})
		}
		if slices.ContainsFunc(t.Threads[i].Ops, func(op cpu.Op) bool { return op.IsMem() && op.A == cpu.TaskReg }) {
			t.Threads[i].Init = append(t.Threads[i].Init, RegInit{cpu.TaskReg, 0, len(t.Locs)})
			t.Locs = append(t.Locs, Loc{Name: fmt.Sprintf("stack.%d", i)})
		}
	}
	for _, line := range u.inits {
		p.init(line)
	}
	p.tail(u.cond)
	p.finish(u.name)
}

// locations lists the names that a condition may use.
func (u *uopTest) locations(t *Test) string {
	var names []string
	for _, l := range t.Locs {
		if isName(l.Name) {
			names = append(names, l.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// register finds a register of a thread by its name in the thread's program.
func (u *uopTest) register(p *parser, at piece, thread int, name piece, v *Var) bool {
	if thread >= len(u.programs) {
		p.fail(at, "there is no thread %d: there are %d threads", thread, len(u.programs))
		return false
	}
	r, ok := u.programs[thread].Bind[name.s]
	if !ok {
		p.fail(name, "program %q has no register %q", u.threads[thread].s, name.s)
		return false
	}
	*v = Var{Thread: thread, Name: name.s, Reg: r}
	return true
}
