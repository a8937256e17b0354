package main

import (
	"strings"
	"testing"
)

func TestEverythingThatIsListedHasALineAboutItAndANameOfItsOwn(t *testing.T) {
	for _, l := range listings {
		rows, err := l.list()
		if err != nil || len(rows) < 3 {
			t.Fatalf("%s: %d rows, %v", l.name, len(rows), err)
		}
		seen := map[string]bool{}
		for _, r := range rows {
			if strings.TrimSpace(r[1]) == "" || seen[r[0]] {
				t.Errorf("%s: %q is listed with %q, before: %v", l.name, r[0], r[1], seen[r[0]])
			}
			// Read alone, such a line says nothing.
			if strings.HasPrefix(r[1], "The same") || strings.HasPrefix(r[1], "By a task") {
				t.Errorf("%s: %q leans on the one above it: %q", l.name, r[0], r[1])
			}
			seen[r[0]] = true
		}
	}
}
