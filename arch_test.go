package cohsim_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Imports point down. Each package may import these packages of the module,
// and of other modules those named after the bar.
var allowed = map[string]string{
	"cmd/cohsim":          "* | *",
	"internal/experiment": "configs cpu internal/config internal/machine internal/mem internal/report internal/structs internal/sweep vmalock workloads",
	"internal/config":     "internal/machine internal/mem internal/report | github.com/BurntSushi/toml",
	"internal/report":     "internal/stats | github.com/olekukonko/tablewriter gonum.org/v1/gonum gonum.org/v1/plot golang.org/x/perf",
	"internal/validate":   "configs internal/config internal/experiment internal/machine internal/report internal/stats internal/structs internal/sweep workloads | github.com/BurntSushi/toml gonum.org/v1/gonum",
	"internal/measure":    "| golang.org/x/sys/unix",
	"internal/sweep":      "",
	"internal/structs":    "internal/mem | github.com/BurntSushi/toml github.com/cilium/ebpf",
	"internal/check":      "mesi cpu vmalock internal/mem",
	"internal/litmus":     "cpu internal/check internal/mem",
	"internal/machine":    "cpu cache mesi internal/mem internal/noc internal/sim internal/stats internal/trace",
	"workloads":           "vmalock cpu internal/mem",
	"vmalock":             "cpu internal/mem",
	"vmalock/interp":      "cpu internal/mem",
	"cache":               "mesi",
	"cpu":                 "internal/mem internal/stats",
	"mesi":                "",
	"configs":             "",
	"internal/noc":        "internal/sim",
	"internal/mem":        "",
	"internal/sim":        "",
	"internal/stats":      "",
}

// Packages of the model: the same input must give the same bytes on any host,
// so nothing in them may look at the clock, the host, or chance, run
// concurrently, or depend on the order of a map.
var model = []string{"mesi", "cache", "cpu", "vmalock", "workloads", "internal/machine", "internal/sim", "internal/noc", "internal/mem", "internal/stats"}

var banned = []string{"time", "math/rand", "math/rand/v2", "sync", "sync/atomic", "os", "os/exec", "crypto/rand"}

// concurrent are the only packages that may start goroutines.
var concurrent = []string{"internal/sweep", "internal/measure"}

type pkg struct {
	Dir        string
	ImportPath string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=Dir,ImportPath,Imports,GoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	ps := map[string]pkg{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			ps[strings.TrimPrefix(p.ImportPath, "cohsim/")] = p
		}
	}
}

func TestImportsPointDown(t *testing.T) {
	for name, p := range packages(t) {
		rule, ok := allowed[name]
		if !ok {
			t.Errorf("package %s is not in the table: say what it may import", name)
			continue
		}
		own, other, _ := strings.Cut(rule, "|")
		for _, imp := range p.Imports {
			switch {
			case strings.HasPrefix(imp, "cohsim/"):
				if own := strings.Fields(own); !slices.Contains(own, "*") && !slices.Contains(own, strings.TrimPrefix(imp, "cohsim/")) {
					t.Errorf("%s imports %s", name, imp)
				}
			case strings.Contains(strings.Split(imp, "/")[0], "."):
				if !slices.ContainsFunc(strings.Fields(other), func(m string) bool { return m == "*" || imp == m || strings.HasPrefix(imp, m+"/") }) {
					t.Errorf("%s imports %s", name, imp)
				}
			}
			if slices.Contains(model, name) && slices.Contains(banned, imp) {
				t.Errorf("model package %s imports %s", name, imp)
			}
		}
	}
}

func TestModelPackagesAreDeterministicByConstruction(t *testing.T) {
	if testing.Short() {
		t.Skip("type-checks the model packages from source")
	}
	fset := token.NewFileSet()
	imp := importer.ForCompiler(fset, "source", nil)
	for name, p := range packages(t) {
		inModel := slices.Contains(model, name)
		if !inModel && slices.Contains(concurrent, name) {
			continue
		}
		var files []*ast.File
		for _, f := range p.GoFiles {
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, f), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		var info *types.Info
		if inModel {
			info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
			if _, err := (&types.Config{Importer: imp}).Check(p.ImportPath, fset, files, info); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: goroutine", fset.Position(n.Pos()))
				case *ast.SelectorExpr:
					if n.Sel.Name == "Go" { // of a sync.WaitGroup
						t.Errorf("%s: goroutine", fset.Position(n.Pos()))
					}
				case *ast.RangeStmt:
					if inModel {
						if _, ok := info.Types[n.X].Type.Underlying().(*types.Map); ok {
							t.Errorf("%s: iteration over a map", fset.Position(n.Pos()))
						}
					}
				}
				return true
			})
		}
	}
}
