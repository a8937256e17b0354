package structs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"cohsim/configs"
	"cohsim/internal/mem"
)

const vmaTOML = `name = "tiny"
kernel = "6.18"
config = ["NUMA", "!LOCKDEP"]

[[struct]]
name = "vma"
size_bytes = 128
object_align_bytes = 64
fields = [
  { name = "start", offset = 0, size = 8 },
  { name = "slot", offset = 8, size = 8, count = 2 },  # an array
  { name = "refcnt", offset = 64, size = 4 },
]
`

func TestALayoutFileReadsAsWritten(t *testing.T) {
	l, ps := ParseLayout("tiny.toml", []byte(vmaTOML))
	if len(ps) > 0 {
		t.Fatal(Problems(ps))
	}
	want := &mem.Layout{
		Name: "tiny", Kernel: "6.18", Config: []string{"NUMA", "!LOCKDEP"},
		Structs: []mem.Struct{{Name: "vma", Size: 128, Align: 64, Fields: []mem.Field{
			{Name: "start", Offset: 0, Size: 8},
			{Name: "slot", Offset: 8, Size: 8, Count: 2},
			{Name: "refcnt", Offset: 64, Size: 4},
		}}},
	}
	if !reflect.DeepEqual(l, want) {
		t.Errorf("got %+v, want %+v", l, want)
	}
}

func TestTablesOfFieldsReadLikeInlineFields(t *testing.T) {
	_, ps := ParseLayout("x.toml", []byte("[[struct]]\nname = \"a\"\nsize_bytes = 8\nobject_align_bytes = 8\n"+
		"[[struct.fields]]\nname = \"f\"\noffset = 0\nsize = 4\n[[struct.fields]]\nname = \"g\"\noffset = 3\nsize = 4\n"))
	if len(ps) != 1 || ps[0].Line != 11 || ps[0].Col != 10 || !strings.Contains(ps[0].Msg, `overlap "f"`) {
		t.Errorf("got %v, want one overlap at 11:10", ps)
	}
}

// Each case replaces one text of vmaTOML and says where the error must point.
func TestEveryMistakeHasItsPosition(t *testing.T) {
	for _, c := range []struct {
		old, new  string
		line, col int
		want      string
	}{
		{`kernel =`, `kernle =`, 2, 1, `unknown key "kernle"; did you mean "kernel"?`},
		{`size_bytes = 128`, `size_byte = 128`, 7, 1, `unknown key "struct.size_byte"; did you mean "size_bytes"?`},
		{`refcnt", offset`, `refcnt", ofset`, 12, 22, `unknown key "struct.fields.ofset"; did you mean "offset"?`},
		{`kernel = "6.18"`, `kernel = 6.18`, 2, 10, `kernel must be a string, not the float 6.18`},
		{`config = ["NUMA", "!LOCKDEP"]`, `config = ["NUMA", 4]`, 3, 19, `config[1] must be a string, not the integer 4`},
		{`config = ["NUMA", "!LOCKDEP"]`, `config = "NUMA"`, 3, 10, `config must be a list, not the string "NUMA"`},
		{`size_bytes = 128`, `size_bytes = "128"`, 7, 14, `struct.size_bytes must be an integer, not the string "128"`},
		{`align_bytes = 64`, `align_bytes = 48`, 8, 22, `vma: the alignment must be a power of two, not 48`},
		{`align_bytes = 64`, `align_bytes = 9223372036854775807`, 8, 22, `out of range`},
		{`offset = 64, size = 4`, `offset = 64, size = true`, 12, 42, `struct.fields.size must be an integer, not the boolean true`},
		{`offset = 64, size = 4`, `offset = 64`, 12, 3, `vma.refcnt: the size must be positive, not 0`},
		{`"refcnt", offset = 64`, `"refcnt"`, 12, 3, `field "refcnt" has no offset`},
		{`offset = 64`, `offset = 126`, 12, 31, `vma.refcnt: the field ends at byte 130, but vma has 128 bytes`},
		{`offset = 64`, `offset = 20`, 12, 31, `vma.refcnt: bytes 20-23 overlap "slot" at bytes 8-23`},
		{`"refcnt"`, `"start"`, 12, 12, `duplicate field "start"`},
		{`{ name = "start", offset = 0, size = 8 }`, `"start"`, 10, 3, `struct.fields must be a table, not the string "start"`},
		{`[[struct]]`, `[[strukt]]`, 5, 3, `unknown key "strukt"; did you mean "struct"?`},
		{`size_bytes = 128`, `size_bytes = `, 7, 14, `expected value`},
		{`count = 2 },`, `count = 2 `, 12, 3, ``},
	} {
		src := strings.Replace(vmaTOML, c.old, c.new, 1)
		if src == vmaTOML {
			t.Fatalf("%q is not in the file", c.old)
		}
		_, ps := ParseLayout("tiny.toml", []byte(src))
		if len(ps) != 1 {
			t.Errorf("%s: %d problems, want 1: %v", c.new, len(ps), ps)
			continue
		}
		if p := ps[0]; p.Line != c.line || p.Col != c.col || !strings.Contains(p.Msg, c.want) || p.File != "tiny.toml" {
			t.Errorf("%s: got %v, want %d:%d %s", c.new, p, c.line, c.col, c.want)
		}
	}
}

