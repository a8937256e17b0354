package config

import (
	"errors"
	"reflect"
	"slices"

	"cohsim/internal/report"
)

// reports reads [report], or [[report]] for several, and checks the names in
// each against the axes of the sweep.
func (l *loader) reports(e *Experiment) {
	axes, values := e.axisNames(), map[string][]string{}
	for _, a := range e.Axes {
		for _, v := range a.Values {
			s, err := report.ScalarOf(v.Label)
			if err != nil {
				if slices.ContainsFunc(l.c.list, func(d Diagnostic) bool { return d.At == v.at }) {
					continue // it is no value of the key either
				}
				l.c.errorf(v.at, "%v cannot be a value of the axis %q: %v", v.Label, a.Name, err)
				continue
			}
			values[a.Name] = append(values[a.Name], s.String())
		}
	}
	for _, n := range tables(e.root.Children["report"]) {
		spec := report.NewSpec()
		d := newDecoder(l.c)
		d.table(n, "report", reflect.ValueOf(&spec).Elem())
		// The axis exists, and its own mistake is told already.
		told := func(key string) bool {
			return (key == "rows" || key == "columns") && (l.namesBroken(spec) || l.mistakenAxis(e))
		}
		d.specErrors(spec.Check(axes, values), told)
		e.Reports = append(e.Reports, spec)
	}
}

// figures reads [figure], or [[figure]] for several.
func (l *loader) figures(e *Experiment) {
	for _, n := range tables(e.root.Children["figure"]) {
		spec := report.NewFigureSpec()
		d := newDecoder(l.c)
		d.table(n, "figure", reflect.ValueOf(&spec).Elem())
		told := func(key string) bool {
			return key != "value" && (l.mistakenAxis(e) || l.broken[spec.X] || l.broken[spec.Y] || slices.ContainsFunc(spec.Series, func(a string) bool { return l.broken[a] }))
		}
		d.specErrors(spec.Check(e.axisNames()), told)
		e.Figures = append(e.Figures, spec)
	}
}

// specErrors gives what is wrong in a report or a figure its position. Beside a key
// that could not be read it leaves out what that key may have caused, and always
// what told says is told already.
func (d *decoder) specErrors(errs []error, told func(key string) bool) {
	sound := d.sound()
	for _, err := range errs {
		var ke *report.KeyError
		if !errors.As(err, &ke) {
			panic("config: not an error of a key: " + err.Error())
		}
		path := ke.Section + "." + ke.Key
		if told(ke.Key) || ke.Related && !sound || d.unread(path) {
			continue
		}
		d.locate(path, ke.Msg)
	}
}

// mistakenAxis tells whether an axis is no key: then one of the names that are no axis
// may be what it was meant to be.
func (l *loader) mistakenAxis(e *Experiment) bool {
	return slices.ContainsFunc(e.Axes, func(a Axis) bool {
		return slices.ContainsFunc(l.c.list, func(d Diagnostic) bool { return d.At == a.at })
	})
}

// namesBroken tells whether a report names an axis that was left out for a
// mistake in it.
func (l *loader) namesBroken(s report.Spec) bool {
	broken := l.broken[s.Rows]
	for _, c := range s.Columns {
		broken = broken || l.broken[c]
	}
	return broken
}
