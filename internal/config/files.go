package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cohsim/internal/mem"
)

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
			d.fail("layout", ref.Val, "layout takes a name, a path or a list of them, not %s", ref.Describe())
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
		d.bad["layout"] = true
		diag := Diagnostic{At: ref.Val, Msg: "layout: " + err.Error(), Note: d.note}
		var unreadable *fs.PathError
		switch text := err.Error(); {
		case errors.As(err, &unreadable):
			diag.Msg = fmt.Sprintf("cannot read the layout %q: %s", name, reason(err))
		case strings.Contains(text, ": error: "): // compiler-like messages of its own
			diag.Msg = fmt.Sprintf("the layout %q has mistakes", name)
			diag.Note = append(strings.Split(text, "\n"), d.note...)
		}
		l.c.add(diag)
	}
	l.layouts[dir+"\x00"+name] = lay
	return lay
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
