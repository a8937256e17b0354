package check

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Chart draws a path as a message-sequence chart in text: one column per actor, time
// downwards, each line one step with what it consumed, what it sent, and the states
// after it. Systems without actors get a numbered list.
func Chart(sys System, path []Step) string {
	var b strings.Builder
	c, ok := sys.(Charter)
	if !ok {
		for i, s := range path {
			fmt.Fprintf(&b, "%3d  %s %s\n", i+1, s.Actor, s.What)
		}
		return b.String()
	}
	actors := c.Actors()
	wide := make([]int, len(actors))
	for i, a := range actors {
		wide[i] = len(a)
		for _, s := range path {
			if i < len(s.After) {
				wide[i] = max(wide[i], utf8.RuneCountInString(s.After[i])+1)
			}
		}
	}
	b.WriteString("      ")
	for i, a := range actors {
		fmt.Fprintf(&b, "%-*s ", wide[i]+1, a)
	}
	b.WriteString("step\n")
	for n, s := range path {
		fmt.Fprintf(&b, "%3d  ", n+1)
		for i, a := range actors {
			cell := "|"
			if i < len(s.After) {
				cell = s.After[i]
			}
			if a == s.Actor {
				cell = "*" + cell
			} else {
				cell = " " + cell
			}
			fmt.Fprintf(&b, "%-*s ", wide[i]+1, cell)
		}
		b.WriteString(sentence(s) + "\n")
	}
	return b.String()
}

// sentence says a step in one line.
func sentence(s Step) string {
	t := s.Actor + ": " + s.What
	if s.Gets != nil && s.Gets.From != "" {
		t += " from " + s.Gets.From
	}
	if len(s.Sends) > 0 {
		var out []string
		for _, a := range s.Sends {
			out = append(out, a.Text+" > "+a.To)
		}
		t += "; sends " + strings.Join(out, ", ")
	}
	return t
}
