package main

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/config"
	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/stats"
)

// annotate lists a program with the cycles that each of its ops held up a core,
// for the points that c2c would take apart. name is a program as written, wherever
// it was inlined, or the main program for all of it.
func annotate(details []experiment.PointResult, name string, shown func(*config.Point) bool) []report.Table {
	var tables []report.Table
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
		if !shown(d.Point) {
			continue
		}
		for k := range programs {
			p := &programs[k]
			listing := annotation(p, name, d.Ops, d.Cycles)
			if s := d.Point.String(); s != "" && len(listing) > 0 {
				listing[0].Title = s + " · " + listing[0].Title
			}
			tables = append(tables, listing...)
		}
	}
	return tables
}

// annotated says of which points annotate lists a program: of those that c2c would take
// apart, or of all. The error is that of a program that none of them runs.
func annotated(exp *experiment.Experiment, name string, all bool) (func(*config.Point) bool, error) {
	var points [][]report.Axis
	for i := range exp.Points {
		points = append(points, experiment.Axes(&exp.Points[i]))
	}
	_, values := axesOf(points)
	stands := last(values)
	shown := func(p *config.Point) bool { return all || stands(experiment.Axes(p)) }
	var names []string
	for i := range exp.Points {
		if !shown(&exp.Points[i]) {
			continue
		}
		for _, prog := range exp.Programs(&exp.Points[i]) {
			names = append(names, prog.Name)
			for s := range prog.Sites {
				names = append(names, prog.Sites[s].Proc)
			}
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); !slices.Contains(names, name) {
		return nil, unlisted(exp, name, names)
	}
	return shown, nil
}

// unlisted is the error of a program none of whose ops is among those of names: the lock
// may have it all the same.
func unlisted(exp *experiment.Experiment, name string, names []string) error {
	known := false
	for i := range exp.Points {
		calls, has := exp.Calls(&exp.Points[i], name)
		known = known || has
		calls = slices.DeleteFunc(calls, func(c string) bool { return !slices.Contains(names, c) })
		if len(calls) > 0 {
			return usage("%s has no op of its own here, only calls; annotate what it calls: %s", name, strings.Join(calls, ", "))
		}
	}
	if known {
		return usage("no thread runs %s here; there are %s", name, strings.Join(names, ", "))
	}
	return oneOf("program here", name, names)
}

// annotation is the listing of one linked program, and what its ops waited for.
func annotation(p *machine.ProgramCycles, name string, ops, cycles uint64) []report.Table {
	t := report.Table{Columns: []report.Column{
		percent("cycles"), {Name: "cycles", Unit: "/op"}, {Name: "held by"}, {Name: "line", Right: true}, {Name: "op", Wrap: true},
	}}
	var sum uint64
	proc := ""
	var blockers []int
	behind := map[int][][]report.Cell{} // ops that waited, by the one that they waited for longest
	for i := range p.Ops {
		site := &p.Program.Sites[p.Program.Ops[i].Site]
		if name != p.Program.Name && name != site.Proc {
			continue
		}
		if site.Proc != proc {
			proc = site.Proc
			row := make([]report.Cell, len(t.Columns))
			row[len(row)-1] = report.Str(proc)
			t.Rows = append(t.Rows, row)
		}
		n := p.Ops[i].Sum()
		sum += n
		row := []report.Cell{share(n, cycles), ratio(n, ops), report.Str(held(&p.Ops[i])),
			report.Str(fmt.Sprint(site.Line)), report.Str("  " + opText(p.Program, i))}
		if n == 0 {
			row[0], row[1] = report.Str(""), report.Str("")
		}
		t.Rows = append(t.Rows, row)
		if waits, by := waitsFor(p, i); waits > 0 {
			if behind[by] == nil {
				blockers = append(blockers, by)
			}
			behind[by] = append(behind[by], []report.Cell{ratio(waits, ops), report.Str("  " + where(p.Program, i))})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	share := stats.Ratio(100*sum, cycles, 1)
	t.Title = fmt.Sprintf("%s: %s %% of cycles", name, oneDecimal(share))
	if len(blockers) == 0 {
		return []report.Table{t}
	}
	w := report.Table{Columns: []report.Column{{Name: "waits", Unit: "/op"}, {Name: "op", Wrap: true}}, Notes: []string{
		"waits: from when the op could have run until others, which must come first, let it; it stands below the one that it waited for longest."}}
	for _, by := range blockers {
		w.Rows = append(append(w.Rows, []report.Cell{report.Str(""), report.Str("for " + where(p.Program, by))}), behind[by]...)
	}
	return []report.Table{t, w}
}

// waitsFor is how long an op could not run because others had to come first, and of
// those the one that it waited for longest.
func waitsFor(p *machine.ProgramCycles, op int) (cycles uint64, by int) {
	most := uint64(0)
	for _, h := range p.Holdups {
		if int(h.Op) != op || h.By < 0 {
			continue
		}
		n := max(h.Held, h.Stall)
		if cycles += n; n > most {
			most, by = n, int(h.By)
		}
	}
	return cycles, by
}

// where is an op with the function and the line that it stands in.
func where(p *cpu.Program, i int) string {
	site := &p.Sites[p.Ops[i].Site]
	return fmt.Sprintf("%s:%d: %s", site.Proc, site.Line, opText(p, i))
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

// heldWidth is what the names of two causes may take together.
const heldWidth = 12

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
		if len(names) > 0 && len(names[0])+1+len(stats.Cause(best).String()) > heldWidth {
			break
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
