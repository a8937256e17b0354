package cpu

import (
	"os"
	"strings"
	"testing"
)

func TestTheManualShowsEveryInstructionAndItsExampleLinks(t *testing.T) {
	src, err := os.ReadFile("../docs/uop.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for _, f := range textForms {
		if !strings.Contains(text, "`"+f.name) && !strings.Contains(text, " "+f.name+" ") {
			t.Errorf("docs/uop.md does not name %q", f.name)
		}
		for _, s := range f.suffixes() {
			if !strings.Contains(text, "."+s) {
				t.Errorf("docs/uop.md does not name .%s of %q", s, f.name)
			}
		}
	}
	_, example, _ := strings.Cut(text, "```\n")
	example, _, _ = strings.Cut(example, "```")
	for isa := range NumISAs {
		if p := linkText(t, isa, strings.ReplaceAll(example, "think_cycles", "think")); len(p.Ops) < 10 {
			t.Errorf("the example has %d ops", len(p.Ops))
		}
	}
}
