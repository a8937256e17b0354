package cpu

import (
	"fmt"
	"slices"
	"strings"
)

// textForm is how one mnemonic is written: its operands and its suffixes.
// Parsing, checking and linking all read this one table.
type textForm struct {
	name string
	// args has a letter per operand:
	//	d result register or _     r result register
	//	v register or number       n number, constant or parameter
	//	m memory                   l label
	//	x exit                     e name of a region or event
	//	k "begin" or "end"
	args string
	// alt is a second shape, "" if there is none; "-" is one without operands.
	alt    string
	fns    []string // what the mnemonic does, as its first suffix: rmw.add
	bare   bool     // ... which may be left out (store, store.mb)
	orders []string
	far    bool // takes .far
	width  bool // takes .4 and .8
	hint   bool // takes likely and unlikely
	noOp   bool // may become no op at all, so it can carry no ghost
}

var (
	atomicOrders = []string{"acq", "rel", "acqrel"}
	waitFns      = []string{"ne", "eq", "lt", "ge", "set", "clr"}
)

// textForms is the instruction set of the language, in the order of docs/uop.md.
var textForms = []textForm{
	{name: "load", args: "dm", orders: []string{"acq", "acqpc"}, width: true},
	{name: "store", args: "mv", fns: []string{"mb"}, bare: true, orders: []string{"rel"}, width: true},
	{name: "rmw", args: "dmv", fns: []string{"add", "swap", "and", "or"}, orders: atomicOrders, far: true, width: true},
	{name: "cas", args: "dmvv", orders: atomicOrders, far: true, width: true},
	{name: "ll", args: "dm", orders: []string{"acq"}, width: true},
	{name: "sc", args: "dmv", orders: []string{"rel"}, width: true},
	{name: "mb"},
	{name: "rmb", noOp: true},
	{name: "wmb", noOp: true},
	{name: "fence", fns: []string{"full", "ld", "st", "lfence", "isb"}},
	{name: "prefetch", args: "m"},
	{name: "prefetchw", args: "m"},
	{name: "mov", args: "rv"},
	{name: "add", args: "rvv"},
	{name: "sub", args: "rvv"},
	{name: "and", args: "rvv"},
	{name: "or", args: "rvv"},
	{name: "xor", args: "rvv"},
	{name: "shl", args: "rvv"},
	{name: "shr", args: "rvv"},
	{name: "mul", args: "rvv"},
	{name: "rem", args: "rvv"},
	{name: "mix", args: "rv"},
	{name: "clock", args: "r"},
	{name: "work", args: "n", alt: "rn", noOp: true},
	{name: "beq", args: "vvl", hint: true, noOp: true},
	{name: "bne", args: "vvl", hint: true, noOp: true},
	{name: "blt", args: "vvl", hint: true, noOp: true},
	{name: "bge", args: "vvl", hint: true, noOp: true},
	{name: "bset", args: "vvl", hint: true, noOp: true},
	{name: "bclr", args: "vvl", hint: true, noOp: true},
	{name: "jump", args: "l", noOp: true},
	{name: "pause"},
	{name: "wait", args: "dmv", fns: waitFns, width: true},
	{name: "sleep", args: "dmv", fns: waitFns, width: true},
	{name: "preempt", fns: []string{"off", "on"}},
	{name: "mark", args: "ke"},
	{name: "count", args: "e"},
	{name: "call", noOp: true},
	{name: "exit", args: "x", alt: "-", noOp: true},
	{name: "halt"},
}

// formNamed finds forms by their names.
var formNamed = func() map[string]*textForm {
	named := map[string]*textForm{}
	for i := range textForms {
		named[textForms[i].name] = &textForms[i]
	}
	return named
}()

// declWords open declarations; "exit" is also an instruction.
var declWords = []string{"role", "in", "out", "reg", "const", "param", "exit"}

// callerGhost stands for the ghosts of the call that a program was inlined for:
// primitives do not know what their ops mean.
const callerGhost = "caller"

// reservedWords end an operand list, so nothing may be named so.
var reservedWords = []string{"ghost", "likely", "unlikely"}

// mnemonic is an instruction's name taken apart.
type mnemonic struct {
	form  *textForm
	fn    string // of form.fns
	order Order
	far   bool
	width int // 4 or 8; 0 if not written
}

var orderWords = [...]string{Plain: "", Acq: "acq", AcqPC: "acqpc", Rel: "rel", AcqRel: "acqrel"}

