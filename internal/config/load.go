package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"cohsim/internal/machine"
	"cohsim/internal/mem"
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

// Options is what a config may refer to and what the command line adds. The zero
// value of each field turns off what needs it.
type Options struct {
	Shipped          fs.FS                 // machines/NAME.toml, and layouts for Layout
	Machine          func() machine.Config // the defaults below every preset
	Workloads, Locks Kinds
	// Layout reads a layout by shipped name or by path relative to dir.
	Layout func(shipped fs.FS, dir, ref string) (*mem.Layout, error)
	// Check looks at each point before anything runs, and returns problems as
	// [Checker] does, with whole keys: "layout: no field vma.vm_refcnt".
	Check func(*Config) []string

	Set  []string // KEY=VALUE, later ones win
	Seed *int     // replaces run.seeds
}

// loader resolves names to files and remembers each it has read.
type loader struct {
	opt     Options
	c       *collector
	dir     string // of the config file
	files   map[string]*machineFile
	layouts map[string]*mem.Layout
	known   []string
	broken  map[string]bool // axes that were reported and are left out
}

// Load reads an experiment. The error is [Diagnostics] and holds every mistake
// of the file, of the machines and layouts that it names, of opt.Set, and of every
// point of the sweep.
func Load(path string, opt Options) (*Experiment, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Diagnostics{{At: Span{Src: &Source{Name: path, Inline: true}}, Msg: "cannot read the file: " + reason(err)}}
	}
	return LoadText(path, text, opt)
}

// LoadText is [Load] for a text that is at hand already. Other files are still
// found relative to path.
func LoadText(path string, text []byte, opt Options) (*Experiment, error) {
	c := newCollector()
	l := &loader{opt: opt, c: c, dir: filepath.Dir(path), files: map[string]*machineFile{}, layouts: map[string]*mem.Layout{}, broken: map[string]bool{}}
	src := NewSource(path, text)
	c.order[src] = 0
	root := parse(src, c)
	if root == nil {
		return nil, c.err()
	}
	standalone(root)
	e := &Experiment{Path: path, root: root, loader: l}
	l.listKnown(root)
	over := l.commandLine()
	overlay(root, over)

	var head struct {
		Name string `toml:"name" doc:"name of the experiment; the file's name if it is left out"`
		Doc  string `toml:"doc" doc:"the question that the experiment asks"`
	}
	d := newDecoder(c)
	d.known = l.known
	d.table(root, "", reflect.ValueOf(&head).Elem(), topLevel...)
	e.Name, e.Doc = head.Name, head.Doc
	if e.Name == "" {
		e.Name = strings.TrimSuffix(filepath.Base(path), ".toml")
	}
	l.axes(e)
	l.fix(e, over)
	l.excludes(e)
	l.base(e)
	l.points(e)
	l.reports(e)
	if err := c.err(); err != nil {
		return nil, err
	}
	return e, nil
}

// topLevel are the keys of an experiment beside name and doc.
var topLevel = []string{"machine", "workload", "lock", "layout", "run", "sweep", "variant", "exclude", "report"}

// decode fills a config from a tree. Cross-checks happen only where the values
// themselves are sound, lest one mistake be told twice.
func (l *loader) decode(root *Node, note []string) (*Config, *decoder) {
	cfg := &Config{Machine: l.machineDefaults(), Run: DefaultRun()}
	d := newDecoder(l.c)
	d.known, d.note = l.known, note
	if n := root.Children["machine"]; n != nil {
		if tree := l.machine(n, l.dir, 0); tree != nil {
			d.table(tree, "machine", reflect.ValueOf(&cfg.Machine).Elem())
		} else {
			d.bad = true
		}
	}
	cfg.Workload = l.choice(d, root.Children["workload"], "workload", l.opt.Workloads)
	cfg.Lock = l.choice(d, root.Children["lock"], "lock", l.opt.Locks)
	cfg.Layouts = l.layoutList(d, root.Children["layout"])
	if n := root.Children["run"]; n != nil {
		d.table(n, "run", reflect.ValueOf(&cfg.Run).Elem())
	}
	return cfg, d
}

