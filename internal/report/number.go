package report

import (
	"math/big"
	"strings"
	"unicode"

	"cohsim/internal/stats"
)

const (
	// autoDigits is how many digits the largest number of a column gets.
	autoDigits = 4
	// scaleFrom is the power of ten from which a column is scaled: six digits
	// with a separator are still read at a glance.
	scaleFrom = 6
)

// scale is how the numbers of a column, or of several alike, are shown.
type scale struct {
	exp      int // shown numbers are divided by 10^exp, a multiple of 3
	decimals int
}

// fit chooses the scale for a set of numbers: the largest gets digits
// significant digits (0 means autoDigits), and no number but 0 is shown with
// fewer than two unless it spans more orders of magnitude than fit a column.
func fit(values []stats.Value, digits int) scale {
	chosen := digits > 0
	if !chosen {
		digits = autoDigits
	}
	whole := true
	var lo, hi *big.Rat
	for _, v := range values {
		if v.IsMissing() || v.Sign() == 0 {
			continue
		}
		whole = whole && v.IsInt()
		r := v.Rat()
		r.Abs(r)
		if lo == nil || r.Cmp(lo) < 0 {
			lo = r
		}
		if hi == nil || r.Cmp(hi) > 0 {
			hi = r
		}
	}
	if hi == nil {
		return scale{}
	}
	top, bottom := magnitude(hi), magnitude(lo)
	s := scale{}
	if top >= scaleFrom {
		s.exp = min(top/3*3, 12)
	}
	for ; ; s.exp -= 3 {
		s.decimals = max(0, digits-1-(top-s.exp))
		if s.exp == 0 && whole {
			s.decimals = 0
			return s
		}
		if chosen {
			return s
		}
		// Two digits of the smallest, if that costs at most two more columns.
		if need := 1 - (bottom - s.exp); need <= s.decimals+2 {
			s.decimals = max(s.decimals, need)
			return s
		} else if s.exp == 0 {
			s.decimals += 2
			return s
		}
	}
}

// magnitude is the power of ten of the first digit of r > 0.
func magnitude(r *big.Rat) int {
	ten, one := big.NewRat(10, 1), big.NewRat(1, 1)
	x, m := new(big.Rat).Set(r), 0
	for ; x.Cmp(ten) >= 0; m++ {
		x.Quo(x, ten)
	}
	for ; x.Cmp(one) < 0; m-- {
		x.Mul(x, ten)
	}
	return m
}

// format is v at scale s, its whole part in groups of three.
func (s scale) format(v stats.Value) string {
	if v.IsMissing() {
		return "-"
	}
	pow := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.exp)), nil)
	text := new(big.Rat).Quo(v.Rat(), new(big.Rat).SetInt(pow)).FloatString(s.decimals)
	text, neg := strings.CutPrefix(text, "-")
	whole, frac, _ := strings.Cut(text, ".")
	var b strings.Builder
	if neg && strings.Trim(text, "0.") != "" {
		b.WriteByte('-')
	}
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return b.String()
}

// unit is the unit of numbers shown at scale s.
func (s scale) unit(unit string) string {
	if s.exp == 0 {
		return unit
	}
	if unit == "ns" && s.exp <= 9 {
		return [...]string{"ns", "µs", "ms", "s"}[s.exp/3]
	}
	prefix := [...]string{"", "k", "M", "G", "T"}[s.exp/3]
	return strings.TrimSpace(prefix + " " + unit)
}

// grid is a Table with its numbers turned to text.
type grid struct {
	title string
	names []string
	units []string
	right []bool
	tied  []bool
	rows  [][]string // nil separates groups
	notes []string
}

// layOut formats every number of t, columns of one group alike. padded keeps
// decimal points aligned in columns that mix units, which needs a fixed-width
// font.
func layOut(t *Table, padded bool) grid {
	g := grid{title: clean(t.Title)}
	for _, n := range t.Notes {
		g.notes = append(g.notes, clean(n))
	}
	scales := map[string]scale{}
	members := map[string][]stats.Value{}
	group := func(c int) string {
		if name := t.Columns[c].Group; name != "" {
			return name
		}
		return string(rune(c)) + "\x00" // the column alone
	}
	for c := range t.Columns {
		for _, r := range t.Rows {
			if r != nil && r[c].Kind != TextCell {
				members[group(c)] = append(members[group(c)], r[c].Value, r[c].To)
			}
		}
	}
	for c, col := range t.Columns {
		s, ok := scales[group(c)]
		if !ok {
			s = fit(members[group(c)], col.Precision)
			switch {
			case col.Fixed:
				s = scale{decimals: col.Decimals}
			case col.Unit == "%" && s.exp > 0, col.PerCell:
				s = scale{} // a million percent is clearer than 1 M%
			}
			scales[group(c)] = s
		}
		unit := s.unit(col.Unit)
		if unit == col.Name {
			unit = "" // a column "cycles" in cycles says so once
		}
		g.names = append(g.names, clean(col.Name))
		g.units = append(g.units, unit)
		g.right = append(g.right, t.right(c))
		g.tied = append(g.tied, col.Tied)
	}
	for _, r := range t.Rows {
		if r == nil {
			g.rows = append(g.rows, nil)
			continue
		}
		row := make([]string, len(r))
		for c, cell := range r {
			s := scales[group(c)]
			if t.Columns[c].PerCell && cell.Kind != TextCell {
				s = fit([]stats.Value{cell.Value, cell.To}, t.Columns[c].Precision)
				s = scale{decimals: min(3, s.decimals+s.exp)}
				if cell.Value.IsInt() && (cell.Kind == NumCell || cell.To.IsInt()) {
					s.decimals = 0
				}
			}
			row[c] = cell.text(s)
		}
		g.rows = append(g.rows, row)
	}
	for c, col := range t.Columns {
		if col.PerCell && padded {
			g.alignPoints(c)
		}
	}
	return g
}

func (c Cell) text(s scale) string {
	switch {
	case c.Kind == TextCell:
		return clean(c.Text)
	case c.Kind == NumCell:
		return s.format(c.Value)
	case c.Value.IsMissing():
		return ""
	}
	return s.format(c.Value) + ".." + s.format(c.To)
}

// clean makes one line of text that no terminal acts upon.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// alignPoints pads the cells of a column so that their decimal points meet.
func (g *grid) alignPoints(c int) {
	after := func(s string) int {
		if i := strings.LastIndexByte(s, '.'); i >= 0 && !strings.Contains(s, "..") {
			return len(s) - i
		}
		return 0
	}
	widest := 0
	for _, r := range g.rows {
		if r != nil {
			widest = max(widest, after(r[c]))
		}
	}
	for _, r := range g.rows {
		if r != nil && r[c] != "-" && !strings.Contains(r[c], "..") {
			r[c] += strings.Repeat(" ", widest-after(r[c]))
		}
	}
}
