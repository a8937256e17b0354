package structs

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"cohsim/internal/mem"
)

// Draw draws a struct as its cache lines see it: one row per line, one column
// per byte, and below each row the full names with their offsets. Whatever
// stands in one row is fetched, and lost, together. Holes are dots. The picture
// is at most 80 columns wide. The errors are those of w.
func Draw(w io.Writer, s *mem.Struct) error {
	b := bufio.NewWriter(w)
	lines := (s.Size + mem.LineBytes - 1) / mem.LineBytes
	fmt.Fprintf(b, "%s: %s, %s, objects aligned to %d\n", s.Name, plural(s.Size, "byte"), plural(lines, "line"), s.Align)
	if s.Notes != "" {
		wrap(b, "  ", strings.Fields(s.Notes), " ")
	}
	if s.Align%mem.LineBytes != 0 {
		wrap(b, "  ", strings.Fields("Objects may start inside a line; this one starts at the start of a line."), " ")
	}
	fmt.Fprintf(b, "\n%*s", gutter, "")
	fmt.Fprintf(b, "+0      +8      +16     +24     +32     +40     +48     +56\n")
	fields := sorted(s.Fields)
	alone := only(fields)
	seen := 0            // fields that begin before the end of this line
	var here []mem.Field // those of them that reach into it
	for line := 0; line < lines; line++ {
		from := line * mem.LineBytes
		here = slices.DeleteFunc(here, func(f mem.Field) bool { return f.End() <= from })
		for ; seen < len(fields) && fields[seen].Offset < from+mem.LineBytes; seen++ {
			here = append(here, fields[seen])
		}
		// Lines that one array or one hole fills whole look all the same.
		same := line
		for same+1 < lines && (same+2)*mem.LineBytes <= s.Size && uniform(here, fields[seen:], from, (same+2)*mem.LineBytes) {
			same++
		}
		label := fmt.Sprintf("line %d", line)
		if same > line {
			label = fmt.Sprintf("%d to %d", line, same)
		}
		fmt.Fprintf(b, "%-*s%s\n", gutter-1, label, row(s, here, alone, from))
		grid(b, legend(s, here, from, (same+1)*mem.LineBytes))
		line = same
	}
	if n, bytes := holes(s, fields); n > 0 {
		fmt.Fprintf(b, "%*s%s in %s\n", gutter, "", plural(bytes, "unused byte"), plural(n, "hole"))
	}
	return b.Flush()
}

const (
	gutter = 11 // columns left of the first byte
	width  = 80
)

// sorted orders fields by place, and among equals the larger first, so that a
// whole comes before its parts.
func sorted(fields []mem.Field) []mem.Field {
	out := slices.Clone(fields)
	slices.SortStableFunc(out, func(a, b mem.Field) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.BitOffset, b.BitOffset))
	})
	return out
}

// only says which nested structs have one member: around a member that is alone
// in it, the name of the struct says more ("osq" rather than "tail").
func only(fields []mem.Field) map[string]bool {
	alone := map[string]bool{}
	for _, f := range fields {
		for name := f.Name; ; {
			parent, _, ok := cutLast(name)
			if !ok {
				break
			}
			_, again := alone[parent]
			alone[parent] = !again
			name = parent
		}
	}
	return alone
}

// uniform says whether one field, or nothing at all, covers the bytes; here are
// the fields of the first line, and later the ones that begin after it.
func uniform(here, later []mem.Field, from, to int) bool {
	if len(later) > 0 && later[0].Offset < to || len(here) > 1 {
		return false
	}
	return len(here) == 0 || here[0].Offset <= from && here[0].End() >= to
}

// row is the picture of one line: a bar where a field begins, its name as far as
// it fits, dots where there is nothing. Of overlapping fields it shows the first,
// and of the others what reaches beyond it.
func row(s *mem.Struct, fields []mem.Field, alone map[string]bool, from int) string {
	cells := make([]rune, mem.LineBytes+1)
	for i := range cells {
		switch at := from + i; {
		case i == mem.LineBytes || at == s.Size:
			cells[i] = '│'
		case at > s.Size:
			cells[i] = ' '
		default:
			cells[i] = '·'
		}
	}
	filled := from
	for i, f := range fields {
		begin, end := max(f.Offset, from, filled), min(f.End(), from+mem.LineBytes)
		if begin >= end {
			continue
		}
		names := labels(f.Name, alone)
		if list, ok := listHead(fields, i); ok && begin == f.Offset && end+f.Size <= from+mem.LineBytes {
			names, end = []string{list, cutFirst(list)}, end+f.Size
		}
		room := cells[begin-from : end-from]
		for i := range room {
			room[i] = ' '
		}
		switch {
		case begin > max(f.Offset, from): // its start is hidden below another
			room[0], room = '│', nil
		case f.Offset < from:
			names = []string{"…" + names[0]}
		default:
			room[0], room = '│', room[1:]
		}
		copy(room, []rune(short(names, len(room))))
		filled = end
		if end-from < mem.LineBytes && end < s.Size && !starts(fields, end) {
			cells[end-from] = '┆' // a hole begins
		}
	}
	if cells[0] == '·' {
		cells[0] = '┆'
	}
	return strings.TrimRight(string(cells), " ")
}

