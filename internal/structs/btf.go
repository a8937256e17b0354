package structs

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf/btf"

	"cohsim/internal/mem"
)

// RunningKernel is where a Linux kernel shows its own BTF.
const RunningKernel = "/sys/kernel/btf/vmlinux"

// ErrNoTypes says that a file is sound but holds no type information.
var ErrNoTypes = errors.New("no type information in the file")

type btfSource struct{ spec *btf.Spec }

// BTF reads the type information in raw BTF or in the .BTF section of an ELF
// file. The error wraps [ErrNoTypes] if there is none.
func BTF(r io.ReaderAt) (Source, error) {
	spec, err := guard("BTF", func() (*btf.Spec, error) { return btf.LoadSpecFromReader(r) })
	if errors.Is(err, btf.ErrNotFound) {
		return nil, fmt.Errorf("%w: no .BTF section", ErrNoTypes)
	}
	if err != nil {
		return nil, err
	}
	return btfSource{spec}, nil
}

func (src btfSource) Struct(r Request) (mem.Struct, error) {
	return guard("BTF", func() (mem.Struct, error) { return src.find(r) })
}

func (src btfSource) find(r Request) (mem.Struct, error) {
	types, err := src.spec.AnyTypesByName(r.Name)
	if err != nil && !errors.Is(err, btf.ErrNotFound) {
		return mem.Struct{}, err
	}
	unknown := &UnknownStruct{Name: r.Name}
	for _, t := range types {
		switch t := resolve(t).(type) {
		case *btf.Fwd:
			unknown.Declared = true
		case *btf.Struct, *btf.Union:
			budget := maxShapes
			s, err := btfShape(t, &budget, 0)
			if err != nil {
				return mem.Struct{}, fmt.Errorf("%s: %w", r.Name, err)
			}
			// Note: two types may share a name. The first is as good as the other,
			// and the same in every run.
			return flatten(r.Name, s, r.Align)
		}
	}
	unknown.Near = src.near(r.Name)
	return mem.Struct{}, unknown
}

// near collects all names of structs, for the suggestion only.
func (src btfSource) near(name string) []string {
	var names []string
	for t, err := range src.spec.All() {
		if err != nil {
			break
		}
		switch t := t.(type) {
		case *btf.Struct, *btf.Union:
			if t.TypeName() != "" {
				names = append(names, t.TypeName())
			}
		}
	}
	return Nearest(name, names)
}

// resolve strips typedefs and qualifiers. It returns nil if they go in a circle,
// on which the library's own function would panic.
func resolve(t btf.Type) btf.Type {
	for range maxDepth {
		switch u := t.(type) {
		case *btf.Typedef:
			t = u.Type
		case *btf.Const:
			t = u.Type
		case *btf.Volatile:
			t = u.Type
		case *btf.Restrict:
			t = u.Type
		case *btf.TypeTag:
			t = u.Type
		default:
			return t
		}
	}
	return nil
}

func btfShape(t btf.Type, budget *int, depth int) (*shape, error) {
	if *budget--; *budget < 0 || depth > maxDepth {
		return nil, errTooLarge
	}
	atom := isAtom(t)
	switch t := resolve(t).(type) {
	case *btf.Struct:
		if atom {
			return &shape{size: int(t.Size)}, nil
		}
		return btfRecord(int(t.Size), false, t.Members, budget, depth)
	case *btf.Union:
		return btfRecord(int(t.Size), true, t.Members, budget, depth)
	case *btf.Array:
		element, err := btfShape(t.Type, budget, depth+1)
		if err != nil {
			return nil, err
		}
		return btfArray(element, int64(t.Nelems))
	case *btf.Int:
		return &shape{size: int(t.Size)}, nil
	case *btf.Enum:
		return &shape{size: int(t.Size)}, nil
	case *btf.Float:
		return &shape{size: int(t.Size)}, nil
	case *btf.Pointer:
		// Note: BTF does not say how wide a pointer is; every machine that cohsim
		// describes has eight bytes.
		return &shape{size: 8}, nil
	case nil:
		return nil, errTooLarge
	default:
		return nil, fmt.Errorf("a member has no size (%T); the file may be damaged", t)
	}
}

// isAtom looks for the name of an atom along the typedefs of t.
func isAtom(t btf.Type) bool {
	for range maxDepth {
		u, ok := t.(*btf.Typedef)
		if !ok {
			if q, ok := unqualify(t); ok {
				t = q
				continue
			}
			return false
		}
		if atomName(u.Name) {
			return true
		}
		t = u.Type
	}
	return false
}

func unqualify(t btf.Type) (btf.Type, bool) {
	switch u := t.(type) {
	case *btf.Const:
		return u.Type, true
	case *btf.Volatile:
		return u.Type, true
	case *btf.TypeTag:
		return u.Type, true
	}
	return nil, false
}

func btfRecord(size int, union bool, members []btf.Member, budget *int, depth int) (*shape, error) {
	s := &shape{size: size, union: union}
	for _, m := range members {
		of, err := btfShape(m.Type, budget, depth+1)
		if err != nil {
			return nil, err
		}
		s.members = append(s.members, shapeMember{
			name: m.Name, bitOffset: int(m.Offset), bits: int(m.BitfieldSize), of: of,
		})
	}
	return s, nil
}

// btfArray also serves DWARF: an array of n elements, bounded.
func btfArray(element *shape, n int64) (*shape, error) {
	if n < 0 || n > mem.MaxStructBytes || element.size < 0 || int64(element.size)*n > mem.MaxStructBytes {
		return nil, errTooLarge
	}
	return &shape{size: element.size * int(n), element: element, count: int(n)}, nil
}

// guard turns a panic of a parser into an error. Neither parser is known to
// panic, but both are fed files that a user names, and a damaged file must not
// look like a bug in cohsim.
func guard[T any](what string, read func() (T, error)) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the %s is damaged: %v", what, p)
		}
	}()
	return read()
}
