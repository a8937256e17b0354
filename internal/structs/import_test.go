package structs

import (
	"bytes"
	"debug/elf"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"cohsim/internal/mem"
)

// shapesFields is what testdata/shapes.c says, worked out by hand from the rules
// of the x86-64 ABI.
var shapesFields = []mem.Field{
	{Name: "start", Offset: 0, Size: 8, Union: "start"},
	{Name: "freeptr.v", Offset: 0, Size: 8, Union: "start"},
	{Name: "end", Offset: 8, Size: 8}, // no other member lies here
	{Name: "opaque", Offset: 16, Size: 8},
	{Name: "refcnt", Offset: 24, Size: 4}, // an atom: not refcnt.refs.counter
	{Name: "one", Offset: 28, Size: 1, Bits: 1},
	{Name: "seven", Offset: 28, Size: 1, BitOffset: 1, Bits: 7},
	{Name: "twelve", Offset: 29, Size: 2, Bits: 12},
	{Name: "last", Offset: 30, Size: 2, BitOffset: 7, Bits: 5},
	{Name: "plain.word", Offset: 32, Size: 8}, // a typedef, but no atom
	{Name: "list.next", Offset: 40, Size: 8},
	{Name: "list.prev", Offset: 48, Size: 8},
	{Name: "mix.whole", Offset: 56, Size: 8, Union: "mix"},
	{Name: "mix.half", Offset: 56, Size: 4, Count: 2, Union: "mix"},
	{Name: "pairs[0].tag", Offset: 64, Size: 1},
	{Name: "pairs[0].value", Offset: 66, Size: 2},
	{Name: "pairs[1].tag", Offset: 68, Size: 1},
	{Name: "pairs[1].value", Offset: 70, Size: 2},
	{Name: "grid[0]", Offset: 72, Size: 4, Count: 3},
	{Name: "grid[1]", Offset: 84, Size: 4, Count: 3},
	{Name: "many", Offset: 96, Size: 4, Count: 20}, // too long to flatten
	{Name: "colour", Offset: 176, Size: 4},
	{Name: "real", Offset: 184, Size: 8},
	{Name: "call", Offset: 192, Size: 8},
	{Name: "alone", Offset: 200, Size: 4}, // alone in its union
}

func bytesAt(n btf.Bits) btf.Bits { return 8 * n }

