package config

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// Point is one run of a sweep, to be done once for each seed.
type Point struct {
	Index  int // among the points of the experiment
	Config *Config
	Labels []Label // one for each axis, in the order of the axes
	text   []byte
}

// Label is the value of one axis at a point.
type Label struct {
	Axis  string
	Value any // int64, float64, string or bool
}

// String is "run.cores=4 lock=mmap_lock".
func (p *Point) String() string { return labels(p.Labels) }

func labels(ls []Label) string {
	var parts []string
	for _, l := range ls {
		s := fmt.Sprint(l.Value)
		if f, ok := l.Value.(float64); ok {
			s = formatNumber(f)
		}
		if strings.Contains(s, " ") {
			s = fmt.Sprintf("%q", s)
		}
		parts = append(parts, l.Axis+"="+s)
	}
	return strings.Join(parts, " ")
}

// excludes reads [[exclude]].
func (l *loader) excludes(e *Experiment) {
	for _, n := range tables(e.root.Children["exclude"]) {
		if n.Kind != Table {
			l.c.errorf(n.Val, "exclude is a table of axes and values, not %s", n.Describe())
			continue
		}
		x := Exclude{at: n.Key}
		if len(n.Keys) == 0 {
			l.c.errorf(n.Key, "exclude names no axis, so it would leave out every point")
			continue
		}
		if l.terms(e, n, "", &x) {
			e.Excludes = append(e.Excludes, x)
		}
	}
}

// terms reads the axes and values of one exclude; unquoted dots make tables.
func (l *loader) terms(e *Experiment, n *Node, prefix string, x *Exclude) bool {
	ok := true
	for _, k := range n.Keys {
		v, name := n.Children[k], joinPath(prefix, k)
		if v.Kind == Table && len(v.Keys) > 0 {
			ok = l.terms(e, v, name, x) && ok
			continue
		}
		axis := -1
		for i := range e.Axes {
			if e.Axes[i].Name == name {
				axis = i
			}
		}
		if axis < 0 {
			ok = false
			if l.broken[name] {
				continue
			}
			l.c.errorf(v.Key, "exclude names %q, which is no axis%s", name, allowed(name, e.axisNames()))
			continue
		}
		items := []*Node{v}
		if v.Kind == Array {
			items = v.Items
		}
		t := term{axis: axis}
		for _, item := range items {
			if a := &e.Axes[axis]; !a.fixed && !a.has(label(item)) {
				l.c.errorf(item.Val, "the axis %q has no value %s%s", name, item.Text(), allowed(fmt.Sprint(label(item)), e.Axes[axis].texts()))
				ok = false
				continue
			}
			t.labels = append(t.labels, label(item))
		}
		x.terms = append(x.terms, t)
	}
	return ok
}

func (e *Experiment) axisNames() []string {
	var out []string
	for _, a := range e.Axes {
		out = append(out, a.Name)
	}
	return out
}

func (a *Axis) has(label any) bool {
	for _, v := range a.Values {
		if sameLabel(v.Label, label) {
			return true
		}
	}
	return false
}

func (a *Axis) texts() []string {
	var out []string
	for _, v := range a.Values {
		out = append(out, fmt.Sprint(v.Label))
		if len(out) == 40 {
			break
		}
	}
	return out
}

// matches tells whether a choice of one value per axis is left out.
func (x *Exclude) matches(ls []Label) bool {
	for _, t := range x.terms {
		hit := false
		for _, want := range t.labels {
			hit = hit || sameLabel(ls[t.axis].Value, want)
		}
		if !hit {
			return false
		}
	}
	return true
}

// base decodes the experiment without its axes. What that finds wrong counts only
// for keys that axes replace: the points find everything else, and find it with
// the right kinds of lock and workload.
func (l *loader) base(e *Experiment) {
	quiet := *l
	quiet.c = newCollector()
	e.Base, _ = quiet.decode(e.root, nil, nil)
	e.Seeds = e.Base.Run.Seeds
	replaced := map[Span]bool{}
	for _, a := range e.Axes {
		for _, v := range a.Values {
			for _, s := range v.sets {
				if n := e.root.get(s.path...); n != nil {
					replaced[n.Val] = true
				}
			}
		}
	}
	for _, d := range quiet.c.list {
		if replaced[d.At] {
			l.c.add(d)
		}
	}
}

