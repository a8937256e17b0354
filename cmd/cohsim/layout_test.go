package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cohsim/internal/mem"
	"cohsim/internal/structs"
)

const shapesObject = "../../internal/structs/testdata/shapes.dwarf5.o"

func layoutRun(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = cmdLayout(args, &out, &err)
	return code, out.String(), err.String()
}

func TestLayoutImportWritesALayoutThatReadsBack(t *testing.T) {
	code, out, stderr := layoutRun("import", "shapes", "--elf", shapesObject, "choice:128", "--name", "mine",
		"--kernel", "6.18", "--arch", "x86-64", "--config", "NUMA,!LOCKDEP", "--notes", "a note")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	l, ps := structs.ParseLayout("out.toml", []byte(out))
	if len(ps) > 0 {
		t.Fatal(structs.Problems(ps))
	}
	if l.Name != "mine" || l.Kernel != "6.18" || l.Arch != "x86-64" || l.Notes != "a note" || strings.Join(l.Config, " ") != "NUMA !LOCKDEP" {
		t.Errorf("heading %+v", l)
	}
	if len(l.Structs) != 2 || l.Structs[0].Align != 64 || l.Structs[1].Align != 128 || l.Structs[0].Size != 208 {
		t.Errorf("structs %+v", l.Structs)
	}
}

func TestLayoutImportKeepsOnlyTheFieldsAskedFor(t *testing.T) {
	code, out, stderr := layoutRun("import", "--elf", shapesObject, "--fields", "list,mix.*", "shapes", "choice")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	l, _ := structs.ParseLayout("out.toml", []byte(out))
	var got []string
	for _, s := range l.Structs {
		for _, f := range s.Fields {
			got = append(got, s.Name+"."+f.Name)
		}
	}
	// No pattern speaks of choice, so all of it stays.
	want := "shapes.list.next shapes.list.prev shapes.mix.whole shapes.mix.half choice.i choice.c"
	if strings.Join(got, " ") != want {
		t.Errorf("kept %v, want %s", got, want)
	}
}

