package cpu

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// uopGen writes random programs that end: branches go forward only, and each
// program calls only those before it. All registers are written first, because
// what an unwritten one holds is nobody's business.
type uopGen struct {
	*rand.Rand
	text  strings.Builder
	procs []genProc
	next  int // number of the next label
}

type genProc struct {
	name      string
	ins, outs int
	exits     []string
	registers []string
}

func (g *uopGen) line(format string, args ...any) {
	fmt.Fprintf(&g.text, "    "+format+"\n", args...)
}

// file is two to four programs; the last is the main program.
func (g *uopGen) file() string {
	for n := range 1 + g.IntN(3) {
		g.proc(fmt.Sprintf("p%d", n), false)
	}
	g.proc("top", true)
	return g.text.String()
}

func (g *uopGen) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g *uopGen) proc(name string, main bool) {
	p := genProc{name: name}
	fmt.Fprintf(&g.text, "program %s\n", name)
	g.line("role obj thing")
	if !main {
		p.ins, p.outs = g.IntN(3), g.IntN(3)
		p.exits = []string{"yes", "no", "other"}[:g.IntN(4)]
	}
	for i := range p.ins {
		n := fmt.Sprintf("i%d", i)
		g.line("in %s", n)
		p.registers = append(p.registers, n)
	}
	fresh := []string{}
	for i := range p.outs {
		n := fmt.Sprintf("o%d", i)
		g.line("out %s", n)
		fresh = append(fresh, n)
	}
	for _, n := range []string{"a", "b", "c"} {
		g.line("reg %s", n)
		fresh = append(fresh, n)
	}
	g.line("reg ptr:thing")
	g.line("const K %d", g.IntN(4))
	g.line("const WIDE -2")
	if len(p.exits) > 0 {
		g.line("exit %s", strings.Join(p.exits, " "))
	}
	for _, n := range fresh {
		g.line("mov %s, %d", n, g.IntN(5))
	}
	g.line("mov ptr, obj")
	p.registers = append(p.registers, fresh...)
	if p.ins > 0 && g.IntN(4) == 0 {
		g.line("add i0, i0, 1") // a written input must not reach the caller
	}
	var open []string // labels that branches of this program still need
	for range 4 + g.IntN(12) {
		if len(open) > 0 && g.IntN(3) == 0 {
			fmt.Fprintf(&g.text, "%s:\n", open[0])
			open = open[1:]
		}
		open = g.inst(&p, open)
	}
	for _, l := range open {
		fmt.Fprintf(&g.text, "%s:\n", l)
	}
	switch {
	case main:
		g.line("halt")
	case len(p.exits) > 0:
		g.line("exit %s", g.pick(p.exits...))
	case g.IntN(2) == 0:
		g.line("exit")
	default:
		g.line("mov a, 7") // runs off its end, which is returning
	}
	g.text.WriteByte('\n')
	g.procs = append(g.procs, p)
}

func (g *uopGen) label() string {
	g.next++
	return fmt.Sprintf("l%d", g.next)
}

func (g *uopGen) value(p *genProc) string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprint(g.IntN(6) - 2)
	case 1:
		return g.pick("K", "WIDE")
	}
	return g.reg(p)
}

func (g *uopGen) reg(p *genProc) string { return g.pick(p.registers...) }

func (g *uopGen) dest(p *genProc) string {
	if g.IntN(5) == 0 {
		return "_"
	}
	return g.reg(p)
}

func (g *uopGen) place() string {
	return g.pick("[obj.word]", "[obj.half]", "[obj.other]", "[obj.slot[1]]", "[obj.slot+16]", "[ptr.half]", "[ptr+24]", "[task.state]")
}

func (g *uopGen) ghost() string {
	if g.IntN(3) == 0 {
		return "  ghost seen obj"
	}
	return ""
}

func (g *uopGen) inst(p *genProc, open []string) []string {
	order := g.pick("", ".acq", ".rel", ".acqrel", ".far", ".acq.far")
	switch g.IntN(15) {
	case 0:
		g.line("load%s %s, %s", g.pick("", ".acq", ".acqpc", ".4"), g.dest(p), g.place())
	case 1:
		g.line("store%s %s, %s%s", g.pick("", ".rel", ".mb", ".8"), g.pick("[obj.word]", "[ptr.slot[3]]", "[obj.slot+8]"), g.value(p), g.ghost())
	case 2, 3:
		g.line("rmw.%s%s %s, %s, %s%s", g.pick("add", "swap", "and", "or"), order, g.dest(p), g.place(), g.value(p), g.ghost())
	case 4, 5: // one that often succeeds
		at, e := g.place(), g.reg(p)
		g.line("load %s, %s", e, at)
		g.line("cas%s %s, %s, %s, %s%s", order, g.dest(p), at, e, g.value(p), g.ghost())
	case 6:
		g.line("cas%s %s, %s, %s, %s%s", order, g.dest(p), g.place(), g.value(p), g.value(p), g.ghost())
	case 7: // the base as result and as value
		g.line("%s", g.pick("cas.acq ptr, [ptr.word], 0, ptr", "rmw.add ptr, [ptr.half], ptr", "load ptr, [ptr.word]", "rmw.or ptr, [ptr.word], 3", "cas ptr, [ptr.word], 0, 1", "cas ptr, [ptr.slot], ptr, 1"))
		g.line("mov ptr, obj")
	case 8:
		g.line("%s", g.pick("mb", "rmb", "wmb", "pause", "work 3", "work 0", "prefetchw [obj.half]", "count event", "mark begin r", "mark end r", "mb ghost fenced obj"))
	case 9, 10:
		g.line("%s %s, %s, %s", g.pick("add", "sub", "and", "or", "xor", "shl", "shr", "mul", "rem"), g.reg(p), g.value(p), g.value(p))
	case 11:
		g.line("%s %s, %s", g.pick("mov", "mix"), g.reg(p), g.value(p))
	case 12:
		l := g.label()
		g.line("%s %s, %s, %s", g.pick("beq", "bne", "blt", "bge", "bset", "bclr"), g.value(p), g.value(p), l)
		open = append(open, l)
	case 13, 14:
		open = g.call(p, open)
	}
	return open
}

func (g *uopGen) call(p *genProc, open []string) []string {
	if len(g.procs) == 0 {
		return open
	}
	c := g.procs[g.IntN(len(g.procs))]
	args := []string{g.pick("obj", "ptr")}
	for range c.ins {
		args = append(args, g.value(p))
	}
	s := fmt.Sprintf("call %s(%s)", c.name, strings.Join(args, ", "))
	outs := []string{}
	for range c.outs {
		o := g.dest(p)
		for o != "_" && strings.Contains(strings.Join(outs, " "), o) {
			o = g.dest(p)
		}
		outs = append(outs, o)
	}
	if len(outs) > 0 {
		s += " -> " + strings.Join(outs, ", ")
	}
	on := ""
	for _, e := range c.exits {
		to := g.label()
		switch {
		case on == "":
			on = to // so that what follows is reached
		case len(p.exits) > 0 && g.IntN(2) == 0:
			to = "exit:" + g.pick(p.exits...)
		default:
			open = append(open, to)
		}
		s += " " + e + "=" + to
	}
	g.line("%s", s)
	if on != "" {
		fmt.Fprintf(&g.text, "%s:\n", on)
	}
	return open
}