func (l *loader) machineDefaults() machine.Config {
	if l.opt.Machine == nil {
		return machine.Config{}
	}
	return l.opt.Machine()
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
		d.errorf(n.Val, "%s is a table, not %s; write %s.kind = %s", path, n.Describe(), path, n.Text())
		return ch
	}
	sound := true
	if kind := n.get("kind"); kind != nil {
		given := ch.Kind
		before := d.bad
		d.bad = false
		d.value(kind, path+".kind", reflect.ValueOf(&given).Elem(), &field{oneof: names})
		if sound = !d.bad; sound {
			ch.Kind = given
		}
		d.bad = d.bad || before
	}
	if !sound {
		return ch // the parameters of an unknown kind cannot be judged
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

// machine turns the value of `machine` into a table of keys: what its base holds,
// below its own keys. It is nil if the base cannot be read, which is reported.
func (l *loader) machine(n *Node, dir string, depth int) *Node {
	ref := n
	if n.Kind == Table {
		ref = n.Children["base"]
		if ref == nil {
			return n
		}
	}
	if ref.Kind != String {
		l.c.errorf(ref.Val, "a machine is named by a string or described by a table, not %s", ref.Describe())
		return nil
	}
	name := ref.Value.(string)
	base, baseDir := l.machineText(ref, name, dir)
	if base == nil {
		return nil
	}
	if depth > 8 {
		l.c.errorf(ref.Val, "the bases of this machine go round in a circle")
		return nil
	}
	base = l.machine(base, baseDir, depth+1)
	if base == nil {
		return nil
	}
	out := base.clone()
	if n.Kind == Table {
		overlay(out, n)
		out.remove("base")
		out.Key, out.Val = n.Key, n.Val
	}
	return out
}

// machineText reads a preset or a file.
func (l *loader) machineText(ref *Node, name, dir string) (*Node, string) {
	preset := !isPath(name)
	path := "machines/" + name + ".toml"
	if !preset {
		// What is typed on the command line is meant from where one stands.
		if ref.Key.Src != nil && ref.Key.Src.Inline {
			dir = "."
		}
		path = name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
	}
	key := fmt.Sprint(preset, path)
	if f, ok := l.files[key]; ok {
		if f.msg != "" {
			l.c.errorf(ref.Val, "%s", f.msg)
		}
		return f.tree, filepath.Dir(path)
	}
	var text []byte
	var err error
	shown := path
	switch {
	case !preset:
		text, err = os.ReadFile(path)
	case l.opt.Shipped == nil:
		err = fs.ErrNotExist
	default:
		shown = "configs/" + path
		text, err = fs.ReadFile(l.opt.Shipped, path)
	}
	f := &machineFile{}
	l.files[key] = f
	switch {
	case preset && err != nil:
		f.msg = fmt.Sprintf("no machine is named %q%s (a path has a slash in it or ends in .toml)", name, allowed(name, l.presets()))
	case err != nil:
		f.msg = fmt.Sprintf("cannot read the machine %q: %s", name, reason(err))
	default:
		f.tree = parse(NewSource(shown, text), l.c)
	}
	if f.msg != "" {
		l.c.errorf(ref.Val, "%s", f.msg)
	}
	return f.tree, filepath.Dir(path)
}

// machineFile is a machine that was read once, or why it could not be.
type machineFile struct {
	tree *Node
	msg  string
}

// presets lists the shipped machines.
func (l *loader) presets() []string {
	if l.opt.Shipped == nil {
		return nil
	}
	paths, _ := fs.Glob(l.opt.Shipped, "machines/*.toml") // the pattern is well formed
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(p), ".toml")
	}
	return paths
}

// layoutList reads `layout`: one name or path, or a list of overlays.
func (l *loader) layoutList(d *decoder, n *Node) []Layout {
	if n == nil {
		return nil
	}
	d.origins["layout"] = n
	refs := []*Node{n}
	if n.Kind == Array {
		refs = n.Items
	}
	var out []Layout
	for _, ref := range refs {
		if ref.Kind != String {
			d.errorf(ref.Val, "layout takes a name, a path or a list of them, not %s", ref.Describe())
			continue
		}
		name := ref.Value.(string)
		if name == "" && n.Kind != Array {
			continue // the lock's default alone: needed to say so on an axis
		}
		out = append(out, Layout{Ref: name, Layout: l.layout(d, ref, name)})
	}
	return out
}

func (l *loader) layout(d *decoder, ref *Node, name string) *mem.Layout {
	if l.opt.Layout == nil {
		return nil
	}
	dir := l.dir
	if ref.Key.Src != nil && ref.Key.Src.Inline {
		dir = "."
	}
	if lay, ok := l.layouts[dir+"\x00"+name]; ok && lay != nil {
		return lay
	}
	lay, err := l.opt.Layout(l.opt.Shipped, dir, name)
	if err != nil {
		d.bad = true
		msg := fmt.Sprintf("layout %q: %v", name, reason(err))
		head, rest, _ := strings.Cut(msg, "\n")
		diag := Diagnostic{At: ref.Val, Msg: head, Note: append([]string(nil), d.note...)}
		if strings.Contains(msg, ": error: ") { // a compiler's message of its own
			diag.Msg = fmt.Sprintf("the layout %q has mistakes", name)
			rest = reason(err)
		}
		if rest != "" {
			diag.Note = append(diag.Note, strings.Split(rest, "\n")...)
		}
		l.c.add(diag)
	}
	l.layouts[dir+"\x00"+name] = lay
	return lay
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

// isPath tells a path from the name of something shipped.
func isPath(ref string) bool { return strings.Contains(ref, "/") || strings.HasSuffix(ref, ".toml") }

// reason is an error without the path, which the message has already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// listKnown collects every key there is, for suggestions.
func (l *loader) listKnown(root *Node) {
	add := func(prefix string, defaults any) {
		for _, k := range Keys(prefix, defaults) {
			l.known = append(l.known, k.Path)
		}
	}
	run := DefaultRun()
	add("run", &run)
	l.known = append(l.known, "workload.kind", "lock.kind", "layout", "machine.base")
	params := func(path string, kinds Kinds) {
		kind := root.get(path, "kind")
		if kinds == nil || kind == nil || kind.Kind != String {
			return
		}
		if p := kinds.Params(kind.Value.(string)); p != nil {
			add(path, p)
		}
	}
	params("workload", l.opt.Workloads)
	params("lock", l.opt.Locks)
	m := l.machineDefaults()
	add("machine", &m)
}
