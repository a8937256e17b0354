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

// Kind is one lock that page faults may run on: a file of programs.
type Kind struct {
	Name   string // as lock.kind in TOML
	Doc    string // one line
	Layout string // the layout it was made for, by name
	Base   string // the shipped kind whose programs it takes where it has none of its own; "" for none
	Source Source // its own programs

	// Grace says that VMAs are freed after an RCU grace period. Otherwise they are
	// typesafe by RCU: freed memory may be another VMA at once.
	Grace bool

	// Options are the kernel that the programs are those of.
	Options Options

	parsed *[]*cpu.Proc // what Programs returns, if it is known already; behind a pointer so that kinds compare
}

// Source is the text of one file of programs.
type Source struct {
	File string // for errors: "vmalock/kernel/rwsem.uop"
	Text string
}

// Interface lists the programs by which workloads use a lock, see the package
// documentation. Every kind has all of them, of its own or from kernel/interface.uop.
var Interface = []string{
	"read_begin", "read_slow", "read_retry", "read_end", "read_drop", "read_next", "read_pair", "read_pair_end",
	"write_begin", "write_begin_killable", "write_find", "write_new", "write_vma", "write_vma_killable", "write_attach", "write_detach", "write_downgrade", "write_end",
	"vmf_anon_prepare", "anon_vma_name", "vma_flag_set_atomic", "mas_store",
}

//go:embed kernel/*.uop kinds/*.uop tasks/*.uop
var texts embed.FS

// The shipped kinds by name, for Go code; kinds/NAME.uop is where they are.
var (
	MmapLock = shipped("mmap_lock")
	VMRefcnt = shipped("vm_refcnt")
)

// ParseKind makes a kind of a file of programs. The file opens with two lines,
//
//	# NAME: what the lock is, in one line
//	# layout: the name of the layout it was made for
//
// and, if it differs from a shipped lock in some programs only, a third,
//
//	# base: the name of that lock
//
// and one whose readers may look at a VMA that was freed, as long as they are inside an
// RCU read section, says so below (otherwise its memory may be another VMA at once):
//
//	# vmas: freed after a grace period
//
// and file is how errors call it. Mistakes in the programs are found by Programs.
func ParseKind(file, text string) (Kind, error) {
	k := Kind{Source: Source{file, text}, Options: DefaultOptions()}
	lines := append(strings.SplitN(text, "\n", 5), "", "", "", "")
	var ok [3]bool
	k.Name, k.Doc, ok[0] = strings.Cut(strings.TrimPrefix(lines[0], "# "), ": ")
	k.Layout, ok[1] = strings.CutPrefix(lines[1], "# layout: ")
	ok[2] = strings.HasPrefix(lines[0], "# ") && k.Name != "" && !strings.Contains(k.Name, " ")
	if !ok[0] || !ok[1] || !ok[2] {
		return Kind{}, fmt.Errorf("%s:1:1: error: a lock's file opens with \"# NAME: what it is\" and, below, \"# layout: NAME\"", file)
	}
	k.Doc, k.Layout = strings.TrimSpace(k.Doc), strings.TrimSpace(k.Layout)
	if base, ok := strings.CutPrefix(lines[2], "# base: "); ok {
		k.Base = strings.TrimSpace(base)
		if _, err := texts.ReadFile(path.Join("kinds", k.Base+".uop")); err != nil || k.Base == k.Name {
			return Kind{}, fmt.Errorf("%s:3:9: error: there is no shipped lock %q to be based on", file, k.Base)
		}
	}
	k.Grace = lines[2] == graceLine || lines[3] == graceLine
	return k, nil
}

// graceLine is how a lock's file says that it needs Kind.Grace.
const graceLine = "# vmas: freed after a grace period"

// shipped is the kind in kinds/NAME.uop. The file is part of the binary, so a
// mistake in it is a bug, which the package's tests find.
func shipped(name string) Kind {
	file := path.Join("kinds", name+".uop")
	text, err := texts.ReadFile(file)
	if err != nil {
		panic("vmalock: " + err.Error())
	}
	k, err := ParseKind("vmalock/"+file, string(text))
	if err == nil && k.Name != name {
		err = fmt.Errorf("%s calls its lock %q", file, k.Name)
	}
	if err != nil {
		panic("vmalock: " + err.Error())
	}
	return k
}

