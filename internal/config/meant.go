package config

import (
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"
)

// unknown reports a key that nothing takes and says which one was meant.
func (d *decoder) unknown(n *Node, path, key string, siblings []string) {
	full := joinPath(path, key)
	msg := fmt.Sprintf("unknown key %q", full)
	if n.Via != "" {
		msg += " (" + n.Via + ")"
	}
	d.unknowns[full] = true
	d.fail(full, n.Key, "%s%s", msg, d.meant(n, path, key, siblings))
}

// nearest is the key of a table that a wrong one was meant to be, or "".
func nearest(key string, siblings []string) string {
	if c, ok := sameButUnit(key, siblings); ok {
		return c
	}
	if c := closest(key, siblings); c != "" {
		return c
	}
	for _, c := range siblings { // mhz for clock_mhz
		if strings.HasSuffix(c, "_"+key) {
			return c
		}
	}
	return ""
}

func (d *decoder) meant(n *Node, path, key string, siblings []string) string {
	if other, ok := sameButUnit(key, siblings); ok {
		_, want, has := splitUnit(other)
		if !has {
			return fmt.Sprintf("; the key is %q, without a unit", other)
		}
		s := fmt.Sprintf("; the unit is %s: %s", want.name, other)
		if _, from, ok := splitUnit(key); ok {
			if x, isNumber := n.number(); isNumber {
				if text, ok := convert(x, from, want); ok {
					s += " = " + text
				}
			}
		}
		return s
	}
	if d.owner != nil {
		if s := d.owner(key); s != "" {
			return s
		}
	}
	if c := nearest(key, siblings); c != "" {
		if n.Via != "" || n.Key.Src != nil && n.Key.Src.Inline {
			c = joinPath(path, c) // named from outside its table
		}
		return fmt.Sprintf("; did you mean %q?", c)
	}
	for _, k := range d.known {
		if strings.HasSuffix(k, "."+key) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	if c := closest(joinPath(path, key), d.known); c != "" && closest(key, []string{c[strings.LastIndexByte(c, '.')+1:]}) != "" {
		return fmt.Sprintf("; did you mean %q?", c)
	}
	switch {
	case len(siblings) == 0:
		return "; it takes no keys"
	case len(siblings) > 12:
		return ""
	}
	sorted := append([]string(nil), siblings...)
	sort.Strings(sorted)
	return "; known keys: " + strings.Join(sorted, ", ")
}

// wrongType says what was given, what is taken, and how to write it.
func (d *decoder) wrongType(n *Node, path string, want reflect.Type, f *field) {
	name := typeName(want)
	if name == "string" && len(f.oneof) > 0 && n.Kind != Array {
		d.fail(path, n.Val, "%s takes a string, not %s%s", path, n.Describe(), allowed("", f.oneof))
		return
	}
	d.fail(path, n.Val, "%s takes %s, not %s%s", path, article(name), n.Describe(), d.rewrite(n, path, want))
}

// rewrite suggests the value that was meant.
func (d *decoder) rewrite(n *Node, path string, want reflect.Type) string {
	_, unit, hasUnit := splitUnit(path[strings.LastIndexByte(path, '.')+1:])
	kind := typeName(want)
	switch {
	case n.Kind == String && (kind == "number" || kind == "integer"):
		return numberFor(n.Value.(string), unit, hasUnit)
	case n.Kind == String && kind == "boolean":
		if s := strings.ToLower(n.Value.(string)); s == "true" || s == "false" {
			return "; write " + s + " without quotes"
		}
		return "; write true or false"
	case n.Kind == Integer && kind == "boolean":
		return "; write true or false"
	case n.Kind == Float && kind == "integer":
		if x := n.Value.(float64); x == math.Trunc(x) && math.Abs(x) < 1e15 {
			return "; write " + formatNumber(x)
		}
	case kind == "string" && (n.Kind == Integer || n.Kind == Float || n.Kind == Boolean):
		return fmt.Sprintf("; write %q", n.Text())
	case strings.HasPrefix(kind, "array") && n.Kind != Array && n.Kind != Table:
		return fmt.Sprintf("; write [%s]", n.Text())
	case n.Kind == Array && !strings.HasPrefix(kind, "array") && sweepable(path):
		return fmt.Sprintf("; to vary it, write %q = %s below [sweep]", path, n.Text())
	}
	return ""
}

// numberFor is how the quantity in a string is written as a number of a unit.
func numberFor(s string, want unit, hasUnit bool) string {
	x, given, givenUnit, ok := quantity(s)
	switch {
	case !ok && hasUnit:
		return "; write a number of " + want.name
	case !ok:
		return ""
	case !givenUnit && math.Abs(x) >= 1<<63:
		return "; such a number does not fit 64 bits"
	case !givenUnit:
		return "; write " + formatNumber(x) + " without quotes"
	case !hasUnit:
		return "; the key has no unit, so write the number alone"
	}
	if text, ok := convert(x, given, want); ok {
		return fmt.Sprintf("; the unit is %s, so write %s", want.name, text)
	}
	return fmt.Sprintf("; the unit is %s, not %s", want.name, given.name)
}
