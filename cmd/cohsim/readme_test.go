package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeSpan    = regexp.MustCompile("`([^`\n]+)`")
	placeholder = regexp.MustCompile(`\b[A-Z]{3,}\b`)
)

// readmeCommands are the commands of cohsim that a document shows, in its blocks
// of code and between backticks, without those that hold a placeholder.
func readmeCommands(text string) (out []string) {
	add := func(s string) {
		s, _, _ = strings.Cut(s, " #")
		s = strings.TrimSpace(strings.Replace(s, "go run ./cmd/cohsim", "cohsim", 1))
		if rest, ok := strings.CutPrefix(s, "cohsim "); ok && !placeholder.MatchString(rest) && !strings.Contains(rest, "…") {
			out = append(out, rest)
		}
	}
	block := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			block = !block
		case block:
			add(line)
		default:
			for _, m := range codeSpan.FindAllStringSubmatch(line, -1) {
				add(m[1])
			}
		}
	}
	return out
}

// Every command of the README works as it stands there; runs are shortened.
func TestEveryCommandOfTheReadmeWorks(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := readmeCommands(string(text))
	if len(commands) < 8 {
		t.Errorf("only %d commands were found: %q", len(commands), commands)
	}
	for _, c := range commands {
		if c == "check" || strings.Contains(c, "--caches 4") || strings.Contains(c, "layout import") && !strings.Contains(c, "--btf") && !strings.Contains(c, "--elf") {
			continue // takes minutes; or needs a kernel that shows its types
		}
		if strings.HasPrefix(c, "results") {
			continue // CI compares results/ with what is simulated; here any change of the model would fail
		}
		t.Run(c, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, a := range strings.Fields(c) {
				args = append(args, strings.Trim(a, `'"`))
			}
			if (args[0] == "run" || args[0] == "c2c") && !strings.Contains(c, "measure_ns") {
				args = append(args, "--set", "run.warmup_ns=2000", "--set", "run.measure_ns=20000")
			}
			cmd := exec.Command(binary, args...)
			cmd.Dir = "../.."
			var msg bytes.Buffer
			cmd.Stderr = &msg
			out, err := cmd.Output()
			if err != nil || len(out) == 0 {
				t.Errorf("%v, %d bytes\n%s", err, len(out), msg.String())
			}
		})
	}
}

// firstTable is the block of the README that shows the quickstart's tables.
var firstTable = regexp.MustCompile("(?s)```\nPage faults per second.*?```\n")

// The first table of the README is what its first command prints.
func TestTheReadmeShowsWhatTheQuickstartPrints(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole quickstart")
	}
	const file = "../../README.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, tables, found := strings.Cut(ok(t, "run", "quickstart"), "\n\n") // behind the line of origin
	if !found {
		t.Fatal("no table")
	}
	want := "```\n" + tables + "```\n"
	switch got := firstTable.FindString(string(text)); {
	case got == want:
	case got != "" && *update:
		out := strings.Replace(string(text), got, want, 1)
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the README does not show (go test -update mends it):\n%s", want)
	}
}

// table is the part of a text from a table's title to the blank line behind the table.
func table(text, title string) string {
	i := strings.Index(text, title+"\n\n")
	if i < 0 {
		return ""
	}
	rest := text[i+len(title)+2:]
	end := strings.Index(strings.Replace(rest, "\n```", "\n\n", 1), "\n\n")
	return text[i : i+len(title)+2+end+1]
}

// What the README says an acquire costs is read off tables that the experiment prints.
func TestTheReadmeShowsWhatTheAcquireExperimentPrints(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole experiment")
	}
	const file = "../../README.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, readme := ok(t, "run", "acquire-fence"), string(text)
	for _, title := range []string{"From the lock to the last read · on = Arm near", "Read locks per second · form = acquire"} {
		got, want := table(readme, title), table(out, title)
		if got == want && want != "" {
			continue
		}
		if got == "" || !*update {
			t.Errorf("the README does not show (go test -update mends it):\n%s", want)
			continue
		}
		readme = strings.Replace(readme, got, want, 1)
		if err := os.WriteFile(file, []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The two files that docs/uop.md shows run as they stand there.
func TestTheProgramOfTheDocumentationRuns(t *testing.T) {
	text, err := os.ReadFile("../../docs/uop.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	block := regexp.MustCompile("(?s)```[a-z]*\n(# (ticket\\.[a-z]+).*?)```\n")
	files := block.FindAllStringSubmatch(string(text), -1)
	if len(files) != 2 {
		t.Fatalf("%d files were found", len(files))
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f[2]), []byte(f[1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := ok(t, append([]string{"run", filepath.Join(dir, "ticket.toml"), "--annotate", "ticket"}, small...)...)
	if !strings.Contains(out, "load.acq now, [turn]") {
		t.Errorf("got\n%s", out)
	}
}

// The program that opens docs/uop.md runs, as its text says.
func TestTheFirstProgramOfTheLanguageRuns(t *testing.T) {
	text, err := os.ReadFile("../../docs/uop.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := "[workload]\nkind = \"program\"\nfile = \"reader.uop\"\nvalues = { think_cycles = 100 }\n[run]\ncores = 2\n"
	for name, text := range map[string]string{"reader.uop": strings.Split(string(text), "```")[1], "c.toml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out := ok(t, "run", filepath.Join(dir, "c.toml")); !strings.Contains(out, "lock.read.success") {
		t.Errorf("nobody reads:\n%s", out)
	}
}
