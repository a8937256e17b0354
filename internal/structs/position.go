package structs

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// span is where a key and its value begin, as byte offsets into the source.
type span struct{ key, value int }

// positions maps a path such as `struct[0].fields[3].offset` to its place. The
// TOML library tells where a syntax error is, but not where a key is that it
// read well, so this walks the source a second time. It runs on sources that the
// library has accepted and therefore checks nothing; on any other text it stops
// early with fewer positions.
type positions map[string]span

func locate(src string) positions {
	s := scanner{src: src, at: positions{}, arrays: map[string]int{}}
	s.file()
	return s.at
}

// offset of the value at path, or of the nearest thing around it.
func (ps positions) value(path string) int {
	if p, ok := ps[path]; ok {
		return p.value
	}
	return ps.key(parent(path))
}

// offset of the key at path, or of the nearest thing around it.
func (ps positions) key(path string) int {
	for ; path != ""; path = parent(path) {
		if p, ok := ps[path]; ok {
			return p.key
		}
	}
	return 0
}

func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

type scanner struct {
	src    string
	i      int
	at     positions
	arrays map[string]int // elements seen so far of each array of tables
}

func (s *scanner) more() bool { return s.i < len(s.src) }

func (s *scanner) peek(prefix string) bool { return strings.HasPrefix(s.src[s.i:], prefix) }

// blank skips white space, comments and the ends of lines.
func (s *scanner) blank() {
	for s.more() {
		switch c := s.src[s.i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			s.i++
		case c == '#':
			s.line()
		default:
			return
		}
	}
}

func (s *scanner) spaces() {
	for s.more() && (s.src[s.i] == ' ' || s.src[s.i] == '\t') {
		s.i++
	}
}

func (s *scanner) line() {
	for s.more() && s.src[s.i] != '\n' {
		s.i++
	}
}

func (s *scanner) note(path string, key, value int) {
	if _, ok := s.at[path]; !ok {
		s.at[path] = span{key, value}
	}
}

func (s *scanner) file() {
	s.i = len(s.src) - len(strings.TrimPrefix(s.src, "\ufeff"))
	table := ""
	for s.blank(); s.more(); s.blank() {
		before := s.i
		if s.src[s.i] == '[' {
			table = s.header()
		} else {
			s.pair(table)
		}
		if s.i == before {
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the path of the keys below it.
func (s *scanner) header() string {
	array := s.peek("[[")
	for s.more() && s.src[s.i] == '[' {
		s.i++
	}
	s.spaces()
	start, path := s.i, ""
	keys := s.keys()
	for i, k := range keys {
		path = join(path, k)
		if i == len(keys)-1 && array {
			s.note(path, start, start)
			s.arrays[path]++
		}
		// A header below an array of tables means its last element.
		if n := s.arrays[path]; n > 0 {
			path = element(path, n-1)
		}
	}
	s.note(path, start, start)
	s.line()
	return path
}

// pair reads key = value.
func (s *scanner) pair(table string) {
	start, path := s.i, table
	for _, k := range s.keys() {
		path = join(path, k)
		s.note(path, start, start)
	}
	s.spaces()
	if !s.more() || s.src[s.i] != '=' {
		s.line()
		return
	}
	s.i++
	s.spaces()
	s.at[path] = span{start, s.i}
	s.value(path)
}

// keys reads a key, dotted or not.
func (s *scanner) keys() []string {
	var keys []string
	for s.more() {
		start := s.i
		switch s.src[s.i] {
		case '"', '\'':
			s.str()
			key := s.src[start:s.i]
			if text, err := strconv.Unquote(key); err == nil && key[0] == '"' {
				key = text
			} else if len(key) > 1 {
				key = key[1 : len(key)-1]
			}
			keys = append(keys, key)
		default:
			for s.more() && !strings.ContainsRune(" \t\r\n.=]#\"'", rune(s.src[s.i])) {
				s.i++
			}
			keys = append(keys, s.src[start:s.i])
		}
		s.spaces()
		if !s.more() || s.src[s.i] != '.' {
			break
		}
		s.i++
		s.spaces()
	}
	return keys
}

func (s *scanner) value(path string) {
	if !s.more() {
		return
	}
	switch s.src[s.i] {
	case '"', '\'':
		s.str()
	case '[':
		s.i++
		for n := 0; ; n++ {
			s.separator()
			if !s.more() || s.src[s.i] == ']' {
				break
			}
			before := s.i
			s.at[element(path, n)] = span{s.i, s.i}
			s.value(element(path, n))
			if s.i == before {
				return
			}
		}
		s.i = min(s.i+1, len(s.src))
	case '{':
		s.i++
		for {
			s.separator()
			if !s.more() || s.src[s.i] == '}' {
				break
			}
			before := s.i
			s.pair(path)
			if s.i == before {
				return
			}
		}
		s.i = min(s.i+1, len(s.src))
	default:
		for s.more() && !strings.ContainsRune(",]}#\n", rune(s.src[s.i])) {
			s.i++
		}
	}
}

func (s *scanner) separator() {
	for s.blank(); s.more() && s.src[s.i] == ','; s.blank() {
		s.i++
	}
}

// str skips a string of any of the four kinds.
func (s *scanner) str() {
	quote := s.src[s.i : s.i+1]
	escapes := quote == `"`
	if long := strings.Repeat(quote, 3); s.peek(long) {
		quote = long
	}
	s.i += len(quote)
	for s.more() && !s.peek(quote) {
		if escapes && s.src[s.i] == '\\' {
			s.i++
		}
		s.i++
	}
	s.i = min(s.i+len(quote), len(s.src))
	// A long string may end with up to two quotes of its own before the last three.
	for len(quote) == 3 && s.more() && s.src[s.i] == quote[0] {
		s.i++
	}
}

// maxNesting is how deep tables and keys may nest in a layout, which needs four.
const maxNesting = 32

// nestedTooDeeply finds where brackets or dotted keys nest beyond maxNesting. It
// runs before anything else: the time of the TOML library grows with the cube of
// the nesting, and this package recurses.
func nestedTooDeeply(src string) (offset int, deep bool) {
	s := scanner{src: src}
	brackets, dots := 0, 0
	for s.more() {
		switch s.src[s.i] {
		case '"', '\'':
			s.str()
			continue
		case '#':
			s.line()
			continue
		case '[', '{':
			brackets++
			dots = 0
		case ']', '}':
			brackets = max(brackets-1, 0)
			dots = 0
		case '.':
			dots++
		case ',', '=', '\n':
			dots = 0
		}
		if brackets > maxNesting || dots > maxNesting {
			return s.i, true
		}
		s.i++
	}
	return 0, false
}

// lineCol turns a byte offset into a line and a column, both from 1.
func lineCol(src string, offset int) (line, col int, excerpt string) {
	offset = max(0, min(offset, len(src)))
	start := strings.LastIndexByte(src[:offset], '\n') + 1
	line = strings.Count(src[:start], "\n") + 1
	col = utf8.RuneCountInString(src[start:offset]) + 1
	excerpt, _, _ = strings.Cut(src[start:], "\n")
	return line, col, strings.TrimSuffix(excerpt, "\r")
}
