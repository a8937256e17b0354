package structs

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Problem is one mistake in a layout file.
type Problem struct {
	File      string
	Line, Col int // both from 1; the column counts characters
	Msg       string
	Excerpt   string // the line of the file, without its end
}

func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: error: %s", p.File, p.Line, p.Col, p.Msg)
}

// Detail is the error, the line it is in, and a caret below the place.
func (p Problem) Detail() string {
	if p.Excerpt == "" {
		return p.Error()
	}
	// A tab stays a tab, so that the caret stands right whatever a tab is worth.
	var caret strings.Builder
	col := 1
	for _, r := range p.Excerpt {
		if col >= p.Col {
			break
		}
		if r != '\t' {
			r = ' '
		}
		caret.WriteRune(r)
		col++
	}
	text, indent := clip(p.Excerpt, caret.String())
	return fmt.Sprintf("%s\n    %s\n    %s^", p.Error(), text, indent)
}

// clip keeps the excerpt within a terminal: layout lines can be long, and what
// matters stands at the caret.
func clip(text, indent string) (string, string) {
	const width = 72
	runes, at := []rune(text), utf8.RuneCountInString(indent)
	if len(runes) <= width {
		return text, indent
	}
	from := max(0, min(at-width/2, len(runes)-width))
	out := string(runes[from:min(len(runes), from+width)])
	return out, string([]rune(indent)[min(from, at):])
}

// Problems is every mistake of a file, by position. It is the error that
// [ReadLayout] returns for a file that can be read but is wrong.
type Problems []Problem

func (ps Problems) Error() string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, p.Detail())
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sort() {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Col < ps[j].Col
	})
}

// Nearest returns up to three of names that wrong may be a misspelling of, best
// first: at most a third of its letters differ, or it is a part of the name.
func Nearest(wrong string, names []string) []string {
	type candidate struct {
		name string
		cost int
	}
	var found []candidate
	low := strings.ToLower(wrong)
	for _, name := range names {
		n := strings.ToLower(name)
		limit := max(1, min(len(n), len(low))/3)
		if d := distance(low, n, limit); d <= limit {
			found = append(found, candidate{name, d})
		} else if len(low) >= 3 && strings.Contains(n, low) {
			found = append(found, candidate{name, limit + len(n) - len(low)})
		}
	}
	sort.SliceStable(found, func(i, j int) bool {
		if found[i].cost != found[j].cost {
			return found[i].cost < found[j].cost
		}
		return found[i].name < found[j].name
	})
	var out []string
	for _, c := range found[:min(3, len(found))] {
		out = append(out, c.name)
	}
	return out
}

// suggest is the tail of a message: `; did you mean "x"?`, or nothing.
func suggest(wrong string, names []string) string {
	near := Nearest(wrong, names)
	for i := range near {
		near[i] = fmt.Sprintf("%q", near[i])
	}
	switch len(near) {
	case 0:
		return ""
	case 1:
		return "; did you mean " + near[0] + "?"
	}
	return "; did you mean " + strings.Join(near[:len(near)-1], ", ") + " or " + near[len(near)-1] + "?"
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbours between a and b, or more than limit as soon as that is certain.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	var twice []int
	for i := 1; i <= len(a); i++ {
		twice, before, row = before, row, make([]int, len(b)+1)
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twice[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
