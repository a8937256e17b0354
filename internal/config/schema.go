package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// field is one key that a struct takes.
type field struct {
	name     string // tag toml
	index    []int  // for reflect.Value.FieldByIndex
	typ      reflect.Type
	doc      string
	min, max string
	oneof    []string
	required bool
	nodump   bool
}

// known remembers what listFields found: the points of a sweep are decoded and
// written one by one, and all have the same few types.
var known sync.Map // reflect.Type -> []field

// fieldsOf lists the keys of a struct in the order of their declaration. The
// keys of an embedded struct without a tag are keys of the struct around it.
// Fields without a tag are not keys. The list belongs to everybody: do not write.
func fieldsOf(t reflect.Type) []field {
	fs, ok := known.Load(t)
	if !ok {
		fs, _ = known.LoadOrStore(t, listFields(t))
	}
	return fs.([]field)
}

func listFields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup("toml")
		if f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct {
			for _, e := range fieldsOf(f.Type) {
				e.index = append([]int{i}, e.index...)
				out = append(out, e)
			}
			continue
		}
		name, _, _ = strings.Cut(name, ",")
		if !tagged || name == "" || name == "-" {
			continue
		}
		out = append(out, field{
			name: name, index: []int{i}, typ: f.Type, doc: f.Tag.Get("doc"),
			min: f.Tag.Get("min"), max: f.Tag.Get("max"), oneof: strings.Fields(f.Tag.Get("oneof")),
			required: f.Tag.Get("required") != "", nodump: f.Tag.Get("dump") == "-",
		})
	}
	return out
}

// Key describes one key for people: `cohsim explain`, the reference in docs.
type Key struct {
	Path     string
	Type     string // "integer", "number", "string", "boolean", "table", "array of …"
	Doc      string
	Min, Max string
	OneOf    []string
	Default  string // as TOML writes it
}

// Keys lists every key of a struct with its default, tables before their keys.
// The argument is a pointer to a struct that holds the defaults.
func Keys(prefix string, defaults any) []Key {
	v := reflect.ValueOf(defaults)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	var out []Key
	if v.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range fieldsOf(v.Type()) {
		path := joinPath(prefix, f.name)
		fv := v.FieldByIndex(f.index)
		k := Key{Path: path, Type: typeName(f.typ), Doc: f.doc, Min: f.min, Max: f.max, OneOf: f.oneof}
		if f.typ.Kind() == reflect.Struct {
			out = append(append(out, k), Keys(path, fv.Interface())...)
			continue
		}
		k.Default = valueNode(fv).Text()
		out = append(out, k)
	}
	return out
}

// typeName is what an error says a key takes, without its article.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array of " + plural(typeName(t.Elem()))
	case reflect.Map:
		return "table of " + plural(typeName(t.Elem()))
	case reflect.Struct:
		return "table"
	case reflect.Pointer:
		return typeName(t.Elem())
	}
	if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 {
		return "integer"
	}
	panic(fmt.Sprintf("config: no TOML value fits a key of type %s", t))
}

// plural is "arrays of numbers" for "array of numbers".
func plural(noun string) string {
	first, rest, ok := strings.Cut(noun, " ")
	if !ok {
		return noun + "s"
	}
	return first + "s " + rest
}

func article(noun string) string {
	if strings.IndexByte("aeiou", noun[0]) >= 0 {
		return "an " + noun
	}
	return "a " + noun
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// valueNode is the tree of a Go value: the inverse of decoding.
func valueNode(v reflect.Value) *Node {
	switch v.Kind() {
	case reflect.Bool:
		return &Node{Kind: Boolean, Value: v.Bool()}
	case reflect.String:
		return &Node{Kind: String, Value: v.String()}
	case reflect.Float32, reflect.Float64:
		return &Node{Kind: Float, Value: v.Float()}
	case reflect.Slice:
		n := &Node{Kind: Array}
		for i := range v.Len() {
			n.Items = append(n.Items, valueNode(v.Index(i)))
		}
		return n
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &Node{Kind: Table, Children: map[string]*Node{}}
		}
		return valueNode(v.Elem())
	case reflect.Map:
		n := &Node{Kind: Table, Children: map[string]*Node{}}
		for _, k := range sortedKeys(v) {
			n.put(k, valueNode(v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key()))))
		}
		return n
	case reflect.Struct:
		n := &Node{Kind: Table, Children: map[string]*Node{}}
		for _, f := range fieldsOf(v.Type()) {
			if !f.nodump {
				n.put(f.name, valueNode(v.FieldByIndex(f.index)))
			}
		}
		return n
	}
	if v.CanInt() {
		return &Node{Kind: Integer, Value: v.Int()}
	}
	return &Node{Kind: Integer, Value: int64(v.Uint())}
}
