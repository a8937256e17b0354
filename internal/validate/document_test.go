package validate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cohsim/internal/report"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// The document is made from long runs; its tables of some machines are made again
// here, so that it cannot fall behind the model.
func TestTheDocumentIsWhatTheModelSays(t *testing.T) {
	doc, err := os.ReadFile("../../docs/validation.md")
	if err != nil {
		t.Fatal(err)
	}
	machines := []string{"skylake-client", "ice-lake-client", "lx2160a", "altra"}
	if testing.Short() {
		machines = machines[1:]
	}
	for _, m := range machines {
		var points []Point
		for _, p := range shippedPoints(t) {
			if p.Machine == m {
				points = append(points, p)
			}
		}
		plan, err := NewPlan(points, []Machine{{Name: m, Ref: m}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		rs, _, err := plan.Run(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		rep := Judge(rs, nil, nil)
		if err := report.WriteTables(&b, "markdown", []report.Table{rep.points(m)}, report.Options{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(doc), strings.TrimSpace(b.String())) {
			t.Errorf("docs/validation.md has another table of %s than\n%s\nmake it again with the command in its first lines", m, b.String())
		}
	}
}
