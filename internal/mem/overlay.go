package mem

import (
	"errors"
	"strings"
)

// Overlay lays over on base, field by field, and returns a new layout; neither
// argument is changed. Of the structs that over names,
//
//   - a field that base has takes the new offset, and the new size, count, union
//     and bits where they are given; what is left out stays as it was;
//   - a field named "mmap_lock.*" moves all fields below that prefix together, so
//     that the first of them comes to lie at the offset given;
//   - a field that base lacks is added, and then needs a size;
//   - the kernel and its options replace those of base where they are given;
//   - a size or an alignment other than zero replaces that of base;
//   - a struct that base lacks is added whole, and one with Replace set takes the
//     place of the base's whole.
//
// Fields keep the place they have in base, so that output of both can be put
// side by side. The result is validated; the error joins every problem of it.
func Overlay(base, over *Layout) (*Layout, error) {
	out := *base
	out.Config = append([]string(nil), base.Config...)
	out.Structs = append([]Struct(nil), base.Structs...)
	if over.Name != "" {
		out.Name = over.Name
	}
	if over.Notes != "" {
		out.Notes = over.Notes
	}
	if over.Kernel != "" {
		out.Kernel = over.Kernel
	}
	if len(over.Config) > 0 {
		out.Config = append([]string(nil), over.Config...)
	}
	var errs []error
	for i := range over.Structs {
		o := &over.Structs[i]
		s := out.Struct(o.Name)
		if s == nil {
			out.Structs = append(out.Structs, *o)
			continue
		}
		if o.Replace {
			*s = *o
			continue
		}
		if o.Size != 0 {
			s.Size = o.Size
		}
		if o.Align != 0 {
			s.Align = o.Align
		}
		if o.Notes != "" {
			s.Notes = o.Notes
		}
		s.Fields = append([]Field(nil), s.Fields...)
		for j, f := range o.Fields {
			if prefix, all := strings.CutSuffix(f.Name, "*"); all {
				if !s.move(prefix, f.Offset) {
					errs = append(errs, Problem{
						Struct: i, Field: j, Key: "name", Name: o.Name + "." + f.Name,
						Msg: "the base layout has no such field",
					})
				}
				continue
			}
			s.place(f)
		}
	}
	if len(errs) == 0 {
		errs = out.Validate()
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &out, nil
}

// move shifts every field below prefix so that the lowest lies at offset.
func (s *Struct) move(prefix string, offset int) bool {
	lowest, found := 0, false
	for _, f := range s.Fields {
		if strings.HasPrefix(f.Name, prefix) && (!found || f.Offset < lowest) {
			lowest, found = f.Offset, true
		}
	}
	for i := range s.Fields {
		if strings.HasPrefix(s.Fields[i].Name, prefix) {
			s.Fields[i].Offset += offset - lowest
		}
	}
	return found
}

// place puts one field of an overlay into s.
func (s *Struct) place(f Field) {
	for i := range s.Fields {
		g := &s.Fields[i]
		if g.Name != f.Name {
			continue
		}
		g.Offset = f.Offset
		if f.Size != 0 {
			g.Size = f.Size
		}
		if f.Count != 0 {
			g.Count = f.Count
		}
		if f.Union != "" {
			g.Union = f.Union
		}
		if f.Bits != 0 {
			g.BitOffset, g.Bits = f.BitOffset, f.Bits
		}
		return
	}
	s.Fields = append(s.Fields, f)
}
