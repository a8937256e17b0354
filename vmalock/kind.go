package vmalock

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"cohsim/cpu"
)

// Kind is one lock that page faults may run on.
type Kind struct {
	Name   string // as lock.kind in TOML
	Doc    string // one line
	Layout string // the layout it was made for, by name
	PerVMA bool   // it has a lock per VMA; otherwise only mmap_lock
}

// Interface lists the programs by which workloads use a lock, see the package
// documentation. Every kind's library has all of them.
var Interface = []string{
	"read_begin", "read_retry", "read_end", "read_drop",
	"write_begin", "write_find", "write_vma", "write_attach", "write_detach", "write_downgrade", "write_end",
}

//go:embed kernel/*.uop kinds/*.uop
var texts embed.FS

var kinds []Kind

// define adds a kind to the registry.
func define(k Kind) Kind {
	kinds = append(kinds, k)
	return k
}

// Kinds lists every lock by name.
func Kinds() []Kind {
	out := slices.Clone(kinds)
	slices.SortFunc(out, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Find looks a kind up by its name.
func Find(name string) (Kind, bool) {
	for _, k := range kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// Source is the text of one file of programs.
type Source struct {
	Name string // "kernel/rwsem.uop"
	Text string
}

// Sources lists the files a kind is made of: its own first, then the shared ones.
func (k Kind) Sources() ([]Source, error) {
	own := path.Join("kinds", k.Name+".uop")
	text, err := texts.ReadFile(own)
	if err != nil {
		return nil, fmt.Errorf("lock %q has no programs: %w", k.Name, err)
	}
	out := []Source{{own, string(text)}}
	files, err := texts.ReadDir("kernel")
	if err != nil {
		return nil, err
	}
	for _, f := range files { // ReadDir sorts by name
		name := path.Join("kernel", f.Name())
		text, err := texts.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, Source{name, string(text)})
	}
	return out, nil
}

// Programs parses the kind's library: its own programs, then the shared ones,
// in the order of the text. Two programs of one name are an error.
func (k Kind) Programs() ([]*cpu.Proc, error) {
	sources, err := k.Sources()
	if err != nil {
		return nil, err
	}
	var out []*cpu.Proc
	var errs []error
	seen := map[string]string{}
	for _, s := range sources {
		procs, err := cpu.Parse("vmalock/"+s.Name, []byte(s.Text))
		if err != nil {
			errs = append(errs, err)
		}
		for _, p := range procs {
			if first, twice := seen[p.Name]; twice {
				errs = append(errs, fmt.Errorf("vmalock/%s: program %q is also in %s", s.Name, p.Name, first))
			}
			seen[p.Name] = s.Name
			out = append(out, p)
		}
	}
	for _, name := range Interface {
		if seen[name] == "" {
			errs = append(errs, fmt.Errorf("lock %q lacks the program %q", k.Name, name))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}
