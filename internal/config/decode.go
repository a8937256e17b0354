package config

import (
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Checker is what a config struct implements to check what no tag can say, such
// as a relation between two keys. Each problem is "key: message", with the key
// relative to the struct in dots ("l1.bytes: 48 KiB in 7 ways is no power of two
// of sets"); "message" alone is about the struct as a whole. The interface is
// met without an import of this package.
type Checker interface{ Problems() []string }

// decoder fills structs from nodes and remembers which node set which key.
type decoder struct {
	c       *collector
	origins map[string]*Node
	// known lists every key there is, to suggest one of another table.
	known []string
	note  []string // added to what cross-checks find: the point of the sweep
	// owner says which other kind of workload or lock has an unknown key.
	owner func(key string) string
	bad   bool // a problem was found
}

func newDecoder(c *collector) *decoder {
	return &decoder{c: c, origins: map[string]*Node{}}
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

func (d *decoder) errorf(at Span, format string, args ...any) {
	d.bad = true
	d.c.errorf(at, format, args...)
}

// table decodes a table into a struct. Extras are keys that the caller decodes.
func (d *decoder) table(n *Node, path string, v reflect.Value, extras ...string) {
	if path != "" {
		d.origins[path] = n
	}
	if n.Kind != Table {
		d.errorf(n.Val, "%s is a table, not %s", path, n.Describe())
		return
	}
	var fields []field
	if v.IsValid() {
		fields = fieldsOf(v.Type())
	}
	siblings := append([]string(nil), extras...)
	for _, f := range fields {
		siblings = append(siblings, f.name)
		if f.required && n.Children[f.name] == nil {
			d.errorf(n.Key, "%s needs the key %q: %s", path, f.name, f.doc)
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
		d.unknown(n.Children[key], path, key, siblings)
	}
}

// unknown reports a key that nothing takes and says which one was meant.
func (d *decoder) unknown(n *Node, path, key string, siblings []string) {
	full := joinPath(path, key)
	msg := fmt.Sprintf("unknown key %q", full)
	if n.Via != "" {
		msg += " (" + n.Via + ")"
	}
	d.errorf(n.Key, "%s%s", msg, d.meant(n, path, key, siblings))
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
	if c := closest(key, siblings); c != "" {
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
	if c := closest(joinPath(path, key), d.known); c != "" {
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
		d.value(item, fmt.Sprintf("%s[%d]", path, i), out.Index(i), f)
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
	d.errorf(n.Val, "%s = %q is not one of its values%s", path, s, allowed(s, f.oneof))
}

func (d *decoder) float(n *Node, path string, v reflect.Value, f *field) {
	x, ok := n.number()
	switch {
	case n.Kind == Float && !ok:
		d.errorf(n.Val, "%s takes a finite number, not %s", path, n.Text())
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
			d.errorf(n.Val, "%s = %d does not fit %d bits", path, x, v.Type().Bits())
			return
		}
		v.SetInt(x)
		return
	}
	if x < 0 || v.OverflowUint(uint64(x)) {
		d.errorf(n.Val, "%s = %d is out of range; allowed: at least 0", path, x)
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
	d.errorf(n.Val, "%s = %s is out of range; allowed: %s", path, n.Text(), want)
	return false
}

func limit(tag string) float64 {
	x, err := strconv.ParseFloat(tag, 64)
	if err != nil {
		panic("config: the tag is no number: " + tag)
	}
	return x
}

// wrongType says what was given, what is taken, and how to write it.
func (d *decoder) wrongType(n *Node, path string, want reflect.Type, f *field) {
	name := typeName(want)
	if name == "string" && len(f.oneof) > 0 && n.Kind != Array {
		d.errorf(n.Val, "%s takes a string, not %s%s", path, n.Describe(), allowed("", f.oneof))
		return
	}
	d.errorf(n.Val, "%s takes %s, not %s%s", path, article(name), n.Describe(), d.rewrite(n, path, want))
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

// problems calls [Checker.Problems] of v and of every struct in it, and gives
// each problem the position of the key it names.
func (d *decoder) problems(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			d.problems(v.Elem(), path)
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			d.problems(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		return
	case reflect.Struct:
	default:
		return
	}
	var checker Checker
	if v.CanAddr() {
		checker, _ = v.Addr().Interface().(Checker)
	}
	if checker == nil {
		checker, _ = v.Interface().(Checker)
	}
	if checker != nil {
		for _, p := range checker.Problems() {
			d.problem(path, p)
		}
	}
	for _, f := range fieldsOf(v.Type()) {
		d.problems(v.FieldByIndex(f.index), joinPath(path, f.name))
	}
}

// problem reports "key: message" about a struct at path.
func (d *decoder) problem(path, text string) {
	key, msg, ok := strings.Cut(text, ": ")
	if !ok || strings.ContainsAny(key, " \t") {
		d.at(path, text)
		return
	}
	d.at(joinPath(path, key), msg)
}

// at reports a problem of the key at path, wherever it was set last.
func (d *decoder) at(path, msg string) {
	if n := d.origins[path]; n != nil {
		at := n.Val
		if n.Kind == Table {
			at = n.Key
		}
		d.cross(at, fmt.Sprintf("%s: %s", path, msg))
		return
	}
	// Nobody set it. The table around it is the place to do so.
	at := Span{}
	for p := path; p != "" && at.Src == nil; {
		p = p[:max(strings.LastIndexByte(p, '.'), 0)]
		if n := d.origins[p]; n != nil {
			at = n.Key
		}
	}
	d.cross(at, fmt.Sprintf("%s (its default): %s", path, msg))
}

func (d *decoder) cross(at Span, msg string) {
	d.bad = true
	d.c.add(Diagnostic{At: at, Msg: msg, Note: d.note})
}

func sortedKeys(m reflect.Value) []string {
	var out []string
	for _, k := range m.MapKeys() {
		out = append(out, k.String())
	}
	sort.Strings(out)
	return out
}
