package structs

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"cohsim/configs"
	"cohsim/internal/mem"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// drawn has a case for every rule of the picture.
func drawn() []mem.Struct {
	return []mem.Struct{
		{Name: "shapes", Size: 208, Align: 64, Fields: shapesFields, Notes: "the struct of testdata/shapes.c"},
		{Name: "long", Size: 320, Align: 16, Fields: []mem.Field{
			{Name: "head.next", Offset: 8, Size: 8},
			{Name: "head.prev", Offset: 16, Size: 8},
			{Name: "mm_lock_seq.sequence", Offset: 24, Size: 4},
			{Name: "mmap_lock.osq.tail", Offset: 28, Size: 4},
			{Name: "table", Offset: 32, Size: 8, Count: 30}, // 32 to 271
			{Name: "crosses", Offset: 312, Size: 8},
		}},
		{Name: "split", Size: 80, Align: 8, Fields: []mem.Field{
			{Name: "list.next", Offset: 56, Size: 8}, // its prev is on the next line
			{Name: "list.prev", Offset: 64, Size: 8},
		}},
		{Name: "empty", Size: 192, Align: 64},
	}
}

func TestTheDrawingIsGolden(t *testing.T) {
	var b bytes.Buffer
	structs := drawn()
	structs = append(structs, *linux(t).Struct("vm_area_struct"))
	for i := range structs {
		if err := Draw(&b, &structs[i]); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	}
	const golden = "testdata/draw.golden"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the drawing changed (go test -update rewrites the file):\n%s", b.String())
	}
}

// Whatever the struct, the row of a line has a bar at the first byte of each
// field that is drawn and nowhere inside one.
func TestEveryFieldOfTheLockStandsAtItsByte(t *testing.T) {
	l := linux(t)
	for _, c := range []struct {
		structName string
		line       int
		starts     []int
	}{
		{"vm_area_struct", 0, []int{0, 8, 16, 24, 32, 40, 48}}, // anon_vma_chain is one cell
		{"vm_area_struct", 2, []int{0, 8, 16, 24, 32, 40, 48}},
		{"mm_struct", 0, []int{0}},
		{"mm_struct", 3, []int{0, 8, 12, 16, 32, 48, 56}},
	} {
		s := l.Struct(c.structName)
		got := []rune(row(s, sorted(s.Fields), nil, c.line*mem.LineBytes))
		if len(got) != mem.LineBytes+1 {
			t.Fatalf("%s line %d has %d columns", c.structName, c.line, len(got))
		}
		var starts []int
		for at, r := range got[:mem.LineBytes] {
			if r == '│' {
				starts = append(starts, at)
			}
		}
		if len(starts) != len(c.starts) {
			t.Fatalf("%s line %d: bars at %v, want %v", c.structName, c.line, starts, c.starts)
		}
		for i := range starts {
			if starts[i] != c.starts[i] {
				t.Errorf("%s line %d: bars at %v, want %v", c.structName, c.line, starts, c.starts)
			}
		}
	}
}

func TestDrawingsFitEightyColumns(t *testing.T) {
	for _, ref := range Shipped(configs.FS) {
		l, base, err := LoadWithBase(configs.FS, ".", ref)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		Heading(&b, l, base)
		for i := range l.Structs {
			if err := Draw(&b, &l.Structs[i]); err != nil {
				t.Fatal(err)
			}
			for _, f := range l.Structs[i].Fields {
				_, last, _ := cutLast(f.Name)
				if !strings.Contains(b.String(), last) {
					t.Errorf("%s: %s.%s is nowhere in the drawing", ref, l.Structs[i].Name, f.Name)
				}
			}
		}
		for _, text := range append(Changes(base, l), b.String()) {
			for _, line := range strings.Split(text, "\n") {
				if utf8.RuneCountInString(line) > 80 || strings.TrimRight(line, " ") != line {
					t.Errorf("%s: too long, or ends in blanks: %q", ref, line)
				}
			}
		}
	}
}

func TestChangesNameWhatAnOverlayDid(t *testing.T) {
	base := &mem.Layout{Structs: []mem.Struct{{Name: "a", Size: 128, Align: 64, Fields: []mem.Field{
		{Name: "x", Offset: 0, Size: 4}, {Name: "y", Offset: 4, Size: 4}, {Name: "z", Offset: 8, Size: 4},
	}}}}
	l := &mem.Layout{Structs: []mem.Struct{{Name: "a", Size: 192, Align: 128, Fields: []mem.Field{
		{Name: "x", Offset: 128, Size: 4}, {Name: "y", Offset: 4, Size: 2}, {Name: "z", Offset: 8, Size: 4}, {Name: "w", Offset: 64, Size: 8},
	}}, {Name: "b"}}}
	got := strings.ReplaceAll(strings.Join(Changes(base, l), "--\n"), "           ", "")
	want := "size 128 to 192\nalignment 64 to 128\nmoved x: +0 to +128, line 0 to line 2\nchanged y: 2 bytes\nnew w: +64\n--\nadded by the overlay\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if out := Changes(nil, l); out[0] != "" || out[1] != "" {
		t.Errorf("without a base: %q", out)
	}
}
