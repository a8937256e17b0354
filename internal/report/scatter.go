package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Scatter is a log-log figure of pairs that should be equal, with bands around
// the diagonal.
type Scatter struct {
	Title, X, Y string
	Series      []Series
	Bands       []float64 // shares: 0.1 is the band within 10 %
}

// Series are points of one look. X and Y are above 0.
type Series struct {
	Name   string
	Hollow bool
	XY     [][2]float64
}

// DrawScatter draws a figure as svg or png.
func DrawScatter(s Scatter, format string) ([]byte, error) {
	if format != "svg" && format != "png" {
		return nil, fmt.Errorf("a figure is svg or png, not %q", format)
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = s.Title, s.X, s.Y
	lo, hi := math.Inf(1), 0.0
	for _, ser := range s.Series {
		for _, xy := range ser.XY {
			lo, hi = min(lo, xy[0], xy[1]), max(hi, xy[0], xy[1])
		}
	}
	if hi == 0 {
		return nil, fmt.Errorf("there is nothing to draw")
	}
	lo, hi = lo/1.5, hi*1.5
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Scale, axis.Tick.Marker = plot.LogScale{}, decades{}
		axis.Min, axis.Max = lo, hi
	}
	bands := slices.Clone(s.Bands)
	slices.Sort(bands)
	for i := range bands { // the widest first, so that narrower ones lie over it
		b := 1 + bands[len(bands)-1-i]
		band, err := plotter.NewPolygon(plotter.XYs{{X: lo, Y: lo / b}, {X: hi, Y: hi / b}, {X: hi, Y: hi * b}, {X: lo, Y: lo * b}})
		if err != nil {
			return nil, err
		}
		grey := uint8(238 - 22*i)
		band.Color, band.LineStyle.Width = color.Gray{grey}, 0
		p.Add(clipped{band, lo, hi})
		p.Legend.Add(fmt.Sprintf("within %.0f %%", 100*(b-1)), band)
	}
	diagonal, err := plotter.NewLine(plotter.XYs{{X: lo, Y: lo}, {X: hi, Y: hi}})
	if err != nil {
		return nil, err
	}
	diagonal.Color = color.Gray{120}
	p.Add(diagonal)
	for i, ser := range s.Series {
		if len(ser.XY) == 0 {
			continue
		}
		xys := make(plotter.XYs, len(ser.XY))
		for k, xy := range ser.XY {
			xys[k].X, xys[k].Y = xy[0], xy[1]
		}
		sc, err := plotter.NewScatter(xys)
		if err != nil {
			return nil, err
		}
		sc.Color, sc.Radius, sc.Shape = palette[i%len(palette)], vg.Points(2.2), draw.CircleGlyph{}
		if ser.Hollow {
			sc.Shape = draw.RingGlyph{}
		}
		p.Add(sc)
		p.Legend.Add(ser.Name, sc)
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(6), -vg.Points(4)
	w, err := p.WriterTo(14*vg.Centimeter, 14*vg.Centimeter, format)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}

// clipped keeps a polygon's ends from widening the axes.
type clipped struct {
	*plotter.Polygon
	lo, hi float64
}

func (c clipped) DataRange() (xmin, xmax, ymin, ymax float64) { return c.lo, c.hi, c.lo, c.hi }

// decades labels powers of ten, and marks what lies between.
type decades struct{}

func (decades) Ticks(lo, hi float64) []plot.Tick {
	var ts []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for k := 1.0; k < 10; k++ {
			v := k * math.Pow(10, e)
			if v < lo || v > hi {
				continue
			}
			t := plot.Tick{Value: v}
			if k == 1 || hi/lo < 50 && (k == 2 || k == 5) {
				t.Label = fmt.Sprintf("%g", v)
			}
			ts = append(ts, t)
		}
	}
	return ts
}
