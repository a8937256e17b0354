package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// markdown prints tables in GitHub's flavour.
func markdown(w io.Writer, caption string, tables []Table) error {
	var b strings.Builder
	if caption != "" {
		for line := range strings.SplitSeq(caption, "\n") {
			fmt.Fprintf(&b, "*%s*  \n", escapeMarkdown(line))
		}
	}
	for i := range tables {
		g := layOut(&tables[i], false)
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		if g.title != "" {
			fmt.Fprintf(&b, "**%s**\n\n", escapeMarkdown(g.title))
		}
		line := func(cells []string) {
			for _, c := range cells {
				fmt.Fprintf(&b, "| %s ", escapeMarkdown(c))
			}
			b.WriteString("|\n")
		}
		line(g.headsWithUnits())
		for _, right := range g.right {
			if right {
				b.WriteString("| ---: ")
			} else {
				b.WriteString("| :--- ")
			}
		}
		b.WriteString("|\n")
		for _, r := range g.rows {
			if r != nil {
				line(r)
			}
		}
		for _, n := range g.notes {
			fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(n))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// headsWithUnits are one-line heads: "p99 (cycles)".
func (g *grid) headsWithUnits() []string {
	heads := make([]string, len(g.names))
	for c, name := range g.names {
		heads[c] = name
		if g.units[c] != "" {
			heads[c] += " (" + g.units[c] + ")"
		}
	}
	return heads
}

// escapeMarkdown keeps text what it is in a table cell or a line of prose.
func escapeMarkdown(s string) string {
	var b strings.Builder
	runes := []rune(s)
	word := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	for i, r := range runes {
		switch r {
		case '\n', '\r':
			b.WriteByte(' ')
			continue
		case '_': // inside a word it is only itself
			if word(i-1) && word(i+1) {
				break
			}
			b.WriteByte('\\')
		case '\\', '|', '`', '*', '<', '>', '[', ']', '~', '&', '#':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// tablesCSV prints tables for programs: values unscaled, tables one after the
// other with an empty line between.
func tablesCSV(w io.Writer, tables []Table) error {
	for i := range tables {
		t := &tables[i]
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		out := csv.NewWriter(w)
		var row []string
		for _, c := range t.Columns {
			name := strings.ReplaceAll(c.Name, "\n", " ")
			if c.Unit != "" && c.Unit != c.Name {
				name += " (" + c.Unit + ")"
			}
			row = append(row, name)
		}
		if err := out.Write(row); err != nil {
			return err
		}
		for _, r := range t.Rows {
			if r == nil {
				continue
			}
			for c, cell := range r {
				row[c] = cell.raw()
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return err
		}
	}
	return nil
}

// raw is the cell for programs: unscaled, empty if missing.
func (c Cell) raw() string {
	switch {
	case c.Kind == TextCell:
		return c.Text
	case c.Value.IsMissing():
		return ""
	case c.Kind == RangeCell:
		return c.Value.String() + ".." + c.To.String()
	}
	return c.Value.String()
}

// tablesJSON prints tables as {"schema", "tables": [{title, columns, rows,
// notes}]}; numbers are JSON numbers, missing ones null.
func tablesJSON(w io.Writer, tables []Table) error {
	var b strings.Builder
	list := func(n int, item func(i int) string) string {
		parts := make([]string, n)
		for i := range n {
			parts[i] = item(i)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	fmt.Fprintf(&b, "{\n  \"schema\": \"cohsim.table/v1\",\n  \"tables\": [")
	for i, t := range tables {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n    {\n      \"title\": %s,\n      \"columns\": %s,\n      \"rows\": [", quote(t.Title),
			list(len(t.Columns), func(c int) string {
				return fmt.Sprintf("{\"name\": %s, \"unit\": %s}", quote(t.Columns[c].Name), quote(t.Columns[c].Unit))
			}))
		sep := ""
		for _, r := range t.Rows {
			if r == nil {
				continue
			}
			fmt.Fprintf(&b, "%s\n        %s", sep, list(len(r), func(c int) string { return r[c].json() }))
			sep = ","
		}
		fmt.Fprintf(&b, "\n      ],\n      \"notes\": %s\n    }", list(len(t.Notes), func(n int) string { return quote(t.Notes[n]) }))
	}
	b.WriteString("\n  ]\n}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Cell) json() string {
	switch {
	case c.Kind == TextCell:
		return quote(c.Text)
	case c.Kind == RangeCell && !c.Value.IsMissing():
		return "[" + c.Value.String() + ", " + c.To.String() + "]"
	}
	return c.Value.String()
}
