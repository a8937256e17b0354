package structs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"cohsim/internal/mem"
)

// Load finds a layout and lays it over its base, if it has one. A ref that ends
// in .toml or holds a slash is a path, relative to dir; anything else is the
// name of a shipped layout, layouts/REF.toml in shipped. A base is found the
// same way, relative to the file that names it.
//
// The error is [Problems], an *fs.PathError, or an *UnknownLayout.
func Load(shipped fs.FS, dir, ref string) (*mem.Layout, error) {
	l, _, err := load(shipped, dir, ref, nil)
	return l, err
}

// LoadWithBase is [Load] that also returns what lay below, or nil if the layout
// has no base.
func LoadWithBase(shipped fs.FS, dir, ref string) (l, base *mem.Layout, err error) {
	return load(shipped, dir, ref, nil)
}

// UnknownLayout is a name that no shipped layout has.
type UnknownLayout struct {
	Name  string
	Known []string
}

func (e *UnknownLayout) Error() string {
	return fmt.Sprintf("no shipped layout is named %q%s (a path holds a slash or ends in .toml; shipped: %s)",
		e.Name, suggest(e.Name, e.Known), strings.Join(e.Known, ", "))
}

// Shipped lists the names of the shipped layouts, sorted.
func Shipped(shipped fs.FS) []string {
	found, _ := fs.Glob(shipped, "layouts/*.toml") // the pattern is well formed
	for i := range found {
		found[i] = strings.TrimSuffix(path.Base(found[i]), ".toml")
	}
	return found
}

func load(shipped fs.FS, dir, ref string, over []string) (l, base *mem.Layout, err error) {
	f, err := open(shipped, dir, ref)
	if err != nil {
		return nil, nil, err
	}
	if f.Layout.Base == "" {
		return f.Layout, nil, nil
	}
	if isPath(ref) {
		dir = filepath.Dir(f.Path)
	}
	over = append(over, f.Path)
	if len(over) <= maxBases {
		base, _, err = load(shipped, dir, f.Layout.Base, over)
	} else {
		// Two names of one file would escape a comparison of names, so depth decides.
		err = fmt.Errorf("the bases go round in a circle: %s", strings.Join(over, " -> "))
	}
	var ps Problems
	switch {
	case errors.As(err, &ps):
		return nil, nil, err
	case err != nil: // the base cannot be found, and this file is what names it
		return nil, nil, Problems{f.problem(f.at.value("base"), err.Error())}
	}
	l, err = f.Over(base)
	return l, base, err
}

// maxBases is how many overlays may lie on each other.
const maxBases = 8

// Over lays the file over a layout, as [mem.Overlay] does, and gives problems of
// the result the position of the key in this file that causes them.
func (f *File) Over(base *mem.Layout) (*mem.Layout, error) {
	l, err := mem.Overlay(base, f.Layout)
	if err == nil {
		return l, nil
	}
	var ps Problems
	for _, err := range unjoin(err) {
		var p mem.Problem
		if errors.As(err, &p) {
			ps = append(ps, f.problem(f.blame(p), p.Error()))
		} else {
			ps = append(ps, f.problem(0, err.Error()))
		}
	}
	ps.sort()
	return nil, ps
}

// blame finds the key of the overlay that moved the field of a problem or the
// one it collides with, else the struct, else the start of the file.
func (f *File) blame(p mem.Problem) int {
	structName, fieldName, _ := strings.Cut(p.Name, ".")
	for i, s := range f.Layout.Structs {
		if s.Name != structName {
			continue
		}
		path := element("struct", i)
		for _, want := range []string{fieldName, p.Other} {
			for j, g := range s.Fields {
				prefix, group := strings.CutSuffix(g.Name, "*")
				if want != "" && (g.Name == want || group && strings.HasPrefix(want, prefix)) {
					return f.at.value(join(element(join(path, "fields"), j), p.Key))
				}
			}
		}
		return f.at.value(join(path, p.Key))
	}
	return 0
}

func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

func isPath(ref string) bool { return strings.Contains(ref, "/") || strings.HasSuffix(ref, ".toml") }

func open(shipped fs.FS, dir, ref string) (*File, error) {
	if isPath(ref) {
		if !filepath.IsAbs(ref) {
			ref = filepath.Join(dir, ref)
		}
		return ReadFile(ref)
	}
	name := "layouts/" + ref + ".toml"
	src, err := fs.ReadFile(shipped, name)
	if err != nil {
		return nil, &UnknownLayout{Name: ref, Known: Shipped(shipped)}
	}
	return parse(name, src)
}
