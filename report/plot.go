package report

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
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
func (d *Data) WritePlot(w io.Writer, format string) (err error) {
	if format == "pdf" {
		if err := checkTemporary(); err != nil {
			return err
		}
	}
	defer func() {
		if r := recover(); r != nil { // as the library does for what it cannot write
			err = fmt.Errorf("drawing as %s: %v", format, r)
		}
	}()
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

// checkTemporary reports whether fonts of a PDF can be made, for which the library writes
// temporary files. It panics if it cannot.
func checkTemporary() error {
	dir, err := os.MkdirTemp("", "encas-zoo-")
	if err != nil {
		return fmt.Errorf("drawing as pdf needs temporary files: %w; set TMPDIR to a folder that can be written, or name another format (--format svg)", err)
	}
	return os.Remove(dir)
}

// A place is a point of the plot, with its 95 % interval; low and high are its accuracy if
// there is none.
type place struct{ cost, accuracy, low, high float64 }

// A view is which accuracies a plot shows.
type view int

const (
	onTest   view = iota // measured on the test split
	expected             // expected on other samples
	searched             // on the samples searched
)

// view returns the view of a plot: as measured, or else as expected, on other samples.
func (d *Data) view() view {
	if d.Test != nil {
		return onTest
	}
	for _, r := range d.Runs {
		for _, c := range r.Cascades {
			if c.Expected == nil {
				return searched
			}
		}
	}
	return expected
}

func (d *Data) axis() string {
	switch d.view() {
	case onTest:
		return "accuracy measured on " + drawable(d.Test.Name) + " (%)"
	case expected:
		return "accuracy expected on other samples (%)"
	}
	return "accuracy on the samples searched (%)"
}

// at returns the place of a cascade. On the samples searched it has no interval: cascades
// were chosen for their luck there. A simultaneous band of the whole front would have its
// ends here.
func (d *Data) at(c Cascade) place {
	switch d.view() {
	case onTest:
		low, high := wilson(c.Test.Correct, d.Test.Samples)
		return place{c.Test.Cost, float64(c.Test.Correct) / float64(d.Test.Samples), low, high}
	case expected:
		return place{c.Cost, c.Expected.Accuracy, c.Expected.Interval[0], c.Expected.Interval[1]}
	}
	return place{c.Cost, c.OnSearched(), c.OnSearched(), c.OnSearched()}
}

// modelAt returns the place of a model, and false if it has none in the view.
func (d *Data) modelAt(m Model) (place, bool) {
	var accuracy float64
	switch view := d.view(); {
	case view == onTest && m.Test != nil:
		accuracy = float64(*m.Test) / float64(d.Test.Samples)
	case view == expected && m.Expected != nil:
		accuracy = *m.Expected
	case view == searched && m.Searched != nil:
		accuracy = *m.Searched
	case view == searched:
		accuracy = float64(m.Search) / float64(d.Search.Samples)
	default:
		return place{}, false
	}
	return place{m.Cost, accuracy, accuracy, accuracy}, true
}

// A picture is what a plot shows.
type picture struct {
	cascades [][]place // by run
	fronts   [][]place // stairs of these
	dots     []place   // models
	stairs   []place   // of these
	lowest   place     // least cost and least end of an interval
	highest  place     // most of both
}

func (d *Data) picture() *picture {
	p := &picture{lowest: place{cost: math.Inf(1), accuracy: math.Inf(1)}}
	least := d.leastCost()
	for _, r := range d.Runs {
		var all []place
		for _, c := range r.Cascades {
			at := d.at(c)
			at.cost = max(at.cost, least)
			all = append(all, at)
			p.lowest.cost, p.lowest.accuracy = min(p.lowest.cost, at.cost), min(p.lowest.accuracy, at.low)
			p.highest.cost, p.highest.accuracy = max(p.highest.cost, at.cost), max(p.highest.accuracy, at.high)
		}
		p.cascades, p.fronts = append(p.cascades, all), append(p.fronts, stairs(all))
	}
	for _, m := range d.Models {
		if at, ok := d.modelAt(m); ok {
			at.cost = max(at.cost, least)
			p.dots = append(p.dots, at)
		}
	}
	p.stairs = slices.DeleteFunc(stairs(p.dots), p.below)
	for _, at := range p.stairs {
		p.highest.cost, p.highest.accuracy = max(p.highest.cost, at.cost), max(p.highest.accuracy, at.accuracy)
	}
	p.dots = slices.DeleteFunc(p.dots, func(at place) bool { return p.below(at) || at.cost > p.highest.cost })
	return p
}

// leastCost returns where what is free is drawn: the axis of cost is logarithmic.
func (d *Data) leastCost() float64 {
	var costs []float64
	for _, r := range d.Runs {
		for _, c := range r.Cascades {
			costs = append(costs, d.at(c).cost)
		}
	}
	for _, m := range d.Models {
		costs = append(costs, m.Cost)
	}
	return cmp.Or(front.LeastCost(costs), 1)
}

// below reports whether a model is outside the range of the fronts.
func (p *picture) below(at place) bool {
	return at.accuracy < p.lowest.accuracy || at.cost < p.lowest.cost
}

// stairs returns the places that are more accurate than all cheaper ones, ascending in
// both: a front is worth its cheaper neighbour up to the next.
func stairs(places []place) []place {
	places = slices.Clone(places)
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(b.accuracy, a.accuracy))
	})
	best := -1.0
	return slices.DeleteFunc(places, func(at place) bool {
		worse := at.accuracy <= best
		best = max(best, at.accuracy)
		return worse
	})
}

