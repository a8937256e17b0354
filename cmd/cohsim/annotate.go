package main

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/stats"
)

// annotate lists a program with the cycles that each of its ops held up a core,
// for the points that c2c would take apart. name is a program as written, wherever
// it was inlined, or the main program for all of it.
func annotate(exp *experiment.Experiment, details []experiment.PointResult, name string, all bool) ([]report.Table, error) {
	var tables []report.Table
	var names []string
	for i := 0; i < len(details); {
		d := details[i] // seeds of one point stand together, and share their programs
		programs := slices.Clone(d.Programs)
		for i++; i < len(details) && details[i].Point == d.Point; i++ {
			d.Ops += details[i].Ops
			d.Cycles += details[i].Cycles
			for k := range programs {
				programs[k] = programs[k].Plus(&details[i].Programs[k])
			}
		}
		if !all && !last(exp, d.Point) {
			continue
		}
		for k := range programs {
			p := &programs[k]
			names = append(names, p.Program.Name)
			for s := range p.Program.Sites {
				names = append(names, p.Program.Sites[s].Proc)
			}
			if t := annotation(p, name, d.Ops, d.Cycles); len(t.Rows) > 0 {
				if s := d.Point.String(); s != "" {
					t.Title = s + " · " + t.Title
				}
				tables = append(tables, t)
			}
		}
	}
	if len(tables) == 0 {
		slices.Sort(names)
		return nil, oneOf("program here", name, slices.Compact(names))
	}
	return tables, nil
}

// annotation is the listing of one linked program.
func annotation(p *machine.ProgramCycles, name string, ops, cycles uint64) report.Table {
	t := report.Table{Columns: []report.Column{
		percent("cycles"), {Name: "cycles", Unit: "/op"}, {Name: "held by"}, {Name: "waits", Unit: "/op"}, {Name: "for"},
		{Name: "line", Right: true}, {Name: "op", Wrap: true},
	}}
	waited := false
	var sum uint64
	proc := ""
	for i := range p.Ops {
		site := &p.Program.Sites[p.Program.Ops[i].Site]
		if name != p.Program.Name && name != site.Proc {
			continue
		}
		if site.Proc != proc {
			proc = site.Proc
			row := make([]report.Cell, len(t.Columns))
			row[len(row)-1] = report.Str(proc + ":")
			t.Rows = append(t.Rows, row)
		}
		n := p.Ops[i].Sum()
		sum += n
		waits, by := waitsFor(p, i)
		row := []report.Cell{share(n, cycles), ratio(n, ops), report.Str(held(&p.Ops[i])), ratio(waits, ops), report.Str(by),
			report.Str(fmt.Sprint(site.Line)), report.Str("  " + opText(p.Program, i))}
		if n == 0 {
			row[0], row[1] = report.Str(""), report.Str("")
		}
		if waits == 0 {
			row[3] = report.Str("")
		}
		waited = waited || waits > 0
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) > 0 {
		share := stats.Ratio(100*sum, cycles, 1)
		t.Title = fmt.Sprintf("%s: %s %% of cycles", name, oneDecimal(share))
	}
	if waited {
		t.Notes = []string{"waits: from when the op could have run until another, which must come first, let it; for: that op and its line."}
	} else {
		t.Columns = slices.Delete(t.Columns, 3, 5)
		for i := range t.Rows {
			t.Rows[i] = slices.Delete(t.Rows[i], 3, 5)
		}
	}
	return t
}

// waitsFor is how long an op could not run because others had to come first, and of
// those the one that it waited for longest: its mnemonic and line.
func waitsFor(p *machine.ProgramCycles, op int) (cycles uint64, by string) {
	most := uint64(0)
	for _, h := range p.Holdups {
		if int(h.Op) != op || h.By < 0 {
			continue
		}
		n := max(h.Held, h.Stall)
		if cycles += n; n > most {
			most = n
			mnemonic, _, _ := strings.Cut(opText(p.Program, int(h.By)), " ")
			by = fmt.Sprintf("%s %d", mnemonic, p.Program.Sites[p.Program.Ops[h.By].Site].Line)
		}
	}
	return cycles, by
}

// opText is an op as the program has it.
func opText(p *cpu.Program, i int) string {
	op := &p.Ops[i]
	text := p.Sites[op.Site].Text
	if op.Code == cpu.Branch {
		text = strings.TrimSuffix(strings.TrimSuffix(text, " likely"), " unlikely")
	}
	return text
}

// held names the causes that make up most of the cycles, at most two.
func held(c *stats.CauseCycles) string {
	total := c.Sum()
	var names []string
	left := *c
	for len(names) < 2 {
		best := 0
		for i := range left {
			if left[i] > left[best] {
				best = i
			}
		}
		if left[best]*5 < total || left[best] == 0 {
			break // less than a fifth
		}
		names = append(names, stats.Cause(best).String())
		left[best] = 0
	}
	return strings.Join(names, " ")
}

func oneDecimal(v stats.Value) string {
	if v.IsMissing() {
		return "-"
	}
	return v.Rat().FloatString(1)
}
