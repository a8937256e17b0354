package report

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	plottext "gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgtex"
)

// FigureFormats lists the formats of figures, by file extension. tex is a pgf
// picture to be input into a paper.
func FigureFormats() []string { return []string{"svg", "pdf", "png", "tex"} }

// palette are colours that people with any kind of colour vision tell apart, after
// Okabe and Ito (2008), in an order in which neighbours differ in lightness too.
var palette = []color.RGBA{
	{0x00, 0x72, 0xb2, 255}, {0xd5, 0x5e, 0x00, 255}, {0x00, 0x9e, 0x73, 255}, {0xcc, 0x79, 0xa7, 255},
	{0x56, 0xb4, 0xe9, 255}, {0xe6, 0x9f, 0x00, 255}, {0x00, 0x00, 0x00, 255}, {0x99, 0x99, 0x99, 255},
}

var (
	glyphs = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}, draw.PlusGlyph{}}
	dashes = [][]vg.Length{nil, {vg.Points(4), vg.Points(2)}, {vg.Points(1.5), vg.Points(1.5)}, {vg.Points(6), vg.Points(2), vg.Points(1.5), vg.Points(2)}}
)

const fontSize = 7.5 // points, readable in a column of a paper

// Draw draws the figure in a format. The same figure gives the same bytes.
func (f *Figure) Draw(format string) ([]byte, error) {
	if !slices.Contains(FigureFormats(), format) {
		return nil, fmt.Errorf("unknown format %q of a figure%s", format, suggest(format, FigureFormats()))
	}
	if len(f.Lines) == 0 && len(f.Cells) == 0 {
		return nil, fmt.Errorf("%s: no point has a value to draw", f.Name)
	}
	say := func(s string) string { return s }
	if format == "tex" {
		say = escapeLatex
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = say(f.Title), say(f.X), say(f.Y)
	style(p)
	w, h := 8.5*vg.Centimeter, 6*vg.Centimeter
	if f.Width == "page" {
		w = 17.5 * vg.Centimeter
	}
	var around margin
	switch {
	case len(f.Cells) > 0:
		h = min(w*3/4, vg.Length(len(f.Rows))*vg.Centimeter+2*vg.Centimeter)
		around = f.drawHeat(p, say)
	case f.Bars:
		around = f.drawBars(p, say)
		if n := len(f.Groups); n > 1 {
			h += vg.Length(n) * p.Legend.TextStyle.Height("X") * 1.4
		}
	default:
		names := f.drawLines(p, say)
		if sty := p.Legend.TextStyle; tooLong(names, sty, w) {
			h += vg.Length(belowRows(names, sty, w)) * sty.Height("X") * 1.5
		}
		around = endNames(names, p.Legend.TextStyle)
	}
	small := p.Legend.TextStyle
	small.Font.Size, small.Color = 4.5, color.Gray{130}
	source := fold(f.Source, w-vg.Points(4), small, say)
	foot := vg.Length(len(source)) * vg.Points(5.5)
	return paintOn(format, w, h+foot, func(c draw.Canvas) {
		for i, line := range source {
			write(c, small, vg.Point{X: c.Min.X + vg.Points(2), Y: c.Min.Y + foot - (vg.Length(i)+0.5)*vg.Points(5.5)}, draw.XLeft, line)
		}
		c = draw.Crop(c, vg.Points(2), -vg.Points(2), foot+vg.Points(1), -vg.Points(2))
		area, finish := around(c)
		p.Draw(area)
		finish(p, area)
	})
}

// fold breaks lines of text at blanks so that they fit, and makes them sayable.
func fold(lines []string, w vg.Length, sty plottext.Style, say func(string) string) []string {
	var out []string
	for _, l := range lines {
		line := ""
		for _, word := range strings.Fields(l) {
			if line != "" && sty.Width(line+" "+word) > w {
				out, line = append(out, say(line)), ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		out = append(out, say(line))
	}
	return out
}

// style sets the look that all figures share.
func style(p *plot.Plot) {
	face := font.Font{Typeface: "Liberation", Variant: "Sans", Size: fontSize}
	for _, s := range []*plottext.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		s.Font = face
	}
	p.Title.Padding = vg.Points(4)
	p.X.Padding, p.Y.Padding = vg.Points(2), vg.Points(2)
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color, grid.Horizontal.Width = color.Gray{225}, vg.Points(0.4)
	p.Add(grid)
}

// paintOn draws on a fresh canvas of a format.
func paintOn(format string, w, h vg.Length, paint func(draw.Canvas)) ([]byte, error) {
	var b bytes.Buffer
	if format == "tex" {
		c := vgtex.New(w, h) // a fragment
		paint(draw.New(c))
		_, err := c.WriteTo(&b)
		return b.Bytes(), err
	}
	if format == "png" {
		c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(220))}
		paint(draw.New(c))
		_, err := c.WriteTo(&b)
		return b.Bytes(), err
	}
	c, err := draw.NewFormattedCanvas(w, h, format)
	if err != nil {
		return nil, err
	}
	paint(draw.New(c))
	_, err = c.WriteTo(&b)
	if format == "pdf" { // the time of day has no place in a result
		return pdfDate.ReplaceAll(b.Bytes(), []byte("(D:20000101000000)")), err
	}
	return b.Bytes(), err
}