// shapesBTF builds the types of testdata/shapes.c as a compiler would.
func shapesBTF(tb testing.TB) []byte {
	tb.Helper()
	integer := func(name string, size uint32) *btf.Int { return &btf.Int{Name: name, Size: size} }
	i32, u32, long, char, short := integer("int", 4), integer("unsigned int", 4), integer("long", 8), integer("char", 1), integer("short", 2)
	atomic := &btf.Typedef{Name: "atomic_t", Type: &btf.Struct{Size: 4, Members: []btf.Member{{Name: "counter", Type: i32}}}}
	refcount := &btf.Typedef{Name: "refcount_t", Type: &btf.Struct{Size: 4, Members: []btf.Member{{Name: "refs", Type: atomic}}}}
	plain := &btf.Typedef{Name: "plain_t", Type: &btf.Struct{Size: 8, Members: []btf.Member{{Name: "word", Type: &btf.Volatile{Type: long}}}}}
	list := &btf.Struct{Name: "list_head", Size: 16}
	list.Members = []btf.Member{
		{Name: "next", Type: &btf.Pointer{Target: list}},
		{Name: "prev", Type: &btf.Pointer{Target: list}, Offset: bytesAt(8)},
	}
	hidden := &btf.Fwd{Name: "hidden", Kind: btf.FwdStruct}
	nothing := &btf.Struct{Name: "nothing"}
	pair := &btf.Struct{Name: "pair", Size: 4, Members: []btf.Member{
		{Name: "tag", Type: char}, {Name: "value", Type: short, Offset: bytesAt(2)},
	}}
	array := func(t btf.Type, n uint32) *btf.Array { return &btf.Array{Index: u32, Type: t, Nelems: n} }
	shapes := &btf.Struct{Name: "shapes", Size: 208, Members: []btf.Member{
		{Type: &btf.Union{Size: 16, Members: []btf.Member{
			{Type: &btf.Struct{Size: 16, Members: []btf.Member{
				{Name: "start", Type: long}, {Name: "end", Type: long, Offset: bytesAt(8)},
			}}},
			{Name: "freeptr", Type: &btf.Struct{Size: 8, Members: []btf.Member{{Name: "v", Type: long}}}},
		}}},
		{Name: "opaque", Type: &btf.Pointer{Target: hidden}, Offset: bytesAt(16)},
		{Name: "refcnt", Type: &btf.Const{Type: refcount}, Offset: bytesAt(24)},
		{Name: "one", Type: u32, Offset: bytesAt(28), BitfieldSize: 1},
		{Name: "seven", Type: u32, Offset: bytesAt(28) + 1, BitfieldSize: 7},
		{Name: "twelve", Type: u32, Offset: bytesAt(28) + 8, BitfieldSize: 12},
		{Name: "", Type: u32, Offset: bytesAt(28) + 20, BitfieldSize: 3},
		{Name: "last", Type: u32, Offset: bytesAt(28) + 23, BitfieldSize: 5},
		{Name: "plain", Type: plain, Offset: bytesAt(32)},
		{Name: "list", Type: list, Offset: bytesAt(40)},
		{Name: "nothing", Type: nothing, Offset: bytesAt(56)},
		{Name: "mix", Type: &btf.Union{Size: 8, Members: []btf.Member{
			{Name: "whole", Type: long}, {Name: "half", Type: array(i32, 2)},
		}}, Offset: bytesAt(56)},
		{Name: "pairs", Type: array(pair, 2), Offset: bytesAt(64)},
		{Name: "grid", Type: array(array(i32, 3), 2), Offset: bytesAt(72)},
		{Name: "many", Type: array(pair, 20), Offset: bytesAt(96)},
		{Name: "colour", Type: &btf.Enum{Size: 4, Values: []btf.EnumValue{{Name: "RED"}, {Name: "GREEN", Value: 1}}}, Offset: bytesAt(176)},
		{Name: "real", Type: &btf.Float{Name: "double", Size: 8}, Offset: bytesAt(184)},
		{Name: "call", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}, Offset: bytesAt(192)},
		{Type: &btf.Union{Size: 4, Members: []btf.Member{{Name: "alone", Type: i32}}}, Offset: bytesAt(200)},
		{Name: "tail", Type: array(char, 0), Offset: bytesAt(204)},
	}}
	return marshal(tb, shapes,
		&btf.Typedef{Name: "only_a_typedef", Type: &btf.Struct{Size: 4, Members: []btf.Member{{Name: "x", Type: i32}}}},
		&btf.Union{Name: "choice", Size: 8, Members: []btf.Member{{Name: "i", Type: i32}, {Name: "c", Type: array(char, 8)}}},
		hidden, nothing)
}

