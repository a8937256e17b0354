package experiment

import (
	"fmt"
	"slices"
	"strings"

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
	wanted := map[int][]string{}
	for _, c := range choices {
		name, values, ok := strings.Cut(c, "=")
		if !ok {
			return fmt.Errorf("%q is not AXIS=VALUE", c)
		}
		axis := slices.IndexFunc(e.Axes, func(a config.Axis) bool { return a.Name == name })
		if axis < 0 {
			axis = slices.IndexFunc(e.Axes, func(a config.Axis) bool { return strings.HasSuffix(a.Name, "."+name) })
		}
		if axis < 0 {
			return fmt.Errorf("the sweep has no axis %q; it has %s", name, strings.Join(e.axisNames(), ", "))
		}
		known := valueTexts(&e.Axes[axis])
		// A value may itself hold a comma.
		list := []string{values}
		if !slices.Contains(known, values) {
			list = strings.Split(values, ",")
		}
		for _, v := range list {
			if !slices.Contains(known, v) {
				return fmt.Errorf("the axis %q has no value %q; it has %s", e.Axes[axis].Name, v, strings.Join(known, ", "))
			}
			wanted[axis] = append(wanted[axis], v)
		}
	}
	e.Points = slices.DeleteFunc(slices.Clone(e.Points), func(p config.Point) bool {
		for axis, values := range wanted {
			if !slices.Contains(values, valueText(p.Labels[axis].Value)) {
				return true
			}
		}
		return false
	})
	if len(e.Points) == 0 {
		return fmt.Errorf("no point has %s", strings.Join(choices, " and "))
	}
	return nil
}

func (e *Experiment) axisNames() []string {
	var out []string
	for _, a := range e.Axes {
		out = append(out, a.Name)
	}
	if len(out) == 0 {
		out = []string{"none: the config sweeps nothing"}
	}
	return out
}

func valueTexts(a *config.Axis) []string {
	var out []string
	for _, v := range a.Values {
		out = append(out, valueText(v.Label))
	}
	return out
}

// valueText is a label as tables show it.
func valueText(v any) string {
	s, err := report.ScalarOf(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return s.String()
}
