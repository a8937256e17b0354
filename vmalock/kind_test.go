package vmalock_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/internal/structs"
	"cohsim/vmalock"
)

// callAll is a main program that calls p once, with every exit going on.
func callAll(p *cpu.Proc) string {
	var b strings.Builder
	b.WriteString("program main\n")
	var args, outs []string
	for _, r := range p.Roles {
		fmt.Fprintf(&b, "\trole %s %s\n", r.Name, r.Struct)
		args = append(args, r.Name)
	}
	for _, n := range p.Ins {
		fmt.Fprintf(&b, "\tin in_%s\n", n)
		args = append(args, "in_"+n)
	}
	for _, n := range p.Outs {
		fmt.Fprintf(&b, "\treg out_%s\n", n)
		outs = append(outs, "out_"+n)
	}
	fmt.Fprintf(&b, "\tcall %s(%s)", p.Name, strings.Join(args, ", "))
	if len(outs) > 0 {
		fmt.Fprintf(&b, " -> %s", strings.Join(outs, ", "))
	}
	b.WriteString(" ")
	for _, e := range p.Exits {
		fmt.Fprintf(&b, " %s=done", e)
	}
	b.WriteString("\n")
	if len(p.Exits) > 0 {
		b.WriteString("done:\n")
	}
	b.WriteString("\thalt\n")
	return b.String()
}

// Every program that a kind's interface reaches links on every ISA, on the layout
// the kind was made for and on those that lie over it. Of the lock as it is today
// that holds for every program there is.
func TestEveryProgramLinksOnEveryISAAndLayout(t *testing.T) {
	for _, name := range structs.Shipped(configs.FS) {
		l, base, err := structs.LoadWithBase(configs.FS, "", name)
		if err != nil {
			t.Fatal(err)
		}
		l = vmalock.Supplement(l)
		for _, kind := range vmalock.Kinds() {
			if kind.Layout != name && (base == nil || base.Name != kind.Layout || replaces(t, name)) {
				continue
			}
			procs, err := kind.Programs()
			if err != nil {
				t.Fatal(err)
			}
			reached := reach(procs)
			for _, p := range procs {
				if kind != vmalock.VMRefcnt && !reached[p.Name] {
					continue
				}
				main, err := cpu.Parse("main.uop", []byte(callAll(p)))
				if err != nil {
					t.Fatalf("%v\n%s", err, callAll(p))
				}
				for _, isa := range isas {
					_, err := cpu.Link(main[0], cpu.LinkOptions{ISA: isa, Layout: l, Library: cpu.LibraryOf(procs...)})
					if err != nil {
						t.Errorf("%s: %s on %v, layout %s: %v", kind.Name, p.Name, isa, name, err)
					}
				}
			}
		}
	}
}

// replaces reports whether a layout file gives vm_area_struct anew: then it is
// another lock's.
func replaces(t *testing.T, layout string) bool {
	src, err := configs.FS.ReadFile("layouts/" + layout + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(src), "replace = true")
}

// reach is the set of programs that the interface calls, directly or not.
func reach(procs []*cpu.Proc) map[string]bool {
	byName := map[string]*cpu.Proc{}
	for _, p := range procs {
		byName[p.Name] = p
	}
	reached := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if reached[name] || byName[name] == nil {
			return
		}
		reached[name] = true
		for _, in := range byName[name].Insts {
			if in.Call != nil {
				visit(in.Call.Callee)
			}
		}
	}
	for _, name := range vmalock.Interface {
		visit(name)
	}
	return reached
}

// A program in a kind's file that nothing reaches replaces nothing: it would be a
// leftover of a rename.
func TestEveryProgramOfAKindIsReached(t *testing.T) {
	for _, kind := range vmalock.Kinds() {
		procs, err := kind.Programs()
		if err != nil {
			t.Fatal(err)
		}
		reached := reach(procs)
		for _, p := range procs {
			if p.File == kind.Source.File && !reached[p.Name] && p.Name != "vma_start_read_locked" {
				t.Errorf("%s:%d: nothing calls %s", p.File, p.Line, p.Name)
			}
		}
	}
}

func TestEveryProgramSaysWhatItDoes(t *testing.T) {
	// Plain wrappers and seqcounts speak for themselves; their file has a comment.
	for _, kind := range vmalock.Kinds() {
		for _, s := range append(append(vmalock.Kernel(), vmalock.TaskSources()...), kind.Source) {
			if !strings.HasPrefix(s.Text, "# ") {
				t.Errorf("%s does not open with a comment", s.File)
			}
			if n := strings.Count(s.Text, "\n"); n > 400 {
				t.Errorf("%s has %d lines", s.File, n)
			}
		}
	}
}

