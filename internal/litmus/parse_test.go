package litmus

import (
	"strings"
	"testing"
)

func TestMistakesAreReportedWhereTheyStand(t *testing.T) {
	arm := func(cell, cond string) string {
		return "AArch64 T\n{\n0:X1=x;\n}\n P0 ;\n " + cell + " ;\nexists (" + cond + ")\n"
	}
	x86 := func(cell string) string { return "X86_64 T\n{\n}\n P0 ;\n " + cell + " ;\nexists (x=1)\n" }
	for _, c := range []struct{ text, want string }{
		{"", `t.litmus:1:1: error: a test begins with a line "ARCH NAME"`},
		{"PPC T\n{}\n", `t.litmus:1:1: error: unsupported architecture "PPC": supported are X86_64, AArch64`},
		{"AArch64 T\nP0 ;\n", "t.litmus:1:1: error: the initial state"},
		{"AArch64 T\n{\n}\n P0 ;\n", "t.litmus:4:2: error: the condition is missing"},
		{arm("LDP W0,W2,[X1]", "x=1"), `t.litmus:6:2: error: unsupported instruction "LDP W0,W2,[X1]": supported are MOV, LDR`},
		{arm("LDR W0,[X1,W2,UXTW]", "x=1"), `t.litmus:6:9: error: unsupported address mode "[X1,W2,UXTW]": supported are [Xn]`},
		{arm("LDR W0,[W1]", "x=1"), `t.litmus:6:10: error: an address is an X register`},
		{arm("LDR W31,[X1]", "x=1"), `t.litmus:6:6: error: undefined register "W31": AArch64 has X0 to X30`},
		{arm("LDR W0", "x=1"), `t.litmus:6:2: error: unsupported instruction "LDR W0"`},
		{arm("DMB OSH", "x=1"), `t.litmus:6:6: error: unsupported barrier "OSH": supported are SY`},
		{arm("CBNZ W0,nowhere", "x=1"), `t.litmus:6:10: error: P0 has no label "nowhere"`},
		{arm("NOP", "x=1 /\\"), `t.litmus:7:15: error: expected NAME=VALUE`},
		{arm("NOP", "x=1 y=2"), `t.litmus:7:13: error: expected ")"`},
		{arm("NOP", "0:X99=1"), `t.litmus:7:11: error: undefined register "X99"`},
		{arm("NOP", "3:X1=1"), `error: the condition names thread 3, but there are 1 threads`},
		{arm("NOP | NOP", "x=1"), `t.litmus:6:8: error: a row has 2 cells, but there are 1 threads`},
		{x86("movq $1,(x)"), `t.litmus:5:2: error: unsupported instruction "movq $1,(x)": supported are movl`},
		{x86("movl $1,4(%rax)"), `t.litmus:5:10: error: unsupported operand "4(%rax)": supported are $N, %REG and (LOCATION)`},
		{x86("movl $1,%zz"), `t.litmus:5:10: error: undefined register "%zz": X86_64 has eax`},
		{x86("movl (x),(y)"), `t.litmus:5:2: error: unsupported instruction`},
		{"X86_64 T\n{\n0:rxx=1;\n}\n P0 ;\n nop ;\nexists (x=1)\n", `t.litmus:3:3: error: undefined register "rxx"`},
	} {
		_, err := Parse("t.litmus", c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAllMistakesOfATestAreReportedInOnePass(t *testing.T) {
	_, err := Parse("t.litmus", "AArch64 T\n{\n0:X1=x;\n}\n P0 | P1 ;\n FOO | BAR ;\n LDR W99,[X1] | ;\nexists (x=1)\n")
	if es, ok := err.(Errors); !ok || len(es) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestABranchOverCodeIsFetchedPastBeforeItIsResolved(t *testing.T) {
	// The load behind the branch may read before the branch is known, and only then
	// can it see the old x; an isb stops it.
	for _, c := range []struct {
		between string
		want    string
	}{{"NOP", "Sometimes"}, {"ISB", "Never"}} {
		test, err := Parse("t.litmus", `AArch64 T
{
0:X0=x; 0:X1=y; 1:X0=x; 1:X1=y;
}
 P0           | P1           ;
 MOV W2,#1    | LDR W2,[X1]  ;
 STR W2,[X0]  | CBZ W2,out   ;
 STLR W2,[X1] | `+c.between+`          ;
              | LDR W3,[X0]  ;
              | out:         ;
exists (1:X2=1 /\ 1:X3=0)
`)
		if err != nil {
			t.Fatal(err)
		}
		r, err := test.Run(Options{})
		if err != nil || r.Observation() != c.want {
			t.Errorf("%s: %s, not %s (%v)", c.between, r.Observation(), c.want, err)
		}
	}
}

func TestAWitnessEndsInTheCondition(t *testing.T) {
	text, err := Generate(X86, "SB", "PodWR Fre PodWR Fre")
	if err != nil {
		t.Fatal(err)
	}
	test, err := Parse("SB.litmus", text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := test.Run(Options{Witness: true})
	if err != nil || len(r.Path) != 4 {
		t.Fatalf("%v, %v", r, err)
	}
	var loads []string
	for _, s := range r.Path {
		if strings.Contains(s.What, " = 0 from memory") {
			loads = append(loads, s.Actor)
		}
	}
	if len(loads) != 2 || r.Positive != 1 {
		t.Errorf("%v", r.Path)
	}
}

func TestMistakesInACycleAreExplained(t *testing.T) {
	for cycle, want := range map[string]string{
		"":                        "two edges or more",
		"PodWW Rfe PodRR Foe":     `unknown edge "Foe"`,
		"PodWW Fre":               "PodWW leads to W, but Fre from R",
		"PodWR Fri":               "two edges between threads",
		"PodWW A Rfe PodRR Fre":   "A does not go with Rfe",
		"PodWW L A Rfe PodRR Fre": "two words for one access",
		"Rfe PodRR Fre":           "none back",
	} {
		if _, err := Generate(AArch64, "T", cycle); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", cycle, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range Suite()[:40] {
		text, _ := e.Text()
		f.Add(text)
	}
	for _, e := range Suite() {
		if e.Cycle == "" {
			f.Add(e.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		test, err := Parse("f.litmus", text)
		if err == nil {
			_, _ = test.Run(Options{MaxStates: 500, Window: 4})
		}
	})
}

func FuzzGenerate(f *testing.F) {
	f.Add("PodWW Rfe DpAddrdR Fre")
	f.Add("Rfi PodRR Fre SwpAL PosWR Fre ExA")
	f.Fuzz(func(t *testing.T, cycle string) {
		for _, a := range []Arch{X86, AArch64} {
			text, err := Generate(a, "F", cycle)
			if err != nil {
				continue
			}
			if _, err := Parse("f.litmus", text); err != nil {
				t.Errorf("%s: %v\n%s", cycle, err, text)
			}
		}
	})
}
