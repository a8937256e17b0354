package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"cohsim/internal/check"
	"cohsim/mesi"
)

// listMutants prints the named mistakes.
func listMutants(stdout, stderr io.Writer) int {
	rows := [][]string{{"mutant", "protocol", "mistake", "broken law"}}
	for _, n := range check.NamedMutants() {
		rows = append(rows, []string{n.Name, n.Protocol, n.Story, n.KilledBy})
	}
	return verifyPrint(stdout, stderr, verifyTable("table", rows), verifyOK)
}

// verifyMutant explores a protocol with one named mistake, and shows the shortest story
// of what goes wrong. The exit code is that of a broken law, or 0 if none breaks.
func verifyMutant(f *verifyFlags, stdout, stderr io.Writer) int {
	for _, n := range check.NamedMutants() {
		if n.Name != f.mutant {
			continue
		}
		m, err := n.Build()
		if err != nil {
			return verifyError(stderr, err)
		}
		s, err := check.NewProtocol(m.P, check.ProtocolConfig{Caches: f.req.Caches, Migrate: true})
		if err != nil {
			return verifyError(stderr, err)
		}
		r, err := check.Explore(s, check.Options{})
		if err != nil {
			return verifyError(stderr, err)
		}
		if r.Violation == nil {
			return verifyPrint(stdout, stderr, fmt.Sprintf("%s (%s): no law is broken with %d caches\n", n.Name, n.Story, f.req.Caches), verifyOK)
		}
		if f.svg != "" {
			if err := os.WriteFile(f.svg, []byte(check.ChartSVG(s, r.Violation.Path)), 0o644); err != nil {
				fmt.Fprintln(stderr, "cohsim verify:", err)
				return verifyIO
			}
		}
		text := fmt.Sprintf("%s in %s: %s\n%s after %d states\n%s", n.Name, n.Protocol, n.Story,
			r.Violation.Error(), r.States, check.Chart(s, r.Violation.Path))
		return verifyPrint(stdout, stderr, text, verifyFails)
	}
	return verifyError(stderr, fmt.Errorf("unknown mutant %q: --mutant list names them", f.mutant))
}

// verifyMutants prints the mutation score of each protocol, and every survivor.
func verifyMutants(f *verifyFlags, stdout, stderr io.Writer) int {
	rows := [][]string{{"protocol", "mutants", "killed by a law", "by a golden count", "by a row law", "survivors", "score"}}
	var survivors []string
	for _, name := range f.protocols {
		o, err := protocolOptions(name, f.sets)
		if err != nil {
			return verifyError(stderr, err)
		}
		p, err := mesi.New(name, o)
		if err != nil {
			return verifyError(stderr, err)
		}
		j, err := check.NewJudge(p, true, 2, 3)
		if err != nil {
			return verifyError(stderr, err)
		}
		by := map[string]int{}
		ms := check.Mutants(p)
		for _, m := range ms {
			v, err := j.Try(m)
			if err != nil {
				return verifyError(stderr, err)
			}
			switch v.By {
			case "", "golden count", "row law":
				by[v.By]++
			default:
				by["law"]++
			}
			if v.By == "" {
				survivors = append(survivors, fmt.Sprintf("%s: %s %s\n", name, m.Kind, m.Name))
			}
		}
		rows = append(rows, []string{name, fmt.Sprint(len(ms)), fmt.Sprint(by["law"]), fmt.Sprint(by["golden count"]),
			fmt.Sprint(by["row law"]), fmt.Sprint(by[""]), fmt.Sprintf("%.2f%%", 100-100*float64(by[""])/float64(len(ms)))})
	}
	text := verifyTable(f.format, rows)
	slices.Sort(survivors)
	for _, s := range survivors {
		text += "survivor, " + s
	}
	return verifyPrint(stdout, stderr, text, verifyOK)
}

func verifyPrint(stdout, stderr io.Writer, text string, code int) int {
	if _, err := io.WriteString(stdout, text); err != nil {
		fmt.Fprintln(stderr, "cohsim verify:", err)
		return verifyIO
	}
	return code
}
