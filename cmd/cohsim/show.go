package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/config"
	"cohsim/internal/experiment"
	"cohsim/internal/mem"
	"cohsim/internal/report"
	"cohsim/internal/structs"
	"cohsim/mesi"
	"cohsim/vmalock"
)

func showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show program|protocol|machine|layout NAME",
		Short: "Print a program, a protocol, a machine or a layout",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			known := commandNames(cmd)
			if len(args) == 0 {
				return usage("say what to show: %s", strings.Join(known, ", "))
			}
			return oneOf("thing to show named", args[0], known)
		},
	}
	cmd.AddCommand(showProgramCommand(), showProtocolCommand(), showMachineCommand(), showLayoutCommand())
	return cmd
}

func showProtocolCommand() *cobra.Command {
	var format string
	var sets []string
	cmd := &cobra.Command{
		Use:   "protocol NAME",
		Short: "Print the tables of a protocol as a book would",
		Example: `  cohsim show protocol mesi
  cohsim show protocol moesi --set far_atomics=true --set recall=true --format latex`,
		Args: oneName("protocol", mesi.Names),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return mesi.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(mesi.Names(), args[0]) {
				return oneOf("protocol", args[0], mesi.Names())
			}
			if !slices.Contains(protocolFormats, format) {
				return usage("--format: a protocol comes as %s, not %q", strings.Join(protocolFormats, ", "), format)
			}
			options, err := protocolOptions(args[0], sets)
			if err != nil {
				return usage("%v", err)
			}
			p, err := mesi.New(args[0], options)
			if err != nil {
				return usage("%v", err)
			}
			return write(cmd.OutOrStdout(), func(w io.Writer) error { return showProtocol(p, format, w) })
		},
	}
	cmd.Flags().StringVar(&format, "format", "markdown", "print as `F`: "+strings.Join(protocolFormats, ", "))
	cmd.Flags().StringArrayVar(&sets, "set", nil, "with protocol option `KEY=VALUE`, as in a machine file")
	return cmd
}

func showLayoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "layout NAME [STRUCT...]",
		Short:              "Draw the lines of a layout's structs",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return exited(cmdLayout(append([]string{"show"}, args...), cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
}

// oneName is the argument check of commands that take one name of a list.
func oneName(what string, known func() []string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage("name one %s: %s", what, strings.Join(known(), ", "))
		}
		return nil
	}
}

func showMachineCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "machine NAME|FILE.toml",
		Short: "Print every key of a machine, with its value and meaning",
		Args:  oneName("machine", func() []string { return shipped("machines") }),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return shipped("machines"), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := report.CheckFormat(format); err != nil {
				return usage("--format: %v", err)
			}
			if _, err := machineText(args[0]); err != nil {
				return err
			}
			// A machine is read as an experiment on it would read it.
			exp, err := experiment.LoadText("machine", nil, experiment.Overrides{Set: []string{"machine=" + quoted(args[0])}})
			if err != nil {
				return err
			}
			m := &exp.Base.Machine
			t := report.Table{Title: m.Name + ": " + m.Doc,
				Columns: []report.Column{{Name: "key"}, {Name: "value"}, {Name: "meaning", Wrap: true}}}
			for _, k := range config.Keys("", m) {
				if k.Path == "name" || k.Path == "doc" {
					continue
				}
				if k.Type == "table" {
					t.Rows = append(t.Rows, nil)
					continue
				}
				value := k.Default
				if len(value) > 22 { // a matrix
					value = value[:19] + "…"
				}
				t.Rows = append(t.Rows, []report.Cell{report.Str(k.Path), report.Str(value), report.Str(k.Doc)})
			}
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				return report.WriteTables(w, tableFormat(format), []report.Table{t}, report.Options{})
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "print as `F`: table, markdown, latex, csv, json")
	return cmd
}