// Names lists the names of the shipped locks.
func Names() []string {
	files, err := texts.ReadDir("kinds") // sorted
	if err != nil {
		panic("vmalock: " + err.Error())
	}
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(f.Name(), ".uop"))
	}
	return out
}

// Kinds lists every shipped lock by name.
func Kinds() []Kind {
	var out []Kind
	for _, name := range Names() {
		out = append(out, shipped(name))
	}
	return out
}

// Find looks a shipped kind up by its name.
func Find(name string) (Kind, bool) {
	if !slices.Contains(Names(), name) {
		return Kind{}, false
	}
	return shipped(name), true
}

// Kernel lists the files of programs that all kinds share.
func Kernel() []Source {
	files, err := texts.ReadDir("kernel")
	if err != nil {
		panic("vmalock: " + err.Error())
	}
	var out []Source
	for _, f := range files {
		file := path.Join("kernel", f.Name())
		text, err := texts.ReadFile(file)
		if err != nil {
			panic("vmalock: " + err.Error())
		}
		out = append(out, Source{"vmalock/" + file, string(text)})
	}
	return out
}

// sources lists where the kind's programs come from: its own file, then those it
// is based on, then the shared ones. own is how many belong to kinds.
func (k Kind) sources() (all []Source, own int) {
	all = []Source{k.Source}
	for k.Base != "" && len(all) <= len(Interface) { // shipped kinds are no circle; a test says so
		k = shipped(k.Base)
		all = append(all, k.Source)
	}
	return append(all, Kernel()...), len(all)
}

// Programs parses the kind's library: its own programs, then those of the kinds it
// is based on, then the shared ones, in the order of the text. A program stands
// for those of its name in later files, as far as files of kinds are concerned;
// two of one name in the shared files are an error.
func (k Kind) Programs() ([]*cpu.Proc, error) {
	if k.parsed != nil {
		return slices.Clone(*k.parsed), nil
	}
	var out []*cpu.Proc
	var errs []error
	seen := map[string]string{} // program -> its file
	replaces := map[string]bool{}
	sources, own := k.sources()
	for i, s := range sources {
		procs, err := k.Parse(s)
		if err == nil && i < own {
			err = owned(procs)
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, p := range procs {
			switch first := seen[p.Name]; {
			case first == "":
				seen[p.Name] = s.File
				out = append(out, p)
			case first != s.File && replaces[first]:
				// A kind's program stands for the one below it.
			default:
				errs = append(errs, fmt.Errorf("%s:%d:1: error: program %q is also in %s", s.File, p.Line, p.Name, first))
			}
		}
		replaces[s.File] = i < own
	}
	var lacks []string
	for _, name := range Interface {
		if seen[name] == "" {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s:1:1: error: lock %q lacks programs that every lock has: %s", k.Source.File, k.Name, strings.Join(lacks, ", ")))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// Parse reads one file of programs for the kernel that k.Options say.
func (k Kind) Parse(s Source) ([]*cpu.Proc, error) {
	procs, err := cpu.Parse(s.File, []byte(s.Text))
	values := k.Options.params()
	values["VMA_GRACE"] = number(k.Grace)
	bindParams(procs, values)
	return procs, err
}

// With is the kind on a kernel of other options.
func (k Kind) With(o Options) Kind {
	k.Options, k.parsed = o, nil
	return k
}

// Parsed is the kind with its programs parsed, so that Programs need not do it
// each time a sweep builds another run. Nobody may change them.
func (k Kind) Parsed() (Kind, error) {
	procs, err := k.Programs()
	if err == nil {
		k.parsed = &procs
	}
	return k, err
}

// Library is what calls of the kind's programs are linked against.
func (k Kind) Library() (cpu.Library, error) {
	procs, err := k.Programs()
	if err != nil {
		return nil, err
	}
	return cpu.LibraryOf(procs...), nil
}
