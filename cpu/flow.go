package cpu

// flow follows the paths through a program whose names are all in order. It
// reports code that no path reaches, paths that run off the end although the
// program has named exits, and registers that are read where no path has
// written them yet.
func (c *procCheck) flow() {
	p := c.p
	// written[i] has a bit per register that some path to i has written.
	index := map[string]int{}
	for i, n := range c.names {
		if c.kinds[n].isReg() {
			if _, ok := index[n]; !ok {
				index[n] = i
			}
		}
	}
	words := (len(c.names) + 63) / 64
	written := make([][]uint64, len(p.Insts))
	queue := []int{0}
	start := make([]uint64, words)
	for _, n := range c.names {
		if k := c.kinds[n]; k == nameTask || k == nameRole || k == nameIn {
			start[index[n]/64] |= 1 << (index[n] % 64)
		}
	}
	written[0] = start
	offEnd := -1
	everWritten := map[string]bool{}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		in := &p.Insts[i]
		after := append([]uint64(nil), written[i]...)
		for _, n := range results(in) {
			everWritten[n] = true
			after[index[n]/64] |= 1 << (index[n] % 64)
		}
		next, falls := c.successors(i)
		if falls && i+1 == len(p.Insts) {
			offEnd, falls = i, false
		}
		if falls {
			next = append(next, i+1)
		}
		for _, j := range next {
			changed := written[j] == nil
			if changed {
				written[j] = make([]uint64, words)
			}
			for w := range after {
				if after[w]&^written[j][w] != 0 {
					written[j][w] |= after[w]
					changed = true
				}
			}
			if changed {
				queue = append(queue, j)
			}
		}
	}
	if offEnd >= 0 && len(p.Exits) > 0 {
		c.fail(&p.Insts[offEnd], 0, "", "program %q runs off its end here; it has named exits and must leave by one", p.Name)
	}
	for i := range p.Insts {
		if written[i] == nil {
			if i == 0 || written[i-1] != nil {
				c.fail(&p.Insts[i], 0, "", "no path reaches this instruction")
			}
			continue
		}
		reads(&p.Insts[i], func(name string, col int) {
			if at, ok := index[name]; ok && written[i][at/64]>>(at%64)&1 == 0 {
				c.fail(&p.Insts[i], col, "", "%q is read here, but no path to this place has written it", name)
			}
		})
	}
	for _, n := range p.Outs {
		if !everWritten[n] {
			c.fail(nil, 0, "", "program %q never writes its result %q", p.Name, n)
		}
	}
}

// successors lists the instructions that instruction i may jump to, and whether
// it may go on to the next one.
func (c *procCheck) successors(i int) (to []int, falls bool) {
	in := &c.p.Insts[i]
	m, _, _ := splitMnemonic(in.Name)
	switch m.form.name {
	case "jump":
		return []int{c.labels[in.Args[0].Name]}, false
	case "exit", "halt":
		return nil, false
	case "call":
		for _, e := range in.Call.Order {
			if l, ok := c.labels[in.Call.Exits[e]]; ok {
				to = append(to, l)
			}
		}
		return to, len(in.Call.Order) == 0
	}
	if m.form.hint {
		return []int{c.labels[in.Args[2].Name]}, true
	}
	return nil, true
}

// results lists the registers an instruction writes.
func results(in *Inst) []string {
	if in.Call != nil {
		var out []string
		for _, n := range in.Call.Outs {
			if n != "_" {
				out = append(out, n)
			}
		}
		return out
	}
	m, _, _ := splitMnemonic(in.Name)
	if args, ok := m.form.shape(len(in.Args)); ok && args != "" && (args[0] == 'd' || args[0] == 'r') && in.Args[0].Kind == OpdReg {
		return []string{in.Args[0].Name}
	}
	return nil
}

// reads calls f for every name an instruction reads.
func reads(in *Inst, f func(name string, col int)) {
	for _, g := range in.Ghosts {
		if g.Event != callerGhost {
			f(g.Role, colOf(in, g.Role))
		}
	}
	if in.Call != nil {
		for _, o := range in.Call.Args {
			if o.Kind == OpdReg {
				f(o.Name, o.Col)
			}
		}
		return
	}
	m, _, _ := splitMnemonic(in.Name)
	args, _ := m.form.shape(len(in.Args))
	for i, o := range in.Args {
		if o.Kind == OpdMem || o.Kind == OpdReg && args[i] != 'd' && args[i] != 'r' {
			f(o.Name, o.Col)
		}
	}
}
