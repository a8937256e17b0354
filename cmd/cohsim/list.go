package main

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/report"
	"cohsim/internal/structs"
	"cohsim/internal/validate"
	"cohsim/mesi"
	"cohsim/vmalock"
	"cohsim/workloads"
)

// listing is one thing that can be listed: names, each with a line about it.
type listing struct {
	name string
	list func() ([][2]string, error)
}

var listings = []listing{
	{"experiments", func() ([][2]string, error) { return documented(".") }},
	{"workloads", func() (out [][2]string, _ error) {
		for _, k := range workloads.Kinds() {
			out = append(out, [2]string{k.Name, k.Doc})
		}
		return out, nil
	}},
	{"locks", func() (out [][2]string, _ error) {
		for _, k := range vmalock.Kinds() {
			out = append(out, [2]string{k.Name, k.Doc})
		}
		return out, nil
	}},
	{"programs", listPrograms},
	{"layouts", listLayouts},
	{"machines", listMachines},
	{"protocols", func() (out [][2]string, _ error) {
		for _, name := range mesi.Names() {
			p, err := mesi.New(name, mesi.DefaultOptions(name))
			if err != nil {
				return nil, err
			}
			out = append(out, [2]string{name, p.Doc()})
		}
		return out, nil
	}},
	{"models", func() (out [][2]string, _ error) {
		for _, m := range cpu.Models() {
			out = append(out, [2]string{m.Name, m.Doc})
		}
		return out, nil
	}},
}

func listCommand() *cobra.Command {
	var names []string
	for _, l := range listings {
		names = append(names, l.name)
	}
	return &cobra.Command{
		Use:       "list [" + strings.Join(names, "|") + "]",
		Short:     "List what is shipped: locks, workloads, machines, …",
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listAll(cmd.OutOrStdout())
			}
			var tables []report.Table
			for _, a := range args {
				i := slices.Index(names, a)
				if a == "metrics" || a == "counters" {
					return usage("cohsim metrics lists the metrics, cohsim explain NAME says what one means")
				}
				if i < 0 {
					return oneOf("list of", a, names)
				}
				rows, err := listings[i].list()
				if err != nil {
					return err
				}
				t := report.Table{Columns: []report.Column{{Name: a}, {Name: "", Wrap: true}}}
				for _, r := range rows {
					t.Rows = append(t.Rows, []report.Cell{report.Str(r[0]), report.Str(r[1])})
				}
				tables = append(tables, t)
			}
			return write(cmd.OutOrStdout(), func(w io.Writer) error {
				return report.WriteTables(w, "table", tables, report.Options{})
			})
		},
	}
}

// listAll names everything there is.
func listAll(w io.Writer) error {
	t := report.Table{Columns: []report.Column{{Name: "list"}, {Name: "names", Wrap: true}}}
	for _, l := range listings {
		rows, err := l.list()
		if err != nil {
			return err
		}
		var names []string
		for _, r := range rows {
			names = append(names, r[0])
		}
		if len(names) > 24 {
			names = []string{fmt.Sprintf("%d of them: cohsim list %s", len(names), l.name)}
		}
		t.Rows = append(t.Rows, []report.Cell{report.Str(l.name), report.Str(strings.Join(names, " "))})
	}
	return write(w, func(w io.Writer) error { return report.WriteTables(w, "table", []report.Table{t}, report.Options{}) })
}

// shipped lists the names of the TOML files in a directory of configs.
func shipped(dir string) []string {
	found, _ := fs.Glob(configs.FS, path.Join(dir, "*.toml")) // the pattern is well formed
	for i := range found {
		found[i] = strings.TrimSuffix(path.Base(found[i]), ".toml")
	}
	return found
}

// documented lists shipped files with the text of their key doc.
func documented(dir string) (out [][2]string, err error) {
	for _, name := range shipped(dir) {
		text, err := fs.ReadFile(configs.FS, path.Join(dir, name+".toml"))
		if err != nil {
			return nil, err
		}
		var head struct{ Doc string }
		if err := toml.Unmarshal(text, &head); err != nil {
			return nil, err
		}
		out = append(out, [2]string{name, head.Doc})
	}
	return out, nil
}

// listMachines says of each machine how much of it is measured.
func listMachines() ([][2]string, error) {
	rows, err := documented("machines")
	if err != nil {
		return nil, err
	}
	points, _, err := (&pointsFlags{seeds: 1}).read()
	if err != nil {
		return nil, err
	}
	for i := range rows {
		text, err := machineText(rows[i][0])
		if err != nil {
			return nil, err
		}
		p := validate.ProvenanceOf(string(text)).String()
		if p == "" {
			continue
		}
		calibrate, other := 0, 0
		for k := range points {
			switch {
			case points[k].Machine != rows[i][0]:
			case points[k].Calibrate:
				calibrate++
			default:
				other++
			}
		}
		rows[i][1] += fmt.Sprintf("; %s; points: %d to fit, %d to validate", p, calibrate, other)
	}
	return rows, nil
}

func listLayouts() (out [][2]string, err error) {
	for _, name := range structs.Shipped(configs.FS) {
		l, err := structs.Load(configs.FS, ".", name)
		if err != nil {
			return nil, err
		}
		out = append(out, [2]string{name, l.Notes})
	}
	return out, nil
}

// listPrograms lists every program of every lock; programs that locks share are
// told once.
func listPrograms() (out [][2]string, err error) {
	type place struct {
		file string
		line int
	}
	seen := map[place]bool{}
	for _, k := range vmalock.Kinds() {
		procs, err := k.Programs()
		if err != nil {
			return nil, err
		}
		for _, p := range procs {
			at := place{p.File, p.Line}
			if seen[at] {
				continue
			}
			seen[at] = true
			name := p.Name
			if strings.Contains(p.File, "/kinds/") { // of the lock, or of the one that it is based on
				name = strings.TrimSuffix(path.Base(p.File), ".uop") + "/" + name
			}
			out = append(out, [2]string{name, firstSentence(p.Doc)})
		}
	}
	return out, nil
}

// firstSentence is what stands before the first full stop, on one line.
func firstSentence(doc string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(doc, ". "); i >= 0 {
		doc = doc[:i]
	}
	return strings.TrimSuffix(doc, ".")
}