func marshal(tb testing.TB, types ...btf.Type) []byte {
	tb.Helper()
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: nativeOrder})
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// sources opens the same types from each kind of file.
func sources(t *testing.T) map[string]Source {
	t.Helper()
	src, err := BTF(bytes.NewReader(shapesBTF(t)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Source{"BTF": src}
	for _, file := range []string{"shapes.dwarf5.o", "shapes.dwarf2.o"} {
		if out[file], err = OpenDWARF(filepath.Join("testdata", file)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestEverySourceFlattensTheSameTypesAlike(t *testing.T) {
	for name, src := range sources(t) {
		s, err := src.Struct(Request{"shapes", 64})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Name != "shapes" || s.Size != 208 || s.Align != 64 {
			t.Errorf("%s: %s has %d bytes, alignment %d", name, s.Name, s.Size, s.Align)
		}
		if len(s.Fields) != len(shapesFields) {
			t.Errorf("%s: %d fields, want %d", name, len(s.Fields), len(shapesFields))
		}
		for i := range min(len(s.Fields), len(shapesFields)) {
			if s.Fields[i] != shapesFields[i] {
				t.Errorf("%s: field %d is %+v, want %+v", name, i, s.Fields[i], shapesFields[i])
			}
		}
	}
}

func TestTypedefsAndUnionsAreFoundByName(t *testing.T) {
	for name, src := range sources(t) {
		l, err := Import(src, []Request{{"only_a_typedef", 8}, {"choice", 16}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := []mem.Struct{
			{Name: "only_a_typedef", Size: 4, Align: 8, Fields: []mem.Field{{Name: "x", Size: 4}}},
			{Name: "choice", Size: 8, Align: 16, Fields: []mem.Field{
				{Name: "i", Size: 4, Union: "i"}, {Name: "c", Size: 1, Count: 8, Union: "i"},
			}},
		}
		if !reflect.DeepEqual(l.Structs, want) {
			t.Errorf("%s: %+v, want %+v", name, l.Structs, want)
		}
	}
}

func TestImportNamesEveryStructItCannotRead(t *testing.T) {
	for name, src := range sources(t) {
		_, err := Import(src, []Request{{"shape", 64}, {"hidden", 64}, {"nothing", 64}, {"int", 64}, {"shapes", 64}})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range []string{
			`no struct is named "shape"; did you mean "shapes"?`, `"hidden" is declared but not defined`, `"nothing" is empty`, `no struct is named "int"`,
		} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %s", name, err, want)
			}
		}
		if n := strings.Count(err.Error(), "\n"); n != 3 {
			t.Errorf("%s: %d errors, want 4: %v", name, n+1, err)
		}
	}
}

func TestKeepTakesNamesGroupsAndGlobs(t *testing.T) {
	s := &mem.Struct{Name: "s", Fields: shapesFields}
	used := Keep(s, []string{"list", "pairs", "re*", "one", "nobody", "[", "star"})
	var got []string
	for _, f := range s.Fields {
		got = append(got, f.Name)
	}
	want := "refcnt one list.next list.prev pairs[0].tag pairs[0].value pairs[1].tag pairs[1].value real"
	if strings.Join(got, " ") != want || !reflect.DeepEqual(used, []bool{true, true, true, true, false, false, false}) {
		t.Errorf("kept %v, used %v", got, used)
	}
	if shapesFields[0].Name != "start" {
		t.Error("Keep changed the fields it was given")
	}
}

func TestATypeInsideItselfIsAnError(t *testing.T) {
	inner := &btf.Struct{Name: "loop", Size: 8}
	inner.Members = []btf.Member{{Name: "again", Type: inner}}
	// Thirty levels of two members each would be a billion fields.
	var wide btf.Type = &btf.Int{Name: "int", Size: 4}
	for range 30 {
		wide = &btf.Struct{Size: 4, Members: []btf.Member{{Name: "a", Type: wide}, {Name: "b", Type: wide}}}
	}
	wide.(*btf.Struct).Name = "wide"
	src, err := BTF(bytes.NewReader(marshal(t, inner, wide)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"loop", "wide"} {
		if _, err := src.Struct(Request{name, 8}); !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The reader of the standard library gives out ends of lists for ever if the last
// number of a unit is cut short.
func TestDWARFThatNeverEndsIsAnError(t *testing.T) {
	object, err := os.ReadFile("testdata/shapes.dwarf5.o")
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	info := file.Section(".debug_info")
	object[info.Offset+info.Size-1] = 0x80
	if _, err := DWARF(bytes.NewReader(object)); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("got %v", err)
	}
}

// A few thousand files with up to three wrong bytes each, the same in every run:
// a short fuzz test that every test run makes. It also catches a reader that
// follows a damaged reference backwards and never returns.
func TestDamagedFilesAreErrorsOrSoundLayouts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sound := map[string][]byte{"BTF": shapesBTF(t)}
	for _, name := range []string{"shapes.dwarf5.o", "shapes.dwarf2.o"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		sound[name] = data
	}
	for _, name := range []string{"BTF", "shapes.dwarf5.o", "shapes.dwarf2.o"} {
		open := DWARF
		if name == "BTF" {
			open = BTF
		}
		for range 3000 {
			data := bytes.Clone(sound[name])
			for range 1 + rng.IntN(3) {
				data[rng.IntN(len(data))] = byte(rng.IntN(256))
			}
			importAll(t, open, data)
		}
	}
}

func TestAFileThatIsNoSourceSaysWhatItIs(t *testing.T) {
	object, err := os.ReadFile("testdata/shapes.dwarf5.o")
	if err != nil {
		t.Fatal(err)
	}
	raw := shapesBTF(t)
	for _, c := range []struct {
		why  string
		data []byte
		want string // of either opener, unless dwarf gives its own
	}{
		{"text", []byte("struct vm_area_struct {\n"), "this is a text file, neither ELF nor BTF"},
		{"empty", nil, "this is an empty file"},
		{"noise", []byte("\x00\x01\x02\x03\x04\x05\x06\x07"), "this is neither ELF nor BTF"},
		{"archive", []byte("!<arch>\nshapes.o/"), "this is an archive"},
		{"gzip", []byte("\x1f\x8b\x08\x00"), "this is compressed"},
		{"cut ELF", object[:100], "damaged or cut short"},
		{"cut BTF", raw[:len(raw)/2], "damaged or cut short"},
		{"a byte of BTF", raw[:2], "damaged or cut short"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		_, btfErr := OpenBTF(file)
		_, dwarfErr := OpenDWARF(file)
		for _, err := range []error{btfErr, dwarfErr} {
			if err == nil || !strings.HasPrefix(err.Error(), file+": error: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.why, err, c.want)
			}
		}
	}
	if _, err := OpenBTF("testdata/shapes.dwarf5.o"); !errors.Is(err, ErrNoTypes) {
		t.Errorf("an object without BTF: %v", err)
	}
}
