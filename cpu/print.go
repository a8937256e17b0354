package cpu

import (
	"fmt"
	"math/bits"
	"strings"
)

// String is the canonical .uop text of p: Parse of it gives p again. Comments
// above declarations and beside them are not kept; all others are.
func (p *Proc) String() string {
	var b strings.Builder
	writeComment(&b, "", p.Doc)
	fmt.Fprintf(&b, "program %s\n", p.Name)
	structs := map[string]string{}
	for _, t := range p.Types {
		structs[t.Name] = t.Struct
	}
	for _, r := range p.Roles {
		fmt.Fprintf(&b, "    role  %s %s\n", r.Name, r.Struct)
	}
	for _, d := range []struct {
		word  string
		names []string
	}{{"in", p.Ins}, {"out", p.Outs}, {"reg", p.Regs}} {
		if len(d.names) == 0 {
			continue
		}
		fmt.Fprintf(&b, "    %-5s", d.word)
		for _, n := range d.names {
			b.WriteString(" " + n)
			if s := structs[n]; s != "" {
				b.WriteString(":" + s)
			}
		}
		b.WriteByte('\n')
	}
	for _, c := range p.Consts {
		fmt.Fprintf(&b, "    const %s %s\n", c.Name, numberText(c.Value))
	}
	if len(p.Params) > 0 {
		fmt.Fprintf(&b, "    param %s\n", strings.Join(p.Params, " "))
	}
	if len(p.Exits) > 0 {
		fmt.Fprintf(&b, "    exit  %s\n", strings.Join(p.Exits, " "))
	}
	b.WriteByte('\n')
	for i := range p.Insts {
		p.Insts[i].write(&b)
	}
	return b.String()
}

// Format is the canonical text of a file of programs.
func Format(procs []*Proc) string {
	texts := make([]string, len(procs))
	for i, p := range procs {
		texts[i] = p.String()
	}
	return strings.Join(texts, "\n")
}

// Columns where ghosts and notes start, if the text before them is shorter.
const (
	ghostColumn = 52
	noteColumn  = 76
)

func (in *Inst) write(b *strings.Builder) {
	writeComment(b, "    ", in.Doc)
	for _, l := range in.Labels {
		b.WriteString(l + ":\n")
	}
	line := instText(in)
	if name, rest, ok := strings.Cut(line, " "); ok {
		line = fmt.Sprintf("%-9s %s", name, rest)
	}
	line = "    " + line
	for i, g := range in.Ghosts {
		if i == 0 {
			line = padTo(line, ghostColumn)
		}
		line += strings.TrimRight("  ghost "+g.Event+" "+g.Role, " ")
	}
	if in.Note != "" {
		line = padTo(line, noteColumn) + "  # " + in.Note
	}
	b.WriteString(line + "\n")
}

func padTo(s string, column int) string {
	if n := column - 2 - len(s); n > 0 {
		s += strings.Repeat(" ", n)
	}
	return s
}

func writeComment(b *strings.Builder, indent, doc string) {
	if doc == "" {
		return
	}
	for _, line := range strings.Split(doc, "\n") {
		b.WriteString(strings.TrimRight(indent+"# "+line, " ") + "\n")
	}
}

// instText is an instruction without labels, ghosts and comments.
func instText(in *Inst) string {
	if in.Call != nil {
		return callText(in.Call)
	}
	args := make([]string, len(in.Args))
	for i, o := range in.Args {
		args[i] = operandText(o)
	}
	sep := ", "
	if in.Name == "mark" {
		sep = " "
	}
	s := in.Name
	if len(args) > 0 {
		s = s + " " + strings.Join(args, sep)
	}
	if in.Hint != "" {
		s += " " + in.Hint
	}
	return s
}

func callText(c *Call) string {
	args := make([]string, len(c.Args))
	for i, o := range c.Args {
		args[i] = operandText(o)
	}
	s := fmt.Sprintf("call %s(%s)", c.Callee, strings.Join(args, ", "))
	if len(c.Outs) > 0 {
		s += " -> " + strings.Join(c.Outs, ", ")
	}
	for i, e := range c.Order {
		if i == 0 {
			s += " "
		}
		s += " " + e + "=" + c.Exits[e]
	}
	return s
}

func operandText(o Operand) string {
	switch o.Kind {
	case OpdImm:
		return numberText(o.Imm)
	case OpdNone:
		return "_"
	case OpdMem:
		s := "[" + o.Name
		if o.Field != "" {
			s += "." + o.Field
		}
		if o.Imm != 0 {
			s += fmt.Sprintf("%+d", o.Imm)
		}
		return s + "]"
	}
	return o.Name
}

// numberText writes flags and masks in hexadecimal, other numbers in decimal.
func numberText(v int64) string {
	sign, u := "", uint64(v)
	if v < 0 {
		sign, u = "-", -u
	}
	if u >= 256 && (bits.OnesCount64(u) <= 2 || bits.OnesCount64(u+1) <= 1) {
		return fmt.Sprintf("%s%#x", sign, u)
	}
	return fmt.Sprintf("%s%d", sign, u)
}
