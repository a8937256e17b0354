package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"

	"cohsim/internal/mem"
)

// MarshalJSON writes a tree with the keys of each table in their order, and
// numbers as a person would.
func (n *Node) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := n.json(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (n *Node) json(b *bytes.Buffer) error {
	switch n.Kind {
	case Table:
		b.WriteByte('{')
		for i, k := range n.Keys {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeString(b, k); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := n.Children[k].json(b); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case Array:
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := item.json(b); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case Float:
		b.WriteString(formatNumber(n.Value.(float64)))
	case String:
		return writeString(b, n.Value.(string))
	case Integer:
		b.Write(strconv.AppendInt(b.AvailableBuffer(), n.Value.(int64), 10))
	default:
		v, err := marshal(n.Value)
		if err != nil {
			return err
		}
		b.Write(v)
	}
	return nil
}

// writeString writes a JSON string. Hardly any needs escapes, and every point of a
// sweep has hundreds.
func writeString(b *bytes.Buffer, s string) error {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			v, err := marshal(s)
			b.Write(v)
			return err
		}
	}
	b.WriteByte('"')
	b.WriteString(s)
	b.WriteByte('"')
	return nil
}

// marshal is json.Marshal without the escapes that HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Tree is the config with every default filled in, in the order in which the
// keys are declared: what a result document shows. It holds no path of the host. The
// seeds are not in it.
func (c *Config) Tree() *Node {
	out := &Node{Kind: Table, Children: map[string]*Node{}}
	m := valueNode(reflect.ValueOf(c.Machine))
	m.remove("doc") // prose decides nothing
	out.put("machine", m)
	out.put("workload", c.Workload.tree())
	out.put("lock", c.Lock.tree())
	layouts := &Node{Kind: Array}
	for _, l := range c.Layouts {
		layouts.Items = append(layouts.Items, l.tree())
	}
	out.put("layout", layouts)
	run := valueNode(reflect.ValueOf(c.Run))
	run.remove("seeds")
	out.put("run", run)
	return out
}

// text is Tree as JSON, which is what is hashed. Every point of a sweep has one, so it is
// written without a tree; the machine may be known already.
func (c *Config) text(known *soundMachine) []byte {
	var m []byte
	if known != nil {
		m = known.text
	} else {
		m = c.machineText()
	}
	b := bytes.NewBuffer(make([]byte, 0, len(m)+1024))
	b.WriteString(`{"machine":`)
	b.Write(m)
	b.WriteString(`,"workload":`)
	c.Workload.write(b)
	b.WriteString(`,"lock":`)
	c.Lock.write(b)
	b.WriteString(`,"layout":[`)
	for i, l := range c.Layouts {
		if i > 0 {
			b.WriteByte(',')
		}
		plain(l.tree().json(b))
	}
	b.WriteString(`],"run":`)
	plain(writeValue(b, reflect.ValueOf(&c.Run).Elem(), "seeds"))
	b.WriteByte('}')
	return b.Bytes()
}

// machineText is the machine's part of text. It is most of it, so it is written without
// a tree.
func (c *Config) machineText() []byte {
	var b bytes.Buffer
	plain(writeValue(&b, reflect.ValueOf(&c.Machine).Elem(), "doc"))
	return b.Bytes()
}

// plain is for errors of writing plain data, which always has JSON.
func plain(err error) {
	if err != nil {
		panic("config: a config that has no JSON: " + err.Error())
	}
}

// writeValue is valueNode and json in one, without a key of the outermost struct.
func writeValue(b *bytes.Buffer, v reflect.Value, without string) error {
	switch {
	case v.Kind() == reflect.Struct:
		sep := byte('{')
		for _, f := range fieldsOf(v.Type()) {
			if f.nodump || f.name == without {
				continue
			}
			b.WriteByte(sep)
			b.WriteByte('"')
			b.WriteString(f.name)
			b.WriteString(`":`)
			if err := writeValue(b, v.FieldByIndex(f.index), ""); err != nil {
				return err
			}
			sep = ','
		}
		if sep == '{' {
			b.WriteByte(sep)
		}
		b.WriteByte('}')
	case v.Kind() == reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeValue(b, v.Index(i), ""); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case v.CanInt():
		b.Write(strconv.AppendInt(b.AvailableBuffer(), v.Int(), 10))
	case v.CanFloat():
		b.WriteString(formatNumber(v.Float()))
	case v.Kind() == reflect.String:
		return writeString(b, v.String())
	default:
		return valueNode(v).json(b)
	}
	return nil
}

func (c Choice) tree() *Node {
	n := &Node{Kind: Table, Children: map[string]*Node{}}
	n.put("kind", stringNode(c.Kind))
	if c.Params != nil {
		overlay(n, valueNode(reflect.ValueOf(c.Params)))
	}
	if s, ok := c.Params.(sourced); ok {
		file, text := s.Source()
		n.put("file", stringNode(filepath.Base(file)))
		n.put("digest", stringNode(digest(text)))
	}
	return n
}

