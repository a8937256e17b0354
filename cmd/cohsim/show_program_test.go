package main

import (
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/internal/mem"
)

func shownProgram(t *testing.T, format string) string {
	t.Helper()
	procs, err := cpu.Parse("test", []byte(`program take
    role  vma vm_area_struct
    reg   old
    exit  done
    mov   old, 1
    cas.acq old, [vma.vm_refcnt], old, 7   ghost enter vma
    exit  done
program m
    role  vma vm_area_struct
again:
    mark  begin read
    call  take(vma) done=again
`))
	if err != nil {
		t.Fatal(err)
	}
	layout := &mem.Layout{Name: "test", Structs: []mem.Struct{{Name: "vm_area_struct", Size: 192, Align: 64,
		Fields: []mem.Field{{Name: "vm_refcnt", Offset: 128, Size: 4}}}}}
	p, err := cpu.Link(procs[1], cpu.LinkOptions{ISA: cpu.ARM64LLSC, Layout: layout, Library: cpu.LibraryOf(procs...)})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := showProgram(p, format, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAListingShowsEveryOpWithItsOrigin(t *testing.T) {
	want := `program m for arm64-llsc, layout test: 10 ops, 6 of 64 registers
#  line  op                                                machine         field
         m:
0    11    mark begin read
         take:
1     5    mov old, 1
           cas.acq old, [vma.vm_refcnt], old, 7
2     6      prefetchw [vma.vm_refcnt]                     prfm pstl1strm  vm_area_struct.vm_refcnt
3     6      ll.acq t3, [vma.vm_refcnt]                    ldaxr           vm_area_struct.vm_refcnt
4     6      xor t4, t3, old
5     6      bset t4, 0xffffffff, mismatch unlikely  -> 8  b.ne
6     6      sc t5, [vma.vm_refcnt], 7  ghost enter vma    stxr            vm_area_struct.vm_refcnt
7     6      bne t5, 0, retry unlikely  -> 3               b.ne
8     6      mov old, t3
9     7    exit done  -> 0                                 b
`
	if got := shownProgram(t, "table"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAListingInMarkdownIsATable(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(shownProgram(t, "markdown")), "\n")
	for _, l := range lines[2:] {
		if strings.Count(l, "|") != 7 {
			t.Errorf("not six cells: %s", l)
		}
	}
}

func TestAnUnknownListingFormatIsAnError(t *testing.T) {
	err := showProgram(&cpu.Program{}, "pdf", &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "table, wide, markdown") {
		t.Errorf("error %v", err)
	}
}
