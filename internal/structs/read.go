package structs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"cohsim/internal/mem"
)

// maxLayoutBytes bounds a layout file. The whole of mm_struct takes some ten KiB.
const maxLayoutBytes = 1 << 20

// File is a layout as it stands in a file, an overlay still alone, together with
// the places of its keys.
type File struct {
	Path   string
	Layout *mem.Layout
	src    string
	at     positions
}

// ReadLayout reads a layout file. The error is [Problems] if the file is wrong,
// and an *fs.PathError if it cannot be read. A layout with a base is an overlay
// and may leave out sizes; [Load] lays it over its base.
func ReadLayout(file string) (*mem.Layout, error) {
	f, err := ReadFile(file)
	if err != nil {
		return nil, err
	}
	return f.Layout, nil
}

// ReadFile is [ReadLayout] that keeps the positions, for errors found later.
func ReadFile(file string) (*File, error) {
	r, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	src, err := io.ReadAll(io.LimitReader(r, maxLayoutBytes+1))
	if err != nil {
		return nil, err
	}
	return parse(file, src)
}

// ParseLayout reads a layout from src; name stands for the file in positions.
// The layout is nil if there is any problem.
func ParseLayout(name string, src []byte) (*mem.Layout, []Problem) {
	f, err := parse(name, src)
	var ps Problems
	if errors.As(err, &ps) {
		return nil, ps
	}
	return f.Layout, nil
}

// parse returns no error other than Problems.
func parse(name string, src []byte) (*File, error) {
	f := &File{Path: name, Layout: &mem.Layout{}, src: string(src)}
	r := reader{file: f}
	if at, msg := unreadable(src); msg != "" {
		return nil, Problems{f.problem(at, msg)}
	}
	if at, deep := nestedTooDeeply(f.src); deep {
		return nil, Problems{f.problem(at, fmt.Sprintf("nested more than %d deep", maxNesting))}
	}
	var root map[string]any
	if _, err := toml.Decode(f.src, &root); err != nil {
		var pe toml.ParseError
		if !errors.As(err, &pe) {
			return nil, Problems{f.problem(0, err.Error())}
		}
		return nil, Problems{f.problem(pe.Position.Start, pe.Message)}
	}
	f.at = locate(f.src)
	r.layout(root)
	if len(r.problems) == 0 {
		// Only numbers that were read well are worth comparing.
		errs := f.Layout.Validate()
		if f.Layout.Base != "" {
			errs = f.Layout.ValidateOverlay()
		}
		for _, err := range errs {
			var p mem.Problem
			errors.As(err, &p)
			r.problems = append(r.problems, f.problem(f.place(p), p.Error()))
		}
	}
	if len(r.problems) > 0 {
		r.problems.sort()
		return nil, r.problems
	}
	return f, nil
}

// unreadable finds what no TOML file contains, so that a binary given by mistake
// gets a message that says so.
func unreadable(src []byte) (at int, msg string) {
	if len(src) > maxLayoutBytes {
		return 0, fmt.Sprintf("a layout file has at most %d bytes", maxLayoutBytes)
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			return i, "this is no text file: layouts are TOML (for a kernel's BTF or an ELF object, use layout import)"
		}
		i += n
	}
	return 0, ""
}

func (f *File) problem(offset int, msg string) Problem {
	line, col, excerpt := lineCol(f.src, offset)
	return Problem{File: f.Path, Line: line, Col: col, Msg: msg, Excerpt: excerpt}
}

// place finds the key that a problem of the layout speaks of.
func (f *File) place(p mem.Problem) int {
	path := element("struct", p.Struct)
	if p.Field >= 0 {
		path = element(join(path, "fields"), p.Field)
	}
	return f.at.value(join(path, p.Key))
}

// reader turns the decoded tree into a layout and collects what is wrong with it.
type reader struct {
	file     *File
	problems Problems
}

func (r *reader) bad(offset int, format string, args ...any) {
	r.problems = append(r.problems, r.file.problem(offset, fmt.Sprintf(format, args...)))
}

