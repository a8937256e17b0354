package config

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
)

// maxValues bounds the values of one axis, maxPoints their product: more than
// these are a mistyped range rather than a wish.
const (
	maxValues = 10_000
	maxPoints = 100_000
)

// axes reads [sweep], then [[variant]].
func (l *loader) axes(e *Experiment) {
	if n := e.root.Children["sweep"]; n != nil {
		if n.Kind != Table {
			l.c.errorf(n.Val, "sweep is a table of axes, not %s", n.Describe())
		} else {
			l.sweep(e, n, nil)
		}
	}
	l.variants(e)
	// Two axes on one key would leave one of them without effect.
	owner := map[string]string{}
	for _, a := range e.Axes {
		own := map[string]bool{}
		for _, v := range a.Values {
			for _, s := range v.sets {
				key := strings.Join(s.path, ".")
				if other, ok := owner[key]; ok && !own[key] {
					l.c.errorf(s.node.Key, "%s is set by two axes, %q and %q", key, other, a.Name)
				}
				own[key] = true
			}
		}
		for key := range own {
			owner[key] = a.Name
		}
	}
}

// sweep reads a table of axes. A key may be quoted, "run.cores", or not, which
// makes tables in the table.
func (l *loader) sweep(e *Experiment, n *Node, prefix []string) {
	for _, k := range n.Keys {
		v := n.Children[k]
		path := append(prefix[:len(prefix):len(prefix)], strings.Split(k, ".")...)
		if v.Kind == Table && v.get("from") == nil && v.get("to") == nil && len(v.Keys) > 0 {
			l.sweep(e, v, path)
			continue
		}
		name := strings.Join(path, ".")
		l.broken[name] = true
		if !l.mayVary(v, path, "sweep axis") {
			continue
		}
		a := Axis{Name: name, at: v.Key}
		for _, item := range l.axisValues(v, name) {
			given := *item
			given.Key, given.Via = v.Key, "sweep axis"
			a.add(l, label(item), []setting{{keyPath(path), &given}}, item.Val)
		}
		if len(a.Values) > 0 {
			delete(l.broken, name)
			e.Axes = append(e.Axes, a)
		}
	}
}

// mayVary checks that a key is one that an axis can set, as far as its first
// word goes; the rest is found when the points are decoded.
func (l *loader) mayVary(n *Node, path []string, via string) bool {
	name := strings.Join(path, ".")
	switch {
	case name == "run.seeds":
		l.c.errorf(n.Key, "run.seeds is no axis: every point runs once for each of its seeds")
	case sweepable(name):
		return true
	case path[0] == "name" || path[0] == "doc" || path[0] == "report" || path[0] == "figure" || path[0] == "sweep" || path[0] == "variant" || path[0] == "exclude":
		l.c.errorf(n.Key, "%s cannot vary (%s)", name, via)
	default:
		l.c.errorf(n.Key, "unknown key %q (%s)%s", name, via, (&decoder{known: l.known}).meant(n, "", name, nil))
	}
	return false
}

// sweepable tells whether a key belongs to what decides a run.
func sweepable(path string) bool {
	first, _, dotted := strings.Cut(path, ".")
	switch first {
	case "machine", "layout":
		return true
	case "workload", "lock", "run":
		return dotted
	}
	return false
}

// add appends a value to an axis unless it is there already.
func (a *Axis) add(l *loader, label any, sets []setting, at Span) {
	for _, v := range a.Values {
		if sameLabel(v.Label, label) {
			l.c.errorf(at, "the axis %q has the value %v twice", a.Name, label)
			return
		}
	}
	a.Values = append(a.Values, AxisValue{Label: label, sets: sets, at: at})
}

// axisValues lists the values of one axis: an array's items or a range's steps.
func (l *loader) axisValues(n *Node, name string) []*Node {
	switch {
	case n.Kind == Array && len(n.Items) == 0:
		l.c.errorf(n.Val, "the axis %q has no values", name)
	case n.Kind == Array && len(n.Items) > maxValues:
		l.c.errorf(n.Val, "the axis %q has %d values; at most %d are allowed", name, len(n.Items), maxValues)
	case n.Kind == Array:
		var out []*Node
		for _, item := range n.Items {
			if item.Kind == Table {
				l.c.errorf(item.Val, "a value of an axis is no table; to set several keys at once, use [[variant]]")
				continue
			}
			out = append(out, item)
		}
		return out
	case n.Kind == Table && len(n.Keys) == 0:
		l.c.errorf(n.Val, "the axis %q has no values", name)
	case n.Kind == Table:
		return l.ranged(n, name)
	default:
		l.c.errorf(n.Val, "the axis %q takes a list of values or a range, not %s; write [%s]", name, n.Describe(), n.Text())
	}
	return nil
}

