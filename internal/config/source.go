package config

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Source is one text that keys come from: a file, or a --set on the command line.
type Source struct {
	Name string // as shown in front of an error: a path, or "--set run.cores=0"
	Text string // without a byte order mark
	// Inline texts come from the command line. An error in one shows the
	// argument itself in place of line, column and excerpt.
	Inline bool

	starts []int // byte offset of each line
}

// NewSource makes a source of a file's bytes. A byte order mark is not part of
// the text, because the TOML parser does not count it either.
func NewSource(name string, text []byte) *Source {
	for _, bom := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if rest, ok := bytes.CutPrefix(text, []byte(bom)); ok {
			text = rest
			break
		}
	}
	s := &Source{Name: name, Text: string(text), starts: []int{0}}
	for i := 0; i < len(s.Text); i++ {
		if s.Text[i] == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// Span is a range of bytes of a source. The zero Span has no source: nobody wrote
// the key, it is a default.
type Span struct {
	Src        *Source
	Start, End int
}

// line is the index of the line that holds the byte at offset.
func (s *Source) line(offset int) int {
	return sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > offset }) - 1
}

// Position is the line and column of offset, both from 1. A column counts
// characters, not bytes, as an editor does.
func (s *Source) Position(offset int) (line, col int) {
	offset = min(max(offset, 0), len(s.Text))
	i := s.line(offset)
	return i + 1, utf8.RuneCountInString(s.Text[s.starts[i]:offset]) + 1
}

// lineText is line i without its line ending.
func (s *Source) lineText(i int) string {
	end := len(s.Text)
	if i+1 < len(s.starts) {
		end = s.starts[i+1]
	}
	return strings.TrimRight(s.Text[s.starts[i]:end], "\r\n")
}

// String is what stands in front of an error: file:line:col, or the argument.
func (p Span) String() string {
	switch {
	case p.Src == nil:
		return "default"
	case p.Src.Inline:
		return p.Src.Name
	}
	line, col := p.Src.Position(p.Start)
	return fmt.Sprintf("%s:%d:%d", p.Src.Name, line, col)
}

// maxExcerpt is the number of characters of a line that an excerpt shows.
const maxExcerpt = 120

// Excerpt is the line that p starts on with carets below the part that p covers.
// It is empty where there is no line to show.
func (p Span) Excerpt() string {
	if p.Src == nil || p.Src.Inline {
		return ""
	}
	start := min(max(p.Start, 0), len(p.Src.Text))
	i := p.Src.line(start)
	text := p.Src.lineText(i)
	from := min(start-p.Src.starts[i], len(text))
	to := min(max(p.End-p.Src.starts[i], from+1), len(text))

	var line, carets strings.Builder
	n := 0
	for at, r := range text {
		if n++; n > maxExcerpt {
			line.WriteString("…")
			break
		}
		// A tab keeps its width by standing in both lines; any other control
		// character would disturb the terminal.
		shown := r
		if r != '\t' && (r < ' ' || r == 0x7f) || r == utf8.RuneError {
			shown = '?'
		}
		line.WriteRune(shown)
		switch {
		case at >= to:
		case at >= from:
			carets.WriteByte('^')
		case r == '\t':
			carets.WriteByte('\t')
		default:
			carets.WriteByte(' ')
		}
	}
	if from >= to && n <= maxExcerpt {
		carets.WriteByte('^') // just behind the end of the line
	}
	return fmt.Sprintf("%5d | %s\n      | %s\n", i+1, line.String(), strings.TrimRight(carets.String(), " \t"))
}
