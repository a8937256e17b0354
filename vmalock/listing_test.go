package vmalock_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares text with a file under testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(text)) {
		was, is := strings.Split(string(want), "\n"), strings.Split(text, "\n")
		for i := 0; i < len(was) && i < len(is); i++ {
			if was[i] != is[i] {
				t.Fatalf("%s:%d: is %q, was %q (go test -update writes it anew)", path, i+1, is[i], was[i])
			}
		}
		t.Fatalf("%s: %d lines, was %d (go test -update writes it anew)", path, len(is), len(was))
	}
}

// lister links programs of one kernel.
type lister struct {
	t      *testing.T
	lib    cpu.Library
	layout *mem.Layout
	names  []string // shared programs, in the order of their files; "## file" where one begins
}

func newLister(t *testing.T, o vmalock.Options) *lister {
	t.Helper()
	kind := vmalock.VMRefcnt.With(o)
	procs, err := kind.Programs()
	if err != nil {
		t.Fatal(err)
	}
	l := &lister{t: t, lib: cpu.LibraryOf(procs...), layout: layoutOf(t, kind)}
	file := ""
	for _, p := range procs {
		if strings.Contains(p.File, "/kinds/") {
			continue
		}
		if p.File != file {
			file = p.File
			l.names = append(l.names, "## "+filepath.Base(file))
		}
		l.names = append(l.names, p.Name)
	}
	return l
}

// listing is a program as linked, an op a line: the machine instruction, the op,
// and the field that it accesses. What it calls is inlined and left out here: a
// line of "…" names whose ops stand there.
func (l *lister) listing(isa cpu.ISA, name string) string {
	t := l.t
	t.Helper()
	proc, _ := l.lib(name)
	main, err := cpu.Parse("main.uop", []byte(callAll(proc)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := cpu.Link(main[0], cpu.LinkOptions{ISA: isa, Layout: l.layout, Library: l.lib})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", name)
	others := ""
	flush := func() {
		if others != "" {
			fmt.Fprintf(&b, "    …%s\n", others)
			others = ""
		}
	}
	for i := range p.Ops {
		op, site := &p.Ops[i], &p.Sites[p.Ops[i].Site]
		switch {
		case site.Proc == name:
			flush()
			line := fmt.Sprintf("    %-15s %-42s %s", op.Mnemonic(isa), site.Text, site.Field)
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		case site.Proc != "main" && !slices.Contains(strings.Fields(others), site.Proc):
			others += " " + site.Proc
		}
	}
	flush()
	return b.String() + "\n"
}

// The exact code of every function on every instruction set, to be held against
// the compiled kernel.
func TestListingsOfEveryProgram(t *testing.T) {
	l := newLister(t, vmalock.DefaultOptions())
	for _, isa := range isas {
		var b strings.Builder
		fmt.Fprintf(&b, "# Every shared program of the locks on %v, in a production kernel as merged (patch 11).\n", isa)
		b.WriteString("# Machine instruction, op with the names of the program, field. What stands behind\n# \"…\" is what the function calls, which is inlined there and listed on its own.\n")
		for _, name := range l.names {
			if strings.HasPrefix(name, "## ") {
				fmt.Fprintf(&b, "\n%s\n\n", name)
			} else {
				b.WriteString(l.listing(isa, name))
			}
		}
		golden(t, isa.String()+".txt", strings.ReplaceAll(b.String(), "\n\n\n", "\n\n"))
	}
}

// The functions that the patches change, as each patch leaves them; functions and
// steps without a change are not repeated.
func TestListingsPatchByPatch(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What each patch of the series (v3) changes in the code on x86-64, with DEBUG_VM and\n# lockdep off and on; patch 11 is the lock as merged (v4).\n")
	for _, debug := range []bool{false, true} {
		last := map[string]string{}
		for patch := range vmalock.Merged + 1 {
			l := newLister(t, options(func(o *vmalock.Options) { o.Patch, o.DebugVM, o.Lockdep = patch, debug, debug }))
			fmt.Fprintf(&b, "\n## patch %d, DEBUG_VM and lockdep %s\n\n", patch, map[bool]string{false: "off", true: "on"}[debug])
			same := true
			for _, name := range l.names {
				if strings.HasPrefix(name, "## ") {
					continue
				}
				text := l.listing(cpu.X86_64, name)
				if was, ok := last[name]; ok && was != text {
					b.WriteString(text)
					same = false
				}
				last[name] = text
			}
			switch {
			case patch == 0:
				b.WriteString("(where the comparison starts)\n")
			case same:
				b.WriteString("the same\n")
			}
		}
	}
	golden(t, "patches.txt", strings.ReplaceAll(b.String(), "\n\n\n", "\n\n"))
}
