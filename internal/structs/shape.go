package structs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"cohsim/internal/mem"
)

// shape is a C type reduced to what a layout needs. BTF and DWARF are both
// turned into shapes, so that flattening is written, and true, once.
type shape struct {
	size    int
	members []shapeMember // of a struct or union
	union   bool
	element *shape // of an array
	count   int    // elements; 0 for a flexible array
}

type shapeMember struct {
	name      string // empty for an anonymous struct or union, or padding
	bitOffset int
	bits      int // of a bit-field, else 0
	of        *shape
}

func (s *shape) record() bool { return len(s.members) > 0 }

const (
	// maxDepth bounds nesting. C cannot nest a struct in itself by value, but a
	// damaged file can.
	maxDepth = 64
	// maxShapes and maxFields bound the work on a damaged file, whose nesting
	// may double at each level. task_struct, the largest, has about 700 fields.
	maxShapes = 100_000
	maxFields = 20_000
	// maxElements is how many structs of an array are flattened one by one; a
	// longer array stays one field with opaque elements.
	maxElements = 16
)

// atoms are the types whose inside the kernel itself hides behind functions: a
// lock or a counter is one word to everybody who uses it, so that the field is
// called vm_refcnt and not vm_refcnt.refs.counter.
var atoms = []string{
	"atomic_t", "atomic64_t", "atomic_long_t", "refcount_t",
	"spinlock_t", "raw_spinlock_t", "rwlock_t",
}

var errTooLarge = errors.New("the type is nested too deeply or has too many members; the file may be damaged")

// flattener collects the fields of one struct.
type flattener struct{ fields []mem.Field }

// flatten turns the members of a struct into fields, by offset and then in the
// order of C, which is the order in which the compiler placed them.
func flatten(name string, s *shape, align int) (mem.Struct, error) {
	out := mem.Struct{Name: name, Size: s.size, Align: align}
	var f flattener
	if err := f.record("", "", 0, s, 0); err != nil {
		return out, fmt.Errorf("%s: %w", name, err)
	}
	slices.SortStableFunc(f.fields, func(a, b mem.Field) int {
		if a.Offset != b.Offset {
			return a.Offset - b.Offset
		}
		return a.BitOffset - b.BitOffset
	})
	dropIdleLabels(f.fields)
	out.Fields = f.fields
	if s.size == 0 {
		return out, fmt.Errorf("struct %q is empty: it has no bytes under this configuration", name)
	}
	whole := mem.Layout{Structs: []mem.Struct{out}}
	if errs := whole.Validate(); len(errs) > 0 {
		return out, fmt.Errorf("the type makes no sense, the file may be damaged: %w", errs[0])
	}
	return out, nil
}

// dropIdleLabels takes the label off fields of a union that lie over nothing,
// such as all of a union with one member. The fields must be sorted by place.
func dropIdleLabels(fields []mem.Field) {
	bits := func(f mem.Field) (begin, end int) {
		if f.Bits > 0 {
			return 8*f.Offset + f.BitOffset, 8*f.Offset + f.BitOffset + f.Bits
		}
		return 8 * f.Offset, 8 * f.End()
	}
	// A field overlaps an earlier one of its union exactly if it begins before
	// the one that reaches furthest has ended.
	furthest := map[string]int{}
	overlaps := make([]bool, len(fields))
	for i, f := range fields {
		if f.Union == "" {
			continue
		}
		begin, end := bits(f)
		j, ok := furthest[f.Union]
		if !ok {
			furthest[f.Union] = i
			continue
		}
		_, reach := bits(fields[j])
		if begin < reach {
			overlaps[i], overlaps[j] = true, true
		}
		if end > reach {
			furthest[f.Union] = i
		}
	}
	for i := range fields {
		if !overlaps[i] {
			fields[i].Union = ""
		}
	}
}