// points takes the product of the axes, the first varying slowest, and checks
// every point of it.
func (l *loader) points(e *Experiment) {
	total := 1
	for _, a := range e.Axes {
		if total *= len(a.Values); total > maxPoints {
			l.c.errorf(a.at, "the sweep has more than %d points", maxPoints)
			return
		}
	}
	choice := make([]int, len(e.Axes))
	for range total {
		ls := make([]Label, len(e.Axes))
		for i, a := range e.Axes {
			ls[i] = Label{a.Name, a.Values[choice[i]].Label}
		}
		if !e.excluded(ls) {
			cfg, known := l.point(e, choice, ls)
			e.Points = append(e.Points, Point{Index: len(e.Points), Config: cfg, Labels: ls, text: cfg.text(known)})
		}
		for i := len(choice) - 1; i >= 0; i-- {
			if choice[i]++; choice[i] < len(e.Axes[i].Values) {
				break
			}
			choice[i] = 0
		}
	}
	if len(e.Points) == 0 {
		l.c.errorf(e.Excludes[0].at, "the excludes leave no point to run")
	}
}

func (e *Experiment) excluded(ls []Label) bool {
	for i := range e.Excludes {
		if e.Excludes[i].matches(ls) {
			return true
		}
	}
	return false
}

// point decodes and checks one choice of values. It returns the machine of its config
// too, nil if something is wrong with it or beside it.
func (l *loader) point(e *Experiment, choice []int, ls []Label) (*Config, *soundMachine) {
	tree := e.root
	var note []string
	if len(choice) > 0 {
		tree = e.root.clone()
		for i, a := range e.Axes {
			for _, s := range a.Values[choice[i]].sets {
				tree.set(s.path, s.node)
			}
		}
		note = []string{"at the point " + labels(ls)}
	}
	same := e.machineOf(choice)
	known := l.sound[same]
	cfg, d := l.decode(tree, known, note)
	if known == nil {
		d.problems(reflect.ValueOf(&cfg.Machine), "machine")
		if d.sound() {
			known = &soundMachine{cfg.Machine, cfg.machineText(), d.originsOf("machine")}
			l.sound[same] = known
		}
	}
	d.problems(reflect.ValueOf(cfg.Workload.Params), "workload")
	d.problems(reflect.ValueOf(cfg.Lock.Params), "lock")
	check := l.opt.Check != nil && d.complete()
	d.problems(reflect.ValueOf(&cfg.Run), "run")
	misplaced := runProblems(cfg)
	for _, p := range misplaced {
		d.problem("", p)
	}
	if len(misplaced) > 0 { // some threads on any cores, so that the rest can be judged
		d.bad["run.cores"] = true
		cfg.Run.Cores, cfg.Run.Tasks, cfg.Run.Placement = min(cfg.Run.Cores, cfg.Machine.Topology.Threads()), 0, ""
	}
	if check {
		for _, p := range l.opt.Check(cfg) {
			d.problem("", p)
		}
	}
	return cfg, known
}

// machineOf names the machine of a choice: points of which the axes set the same in it
// have the same.
func (e *Experiment) machineOf(choice []int) string {
	var key []byte
	for i, a := range e.Axes {
		for _, s := range a.Values[choice[i]].sets {
			if s.path[0] == "machine" {
				key = fmt.Appendf(key, "%d:%d ", i, choice[i])
				break
			}
		}
	}
	return string(key)
}

// complete tells whether a config is one that can be built, if perhaps not the one
// that was meant: its kinds and files are known, and no relation that a machine or
// a workload relies on is broken.
func (d *decoder) complete() bool {
	for _, path := range []string{"workload", "workload.kind", "lock", "lock.kind", "machine", "layout"} {
		if d.bad[path] {
			return false
		}
	}
	return !d.broken
}

// runProblems checks a run against its machine.
func runProblems(cfg *Config) (out []string) {
	threads := cfg.Machine.Topology.Threads()
	place := cfg.Run.Placement
	list, ok := cfg.Machine.Placements[place]
	if place != "" && !ok {
		var names []string
		for name := range cfg.Machine.Placements {
			names = append(names, name)
		}
		sort.Strings(names)
		known := "; it has none at all"
		if len(names) > 0 {
			known = allowed(place, names)
		}
		out = append(out, fmt.Sprintf("run.placement: the machine has no placement %q%s", place, known))
	}
	switch {
	case cfg.Run.Cores > threads:
		out = append(out, fmt.Sprintf("run.cores: %d is more than the machine has: %d hardware threads", cfg.Run.Cores, threads))
	case place != "" && ok && cfg.Run.Cores > len(list):
		out = append(out, fmt.Sprintf("run.cores: %d is more than the placement %q lists: %d hardware threads", cfg.Run.Cores, place, len(list)))
	case cfg.Run.Threads() < cfg.Run.Cores:
		out = append(out, fmt.Sprintf("run.tasks: %d leaves cores without a thread: run.cores is %d; 0 is one per core", cfg.Run.Tasks, cfg.Run.Cores))
	}
	return out
}