func TestLayoutImportLaysAnOverlayOverTheResult(t *testing.T) {
	dir := t.TempDir()
	over, out := filepath.Join(dir, "over.toml"), filepath.Join(dir, "out.toml")
	src := "name = \"over\"\nbase = \"x\"\n[[struct]]\nname = \"choice\"\nsize_bytes = 64\n[[struct]]\nname = \"task\"\nsize_bytes = 64\nobject_align_bytes = 64\n"
	if err := os.WriteFile(over, []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := layoutRun("import", "--elf", shapesObject, "--over", over, "--out", out, "--name", "n", "choice")
	if code != 0 || stdout != "" || stderr != "" {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	l, err := structs.ReadLayout(out)
	if err != nil {
		t.Fatal(err)
	}
	if l.Name != "n" || l.Struct("choice").Size != 64 || l.Struct("task") == nil {
		t.Errorf("%+v", l)
	}
}

func TestLayoutShowDrawsEachStructAsked(t *testing.T) {
	code, out, stderr := layoutRun("show", "linux-6.18", "mm_struct", "task_struct")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"linux-6.18 (Linux 6.18, x86-64)\n", "mm_struct: 1472 bytes, 23 lines", "task_struct: 320 bytes, 5 lines", "mmap_lock.owner"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "vm_area_struct") {
		t.Error("a struct that was not asked for")
	}
}

func TestLayoutShowOfAnOverlayShowsWhatItMoves(t *testing.T) {
	code, out, _ := layoutRun("show", "seq-beside-refcnt")
	if code != 0 || !strings.Contains(out, "moved vm_refcnt: +128 to +44, line 2 to line 0") || strings.Contains(out, "mm_struct:") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestLayoutMistakesAreExitTwoAndSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	object, err := os.ReadFile(shapesObject)
	if err != nil {
		t.Fatal(err)
	}
	text := file("readme.txt", "This is text.\n")
	cut := file("cut.o", string(object[:1000]))
	overlap := file("overlap.toml", "[[struct]]\nname = \"s\"\nsize_bytes = 8\nobject_align_bytes = 7\n"+
		"fields = [{ name = \"a\", offset = 0, size = 4 }, { name = \"b\", offset = 2, size = 4, cuont = 1 }]\n")
	overlap2 := file("overlap2.toml", "[[struct]]\nname = \"s\"\nsize_bytes = 8\nobject_align_bytes = 7\n"+
		"fields = [{ name = \"a\", offset = 0, size = 4 }, { name = \"b\", offset = 2, size = 4 }]\n")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"usage:"}},
		{[]string{"draw"}, []string{`unknown subcommand "draw"`}},
		{[]string{"show"}, []string{"name a layout file, or one of linux-6.14, "}},
		{[]string{"show", "linux-6.8"}, []string{`no shipped layout is named "linux-6.8"; did you mean "linux-6.18" or "linux-6.14"?`}},
		{[]string{"show", "linux-6.18", "mm_strct"}, []string{`no struct "mm_strct"; did you mean mm_struct`}},
		{[]string{"show", "--wide", "linux-6.18"}, []string{"-wide"}},
		{[]string{"show", dir + "/none.toml"}, []string{dir + "/none.toml: error: cannot open: no such file"}},
		{[]string{"show", dir + "/"}, []string{"error: cannot read: is a directory"}},
		{[]string{"show", overlap}, []string{overlap + ":5:85: error: unknown key \"struct.fields.cuont\"; did you mean \"count\"?", "    "}},
		{[]string{"show", overlap2}, []string{overlap2 + ":4:22: error: s: the alignment", overlap2 + ":5:72: error: s.b: bytes 2-5 overlap"}},
		{[]string{"show", "./" + shapesObject}, []string{"shapes.dwarf5.o:1:", "no text file", "layout import"}},
		{[]string{"import"}, []string{"name at least one struct"}},
		{[]string{"import", "--btf", "a", "--elf", "b"}, []string{"exclude each other", "name at least one struct"}},
		{[]string{"import", "--elf", shapesObject, "shapes:3", ":8", "choice:x"}, []string{`"shapes:3": the alignment`, `":8" names no struct`, `"choice:x": the alignment`}},
		{[]string{"import", "--elf", shapesObject, "shapes", "shapes:8"}, []string{`"shapes" is named twice`}},
		{[]string{"import", "--align", "many", "shapes"}, []string{"-align"}},
		{[]string{"import", "--elf", shapesObject, "shaeps", "hidden"}, []string{`no struct is named "shaeps"; did you mean "shapes"?`, `"hidden" is declared but not defined`}},
		{[]string{"import", "--elf", shapesObject, "--fields", "lst,nil", "shapes"}, []string{`no field matches "lst"; did you mean last or list?`, `no field matches "nil"`}},
		{[]string{"import", "--elf", dir + "/none.o", "s"}, []string{dir + "/none.o: error: cannot open: no such file"}},
		{[]string{"import", "--elf", text, "s"}, []string{text + ": error: this is a text file, neither ELF nor BTF"}},
		{[]string{"import", "--btf", text, "s"}, []string{text + ": error: this is a text file, neither ELF nor BTF"}},
		{[]string{"import", "--elf", cut, "s"}, []string{cut + ": error: the file is damaged or cut short"}},
		{[]string{"import", "--btf", shapesObject, "s"}, []string{"no .BTF section"}},
		{[]string{"import", "--elf", shapesObject, "--over", text, "shapes"}, []string{text + ":1:6: error: "}},
	} {
		code, out, stderr := layoutRun(c.args...)
		if code != 2 || out != "" {
			t.Errorf("%q: exit %d, output %q", c.args, code, out)
		}
		for _, want := range c.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%q: got\n%s\nwant %s", c.args, stderr, want)
			}
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLayoutOutputThatCannotBeWrittenIsExitFour(t *testing.T) {
	var stderr bytes.Buffer
	for _, args := range [][]string{
		{"show", "linux-6.18"},
		{"import", "--elf", shapesObject, "shapes"},
		{"import", "--elf", shapesObject, "shapes", "--out", filepath.Join(t.TempDir(), "no", "such", "dir")},
	} {
		stderr.Reset()
		if code := cmdLayout(args, fullDisk{}, &stderr); code != 4 || stderr.Len() == 0 {
			t.Errorf("%q: exit %d: %s", args, code, stderr.String())
		}
	}
}

func TestLayoutHelpGoesToStandardOutput(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"import", "-h"}, {"show", "--help"}} {
		code, out, stderr := layoutRun(args...)
		if code != 0 || stderr != "" || !strings.HasPrefix(out, "usage:") {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
		for _, line := range strings.Split(out, "\n") {
			if len(line) > 80 {
				t.Errorf("too long: %s", line)
			}
		}
	}
}

func TestLayoutImportReadsTheRunningKernelByDefault(t *testing.T) {
	if _, err := os.Stat(structs.RunningKernel); err != nil {
		if code, _, stderr := layoutRun("import", "list_head"); code != 2 || !strings.Contains(stderr, "give --btf or --elf") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		return
	}
	code, out, stderr := layoutRun("import", "list_head", "--align", "8")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	l, ps := structs.ParseLayout("out.toml", []byte(out))
	if len(ps) > 0 {
		t.Fatal(structs.Problems(ps))
	}
	s := l.Struct("list_head")
	if prev, ok := s.Field("prev"); !ok || prev != (mem.Field{Name: "prev", Offset: 8, Size: 8}) || l.Kernel == "" {
		t.Errorf("%+v", l)
	}
}
