package mem

import (
	"strconv"
	"strings"
)

const (
	// LineBytes is the size of a cache line, the unit of coherence. Every
	// machine cohsim describes has 64-byte lines, and every layout is drawn so.
	LineBytes = 64
	// PageBytes is the alignment of the first object of a Space, so that the
	// place of a line within a 128-byte pair is a property of the layout alone.
	PageBytes = 4096
)

// Addr is a byte address. Zero is nobody's address: it reads as NULL.
type Addr uint64

// Line is the number of the line that holds a.
func (a Addr) Line() uint64 { return uint64(a) / LineBytes }

// Offset is the place of a within its line, 0 to LineBytes-1.
func (a Addr) Offset() int { return int(uint64(a) % LineBytes) }

// Field is one member of a struct after flattening.
type Field struct {
	Name   string `toml:"name"`   // as C names it, with the path: "mmap_lock.count"
	Offset int    `toml:"offset"` // bytes from the start of the struct
	Size   int    `toml:"size"`   // bytes of one element
	Count  int    `toml:"count"`  // elements of an array; 0 for a scalar

	// Union is a label. Fields of one struct that carry the same label may
	// overlap, as members of a C union do.
	Union string `toml:"union"`

	// A bit-field occupies Bits bits from bit BitOffset (counted from the least
	// significant bit) of the Size bytes at Offset. Bits is 0 otherwise.
	BitOffset int `toml:"bit_offset"`
	Bits      int `toml:"bits"`
}

// Span is the number of bytes the field covers, all elements included.
func (f Field) Span() int {
	if f.Count > 0 {
		return f.Size * f.Count
	}
	return f.Size
}

// End is the offset of the first byte after the field.
func (f Field) End() int { return f.Offset + f.Span() }

// Element is element i of an array field as a field of its own, "slot[3]".
func (f Field) Element(i int) Field {
	e := f
	e.Name = f.Name + "[" + strconv.Itoa(i) + "]"
	e.Offset += i * f.Size
	e.Count = 0
	return e
}

// Struct is the layout of one C struct.
type Struct struct {
	Name string
	Size int // sizeof, bytes
	// Align is the alignment of its objects: what the allocator guarantees
	// (SLAB_HWCACHE_ALIGN gives 64), not what the C type requires. A power of
	// two. It is the key object_align_bytes of a layout file.
	Align int
	// Replace, in an overlay, puts the struct whole in the place of the base's.
	Replace bool
	Notes   string // one line for people: what the struct is for
	Fields  []Field
}

// Field finds a field by name; "slot[3]" finds one element of an array, and the
// name of a nested struct finds the bytes from its first member to its last, so
// that "mmap_lock.osq" serves where the layout has "mmap_lock.osq.tail".
func (s *Struct) Field(name string) (Field, bool) {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return s.Fields[i], true
		}
	}
	if array, index, ok := splitIndex(name); ok {
		for i := range s.Fields {
			if f := s.Fields[i]; f.Name == array && index < f.Count {
				return f.Element(index), true
			}
		}
	}
	return s.group(name)
}

// group is the extent of everything below name.
func (s *Struct) group(name string) (Field, bool) {
	first, end, found := 0, 0, false
	for i := range s.Fields {
		f := &s.Fields[i]
		rest, ok := strings.CutPrefix(f.Name, name)
		if !ok || name == "" || rest == "" || rest[0] != '.' && rest[0] != '[' {
			continue
		}
		if !found || f.Offset < first {
			first = f.Offset
		}
		end, found = max(end, f.End()), true
	}
	if !found {
		return Field{}, false
	}
	return Field{Name: name, Offset: first, Size: end - first}, true
}

// At is the innermost field that covers the byte at offset: the smallest one,
// and the first in the layout if several are equally small (a union). For an
// array it is the element.
func (s *Struct) At(offset int) (Field, bool) {
	best, found := Field{}, false
	for i := range s.Fields {
		f := s.Fields[i]
		if offset < f.Offset || offset >= f.End() {
			continue
		}
		if f.Count > 0 {
			f = f.Element((offset - f.Offset) / f.Size)
		}
		if !found || f.Size < best.Size {
			best, found = f, true
		}
	}
	return best, found
}

// Layout is a set of structs that belong together: those of one kernel, say, or
// the changes that one experiment makes to them.
type Layout struct {
	Name   string
	Base   string   // for an overlay, the layout it is meant to lie over
	Kernel string   // "6.18"; empty if it comes from no kernel
	Arch   string   // "x86-64"
	Config []string // kernel options that decide the offsets; "!X" means X is off
	Notes  string   // for people
	// Structs stand in the order of the file, which is the order of all output.
	Structs []Struct
}

// Struct finds a struct by name, or returns nil.
func (l *Layout) Struct(name string) *Struct {
	for i := range l.Structs {
		if l.Structs[i].Name == name {
			return &l.Structs[i]
		}
	}
	return nil
}

// splitIndex takes "slot[3]" apart. Only the last index counts, because only the
// innermost dimension of an array is kept as a count.
func splitIndex(name string) (array string, index int, ok bool) {
	open := strings.LastIndexByte(name, '[')
	if open <= 0 || !strings.HasSuffix(name, "]") {
		return "", 0, false
	}
	index, err := strconv.Atoi(name[open+1 : len(name)-1])
	if err != nil || index < 0 {
		return "", 0, false
	}
	return name[:open], index, true
}
