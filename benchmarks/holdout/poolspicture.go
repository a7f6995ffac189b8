package holdout

import (
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"github.com/encas-zoo/encas-zoo/report"
)

// Colours of the pools, told apart by the colour-blind (Wong 2011, Nature Methods 8).
var poolColours = []color.NRGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255},
}

// DrawPools draws, as SVG, the accuracy on the samples that were not searched within each
// budget, but for thinned pools: means over the splits, dashed for single models, with the
// intervals of 95 % of the cascades. cost is the axis' title.
func DrawPools(w io.Writer, pools []Pool, results []PoolResult, cost string) error {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = cost, "accuracy on samples that were not searched (%)"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(report.CostTicks)
	// Below the curves, and with the text to the right, where there is room if a font is wide.
	p.Legend.Left, p.Legend.Top = true, false
	p.Legend.XOffs, p.Legend.YOffs = 3.1*vg.Inch, vg.Points(6)
	p.Legend.ThumbnailWidth, p.Legend.Padding = vg.Points(26), vg.Points(2)
	for _, style := range []*text.Style{&p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(10)
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid)
	budgets := budgetsOf(pools).Log
	for _, c := range contenders(results) {
		if c.Thinned {
			continue // it hides the others
		}
		number := slices.IndexFunc(pools, func(p Pool) bool { return p.Name == c.Pool })
		colour := poolColours[number%len(poolColours)]
		var mean, upper, lower plotter.XYs
		for i, budget := range budgets {
			v := c.values(func(r PoolResult) float64 { return 100 * r.Curve[i] })
			m, half := stat.Mean(v, nil), halfWidth(v)
			mean = append(mean, plotter.XY{X: budget, Y: m})
			upper, lower = append(upper, plotter.XY{X: budget, Y: m + half}), append(lower, plotter.XY{X: budget, Y: m - half})
		}
		if c.Cascades && len(c.results) > 1 {
			slices.Reverse(lower)
			band, err := plotter.NewPolygon(append(upper, lower...))
			if err != nil {
				return err
			}
			band.LineStyle.Width, band.Color = 0, color.NRGBA{colour.R, colour.G, colour.B, 40}
			p.Add(band)
		}
		line, err := plotter.NewLine(mean)
		if err != nil {
			return err
		}
		line.LineStyle = vgdraw.LineStyle{Color: colour, Width: vg.Points(1.6)}
		if !c.Cascades {
			line.LineStyle.Width, line.LineStyle.Dashes = vg.Points(1.1), []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(line)
		p.Legend.Add(c.what(), line)
	}
	p.Y.Min -= 0.25 * (p.Y.Max - p.Y.Min) // for the legend
	image, err := p.WriterTo(6.4*vg.Inch, 4.4*vg.Inch, "svg")
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	_, err = image.WriteTo(w)
	return err
}