// ranged lists the values of { from, to, step } or { from, to, times }.
func (l *loader) ranged(n *Node, name string) []*Node {
	var r struct {
		From  float64 `toml:"from" required:"true" doc:"first value"`
		To    float64 `toml:"to" required:"true" doc:"no value goes beyond it"`
		Step  float64 `toml:"step" doc:"what is added to get the next value"`
		Times float64 `toml:"times" doc:"by what a value is multiplied to get the next"`
	}
	d := newDecoder(l.c)
	d.table(n, `sweep."`+name+`"`, reflect.ValueOf(&r).Elem())
	if !d.sound() {
		return nil
	}
	step, times := n.get("step"), n.get("times")
	switch {
	case step != nil && times != nil:
		l.c.errorf(times.Key, "a range has step or times, not both")
		return nil
	case step == nil && times == nil:
		l.c.errorf(n.Val, "a range needs step (added) or times (multiplied), such as { from = 1, to = 64, times = 2 }")
		return nil
	case step != nil && (r.Step == 0 || (r.To-r.From)*r.Step < 0):
		l.c.errorf(step.Val, "the range never gets from %s to %s in steps of %s", formatNumber(r.From), formatNumber(r.To), formatNumber(r.Step))
		return nil
	case times != nil && (r.Times <= 1 || r.From <= 0 || r.To < r.From):
		l.c.errorf(times.Val, "the range never gets from %s to %s in factors of %s", formatNumber(r.From), formatNumber(r.To), formatNumber(r.Times))
		return nil
	}
	whole := true
	for _, k := range n.Keys {
		whole = whole && n.Children[k].Kind == Integer
	}
	var out []*Node
	for i := 0; ; i++ {
		x := r.From + float64(i)*r.Step
		if times != nil {
			x = r.From * math.Pow(r.Times, float64(i))
		}
		x = tidy(x)
		if r.Step < 0 && x < r.To || r.Step >= 0 && x > r.To {
			return out
		}
		if len(out) >= maxValues {
			l.c.errorf(n.Val, "the axis %q has more than %d values", name, maxValues)
			return nil
		}
		v := &Node{Kind: Float, Value: x, Key: n.Key, Val: n.Val}
		if whole && x == math.Trunc(x) {
			v.Kind, v.Value = Integer, int64(x)
		}
		out = append(out, v)
	}
}

// tidy rounds away what binary fractions leave behind: 0.1 + 2*0.1 is 0.3.
func tidy(x float64) float64 {
	if x == 0 || math.Abs(x) >= 1e15 {
		return x
	}
	scale := math.Pow(10, 12-math.Ceil(math.Log10(math.Abs(x))))
	if y := math.Round(x*scale) / scale; !math.IsNaN(y) && !math.IsInf(y, 0) {
		return y
	}
	return x
}

// variants reads [[variant]]. Their axes follow those of [sweep], each at the
// place of its first variant.
func (l *loader) variants(e *Experiment) {
	for _, n := range tables(e.root.Children["variant"]) {
		var v struct {
			Axis string `toml:"axis" required:"true" doc:"the axis that the variant is a value of"`
			Name string `toml:"name" required:"true" doc:"what the variant is called in results"`
		}
		d := newDecoder(l.c)
		d.table(n, "variant", reflect.ValueOf(&v).Elem(), "set")
		if n.Kind != Table {
			continue
		}
		set := n.Children["set"]
		switch {
		case set == nil:
			d.fail("variant.set", n.Key, `variant needs the key "set": the keys that it sets; {} for none`)
		case set.Kind != Table:
			d.fail("variant.set", set.Val, "variant.set is a table of keys and values, not %s", set.Describe())
		}
		if !d.sound() {
			continue
		}
		var sets []setting
		l.settings(set, nil, fmt.Sprintf("variant %q", v.Name), &sets)
		at := d.origins["variant.name"].Val
		axis := d.origins["variant.axis"].Val
		a := e.axis(v.Axis)
		switch {
		case a == nil:
			e.Axes = append(e.Axes, Axis{Name: v.Axis, Variant: true, at: axis})
			a = &e.Axes[len(e.Axes)-1]
		case !a.Variant:
			d.fail("variant.axis", axis, "%q is an axis of [sweep] already", v.Axis)
			continue
		}
		a.add(l, v.Name, sets, at)
	}
}

// settings flattens what a variant sets into paths and values.
func (l *loader) settings(n *Node, prefix []string, via string, out *[]setting) {
	for _, k := range n.Keys {
		v := n.Children[k]
		path := append(prefix[:len(prefix):len(prefix)], strings.Split(k, ".")...)
		if v.Kind == Table && len(v.Keys) > 0 {
			l.settings(v, path, via, out)
			continue
		}
		if !l.mayVary(v, path, via) {
			continue
		}
		given := *v
		given.Via = via
		*out = append(*out, setting{keyPath(path), &given})
	}
}

func (e *Experiment) axis(name string) *Axis {
	for i := range e.Axes {
		if e.Axes[i].Name == name {
			return &e.Axes[i]
		}
	}
	return nil
}

// tables is the list of tables in [x] or [[x]].
func tables(n *Node) []*Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == Array:
		return n.Items
	}
	return []*Node{n}
}

// label is the value of a node as results show it. An absolute path loses its
// directories: results do not tell whose machine they come from.
func label(n *Node) any {
	switch n.Kind {
	case Integer, Float, Boolean:
		return n.Value
	case String:
		if s := n.Value.(string); filepath.IsAbs(s) {
			return filepath.Base(s)
		}
		return n.Value
	}
	return n.Text()
}

// sameLabel compares labels; 1 and 1.0 are one number.
func sameLabel(a, b any) bool {
	x, xok := labelNumber(a)
	y, yok := labelNumber(b)
	if xok || yok {
		return xok && yok && x == y
	}
	return a == b
}

func labelNumber(a any) (float64, bool) {
	switch a := a.(type) {
	case int64:
		return float64(a), true
	case float64:
		return a, true
	}
	return 0, false
}