// String is the canonical spelling: name, function, order, far, width.
func (m mnemonic) String() string {
	s := m.form.name
	if m.fn != "" {
		s += "." + m.fn
	}
	if m.order != Plain {
		s += "." + orderWords[m.order]
	}
	if m.far {
		s += ".far"
	}
	if m.width != 0 {
		s += fmt.Sprintf(".%d", m.width)
	}
	return s
}

// suffixes lists what may follow the name of f.
func (f *textForm) suffixes() []string {
	out := append(append([]string(nil), f.fns...), f.orders...)
	if f.far {
		out = append(out, "far")
	}
	if f.width {
		out = append(out, "4", "8")
	}
	return out
}

// splitMnemonic takes s apart; msg says what is wrong with it.
func splitMnemonic(s string) (m mnemonic, msg, suggestion string) {
	name, suffixes, more := strings.Cut(s, ".")
	m.form = formNamed[name]
	if m.form == nil {
		names := append([]string(nil), declWords...)
		for i := range textForms {
			names = append(names, textForms[i].name)
		}
		return m, fmt.Sprintf("unknown instruction %q", name), nearest(name, names)
	}
	f := m.form
	for more {
		var suf string
		suf, suffixes, more = strings.Cut(suffixes, ".")
		twice := false
		switch {
		case slices.Contains(f.fns, suf):
			twice, m.fn = m.fn != "", suf
		case slices.Contains(f.orders, suf):
			twice, m.order = m.order != Plain, Order(slices.Index(orderWords[:], suf))
		case f.far && suf == "far":
			twice, m.far = m.far, true
		case f.width && (suf == "4" || suf == "8"):
			twice, m.width = m.width != 0, int(suf[0]-'0')
		default:
			return m, noSuffix(f, suf), nearest(suf, f.suffixes())
		}
		if twice {
			return m, fmt.Sprintf("%q: suffix .%s repeats or contradicts an earlier one", s, suf), ""
		}
	}
	if len(f.fns) > 0 && m.fn == "" && !f.bare {
		return m, fmt.Sprintf("%q needs one of .%s", f.name, strings.Join(f.fns, ", .")), ""
	}
	if m.fn == "mb" && m.order != Plain {
		return m, "store.mb is followed by a full barrier; it takes no further order", ""
	}
	return m, "", ""
}

// noSuffix words the refusal of a suffix, with the reason where one is known.
func noSuffix(f *textForm, suf string) string {
	all := f.suffixes()
	switch {
	case suf == "":
		return fmt.Sprintf("%q ends in a dot or has two", f.name)
	case (f.name == "load" || f.name == "ll") && (suf == "rel" || suf == "acqrel"):
		return fmt.Sprintf("%q cannot be .%s: what only reads has nothing to release (it takes .%s)", f.name, suf, strings.Join(all, ", ."))
	case (f.name == "store" || f.name == "sc") && (suf == "acq" || suf == "acqpc" || suf == "acqrel"):
		return fmt.Sprintf("%q cannot be .%s: what only writes has nothing to acquire (it takes .%s)", f.name, suf, strings.Join(all, ", ."))
	case len(all) == 0:
		return fmt.Sprintf("%q takes no suffix, not .%s", f.name, suf)
	}
	return fmt.Sprintf("%q has no suffix .%s (it takes .%s)", f.name, suf, strings.Join(all, ", ."))
}

// shape picks the operand letters for n operands; ok is false if none fits.
func (f *textForm) shape(n int) (args string, ok bool) {
	if len(f.args) == n {
		return f.args, true
	}
	if alt := strings.TrimPrefix(f.alt, "-"); f.alt != "" && len(alt) == n {
		return alt, true
	}
	return f.args, false
}

// usage is a line like "cas rd, [mem], value, value".
func (f *textForm) usage(args string) string {
	words := make([]string, len(args))
	for i := range args {
		words[i] = argWord(args[i])
	}
	return strings.TrimSpace(f.name + " " + strings.Join(words, ", "))
}

func argWord(c byte) string {
	switch c {
	case 'd', 'r':
		return "register"
	case 'v':
		return "value"
	case 'n':
		return "number"
	case 'm':
		return "[memory]"
	case 'l':
		return "label"
	case 'x':
		return "NAME"
	case 'k':
		return "begin|end"
	}
	return "name"
}
