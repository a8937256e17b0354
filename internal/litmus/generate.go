package litmus

import (
	"fmt"
	"strings"
)

// Generate writes the test of a cycle: "PodWW Rfe DpAddrdR Fre" is message passing
// with an address dependency. Its condition describes the execution that has the cycle.
func Generate(a Arch, name, cycle string) (string, error) {
	es, err := parseCycle(a, cycle)
	if err != nil {
		return "", fmt.Errorf("cycle %q: %w", cycle, err)
	}
	g := &generator{arch: a}
	var cond []string
	writes := map[int]int{}
	for i := range es {
		e := &es[i]
		if e.thread == len(g.threads) {
			g.threads = append(g.threads, &genThread{})
		}
		var before *event
		if i > 0 && es[i-1].thread == e.thread {
			before = &es[i-1]
		}
		g.event(e, before)
		if e.reg != "" {
			cond = append(cond, fmt.Sprintf("%d:%s=%d", e.thread, fullRegister(a, e.reg), e.old))
		}
		if e.status != "" {
			cond = append(cond, fmt.Sprintf("%d:%s=0", e.thread, fullRegister(a, e.status)))
		}
		writes[e.loc] = max(writes[e.loc], e.val)
	}
	for l := range len(locNames) {
		if writes[l] > 1 {
			cond = append(cond, fmt.Sprintf("[%c]=%d", locNames[l], writes[l]))
		}
	}
	if g.full {
		return "", fmt.Errorf("cycle %q: too many accesses in one thread", cycle)
	}
	return g.text(name, cycle, cond), nil
}

const locNames = "xyzabc"

type generator struct {
	arch    Arch
	threads []*genThread
	full    bool // out of registers
}

type genThread struct {
	lines  []string
	init   []string
	base   map[int]string
	regs   int
	labels int
}

