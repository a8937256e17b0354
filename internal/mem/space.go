package mem

import (
	"fmt"
	"sort"
	"strconv"
)

// maxAddr bounds the address space, so that tables with one entry per line stay
// affordable and no sum of addresses wraps. 4 GiB is a million mm_structs.
const maxAddr Addr = 1 << 32

// Object is one placed instance of a struct, or a raw run of bytes.
type Object struct {
	Name   string  // "vma[3]", unique in its space
	Struct *Struct // nil for a raw object
	Base   Addr    // address of its first byte
	Bytes  int     // its size
	Index  int     // 0 for the first object placed in the space, and so on
}

// Space places objects and names addresses. Its zero value is not usable.
type Space struct {
	layout *Layout
	next   Addr            // the first address above every object
	byAddr []*Object       // ascending Base
	byName map[string]bool // looked up, never iterated
}

// NewSpace returns an empty space. The layout may be nil if every object is raw.
func NewSpace(l *Layout) *Space {
	if l == nil {
		l = &Layout{}
	}
	return &Space{layout: l, next: PageBytes, byName: map[string]bool{}}
}

// New places an object of the struct at the next free address that honours the
// alignment of the struct, above everything placed before.
func (sp *Space) New(structName, name string) (Addr, error) {
	s, err := sp.lookup(structName, name)
	if err != nil {
		return 0, err
	}
	return sp.add(&Object{Name: name, Struct: s, Base: alignUp(sp.next, s.Align), Bytes: s.Size})
}

// NewAt places an object at an address of the caller's choice, which must honour
// the alignment of the struct. Overlapping another object is an error, and so is
// an address in the first page, because 0 must stay NULL.
func (sp *Space) NewAt(structName, name string, at Addr) (Addr, error) {
	s, err := sp.lookup(structName, name)
	if err != nil {
		return 0, err
	}
	if uint64(at)%uint64(s.Align) != 0 {
		return 0, fmt.Errorf("object %q: address %#x is no multiple of %d, the alignment of %s", name, uint64(at), s.Align, s.Name)
	}
	return sp.add(&Object{Name: name, Struct: s, Base: at, Bytes: s.Size})
}

// NewRaw places size bytes without a struct, such as a line of a task's stack,
// and returns their address. It panics on a size that is not positive, an
// alignment that is no power of two, a name in use, or a full space: no user
// input reaches it, so each of these is a bug of the caller.
func (sp *Space) NewRaw(name string, size, align int) Addr {
	if size <= 0 || align <= 0 || align&(align-1) != 0 {
		panic(fmt.Sprintf("mem: raw object %q of %d bytes aligned to %d", name, size, align))
	}
	if sp.byName[name] {
		panic(fmt.Sprintf("mem: two objects are named %q", name))
	}
	at, err := sp.add(&Object{Name: name, Base: alignUp(sp.next, align), Bytes: size})
	if err != nil {
		panic("mem: " + err.Error())
	}
	return at
}

// AlignTo moves the next free address up to a multiple of bytes, a power of two.
// Use it to choose the parity of an object within 128-byte pairs of lines, or to
// keep one group of objects off the lines of another.
func (sp *Space) AlignTo(bytes int) {
	if bytes <= 0 || bytes&(bytes-1) != 0 {
		panic(fmt.Sprintf("mem: AlignTo(%d) is no power of two", bytes))
	}
	sp.next = alignUp(sp.next, bytes)
}

// Lines is the range of line numbers in use, both ends included; tables may be
// indexed by line-first. An empty space gives the range of one line that nobody
// owns, so that first <= last always holds.
func (sp *Space) Lines() (first, last uint64) {
	if len(sp.byAddr) == 0 {
		return Addr(PageBytes).Line(), Addr(PageBytes).Line()
	}
	top := sp.byAddr[len(sp.byAddr)-1]
	return sp.byAddr[0].Base.Line(), (top.Base + Addr(top.Bytes) - 1).Line()
}

// Objects lists every object by ascending address. The slice is the caller's.
func (sp *Space) Objects() []*Object { return append([]*Object(nil), sp.byAddr...) }

// Resolve finds the object that holds a, and the innermost field that covers it.
// If the byte lies in a hole or in a raw object, the field is the zero Field; ok
// says whether there is an object at all.
func (sp *Space) Resolve(a Addr) (obj *Object, field Field, ok bool) {
	i := sp.above(a) - 1
	if i < 0 {
		return nil, Field{}, false
	}
	obj = sp.byAddr[i]
	if a >= obj.Base+Addr(obj.Bytes) {
		return nil, Field{}, false
	}
	if obj.Struct != nil {
		field, _ = obj.Struct.At(int(a - obj.Base))
	}
	return obj, field, true
}

// Symbol names an address: "vma[3].vm_refcnt" at the first byte of a field,
// "vma[3].vm_refcnt+2" inside it, "vma[3]+44" in a hole or a raw object, and
// hexadecimal where there is no object.
func (sp *Space) Symbol(a Addr) string {
	obj, field, ok := sp.Resolve(a)
	if !ok {
		return "0x" + strconv.FormatUint(uint64(a), 16)
	}
	name, off := obj.Name, int(a-obj.Base)
	if field.Name != "" {
		name, off = name+"."+field.Name, off-field.Offset
	}
	if off == 0 {
		return name
	}
	return name + "+" + strconv.Itoa(off)
}

func (sp *Space) lookup(structName, name string) (*Struct, error) {
	s := sp.layout.Struct(structName)
	if s == nil {
		return nil, fmt.Errorf("object %q: layout %q has no struct %q", name, sp.layout.Name, structName)
	}
	if s.Size <= 0 || s.Align <= 0 {
		return nil, fmt.Errorf("object %q: struct %q has size %d and alignment %d; an overlay must lie over a layout first",
			name, structName, s.Size, s.Align)
	}
	if sp.byName[name] {
		return nil, fmt.Errorf("two objects are named %q", name)
	}
	return s, nil
}

func (sp *Space) add(o *Object) (Addr, error) {
	if o.Base < PageBytes || o.Base >= maxAddr || Addr(o.Bytes) > maxAddr-o.Base {
		return 0, fmt.Errorf("object %q: address %#x is outside %#x to %#x", o.Name, uint64(o.Base), PageBytes, uint64(maxAddr)-1)
	}
	end := o.Base + Addr(o.Bytes)
	i := sp.above(o.Base)
	if i > 0 && sp.byAddr[i-1].Base+Addr(sp.byAddr[i-1].Bytes) > o.Base {
		return 0, overlap(o, sp.byAddr[i-1])
	}
	if i < len(sp.byAddr) && sp.byAddr[i].Base < end {
		return 0, overlap(o, sp.byAddr[i])
	}
	o.Index = len(sp.byAddr)
	sp.byAddr = append(sp.byAddr, nil)
	copy(sp.byAddr[i+1:], sp.byAddr[i:])
	sp.byAddr[i] = o
	sp.byName[o.Name] = true
	sp.next = max(sp.next, end)
	return o.Base, nil
}

// above is the index of the first object that starts above a.
func (sp *Space) above(a Addr) int {
	return sort.Search(len(sp.byAddr), func(i int) bool { return sp.byAddr[i].Base > a })
}

func overlap(o, with *Object) error {
	return fmt.Errorf("object %q at %#x overlaps %q at %#x (%d bytes)", o.Name, uint64(o.Base), with.Name, uint64(with.Base), with.Bytes)
}

func alignUp(a Addr, align int) Addr {
	m := Addr(align) - 1
	return (a + m) &^ m
}
