package config

import (
	"fmt"
	"reflect"
	"slices"
)

// Kinds is a registry of workloads or of locks.
type Kinds interface {
	// Names lists the kinds; the first is the default.
	Names() []string
	// Params is a pointer to a new struct with the kind's defaults, or nil if
	// the kind takes no parameters or does not exist.
	Params(kind string) any
}

// KindList is Kinds as a list.
type KindList []struct {
	Name   string
	Params func() any // nil if the kind takes no parameters
}

// Names lists the kinds in their order.
func (ks KindList) Names() []string {
	var out []string
	for _, k := range ks {
		out = append(out, k.Name)
	}
	return out
}

// Params finds a kind and calls its Params.
func (ks KindList) Params(kind string) any {
	for _, k := range ks {
		if k.Name == kind && k.Params != nil {
			return k.Params()
		}
	}
	return nil
}

// choice decodes [workload] or [lock]: a kind and its parameters.
func (l *loader) choice(d *decoder, n *Node, path string, kinds Kinds) Choice {
	var names []string
	if kinds != nil {
		names = kinds.Names()
	}
	var ch Choice
	if len(names) > 0 {
		ch.Kind = names[0]
	}
	if n != nil && n.Kind == String {
		d.fail(path, n.Val, "%s is a table, not %s; write %s.kind = %s", path, n.Describe(), path, n.Text())
		return ch
	}
	if kind := n.get("kind"); kind != nil {
		given := ch.Kind
		d.value(kind, path+".kind", reflect.ValueOf(&given).Elem(), &field{oneof: names})
		if d.bad[path+".kind"] {
			d.anyKind(n, path, kinds, names) // the values of an unknown kind cannot be judged
			return ch
		}
		ch.Kind = given
	}
	var params reflect.Value
	if kinds != nil {
		if p := kinds.Params(ch.Kind); p != nil {
			ch.Params = p
			params = reflect.ValueOf(p).Elem()
		}
	}
	if n == nil {
		return ch
	}
	d.owner = func(key string) string { return ownerOf(kinds, names, ch.Kind, key) }
	d.table(n, path, params, "kind")
	d.owner = nil
	return ch
}

// anyKind finds keys that no kind has.
func (d *decoder) anyKind(n *Node, path string, kinds Kinds, names []string) {
	known := []string{"kind"}
	for _, name := range names {
		if p := kinds.Params(name); p != nil {
			for _, f := range fieldsOf(reflect.TypeOf(p).Elem()) {
				known = append(known, f.name)
			}
		}
	}
	for _, key := range n.Keys {
		if !slices.Contains(known, key) {
			d.unknown(n.Children[key], path, key, known)
		}
	}
}

// ownerOf says which other kind has a key.
func ownerOf(kinds Kinds, names []string, not, key string) string {
	for _, name := range names {
		if name == not {
			continue
		}
		p := kinds.Params(name)
		if p == nil {
			continue
		}
		for _, f := range fieldsOf(reflect.TypeOf(p).Elem()) {
			if f.name == key {
				return fmt.Sprintf("; kind %q has it, %q has not", name, not)
			}
		}
	}
	return ""
}
