package config

import (
	"fmt"
	"reflect"
	"sort"
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

// at reports a problem of the key at path, unless another mistake may be its cause.
func (d *decoder) at(path, msg string) {
	if !d.doubtful(path) {
		d.locate(path, msg)
	}
}

// locate reports a problem of the key at path, wherever it was set last.
func (d *decoder) locate(path, msg string) {
	if n := d.origins[path]; n != nil {
		at := n.Val
		if n.Kind == Table {
			at = n.Key
		}
		d.cross(at, fmt.Sprintf("%s: %s", path, msg), d.neighbours(path, n))
		return
	}
	// Nobody set it. The table around it is the place to do so.
	at := Span{}
	for p := path; p != "" && at.Src == nil; {
		p = parent(p)
		if n := d.origins[p]; n != nil {
			at = n.Key
		}
	}
	d.cross(at, fmt.Sprintf("%s (its default): %s", path, msg), nil)
}

// doubtful tells whether a relation that path takes part in cannot be judged: a
// key beside it is wrong and has its default instead of what was meant. Without
// the size of the machine, who runs where and how far apart is in doubt too.
func (d *decoder) doubtful(path string) bool {
	if d.unread(path) {
		return true
	}
	run := path == "run.cores" || path == "run.placement"
	o := d.origins[path]
	name := o != nil && o.Kind == String // looked up, and found or not, whatever other unknown keys were meant to say
	for b := range d.bad {
		switch {
		case parent(b) == parent(path) && parent(b) != "run" && !(name && d.unknowns[b]):
			return true
		case b == "machine" && (run || path == "machine" || strings.HasPrefix(path, "machine.")):
			return true
		case parent(b) == "machine.topology" && (run || strings.HasPrefix(path, "machine.placements") || strings.HasPrefix(path, "machine.fabric")):
			return true
		}
	}
	return path == "run.cores" && (d.bad["run.placement"] || d.bad["run.tasks"]) || path == "run.placement" && d.bad["run.cores"]
}

// unread tells whether the value at path, or a part of it, could not be read.
func (d *decoder) unread(path string) bool {
	for b := range d.bad {
		if b == path || strings.HasPrefix(b, path+"[") || strings.HasPrefix(b, path+".") {
			return true
		}
	}
	return false
}

// parent is the path of the table that holds a key.
func parent(path string) string { return path[:max(strings.LastIndexByte(path, '.'), 0)] }

// neighbours tells of the user's keys in the same table where a preset's key is
// pointed at: a relation between two keys is broken by the one that was changed.
func (d *decoder) neighbours(path string, n *Node) []string {
	if d.main == nil || n.Val.Src == d.main || n.Val.Src.Inline {
		return nil
	}
	var paths []string
	for p, o := range d.origins {
		user := o.Val.Src != nil && (o.Val.Src == d.main || o.Val.Src.Inline)
		if parent(p) == parent(path) && user && o.Kind != Table && !strings.HasSuffix(p, "]") {
			paths = append(paths, p)
		}
	}
	sort.Strings(paths)
	for i, p := range paths {
		paths[i] = fmt.Sprintf("%s = %s is set at %s", p, d.origins[p].Text(), d.origins[p].Val)
	}
	return paths
}

// cross reports what a relation between keys breaks.
func (d *decoder) cross(at Span, msg string, more []string) {
	d.broken = true
	d.c.add(Diagnostic{At: at, Msg: msg, Note: append(more, d.note...)})
}
