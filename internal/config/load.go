package config

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"cohsim/internal/machine"
	"cohsim/internal/mem"
)

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
	main    *Source         // the config file
	broken  map[string]bool // axes that were reported and are left out
	// sound are the machines of points in which nothing is wrong, by what the axes set
	// in them.
	sound map[string]*soundMachine
}

// soundMachine is a machine that points share: decoding it and writing it down is most
// of the work that a point makes.
type soundMachine struct {
	config  machine.Config
	text    []byte           // as in Config.text
	origins map[string]*Node // as in decoder
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
	src := NewSource(path, text)
	l := &loader{opt: opt, c: c, main: src, dir: filepath.Dir(path), files: map[string]*machineFile{}, layouts: map[string]*mem.Layout{}, broken: map[string]bool{}, sound: map[string]*soundMachine{}}
	c.order[src] = 0
	root := parse(src, c)
	if root == nil {
		return nil, c.err()
	}
	standalone(root)
	e := &Experiment{Path: path, root: root, loader: l}
	if len(root.Keys) == 0 {
		e.Warnings = append(e.Warnings, Diagnostic{At: Span{Src: src}, Msg: "the file says nothing: what runs is made of defaults"})
	}
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
	if strings.ContainsAny(e.Name, `/\`) || strings.HasPrefix(e.Name, ".") || strings.HasSuffix(e.Name, ".sweep") {
		d.at("name", "a name is the start of file names: no / or \\, no dot in front, and no .sweep behind")
	}
	l.axes(e)
	free := l.ways(e)
	l.fix(e, over)
	l.excludes(e)
	if free {
		l.base(e)
		l.points(e)
	}
	l.idle(e)
	l.reports(e)
	l.figures(e)
	if err := c.err(); err != nil {
		return nil, err
	}
	return e, nil
}

// topLevel are the keys of an experiment beside name and doc.
var topLevel = []string{"machine", "workload", "lock", "layout", "run", "sweep", "variant", "exclude", "report", "figure"}

// decode fills a config from a tree; the machine may be known already. Cross-checks
// happen only where the values themselves are sound, lest one mistake be told twice.
func (l *loader) decode(root *Node, known *soundMachine, note []string) (*Config, *decoder) {
	cfg := &Config{Machine: l.machineDefaults(), Run: DefaultRun()}
	d := newDecoder(l.c)
	d.known, d.note, d.main = l.known, note, l.main
	if known != nil {
		cfg.Machine, d.origins = known.config, maps.Clone(known.origins)
	} else if n := root.Children["machine"]; n != nil {
		if tree := l.machine(n, l.dir, 0); tree != nil {
			d.table(tree, "machine", reflect.ValueOf(&cfg.Machine).Elem())
		} else {
			// Keys over a base that is not known are keys all the same.
			if own := n.clone(); own.Kind == Table {
				own.remove("base")
				d.table(own, "machine", reflect.ValueOf(&cfg.Machine).Elem())
			}
			d.bad["machine"] = true
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
