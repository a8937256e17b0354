package experiment

import (
	"fmt"
	"slices"
	"strings"

	"cohsim/cpu"
	"cohsim/internal/config"
	"cohsim/internal/report"
)

// Select keeps the points that have one of the values given for each axis; every
// choice is "AXIS=VALUE" or "AXIS=VALUE,VALUE". Names may be shortened to their
// last word: cores for run.cores.
func (e *Experiment) Select(choices []string) error {
	if len(choices) == 0 {
		return nil
	}
	var axes []string
	values := map[string][]report.Scalar{}
	for i := range e.Axes {
		a := &e.Axes[i]
		axes = append(axes, a.Name)
		for _, v := range a.Values {
			values[a.Name] = append(values[a.Name], scalar(v.Label))
		}
	}
	chosen, err := Choose(axes, values, choices)
	if err != nil {
		return err
	}
	e.Points = slices.DeleteFunc(slices.Clone(e.Points), func(p config.Point) bool { return !chosen(Axes(&p)) })
	if len(e.Points) == 0 {
		return fmt.Errorf("no point has %s", strings.Join(choices, " and "))
	}
	return nil
}

// Choose is which points [Experiment.Select] keeps, for axes with these values.
func Choose(axes []string, values map[string][]report.Scalar, choices []string) (func(point []report.Axis) bool, error) {
	wanted := map[string][]string{}
	for _, c := range choices {
		name, text, ok := strings.Cut(c, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not AXIS=VALUE", c)
		}
		i := slices.Index(axes, name)
		if i < 0 {
			i = slices.IndexFunc(axes, func(a string) bool { return strings.HasSuffix(a, "."+name) })
		}
		if i < 0 && len(axes) == 0 {
			return nil, fmt.Errorf("the sweep has no axis %q; it has none: the config sweeps nothing", name)
		}
		if i < 0 {
			return nil, fmt.Errorf("the sweep has no axis %q; it has %s", name, strings.Join(axes, ", "))
		}
		axis := axes[i]
		var known []string
		for _, v := range values[axis] {
			known = append(known, v.String())
		}
		// A value may itself hold a comma.
		list := []string{text}
		if !slices.Contains(known, text) {
			list = strings.Split(text, ",")
		}
		for _, v := range list {
			if !slices.Contains(known, v) {
				return nil, fmt.Errorf("the axis %q has no value %q; it has %s", axis, v, strings.Join(known, ", "))
			}
			wanted[axis] = append(wanted[axis], v)
		}
	}
	return func(point []report.Axis) bool {
		return !slices.ContainsFunc(point, func(a report.Axis) bool {
			list, asked := wanted[a.Name]
			return asked && !slices.Contains(list, a.Value.String())
		})
	}, nil
}

// scalar is a label as records have it. Config has checked that it is one.
func scalar(label any) report.Scalar {
	s, err := report.ScalarOf(label)
	if err != nil {
		panic("experiment: " + err.Error())
	}
	return s
}

// Programs are what the threads of a point run.
func (e *Experiment) Programs(p *config.Point) []*cpu.Program { return e.points[p.Config].programs }

// Calls are the programs that a program of a point's lock calls, by its name; known is
// whether the lock has it, which does not mean that a thread runs it.
func (e *Experiment) Calls(p *config.Point, name string) (calls []string, known bool) {
	procs, err := e.points[p.Config].lock.Programs()
	i := slices.IndexFunc(procs, func(q *cpu.Proc) bool { return q.Name == name })
	if err != nil || i < 0 {
		return nil, false
	}
	for _, in := range procs[i].Insts {
		if in.Call != nil && !slices.Contains(calls, in.Call.Callee) {
			calls = append(calls, in.Call.Callee)
		}
	}
	return calls, true
}

// Axes are the labels of a point as records have them.
func Axes(p *config.Point) []report.Axis {
	var out []report.Axis
	for _, l := range p.Labels {
		out = append(out, report.Axis{Name: l.Axis, Value: scalar(l.Value)})
	}
	return out
}
