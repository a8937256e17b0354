package mesi

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// edge is every row that leads from one state to another, with its events.
type edge struct {
	from, to string
	events   []string
}

// cacheEdges and homeEdges merge rows that join the same two states; rows that stay
// where they are and stalls are left out, a diagram is for the way.
func (p *Protocol) cacheEdges() []edge {
	var es []edge
	for _, r := range p.cacheRows {
		if r.From != r.To {
			es = addEdge(es, r.From.String(), r.To.String(), r.On.String())
		}
	}
	return es
}

func (p *Protocol) homeEdges() []edge {
	var es []edge
	for _, r := range p.homeRows {
		if r.From != r.To {
			// What the home knows of the sender fills the table, not the diagram.
			name, _, _ := strings.Cut(r.On.String(), ".")
			es = addEdge(es, r.From.String(), r.To.String(), name)
		}
	}
	return es
}

func addEdge(es []edge, from, to, event string) []edge {
	for i := range es {
		if es[i].from == from && es[i].to == to {
			for _, e := range es[i].events {
				if e == event {
					return es
				}
			}
			es[i].events = append(es[i].events, event)
			return es
		}
	}
	return append(es, edge{from, to, []string{event}})
}

// WriteDOT writes the state diagrams of cache and home in the language of Graphviz.
func (p *Protocol) WriteDOT(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n\trankdir=LR; node [shape=ellipse, fontname=\"sans-serif\", fontsize=11]; edge [fontname=\"sans-serif\", fontsize=9];\n", p.name)
	part := func(id, title string, es []edge) {
		fmt.Fprintf(&b, "\tsubgraph cluster_%s {\n\t\tlabel=%q;\n", id, title)
		seen := map[string]bool{}
		for _, e := range es {
			for _, s := range []string{e.from, e.to} {
				if !seen[s] {
					seen[s] = true
					shape := ""
					if !strings.Contains(s, "_") {
						shape = ", peripheries=2"
					}
					fmt.Fprintf(&b, "\t\t%q [label=%q%s];\n", id+" "+s, s, shape)
				}
			}
		}
		for _, e := range es {
			fmt.Fprintf(&b, "\t\t%q -> %q [label=%q];\n", id+" "+e.from, id+" "+e.to, strings.Join(e.events, "\n"))
		}
		b.WriteString("\t}\n")
	}
	part("cache", p.name+", cache controller", p.cacheEdges())
	part("home", p.name+", home controller", p.homeEdges())
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// point is the place of a state in a diagram: stable states on one line, what leads to
// them above, what leads away from them below, so that the same state is at the same
// place in every protocol.
type point struct{ x, y int }

var cachePlaces = map[string]point{
	"I": {80, 420}, "S": {420, 300}, "F": {620, 380}, "O": {850, 400}, "E": {1060, 330}, "M": {1340, 420},
	"IS_D": {250, 190}, "ISI_D": {80, 120}, "IM_AD": {430, 60}, "IM_A": {800, 50}, "SM_AD": {640, 150}, "SM_A": {960, 130},
	"OM_AD": {860, 230}, "OM_A": {1140, 200},
	"SI_A": {420, 560}, "OI_A": {850, 560}, "EI_A": {1060, 520}, "MI_A": {1340, 600}, "II_A": {620, 660},
}

var homePlaces = map[string]point{
	"I": {100, 300}, "S": {500, 330}, "O": {880, 360}, "X": {1260, 300},
	"B_S": {310, 150}, "B_X": {700, 60}, "B_FF": {520, 130}, "B_FS": {900, 170}, "B_FSu": {740, 420}, "B_FSw": {900, 510}, "B_FX": {1260, 100},
	"R_S": {310, 450}, "R_X": {600, 600}, "A_S": {150, 600}, "A_X": {960, 640}, "A_P": {330, 660},
}

// WriteSVG writes the state diagrams of cache and home.
func (p *Protocol) WriteSVG(w io.Writer) error {
	var b strings.Builder
	const width, height = 1420, 700
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, 2*height, width, 2*height)
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#456"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, 2*height)
	drawDiagram(&b, 0, p.name+": cache controller", p.cacheEdges(), cachePlaces)
	drawDiagram(&b, height, p.name+": home controller", p.homeEdges(), homePlaces)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func drawDiagram(b *strings.Builder, top int, title string, es []edge, places map[string]point) {
	fmt.Fprintf(b, `<g transform="translate(0 %d)"><text x="20" y="24" font-size="16" font-weight="bold">%s</text>`+"\n", top, html.EscapeString(title))
	var order []string
	seen := map[string]bool{}
	var labels strings.Builder
	var taken boxes
	for _, e := range es {
		for _, s := range []string{e.from, e.to} {
			if !seen[s] {
				seen[s] = true
				p := places[s]
				taken = append(taken, box{float64(p.x) - 36, float64(p.y) - 20, float64(p.x) + 36, float64(p.y) + 20})
				order = append(order, s)
			}
		}
	}
	for _, e := range es {
		p, q := places[e.from], places[e.to]
		dx, dy := float64(q.x-p.x), float64(q.y-p.y)
		d := math.Hypot(dx, dy)
		// Every edge bends to its right, so there and back do not meet; long ones bend
		// more, to go around the states between.
		bend := 12 + d/6
		cx, cy := float64(p.x+q.x)/2-dy/d*bend, float64(p.y+q.y)/2+dx/d*bend
		sx, sy := rim(p, cx, cy)
		ex, ey := rim(q, cx, cy)
		fmt.Fprintf(b, `<path d="M%.0f %.0fQ%.0f %.0f %.0f %.0f" fill="none" stroke="#9ab" marker-end="url(#tip)"/>`+"\n", sx, sy, cx, cy, ex, ey)
		lx, ly := taken.place(e.events, func(t float64) (float64, float64) {
			return (1-t)*(1-t)*sx + 2*t*(1-t)*cx + t*t*ex, (1-t)*(1-t)*sy + 2*t*(1-t)*cy + t*t*ey
		})
		for j, ev := range e.events {
			fmt.Fprintf(&labels, `<text x="%.0f" y="%.0f" text-anchor="middle" font-size="10" fill="#234" stroke="#fff" stroke-width="3" paint-order="stroke">%s</text>`+"\n",
				lx, ly+3+12*float64(j), html.EscapeString(ev))
		}
	}
	b.WriteString(labels.String())
	for _, s := range order {
		p := places[s]
		fill := "#eef"
		if !strings.Contains(s, "_") {
			fill = "#fd9"
		}
		fmt.Fprintf(b, `<ellipse cx="%d" cy="%d" rx="34" ry="18" fill="%s" stroke="#456"/><text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", p.x, p.y, fill, p.x, p.y+4, s)
	}
	b.WriteString("</g>\n")
}

// rim returns where a line from the middle of a state's ellipse towards a point leaves it.
func rim(p point, x, y float64) (float64, float64) {
	dx, dy := x-float64(p.x), y-float64(p.y)
	k := 1 / math.Sqrt(dx*dx/(35*35)+dy*dy/(19*19))
	return float64(p.x) + k*dx, float64(p.y) + k*dy
}

type box struct{ left, top, right, bottom float64 }

// boxes are the places of a diagram that hold text already.
type boxes []box

// place finds room for the events of an edge: the point of its curve, as near to the
// middle as can be, where they cover least of what is there.
func (bs *boxes) place(events []string, at func(t float64) (x, y float64)) (x, y float64) {
	wide := 0
	for _, e := range events {
		wide = max(wide, len(e))
	}
	w, h := 3*float64(wide), 12*float64(len(events))
	best, least := box{}, math.Inf(1)
	for i := range 29 {
		// 0.5, then alternately below and above it, to 0.15 and 0.85.
		t := 0.5 + 0.025*float64((i+1)/2)*float64(1-2*(i%2))
		cx, cy := at(t)
		b := box{cx - w - 3, cy - h/2 - 1, cx + w + 3, cy + h/2 + 1}
		covered := 0.0
		for _, o := range *bs {
			covered += max(0, min(b.right, o.right)-max(b.left, o.left)) * max(0, min(b.bottom, o.bottom)-max(b.top, o.top))
		}
		if covered < least {
			best, least = b, covered
		}
	}
	*bs = append(*bs, best)
	return (best.left + best.right) / 2, best.top + 7
}
