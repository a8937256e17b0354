package config

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Kind is the TOML type of a node.
type Kind int

const (
	Table   Kind = iota // keys with values
	Array               // values in order
	String              // text
	Integer             // 64 bits, signed
	Float               // 64 bits
	Boolean             // true or false
	Date                // no key takes one
)

// String names the kind as an error does.
func (k Kind) String() string {
	return [...]string{"a table", "an array", "a string", "an integer", "a number", "a boolean", "a date"}[k]
}

// Node is a value of a TOML document and where it stands. Nodes of several
// documents can be put together in one tree, and each still knows its origin:
// so presets, files and --set are overlaid before they are decoded once.
type Node struct {
	Kind     Kind
	Value    any              // string, int64, float64 or bool of a leaf
	Children map[string]*Node // of a table
	Keys     []string         // of a table, in the order of the text
	Items    []*Node          // of an array
	Key, Val Span
	// Via says how a key was named if not by its own table: "sweep axis".
	Via string
}

// Text is the value as TOML writes it, for messages and labels.
func (n *Node) Text() string {
	switch n.Kind {
	case String:
		return strconv.Quote(n.Value.(string))
	case Integer:
		return strconv.FormatInt(n.Value.(int64), 10)
	case Float:
		return formatNumber(n.Value.(float64))
	case Boolean:
		return strconv.FormatBool(n.Value.(bool))
	case Date:
		return fmt.Sprint(n.Value)
	case Array:
		var parts []string
		for _, item := range n.Items {
			parts = append(parts, item.Text())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	var parts []string
	for _, k := range n.Keys {
		parts = append(parts, k+" = "+n.Children[k].Text())
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// Describe is what an error says was given: `the string "x"`, "an array".
func (n *Node) Describe() string {
	switch n.Kind {
	case Table, Array, Date:
		return n.Kind.String()
	case Boolean:
		return n.Text()
	}
	return strings.Replace(strings.Replace(n.Kind.String(), "a ", "the ", 1), "an ", "the ", 1) + " " + n.Text()
}

// build joins the values that the library read with the places that the scanner
// found. Where the two disagree the values win, and stand at their parent's
// place: a wrong column is better than a wrong value.
func build(value any, p *place, parent Span) *Node {
	n := &Node{Key: parent, Val: parent}
	if p != nil {
		n.Key, n.Val = p.key, p.val
		if n.Key.Src == nil {
			n.Key = n.Val
		}
	}
	switch v := value.(type) {
	case map[string]any:
		n.Kind, n.Children = Table, make(map[string]*Node, len(v))
		if p != nil {
			for _, k := range p.order {
				if _, ok := v[k]; ok {
					n.Keys = append(n.Keys, k)
				}
			}
		}
		if len(n.Keys) < len(v) {
			known := map[string]bool{}
			for _, k := range n.Keys {
				known[k] = true
			}
			rest := len(n.Keys)
			for k := range v {
				if !known[k] {
					n.Keys = append(n.Keys, k)
				}
			}
			sort.Strings(n.Keys[rest:])
		}
		for _, k := range n.Keys {
			var kid *place
			if p != nil {
				kid = p.kids[k]
			}
			n.Children[k] = build(v[k], kid, n.Key)
		}
	case []map[string]any:
		n.Kind = Array
		for i, item := range v {
			n.Items = append(n.Items, build(item, p.item(i), n.Key))
		}
	case []any:
		n.Kind = Array
		for i, item := range v {
			n.Items = append(n.Items, build(item, p.item(i), n.Key))
		}
	case string:
		n.Kind, n.Value = String, v
	case int64:
		n.Kind, n.Value = Integer, v
	case float64:
		n.Kind, n.Value = Float, v
	case bool:
		n.Kind, n.Value = Boolean, v
	case time.Time:
		n.Kind, n.Value = Date, v.Format(time.RFC3339)
	default:
		n.Kind, n.Value = Date, fmt.Sprint(v)
	}
	return n
}

func (p *place) item(i int) *place {
	if p == nil || i >= len(p.items) {
		return nil
	}
	return p.items[i]
}

// number is the value of an integer or float node.
func (n *Node) number() (float64, bool) {
	switch n.Kind {
	case Integer:
		return float64(n.Value.(int64)), true
	case Float:
		f := n.Value.(float64)
		return f, !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

// get finds a descendant of a table, or nil.
func (n *Node) get(path ...string) *Node {
	for _, k := range path {
		if n == nil || n.Kind != Table {
			return nil
		}
		n = n.Children[k]
	}
	return n
}

// clone copies the tables of a tree; leaves and arrays are shared, since nothing
// changes them.
func (n *Node) clone() *Node {
	if n == nil || n.Kind != Table {
		return n
	}
	c := *n
	c.Keys = append([]string(nil), n.Keys...)
	c.Children = make(map[string]*Node, len(n.Children))
	for k, v := range n.Children {
		c.Children[k] = v.clone()
	}
	return &c
}

// put sets one key of a table.
func (n *Node) put(key string, v *Node) {
	if _, ok := n.Children[key]; !ok {
		n.Keys = append(n.Keys, key)
	}
	n.Children[key] = v
}

// overlay lays over on base: tables are joined key by key, everything else is
// replaced. Base is changed; over is not.
func overlay(base, over *Node) {
	for _, k := range over.Keys {
		b, o := base.Children[k], over.Children[k]
		if b != nil && b.Kind == Table && o.Kind == Table {
			overlay(b, o)
			continue
		}
		base.put(k, o.clone())
	}
}

// set puts v at a path below n and makes the tables on the way; each new one
// stands where v stands.
func (n *Node) set(path []string, v *Node) {
	for _, k := range path[:len(path)-1] {
		b := n.Children[k]
		if b == nil || b.Kind != Table {
			b = &Node{Kind: Table, Children: map[string]*Node{}, Key: v.Key, Val: v.Val, Via: v.Via}
			n.put(k, b)
		}
		n = b
	}
	last := path[len(path)-1]
	if b := n.Children[last]; b != nil && b.Kind == Table && v.Kind == Table {
		overlay(b, v)
		return
	}
	n.put(last, v.clone())
}

// remove takes a key out of a table.
func (n *Node) remove(key string) {
	delete(n.Children, key)
	for i, k := range n.Keys {
		if k == key {
			n.Keys = append(n.Keys[:i:i], n.Keys[i+1:]...)
			return
		}
	}
}