func TestAllProblemsComeInOnePassInOrder(t *testing.T) {
	src := strings.NewReplacer(`kernel`, `kernal`, `size = 8 }`, `sice = 8 }`, `offset = 64`, `offset = "64"`).Replace(vmaTOML)
	_, ps := ParseLayout("tiny.toml", []byte(src))
	var at []int
	for _, p := range ps {
		at = append(at, p.Line)
	}
	if !reflect.DeepEqual(at, []int{2, 10, 12}) {
		t.Errorf("problems on lines %v, want 2, 10, 12: %v", at, ps)
	}
}

func TestAProblemShowsItsLineAndACaret(t *testing.T) {
	_, ps := ParseLayout("a/tiny.toml", []byte("name = \"ü\"\n\tkernel = 4\n[[struct]]\nname=\"s\"\nsize_bytes=8\nobject_align_bytes=8\n"))
	want := "a/tiny.toml:2:11: error: kernel must be a string, not the integer 4\n    \tkernel = 4\n    \t         ^"
	if len(ps) != 1 || ps[0].Detail() != want {
		t.Errorf("got %v, want\n%s", Problems(ps), want)
	}
}

func TestATextThatIsNoLayoutSaysSo(t *testing.T) {
	for src, want := range map[string]string{
		"":                                       "at least one [[struct]]",
		"\x7fELF\x02\x01\x01\x00":                "no text file",
		"\xff\xfe":                               "no text file",
		"Hello, world.\n":                        "expected",
		strings.Repeat("#", maxLayoutBytes+1):    "at most",
		"a = " + strings.Repeat("[", 1<<19):      "nested more than 32 deep",
		"a = " + strings.Repeat("{a = ", 1<<17):  "nested more than 32 deep",
		"[" + strings.Repeat("a.", 1<<18) + "a]": "nested more than 32 deep",
		"a = \"\"\"\n[[\"\"\" # {{\n" + strings.Repeat("b.", 40): "nested more than 32 deep",
	} {
		_, ps := ParseLayout("x", []byte(src))
		if len(ps) != 1 || !strings.Contains(ps[0].Msg, want) {
			t.Errorf("%.20q: %.200v, want %q", src, ps, want)
		}
	}
}

// full uses every feature a layout has, with text that needs escaping.
func full() *mem.Layout {
	return &mem.Layout{
		Name: "full", Base: "other", Kernel: "6.18", Arch: "x86-64",
		Config: []string{"NUMA", "!LOCKDEP"}, Notes: "a \"quoted\" \\ line\nand\ttab \u00fc \x7f",
		Structs: []mem.Struct{
			{Name: "a", Size: 64, Align: 64, Notes: "first", Fields: []mem.Field{
				{Name: "x.y", Offset: 0, Size: 8, Union: "x"},
				{Name: "x.z", Offset: 4, Size: 4, Union: "x"},
				{Name: "slot", Offset: 16, Size: 8, Count: 4},
				{Name: "bit", Offset: 8, Size: 4, BitOffset: 3, Bits: 5},
			}},
			{Name: "moved", Fields: []mem.Field{{Name: "lock.*", Offset: 128}, {Name: "new", Offset: 8, Size: 4}}},
			{Name: "empty", Align: 128},
		},
	}
}

