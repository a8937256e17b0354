package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Checker is what a config struct implements to check what no tag can say, such
// as a relation between two keys. Each problem is "key: message", with the key
// relative to the struct in dots ("l1.bytes: 48 KiB in 7 ways is no power of two
// of sets"); "message" alone is about the struct as a whole. The interface is
// met without an import of this package.
type Checker interface{ Problems() []string }

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
	for _, f := range d.fields(v.Type()) {
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
