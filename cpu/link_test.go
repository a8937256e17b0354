package cpu

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cohsim/internal/mem"
)

// linkText links the last program of a text, which may call the others.
func linkText(t *testing.T, isa ISA, text string) *Program {
	t.Helper()
	procs, err := Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Link(procs[len(procs)-1], LinkOptions{ISA: isa, Layout: testLayout, Library: LibraryOf(procs...), Params: map[string]int64{"think": 50}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// opsText is the linked code, an op a line.
func opsText(p *Program) string {
	var b strings.Builder
	for i := range p.Ops {
		b.WriteString(p.Ops[i].String() + "\n")
	}
	return b.String()
}

// expectOps compares linked code with what it should be, an op a line.
func expectOps(t *testing.T, p *Program, want string) {
	t.Helper()
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(want), "\n") {
		lines = append(lines, strings.TrimSpace(l))
	}
	if w := strings.Join(lines, "\n") + "\n"; opsText(p) != w {
		t.Errorf("linked to\n%swant\n%s", opsText(p), w)
	}
}

func TestLinkErrorsAreReportedTogetherAndPlaced(t *testing.T) {
	files, _ := filepath.Glob("testdata/badlink/*.uop")
	if len(files) == 0 {
		t.Fatal("no programs")
	}
	for _, file := range files {
		procs := parseFile(t, file)
		var b strings.Builder
		for isa := range NumISAs {
			_, err := Link(procs[len(procs)-1], LinkOptions{ISA: isa, Layout: testLayout, Library: LibraryOf(procs...), Params: map[string]int64{"think": -5}})
			if err == nil {
				t.Errorf("%s: linked for %v", file, isa)
				continue
			}
			if s := err.Error() + "\n"; b.String() != s {
				fmt.Fprintf(&b, "%s", s) // what all ISAs say is written once
			}
		}
		golden(t, strings.TrimSuffix(file, ".uop")+".errors", b.String())
	}
}

func TestGoodProgramsLinkToTheRecordedOps(t *testing.T) {
	src, err := os.ReadFile("testdata/good/lock.uop")
	if err != nil {
		t.Fatal(err)
	}
	procs, err := Parse("lock.uop", src)
	if err != nil {
		t.Fatal(err)
	}
	for isa := range NumISAs {
		p, err := Link(procs[2], LinkOptions{ISA: isa, Layout: testLayout, Library: LibraryOf(procs...), Params: map[string]int64{"think_cycles": 50}})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/good/lock."+isa.String()+".linked", listing(p))
	}
}

func TestAFieldHasTheWidthTheLayoutGivesIt(t *testing.T) {
	expectOps(t, linkText(t, X86_64, `program m
		role obj thing
		in p
		load _, [obj.half]
		load _, [obj.word]
		load.4 _, [obj.word]
		load _, [p+12]
		load.4 _, [p+12]
		halt`), `
		load.4 _, [r1+8]
		load _, [r1]
		load.4 _, [r1]
		load _, [r2+12]
		load.4 _, [r2+12]
		halt`)
}

func TestSiblingCalleesShareRegisters(t *testing.T) {
	p := linkText(t, X86_64, `program f
		in n
		out r
		reg x
		add x, n, 1
		add r, x, x
		program m
		reg a b
		call f(3) -> a
		call f(a) -> b
		halt`)
	expectOps(t, p, `
		mov r3, 4
		add r1, r3, r3
		add r3, r1, 1
		add r2, r3, r3
		halt`)
	if len(p.RegName) != 4 || p.RegName[0] != "task" || p.RegName[1] != "a" || p.RegName[3] != "f.x" {
		t.Errorf("registers %q", p.RegName)
	}
}

func TestAnInputThatTheCalleeWritesIsCopied(t *testing.T) {
	expectOps(t, linkText(t, X86_64, `program f
		in n
		out r
		add n, n, 1
		mov r, n
		program m
		in a
		reg b
		call f(a) -> b
		halt`), `
		mov r3, r1
		add r3, r3, 1
		mov r2, r3
		halt`)
}

func TestAResultThatIsAlsoAnArgumentIsWrittenLast(t *testing.T) {
	expectOps(t, linkText(t, X86_64, `program f
		in n
		out r
		mov r, 0
		add r, r, n
		program m
		in a
		call f(a) -> a
		halt`), `
		mov r2, 0
		add r2, r2, r1
		mov r1, r2
		halt`)
}

func TestAnExitThroughTwoProgramsCopiesResultsOnTheWay(t *testing.T) {
	expectOps(t, linkText(t, X86_64, `program f
		in n
		exit no yes
		beq n, 5, z
		exit yes
	z:
		exit no
		program g
		in n
		out r
		exit no yes
		mov r, 1
		call f(n) no=exit:no yes=on
	on:
		mov r, 2
		exit yes
		program m
		in a
	again:
		call g(a) -> a no=again yes=on
	on:
		halt`), `
		mov r2, 1
		b.eq r1, 5, @5
		mov r2, 2
		mov r1, r2
		b.jump @7
		mov r1, r2
		b.jump @0
		halt`)
}

func TestExitsBecomeTheBranchesThatLedToThem(t *testing.T) {
	// No jump is left: the branch goes where the exit goes, and the exit that
	// stands before its target falls through.
	expectOps(t, linkText(t, X86_64, `program f
		in n
		exit zero other
		beq n, 0, z
		exit other
	z:
		exit zero
		program g
		in n
		exit no yes
		call f(n) zero=exit:no other=exit:yes
		program m
		in a
	again:
		call g(a) no=again yes=on
	on:
		halt`), `
		b.eq r1, 0, @0
		halt`)
}

func TestBranchesBetweenNumbersAreDecidedByTheLinker(t *testing.T) {
	expectOps(t, linkText(t, X86_64, `program m
		param think
		beq think, 0, idle
		work think
	idle:
		halt`), `
		work _, 50
		halt`)
}

func TestBackwardBranchesAreLikelyUnlessToldOtherwise(t *testing.T) {
	expectOps(t, linkText(t, X86_64, `program m
		in a
	again:
		bne a, 0, again
		bne a, 1, again unlikely
		bne a, 2, on
		bne a, 3, on likely
		pause
	on:
		jump again`), `
		b.ne r1, 0, @0 likely
		b.ne r1, 1, @0
		b.ne r1, 2, @5
		b.ne r1, 3, @5 likely
		pause
		b.jump @0`)
}

func TestACasExpectsARegister(t *testing.T) {
	expectOps(t, linkText(t, ARM64LSE, `program m
		in p
		cas _, [p], 0, 1
		halt`), `
		mov r2, 0
		rmw.cas _, [r1], r2, 1
		halt`)
}

func TestOpsKnowTheirPlaceInTheProgram(t *testing.T) {
	p := linkText(t, ARM64LLSC, `program m
		role vma vm_area_struct
		reg old
		mov old, 1
		cas.acq old, [vma.vm_refcnt], old, 7   ghost enter vma
		mark begin read
		halt`)
	var got []string
	for i := range p.Ops {
		s := p.Sites[p.Ops[i].Site]
		got = append(got, fmt.Sprintf("%s:%d|%s|%s|%s|%d|%v", s.Proc, s.Line, s.Text, s.Written, s.Field, s.Region, len(s.Ghosts) > 0))
	}
	cas, field := "cas.acq old, [vma.vm_refcnt], old, 7", "vm_area_struct.vm_refcnt"
	want := []string{
		"m:4|mov old, 1|||-1|false",
		"m:5|prefetchw [vma.vm_refcnt]|" + cas + "|" + field + "|-1|false",
		"m:5|ll.acq t3, [vma.vm_refcnt]|" + cas + "|" + field + "|-1|false",
		"m:5|xor t4, t3, old|" + cas + "||-1|false",
		"m:5|bset t4, 0xffffffff, mismatch unlikely|" + cas + "||-1|false",
		"m:5|sc t5, [vma.vm_refcnt], 7|" + cas + "|" + field + "|-1|true",
		"m:5|bne t5, 0, retry unlikely|" + cas + "||-1|false",
		"m:5|mov old, t3|" + cas + "||-1|false",
		"m:6|mark begin read|||0|false",
		"m:7|halt|||-1|false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(p.Regions) != 1 || p.Regions[0] != "read" || p.Bind["vma"] != 1 || p.Bind["task"] != TaskReg {
		t.Errorf("regions %q, bind %v", p.Regions, p.Bind)
	}
}

func TestABranchBetweenNumbersCostsNothing(t *testing.T) {
	expectOps(t, linkText(t, X86_64, `program m
		in p
		param think
		beq think, 50, fifty
		store [p], 1
		jump done
	fifty:
		store [p], 2
	done:
		bne think, 50, never
		halt
	never:
		pause
		halt`), `
		store [r1], 2
		halt`)
}

// A primitive's op means what its caller says, through any number of calls.
func TestACallHandsItsGhostsToTheOpThatAsksForThem(t *testing.T) {
	const leaf = `program leaf
		in at
		rmw.add _, [at], 1   ghost caller
		exit
	`
	p := linkText(t, X86_64, leaf+`program mid
		in at
		call leaf(at)   ghost caller
		exit
	program m
		in p q
		call mid(p)   ghost enter q ghost count p
		call mid(p)   ghost leave p
		call mid(p)
		halt`)
	var got []string
	for i := range p.Ops {
		var of []string
		for _, g := range p.Sites[p.Ops[i].Site].Ghosts {
			of = append(of, fmt.Sprintf("%s r%d", g.Event, g.Reg))
		}
		got = append(got, strings.Join(of, ", "))
	}
	if want := "enter r2, count r1|leave r1||"; strings.Join(got, "|") != want {
		t.Errorf("ghosts are %q, want %q", strings.Join(got, "|"), want)
	}
	procs, err := Parse("test", []byte("program deaf\n in at\n pause\n exit\nprogram m\n in p\n call deaf(p) ghost enter p\n halt\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Link(procs[1], LinkOptions{Layout: testLayout, Library: LibraryOf(procs...)})
	if want := `program "deaf" has no op with "ghost caller"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestRunningOutOfRegistersNamesTheCalls(t *testing.T) {
	var b strings.Builder
	b.WriteString("program leaf\n reg")
	for i := range 40 {
		fmt.Fprintf(&b, " x%d", i)
	}
	b.WriteString("\n mov x39, 1\nprogram mid\n reg")
	for i := range 30 {
		fmt.Fprintf(&b, " x%d", i)
	}
	b.WriteString("\n call leaf()\nprogram m\n call mid()\n halt\n")
	procs, err := Parse("big", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Link(procs[2], LinkOptions{Library: LibraryOf(procs...)})
	if err == nil || !strings.Contains(err.Error(), "out of registers in m > mid > leaf") {
		t.Errorf("error %v", err)
	}
}

func TestInliningIsBounded(t *testing.T) {
	text := "program f0\n pause\n"
	for i := range 30 {
		text += fmt.Sprintf("program f%d\n call f%d()\n call f%d()\n", i+1, i, i)
	}
	procs, err := Parse("deep", []byte(text+"program m\n call f30()\n halt\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Link(procs[31], LinkOptions{Library: LibraryOf(procs...)})
	if err == nil || !strings.Contains(err.Error(), "more than 65536 ops") {
		t.Errorf("error %v", err)
	}
}

func TestAProcMadeInGoIsCheckedToo(t *testing.T) {
	_, err := Link(&Proc{Name: "m", Insts: []Inst{{Name: "add", Args: []Operand{{Kind: OpdReg, Name: "x"}, {}, {}}}, {Name: "halt"}}}, LinkOptions{})
	if err == nil || !strings.Contains(err.Error(), `m: error: "x" is not declared`) {
		t.Errorf("error %v", err)
	}
}

func TestAFullBarrierOnX86NeedsAStackLine(t *testing.T) {
	procs, _ := Parse("a", []byte("program m\n mb\n halt\n"))
	for _, l := range []*mem.Layout{nil, {Name: "bare"}, {Name: "none", Structs: []mem.Struct{{Name: "task_struct", Size: 64, Align: 64}}}} {
		if _, err := Link(procs[0], LinkOptions{ISA: X86_64, Layout: l}); err == nil || !strings.Contains(err.Error(), `"stack"`) {
			t.Errorf("error %v", err)
		}
		if _, err := Link(procs[0], LinkOptions{ISA: ARM64LSE, Layout: l}); err != nil {
			t.Error(err)
		}
	}
}

func TestAMemberPassedAsARoleLiesWhereTheOuterStructSays(t *testing.T) {
	const text = `
program take
	role sem rw_semaphore
	reg  old
	rmw.add old, [sem.count], 8  ghost sem_read sem
	exit
program outer
	role sem rw_semaphore
	call take(sem)
	exit
program main
	role mm mm_struct
	call take([mm.mmap_lock])
	call outer([mm.mmap_lock])
	halt
`
	p := linkText(t, X86_64, text)
	for i := range 2 {
		op, site := p.Ops[i], p.Sites[p.Ops[i].Site]
		if op.Off != 184 || op.A != p.Bind["mm"] || site.Field != "mm_struct.mmap_lock.count" || site.Ghosts[0].Reg != p.Bind["mm"] {
			t.Errorf("op %d is %s on %s, ghost of register %d", i, op.String(), site.Field, site.Ghosts[0].Reg)
		}
	}
}

func TestOnlyLengthsOfWorkAreRetimed(t *testing.T) {
	procs, err := Parse("test.uop", []byte(`
program spin
	in length n
	reg i
	work length
	add i, n, 1
	work n

program main
	param think hold tries
	reg x
	call spin(think, tries)
	work hold
	mov x, 3
	bne x, hold, over
	work think
over:
	halt
`))
	if err != nil {
		t.Fatal(err)
	}
	link := func(think, hold, tries int64) (*Program, map[string]int64) {
		params := map[string]int64{"think": think, "hold": hold, "tries": tries}
		p, err := Link(procs[1], LinkOptions{Library: LibraryOf(procs...), Params: params})
		if err != nil {
			t.Fatal(err)
		}
		return p, params
	}
	p, _ := link(10, 20, 30)
	for _, c := range []struct {
		think, hold, tries int64
		retimed            bool
	}{{10, 20, 30, true}, {11, 20, 30, true}, {0, 20, 30, false}, {10, 21, 30, false}, {10, 20, 31, false}} {
		want, params := link(c.think, c.hold, c.tries)
		got := p.Retimed(params)
		if (got != nil) != c.retimed || got != nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %v, want %v", c, got, want)
		}
	}
	if zero, _ := link(0, 20, 30); zero.Retimed(map[string]int64{"think": 10, "hold": 20, "tries": 30}) != nil {
		t.Error("work of no cycles was retimed")
	}
}
