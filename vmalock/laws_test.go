package vmalock

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// A violation names no law that cannot be looked up, and none is listed that nothing breaks.
func TestEveryLawThatIsNamedIsListed(t *testing.T) {
	named := map[string]bool{}
	for _, dir := range []string{".", "../internal/check"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") || f.Name() == "laws.go" {
				continue
			}
			text, err := os.ReadFile(dir + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`"(I[0-9]+)"`).FindAllStringSubmatch(string(text), -1) {
				named[m[1]] = true
			}
		}
	}
	listed := map[string]bool{}
	for _, l := range Laws() {
		if listed[l.Name] = true; !named[l.Name] || l.Doc == "" {
			t.Errorf("%s is listed, and nothing breaks it", l.Name)
		}
	}
	for name := range named {
		if !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}
