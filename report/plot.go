package report

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	_ "gonum.org/v1/plot/vg/vgpdf"
	_ "gonum.org/v1/plot/vg/vgsvg"
)

// PlotFormats are the formats of WritePlot.
var PlotFormats = []string{"svg", "png", "pdf"}

// The colours of the runs: told apart by people who see colours otherwise, and in
// grey (Okabe and Ito).
var runColours = []color.NRGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255},
}

var grey = color.NRGBA{130, 130, 130, 255}

// WritePlot draws accuracy over cost, at a size that fits one column of a paper.
func (d *Data) WritePlot(w io.Writer, format string) error {
	p, err := d.plot()
	if err != nil {
		return err
	}
	const width, height = 6 * vg.Inch, 4 * vg.Inch
	if format == "png" {
		c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(220))
		p.Draw(draw.New(c))
		_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
		return err
	}
	image, err := p.WriterTo(width, height, format)
	if err != nil {
		return err
	}
	_, err = image.WriteTo(w)
	return err
}

// A place is a point of the plot, with its 95 % interval.
type place struct{ cost, accuracy, low, high float64 }

func (d *Data) plot() (*plot.Plot, error) {
	split := d.Search
	if d.Test != nil {
		split = *d.Test
	}
	p := plot.New()
	p.X.Label.Text = costLabel(d.Cost) + " a sample"
	p.Y.Label.Text = "accuracy on " + drawable(split.Name) + " (%)"
	p.X.Scale, p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogScale{}, costTicks{}, percentTicks{}
	for _, style := range []*text.Style{&p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
		style.Font.Size = vg.Points(10)
	}
	p.Legend.Left, p.Legend.Top = false, false
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-8), vg.Points(6)
	p.Legend.Padding = vg.Points(2)
	p.Legend.ThumbnailWidth = vg.Points(22)

	bounds := place{cost: math.Inf(1), low: math.Inf(1)}
	var fronts [][]place
	for _, r := range d.Runs {
		front := d.places(r)
		for _, at := range front {
			bounds.cost, bounds.low, bounds.high = min(bounds.cost, at.cost), min(bounds.low, at.low), max(bounds.high, at.high)
		}
		fronts = append(fronts, front)
	}
	dots, stairs := d.singles(bounds)
	highest := bounds.cost
	for _, list := range append([][]place{stairs}, fronts...) {
		for _, at := range list {
			highest = max(highest, at.cost)
		}
	}
	dots = slices.DeleteFunc(dots, func(at place) bool { return at.cost > highest })

	scatter, err := plotter.NewScatter(corners(dots, false))
	if err != nil {
		return nil, err
	}
	scatter.GlyphStyle = draw.GlyphStyle{Color: color.NRGBA{130, 130, 130, 150}, Radius: vg.Points(1.8), Shape: draw.CircleGlyph{}}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid, scatter)
	p.Legend.Add("single models", scatter)
	if len(stairs) > 0 {
		stairs = append(stairs, place{cost: highest, accuracy: stairs[len(stairs)-1].accuracy})
		line, err := plotter.NewLine(corners(stairs, true))
		if err != nil {
			return nil, err
		}
		line.LineStyle = draw.LineStyle{Color: grey, Width: vg.Points(1)}
		p.Add(line)
		p.Legend.Add("best single model", line)
	}
	// What the search found holds from one cost to the next. On other samples the
	// cascades are points that a line joins.
	steps := d.Test == nil
	for i, front := range fronts {
		c := runColours[i%len(runColours)]
		band, err := plotter.NewPolygon(outline(front, steps))
		if err != nil {
			return nil, err
		}
		band.LineStyle.Width = 0
		band.Color = color.NRGBA{c.R, c.G, c.B, 40}
		p.Add(band)
	}
	for i, front := range fronts {
		line, err := plotter.NewLine(corners(front, steps))
		if err != nil {
			return nil, err
		}
		line.LineStyle = draw.LineStyle{Color: runColours[i%len(runColours)], Width: vg.Points(1.6)}
		p.Add(line)
		name := "cascades, 95 % band"
		if len(fronts) > 1 {
			name = drawable(d.Runs[i].Name)
		}
		p.Legend.Add(name, line)
	}
	p.X.Min, p.X.Max = bounds.cost/1.05, max(highest, bounds.cost)*1.05
	air := max(0.02*(bounds.high-bounds.low), 1e-3)
	p.Y.Min, p.Y.Max = 100*(bounds.low-air), 100*(bounds.high+air)
	return p, nil
}

