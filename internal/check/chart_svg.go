package check

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// ChartSVG draws a path as a message-sequence chart: a life line per actor, time
// downwards, a box per step with the state after it, and an arrow per message from the
// step that sent it to the step that took it. A message still in flight at the end
// points into a dashed void.
func ChartSVG(sys System, path []Step) string {
	c, ok := sys.(Charter)
	if !ok {
		return ""
	}
	const colWidth, rowHeight, top, left = 190, 34, 54, 20
	actors := c.Actors()
	x := func(actor string) int { return left + colWidth/2 + colWidth*slices.Index(actors, actor) }
	y := func(step int) int { return top + rowHeight/2 + rowHeight*step }
	width, height := 2*left+colWidth*len(actors), top+rowHeight*(len(path)+1)

	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`, width, height, width, height)
	p(`<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#1f5fa8"/></marker></defs>`)
	p(`<rect width="%d" height="%d" fill="#fff"/>`, width, height)
	for _, a := range actors {
		p(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#bbb"/>`, x(a), top-8, x(a), height-6)
		p(`<text x="%d" y="%d" text-anchor="middle" font-weight="bold" font-size="13">%s</text>`, x(a), top-16, html.EscapeString(a))
	}
	label := func(i int) string {
		t := ""
		if path[i].Gets == nil {
			t = path[i].What
		}
		if k := slices.Index(actors, path[i].Actor); k < len(path[i].After) {
			t = strings.TrimSpace(t + " → " + path[i].After[k])
		}
		return t
	}
	half := func(i int) int { return 6 + 3*len([]rune(label(i))) }
	var texts []string // drawn last, on top
	type inFlight struct {
		Arrow
		step, nth int
	}
	var flying []inFlight
	arrow := func(a Arrow, from, to, nth int, lost bool) {
		x1, y1, x2, y2 := x(a.From), y(from), x(a.To), y(to)
		side := 1
		if x2 < x1 {
			side = -1
		}
		x1 += side * half(from)
		style := `stroke="#1f5fa8" marker-end="url(#head)"`
		if lost {
			x2 = x1 + (x2-x1)*2/3
			style = `stroke="#1f5fa8" stroke-dasharray="4 3" marker-end="url(#head)"`
		} else {
			x2 -= side * half(to)
		}
		p(`<line x1="%d" y1="%d" x2="%d" y2="%d" %s/>`, x1, y1, x2, y2, style)
		// The label sits near the tail, before the next column; those of one step are
		// staggered.
		lx := x1 + side*min(colWidth*(2+3*nth)/8, max(side*(x2-x1)*7/8, 0))
		ly := y1 + (y2-y1)*(lx-x1)/max(side*(x2-x1), 1)*side
		texts = append(texts, fmt.Sprintf(`<text x="%d" y="%d" text-anchor="middle" fill="#1f5fa8" stroke="#fff" stroke-width="3" paint-order="stroke">%s</text>`, lx, ly-2, html.EscapeString(a.Text)))
	}
	for i, s := range path {
		if g := s.Gets; g != nil {
			at := slices.IndexFunc(flying, func(f inFlight) bool {
				return f.To == g.To && f.Text == g.Text && (g.From == "" || f.From == g.From)
			})
			if at >= 0 {
				arrow(flying[at].Arrow, flying[at].step, i, flying[at].nth, false)
				flying = slices.Delete(flying, at, at+1)
			}
		}
		for n, a := range s.Sends {
			flying = append(flying, inFlight{a, i, n})
		}
	}
	for _, f := range flying {
		arrow(f.Arrow, f.step, min(f.step+2, len(path)), f.nth, true)
	}
	for i, s := range path {
		p(`<rect x="%d" y="%d" width="%d" height="17" rx="3" fill="#f4f1e8" stroke="#888"/>`, x(s.Actor)-half(i), y(i)-9, 2*half(i))
		p(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, x(s.Actor), y(i)+4, html.EscapeString(label(i)))
		p(`<text x="4" y="%d" fill="#999">%d</text>`, y(i)+4, i+1)
	}
	for _, t := range texts {
		p("%s", t)
	}
	p(`</svg>`)
	return b.String()
}
