package stats

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Add adds every counter of src to dst.
func Add[T countable](dst, src *T) {
	d, s := words(dst), words(src)
	for i := range d {
		d[i] += s[i]
	}
}

// Sub sets every counter of dst to a - b: the counts between snapshot b and
// snapshot a. dst may be a or b.
func Sub[T countable](dst, a, b *T) {
	d, x, y := words(dst), words(a), words(b)
	for i := range d {
		d[i] = x[i] - y[i]
	}
}

// Growth is by how much a counter has grown.
type Growth struct {
	Counter *uint64
	By      uint64
}

// Grown appends to a list the counters of now that have grown since the snapshot before.
func Grown[T countable](list []Growth, now, before *T) []Growth {
	d, s := words(now), words(before)
	for i := range d {
		if n := d[i] - s[i]; n != 0 {
			list = append(list, Growth{&d[i], n})
		}
	}
	return list
}

// countable are the counter structs: types made only of uint64, which thus have no
// padding and no pointers.
type countable interface {
	Counters | Run | CauseCycles | Histogram
}

func init() {
	mustBeWords(reflect.TypeFor[Counters]())
	mustBeWords(reflect.TypeFor[Run]())
	mustBeWords(reflect.TypeFor[CauseCycles]())
	mustBeWords(reflect.TypeFor[Histogram]())
}

// words views a counter struct as the vector it is.
func words[T countable](p *T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(p)), unsafe.Sizeof(*p)/8)
}

func mustBeWords(t reflect.Type) {
	switch t.Kind() {
	case reflect.Uint64:
	case reflect.Array:
		mustBeWords(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			mustBeWords(t.Field(i).Type)
		}
	default:
		panic(fmt.Sprintf("stats: %v in a counter struct: only uint64 can be added and subtracted", t))
	}
}
