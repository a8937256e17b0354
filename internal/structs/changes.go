package structs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"cohsim/internal/mem"
)

// Heading says in a few lines which layout this is and where it comes from.
func Heading(w io.Writer, l, base *mem.Layout) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	name := l.Name
	if name == "" {
		name = "unnamed layout"
	}
	var from []string
	if base != nil {
		from = append(from, "over "+base.Name)
	}
	if l.Kernel != "" {
		from = append(from, "Linux "+l.Kernel)
	}
	if l.Arch != "" {
		from = append(from, l.Arch)
	}
	if len(from) > 0 {
		name += " (" + strings.Join(from, ", ") + ")"
	}
	wrap(b, "", strings.Fields(name), " ")
	if len(l.Config) > 0 {
		wrap(b, "  ", append([]string{"config"}, l.Config...), " ")
	}
	if l.Notes != "" {
		wrap(b, "  ", strings.Fields(l.Notes), " ")
	}
}

// Changes says, for each struct of l, what is not as in base: a line per field,
// "moved vm_refcnt: +128 to +44, line 2 to line 0". The text is empty where
// nothing differs, and everywhere if base is nil.
func Changes(base, l *mem.Layout) []string {
	out := make([]string, len(l.Structs))
	if base == nil {
		return out
	}
	for i := range l.Structs {
		s := &l.Structs[i]
		was := base.Struct(s.Name)
		if was == nil {
			out[i] = fmt.Sprintf("%*sadded by the overlay\n", gutter, "")
			continue
		}
		var lines []string
		if s.Size != was.Size {
			lines = append(lines, fmt.Sprintf("size %d to %d", was.Size, s.Size))
		}
		if s.Align != was.Align {
			lines = append(lines, fmt.Sprintf("alignment %d to %d", was.Align, s.Align))
		}
		for _, f := range s.Fields {
			j := slices.IndexFunc(was.Fields, func(g mem.Field) bool { return g.Name == f.Name })
			switch {
			case j < 0:
				lines = append(lines, fmt.Sprintf("new %s: +%d", f.Name, f.Offset))
			case was.Fields[j].Offset != f.Offset:
				g := was.Fields[j]
				lines = append(lines, fmt.Sprintf("moved %s: +%d to +%d, line %d to line %d", f.Name,
					g.Offset, f.Offset, g.Offset/mem.LineBytes, f.Offset/mem.LineBytes))
			case was.Fields[j] != f:
				lines = append(lines, fmt.Sprintf("changed %s: %d bytes", f.Name, f.Span()))
			}
		}
		var b bytes.Buffer
		for _, line := range lines {
			fmt.Fprintf(&b, "%*s%s\n", gutter, "", line)
		}
		out[i] = b.String()
	}
	return out
}