var pdfDate = regexp.MustCompile(`\(D:\d{14}\)`)

// nameAt is the name of a line and where the line ends.
type nameAt struct {
	text string
	look color.Color
	line draw.LineStyle
	mark draw.GlyphStyle
	y    float64 // of the data, at the line's end
}

// margin makes room around a plot: the canvas that is left for it, and what to draw
// into the room once the plot is there.
type margin func(c draw.Canvas) (area draw.Canvas, finish func(*plot.Plot, draw.Canvas))

// endNames puts the names at the right, beside the ends of their lines, or, where
// they are too long for that, below with the marks of their lines.
func endNames(names []nameAt, sty plottext.Style) margin {
	return func(c draw.Canvas) (draw.Canvas, func(*plot.Plot, draw.Canvas)) {
		room := vg.Length(0)
		for _, n := range names {
			room = max(room, sty.Width(n.text))
		}
		if tooLong(names, sty, c.Max.X-c.Min.X) {
			return below(c, names, sty)
		}
		room += vg.Points(8)
		return draw.Crop(c, 0, -room, 0, 0), func(p *plot.Plot, area draw.Canvas) {
			data := p.DataCanvas(area)
			type spot struct {
				nameAt
				at vg.Length
			}
			var spots []spot
			for _, n := range names {
				spots = append(spots, spot{n, data.Y(p.Y.Norm(n.y))})
			}
			slices.SortStableFunc(spots, func(a, b spot) int { return cmp.Compare(a.at, b.at) })
			apart := sty.Height("X") * 1.25
			bottom := c.Min.Y + apart/2
			for i := range spots { // upwards, each above the one before
				spots[i].at = max(spots[i].at, bottom)
				bottom = spots[i].at + apart
			}
			for i, top := len(spots)-1, c.Max.Y-apart/2; i >= 0; i-- { // and back down, below the edge
				spots[i].at = min(spots[i].at, top)
				top = spots[i].at - apart
			}
			for _, s := range spots {
				sty := sty
				sty.Color = s.look
				write(c, sty, vg.Point{X: area.Max.X + vg.Points(5), Y: s.at}, draw.XLeft, s.text)
			}
		}
	}
}

// tooLong reports whether names would take more than a third of the width.
func tooLong(names []nameAt, sty plottext.Style, width vg.Length) bool {
	return slices.ContainsFunc(names, func(n nameAt) bool { return sty.Width(n.text) > width*0.35 })
}

// keyWidth is the room of a line's mark in front of its name.
const keyWidth = 18

// belowRows is in how many rows below lists the names.
func belowRows(names []nameAt, sty plottext.Style, width vg.Length) int {
	widest := vg.Length(0)
	for _, n := range names {
		widest = max(widest, sty.Width(n.text))
	}
	columns := max(1, min(len(names), int(width/(widest+vg.Points(keyWidth+8)))))
	return (len(names) + columns - 1) / columns
}

// below lists the names under the plot, in several columns where they fit.
func below(c draw.Canvas, names []nameAt, sty plottext.Style) (draw.Canvas, func(*plot.Plot, draw.Canvas)) {
	key, apart := vg.Points(keyWidth), sty.Height("X")*1.5
	rows := belowRows(names, sty, c.Max.X-c.Min.X)
	columns := (len(names) + rows - 1) / rows
	high := vg.Length(rows)*apart + vg.Points(3)
	return draw.Crop(c, 0, -vg.Points(6), high, 0), func(*plot.Plot, draw.Canvas) {
		for i, n := range names {
			x := c.Min.X + vg.Length(i/rows)*(c.Max.X-c.Min.X)/vg.Length(columns) + vg.Points(4)
			y := c.Min.Y + high - vg.Points(3) - (vg.Length(i%rows)+0.5)*apart
			c.StrokeLine2(n.line, x, y, x+key-vg.Points(4), y)
			c.DrawGlyph(n.mark, vg.Point{X: x + (key-vg.Points(4))/2, Y: y})
			write(c, sty, vg.Point{X: x + key, Y: y}, draw.XLeft, n.text)
		}
	}
}

// si writes a number with three digits and a metric prefix: 12.5M.
func si(v float64) string {
	if v == 0 {
		return "0"
	}
	const digits = 3
	for _, u := range []struct {
		name string
		size float64
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}, {"", 1}, {"m", 1e-3}, {"µ", 1e-6}, {"n", 1e-9}} {
		if math.Abs(v) >= u.size*(1-1e-9) && math.Abs(v) < 999.5*u.size {
			return strconv.FormatFloat(math.Round(v/u.size*1e6)/1e6, 'g', digits, 64) + u.name
		}
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}

// siTicks are gonum's ticks with labels that fit.
type siTicks struct{ say func(string) string }

func (t siTicks) Ticks(lo, hi float64) []plot.Tick {
	ts := plot.DefaultTicks{}.Ticks(lo, hi)
	for i := range ts {
		if ts[i].Label != "" {
			ts[i].Label = t.say(si(ts[i].Value))
		}
	}
	return ts
}

// fixedTicks are labelled places.
func fixedTicks(at []float64, labels []string, say func(string) string) plot.ConstantTicks {
	var ts plot.ConstantTicks
	for i, x := range at {
		ts = append(ts, plot.Tick{Value: x, Label: say(labels[i])})
	}
	return ts
}
