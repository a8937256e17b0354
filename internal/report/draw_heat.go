package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// squares draws the cells of a heat map with their numbers.
type squares struct {
	f      *Figure
	lo, hi float64
	colour func(v float64) color.Color
	say    func(string) string
}

func (s squares) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	sty := p.Legend.TextStyle
	for r, row := range s.f.Cells {
		for k, v := range row {
			l, right, lo, hi := tx(float64(k)-0.5), tx(float64(k)+0.5), ty(float64(r)-0.5), ty(float64(r)+0.5)
			if math.IsNaN(v) {
				continue
			}
			c.FillPolygon(s.colour(v), []vg.Point{{X: l, Y: lo}, {X: right, Y: lo}, {X: right, Y: hi}, {X: l, Y: hi}})
			label := s.say(si(v))
			if sty.Width(label) > (right-l)*0.95 || sty.Height(label) > (hi-lo)*0.95 {
				continue
			}
			text := sty
			text.Color = color.White
			if red, green, blue, _ := s.colour(v).RGBA(); 3*red+6*green+blue > 5*0xffff {
				text.Color = color.Black
			}
			write(c, text, vg.Point{X: (l + right) / 2, Y: (lo + hi) / 2}, draw.XCenter, label)
		}
	}
}

func (s squares) DataRange() (xmin, xmax, ymin, ymax float64) {
	return -0.5, float64(len(s.f.Ticks)) - 0.5, -0.5, float64(len(s.f.Rows)) - 0.5
}

// drawHeat draws a heat map, dark to light, with a scale at the right.
func (f *Figure) drawHeat(p *plot.Plot, say func(string) string) margin {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, row := range f.Cells {
		for _, v := range row {
			if !math.IsNaN(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if !(hi > lo) {
		hi = lo + 1
	}
	colours := moreland.Kindlmann() // lightness grows evenly, whatever colours one sees
	colours.SetMin(0)
	colours.SetMax(1)
	colour := func(v float64) color.Color {
		c, err := colours.At(0.12 + 0.83*(v-lo)/(hi-lo)) // neither black nor white
		if err != nil {
			return color.Gray{128}
		}
		return c
	}
	p.Add(squares{f, lo, hi, colour, say})
	p.X.Tick.Marker = fixedTicks(f.Xs, thinned(f.Ticks, f.Width), say)
	var rows []float64
	for i := range f.Rows {
		rows = append(rows, float64(i))
	}
	p.Y.Tick.Marker = fixedTicks(rows, f.Rows, say)
	p.X.Padding, p.Y.Padding = 0, 0
	sty := p.Legend.TextStyle
	return func(c draw.Canvas) (draw.Canvas, func(*plot.Plot, draw.Canvas)) {
		room := max(sty.Width(say(si(lo))), sty.Width(say(si(hi)))) + vg.Points(34)
		return draw.Crop(c, 0, -room, 0, 0), func(p *plot.Plot, area draw.Canvas) {
			data := p.DataCanvas(area)
			x, w, steps := area.Max.X+vg.Points(8), vg.Points(8), 64
			high := data.Max.Y - data.Min.Y
			for i := range steps {
				y := data.Min.Y + high*vg.Length(i)/vg.Length(steps)
				top := y + high/vg.Length(steps) + vg.Points(0.2)
				c.FillPolygon(colour(lo+(hi-lo)*(float64(i)+0.5)/float64(steps)), []vg.Point{{X: x, Y: y}, {X: x + w, Y: y}, {X: x + w, Y: top}, {X: x, Y: top}})
			}
			for _, v := range []float64{lo, (lo + hi) / 2, hi} {
				y := data.Min.Y + high*vg.Length((v-lo)/(hi-lo))
				write(c, sty, vg.Point{X: x + w + vg.Points(3), Y: min(max(y, data.Min.Y+vg.Points(3)), data.Max.Y-vg.Points(3))}, draw.XLeft, say(si(v)))
			}
			side := sty
			side.Rotation, side.XAlign, side.YAlign = math.Pi/2, draw.XCenter, draw.YTop
			c.FillText(side, vg.Point{X: c.Max.X - sty.Height("X") - vg.Points(4), Y: (data.Min.Y + data.Max.Y) / 2}, say(f.Unit))
		}
	}
}
