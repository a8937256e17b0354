package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxSyntaxErrors bounds the errors in one text: behind some number of them the
// file is something else than TOML.
const maxSyntaxErrors = 20

// Parse reads a TOML text into a tree with positions. The tree is nil if what is
// left of the text behind its syntax errors cannot be judged further.
func Parse(src *Source) (*Node, Diagnostics) {
	c := newCollector()
	root := parse(src, c)
	return root, c.list
}

// parse reports into c. To find every mistake in one pass, a statement with a
// syntax error is blanked out and the rest is read again; bytes keep their
// places, so positions stay true.
func parse(src *Source, c *collector) *Node {
	text, sound := src.Text, true
	for range maxSyntaxErrors {
		values, err := decodeTOML(text)
		if err == nil {
			if !sound {
				return nil
			}
			clean := *src
			clean.Text = text
			root := build(values, scan(&clean), Span{})
			restore(root, &clean, src)
			return root
		}
		var pe toml.ParseError
		if !errors.As(err, &pe) {
			c.errorf(Span{src, 0, 0}, "not a TOML file: %v", err)
			return nil
		}
		start := min(max(pe.Position.Start, 0), len(text))
		at := Span{src, start, start + max(pe.Position.Len, 1)}
		line := src.line(start)
		c.add(syntaxError(src, at, pe, line))

		statement := src.lineText(line)
		key := assignment.FindStringSubmatch(statement)
		if key == nil {
			return nil // a header or the middle of something longer: the rest would be misread
		}
		// Without its kind, a table's other keys cannot be judged.
		switch name := key[1]; name[strings.LastIndexByte(name, '.')+1:] {
		case "kind", "base", "machine":
			sound = false
		}
		from := src.starts[line]
		text = text[:from] + strings.Repeat(" ", len(statement)) + text[from+len(statement):]
	}
	return nil
}

// assignment is the start of a line that sets a key.
var assignment = regexp.MustCompile(`^[ \t]*([A-Za-z0-9_."'-]+)[ \t]*(?:=|$)`)

// restore makes every node of a tree point to the text as it was written.
func restore(n *Node, from, to *Source) {
	for _, s := range []*Span{&n.Key, &n.Val} {
		if s.Src == from {
			s.Src = to
		}
	}
	for _, kid := range n.Children {
		restore(kid, from, to)
	}
	for _, item := range n.Items {
		restore(item, from, to)
	}
}

// decodeTOML calls the library. It panics on some malformed texts, which must
// not take the program down.
func decodeTOML(text string) (values map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	_, err = toml.Decode(text, &values)
	if values == nil {
		values = map[string]any{}
	}
	return values, err
}

var (
	unquoted   = regexp.MustCompile(`=\s*([A-Za-z][\w./-]*)\s*(?:#.*)?$`)
	withUnit   = regexp.MustCompile(`=\s*([0-9][0-9._]*\s*[A-Za-zµ%]+)\s*(?:#.*)?$`)
	redefined  = regexp.MustCompile(`^Key '(.*)' has already been defined\.$`)
	unexpected = regexp.MustCompile(`expected a top-level item to end with a newline, comment, or EOF, but got (.*) instead`)
)

// syntaxError words an error of the library for people who write experiments,
// not parsers.
func syntaxError(src *Source, at Span, pe toml.ParseError, line int) Diagnostic {
	d := Diagnostic{At: at, Msg: pe.Message}
	text := src.lineText(line)
	if m := redefined.FindStringSubmatch(pe.Message); m != nil {
		d.Msg = fmt.Sprintf("duplicate key %q", m[1])
		if first := definition(src, line, pe.LastKey); first.Src != nil {
			n, _ := src.Position(first.Start)
			d.Note = append(d.Note, fmt.Sprintf("first given on line %d", n))
		}
		return d
	}
	if m := unexpected.FindStringSubmatch(pe.Message); m != nil {
		d.Msg = fmt.Sprintf("expected the end of the line, not %s", m[1])
	}
	d.Msg = "syntax: " + d.Msg
	if m := withUnit.FindStringSubmatchIndex(text); m != nil {
		given := text[m[2]:m[3]]
		if _, _, hasUnit, ok := quantity(given); ok && hasUnit {
			d.At = Span{src, src.starts[line] + m[2], src.starts[line] + m[3]}
			d.Msg = fmt.Sprintf("syntax: %q is no TOML value; the unit is in the key's name, so write the number alone", given)
		}
	} else if m := unquoted.FindStringSubmatchIndex(text); m != nil && strings.Contains(pe.Message, "expected value") {
		given := text[m[2]:m[3]]
		d.At = Span{src, src.starts[line] + m[2], src.starts[line] + m[3]}
		d.Msg = fmt.Sprintf("syntax: a string needs quotes: %q", given)
		if fold := strings.ToLower(given); fold == "true" || fold == "false" {
			d.Msg = fmt.Sprintf("syntax: write %s in lower case", fold)
		}
	}
	return d
}

// definition finds where a key that is given twice was given first: somewhere
// above the line of the second.
func definition(src *Source, line int, dotted string) Span {
	above := *src
	above.Text = src.Text[:src.starts[line]]
	p := scan(&above)
	for _, k := range splitKey(dotted) {
		kid := p.last().kids[k]
		if kid == nil {
			return Span{}
		}
		p = kid
	}
	return Span{src, p.key.Start, p.key.End}
}

// splitKey takes a dotted key apart, quoted parts included.
func splitKey(dotted string) []string {
	src := NewSource("", []byte(dotted))
	sc := &scanner{src: src, s: src.Text}
	var parts []string
	for _, p := range sc.key() {
		parts = append(parts, p.name)
	}
	return parts
}