func TestWriteAndReadAreInverse(t *testing.T) {
	var one, two bytes.Buffer
	if err := WriteLayout(&one, full()); err != nil {
		t.Fatal(err)
	}
	l, ps := ParseLayout("full.toml", one.Bytes())
	if len(ps) > 0 {
		t.Fatalf("%v\n%s", Problems(ps), one.String())
	}
	if !reflect.DeepEqual(l, full()) {
		t.Errorf("got %+v\nwant %+v", l, full())
	}
	if err := WriteLayout(&two, l); err != nil {
		t.Fatal(err)
	}
	if one.String() != two.String() {
		t.Errorf("written again, it differs:\n%s\n%s", one.String(), two.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteReportsTheErrorOfItsWriter(t *testing.T) {
	if err := WriteLayout(brokenPipe{}, full()); err == nil {
		t.Error("no error")
	}
}

func TestAnUnreadableFileIsAPathError(t *testing.T) {
	var pe *fs.PathError
	if _, err := ReadLayout(filepath.Join(t.TempDir(), "none.toml")); !errors.As(err, &pe) {
		t.Errorf("got %v", err)
	}
	if _, err := ReadLayout(t.TempDir()); !errors.As(err, &pe) {
		t.Errorf("a directory: got %v", err)
	}
}

func shipped() fs.FS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	over := func(base, body string) *fstest.MapFile {
		return file("base = \"" + base + "\"\n[[struct]]\nname = \"vma\"\n" + body)
	}
	return fstest.MapFS{
		"layouts/tiny.toml":   file(vmaTOML),
		"layouts/beside.toml": over("tiny", "fields = [{ name = \"refcnt\", offset = 24 }]\n"),
		"layouts/wider.toml":  over("beside", "size_bytes = 192\n"),
		"layouts/clash.toml":  over("tiny", "fields = [{ name = \"refcnt\", offset = 4 }]\n"),
		"layouts/under.toml":  over("tiny", "fields = [{ name = \"start\", offset = 62 }]\n"),
		"layouts/small.toml":  over("tiny", "size_bytes = 64\n"),
		"layouts/nobody.toml": over("tini", ""),
		"layouts/a.toml":      over("b", ""),
		"layouts/b.toml":      over("a", ""),
	}
}

func TestAnOverlayLiesOverItsBase(t *testing.T) {
	l, err := Load(shipped(), ".", "wider")
	if err != nil {
		t.Fatal(err)
	}
	s := l.Struct("vma")
	if f, ok := s.Field("refcnt"); !ok || f.Offset != 24 || f.Size != 4 || s.Size != 192 || s.Align != 64 {
		t.Errorf("refcnt %+v, size %d, align %d", f, s.Size, s.Align)
	}
}

func TestProblemsOfAnOverlayPointIntoTheOverlay(t *testing.T) {
	for ref, want := range map[string]string{
		"clash":  `layouts/clash.toml:4:39: error: vma.refcnt: bytes 4-7 overlap "start" at bytes 0-7`,
		"under":  `layouts/under.toml:4:38: error: vma.refcnt: bytes 64-67 overlap "start" at bytes 62-69`,
		"small":  `layouts/small.toml:2:3: error: vma.refcnt: the field ends at byte 68, but vma has 64 bytes`,
		"nobody": `layouts/nobody.toml:1:8: error: no shipped layout is named "tini"; did you mean "tiny"?`,
		"a":      `the bases go round in a circle`,
	} {
		_, err := Load(shipped(), ".", ref)
		var ps Problems
		if !errors.As(err, &ps) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", ref, err, want)
		}
	}
}

func TestAPathIsFoundBesideTheFileThatNamesIt(t *testing.T) {
	dir := t.TempDir()
	for name, src := range map[string]string{
		"base.toml": vmaTOML,
		"over.toml": "base = \"./base.toml\"\n[[struct]]\nname = \"vma\"\nobject_align_bytes = 128\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Load(shipped(), dir, "over.toml")
	if err != nil || l.Struct("vma").Align != 128 {
		t.Errorf("got %+v, %v", l, err)
	}
	var pe *fs.PathError
	if _, err := Load(shipped(), dir, "none.toml"); !errors.As(err, &pe) {
		t.Errorf("a missing file: %v", err)
	}
	var unknown *UnknownLayout
	if _, err := Load(shipped(), dir, "over"); !errors.As(err, &unknown) {
		t.Errorf("a name nobody has: %v", err)
	}
}

func TestEveryShippedLayoutLoadsAndIsSound(t *testing.T) {
	refs := Shipped(configs.FS)
	if len(refs) == 0 {
		t.Fatal("no layout is shipped")
	}
	for _, ref := range refs {
		l, err := Load(configs.FS, ".", ref)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if l.Name != ref {
			t.Errorf("%s is named %q inside", ref, l.Name)
		}
		if errs := l.Validate(); len(errs) > 0 {
			t.Errorf("%s: %v", ref, errs)
		}
	}
}

func TestNearestFindsMisspellings(t *testing.T) {
	names := []string{"vm_area_struct", "mm_struct", "rw_semaphore", "maple_node", "x"}
	for wrong, want := range map[string]string{
		"vm_area_strcut": "[vm_area_struct]", "VM_AREA_STRUCT": "[vm_area_struct]", "vm_area": "[vm_area_struct]",
		"mmstruct": "[mm_struct]", "semaphore": "[rw_semaphore]", "banana": "[]", "": "[x]",
	} {
		if got := Nearest(wrong, names); strings.Join(got, " ") != strings.Trim(want, "[]") {
			t.Errorf("Nearest(%q) = %v, want %s", wrong, got, want)
		}
	}
}
