package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	plottext "gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// stackedBar is one bar: the heights of its parts, from the bottom.
type stackedBar struct {
	x, width float64
	parts    []float64
}

// stackedBars draws bars in the coordinates of the data.
type stackedBars []stackedBar

func (s stackedBars) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	edge := draw.LineStyle{Color: color.White, Width: vg.Points(0.3)}
	for _, b := range s {
		at := 0.0
		for i, h := range b.parts {
			if h == 0 {
				continue
			}
			l, r, lo, hi := tx(b.x), tx(b.x+b.width), ty(at), ty(at+h)
			corners := []vg.Point{{X: l, Y: lo}, {X: r, Y: lo}, {X: r, Y: hi}, {X: l, Y: hi}}
			c.FillPolygon(palette[i%len(palette)], corners)
			c.StrokeLines(edge, append(corners, corners[0]))
			at += h
		}
	}
}

func (s stackedBars) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax = math.Inf(1), math.Inf(-1)
	for _, b := range s {
		sum := 0.0
		for _, h := range b.parts {
			sum += h
		}
		xmin, xmax, ymax = min(xmin, b.x), max(xmax, b.x+b.width), max(ymax, sum)
	}
	return xmin, xmax, 0, ymax
}

// drawBars draws stacked bars; the series of an x stand side by side, numbered, and
// the parts' names stand at the right in the order of the stack.
func (f *Figure) drawBars(p *plot.Plot, say func(string) string) margin {
	n := len(f.Groups)
	width := 0.8 / float64(n)
	var all stackedBars
	var at []float64
	var labels []string
	for g := range f.Groups {
		for i, x := range f.Xs {
			b := stackedBar{x: x - 0.4 + width*(float64(g)+0.04), width: width * 0.92}
			for _, l := range f.Lines {
				b.parts = append(b.parts, l.Y[g*len(f.Xs)+i])
			}
			all = append(all, b)
		}
	}
	for i, x := range f.Xs {
		at, labels = append(at, x), append(labels, f.Ticks[i])
	}
	p.Add(all)
	p.Y.Max *= 1.07 // for the letters
	p.X.Tick.Marker = fixedTicks(at, thinned(labels, f.Width), say)
	p.Y.Tick.Marker = siTicks{say}
	sty := p.Legend.TextStyle
	var keys []string
	for g, name := range f.Groups {
		if n > 1 {
			keys = append(keys, say(string(rune('a'+g%26))+"  "+name))
		}
	}
	return func(c draw.Canvas) (draw.Canvas, func(*plot.Plot, draw.Canvas)) {
		room := vg.Length(0)
		for _, l := range f.Lines {
			room = max(room, sty.Width(say(l.Name)))
		}
		room += vg.Points(16)
		high := vg.Length(len(keys)) * sty.Height("X") * 1.4
		return draw.Crop(c, 0, -room, high, 0), func(p *plot.Plot, area draw.Canvas) {
			data := p.DataCanvas(area)
			box := sty.Height("X")
			top := data.Max.Y - box
			for i := len(f.Lines) - 1; i >= 0; i-- { // the top of the stack first
				x := area.Max.X + vg.Points(5)
				c.FillPolygon(palette[i%len(palette)], []vg.Point{{X: x, Y: top}, {X: x + box, Y: top}, {X: x + box, Y: top + box}, {X: x, Y: top + box}})
				write(c, sty, vg.Point{X: x + box + vg.Points(3), Y: top + box/2}, draw.XLeft, say(f.Lines[i].Name))
				top -= box * 1.5
			}
			for k, key := range keys {
				write(c, sty, vg.Point{X: data.Min.X, Y: c.Min.Y + high - sty.Height("X")*1.4*(vg.Length(k)+0.5)}, draw.XLeft, key)
			}
			if n > 1 {
				tx, ty := p.Transforms(&data)
				small := sty
				small.Font.Size = fontSize - 1.5
				for i, b := range all {
					sum := 0.0
					for _, h := range b.parts {
						sum += h
					}
					write(c, small, vg.Point{X: tx(b.x + b.width/2), Y: ty(sum) + vg.Points(4)}, draw.XCenter, string(rune('a'+i/len(f.Xs)%26)))
				}
			}
		}
	}
}

func write(c draw.Canvas, sty plottext.Style, at vg.Point, align plottext.XAlignment, s string) {
	sty.XAlign, sty.YAlign = align, draw.YCenter
	c.FillText(sty, at, s)
}
