package main

import (
	"fmt"
	"io"
	"strings"

	"cohsim/cpu"
)

// programFormats are what showProgram can write: "table" for a terminal, "wide"
// with the linked op and its registers, and "markdown".
var programFormats = []string{"table", "wide", "markdown"}

// showProgram lists a linked program, an op a row: its index, the line of the
// source it comes from, the op with the names of the program, the machine
// instruction it stands for, and the field it accesses. Rows without an index
// name the program that the ops below were inlined from, or the instruction
// that they are made of.
func showProgram(p *cpu.Program, format string, w io.Writer) error {
	head := []string{"#", "line", "op", "machine", "field"}
	if format != "table" {
		head = []string{"#", "line", "op", "machine", "linked op", "field"}
	}
	rows := [][]string{head}
	add := func(index, line, op, machine, linked, field string) {
		if format == "table" {
			rows = append(rows, []string{index, line, op, machine, field})
		} else {
			rows = append(rows, []string{index, line, op, machine, linked, field})
		}
	}
	last := &cpu.Site{}
	for i := range p.Ops {
		op := &p.Ops[i]
		s := &p.Sites[op.Site]
		if s.Proc != last.Proc {
			add("", "", s.Proc+":", "", "", "")
		}
		text := "  " + s.Text
		if s.Written != "" {
			if s.Written != last.Written || s.Line != last.Line {
				add("", "", "  "+s.Written, "", "", "")
			}
			text = "    " + s.Text
		}
		if op.Code == cpu.Branch {
			text += fmt.Sprintf("  -> %d", op.Off)
		}
		for _, g := range s.Ghosts {
			text += "  ghost " + g.Event + " " + p.RegName[g.Reg]
		}
		add(fmt.Sprint(i), fmt.Sprint(s.Line), text, op.Mnemonic(p.ISA), op.String(), s.Field)
		last = s
	}
	title := fmt.Sprintf("program %s for %v, layout %s: %d ops, %d of %d registers", p.Name, p.ISA, p.Layout, len(p.Ops), len(p.RegName), cpu.NumRegs)
	if p.Layout == "" {
		title = strings.Replace(title, ", layout ", ", no layout", 1)
	}
	switch format {
	case "table", "wide":
		return writeColumns(w, title, rows)
	case "markdown":
		return writeMarkdown(w, title, rows)
	}
	return fmt.Errorf("a program cannot be shown as %q; there are %s", format, strings.Join(programFormats, ", "))
}

// writeColumns aligns rows on the widest cell; numbers stand on the right.
func writeColumns(w io.Writer, title string, rows [][]string) error {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for c, cell := range r {
			width[c] = max(width[c], len(cell))
		}
	}
	if _, err := fmt.Fprintln(w, title); err != nil {
		return err
	}
	for _, r := range rows {
		var b strings.Builder
		for c, cell := range r {
			if c < 2 {
				fmt.Fprintf(&b, "%*s  ", width[c], cell)
			} else {
				fmt.Fprintf(&b, "%-*s  ", width[c], cell)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// writeMarkdown writes a table whose ops are code, so that names with "_" and
// "|" survive.
func writeMarkdown(w io.Writer, title string, rows [][]string) error {
	if _, err := fmt.Fprintf(w, "**%s**\n\n", title); err != nil {
		return err
	}
	for i, r := range rows {
		cells := make([]string, len(r))
		for c, cell := range r {
			cells[c] = strings.ReplaceAll(strings.TrimSpace(cell), "|", "\\|")
			if i > 0 && c >= 2 && cells[c] != "" {
				cells[c] = "`" + cells[c] + "`"
			}
		}
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")); err != nil {
			return err
		}
		if i == 0 {
			if _, err := fmt.Fprintln(w, "|---:|---:|"+strings.Repeat("---|", len(r)-2)); err != nil {
				return err
			}
		}
	}
	return nil
}