// places returns a front's points in ascending order of cost, on the test split
// where there is one.
func (d *Data) places(r Run) []place {
	var front []place
	for _, c := range r.Cascades {
		correct, cost, n := c.Correct, c.Cost, d.Search.Samples
		if d.Test != nil {
			correct, cost, n = c.Test.Correct, c.Test.Cost, d.Test.Samples
		}
		low, high := wilson(correct, n)
		front = append(front, place{cost, float64(correct) / float64(n), low, high})
	}
	slices.SortStableFunc(front, func(a, b place) int { return cmp.Compare(a.cost, b.cost) })
	return front
}

// singles returns the models that fit a picture beside the fronts, and the best of
// all at every cost.
func (d *Data) singles(bounds place) (dots, stairs []place) {
	models, samples := d.alone, d.Search.Samples
	if d.Test != nil {
		models, samples = nil, d.Test.Samples
		for _, m := range d.Models {
			if m.Test != nil {
				models = append(models, front.Model{Cost: m.Cost, Correct: *m.Test})
			}
		}
	}
	at := func(models []front.Model) (places []place) {
		for _, m := range models {
			places = append(places, place{cost: m.Cost, accuracy: float64(m.Correct) / float64(samples)})
		}
		return places
	}
	dots, stairs = at(models), at(front.Stairs(models))
	outside := func(at place) bool { return at.accuracy < bounds.low || at.cost < bounds.cost }
	return slices.DeleteFunc(dots, outside), slices.DeleteFunc(stairs, outside)
}

// corners are the points of a line in percent: the places themselves, or steps that
// go from each to the next and then up.
func corners(list []place, steps bool) plotter.XYs {
	var line plotter.XYs
	for i, at := range list {
		if steps && i > 0 {
			line = append(line, plotter.XY{X: at.cost, Y: 100 * list[i-1].accuracy})
		}
		line = append(line, plotter.XY{X: at.cost, Y: 100 * at.accuracy})
	}
	return line
}

// outline goes along the upper ends of the intervals and back along the lower.
func outline(front []place, steps bool) plotter.XYs {
	upper, lower := slices.Clone(front), slices.Clone(front)
	for i, at := range front {
		upper[i].accuracy, lower[i].accuracy = at.high, at.low
	}
	back := corners(lower, steps)
	slices.Reverse(back)
	return append(corners(upper, steps), back...)
}

func costLabel(column string) string {
	if column == "gflops" {
		return "GFLOPs"
	}
	return drawable(column)
}

// drawable is text that fits a legend and has no character that an SVG or PDF may
// not hold.
func drawable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r == 0xfffe || r == 0xffff || r == 0xfffd {
			return ' '
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > 40 {
		return string(runes[:39]) + "…"
	}
	return name
}

// percentTicks marks some eight round values.
type percentTicks struct{}

func (percentTicks) Ticks(low, high float64) []plot.Tick {
	power := math.Pow(10, math.Floor(math.Log10((high-low)/8)))
	step := 10 * power
	for _, f := range []float64{5, 2, 1} {
		if (high-low)/(f*power) <= 8 {
			step = f * power
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(low / step); i*step <= high; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: fmt.Sprintf("%.5g", i*step)})
	}
	return ticks
}

// costTicks marks 1, 2 and 5 times the powers of ten, fewer where they would crowd.
type costTicks struct{}

func (costTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	decades := math.Log10(high / low)
	for e := math.Floor(math.Log10(low)); e <= math.Log10(high); e++ {
		for f := 1.0; f < 10; f++ {
			v := f * math.Pow(10, e)
			if v < low || v > high {
				continue
			}
			t := plot.Tick{Value: v}
			if f == 1 || decades < 3.5 && (f == 2 || f == 5) || decades < 0.7 {
				t.Label = fmt.Sprintf("%.4g", v)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
