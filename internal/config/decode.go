package config

import (
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// decoder fills structs from nodes and remembers which node set which key.
type decoder struct {
	c       *collector
	origins map[string]*Node
	// known lists every key there is, to suggest one of another table.
	known []string
	note  []string // added to what cross-checks find: the point of the sweep
	// owner says which other kind of workload or lock has an unknown key.
	owner func(key string) string
	bad   map[string]bool // keys with a mistake, unknown ones and those that they were meant to be included
	// unknowns are the keys in bad that nothing takes.
	unknowns map[string]bool
	// broken tells that a relation between keys is.
	broken bool
	main   *Source // the experiment's own file
}

func newDecoder(c *collector) *decoder {
	return &decoder{c: c, origins: map[string]*Node{}, bad: map[string]bool{}, unknowns: map[string]bool{}}
}

// Decode fills the struct that v points to from n and returns every problem. Keys
// that n does not have keep their value, so v holds the defaults on entry.
func Decode(n *Node, v any) Diagnostics {
	c := newCollector()
	d := newDecoder(c)
	d.table(n, "", reflect.ValueOf(v).Elem())
	d.problems(reflect.ValueOf(v).Elem(), "")
	return c.list
}

// fail reports a mistake in the key at path.
func (d *decoder) fail(path string, at Span, format string, args ...any) {
	d.bad[path] = true
	d.c.errorf(at, format, args...)
}

// sound tells whether nothing was found wrong.
func (d *decoder) sound() bool { return len(d.bad) == 0 && !d.broken }

// originsOf are the origins of a key and of all below it.
func (d *decoder) originsOf(path string) map[string]*Node {
	out := map[string]*Node{}
	for p, n := range d.origins {
		if p == path || strings.HasPrefix(p, path+".") {
			out[p] = n
		}
	}
	return out
}

// table decodes a table into a struct. Extras are keys that the caller decodes.
func (d *decoder) table(n *Node, path string, v reflect.Value, extras ...string) {
	if path != "" {
		d.origins[path] = n
	}
	if n.Kind != Table {
		d.fail(path, n.Val, "%s is a table, not %s", path, n.Describe())
		return
	}
	var fields []field
	if v.IsValid() {
		fields = fieldsOf(v.Type())
	}
	for _, f := range fields {
		if f.required && n.Children[f.name] == nil {
			d.fail(path, n.Key, "%s needs the key %q: %s", path, f.name, f.doc)
		}
	}
next:
	for _, key := range n.Keys {
		for i, f := range fields {
			if f.name == key {
				d.value(n.Children[key], joinPath(path, key), v.FieldByIndex(f.index), &fields[i])
				continue next
			}
		}
		for _, e := range extras {
			if e == key {
				continue next
			}
		}
		siblings := append([]string(nil), extras...)
		for _, f := range fields {
			siblings = append(siblings, f.name)
		}
		d.unknown(n.Children[key], path, key, siblings)
		if c := nearest(key, siblings); c != "" && n.Children[c] == nil {
			d.bad[joinPath(path, c)] = true // it has its default, and another value was meant
		}
	}
}

// value decodes one value. The field gives the limits of the key it belongs to.
func (d *decoder) value(n *Node, path string, v reflect.Value, f *field) {
	d.origins[path] = n
	switch v.Kind() {
	case reflect.Struct:
		d.table(n, path, v)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, path, v.Elem(), f)
	case reflect.Slice:
		d.slice(n, path, v, f)
	case reflect.Map:
		d.mapping(n, path, v, f)
	case reflect.String:
		d.text(n, path, v, f)
	case reflect.Bool:
		if n.Kind != Boolean {
			d.wrongType(n, path, v.Type(), f)
			return
		}
		v.SetBool(n.Value.(bool))
	case reflect.Float32, reflect.Float64:
		d.float(n, path, v, f)
	default:
		d.integer(n, path, v, f)
	}
}

