package cpu

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one mistake in a program, placed as a compiler would place it.
type Problem struct {
	File       string
	Line, Col  int    // from 1; 0 where unknown (a Proc made in Go)
	Msg        string // what is wrong, without position
	Suggestion string // the name that was probably meant, "" if none is near
	Excerpt    string // the source line, or the instruction where there is none
}

// Error is "file:line:col: error: …", and below it the line with a caret.
func (p Problem) Error() string {
	var b strings.Builder
	file := p.File
	if file == "" {
		file = "(program)"
	}
	b.WriteString(file)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Col > 0 {
			fmt.Fprintf(&b, ":%d", p.Col)
		}
	}
	b.WriteString(": error: " + p.Msg)
	if p.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Suggestion)
	}
	if strings.TrimSpace(p.Excerpt) == "" {
		return b.String()
	}
	b.WriteString("\n    " + p.Excerpt)
	if p.Col > 0 && p.Col <= len(p.Excerpt)+1 {
		// Tabs are repeated, so the caret stands right whatever their width.
		b.WriteString("\n    ")
		for _, r := range p.Excerpt[:p.Col-1] {
			if r != '\t' {
				r = ' '
			}
			b.WriteRune(r)
		}
		b.WriteByte('^')
	}
	return b.String()
}

// Problems is every mistake found in one pass, in order of position.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each Problem to errors.As.
func (ps Problems) Unwrap() []error {
	out := make([]error, len(ps))
	for i, p := range ps {
		out[i] = p
	}
	return out
}

// err is ps as an error, sorted and without repetitions: a callee inlined ten
// times is wrong once.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Col != b.Col {
			return a.Col - b.Col
		}
		return strings.Compare(a.Msg, b.Msg)
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool { return a == b })
}

// nearest is the candidate that name was probably meant to be: at most two
// edits away, or one in short names. The first of equals wins.
func nearest(name string, candidates []string) string {
	limit := 2
	if utf8.RuneCountInString(name) <= 4 {
		limit = 1
	}
	best, bestAt := "", limit+1
	for _, c := range candidates {
		if c == name {
			continue
		}
		if d := editDistance(name, c, limit); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours that turn a into b; it gives up (limit+1) on lengths too far apart.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j-1]+cost, prev[j]+1, cur[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
