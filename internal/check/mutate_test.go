package check

import (
	"os"
	"slices"
	"strings"
	"testing"

	"cohsim/mesi"
)

func TestNamedMutantsDieByTheLawTheyBreak(t *testing.T) {
	for _, n := range NamedMutants() {
		m, err := n.Build()
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewProtocol(m.P, ProtocolConfig{Caches: 3, Migrate: n.Name[0] == 'G'})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Explore(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Violation == nil {
			t.Errorf("%s survives: %s", n.Name, n.Story)
			continue
		}
		t.Logf("%-4s %-26s %6d states, path of %d: %s", n.Name, r.Violation.Law, r.States, len(r.Violation.Path), n.Story)
		if r.Violation.Law != n.KilledBy {
			t.Errorf("%s (%s) killed by %v, want %s\n%s", n.Name, n.Story, r.Violation.Error(), n.KilledBy, Chart(s, r.Violation.Path))
		}
	}
}

// knownSurvivors reads the list of mutants that are no mistakes.
func knownSurvivors(t *testing.T) map[string]string {
	data, err := os.ReadFile("testdata/survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, l := range strings.Split(string(data), "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		f := strings.SplitN(l, "|", 3)
		if len(f) != 3 || strings.TrimSpace(f[2]) == "" {
			t.Fatalf("survivor without a reason: %q", l)
		}
		known[strings.TrimSpace(f[0])+" "+strings.TrimSpace(f[1])] = strings.TrimSpace(f[2])
	}
	return known
}

// TestEveryMutantIsKilledOrExplained deletes every row, redirects every next state,
// drops every action and swaps every two events of one message, in every protocol.
func TestEveryMutantIsKilledOrExplained(t *testing.T) {
	known := knownSurvivors(t)
	for _, name := range mesi.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := mesi.New(name, mesi.DefaultOptions(name))
			if err != nil {
				t.Fatal(err)
			}
			j, err := NewJudge(p, true, 2, 3)
			if err != nil {
				t.Fatal(err)
			}
			by := map[string]int{}
			ms := Mutants(p)
			for _, m := range ms {
				v, err := j.Try(m)
				if err != nil {
					t.Fatal(err)
				}
				by[v.By]++
				if full := m.Kind + " " + m.Name; v.By == "" && known[name+" "+full] == "" {
					t.Errorf("survivor without an explanation: %s", full)
				} else if v.By != "" && known[name+" "+full] != "" {
					t.Errorf("listed as a survivor, but killed by %s: %s", v.By, full)
				}
			}
			var laws []string
			for l := range by {
				laws = append(laws, l)
			}
			slices.Sort(laws)
			score := 1 - float64(by[""])/float64(len(ms))
			t.Logf("%d mutants, score %.2f%%", len(ms), 100*score)
			for _, l := range laws {
				t.Logf("  %-30q %d", l, by[l])
			}
			if score < 0.98 {
				t.Errorf("mutation score %.4f, the floor is 0.98", score)
			}
		})
	}
}