// slice decodes an array. One string is as good as a list of one, since that is
// how everybody writes it.
func (d *decoder) slice(n *Node, path string, v reflect.Value, f *field) {
	if n.Kind == String && v.Type().Elem().Kind() == reflect.String {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(n, path, item, f)
		v.Set(reflect.Append(reflect.MakeSlice(v.Type(), 0, 1), item))
		return
	}
	if n.Kind != Array {
		d.wrongType(n, path, v.Type(), f)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		d.value(item, path+"["+strconv.Itoa(i)+"]", out.Index(i), f)
	}
	v.Set(out)
}

func (d *decoder) mapping(n *Node, path string, v reflect.Value, f *field) {
	if n.Kind != Table {
		d.wrongType(n, path, v.Type(), f)
		return
	}
	// A new map, because the defaults may be shared.
	out := reflect.MakeMap(v.Type())
	for _, k := range sortedKeys(v) {
		key := reflect.ValueOf(k).Convert(v.Type().Key())
		out.SetMapIndex(key, v.MapIndex(key))
	}
	for _, k := range n.Keys {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(n.Children[k], joinPath(path, k), item, f)
		out.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), item)
	}
	v.Set(out)
}

func (d *decoder) text(n *Node, path string, v reflect.Value, f *field) {
	if n.Kind != String {
		d.wrongType(n, path, v.Type(), f)
		return
	}
	s := n.Value.(string)
	v.SetString(s)
	if len(f.oneof) == 0 {
		return
	}
	for _, o := range f.oneof {
		if o == s {
			return
		}
	}
	d.fail(path, n.Val, "%s = %q is not one of its values%s", path, s, allowed(s, f.oneof))
}

func (d *decoder) float(n *Node, path string, v reflect.Value, f *field) {
	x, ok := n.number()
	switch {
	case n.Kind == Float && !ok:
		d.fail(path, n.Val, "%s takes a finite number, not %s", path, n.Text())
	case !ok:
		d.wrongType(n, path, v.Type(), f)
	case d.inRange(n, path, x, f):
		v.SetFloat(x)
	}
}

func (d *decoder) integer(n *Node, path string, v reflect.Value, f *field) {
	if n.Kind != Integer {
		d.wrongType(n, path, v.Type(), f)
		return
	}
	x := n.Value.(int64)
	if !d.inRange(n, path, float64(x), f) {
		return
	}
	if v.CanInt() {
		if v.OverflowInt(x) {
			d.fail(path, n.Val, "%s = %d does not fit %d bits", path, x, v.Type().Bits())
			return
		}
		v.SetInt(x)
		return
	}
	if x < 0 || v.OverflowUint(uint64(x)) {
		d.fail(path, n.Val, "%s = %d is out of range; allowed: at least 0", path, x)
		return
	}
	v.SetUint(uint64(x))
}

// inRange checks the tags min and max. They are written by programmers, so one
// that is no number is a bug.
func (d *decoder) inRange(n *Node, path string, x float64, f *field) bool {
	lo, hi := math.Inf(-1), math.Inf(1)
	if f.min != "" {
		lo = limit(f.min)
	}
	if f.max != "" {
		hi = limit(f.max)
	}
	if x >= lo && x <= hi {
		return true
	}
	var want string
	switch {
	case f.max == "":
		want = "at least " + f.min
	case f.min == "":
		want = "at most " + f.max
	default:
		want = f.min + " to " + f.max
	}
	d.fail(path, n.Val, "%s = %s is out of range; allowed: %s", path, n.Text(), want)
	return false
}

func limit(tag string) float64 {
	x, err := strconv.ParseFloat(tag, 64)
	if err != nil {
		panic("config: the tag is no number: " + tag)
	}
	return x
}

func sortedKeys(m reflect.Value) []string {
	var out []string
	for _, k := range m.MapKeys() {
		out = append(out, k.String())
	}
	sort.Strings(out)
	return out
}
