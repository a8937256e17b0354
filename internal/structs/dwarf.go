package structs

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"

	"cohsim/internal/mem"
)

type dwarfSource struct {
	data *dwarf.Data
	big  bool // byte order, which decides where old DWARF counts bits from
	// types has the first complete definition of each name, and declared the
	// names that are only declared.
	types    map[string]dwarf.Offset
	declared map[string]bool
}

// DWARF reads the debug information of an ELF file. The error wraps [ErrNoTypes]
// if it has none.
func DWARF(r io.ReaderAt) (Source, error) {
	return guard("DWARF", func() (Source, error) {
		file, err := elf.NewFile(r)
		if err != nil {
			return nil, err
		}
		if file.Section(".debug_info") == nil && file.Section(".zdebug_info") == nil {
			return nil, fmt.Errorf("%w: no .debug_info section; compile with -g", ErrNoTypes)
		}
		data, err := file.DWARF()
		if err != nil {
			return nil, err
		}
		src := &dwarfSource{
			data: data, big: file.Data == elf.ELFDATA2MSB,
			types: map[string]dwarf.Offset{}, declared: map[string]bool{},
		}
		if err := src.index(); err != nil {
			return nil, err
		}
		return src, nil
	})
}

// index notes where each struct of a compilation unit is defined. What lies
// below a function is skipped where the file says how far that is: it is most of
// the file, and its types are nobody's business.
//
// Note: Reader.SkipChildren would do the same, but it follows a reference to the
// next sibling wherever it leads, and in a damaged file that may be back.
func (src *dwarfSource) index() error {
	r := src.data.Reader()
	depth, ends := 0, 0
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			return err
		}
		if e.Tag == 0 { // the end of a list of children
			// At the end of a damaged file the reader can return this for ever.
			if ends++; ends > maxEnds {
				return errors.New("the DWARF is damaged: it does not end")
			}
			depth--
			continue
		}
		ends = 0
		switch {
		case e.Tag == dwarf.TagCompileUnit:
			depth = 0 // whatever came before is over
		case depth == 1:
			src.note(e)
		}
		if !e.Children {
			continue
		}
		next, ok := e.Val(dwarf.AttrSibling).(dwarf.Offset)
		if ok && next > e.Offset && e.Tag != dwarf.TagCompileUnit {
			r.Seek(next)
		} else {
			depth++
		}
	}
}

// maxEnds is how many lists of children may end at one place. Some linkers pad
// with such ends, up to a page.
const maxEnds = 1 << 16

// note enters one entry in the index if it is a type with a name.
func (src *dwarfSource) note(e *dwarf.Entry) {
	switch e.Tag {
	case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagTypedef:
	default:
		return
	}
	name, _ := e.Val(dwarf.AttrName).(string)
	if name == "" {
		return
	}
	if decl, _ := e.Val(dwarf.AttrDeclaration).(bool); decl {
		src.declared[name] = true
		return
	}
	// The first definition counts, but a struct goes before a typedef.
	if first, ok := src.types[name]; !ok || e.Tag != dwarf.TagTypedef && !src.isRecord(first) {
		src.types[name] = e.Offset
	}
}

func (src *dwarfSource) isRecord(at dwarf.Offset) bool {
	r := src.data.Reader()
	r.Seek(at)
	e, err := r.Next()
	return err == nil && e != nil && e.Tag != dwarf.TagTypedef
}

func (src *dwarfSource) Struct(r Request) (mem.Struct, error) {
	return guard("DWARF", func() (mem.Struct, error) { return src.find(r) })
}

func (src *dwarfSource) find(r Request) (mem.Struct, error) {
	at, ok := src.types[r.Name]
	if ok {
		t, err := src.data.Type(at)
		if err != nil {
			return mem.Struct{}, fmt.Errorf("%s: %w", r.Name, err)
		}
		if t, ok := bare(t).(*dwarf.StructType); ok && !t.Incomplete {
			budget := maxShapes
			s, err := src.shape(t, &budget, 0)
			if err != nil {
				return mem.Struct{}, fmt.Errorf("%s: %w", r.Name, err)
			}
			return flatten(r.Name, s, r.Align)
		}
	}
	var names []string
	for name := range src.types {
		names = append(names, name)
	}
	slices.Sort(names)
	return mem.Struct{}, &UnknownStruct{Name: r.Name, Declared: src.declared[r.Name], Near: Nearest(r.Name, names)}
}

