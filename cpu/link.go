package cpu

import (
	"slices"
	"strings"

	"cohsim/internal/mem"
)

// Library finds the programs that a call may name.
type Library func(name string) (*Proc, bool)

// LibraryOf is a library of the programs given; of two with one name, the first
// counts.
func LibraryOf(procs ...*Proc) Library {
	return func(name string) (*Proc, bool) {
		for _, p := range procs {
			if p.Name == name {
				return p, true
			}
		}
		return nil, false
	}
}

// LinkOptions say what a program is linked for.
type LinkOptions struct {
	ISA     ISA
	Layout  *mem.Layout      // nil: no operand may name a field
	Params  map[string]int64 // value of every "param" of every program involved
	Library Library          // nil: no calls
	Notes   *LinkNotes       // for links of the same Procs, one after the other; may be nil
}

// LinkNotes are what links find out about Procs, so that the next link of them need
// not. The Procs must not change.
type LinkNotes struct {
	sound   map[*Proc]bool // of those judged by checkProc
	written map[*Proc][]string
	texts   map[*Inst]string
}

// NewLinkNotes are empty.
func NewLinkNotes() *LinkNotes {
	return &LinkNotes{sound: map[*Proc]bool{}, written: map[*Proc][]string{}, texts: map[*Inst]string{}}
}

// maxOps bounds a linked program. Inlining can grow exponentially with the depth
// of calls; lock paths need a few hundred ops.
const maxOps = 1 << 16

// Link makes main, a thread's whole life, into a flat program: calls are
// inlined, fields become offsets, names registers, labels op indices, and
// portable instructions those of the ISA. It reports every problem it can find;
// the error is then Problems.
func Link(main *Proc, o LinkOptions) (*Program, error) {
	l := &linker{o: o, isa: &lowerings[o.ISA], prog: &Program{Name: main.Name, ISA: o.ISA, Bind: map[string]Reg{}},
		notes: o.Notes, told: map[*Proc]bool{}, deciding: map[string]bool{}, code: make([]draft, 0, 1024)}
	if l.notes == nil {
		l.notes = NewLinkNotes()
	}
	if o.Layout != nil {
		l.prog.Layout = o.Layout.Name
	}
	if len(main.Exits) > 0 {
		l.probs = append(l.probs, problemAt(main, nil, 0, "", "program %q has exits (%s), so it can be called but not be what a thread runs", main.Name, strings.Join(main.Exits, ", ")))
	}
	if !l.check(main) || len(l.probs) > 0 {
		return nil, l.probs.err()
	}
	f := l.newFrame(main, nil)
	l.prog.Bind["task"] = TaskReg
	for _, r := range main.Roles {
		l.prog.Bind[r.Name] = l.local(f, r.Name)
	}
	for _, n := range slices.Concat(main.Ins, main.Outs, main.Regs) {
		l.prog.Bind[n] = l.local(f, n)
	}
	l.body(f)
	l.place(f.end)
	if len(l.probs) == 0 {
		l.finish(main)
	}
	if err := l.probs.err(); err != nil {
		return nil, err
	}
	for r := range l.regNames {
		if l.regNames[r] == nil {
			l.regNames[r] = []string{"temporary"}
		}
		l.prog.RegName = append(l.prog.RegName, strings.Join(l.regNames[r], "/"))
	}
	return l.prog, nil
}

type linker struct {
	o        LinkOptions
	isa      *lowering
	prog     *Program
	probs    Problems
	notes    *LinkNotes
	told     map[*Proc]bool // unsound ones whose problems are told
	code     []draft
	labels   []int           // label -> index into code, -1 while not placed
	regNames [][]string      // per register in use
	full     bool            // maxOps or the registers ran out; said once
	deciding map[string]bool // parameters on which more depends than lengths of work
}

// draft is an op whose target is still a label.
type draft struct {
	op     Op
	target int    // label, -1 if none
	leave  bool   // a jump made of an exit: threaded through where possible
	length string // of work: the parameter that says how long, "" if a number does
	site   Site
}

// frame is one inlined program.
type frame struct {
	p        *Proc
	up       *frame
	names    map[string]value
	structs  map[string]string
	members  map[string]member // roles that stand for a member of a caller's object
	labels   map[string]int
	index    map[string]int // label -> instruction, for default hints
	exits    map[string]int // exit -> label in an outer frame
	end      int            // label behind the last instruction: where a bare exit goes
	moves    []move         // results to copy on the way out
	landings []landing
	ghosts   []Ghost // of the call, for "ghost caller"
	next     Reg     // first register free for callees and temporaries
	temp     Reg     // first free in the current instruction
}

// member is a struct within a struct: its register holds the address of the
// outer one, so that passing it costs no op and its fields lie where the outer
// struct's layout says.
type member struct{ outer, path string }

// value is what a name or operand stands for: a register, or a number (reg is
// NoReg).
type value struct {
	reg   Reg
	imm   int64
	param string // whose value the number is, "" if it is none's
}

// move copies a result that could not be written in place.
type move struct {
	from, to Reg
	text     string
}

