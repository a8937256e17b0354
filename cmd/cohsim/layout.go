package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"cohsim/configs"
	"cohsim/internal/mem"
	"cohsim/internal/structs"
)

const layoutUsage = `usage: cohsim layout import [--btf FILE | --elf FILE] [flags] STRUCT[:ALIGN]...
       cohsim layout show FILE|NAME [STRUCT...]

import reads structs from type information and prints a layout file. Without
--btf and --elf it reads the BTF of the running kernel. ALIGN is the alignment
that the allocator gives to objects, which no type information holds.

show draws a layout: one row per cache line, one column per byte. NAME is one of
the layouts that cohsim ships.

flags of import:
  --btf FILE      raw BTF, or an ELF file with a .BTF section
  --elf FILE      an ELF file with DWARF (an object file compiled with -g)
  --fields LIST   keep only these fields: names, names of nested structs, or
                  globs, separated by commas; of each struct that has any
  --align N       object_align_bytes where a STRUCT names none (default 64)
  --over FILE     lay this layout over the result; it may add structs
  --name NAME, --kernel VERSION, --arch ARCH, --notes TEXT
  --config LIST   kernel options that decide the offsets, as in NUMA,!LOCKDEP
  --out FILE      write here instead of to standard output
`

// The exit codes of this subcommand, out of those that all of cohsim uses.
const (
	layoutOK    = 0
	layoutWrong = 2 // a mistake in the command line or in a file that it names
	layoutIO    = 4 // the output could not be written
)

// cmdLayout is the subcommand layout. Args stand after that word.
func cmdLayout(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, layoutUsage)
		return layoutWrong
	}
	switch args[0] {
	case "import":
		return layoutImport(args[1:], stdout, stderr)
	case "show":
		return layoutShow(args[1:], stdout, stderr)
	case "help", "-h", "--help", "-help":
		fmt.Fprint(stdout, layoutUsage)
		return layoutOK
	}
	return layoutFail(stderr, fmt.Errorf("cohsim layout: error: unknown subcommand %q; it is import or show", args[0]))
}

// layoutFail prints an error as a compiler would. Errors of files carry their
// position already; others are given the name of the command.
func layoutFail(stderr io.Writer, err error) int {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = fmt.Errorf("%s: error: cannot %s: %w", pe.Path, pe.Op, pe.Err)
	}
	fmt.Fprintln(stderr, err)
	return layoutWrong
}

// layoutFlags parses flags and positional arguments in any order, which package
// flag alone does not: it stops at the first that is not a flag.
func layoutFlags(f *flag.FlagSet, args []string) (positional []string, err error) {
	f.SetOutput(io.Discard)
	for {
		if err := f.Parse(args); err != nil {
			return nil, flagMistake(f, err)
		}
		if f.NArg() == 0 {
			return positional, nil
		}
		// Parse swallows "--", after which nothing is a flag.
		if at := len(args) - f.NArg(); at > 0 && args[at-1] == "--" {
			return append(positional, f.Args()...), nil
		}
		positional = append(positional, f.Arg(0))
		args = f.Args()[1:]
	}
}

type layoutImportFlags struct {
	btf, elf, fields, over, out        string
	name, kernel, arch, notes, options string
	align                              int
}

func layoutImport(args []string, stdout, stderr io.Writer) int {
	var o layoutImportFlags
	f := flag.NewFlagSet("import", flag.ContinueOnError)
	f.StringVar(&o.btf, "btf", "", "")
	f.StringVar(&o.elf, "elf", "", "")
	f.StringVar(&o.fields, "fields", "", "")
	f.StringVar(&o.over, "over", "", "")
	f.StringVar(&o.out, "out", "", "")
	f.StringVar(&o.name, "name", "", "")
	f.StringVar(&o.kernel, "kernel", "", "")
	f.StringVar(&o.arch, "arch", "", "")
	f.StringVar(&o.notes, "notes", "", "")
	f.StringVar(&o.options, "config", "", "")
	f.IntVar(&o.align, "align", mem.LineBytes, "")
	names, err := layoutFlags(f, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, layoutUsage)
		return layoutOK
	}
	var requests []structs.Request
	if err == nil {
		requests, err = layoutRequests(names, o)
	}
	if err != nil {
		return layoutFail(stderr, layoutPrefix("cohsim layout import", err))
	}
	l, err := o.read(requests)
	if err != nil {
		return layoutFail(stderr, err)
	}
	var text bytes.Buffer
	if err = structs.WriteLayout(&text, l); err == nil {
		if o.out != "" {
			err = os.WriteFile(o.out, text.Bytes(), 0o666)
		} else {
			_, err = stdout.Write(text.Bytes())
		}
	}
	if err != nil {
		layoutFail(stderr, err)
		return layoutIO
	}
	return layoutOK
}

// layoutRequests checks the command line before any file is opened.
func layoutRequests(names []string, o layoutImportFlags) ([]structs.Request, error) {
	var requests []structs.Request
	var errs []error
	if o.btf != "" && o.elf != "" {
		errs = append(errs, errors.New("--btf and --elf exclude each other"))
	}
	if len(names) == 0 {
		errs = append(errs, errors.New("name at least one struct, as in: cohsim layout import vm_area_struct"))
	}
	for _, arg := range names {
		name, align, given := strings.Cut(arg, ":")
		r := structs.Request{Name: name, Align: o.align}
		if given {
			n, err := strconv.Atoi(align)
			if err != nil {
				n = 0
			}
			r.Align = n
		}
		switch {
		case name == "":
			errs = append(errs, fmt.Errorf("%q names no struct", arg))
		case r.Align <= 0 || r.Align&(r.Align-1) != 0:
			errs = append(errs, fmt.Errorf("%q: the alignment must be a power of two", arg))
		case slices.ContainsFunc(requests, func(q structs.Request) bool { return q.Name == name }):
			errs = append(errs, fmt.Errorf("%q is named twice", name))
		}
		requests = append(requests, r)
	}
	return requests, errors.Join(errs...)
}