// bare strips typedefs and qualifiers, or returns nil if they go in a circle.
func bare(t dwarf.Type) dwarf.Type {
	for range maxDepth {
		switch u := t.(type) {
		case *dwarf.TypedefType:
			t = u.Type
		case *dwarf.QualType:
			t = u.Type
		default:
			return t
		}
	}
	return nil
}

func (src *dwarfSource) shape(t dwarf.Type, budget *int, depth int) (*shape, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, errTooLarge
	}
	atom := false
	for u := t; ; {
		if q, ok := u.(*dwarf.QualType); ok {
			u = q.Type
		} else if d, ok := u.(*dwarf.TypedefType); ok && !atom {
			atom, u = atomName(d.Name), d.Type
		} else {
			break
		}
		if depth++; depth > maxDepth {
			return nil, errTooLarge
		}
	}
	switch t := bare(t).(type) {
	case *dwarf.StructType:
		if t.ByteSize < 0 || t.ByteSize > mem.MaxStructBytes {
			return nil, errors.New("a member is of a type that is not defined in this file")
		}
		s := &shape{size: int(t.ByteSize), union: t.Kind == "union"}
		if atom {
			return s, nil
		}
		for _, f := range t.Field {
			of, err := src.shape(f.Type, budget, depth+1)
			if err != nil {
				return nil, err
			}
			at, bits, err := src.place(f, of)
			if err != nil {
				return nil, err
			}
			s.members = append(s.members, shapeMember{name: f.Name, bitOffset: at, bits: bits, of: of})
		}
		return s, nil
	case *dwarf.ArrayType:
		element, err := src.shape(t.Type, budget, depth+1)
		if err != nil {
			return nil, err
		}
		return btfArray(element, max(t.Count, 0)) // -1 is a flexible array
	case *dwarf.PtrType:
		if t.ByteSize <= 0 {
			return &shape{size: src.addressSize()}, nil
		}
		return &shape{size: int(min(t.ByteSize, 64))}, nil
	case nil, *dwarf.TypedefType, *dwarf.QualType:
		return nil, errTooLarge
	default:
		size := t.Common().ByteSize
		if size < 0 || size > 64 {
			return nil, fmt.Errorf("a member has no size (%T); the file may be damaged", t)
		}
		return &shape{size: int(size)}, nil
	}
}

// place is the first bit of a member and, for a bit-field, how many bits it has.
func (src *dwarfSource) place(f *dwarf.StructField, of *shape) (at, bits int, err error) {
	for _, v := range []int64{f.ByteOffset, f.BitSize, f.BitOffset, f.DataBitOffset, f.ByteSize} {
		if v < 0 || v > 8*mem.MaxStructBytes {
			return 0, 0, errTooLarge
		}
	}
	at = 8 * int(f.ByteOffset)
	switch {
	case f.BitSize == 0:
		return at, 0, nil
	case f.DataBitOffset != 0 || f.BitOffset == 0 && f.ByteSize == 0:
		return at + int(f.DataBitOffset), int(f.BitSize), nil
	}
	// Before DWARF 4, bits were counted from the most significant one of the
	// storage unit, whatever the byte order.
	unit := int(f.ByteSize)
	if unit == 0 {
		unit = of.size
	}
	bit := int(f.BitOffset)
	if !src.big {
		bit = 8*unit - bit - int(f.BitSize)
	}
	if bit < 0 {
		return 0, 0, errTooLarge
	}
	return at + bit, int(f.BitSize), nil
}

func (src *dwarfSource) addressSize() int { return src.data.Reader().AddressSize() }

func atomName(name string) bool { return slices.Contains(atoms, name) }
