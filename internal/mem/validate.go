package mem

import (
	"fmt"
	"sort"
)

// MaxStructBytes bounds a struct, and so every offset in it. The largest struct
// a kernel has is some hundred KiB; a bound keeps sums of offsets from wrapping.
const MaxStructBytes = 1 << 24

// Problem is one mistake in a layout, with its place in the layout rather than
// in a file: package structs turns the indices into a line and a column.
type Problem struct {
	Struct int    // index into Layout.Structs
	Field  int    // index into Struct.Fields, or -1 if the struct as a whole
	Key    string // the key at fault as a layout file names it: "offset", "size_bytes"
	Name   string // "vm_area_struct.vm_refcnt"
	Other  string // the field it collides with, if it collides with one
	Msg    string
}

func (p Problem) Error() string { return p.Name + ": " + p.Msg }

// Validate checks a complete layout and returns every problem, in the order of
// the layout. An overlay on its own is checked by [Layout.ValidateOverlay].
func (l *Layout) Validate() []error { return asErrors(l.validate(false)) }

// ValidateOverlay checks what can be known of an overlay before it lies over
// something: a struct may leave out its size and its alignment, a field its size.
func (l *Layout) ValidateOverlay() []error { return asErrors(l.validate(true)) }

func asErrors(ps []Problem) []error {
	var errs []error
	for _, p := range ps {
		errs = append(errs, p)
	}
	return errs
}

func (l *Layout) validate(overlay bool) []Problem {
	var ps []Problem
	seen := make(map[string]bool, len(l.Structs))
	for i := range l.Structs {
		s := &l.Structs[i]
		bad := func(field int, key, format string, args ...any) {
			name := s.Name
			if field >= 0 {
				name += "." + s.Fields[field].Name
			}
			ps = append(ps, Problem{Struct: i, Field: field, Key: key, Name: name, Msg: fmt.Sprintf(format, args...)})
		}
		switch {
		case s.Name == "":
			bad(-1, "name", "a struct needs a name")
		case seen[s.Name]:
			bad(-1, "name", "duplicate struct %q", s.Name)
		}
		seen[s.Name] = true
		switch {
		case s.Size == 0 && overlay:
		case s.Size <= 0:
			bad(-1, "size_bytes", "the size must be positive, not %d", s.Size)
		case s.Size > MaxStructBytes:
			bad(-1, "size_bytes", "%d bytes is more than a struct may have (%d)", s.Size, MaxStructBytes)
		}
		switch {
		case s.Align == 0 && overlay:
		case s.Align <= 0 || s.Align&(s.Align-1) != 0:
			bad(-1, "object_align_bytes", "the alignment must be a power of two, not %d", s.Align)
		case s.Align > MaxStructBytes:
			bad(-1, "object_align_bytes", "alignment %d is more than %d", s.Align, MaxStructBytes)
		}
		s.validateFields(overlay, bad)
		ps = append(ps, s.overlaps(i)...)
	}
	return ps
}

func (s *Struct) validateFields(overlay bool, bad func(field int, key, format string, args ...any)) {
	seen := make(map[string]bool, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		complain := func(key, format string, args ...any) { bad(i, key, format, args...) }
		switch {
		case f.Name == "":
			complain("name", "a field needs a name")
		case seen[f.Name]:
			complain("name", "duplicate field %q", f.Name)
		}
		seen[f.Name] = true
		switch {
		case f.Size == 0 && overlay:
		case f.Size <= 0:
			complain("size", "the size must be positive, not %d", f.Size)
		case f.Size > MaxStructBytes:
			complain("size", "%d bytes is more than a struct may have (%d)", f.Size, MaxStructBytes)
		}
		if f.Count < 0 || f.Count > MaxStructBytes {
			complain("count", "the number of elements must be 0 to %d, not %d", MaxStructBytes, f.Count)
		}
		if f.Offset < 0 || f.Offset > MaxStructBytes {
			complain("offset", "the offset must be 0 to %d, not %d", MaxStructBytes, f.Offset)
		}
		f.validateBits(complain)
		if f.hasPlace() && s.Size > 0 && f.End() > s.Size {
			complain("offset", "the field ends at byte %d, but %s has %d bytes", f.End(), s.Name, s.Size)
		}
	}
}

// hasPlace says whether the numbers of the field are sane enough to compare it
// with others. In an overlay, a field without a size has no place yet.
func (f *Field) hasPlace() bool {
	return f.Size > 0 && f.Size <= MaxStructBytes && f.Count >= 0 && f.Count <= MaxStructBytes &&
		f.Offset >= 0 && f.Offset <= MaxStructBytes &&
		f.Bits >= 0 && f.Bits <= 64 && f.BitOffset >= 0 && f.BitOffset <= 64
}

func (f *Field) validateBits(complain func(key, format string, args ...any)) {
	switch {
	case f.Bits == 0 && f.BitOffset != 0:
		complain("bit_offset", "bit_offset without bits")
	case f.Bits == 0:
	case f.Count > 0:
		complain("bits", "a bit-field cannot be an array")
	case f.Size > 8:
		complain("bits", "a bit-field lies in at most 8 bytes, not %d", f.Size)
	case f.Bits < 0 || f.BitOffset < 0 || f.Bits > 64 || f.BitOffset > 64 || f.BitOffset+f.Bits > 8*f.Size:
		complain("bits", "bits %d to %d do not lie in %d bytes", f.BitOffset, f.BitOffset+f.Bits-1, f.Size)
	}
}

// overlaps reports each field that lies over an earlier one outside a common
// union. Sorted by place, a field can only collide with fields that have not
// ended yet, so the cost stays near linear for sane layouts.
func (s *Struct) overlaps(structIndex int) []Problem {
	var placed []int
	for i := range s.Fields {
		if s.Fields[i].hasPlace() {
			placed = append(placed, i)
		}
	}
	sort.SliceStable(placed, func(a, b int) bool {
		x, _ := s.Fields[placed[a]].bitRange()
		y, _ := s.Fields[placed[b]].bitRange()
		return x < y
	})
	blame := make([]int, len(s.Fields)) // 1 + the field it collides with
	var open []int
	for _, i := range placed {
		begin, _ := s.Fields[i].bitRange()
		live := open[:0]
		for _, j := range open {
			if _, end := s.Fields[j].bitRange(); end > begin {
				live = append(live, j)
			}
		}
		for _, j := range live {
			if u := s.Fields[i].Union; u != "" && u == s.Fields[j].Union {
				continue
			}
			// The later one in the file is the one that was put on top.
			over, under := max(i, j), min(i, j)
			if blame[over] == 0 {
				blame[over] = 1 + under
			}
		}
		open = append(live, i)
	}
	var ps []Problem
	for i, under := range blame {
		if under == 0 {
			continue
		}
		f, g := s.Fields[i], s.Fields[under-1]
		ps = append(ps, Problem{
			Struct: structIndex, Field: i, Key: "offset", Name: s.Name + "." + f.Name, Other: g.Name,
			Msg: fmt.Sprintf("bytes %s overlap %q at bytes %s (give both the same union if they may)",
				f.extent(), g.Name, g.extent()),
		})
	}
	return ps
}

func (f Field) bitRange() (begin, end int) {
	if f.Bits > 0 {
		begin = 8*f.Offset + f.BitOffset
		return begin, begin + f.Bits
	}
	return 8 * f.Offset, 8 * f.End()
}

func (f Field) extent() string {
	if f.Span() == 1 {
		return fmt.Sprint(f.Offset)
	}
	return fmt.Sprintf("%d-%d", f.Offset, f.End()-1)
}