func (o layoutImportFlags) read(requests []structs.Request) (*mem.Layout, error) {
	file, open := o.elf, structs.OpenDWARF
	switch {
	case o.btf != "":
		file, open = o.btf, structs.OpenBTF
	case o.elf == "":
		file, open = structs.RunningKernel, structs.OpenBTF
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("cohsim layout import: error: this host shows no BTF in %s; give --btf or --elf", file)
		}
		if o.kernel == "" {
			o.kernel = runningKernelVersion()
		}
		if o.arch == "" {
			o.arch = strings.Replace(runtime.GOARCH, "amd64", "x86-64", 1)
		}
	}
	src, err := open(file)
	if err != nil {
		return nil, err
	}
	l, err := structs.Import(src, requests)
	if err != nil {
		return nil, layoutPrefix(file, err)
	}
	if err := o.keep(l); err != nil {
		return nil, err
	}
	l.Name, l.Kernel, l.Arch, l.Notes = o.name, o.kernel, o.arch, o.notes
	l.Config = layoutList(o.options)
	if o.over == "" {
		return l, nil
	}
	over, err := structs.ReadFile(o.over)
	if err != nil {
		return nil, err
	}
	name, notes := l.Name, l.Notes
	if l, err = over.Over(l); err != nil {
		return nil, err
	}
	l.Name, l.Notes = name, notes
	return l, nil
}

// keep applies --fields. A pattern that matches nowhere is a mistake.
func (o layoutImportFlags) keep(l *mem.Layout) error {
	patterns := layoutList(o.fields)
	used := make([]bool, len(patterns))
	var all []string
	for i := range l.Structs {
		s := &l.Structs[i]
		whole := s.Fields
		for _, f := range whole {
			all = append(all, f.Name)
			// A nested struct may be meant as well as a field of it.
			for name := f.Name; strings.Contains(name, "."); {
				name = name[:strings.LastIndexByte(name, '.')]
				if !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
		}
		for j, hit := range structs.Keep(s, patterns) {
			used[j] = used[j] || hit
		}
		if len(s.Fields) == 0 {
			s.Fields = whole // none of the patterns speaks of this struct
		}
	}
	var errs []error
	for i, p := range patterns {
		if !used[i] {
			hint := ""
			if near := structs.Nearest(p, all); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			errs = append(errs, fmt.Errorf("cohsim layout import: error: no field matches %q%s", p, hint))
		}
	}
	return errors.Join(errs...)
}

func layoutList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// layoutPrefix gives each of several joined errors the file it is about.
func layoutPrefix(file string, err error) error {
	errs := []error{err}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		errs = j.Unwrap()
	}
	for i := range errs {
		errs[i] = fmt.Errorf("%s: error: %w", file, errs[i])
	}
	return errors.Join(errs...)
}

// runningKernelVersion is "6.18": the numbers that decide offsets, without the
// build that the host happens to run.
func runningKernelVersion() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	parts := strings.SplitN(string(release), ".", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

func layoutShow(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("show", flag.ContinueOnError)
	names, err := layoutFlags(f, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, layoutUsage)
		return layoutOK
	}
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("name a layout file, or one of %s", strings.Join(structs.Shipped(configs.FS), ", "))
	}
	if err != nil {
		return layoutFail(stderr, fmt.Errorf("cohsim layout show: error: %w", err))
	}
	text, err := layoutPicture(names[0], names[1:])
	if err != nil {
		return layoutFail(stderr, err)
	}
	if _, err := stdout.Write(text); err != nil {
		layoutFail(stderr, err)
		return layoutIO
	}
	return layoutOK
}

// layoutPicture draws the structs named, or all of the layout; of an overlay, all
// that it changes.
func layoutPicture(ref string, names []string) ([]byte, error) {
	l, base, err := structs.LoadWithBase(configs.FS, ".", ref)
	if err != nil {
		var unknown *structs.UnknownLayout
		if errors.As(err, &unknown) {
			err = fmt.Errorf("cohsim layout show: error: %w", err)
		}
		return nil, err
	}
	changes := structs.Changes(base, l)
	var draw []*mem.Struct
	var errs []error
	for i := range l.Structs {
		if s := &l.Structs[i]; len(names) == 0 && (base == nil || changes[i] != "") {
			draw = append(draw, s)
		}
	}
	for _, name := range names {
		s := l.Struct(name)
		if s == nil {
			var all []string
			for i := range l.Structs {
				all = append(all, l.Structs[i].Name)
			}
			hint := ""
			if near := structs.Nearest(name, all); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			errs = append(errs, fmt.Errorf("cohsim layout show: error: layout %s has no struct %q%s (it has %s)",
				ref, name, hint, strings.Join(all, ", ")))
			continue
		}
		draw = append(draw, s)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var b bytes.Buffer
	structs.Heading(&b, l, base)
	for _, s := range draw {
		fmt.Fprintln(&b)
		if err := structs.Draw(&b, s); err != nil {
			return nil, err
		}
		for i := range l.Structs {
			if &l.Structs[i] == s && changes[i] != "" {
				fmt.Fprintf(&b, "%s", changes[i])
			}
		}
	}
	return b.Bytes(), nil
}
