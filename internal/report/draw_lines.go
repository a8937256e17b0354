package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// drawLines draws a line for each series, with marks, and error bars where there
// are several seeds, and returns their names.
func (f *Figure) drawLines(p *plot.Plot, say func(string) string) []nameAt {
	xs := f.Xs
	if f.Log2 {
		p.X.Scale = plot.LogScale{}
	}
	p.X.Tick.Marker = fixedTicks(xs, thinned(f.Ticks, f.Width), say)
	p.Y.Tick.Marker = siTicks{say}
	var names []nameAt
	for i, l := range f.Lines {
		xy := make(plotter.XYs, 0, len(xs))
		var errs plotter.YErrors
		for k, y := range l.Y {
			if math.IsNaN(y) {
				continue
			}
			xy = append(xy, plotter.XY{X: xs[k], Y: y})
			if l.Lo != nil && !math.IsNaN(l.Lo[k]) {
				errs = append(errs, struct{ Low, High float64 }{y - l.Lo[k], l.Hi[k] - y})
			} else {
				errs = append(errs, struct{ Low, High float64 }{})
			}
		}
		look := palette[i%len(palette)]
		line, marks, err := plotter.NewLinePoints(xy)
		if err != nil {
			continue // no two numbers
		}
		line.Color, line.Width, line.Dashes = look, vg.Points(1.1), dashes[i/len(palette)%len(dashes)]
		marks.Color, marks.Shape, marks.Radius = look, glyphs[i%len(glyphs)], vg.Points(2)
		p.Add(line, marks)
		if l.Lo != nil {
			bars, err := plotter.NewYErrorBars(struct {
				plotter.XYer
				plotter.YErrorer
			}{xy, errs})
			if err == nil {
				bars.Color, bars.Width, bars.CapWidth = look, vg.Points(0.8), vg.Points(3.5)
				p.Add(bars)
			}
		}
		if len(f.Lines) > 1 || l.Name != "" {
			names = append(names, nameAt{say(l.Name), look, line.LineStyle, marks.GlyphStyle, xy[len(xy)-1].Y})
		}
	}
	if f.From0 {
		p.Y.Min = math.Min(p.Y.Min, 0)
	}
	if p.Y.Max == p.Y.Min {
		p.Y.Max++
	}
	p.Y.Max += (p.Y.Max - p.Y.Min) * 0.04
	return names
}

// thinned leaves labels out where there are too many for the width.
func thinned(labels []string, width string) []string {
	room := 60 // characters
	if width == "page" {
		room = 140
	}
	chars := 0
	for _, l := range labels {
		chars += len(l) + 2
	}
	every := (chars + room - 1) / room
	if every < 2 {
		return labels
	}
	out := make([]string, len(labels))
	for i := 0; i < len(labels); i += every {
		out[i] = labels[i]
	}
	return out
}