func (t *genThread) add(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// reg hands out the next register.
func (g *generator) reg(t *genThread) string {
	t.regs++
	if limit := [...]int{X86: 10, AArch64: 20}[g.arch]; t.regs > limit {
		t.regs, g.full = limit, true
	}
	if g.arch == X86 { // eax is cmpxchg's
		return [...]string{"ebx", "ecx", "edx", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d"}[t.regs-1]
	}
	return fmt.Sprintf("W%d", t.regs-1)
}

// baseOf is the X register that holds a location's address.
func (g *generator) baseOf(n int, t *genThread, loc int) string {
	if t.base == nil {
		t.base = map[int]string{}
	}
	if t.base[loc] == "" {
		t.base[loc] = fmt.Sprintf("X%d", 20+loc)
		t.init = append(t.init, fmt.Sprintf("%d:%s=%c;", n, t.base[loc], locNames[loc]))
	}
	return t.base[loc]
}

func (g *generator) event(e *event, before *event) {
	t := g.threads[e.thread]
	if g.arch == X86 {
		g.x86(t, e, before)
	} else {
		g.arm(t, e, before)
	}
}

func (g *generator) x86(t *genThread, e *event, before *event) {
	if before != nil && before.out.link == "MFence" {
		t.add("mfence")
	}
	loc := locNames[e.loc]
	switch e.kind {
	case "Xchg":
		e.reg = g.reg(t)
		t.add("movl $%d,%%%s", e.val, e.reg)
		t.add("xchgl (%c),%%%s", loc, e.reg)
	case "Xadd":
		e.reg = g.reg(t)
		t.add("movl $%d,%%%s", e.val-e.old, e.reg)
		t.add("lock xaddl %%%s,(%c)", e.reg, loc)
	case "LockAdd":
		t.add("lock addl $%d,(%c)", e.val-e.old, loc)
	case "Cmpxchg":
		v := g.reg(t)
		e.reg = g.reg(t)
		t.add("movl $%d,%%eax", e.old)
		t.add("movl $%d,%%%s", e.val, v)
		t.add("lock cmpxchgl %%%s,(%c)", v, loc)
		t.add("movl %%eax,%%%s", e.reg)
	default:
		if e.read {
			e.reg = g.reg(t)
			t.add("movl (%c),%%%s", loc, e.reg)
		} else {
			t.add("movl $%d,(%c)", e.val, loc)
		}
	}
}

func (g *generator) arm(t *genThread, e *event, before *event) {
	addr := "[" + g.baseOf(e.thread, t, e.loc) + "]"
	atomic, order, isAtomic := atomicOf(AArch64, e.kind)
	value := "" // the register with the value to write
	set := func(v int) string {
		if value == "" {
			value = g.reg(t)
			t.add("MOV %s,#%d", value, v)
		}
		return value
	}
	written := e.val
	if isAtomic && (atomic == "Add" || atomic == "StAdd") {
		written = e.val - e.old
	}
	if before != nil {
		switch link := before.out.link; link {
		case "addr":
			z := g.reg(t)
			t.add("EOR %s,%s,%s", z, before.reg, before.reg)
			if e.kind == "" {
				addr = strings.TrimSuffix(addr, "]") + "," + z + ",SXTW]"
			} else {
				x := "X" + g.reg(t)[1:]
				t.add("ADD %s,%s,%s,SXTW", x, addr[1:len(addr)-1], z)
				addr = "[" + x + "]"
			}
		case "data":
			value = g.reg(t)
			t.add("EOR %s,%s,%s", value, before.reg, before.reg)
			t.add("ADD %s,%s,#%d", value, value, written)
		case "ctrl", "ctrlisb":
			label := fmt.Sprintf("L%d%d", e.thread, t.labels)
			t.labels++
			t.add("CBNZ %s,%s", before.reg, label)
			t.add("%s:", label)
			if link == "ctrlisb" {
				t.add("ISB")
			}
		case "ISB":
			t.add("ISB")
		case "":
		default:
			t.add("DMB %s", strings.TrimPrefix(link, "DMB."))
		}
	}
	switch {
	case atomic == "StAdd":
		t.add("STADD%s %s,%s", order, set(written), addr)
	case atomic == "Ex":
		acq, rel := "X", "X"
		if strings.Contains(order, "A") {
			acq = "AX"
		}
		if strings.Contains(order, "L") {
			rel = "LX"
		}
		v := set(written)
		e.reg, e.status = g.reg(t), g.reg(t)
		t.add("LD%sR %s,%s", acq, e.reg, addr)
		t.add("ST%sR %s,%s,%s", rel, e.status, v, addr)
	case atomic == "Cas":
		v := set(written)
		e.reg = g.reg(t)
		t.add("MOV %s,#%d", e.reg, e.old)
		t.add("CAS%s %s,%s,%s", order, e.reg, v, addr)
	case isAtomic:
		v := set(written)
		e.reg = g.reg(t)
		t.add("%s%s %s,%s,%s", map[string]string{"Swp": "SWP", "Add": "LDADD"}[atomic], order, v, e.reg, addr)
	case e.read:
		e.reg = g.reg(t)
		t.add("%s %s,%s", map[string]string{"": "LDR", "A": "LDAR", "Q": "LDAPR"}[e.kind], e.reg, addr)
	default:
		t.add("%s %s,%s", map[string]string{"": "STR", "L": "STLR"}[e.kind], set(written), addr)
	}
}

// text lays the threads out in columns.
func (g *generator) text(name, cycle string, cond []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\"%s\"\n{\n", g.arch, name, cycle)
	rows := 0
	width := make([]int, len(g.threads))
	for i, t := range g.threads {
		if len(t.init) > 0 {
			fmt.Fprintln(&b, strings.Join(t.init, " "))
		}
		rows = max(rows, len(t.lines))
		width[i] = 2
		for _, l := range t.lines {
			width[i] = max(width[i], len(l))
		}
	}
	b.WriteString("}\n")
	for r := -1; r < rows; r++ {
		for i, t := range g.threads {
			cell := ""
			if r < 0 {
				cell = fmt.Sprintf("P%d", i)
			} else if r < len(t.lines) {
				cell = t.lines[r]
			}
			end := " |"
			if i == len(g.threads)-1 {
				end = " ;\n"
			}
			fmt.Fprintf(&b, " %-*s%s", width[i], cell, end)
		}
	}
	if len(cond) == 0 {
		cond = []string{"true"}
	}
	fmt.Fprintf(&b, "exists (%s)\n", strings.Join(cond, " /\\ "))
	return b.String()
}