// landing is where an exit of a callee becomes an exit of its caller.
type landing struct {
	call      *Inst
	label, to int
}

func (l *linker) check(p *Proc) bool {
	if l.notes.sound[p] {
		return true
	}
	if !l.told[p] {
		probs := checkProc(p, false, nil)
		l.probs = append(l.probs, probs...)
		l.notes.sound[p] = len(probs) == 0
		l.told[p] = true
	}
	return l.notes.sound[p]
}

func (l *linker) newFrame(p *Proc, up *frame) *frame {
	f := &frame{p: p, up: up, names: map[string]value{"task": {reg: TaskReg}}, structs: structsOf(p), members: map[string]member{},
		labels: map[string]int{}, index: map[string]int{}, exits: map[string]int{}, end: l.label(), next: 1}
	if up != nil {
		f.next = up.temp
	} else {
		l.regNames = [][]string{{"task"}}
	}
	f.temp = f.next
	for _, c := range p.Consts {
		f.names[c.Name] = value{reg: NoReg, imm: c.Value}
	}
	for _, n := range p.Params {
		v, ok := l.o.Params[n]
		if !ok {
			l.probs = append(l.probs, problemAt(p, nil, 0, "", "parameter %q of program %q has no value", n, p.Name))
		}
		f.names[n] = value{NoReg, v, n}
	}
	for i := range p.Insts {
		for _, name := range p.Insts[i].Labels {
			f.labels[name], f.index[name] = l.label(), i
		}
	}
	return f
}

// local gives a name of f a register of its own.
func (l *linker) local(f *frame, name string) Reg {
	full := name
	if f.up != nil {
		full = f.p.Name + "." + name
	}
	r := l.take(f, full)
	f.next = f.temp
	f.names[name] = value{reg: r}
	return r
}

// take hands out the next register of f; it is free again with the instruction
// unless the caller moves f.next.
func (l *linker) take(f *frame, name string) Reg {
	r := f.temp
	if r >= NumRegs {
		if !l.full {
			l.full = true
			chain := f.p.Name
			for up := f.up; up != nil; up = up.up {
				chain = up.p.Name + " > " + chain
			}
			l.probs = append(l.probs, problemAt(f.p, nil, 0, "", "out of registers in %s: %d are there, and every program keeps its own while it calls", chain, NumRegs))
		}
		return TaskReg
	}
	f.temp++
	for len(l.regNames) <= int(r) {
		l.regNames = append(l.regNames, nil)
	}
	if name != "" && !slices.Contains(l.regNames[r], name) {
		l.regNames[r] = append(l.regNames[r], name)
	}
	return r
}

func (l *linker) label() int {
	l.labels = append(l.labels, -1)
	return len(l.labels) - 1
}

func (l *linker) place(label int) { l.labels[label] = len(l.code) }

// body emits every instruction of f. Labels are placed before lowering, so they
// survive whatever an instruction becomes.
func (l *linker) body(f *frame) {
	for i := range f.p.Insts {
		in := &f.p.Insts[i]
		for _, name := range in.Labels {
			l.place(f.labels[name])
		}
		f.temp = f.next
		if len(l.code) > maxOps {
			if !l.full {
				l.full = true
				l.probs = append(l.probs, problemAt(f.p, in, 0, "", "the linked program has more than %d ops; calls are inlined", maxOps))
			}
			return
		}
		if in.Call != nil {
			l.call(f, in)
		} else {
			l.inst(f, i, in)
		}
	}
}

func (l *linker) fail(f *frame, in *Inst, col int, suggestion, format string, args ...any) {
	l.probs = append(l.probs, problemAt(f.p, in, col, suggestion, format, args...))
}

// results emits the moves that leaving f needs.
func (l *linker) results(f *frame, in *Inst) {
	for _, m := range f.moves {
		l.emit(f, in, Op{Code: ALU, Fn: Mov, Dst: m.to, A: NoReg, B: m.from, C: NoReg}, m.text, -1)
	}
}

// jump emits a jump that stands for leaving a program.
func (l *linker) jump(f *frame, in *Inst, target int, text string) {
	l.emit(f, in, Op{Code: Branch, Fn: Always, Flags: Likely, Dst: NoReg, A: NoReg, B: NoReg, C: NoReg}, text, target)
	l.code[len(l.code)-1].leave = true
}

// emit adds an op. text is "" if the op is the instruction as written.
func (l *linker) emit(f *frame, in *Inst, op Op, text string, target int) *draft {
	d := draft{op: op, target: target, site: Site{Proc: f.p.Name, Line: int32(in.Line), Text: l.text(in), Region: -1}}
	if text != "" && text != d.site.Text {
		d.site.Text, d.site.Written = text, d.site.Text
	}
	l.code = append(l.code, d)
	return &l.code[len(l.code)-1]
}

// text is instText; most instructions are linked several times.
func (l *linker) text(in *Inst) string {
	s, ok := l.notes.texts[in]
	if !ok {
		s = instText(in)
		l.notes.texts[in] = s
	}
	return s
}
