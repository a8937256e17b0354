package vmalock

import (
	"fmt"
	"strings"

	"cohsim/cpu"
)

// Edit is a small change of a program's text. Lines are compared without comments and
// by words; Old must be found once, a line of it by its first words. Without New the
// lines are taken out.
type Edit struct {
	Program  string
	Old, New []string
}

// Edited is the kind with some of its programs changed, its own or shared ones.
func (k Kind) Edited(edits ...Edit) (Kind, error) {
	procs, err := k.Programs()
	if err != nil {
		return k, err
	}
	for _, e := range edits {
		done := false
		for i, p := range procs {
			if p.Name != e.Program {
				continue
			}
			q, err := e.apply(p)
			if err != nil {
				return k, err
			}
			procs[i], done = q, true
		}
		if !done {
			return k, fmt.Errorf("lock %q has no program %q to be edited", k.Name, e.Program)
		}
	}
	k.parsed = &procs
	return k, nil
}

// apply edits the text of a program and parses it again.
func (e Edit) apply(p *cpu.Proc) (*cpu.Proc, error) {
	lines := strings.Split(p.String(), "\n")
	at := -1
	for i := range lines {
		if !e.matches(lines[i:]) {
			continue
		}
		if at >= 0 {
			return nil, fmt.Errorf("%s: %q stands there twice", p.Name, e.Old)
		}
		at = i
	}
	if at < 0 {
		return nil, fmt.Errorf("%s: there is no %q", p.Name, e.Old)
	}
	text := append(append(append([]string{}, lines[:at]...), e.New...), lines[at+len(e.Old):]...)
	procs, err := cpu.Parse(p.File, []byte(strings.Join(text, "\n")))
	if err != nil {
		return nil, fmt.Errorf("%s edited: %w", p.Name, err)
	}
	return procs[0], nil
}

// matches says that lines begin with the old ones.
func (e Edit) matches(lines []string) bool {
	if len(lines) < len(e.Old) {
		return false
	}
	for i, old := range e.Old {
		line, _, _ := strings.Cut(lines[i], "#")
		words, want := strings.Fields(line), strings.Fields(old)
		if len(words) < len(want) || strings.Join(words[:len(want)], " ") != strings.Join(want, " ") {
			return false
		}
	}
	return true
}

// FindMutant looks a mutant up by its name.
func FindMutant(name string) (Mutant, bool) {
	for _, m := range Mutants() {
		if m.Name == name {
			return m, true
		}
	}
	return Mutant{}, false
}