// record adds the members of s, which lies at bit base. Their names start with
// prefix. If s is a union, own is its label, or empty if it is anonymous.
func (f *flattener) record(prefix, own string, base int, s *shape, depth int) error {
	if depth > maxDepth {
		return errTooLarge
	}
	first := len(f.fields)
	for _, m := range s.members {
		at := base + m.bitOffset
		if m.name == "" {
			if m.of.record() { // anonymous: its members have no prefix, as in C
				if err := f.record(prefix, "", at, m.of, depth+1); err != nil {
					return err
				}
			}
			continue
		}
		if err := f.member(prefix+m.name, at, m.bits, m.of, depth+1); err != nil {
			return err
		}
	}
	if !s.union || first == len(f.fields) {
		return nil
	}
	// An anonymous union is called after its first member. Of nested unions the
	// outermost is done last, and its label stays.
	if own == "" {
		own = f.fields[first].Name
	}
	for i := first; i < len(f.fields); i++ {
		f.fields[i].Union = own
	}
	return nil
}

func (f *flattener) member(name string, at, bits int, s *shape, depth int) error {
	if depth > maxDepth || len(f.fields) >= maxFields {
		return errTooLarge
	}
	switch {
	case bits > 0:
		// The bytes that hold its bits, not the declared type: BTF and DWARF then
		// agree, and the line it lies on is what matters.
		f.fields = append(f.fields, mem.Field{
			Name: name, Offset: at / 8, Size: (at%8 + bits + 7) / 8, BitOffset: at % 8, Bits: bits,
		})
	case s.record():
		return f.record(name+".", name, at, s, depth)
	case s.element != nil && (s.element.element != nil || s.element.record() && s.count <= maxElements):
		for i := range s.count {
			err := f.member(fmt.Sprintf("%s[%d]", name, i), at+8*i*s.element.size, 0, s.element, depth+1)
			if err != nil {
				return err
			}
		}
	case s.element != nil && s.count > 0 && s.element.size > 0:
		f.fields = append(f.fields, mem.Field{
			Name: name, Offset: at / 8, Size: s.element.size, Count: s.count,
		})
	case s.element == nil && s.size > 0: // an empty struct has no place
		f.fields = append(f.fields, mem.Field{Name: name, Offset: at / 8, Size: s.size})
	}
	return nil
}

// Keep drops the fields of s that match none of the patterns. A pattern is the
// name of a field, of something above it ("mmap_lock" keeps mmap_lock.count), or
// a glob ("vm_*"). It reports which patterns matched.
func Keep(s *mem.Struct, patterns []string) (used []bool) {
	used = make([]bool, len(patterns))
	s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f mem.Field) bool {
		drop := true
		for i, p := range patterns {
			glob, _ := path.Match(p, f.Name)
			if glob || f.Name == p || strings.HasPrefix(f.Name, p+".") || strings.HasPrefix(f.Name, p+"[") {
				used[i], drop = true, false
			}
		}
		return drop
	})
	return used
}

// UnknownStruct is a name that the file has no struct for.
type UnknownStruct struct {
	Name     string
	Near     []string // names of the file that are similar
	Declared bool     // the name is declared, but nothing says what is inside
}

func (e *UnknownStruct) Error() string {
	if e.Declared {
		return fmt.Sprintf("struct %q is declared but not defined in this file", e.Name)
	}
	return fmt.Sprintf("no struct is named %q%s", e.Name, suggest(e.Name, e.Near))
}

// Request is one struct to import.
type Request struct {
	Name  string
	Align int // object_align_bytes, which no debug information holds
}

// Source is a file with type information.
type Source interface {
	// Struct flattens one struct or union. The error is an *UnknownStruct if the
	// file lacks it.
	Struct(Request) (mem.Struct, error)
}

// Import reads several structs and joins the errors of those it cannot read.
func Import(src Source, requests []Request) (*mem.Layout, error) {
	l := &mem.Layout{}
	var errs []error
	for _, r := range requests {
		s, err := src.Struct(r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.Structs = append(l.Structs, s)
	}
	if len(errs) == 0 {
		errs = l.Validate()
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return l, nil
}