// write writes tree as JSON.
func (c Choice) write(b *bytes.Buffer) {
	if _, ok := c.Params.(sourced); ok || c.Params == nil {
		plain(c.tree().json(b))
		return
	}
	b.WriteString(`{"kind":`)
	plain(writeString(b, c.Kind))
	start := b.Len()
	plain(writeValue(b, reflect.Indirect(reflect.ValueOf(c.Params)), ""))
	if params := b.Bytes()[start:]; len(params) > len("{}") {
		params[0] = ',' // they go on in the same table
	} else {
		b.Truncate(start)
		b.WriteByte('}')
	}
}

// sourced are parameters that name a file whose text decides the result: a moved
// file gives the same hash, an edited one another.
type sourced interface {
	Source() (file string, text []byte)
}

// tree names a layout and digests what it says, so that an edited layout makes
// another result but a moved file does not.
func (l Layout) tree() *Node {
	n := &Node{Kind: Table, Children: map[string]*Node{}}
	name := l.Ref
	if isPath(name) {
		name = filepath.Base(name)
	}
	if l.Layout != nil && l.Layout.Name != "" {
		name = l.Layout.Name
	}
	n.put("name", stringNode(name))
	if l.Layout != nil {
		n.put("digest", stringNode(LayoutDigest(l.Layout)))
	}
	return n
}

// LayoutDigest is a digest of what a layout says: of its structs, not of its name and
// notes.
func LayoutDigest(l *mem.Layout) string {
	c := *l
	c.Name, c.Notes = "", ""
	c.Structs = slices.Clone(c.Structs)
	for i := range c.Structs {
		c.Structs[i].Notes = ""
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("config: a layout that has no JSON: " + err.Error()) // plain data always has
	}
	return digest(text)
}

func stringNode(s string) *Node { return &Node{Kind: String, Value: s} }

// digest is the first 64 bits of the SHA-256, in hexadecimal: enough to tell
// apart all results that anybody will ever keep.
func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Text is the point's config as JSON, complete and in a fixed order. It was written
// once, when the point was checked.
func (p *Point) Text() []byte { return p.text }

// Hash identifies what the point's config decides: equal hashes mean equal
// results for equal seeds and engine number.
func (p *Point) Hash() string { return digest(p.text) }

// LabelTree is the point's labels as an object: what a result record shows.
func (p *Point) LabelTree() *Node {
	n := &Node{Kind: Table, Children: map[string]*Node{}}
	for _, l := range p.Labels {
		n.put(l.Axis, labelNode(l.Value))
	}
	return n
}

func labelNode(v any) *Node {
	switch v := v.(type) {
	case int64:
		return &Node{Kind: Integer, Value: v}
	case float64:
		return &Node{Kind: Float, Value: v}
	case bool:
		return &Node{Kind: Boolean, Value: v}
	}
	return stringNode(fmt.Sprint(v))
}

// Resolved is the whole experiment: what all points share, the seeds, and the
// axes with their values. Reports are left out: they change no result.
func (e *Experiment) Resolved() *Node {
	out := &Node{Kind: Table, Children: map[string]*Node{}}
	out.put("name", stringNode(e.Name))
	base := e.Base.Tree()
	for _, k := range base.Keys {
		out.put(k, base.Children[k])
	}
	out.Children["run"].put("seeds", valueNode(reflect.ValueOf(e.Seeds)))
	sweep := &Node{Kind: Table, Children: map[string]*Node{}}
	for _, a := range e.Axes {
		values := &Node{Kind: Array}
		named := &Node{Kind: Table, Children: map[string]*Node{}}
		for _, v := range a.Values {
			values.Items = append(values.Items, labelNode(v.Label))
			if a.Variant {
				set := &Node{Kind: Table, Children: map[string]*Node{}}
				for _, s := range v.sets {
					set.put(joinAll(s.path), labelNode(label(s.node)))
				}
				named.put(fmt.Sprint(v.Label), set)
			}
		}
		if a.Variant {
			sweep.put(a.Name, named)
		} else {
			sweep.put(a.Name, values)
		}
	}
	out.put("sweep", sweep)
	out.put("points", &Node{Kind: Integer, Value: int64(len(e.Points))})
	return out
}

// Hash identifies every point of the experiment, their order and labels, and the
// seeds.
func (e *Experiment) Hash() string {
	var b bytes.Buffer
	fmt.Fprintln(&b, e.Seeds)
	for i := range e.Points {
		p := &e.Points[i]
		fmt.Fprintln(&b, p.String(), p.Hash())
	}
	return digest(b.Bytes())
}

func joinAll(path []string) string {
	out := ""
	for _, p := range path {
		out = joinPath(out, p)
	}
	return out
}