// labels are the names a cell may show, best first: the whole name, the struct
// around a member that is alone in it, the member.
func labels(name string, alone map[string]bool) []string {
	out := []string{name}
	parent, last, ok := cutLast(name)
	if !ok {
		return append(out, cutFirst(name))
	}
	if _, p, _ := cutLast(parent); alone[parent] {
		out = append(out, p)
	}
	return append(out, last, cutFirst(last))
}

// listHead says whether fields i and i+1 are the two pointers of a list_head,
// which is better drawn as one thing with a name than as "next" and "prev".
func listHead(fields []mem.Field, i int) (name string, ok bool) {
	if i+1 >= len(fields) || fields[i+1].Offset != fields[i].End() {
		return "", false
	}
	a, next, _ := cutLast(fields[i].Name)
	c, prev, _ := cutLast(fields[i+1].Name)
	_, name, _ = cutLast(a)
	return name, a != "" && a == c && next == "next" && prev == "prev"
}

func starts(fields []mem.Field, at int) bool {
	for _, f := range fields {
		if f.Offset == at {
			return true
		}
	}
	return false
}

// short is the first of names that fits, or else what fits of the last.
func short(names []string, room int) string {
	for _, n := range names {
		if utf8.RuneCountInString(n) <= room {
			return n
		}
	}
	return string([]rune(names[len(names)-1])[:max(room, 0)])
}

// cutFirst drops the prefix that kernel fields carry for the sake of grep, such
// as vm_, which in a narrow cell would be all there is to see.
func cutFirst(name string) string {
	rest := strings.TrimLeft(name, "_")
	if bar := strings.IndexByte(rest, '_'); bar == 2 && bar+1 < len(rest) {
		return rest[bar+1:]
	}
	return name
}

// legend names every field that has its first byte in the range, with offsets. A
// member of the same struct as the one before it shows only what differs.
func legend(s *mem.Struct, fields []mem.Field, from, to int) []string {
	var out []string
	end, before := from, ""
	for _, f := range fields {
		if f.Offset < from && f.End() > from {
			end = max(end, min(f.End(), to))
			out = append(out, fmt.Sprintf("…%s (+%d)", f.Name, f.Offset))
		}
	}
	shown := -1
	for i, f := range fields {
		if f.Offset < from || f.Offset >= to {
			continue
		}
		if i > 0 {
			if _, ok := listHead(fields, i-1); ok && fields[i-1].Offset >= from && shown == fields[i-1].Offset {
				out[len(out)-1] += " .prev"
				end, shown = max(end, f.End()), f.Offset
				continue
			}
		}
		if f.Offset > end {
			out = append(out, fmt.Sprintf("+%d (%s free)", end, plural(f.Offset-end, "byte")))
			before = ""
		}
		text := f.Name
		if dot := strings.LastIndexByte(f.Name, '.'); dot > 0 && before == f.Name[:dot] {
			text = f.Name[dot:]
		}
		before, _, _ = cutLast(f.Name)
		switch {
		case f.Count > 0:
			text += fmt.Sprintf(" ×%d", f.Count)
		case f.Bits > 0:
			text += fmt.Sprintf(":%d", f.Bits)
		}
		if f.Offset == shown {
			text = "   or " + text // shares its first byte with the one before
		} else {
			text = fmt.Sprintf("+%d %s", f.Offset, text)
		}
		shown = f.Offset
		out = append(out, text)
		end = max(end, f.End())
	}
	if top := min(to, s.Size); end < top {
		out = append(out, fmt.Sprintf("+%d (%s free)", end, plural(top-end, "byte")))
	}
	return out
}

func cutLast(name string) (before, after string, ok bool) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return "", name, false
	}
	return name[:dot], name[dot+1:], true
}

// holes counts the runs of bytes that no field covers, and those bytes.
func holes(s *mem.Struct, fields []mem.Field) (n, bytes int) {
	end := 0
	for _, f := range append(fields, mem.Field{Offset: s.Size}) {
		if f.Offset > end {
			n, bytes = n+1, bytes+f.Offset-end
		}
		end = max(end, f.End())
	}
	return n, bytes
}

// grid writes entries in columns, so that offsets stand below each other; a long
// entry takes several.
func grid(b *bufio.Writer, entries []string) {
	const columns, cell = 3, (width - gutter) / 3
	line, used := "", columns
	for _, e := range entries {
		need := min((utf8.RuneCountInString(e)+2+cell-1)/cell, columns)
		if used+need > columns {
			if line != "" {
				fmt.Fprintf(b, "%*s%s\n", gutter, "", line)
			}
			line, used = "", 0
		}
		line += strings.Repeat(" ", cell*used-utf8.RuneCountInString(line)) + e
		used += need
	}
	if line != "" {
		fmt.Fprintf(b, "%*s%s\n", gutter, "", line)
	}
}

func wrap(b *bufio.Writer, indent string, words []string, gap string) {
	column := 0
	for _, w := range words {
		n := utf8.RuneCountInString(w)
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+len(gap)+n > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(gap)
			column += len(gap)
		}
		b.WriteString(w)
		column += n
	}
	if column > 0 {
		b.WriteString("\n")
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
