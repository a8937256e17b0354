package report

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twcache"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// This is the only file that knows tablewriter.

const (
	gap       = 2 // blanks that a column costs beside its widest cell
	wrapFloor = 24
)

// terminal prints tables for a fixed-width font, without borders or colour, so
// that they survive being pasted.
func terminal(w io.Writer, caption string, tables []Table, opt Options) error {
	width := opt.Width
	if width <= 0 {
		width = 80
	}
	if opt.Wide {
		width = 1 << 20
	}
	pen := newPen()
	var b strings.Builder
	if caption != "" {
		for line := range strings.SplitSeq(caption, "\n") {
			b.WriteString(wrap(clean(line), width) + "\n")
		}
	}
	for i := range tables {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		blocks, notes := fitWidth(&tables[i], width)
		if tables[i].Title != "" {
			b.WriteString(wrap(clean(tables[i].Title), width) + "\n")
		}
		for j, g := range blocks {
			if j > 0 || tables[i].Title != "" {
				b.WriteByte('\n')
			}
			if err := pen.draw(&b, &g); err != nil {
				return err
			}
		}
		// Notes that the next table repeats are said there.
		if i+1 < len(tables) && slices.Equal(tables[i].Notes, tables[i+1].Notes) {
			notes = notes[len(tables[i].Notes):]
		}
		for _, n := range notes {
			b.WriteString(wrap(" "+n, width) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// pen draws grids with one table of tablewriter: to make one for each grid takes longer
// than to draw it, and 0.4 MB.
type pen struct {
	table *tablewriter.Table
	text  strings.Builder // what table writes
}

func newPen() *pen {
	p := &pen{}
	p.table = tablewriter.NewTable(&p.text,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off},
			},
		})),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithTrimLine(tw.Off),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		// Cells are strings; the cache for other types would be made anew for each grid.
		tablewriter.WithStringerCacheCustom(twcache.NewLRU[reflect.Type, reflect.Value](1)),
	)
	return p
}

func (p *pen) draw(w io.Writer, g *grid) error {
	align := make([]tw.Align, len(g.right))
	for c, right := range g.right {
		align[c] = tw.AlignLeft
		if right {
			align[c] = tw.AlignRight
		}
	}
	alignment := tw.CellAlignment{PerColumn: align}
	t := p.table
	t.Reset()
	p.text.Reset()
	t.Options(tablewriter.WithHeaderAlignmentConfig(alignment), tablewriter.WithRowAlignmentConfig(alignment))
	t.Header(g.heads())
	for _, r := range g.rows {
		if r == nil {
			r = make([]string, len(g.names))
		}
		if err := t.Append(r); err != nil {
			return fmt.Errorf("table: %w", err)
		}
	}
	if err := t.Render(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	for line := range strings.Lines(p.text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// heads are the column heads, all of the same height: names end on one line,
// units have the line below if any column has one.
func (g *grid) heads() []string {
	height, units := 1, 0
	for c, name := range g.names {
		height = max(height, 1+strings.Count(name, "\n"))
		if g.units[c] != "" {
			units = 1
		}
	}
	heads := make([]string, len(g.names))
	for c, name := range g.names {
		heads[c] = strings.Repeat("\n", height-1-strings.Count(name, "\n")) + name
		if units > 0 {
			heads[c] += "\n" + g.units[c]
		}
	}
	return heads
}

// fitWidth makes t fit: first optional columns go, then long heads are stacked
// at their blanks, then text is wrapped where a column allows it, and at last
// the columns are split into blocks that repeat the key columns. Nothing else
// is ever cut off.
func fitWidth(t *Table, width int) ([]grid, []string) {
	g := layOut(t, true)
	notes := g.notes
	if g.width() > width && slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Optional }) {
		t = t.withoutOptional()
		g = layOut(t, true)
		if t.Instead != "" {
			notes = append(notes, t.Instead)
		}
	}
	if g.width() > width {
		for c := range g.names {
			g.names[c] = stack(g.names[c], g.bodyWidth(c))
		}
	}
	for c := len(t.Columns) - 1; c >= 0; c-- {
		if over := g.width() - width; over > 0 && t.Columns[c].Wrap {
			room := max(wrapFloor, g.columnWidth(c)-over)
			for _, r := range g.rows {
				if r != nil {
					r[c] = wrap(r[c], room)
				}
			}
		}
	}
	return g.split(max(1, t.Keys), width), notes
}

func (t *Table) withoutOptional() *Table {
	s := *t
	s.Columns, s.Rows = nil, make([][]Cell, len(t.Rows))
	for c, col := range t.Columns {
		if col.Optional {
			continue
		}
		s.Columns = append(s.Columns, col)
		for i, r := range t.Rows {
			if r != nil {
				s.Rows[i] = append(s.Rows[i], r[c])
			}
		}
	}
	return &s
}

// split cuts the columns into blocks no wider than width, each opened by the
// first keys columns.
func (g grid) split(keys, width int) []grid {
	if keys >= len(g.names) || g.width() <= width {
		return []grid{g}
	}
	var blocks []grid
	base := 0
	for c := range keys {
		base += g.columnWidth(c) + gap
	}
	for c := keys; c < len(g.names); {
		used, from := base, c
		for c < len(g.names) {
			next, need := c+1, g.columnWidth(c)+gap
			for ; next < len(g.names) && g.tied[next]; next++ {
				need += g.columnWidth(next) + gap
			}
			if c > from && used+need > width {
				break
			}
			used, c = used+need, next
		}
		block := grid{
			names: pick(g.names, keys, from, c),
			units: pick(g.units, keys, from, c),
			right: pick(g.right, keys, from, c),
		}
		for _, r := range g.rows {
			if r != nil {
				r = pick(r, keys, from, c)
			}
			block.rows = append(block.rows, r)
		}
		blocks = append(blocks, block)
	}
	return blocks
}

func pick[T any](s []T, keys, from, to int) []T {
	return append(append([]T(nil), s[:keys]...), s[from:to]...)
}

func (g *grid) width() (total int) {
	for c := range g.names {
		total += g.columnWidth(c) + gap
	}
	return total
}

func (g *grid) columnWidth(c int) int {
	return max(widest(g.names[c]), g.bodyWidth(c))
}

// bodyWidth is the width of a column without its name.
func (g *grid) bodyWidth(c int) int {
	most := widest(g.units[c])
	for _, r := range g.rows {
		if r != nil {
			most = max(most, widest(r[c]))
		}
	}
	return most
}

// widest is the width of the longest line of s.
func widest(s string) (most int) {
	for line := range strings.SplitSeq(s, "\n") {
		most = max(most, width(line))
	}
	return most
}

// width is how many columns of a terminal s takes. Most cells are plain ASCII, which
// the library takes long to tell.
func width(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return twwidth.Width(s)
		}
	}
	return len(s)
}

// stack breaks a head at blanks into lines that aim at the width of what is
// below them, and at no less than 8.
func stack(name string, width int) string {
	return wrap(name, max(width, 8))
}

// wrap breaks s at blanks into lines of at most so many columns; longer words stay whole.
func wrap(s string, most int) string {
	if width(s) <= most {
		return s
	}
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	var lines []string
	line := indent
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == indent:
			line += word
		case width(line)+1+width(word) <= most:
			line += " " + word
		default:
			lines = append(lines, line)
			line = indent + word
		}
	}
	return strings.Join(append(lines, line), "\n")
}
