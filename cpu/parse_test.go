package cpu

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected files of testdata anew")

// parseFile parses a file of testdata that must be good.
func parseFile(t *testing.T, path string) []*Proc {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	procs, err := Parse(filepath.Base(path), src)
	if err != nil {
		t.Fatal(err)
	}
	return procs
}

// bare strips positions and source lines, which printing cannot keep.
func bare(procs []*Proc) []*Proc {
	for _, p := range procs {
		p.File, p.Line = "", 0
		for i := range p.Insts {
			in := &p.Insts[i]
			in.Line, in.Col, in.Source = 0, 0, ""
			for j := range in.Args {
				in.Args[j].Col = 0
			}
			if in.Call != nil {
				for j := range in.Call.Args {
					in.Call.Args[j].Col = 0
				}
			}
		}
	}
	return procs
}

func TestPrintingAndParsingGiveTheSameProgramAgain(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.uop")
	if len(files) == 0 {
		t.Fatal("no programs")
	}
	for _, file := range files {
		procs := parseFile(t, file)
		text := Format(procs)
		again, err := Parse("printed", []byte(text))
		if err != nil {
			t.Errorf("%s: the printed text does not parse:\n%v\n%s", file, err, text)
			continue
		}
		if !reflect.DeepEqual(bare(procs), bare(again)) {
			t.Errorf("%s: printed and parsed again it differs:\n%s\n%s", file, text, Format(again))
		}
		if Format(again) != text {
			t.Errorf("%s: the printed text is no fixed point", file)
		}
	}
}

// golden compares got with a file of testdata, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to accept):\n%s", path, got)
	}
}

func TestCanonicalTextIsAsRecorded(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.uop")
	for _, file := range files {
		golden(t, strings.TrimSuffix(file, ".uop")+".printed", Format(parseFile(t, file)))
	}
}

func TestEveryMistakeIsReportedInOnePass(t *testing.T) {
	files, _ := filepath.Glob("testdata/bad/*.uop")
	if len(files) == 0 {
		t.Fatal("no programs")
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		procs, err := Parse(filepath.Base(file), src)
		if err == nil {
			t.Errorf("%s: no problem found", file)
			continue
		}
		if procs != nil {
			t.Errorf("%s: programs are given together with an error", file)
		}
		golden(t, strings.TrimSuffix(file, ".uop")+".errors", err.Error()+"\n")
	}
}

func TestAProblemNamesItsPlace(t *testing.T) {
	_, err := Parse("a.uop", []byte("program p\n\treg  old\n\tadd\tolld, 1, 2\n\thalt\n"))
	var p Problem
	if !errors.As(err, &p) {
		t.Fatalf("not a Problem: %v", err)
	}
	if p.File != "a.uop" || p.Line != 3 || p.Col != 6 || p.Suggestion != "old" {
		t.Errorf("%+v", p)
	}
	want := "a.uop:3:6: error: \"olld\" is not declared; did you mean \"old\"?\n    \tadd\tolld, 1, 2\n    \t   \t^"
	if p.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", p.Error(), want)
	}
}

func TestADocCommentStandsRightAboveItsProgram(t *testing.T) {
	procs, err := Parse("a", []byte("# file\n\n# one\n#\n#  two\nprogram p\n    halt\n# loose\n\nprogram q\n    # why\n    halt # end\n"))
	if err != nil {
		t.Fatal(err)
	}
	if procs[0].Doc != "one\n\n two" || procs[1].Doc != "" {
		t.Errorf("docs %q and %q", procs[0].Doc, procs[1].Doc)
	}
	if in := procs[1].Insts[0]; in.Doc != "why" || in.Note != "end" {
		t.Errorf("comments of the instruction: %q, %q", in.Doc, in.Note)
	}
}

func TestExitIsADeclarationUntilItsNameIsDeclared(t *testing.T) {
	procs, err := Parse("a", []byte("program p\n exit a\n exit b\n exit a\n"))
	if err != nil || len(procs[0].Exits) != 2 || len(procs[0].Insts) != 1 {
		t.Errorf("%+v, %v", procs, err)
	}
}

func TestSuffixesMayStandInAnyOrder(t *testing.T) {
	procs, err := Parse("a", []byte("program p\n in a\n rmw.4.far.acq.add _, [a], 1\n exit\n"))
	if err != nil || procs[0].Insts[0].Name != "rmw.add.acq.far.4" {
		t.Errorf("%+v, %v", procs, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"good", "bad", "badlink"} {
		files, _ := filepath.Glob("testdata/" + dir + "/*.uop")
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(src))
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		procs, err := Parse("fuzz", []byte(src))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		text := Format(procs)
		again, err := Parse("fuzz", []byte(text))
		if err != nil {
			t.Fatalf("the printed text does not parse: %v\n%s", err, text)
		}
		if Format(again) != text {
			t.Fatalf("no fixed point:\n%s\n%s", text, Format(again))
		}
		if !reflect.DeepEqual(bare(procs), bare(again)) {
			t.Fatalf("printed and parsed again it differs:\n%s", text)
		}
		for isa := range NumISAs {
			for _, p := range procs {
				linked, err := Link(p, LinkOptions{ISA: isa, Layout: testLayout, Library: LibraryOf(procs...), Params: map[string]int64{"n": 3, "m": 0, "think": 7}})
				if err != nil {
					continue
				}
				for i := range linked.Ops {
					if o := &linked.Ops[i]; o.Code == Branch && (o.Off < 0 || int(o.Off) >= len(linked.Ops)) {
						t.Fatalf("branch to op %d of %d:\n%s", o.Off, len(linked.Ops), text)
					}
				}
			}
		}
	})
}
