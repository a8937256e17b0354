package config

import (
	"strconv"
	"strings"
)

// place is where one key of a TOML text and its value stand. It mirrors the
// tables and arrays of the document and knows nothing of the values in them.
//
// Note: github.com/BurntSushi/toml reads the values and judges the syntax, but
// tells the position of syntax errors only. The scanner below therefore walks a
// text that the library has accepted; it may rely on its being valid TOML, and
// on nothing else: whatever it is given, it ends without a panic.
type place struct {
	key, val Span
	kids     map[string]*place
	order    []string // of kids, by first appearance
	items    []*place
	tables   bool // an array made by [[headers]]
}

func (p *place) child(name string, key Span) *place {
	if k, ok := p.kids[name]; ok {
		return k
	}
	if p.kids == nil {
		p.kids = map[string]*place{}
	}
	k := &place{key: key, val: key}
	p.kids[name] = k
	p.order = append(p.order, name)
	return k
}

// last is where further keys of p go: p itself, or its newest table.
func (p *place) last() *place {
	if p.tables && len(p.items) > 0 {
		return p.items[len(p.items)-1]
	}
	return p
}

// scanner walks a valid TOML text.
type scanner struct {
	src *Source
	s   string
	i   int
}

// keyPart is one part of a dotted key, unquoted.
type keyPart struct {
	name string
	at   Span
}

// scan finds the place of every key of a valid TOML text.
func scan(src *Source) *place {
	sc := &scanner{src: src, s: src.Text}
	root := &place{val: Span{src, 0, 0}}
	table := root
	for {
		sc.blank(true)
		if sc.i >= len(sc.s) {
			return root
		}
		before := sc.i
		if sc.peek() == '[' {
			table = sc.header(root)
		} else {
			sc.pair(table)
		}
		if sc.i == before { // not valid TOML after all
			sc.i++
		}
	}
}

func (sc *scanner) peek() byte {
	if sc.i < len(sc.s) {
		return sc.s[sc.i]
	}
	return 0
}

func (sc *scanner) span(start int) Span {
	return Span{sc.src, start, min(sc.i, len(sc.s))}
}

// blank skips white space and comments, and line ends too if lines is set.
func (sc *scanner) blank(lines bool) {
	for sc.i < len(sc.s) {
		switch c := sc.s[sc.i]; {
		case c == ' ' || c == '\t':
		case lines && (c == '\n' || c == '\r'):
		case lines && c == '#':
			for sc.i < len(sc.s) && sc.s[sc.i] != '\n' {
				sc.i++
			}
			continue
		default:
			return
		}
		sc.i++
	}
}

// header reads [table] or [[array of tables]] and returns the table it opens.
func (sc *scanner) header(root *place) *place {
	start := sc.i
	sc.i++
	array := sc.peek() == '['
	if array {
		sc.i++
	}
	parts := sc.key()
	for sc.peek() == ']' {
		sc.i++
	}
	whole := sc.span(start)
	t := root
	for i, p := range parts {
		if i < len(parts)-1 {
			t = t.child(p.name, p.at).last()
			continue
		}
		t = t.child(p.name, p.at)
		if array {
			t.tables = true
			t.items = append(t.items, &place{key: p.at, val: whole})
			return t.last()
		}
		t.key, t.val = p.at, whole
	}
	return t
}

// pair reads key = value into table.
func (sc *scanner) pair(table *place) {
	t := table
	for _, p := range sc.key() {
		t = t.last().child(p.name, p.at)
	}
	sc.blank(false)
	if sc.peek() != '=' || t == table {
		return
	}
	sc.i++
	sc.blank(false)
	sc.value(t)
}

// key reads a dotted key.
func (sc *scanner) key() []keyPart {
	var parts []keyPart
	for {
		sc.blank(false)
		start := sc.i
		var name string
		switch c := sc.peek(); c {
		case '"':
			sc.i = basicEnd(sc.s, sc.i+1)
			name = unescape(inner(sc.s[start:sc.i]))
		case '\'':
			sc.i = literalEnd(sc.s, sc.i+1)
			name = inner(sc.s[start:sc.i])
		default:
			for sc.i < len(sc.s) && bareKeyByte(sc.s[sc.i]) {
				sc.i++
			}
			if name = sc.s[start:sc.i]; name == "" {
				return parts
			}
		}
		parts = append(parts, keyPart{name, sc.span(start)})
		sc.blank(false)
		if sc.peek() != '.' {
			return parts
		}
		sc.i++
	}
}

func bareKeyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// value reads one value into p.
func (sc *scanner) value(p *place) {
	start := sc.i
	rest := sc.s[sc.i:]
	switch {
	case strings.HasPrefix(rest, `"""`):
		sc.i = multilineEnd(sc.s, sc.i+3, '"')
	case strings.HasPrefix(rest, `'''`):
		sc.i = multilineEnd(sc.s, sc.i+3, '\'')
	case strings.HasPrefix(rest, `"`):
		sc.i = basicEnd(sc.s, sc.i+1)
	case strings.HasPrefix(rest, `'`):
		sc.i = literalEnd(sc.s, sc.i+1)
	case strings.HasPrefix(rest, "["):
		sc.sequence(']', func() {
			item := &place{}
			sc.value(item)
			item.key = item.val
			p.items = append(p.items, item)
		})
	case strings.HasPrefix(rest, "{"):
		sc.sequence('}', func() { sc.pair(p) })
	default:
		// A number, a boolean or a date; only a date may have a space in it.
		n := strings.IndexAny(rest, ",]}#\n\r")
		if n < 0 {
			n = len(rest)
		}
		sc.i += n
		p.val = Span{sc.src, start, start + len(strings.TrimRight(rest[:n], " \t"))}
		return
	}
	p.val = sc.span(start)
}

// sequence reads what stands between brackets, one element at a time.
func (sc *scanner) sequence(closing byte, element func()) {
	sc.i++
	for {
		sc.blank(true)
		if sc.i >= len(sc.s) {
			return
		}
		if sc.peek() == closing {
			sc.i++
			return
		}
		if sc.peek() == ',' {
			sc.i++
			continue
		}
		before := sc.i
		element()
		if sc.i == before {
			sc.i++
		}
	}
}

// basicEnd is the index behind the closing quote of a "string" whose contents
// start at i; literalEnd and multilineEnd do the same for the other kinds.
func basicEnd(s string, i int) int {
	for i < len(s) && s[i] != '\n' {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
		i++
	}
	return min(i, len(s))
}

func literalEnd(s string, i int) int {
	for i < len(s) && s[i] != '\n' {
		if s[i] == '\'' {
			return i + 1
		}
		i++
	}
	return i
}

func multilineEnd(s string, i int, quote byte) int {
	three := strings.Repeat(string(quote), 3)
	for i < len(s) {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case strings.HasPrefix(s[i:], three):
			i += 3
			// Up to two quotes more belong to the contents.
			for n := 0; n < 2 && i < len(s) && s[i] == quote; n++ {
				i++
			}
			return i
		}
		i++
	}
	return len(s)
}

// inner strips the quotes.
func inner(s string) string {
	if len(s) < 2 {
		return ""
	}
	return s[1 : len(s)-1]
}

// unescape resolves the escapes of a quoted key.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	simple := map[byte]byte{'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r', 'e': 0x1b, '"': '"', '\\': '\\'}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		if digits == 0 {
			b.WriteByte(simple[s[i]])
			continue
		}
		code, err := strconv.ParseUint(s[i+1:min(i+1+digits, len(s))], 16, 32)
		if err == nil {
			b.WriteRune(rune(code))
		}
		i += digits
	}
	return b.String()
}
