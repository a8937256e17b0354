package cpu

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind tells the tokens of .uop text apart.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota // end of the line
	tokName                    // name, mnemonic with suffixes, or "_"
	tokNumber                  // number, with its sign
	tokMem                     // what stands between the brackets of a memory operand
	tokPunct                   // , : = ( ) ->
)

// token is one token of a line.
type token struct {
	kind tokenKind
	text string
	col  int // of its first byte, from 1
}

// scanLine cuts one line into tokens and its comment ("" if there is none,
// otherwise with the "#"). On an error the tokens before it are returned.
func scanLine(line string) (toks []token, comment string, col int, msg string) {
	for i, r := range line {
		if r == utf8.RuneError && !utf8.ValidString(line[i:]) {
			return toks, "", i + 1, "the text is not valid UTF-8"
		}
		if r < ' ' && r != '\t' || r == 0x7f {
			return toks, "", i + 1, fmt.Sprintf("control character %#02x", r)
		}
	}
	for i := 0; i < len(line); {
		c, start := line[i], i
		switch {
		case c == ' ' || c == '\t':
			i++
		case c == '#':
			return toks, strings.TrimSpace(line[i:]), 0, ""
		case isNameStart(c):
			for i < len(line) && (isNameByte(line[i]) || line[i] == '.') {
				i++
			}
			toks = append(toks, token{tokName, line[start:i], start + 1})
		case isDigit(c) || c == '-' && i+1 < len(line) && isDigit(line[i+1]):
			i++
			for i < len(line) && isNameByte(line[i]) {
				i++
			}
			toks = append(toks, token{tokNumber, line[start:i], start + 1})
		case c == '-' && strings.HasPrefix(line[i:], "->"):
			i += 2
			toks = append(toks, token{tokPunct, "->", start + 1})
		case strings.IndexByte(",:=()", c) >= 0:
			i++
			toks = append(toks, token{tokPunct, line[start:i], start + 1})
		case c == '[':
			end := closing(line, i)
			if end < 0 {
				return toks, "", i + 1, "\"[\" is not closed"
			}
			toks = append(toks, token{tokMem, line[i+1 : end], start + 1})
			i = end + 1
		default:
			r, _ := utf8.DecodeRuneInString(line[i:])
			return toks, "", i + 1, fmt.Sprintf("unexpected character %q", r)
		}
	}
	return toks, "", 0, ""
}

// closing finds the "]" that closes the "[" at open; array indices nest.
func closing(line string, open int) int {
	depth := 0
	for i := open; i < len(line) && line[i] != '#'; i++ {
		switch line[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// scanMem takes apart the inside of "[base.field+offset]".
func scanMem(text string, col int) (o Operand, msg string) {
	o = Operand{Kind: OpdMem, Col: col}
	s := strings.TrimSpace(text)
	n := 0
	for n < len(s) && isNameByte(s[n]) {
		n++
	}
	if n == 0 || !isNameStart(s[0]) {
		return o, "a memory operand starts with a register: [reg], [reg+8], [role.field]"
	}
	o.Name, s = s[:n], s[n:]
	if strings.HasPrefix(s, ".") {
		n = 1
		for n < len(s) && (isNameByte(s[n]) || strings.IndexByte(".[]", s[n]) >= 0) {
			n++
		}
		if o.Field = s[1:n]; o.Field == "" || !isNameStart(o.Field[0]) {
			return o, fmt.Sprintf("[%s.…] needs the name of a field", o.Name)
		}
		s = s[n:]
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return o, ""
	}
	sign, digits := s[:1], strings.TrimSpace(s[1:])
	if sign != "+" && sign != "-" || digits == "" || !isDigit(digits[0]) {
		return o, fmt.Sprintf("%q does not continue a memory operand; an offset is a number, as in [reg+16]", s)
	}
	if sign == "+" {
		sign = ""
	}
	v, err := scanNumber(sign + digits)
	if err != "" {
		return o, err
	}
	if v != int64(int32(v)) {
		return o, fmt.Sprintf("offset %s does not fit in 32 bits", digits)
	}
	o.Imm = v
	return o, ""
}

// scanNumber reads decimal, 0x, 0b and 0o numbers. Unsigned 64-bit values wrap
// into the int64 that has the same bits.
func scanNumber(s string) (v int64, msg string) {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) > 1 && digits[0] == '0' && (isDigit(digits[1]) || digits[1] == '_') {
		return 0, fmt.Sprintf("number %s starts with 0; octal is written 0o…", s)
	}
	v, err := strconv.ParseInt(s, 0, 64)
	if err == nil {
		return v, ""
	}
	if u, uerr := strconv.ParseUint(s, 0, 64); uerr == nil {
		return int64(u), ""
	}
	if strings.Contains(err.Error(), "out of range") {
		return 0, fmt.Sprintf("number %s does not fit in 64 bits", s)
	}
	return 0, fmt.Sprintf("malformed number %q", s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

func isNameByte(c byte) bool { return isNameStart(c) || isDigit(c) }

// isPlainName reports whether s may name a register, constant, label or exit:
// no dot, because a dot separates a role from its field.
func isPlainName(s string) bool {
	return s != "_" && !strings.Contains(s, ".") && isDottedName(s)
}

// isDottedName reports whether s may name a program, region, event or struct.
func isDottedName(s string) bool {
	if s == "" || !isNameStart(s[0]) || s == "_" {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isNameByte(s[i]) && s[i] != '.' {
			return false
		}
	}
	return true
}
