package litmus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cohsim/cpu"
)

const examples = "../../configs/litmus"

// example reads a shipped test.
func example(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name+".uop"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// verdict explores a .uop test on an instruction set.
func verdict(t *testing.T, text string, isa cpu.ISA, m *cpu.Model) *Result {
	t.Helper()
	test, err := ParseUop("t.uop", text, isa)
	if err != nil {
		t.Fatal(err)
	}
	r, err := test.Run(Options{Model: m})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheVMAReadLockNeedsItsAcquireOnArm(t *testing.T) {
	for isa := range cpu.NumISAs {
		if r := verdict(t, example(t, "vma-read-lock"), isa, nil); !r.Holds() {
			t.Errorf("%v: a reader holds a VMA that a writer changes", isa)
		}
		r := verdict(t, example(t, "vma-read-lock-relaxed"), isa, nil)
		if arm := isa != cpu.X86_64; (r.Positive > 0) != arm {
			t.Errorf("%v without acquire: %s", isa, r.Observation())
		}
	}
}

func TestTheVMAReadLockNeedsTheWritersRelease(t *testing.T) {
	text := strings.Replace(example(t, "vma-read-lock"), "store.4     [vma_seq], 3\n\trmw.add.rel.4", "store.4     [vma_seq], 3\n\trmw.add.4", 1)
	if text == example(t, "vma-read-lock") {
		t.Fatal("the writer's release is not where it was")
	}
	if r := verdict(t, text, cpu.ARM64LSE, nil); r.Holds() {
		t.Error("nothing is wrong without the writer's release")
	}
}

func TestASpinlockWithoutAcquireOrReleaseIsCaught(t *testing.T) {
	good := example(t, "spinlock")
	for isa := range cpu.NumISAs {
		if r := verdict(t, good, isa, nil); !r.Holds() {
			t.Errorf("%v: the lock loses an addition", isa)
		}
		for _, change := range [][2]string{{"rmw.swap.acq", "rmw.swap"}, {"store.rel", "store"}} {
			r := verdict(t, strings.Replace(good, change[0], change[1], 1), isa, nil)
			if arm := isa != cpu.X86_64; r.Holds() == arm {
				t.Errorf("%v without %s: %s", isa, change[0], r.Observation())
			}
		}
	}
}

func TestBothSidesOfASleepNeedTheirBarrier(t *testing.T) {
	good := example(t, "sleep-wake")
	for isa := range cpu.NumISAs {
		if r := verdict(t, good, isa, nil); !r.Holds() {
			t.Errorf("%v: a wake-up is lost", isa)
		}
		for _, change := range [][2]string{{"store.mb", "store"}, {"\tmb\n", ""}} {
			bad := strings.Replace(good, change[0], change[1], 1)
			if r := verdict(t, bad, isa, nil); r.Holds() {
				t.Errorf("%v without %s: no wake-up is lost", isa, change[0])
			}
			if r := verdict(t, bad, isa, cpu.SC); !r.Holds() {
				t.Errorf("%v without %s under sc: a wake-up is lost", isa, change[0])
			}
		}
	}
}

func TestAUopTestHasWidthsNumbersAddressesAndWaits(t *testing.T) {
	r := verdict(t, `
litmus T                      # a comment
	threads p q
	init    x=-1; 0:n=5; 1:at=y
	forall  1:v=-1 /\ x=5 /\ 1:w=y
program p
	in x n
	store.4 [x], n
	halt
program q
	in x at
	out v w
	wait.eq.4 v, [x], 5
	sub v, 4, v
	mov w, at
	store.4 [at], 1
	halt
`, cpu.ARM64LSE, nil)
	if want := []Outcome{"1:v=-1; 1:w=y; [x]=5"}; !r.Holds() || len(r.Outcomes) != 1 || r.Outcomes[0] != want[0] {
		t.Errorf("%v, want %v", r.Outcomes, want)
	}
}

func TestMistakesInUopTestsArePlaced(t *testing.T) {
	const program = "program p\n in x\n out v\n load v, [x]\n halt\n"
	for _, c := range []struct{ text, want string }{
		{program, `t.uop:1:1: error: a litmus test begins with a line "litmus NAME"`},
		{"threads p\n" + program, `t.uop:1:1: error: a litmus test begins with a line "litmus NAME", not "threads"`},
		{"litmus T\n exists (x=1)\n" + program, `t.uop:1:8: error: the line "threads PROGRAM …" is missing`},
		{"litmus T\n threads p\n" + program, `t.uop:1:8: error: the condition is missing`},
		{"litmus T\n threads p q\n exists (x=1)\n" + program, `t.uop:2:12: error: there is no program "q"; there are p`},
		{"litmus T\n threads p\n exist (x=1)\n" + program, `t.uop:3:2: error: unknown line "exist": allowed are threads, init, exists, ~exists and forall`},
		{"litmus T\n threads p\n exists (y=1)\n" + program, `t.uop:3:10: error: there is no location "y": locations are the inputs of the threads' programs (x)`},
		{"litmus T\n threads p\n exists (0:w=1)\n" + program, `t.uop:3:12: error: program "p" has no register "w"`},
		{"litmus T\n threads p\n exists (1:v=1)\n" + program, `t.uop:3:10: error: there is no thread 1: there are 1 threads`},
		{"litmus T\n threads p\n init z=1\n exists (x=1)\n" + program, `t.uop:3:7: error: there is no location "z"`},
		{"litmus T\n threads p\n exists (x=1\n" + program, `t.uop:3:13: error: expected ")"`},
		{"litmus T\n threads p\n exists (x=1)\n forall (x=1)\n" + program, `t.uop:4:2: error: the condition has been given already`},
		{"litmus T\n threads p\n exists (x=1)\nprogram p\n in x\n store [x+8], 1\n halt\n", `t.uop:6:8: error: a location of a litmus test is one word`},
		{"litmus T\n threads p\n exists (x=1)\nprogram p\n in x\n store [x], 1\n store.4 [x], 1\n halt\n", `t.uop:7:2: error: an access of 4 bytes in a test that has accesses of 8 bytes`},
		{"litmus T\n threads p\n exists (x=1)\nprogram p\n in x\n sture [x], 1\n halt\n", `t.uop:6:2: error: unknown instruction "sture"`},
		{"litmus T\n threads p\n exists (x=1)\nprogram p\n role x y\n store [x], 1\n halt\n", `t.uop:2:10: error: p has roles or params`},
	} {
		if _, err := ParseUop("t.uop", c.text, cpu.ARM64LSE); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n%v\nwant %s", c.text, err, c.want)
		}
	}
}

func FuzzParseUop(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(examples, "*.uop"))
	if err != nil || len(files) == 0 {
		f.Fatal("no examples", err)
	}
	for _, name := range files {
		f.Add(example(f, strings.TrimSuffix(filepath.Base(name), ".uop")), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, isa uint8) {
		test, err := ParseUop("f.uop", text, cpu.ISA(isa%uint8(cpu.NumISAs)))
		if err == nil {
			_, _ = test.Run(Options{MaxStates: 500, Window: 4})
		}
	})
}
