package mem

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func place(t *testing.T, at Addr, err error) Addr {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTheFirstObjectStartsOnAPageAboveZero(t *testing.T) {
	sp := NewSpace(small())
	at, err := sp.New("vma", "vma")
	if a := place(t, at, err); a == 0 || a%PageBytes != 0 {
		t.Errorf("first object at %#x", uint64(a))
	}
}

func TestObjectsHonourTheirAlignment(t *testing.T) {
	l := small()
	l.Structs = append(l.Structs, Struct{Name: "byte", Size: 1, Align: 1}, Struct{Name: "pair", Size: 192, Align: 128})
	sp := NewSpace(l)
	var got []Addr
	for i, name := range []string{"byte", "byte", "vma", "pair", "pair"} {
		at, err := sp.New(name, fmt.Sprintf("%s[%d]", name, i))
		got = append(got, place(t, at, err)-PageBytes)
	}
	got = append(got, sp.NewRaw("stack[0]", 8, 16)-PageBytes)
	sp.AlignTo(4096)
	got = append(got, sp.NewRaw("stack[1]", 8, 1)-PageBytes)
	if want := "[0 1 64 256 512 704 4096]"; fmt.Sprint(got) != want {
		t.Errorf("placed at %v, want %v", got, want)
	}
}

func TestSymbolsNameFieldsHolesAndStrangers(t *testing.T) {
	sp := NewSpace(small())
	at, err := sp.New("vma", "vma[3]")
	vma := place(t, at, err)
	stack := sp.NewRaw("stack[0]", 64, 64)
	for a, want := range map[Addr]string{
		vma:        "vma[3].start",
		vma + 2:    "vma[3].start+2",
		vma + 64:   "vma[3].refcnt",
		vma + 40:   "vma[3].slot[3]",
		vma + 13:   "vma[3]+13",
		vma + 78:   "vma[3].high+2",
		stack:      "stack[0]",
		stack + 8:  "stack[0]+8",
		stack + 64: "0x10c0",
		vma - 1:    "0xfff",
		0:          "0x0",
		^Addr(0):   "0xffffffffffffffff",
	} {
		if got := sp.Symbol(a); got != want {
			t.Errorf("Symbol(%#x) = %q, want %q", uint64(a), got, want)
		}
	}
}

func TestResolveInvertsPlacement(t *testing.T) {
	sp := NewSpace(small())
	for i := range 10 {
		at, err := sp.New("vma", fmt.Sprintf("vma[%d]", i))
		a := place(t, at, err)
		f, _ := sp.layout.Structs[0].Field("seq")
		obj, field, ok := sp.Resolve(a + Addr(f.Offset))
		if !ok || obj.Index != i || obj.Base != a || obj.Struct.Name != "vma" || field != f {
			t.Errorf("vma[%d].seq resolves to %+v %+v %v", i, obj, field, ok)
		}
	}
}

func TestLinesCoverExactlyTheObjects(t *testing.T) {
	sp := NewSpace(small())
	if first, last := sp.Lines(); first > last {
		t.Errorf("an empty space has lines %d to %d", first, last)
	}
	sp.NewRaw("a", 1, 1)
	if first, last := sp.Lines(); first != 64 || last != 64 {
		t.Errorf("one byte: lines %d to %d, want 64 to 64", first, last)
	}
	sp.NewRaw("b", 64, 1)
	if first, last := sp.Lines(); first != 64 || last != 65 {
		t.Errorf("65 bytes: lines %d to %d, want 64 to 65", first, last)
	}
}

func TestOverlappingObjectsAreAnError(t *testing.T) {
	sp := NewSpace(small())
	at, err := sp.NewAt("vma", "vma[0]", 8192)
	place(t, at, err)
	for _, c := range []struct {
		structName, name string
		at               Addr
		want             string // empty if it must succeed
	}{
		{"vma", "vma[1]", 8192, "overlaps"},
		{"vma", "vma[1]", 8192 - 64, "overlaps"},
		{"vma", "vma[1]", 8192 + 64, "overlaps"},
		{"vma", "vma[1]", 8192 + 4, "no multiple of 64"},
		{"vma", "vma[1]", 0, "outside"},
		{"vma", "vma[1]", 1 << 63, "outside"},
		{"vma", "vma[1]", ^Addr(63), "outside"},
		{"vma", "vma[0]", 16384, "two objects are named"},
		{"mm", "mm", 16384, `no struct "mm"`},
		{"vma", "below", 8192 - 128, ""},
		{"vma", "above", 8192 + 128, ""},
	} {
		_, err := sp.NewAt(c.structName, c.name, c.at)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("NewAt(%s, %s, %#x): %v, want %q", c.structName, c.name, uint64(c.at), err, c.want)
		}
	}
	at, err = sp.New("vma", "next")
	if got := place(t, at, err); got != 8192+256 {
		t.Errorf("New after NewAt gives %#x, want %#x", uint64(got), 8192+256)
	}
	if first, last := sp.Lines(); first != 126 || last != 133 {
		t.Errorf("lines %d to %d, want 126 to 133", first, last)
	}
}

func TestAnUnsizedStructCannotBePlaced(t *testing.T) {
	sp := NewSpace(&Layout{Structs: []Struct{{Name: "vma"}}})
	if _, err := sp.New("vma", "vma"); err == nil || !strings.Contains(err.Error(), "overlay") {
		t.Errorf("error %v", err)
	}
}

func TestAFullSpaceIsAnError(t *testing.T) {
	sp := NewSpace(&Layout{Structs: []Struct{{Name: "big", Size: 1 << 31, Align: 64}}})
	at, err := sp.New("big", "a")
	place(t, at, err)
	if _, err := sp.New("big", "b"); err == nil {
		t.Error("4 GiB of objects fit under 4 GiB with the first page left out")
	}
}

// Any mix of calls leaves objects that are disjoint, and each byte of each
// resolves to it.
func TestRandomPlacementsNeverOverlap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		sp := NewSpace(small())
		for i := range 60 {
			name := fmt.Sprintf("o[%d]", i)
			switch rng.IntN(3) {
			case 0:
				_, _ = sp.New("vma", name)
			case 1:
				_, _ = sp.NewAt("vma", name, Addr(64*rng.IntN(400)))
			default:
				sp.NewRaw(name, 1+rng.IntN(100), 1<<rng.IntN(8))
			}
		}
		owner := map[Addr]*Object{}
		for _, o := range sp.Objects() {
			for a := o.Base; a < o.Base+Addr(o.Bytes); a++ {
				if owner[a] != nil {
					t.Fatalf("round %d: %s and %s share %#x", round, owner[a].Name, o.Name, uint64(a))
				}
				owner[a] = o
			}
		}
		first, last := sp.Lines()
		for a := Addr(0); a < Addr(last+2)*LineBytes; a++ {
			got, _, ok := sp.Resolve(a)
			if got != owner[a] || ok != (owner[a] != nil) {
				t.Fatalf("round %d: %#x resolves to %v, want %v", round, uint64(a), got, owner[a])
			}
			if ok && (a.Line() < first || a.Line() > last) {
				t.Fatalf("round %d: %#x is outside lines %d to %d", round, uint64(a), first, last)
			}
		}
	}
}