func (r *reader) layout(root map[string]any) {
	l := r.file.Layout
	t := r.table("", root, "name", "base", "kernel", "arch", "config", "notes", "struct")
	t.text("name", &l.Name)
	t.text("base", &l.Base)
	t.text("kernel", &l.Kernel)
	t.text("arch", &l.Arch)
	t.text("notes", &l.Notes)
	t.list("config", func(path string, v any) {
		s, ok := v.(string)
		if !ok {
			r.bad(r.file.at.value(path), "%s must be a string, not %s", path, kind(v))
		}
		l.Config = append(l.Config, s)
	})
	t.list("struct", func(path string, v any) {
		l.Structs = append(l.Structs, mem.Struct{})
		s := &l.Structs[len(l.Structs)-1]
		t, ok := r.tableAt(path, v, "name", "notes", "replace", "size_bytes", "object_align_bytes", "fields")
		if !ok {
			return
		}
		t.text("name", &s.Name)
		t.text("notes", &s.Notes)
		t.flag("replace", &s.Replace)
		t.number("size_bytes", &s.Size)
		t.number("object_align_bytes", &s.Align)
		t.list("fields", func(path string, v any) {
			s.Fields = append(s.Fields, mem.Field{})
			r.field(&s.Fields[len(s.Fields)-1], path, v)
		})
	})
	if len(l.Structs) == 0 && len(r.problems) == 0 {
		r.bad(0, "a layout needs at least one [[struct]]")
	}
}

func (r *reader) field(f *mem.Field, path string, v any) {
	t, ok := r.tableAt(path, v, "name", "offset", "size", "count", "union", "bit_offset", "bits")
	if !ok {
		return
	}
	t.text("name", &f.Name)
	t.number("offset", &f.Offset)
	t.number("size", &f.Size)
	t.number("count", &f.Count)
	t.text("union", &f.Union)
	t.number("bit_offset", &f.BitOffset)
	t.number("bits", &f.Bits)
	// A misspelt offset has had its message.
	if _, ok := t.values["offset"]; !ok && t.unknown == 0 {
		r.bad(r.file.at.key(path), "field %q has no offset", f.Name)
	}
}

// table is one TOML table whose keys are read by name.
type table struct {
	r       *reader
	path    string
	values  map[string]any
	unknown int // keys that nobody reads
}

func (r *reader) table(path string, values map[string]any, keys ...string) table {
	unknown := 0
	for k := range values { // in any order: problems are sorted by position
		if !slices.Contains(keys, k) {
			unknown++
			full := join(path, k)
			r.bad(r.file.at.key(full), "unknown key %q%s", pretty(full), suggest(k, keys))
		}
	}
	return table{r, path, values, unknown}
}

func (r *reader) tableAt(path string, v any, keys ...string) (table, bool) {
	values, ok := v.(map[string]any)
	if !ok {
		r.bad(r.file.at.value(path), "%s must be a table, not %s", pretty(path), kind(v))
		return table{}, false
	}
	return r.table(path, values, keys...), true
}

func (t table) bad(key, want string) {
	path := join(t.path, key)
	t.r.bad(t.r.file.at.value(path), "%s must be %s, not %s", pretty(path), want, kind(t.values[key]))
}

func (t table) text(key string, to *string) {
	v, given := t.values[key]
	s, ok := v.(string)
	if given && !ok {
		t.bad(key, "a string")
	}
	*to = s
}

// number reads an integer. Beyond any sane size it is a problem here, so that
// later sums cannot wrap.
func (t table) flag(key string, to *bool) {
	switch v := t.values[key].(type) {
	case nil:
	case bool:
		*to = v
	default:
		t.bad(key, "true or false")
	}
}

func (t table) number(key string, to *int) {
	v, given := t.values[key]
	n, ok := v.(int64)
	switch {
	case given && !ok:
		t.bad(key, "an integer")
	case n > 1<<30 || n < -1<<30:
		t.r.bad(t.r.file.at.value(join(t.path, key)), "%s is out of range: %d", pretty(join(t.path, key)), n)
	default:
		*to = int(n)
	}
}

// list calls each for every element of an array or an array of tables.
func (t table) list(key string, each func(path string, v any)) {
	path := join(t.path, key)
	switch v := t.values[key].(type) {
	case nil:
	case []any:
		for i := range v {
			each(element(path, i), v[i])
		}
	case []map[string]any:
		for i := range v {
			each(element(path, i), v[i])
		}
	default:
		t.bad(key, "a list")
	}
}

// kind names the type of a TOML value for people.
func kind(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the string %q", v)
	case int64:
		return fmt.Sprintf("the integer %d", v)
	case float64:
		return fmt.Sprintf("the float %v", v)
	case bool:
		return fmt.Sprintf("the boolean %v", v)
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	}
	return "a date"
}

// pretty drops the indices of a path: the position says which one it is.
func pretty(path string) string {
	var b strings.Builder
	for path != "" {
		open := strings.IndexByte(path, '[')
		if open < 0 {
			break
		}
		b.WriteString(path[:open])
		end := strings.IndexByte(path[open:], ']')
		if end < 0 {
			break
		}
		path = path[open+end+1:]
	}
	b.WriteString(path)
	return b.String()
}
