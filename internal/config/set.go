package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// commandLine turns --set and --seed into a tree that lies over the file.
func (l *loader) commandLine() *Node {
	over := &Node{Kind: Table, Children: map[string]*Node{}}
	for _, arg := range l.opt.Set {
		src := NewSource("--set "+arg, []byte(arg))
		src.Inline = true
		if n := l.argument(src); n != nil {
			standalone(n)
			overlay(over, n)
		}
	}
	if l.opt.Seed != nil {
		src := NewSource(fmt.Sprintf("--seed %d", *l.opt.Seed), nil)
		src.Inline = true
		at := Span{Src: src}
		seed := &Node{Kind: Integer, Value: int64(*l.opt.Seed), Key: at, Val: at}
		over.set([]string{"run", "seeds"}, &Node{Kind: Array, Items: []*Node{seed}, Key: at, Val: at})
	}
	return over
}

// argument reads one KEY=VALUE. A value that is no TOML is a string, so that
// nobody has to quote quotes for a shell.
func (l *loader) argument(src *Source) *Node {
	all := Span{src, 0, len(src.Text)}
	sc := &scanner{src: src, s: src.Text}
	path := sc.key()
	sc.blank(false)
	if len(path) == 0 || sc.peek() != '=' {
		l.c.errorf(all, "--set takes KEY=VALUE, with the key in dots: --set run.cores=8")
		return nil
	}
	value := strings.TrimSpace(src.Text[sc.i+1:])
	if values, err := decodeTOML(src.Text); err == nil {
		return build(values, scan(src), all)
	}
	// What starts as an array, a table or a string was meant as TOML.
	if value == "" || strings.ContainsAny(value[:1], `[{"'`) {
		return parse(src, l.c)
	}
	root := &Node{Kind: Table, Children: map[string]*Node{}, Key: all, Val: all}
	var names []string
	for _, p := range path {
		names = append(names, p.name)
	}
	root.set(names, &Node{Kind: String, Value: value, Key: all, Val: all})
	return root
}

// standalone writes the short form machine = "x" as machine.base = "x", so that
// it can be overlaid with keys.
func standalone(root *Node) {
	if m := root.Children["machine"]; m != nil && m.Kind != Table {
		root.put("machine", &Node{Kind: Table, Keys: []string{"base"}, Children: map[string]*Node{"base": m}, Key: m.Key, Val: m.Val, Via: m.Via})
	}
}

// keyPath is where the key named on an axis goes.
func keyPath(name []string) []string {
	if len(name) == 1 && name[0] == "machine" {
		return []string{"machine", "base"}
	}
	return name
}

// fix gives an axis one value where --set names its key: whoever sets a key on
// the command line wants that value at every point.
func (l *loader) fix(e *Experiment, over *Node) {
	for i := range e.Axes {
		a := &e.Axes[i]
		if a.Variant {
			l.shadowed(a, over)
			continue
		}
		if len(a.Values) == 0 {
			continue
		}
		path := a.Values[0].sets[0].path
		n := over.get(path...)
		if n == nil {
			continue
		}
		a.Values = []AxisValue{{Label: label(n), at: n.Val, sets: []setting{{path, n}}}}
		a.fixed = true
	}
}

// ways reports a value that stands where an axis needs a table, since a point would put
// one in its place, and tells whether there is none. With one there are no points to judge.
func (l *loader) ways(e *Experiment) bool {
	ok := true
	for i := range e.Axes {
		for _, v := range e.Axes[i].Values {
			for _, s := range v.sets {
				for k := 1; k < len(s.path); k++ {
					if n := e.root.get(s.path[:k]...); n != nil && n.Kind != Table {
						path := joinAll(s.path[:k])
						l.c.errorf(n.Val, "%s is a table, not %s; the axis %q sets %s", path, n.Describe(), e.Axes[i].Name, joinAll(s.path))
						ok = false
					}
				}
			}
		}
	}
	return ok
}

// shadowed reports a --set of a key that a variant sets anyway.
func (l *loader) shadowed(a *Axis, over *Node) {
	for _, v := range a.Values {
		for _, s := range v.sets {
			if n := over.get(s.path...); n != nil {
				l.c.errorf(n.Key, "%s has no effect: the axis %q sets it (%s at %s)", strings.Join(s.path, "."), a.Name, strconv.Quote(fmt.Sprint(v.Label)), s.node.Val)
			}
		}
	}
}

// idle warns of the file's values of keys that an axis sets at every point.
func (l *loader) idle(e *Experiment) {
	for i := range e.Axes {
		a := &e.Axes[i]
		if a.fixed {
			continue
		}
		times := map[string]int{}
		for _, v := range a.Values {
			own := map[string]bool{} // a key can be set twice in two spellings
			for _, s := range v.sets {
				key := joinAll(s.path)
				n := e.root.get(s.path...)
				if own[key] {
					continue
				}
				own[key] = true
				if times[key]++; times[key] == len(a.Values) && n != nil && n.Kind != Table && n.Key.Src == l.main {
					e.Warnings = append(e.Warnings, Diagnostic{At: n.Key, Msg: fmt.Sprintf("%s has no effect here: the axis %q sets it at every point", key, a.Name)})
				}
			}
		}
	}
	slices.SortFunc(e.Warnings, func(a, b Diagnostic) int { return cmp.Compare(a.At.Start, b.At.Start) })
}