func (d *Data) plot() (*plot.Plot, error) {
	unit := drawable(d.Cost)
	if d.Cost == "gflops" {
		unit = "GFLOPs"
	}
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = unit+" a sample", d.axis()
	p.X.Scale, p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(CostTicks), plot.TickerFunc(percentTicks)
	for _, style := range []*text.Style{&p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
		style.Font.Size = vg.Points(10)
	}
	p.Legend.Left, p.Legend.Top = false, false
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-8), vg.Points(6)
	p.Legend.Padding = vg.Points(2)
	p.Legend.ThumbnailWidth = vg.Points(22)

	show := d.picture()
	if err := d.addModels(p, show); err != nil {
		return nil, err
	}
	if err := d.addFronts(p, show); err != nil {
		return nil, err
	}
	p.Add(d.labels(p, show))
	low, high := show.lowest, show.highest
	p.X.Min, p.X.Max = low.cost/1.05, high.cost*1.05
	air := max(0.02*(high.accuracy-low.accuracy), 1e-3)
	p.Y.Min, p.Y.Max = 100*(low.accuracy-air), 100*(high.accuracy+3*air) // room for names above
	return p, nil
}

// addModels draws the single models, and the best of them for every cost.
func (d *Data) addModels(p *plot.Plot, show *picture) error {
	scatter, err := plotter.NewScatter(points(show.dots))
	if err != nil {
		return err
	}
	scatter.GlyphStyle = draw.GlyphStyle{Color: color.NRGBA{130, 130, 130, 150}, Radius: vg.Points(1.8), Shape: draw.CircleGlyph{}}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid, scatter)
	p.Legend.Add("single models", scatter)
	if len(show.stairs) == 0 {
		return nil
	}
	line, err := plotter.NewLine(steps(show.stairs, show.highest.cost))
	if err != nil {
		return err
	}
	line.LineStyle = draw.LineStyle{Color: grey, Width: vg.Points(1)}
	p.Add(line)
	p.Legend.Add("best single model", line)
	return nil
}

// addFronts draws the cascades: intervals below, then all of them as dots, then the stairs.
func (d *Data) addFronts(p *plot.Plot, show *picture) error {
	for i, front := range show.fronts {
		c := runColours[i%len(runColours)]
		if d.view() != searched {
			band, err := plotter.NewPolygon(outline(front, show.highest.cost))
			if err != nil {
				return err
			}
			band.LineStyle.Width = 0
			band.Color = color.NRGBA{c.R, c.G, c.B, 40}
			p.Add(band)
		}
		dots, err := plotter.NewScatter(points(show.cascades[i]))
		if err != nil {
			return err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: color.NRGBA{c.R, c.G, c.B, 110}, Radius: vg.Points(0.9), Shape: draw.CircleGlyph{}}
		p.Add(dots)
	}
	for i, front := range show.fronts {
		line, err := plotter.NewLine(steps(front, show.highest.cost))
		if err != nil {
			return err
		}
		line.LineStyle = draw.LineStyle{Color: runColours[i%len(runColours)], Width: vg.Points(1.6)}
		p.Add(line)
		name := "best cascade"
		if len(show.fronts) > 1 {
			name = drawable(d.Runs[i].Name)
		}
		if d.view() != searched {
			name += ", 95 % interval"
		}
		p.Legend.Add(name, line)
	}
	return nil
}

// points are places in percent.
func points(list []place) plotter.XYs {
	var xys plotter.XYs
	for _, at := range list {
		xys = append(xys, plotter.XY{X: at.cost, Y: 100 * at.accuracy})
	}
	return xys
}

// steps is a line in percent that goes right from each place, then up to the next, at last
// to the cost where the picture ends.
func steps(list []place, end float64) plotter.XYs {
	var line plotter.XYs
	for i, at := range points(list) {
		if i > 0 {
			line = append(line, plotter.XY{X: at.X, Y: line[len(line)-1].Y})
		}
		line = append(line, at)
	}
	return append(line, plotter.XY{X: end, Y: line[len(line)-1].Y})
}

// outline follows the upper ends of the intervals, and back the lower ones.
func outline(front []place, end float64) plotter.XYs {
	upper, lower := slices.Clone(front), slices.Clone(front)
	for i, at := range front {
		upper[i].accuracy, lower[i].accuracy = at.high, at.low
	}
	back := steps(lower, end)
	slices.Reverse(back)
	return append(steps(upper, end), back...)
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

// CostTicks marks, on an axis of costs that is logarithmic, all multiples of powers of ten, and labels those that have room.
func CostTicks(low, high float64) (ticks []plot.Tick) {
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