func showProgramCommand() *cobra.Command {
	var lock, isaName, layout, format string
	var source bool
	cmd := &cobra.Command{
		Use:   "program NAME",
		Short: "List a lock program, linked for an instruction set and a layout",
		Example: `  cohsim show program vma_start_read
  cohsim show program down_read --lock mmap_lock --isa arm64-lse
  cohsim show program vma_start_read --source`,
		Args: oneName("program", func() []string { return []string{"`cohsim list programs` lists them"} }),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, name, ok := strings.Cut(args[0], "/")
			if !ok {
				kind, name = lock, args[0]
			}
			k, found := vmalock.Find(kind)
			if !found {
				return oneOf("lock", kind, experiment.Locks{}.Names())
			}
			procs, err := k.Programs()
			if err != nil {
				return err
			}
			i := slices.IndexFunc(procs, func(p *cpu.Proc) bool { return p.Name == name })
			if i < 0 {
				var names []string
				for _, p := range procs {
					names = append(names, p.Name)
				}
				return oneOf("program", name, names)
			}
			if source {
				return write(cmd.OutOrStdout(), func(w io.Writer) error {
					_, err := io.WriteString(w, procs[i].String())
					return err
				})
			}
			isa, err := cpu.ParseISA(isaName)
			if err != nil {
				return usage("--isa: %v", err)
			}
			if !slices.Contains(programFormats, format) {
				return usage("--format: a program comes as %s, not %q", strings.Join(programFormats, ", "), format)
			}
			base, err := structs.Load(configs.FS, ".", k.Layout)
			if err != nil {
				return err
			}
			l := vmalock.Supplement(base)
			if layout != "" {
				over, err := structs.Load(configs.FS, ".", layout)
				if err != nil {
					return err
				}
				if l, err = mem.Overlay(l, over); err != nil {
					return err
				}
			}
			main, err := caller(procs[i])
			if err != nil {
				return err
			}
			prog, err := cpu.Link(main, cpu.LinkOptions{ISA: isa, Layout: l, Library: cpu.LibraryOf(procs...)})
			if err != nil {
				return err
			}
			prog.Name = name
			return write(cmd.OutOrStdout(), func(w io.Writer) error { return showProgram(prog, format, w) })
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&lock, "lock", defaultLockName(), "program of lock `KIND`")
	fl.StringVar(&isaName, "isa", "x86-64", "link for `ISA`: x86-64, arm64-lse, arm64-llsc")
	fl.StringVar(&layout, "layout", "", "lay `NAME` or a file over the lock's layout")
	fl.StringVar(&format, "format", "table", "print as `F`: "+strings.Join(programFormats, ", "))
	fl.BoolVar(&source, "source", false, "print the program as it was written")
	return cmd
}

func defaultLockName() string { return experiment.Locks{}.Names()[0] }

// caller is a main program that calls p once: only a main program can be linked.
func caller(p *cpu.Proc) (*cpu.Proc, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "program caller\n")
	var args []string
	for _, r := range p.Roles {
		fmt.Fprintf(&b, "\trole %s %s\n", r.Name, r.Struct)
		args = append(args, r.Name)
	}
	for _, in := range p.Ins {
		fmt.Fprintf(&b, "\tin %s\n", in)
		args = append(args, in)
	}
	outs := ""
	for i, o := range p.Outs {
		fmt.Fprintf(&b, "\treg out_%s\n", o)
		outs += []string{" -> ", ", "}[min(i, 1)] + "out_" + o
	}
	fmt.Fprintf(&b, "\tcall %s(%s)%s", p.Name, strings.Join(args, ", "), outs)
	for _, e := range p.Exits {
		fmt.Fprintf(&b, " %s=done", e)
	}
	if len(p.Exits) > 0 {
		b.WriteString("\ndone:")
	}
	b.WriteString("\n\thalt\n")
	procs, err := cpu.Parse("caller", []byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, b.String())
	}
	return procs[0], nil
}
