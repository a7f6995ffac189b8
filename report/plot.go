package report

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	_ "gonum.org/v1/plot/vg/vgpdf"
	_ "gonum.org/v1/plot/vg/vgsvg"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
)

// PlotFormats are the formats of WritePlot.
var PlotFormats = []string{"svg", "png", "pdf"}

// The colours of the runs, distinct for colour-blind people and in grey, too (Okabe and
// Ito).
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
	unit := drawable(d.Cost)
	if d.Cost == "gflops" {
		unit = "GFLOPs"
	}
	p := plot.New()
	p.X.Label.Text = unit + " a sample"
	p.Y.Label.Text = "accuracy on " + drawable(d.shown().Name) + " (%)"
	p.X.Scale, p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(costTicks), plot.TickerFunc(percentTicks)
	for _, style := range []*text.Style{&p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
		style.Font.Size = vg.Points(10)
	}
	p.Legend.Left, p.Legend.Top = false, false
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-8), vg.Points(6)
	p.Legend.Padding = vg.Points(2)
	p.Legend.ThumbnailWidth = vg.Points(22)

	var fronts [][]place
	for _, r := range d.Runs {
		fronts = append(fronts, d.places(r))
	}
	bounds := place{cost: math.Inf(1), low: math.Inf(1)}
	for _, at := range slices.Concat(fronts...) {
		bounds.cost, bounds.low, bounds.high = min(bounds.cost, at.cost), min(bounds.low, at.low), max(bounds.high, at.high)
	}
	dots, stairs := d.singles(bounds)
	highest := bounds.cost
	for _, at := range slices.Concat(slices.Concat(fronts...), stairs) {
		highest = max(highest, at.cost)
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
	// On the search split the front is a staircase. On other samples the cascades are
	// points joined by a line.
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

// shown returns the split whose results are drawn.
func (d *Data) shown() *front.Split {
	if d.Test != nil {
		return d.Test
	}
	return &d.Search
}

// places returns a front's points in ascending order of cost, on the test split if
// there is one.
func (d *Data) places(r Run) []place {
	var front []place
	for _, c := range r.Cascades {
		correct, cost, n := c.Correct, c.Cost, d.shown().Samples
		if d.Test != nil {
			correct, cost = c.Test.Correct, c.Test.Cost
		}
		low, high := wilson(correct, n)
		front = append(front, place{cost, float64(correct) / float64(n), low, high})
	}
	slices.SortStableFunc(front, func(a, b place) int { return cmp.Compare(a.cost, b.cost) })
	return front
}

// singles returns the models within the range of the fronts, and the best of all at
// every cost.
func (d *Data) singles(bounds place) (dots, stairs []place) {
	models := d.alone
	if d.Test != nil {
		models = nil
		for _, m := range d.Models {
			if m.Test != nil {
				models = append(models, front.Model{Cost: m.Cost, Correct: *m.Test})
			}
		}
	}
	at := func(models []front.Model) (places []place) {
		for _, m := range models {
			places = append(places, place{cost: m.Cost, accuracy: float64(m.Correct) / float64(d.shown().Samples)})
		}
		return places
	}
	dots, stairs = at(models), at(front.Stairs(models))
	outside := func(at place) bool { return at.accuracy < bounds.low || at.cost < bounds.cost }
	return slices.DeleteFunc(dots, outside), slices.DeleteFunc(stairs, outside)
}

// corners are the points of a line in percent: the places themselves, or steps from
// each to the next one.
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

// outline follows the upper ends of the intervals, and back the lower ones.
func outline(front []place, steps bool) plotter.XYs {
	upper, lower := slices.Clone(front), slices.Clone(front)
	for i, at := range front {
		upper[i].accuracy, lower[i].accuracy = at.high, at.low
	}
	back := corners(lower, steps)
	slices.Reverse(back)
	return append(corners(upper, steps), back...)
}

// drawable is text that fits a legend, without characters that SVG or PDF forbid.
func drawable(name string) string { return ui.Fit(ui.Safe(name), 40) }

// percentTicks marks up to eight round values.
func percentTicks(low, high float64) (ticks []plot.Tick) {
	values, _ := ui.Steps(low, high, 8)
	for _, v := range values {
		ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%.5g", v)})
	}
	return ticks
}

// costTicks marks all multiples of powers of ten, and labels those that have room.
func costTicks(low, high float64) (ticks []plot.Tick) {
	labelled := ui.LogSteps(low, high, 10.5)
	for _, v := range ui.LogSteps(low, high, math.Inf(1)) {
		t := plot.Tick{Value: v}
		if slices.Contains(labelled, v) {
			t.Label = fmt.Sprintf("%.4g", v)
		}
		ticks = append(ticks, t)
	}
	return ticks
}
