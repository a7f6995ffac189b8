package report

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/encas-zoo/encas-zoo/internal/ui"
)

// A label names a point of a plot.
type label struct {
	at     place
	text   string
	colour color.Color
	above  bool // of a front, which is empty; below the models is more room
	first  bool // one that the headline names
}

// labels draws names where they cover neither each other, nor anything that is drawn but the
// intervals, the most important first. One that has no room is left out.
type labels struct {
	list   []label
	lines  []plotter.XYs // not to be covered either
	dots   plotter.XYs   // nor these
	legend *plot.Legend
	style  text.Style
}

// labels names the cascades of the headlines, the most accurate model and, of a single
// run, some more cascades, by their numbers.
func (d *Data) labels(p *plot.Plot, show *picture) *labels {
	l := &labels{legend: &p.Legend, style: p.Legend.TextStyle, dots: points(show.dots)}
	if len(show.stairs) > 0 {
		l.lines = append(l.lines, steps(show.stairs, show.highest.cost))
	}
	l.style.Font.Size = vg.Points(8.5)
	for i, r := range d.Runs {
		l.lines = append(l.lines, steps(show.fronts[i], show.highest.cost))
		for rank, n := range r.Landmarks {
			if rank > 0 && len(d.Runs) > 1 {
				break
			}
			name := fmt.Sprint(n)
			if rank == 0 || n == r.Headline.MostAccurate {
				name = fmt.Sprintf("cascade %d", n)
			}
			l.list = append(l.list, label{d.at(r.Cascades[n]), name, runColours[i%len(runColours)], true, rank == 0})
		}
		if best := r.Headline.Best; best != nil && i == 0 {
			if at, ok := d.modelAt(d.Models[*best]); ok && !show.below(at) && at.cost <= show.highest.cost {
				l.list = append(l.list, label{at, ui.Fit(ui.Safe(d.Models[*best].Name), 28), grey, false, true})
			}
		}
	}
	slices.SortStableFunc(l.list, func(a, b label) int {
		switch {
		case a.first == b.first:
			return 0
		case a.first:
			return -1
		}
		return 1
	})
	return l
}

// Plot draws the labels; it makes labels a plot.Plotter.
func (l *labels) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	key := l.legend.Rectangle(c)
	width := key.Max.X - key.Min.X + vg.Points(16)
	taken := []vg.Rectangle{{Min: vg.Point{X: c.Max.X - width, Y: c.Min.Y}, Max: vg.Point{X: c.Max.X, Y: key.Max.Y + vg.Points(8)}}}
	for _, line := range l.lines {
		for i := 0; i+1 < len(line); i++ {
			from, to := vg.Point{X: x(line[i].X), Y: y(line[i].Y)}, vg.Point{X: x(line[i+1].X), Y: y(line[i+1].Y)}
			taken = append(taken, vg.Rectangle{Min: from, Max: to.Add(vg.Point{X: 1, Y: 1})})
		}
	}
	for _, dot := range l.dots {
		taken = append(taken, around(vg.Point{X: x(dot.X), Y: y(dot.Y)}, vg.Points(1.5)))
	}
	var places []vg.Point
	for _, label := range l.list {
		at := vg.Point{X: x(label.at.cost), Y: y(100 * label.at.accuracy)}
		radius := vg.Points(1.8)
		if label.first {
			radius = vg.Points(2.8)
		}
		c.DrawGlyph(draw.GlyphStyle{Color: label.colour, Radius: radius, Shape: draw.CircleGlyph{}}, at)
		places = append(places, at)
		taken = append(taken, around(at, vg.Points(2.5)))
	}
	for i, label := range l.list {
		if box, ok := l.room(label, places[i], c.Rectangle, taken); ok {
			taken = append(taken, box)
			c.FillText(l.style, box.Min, label.text)
		}
	}
}

// room returns where a label fits, and false if it fits nowhere near its place.
func (l *labels) room(label label, at vg.Point, frame vg.Rectangle, taken []vg.Rectangle) (vg.Rectangle, bool) {
	w, h := l.style.Width(label.text), l.style.Height(label.text)
	const gap = 4
	above := []vg.Point{{X: -w - gap, Y: gap}, {X: -w - gap, Y: 0}, {X: -w / 2, Y: 2 * gap}, {X: gap, Y: gap}}
	below := []vg.Point{{X: gap, Y: -h - gap}, {X: gap, Y: -h / 2}, {X: -w / 2, Y: -h - gap}, {X: -w - gap, Y: -h - gap}}
	if !label.above {
		above, below = below, above
	}
	farther := []vg.Point{{X: -w - gap, Y: 3 * gap}, {X: gap, Y: -h - 4*gap}}
	spots := slices.Concat(above, below, farther)
	for _, s := range spots {
		box := vg.Rectangle{Min: at.Add(s), Max: at.Add(s).Add(vg.Point{X: w, Y: h})}
		inside := box.Min.X >= frame.Min.X && box.Max.X <= frame.Max.X && box.Min.Y >= frame.Min.Y && box.Max.Y <= frame.Max.Y
		if inside && !slices.ContainsFunc(taken, func(r vg.Rectangle) bool { return overlap(box, r) }) {
			return box, true
		}
	}
	return vg.Rectangle{}, false
}

func around(at vg.Point, radius vg.Length) vg.Rectangle {
	corner := vg.Point{X: radius, Y: radius}
	return vg.Rectangle{Min: at.Sub(corner), Max: at.Add(corner)}
}

func overlap(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}
