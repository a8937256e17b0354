package structs

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"cohsim/internal/mem"
)

// WriteLayout writes l as canonical TOML: fixed order of keys, one field a line,
// zero values left out, the columns of the fields aligned. Reading it back gives
// l again, and writing that gives the same bytes. The errors are those of w.
func WriteLayout(w io.Writer, l *mem.Layout) error {
	b := bufio.NewWriter(w)
	text := func(key, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s = %s\n", key, quote(value))
		}
	}
	text("name", l.Name)
	text("base", l.Base)
	text("kernel", l.Kernel)
	text("arch", l.Arch)
	if len(l.Config) > 0 {
		var opts []string
		for _, c := range l.Config {
			opts = append(opts, quote(c))
		}
		fmt.Fprintf(b, "config = [%s]\n", strings.Join(opts, ", "))
	}
	text("notes", l.Notes)
	for i := range l.Structs {
		s := &l.Structs[i]
		fmt.Fprintf(b, "\n[[struct]]\n")
		fmt.Fprintf(b, "name = %s\n", quote(s.Name)) // even if empty: a struct needs one
		text("notes", s.Notes)
		if s.Replace {
			fmt.Fprintln(b, "replace = true")
		}
		if s.Size != 0 {
			fmt.Fprintf(b, "size_bytes = %d\n", s.Size)
		}
		if s.Align != 0 {
			fmt.Fprintf(b, "object_align_bytes = %d\n", s.Align)
		}
		writeFields(b, s.Fields)
	}
	return b.Flush()
}

func writeFields(b *bufio.Writer, fields []mem.Field) {
	if len(fields) == 0 {
		return
	}
	name, offset, size := 0, 0, 0
	for _, f := range fields {
		name = max(name, len(quote(f.Name)))
		offset = max(offset, len(strconv.Itoa(f.Offset)))
		size = max(size, len(strconv.Itoa(f.Size)))
	}
	fmt.Fprintf(b, "fields = [\n")
	for _, f := range fields {
		// The comma belongs to the value before it; padding follows it.
		fmt.Fprintf(b, "  { name = %-*s offset = %*d", name+1, quote(f.Name)+",", offset, f.Offset)
		if f.Size != 0 {
			fmt.Fprintf(b, ", size = %*d", size, f.Size)
		}
		for _, k := range []struct {
			key   string
			value int
		}{{"count", f.Count}, {"bit_offset", f.BitOffset}, {"bits", f.Bits}} {
			if k.value != 0 {
				fmt.Fprintf(b, ", %s = %d", k.key, k.value)
			}
		}
		if f.Union != "" {
			fmt.Fprintf(b, ", union = %s", quote(f.Union))
		}
		fmt.Fprintf(b, " },\n")
	}
	fmt.Fprintf(b, "]\n")
}

// quote writes a TOML basic string. Go's own quoting uses escapes TOML lacks.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
