package litmus

import "strings"

// quantors open the condition of a test.
var quantors = []string{"exists", "~exists", "~ exists", "forall"}

// tail reads "locations [x; 0:X1;]" and "exists (…)", in that order.
func (p *parser) tail(body piece) {
	for strings.HasPrefix(body.s, "locations") {
		open, shut := strings.IndexByte(body.s, '['), listEnd(body.s)
		if open < 0 || shut < open {
			p.fail(body, "expected locations [NAME; THREAD:REGISTER; …]")
			return
		}
		for _, item := range body.cut(open+1, shut).split(';') {
			var v Var
			if item.s != "" && p.variable(item, &v) {
				p.t.Observe = append(p.t.Observe, v)
			}
		}
		body = body.cut(shut+1, len(body.s))
	}
	for _, q := range quantors {
		if strings.HasPrefix(body.s, q) {
			p.t.Quant = strings.ReplaceAll(q, " ", "")
			c := &condParser{p: p, at: body.cut(len(q), len(body.s))}
			c.at.s = strings.TrimRight(c.at.s, "; \t\r\n")
			p.t.Cond = c.or()
			if !c.bad && c.skip() < len(c.at.s) {
				c.fail("the condition ends before %q")
			}
			return
		}
	}
	p.fail(body, "expected exists, ~exists or forall (…)")
}

// listEnd finds the "]" that closes a list in which names may stand in brackets.
func listEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
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

// condParser reads A /\ B \/ ~C; "and" binds tighter than "or".
type condParser struct {
	p   *parser
	at  piece
	i   int
	bad bool
}

func (c *condParser) skip() int {
	for c.i < len(c.at.s) && strings.IndexByte(" \t\r\n", c.at.s[c.i]) >= 0 {
		c.i++
	}
	return c.i
}

func (c *condParser) fail(format string) {
	if !c.bad {
		at := c.at.cut(c.i, len(c.at.s))
		word, _, _ := strings.Cut(at.s, "\n")
		c.p.fail(at, format, word)
	}
	c.bad, c.i = true, len(c.at.s)
}

func (c *condParser) eat(s string) bool {
	if strings.HasPrefix(c.at.s[c.skip():], s) {
		c.i += len(s)
		return true
	}
	return false
}

func (c *condParser) or() Cond  { return c.chain(CondOr, `\/`, c.and) }
func (c *condParser) and() Cond { return c.chain(CondAnd, `/\`, c.atom) }

func (c *condParser) chain(op CondOp, sign string, next func() Cond) Cond {
	kids := []Cond{next()}
	for !c.bad && c.eat(sign) {
		kids = append(kids, next())
	}
	if len(kids) == 1 {
		return kids[0]
	}
	return Cond{Op: op, Kids: kids}
}

func (c *condParser) atom() Cond {
	switch {
	case c.bad:
		return Cond{}
	case c.eat("~") || c.eat("not "):
		return Cond{Op: CondNot, Kids: []Cond{c.atom()}}
	case c.eat("("):
		k := c.or()
		if !c.bad && !c.eat(")") {
			c.fail("expected \")\" before %q")
		}
		return k
	case c.eat("true"):
		return Cond{Op: CondTrue}
	}
	from := c.skip()
	for c.i < len(c.at.s) && c.at.s[c.i] != '=' && !strings.ContainsRune("()/\\~\n", rune(c.at.s[c.i])) {
		c.i++
	}
	if c.i >= len(c.at.s) || c.at.s[c.i] != '=' {
		c.i = from
		c.fail("expected NAME=VALUE, [NAME]=VALUE, THREAD:REGISTER=VALUE, ~ or ( at %q")
		return Cond{}
	}
	k := Cond{Op: CondEq, Loc: -1}
	left := c.at.cut(from, c.i)
	if !c.p.variable(left, &k.Var) {
		c.bad, c.i = true, len(c.at.s)
		return Cond{}
	}
	c.i++
	from = c.skip()
	for c.i < len(c.at.s) && !strings.ContainsRune(" \t\r\n()/\\~;", rune(c.at.s[c.i])) {
		c.i++
	}
	right := c.at.cut(from, c.i)
	if n, ok := number(right.s); ok {
		k.Val = n
	} else if isName(right.s) {
		k.Loc = c.p.loc(right, right.s)
	} else {
		c.i = from
		c.fail("expected a number or the name of a location at %q")
	}
	return k
}