// The table in events.go is the vocabulary of the programs, no more and no less.
func TestProgramsUseExactlyTheEventsOfTheTable(t *testing.T) {
	used := map[string]bool{}
	ghost := regexp.MustCompile(`ghost (\w+) (\w+)`)
	for _, kind := range vmalock.Kinds() {
		for _, s := range append(append(vmalock.Kernel(), vmalock.TaskSources()...), kind.Source) {
			for _, line := range strings.Split(s.Text, "\n") {
				m := ghost.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				used[m[1]] = true
				if _, ok := vmalock.ParseEvent(m[1]); !ok {
					t.Errorf("%s: unknown event in %q", s.File, strings.TrimSpace(line))
				}
				// What a load means is known when it retires, but these are about that.
				retires := slices.Contains([]string{"rcu_lock", "rcu_unlock", "node_read"}, m[1])
				if op := strings.Fields(line)[0]; strings.HasPrefix(op, "load") && !retires || strings.HasPrefix(op, "wait") {
					t.Errorf("%s: a ghost on a load: %q", s.File, strings.TrimSpace(line))
				}
			}
		}
	}
	for e := range vmalock.NumEvents {
		if !used[e.String()] {
			t.Errorf("no program has the event %s", e)
		}
	}
}

func TestKindsAreSortedAndFound(t *testing.T) {
	last := ""
	for _, k := range vmalock.Kinds() {
		if k.Name <= last || k.Doc == "" || k.Layout == "" {
			t.Errorf("kind %+v after %q", k, last)
		}
		last = k.Name
		if f, ok := vmalock.Find(k.Name); !ok || f != k {
			t.Errorf("Find(%q) = %+v, %t", k.Name, f, ok)
		}
	}
	if _, ok := vmalock.Find("no such lock"); ok {
		t.Error("found what is not there")
	}
}

func TestSupplementKeepsWhatALayoutHas(t *testing.T) {
	own := mem.Struct{Name: "task_struct", Size: 64, Align: 64, Fields: []mem.Field{{Name: "__state", Offset: 8, Size: 4}}}
	l := &mem.Layout{Name: "mine", Structs: []mem.Struct{own}}
	s := vmalock.Supplement(l)
	if f, _ := s.Struct("task_struct").Field("__state"); f.Offset != 8 {
		t.Error("the layout's own struct was replaced")
	}
	if s.Struct("rwsem_waiter") == nil || s.Struct("maple_range_64") == nil {
		t.Error("a struct is missing")
	}
	if len(l.Structs) != 1 {
		t.Error("the argument was changed")
	}
	if errs := s.Validate(); len(errs) > 0 {
		t.Error(errs)
	}
}

func TestAKindOfTheUsersOwnMayReplaceSharedPrograms(t *testing.T) {
	text := strings.Replace(vmalock.VMRefcnt.Source.Text, "# vm_refcnt: ", "# mine: ", 1) + `
program vma_end_read
	role vma vm_area_struct
	mb
	call vma_refcount_put(vma)
	exit
`
	k, err := vmalock.ParseKind("mine.uop", text)
	if err != nil {
		t.Fatal(err)
	}
	if k.Name != "mine" || k.Layout != "linux-6.18" {
		t.Errorf("read as %q on layout %q", k.Name, k.Layout)
	}
	procs, err := k.Programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		if p.Name == "vma_end_read" && p.File != "mine.uop" {
			t.Errorf("vma_end_read is that of %s", p.File)
		}
	}
}

func TestMistakesInAKindHaveAPlace(t *testing.T) {
	good := vmalock.VMRefcnt.Source.Text
	for name, c := range map[string]struct{ text, want string }{
		"no header":       {"program read_begin\n\texit\n", "mine.uop:1:1: error: a lock's file opens"},
		"no layout":       {"# mine: a lock\n\n", "mine.uop:1:1: error: a lock's file opens"},
		"empty":           {"", "mine.uop:1:1: error"},
		"a program lacks": {good[:strings.Index(good, "# Finds and read-locks")] + "program read_end\n\texit\n", `lacks programs that every lock has: read_begin`},
		"a program twice": {good + "\nprogram read_end\n\texit\n", "mine.uop:"},
		"no uop":          {good + "\nthis is no program\n", "mine.uop:"},
	} {
		k, err := vmalock.ParseKind("mine.uop", c.text)
		if err == nil {
			_, err = k.Programs()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}
