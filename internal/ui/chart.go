package ui

import (
	"math"
	"slices"
	"strings"
)

// XY is a point of a Chart.
type XY struct{ X, Y float64 }

// Stairs is one line of a Chart: the Y of each point holds until the next one to the
// right. The points ascend in X.
type Stairs struct {
	Name   string
	Points []XY
	Colour Colour
	Dotted bool
}

// Mark is a marked point of a Chart.
type Mark struct {
	Name   string
	At     XY
	Sign   rune
	Colour Colour
}

// Colour is a colour of the terminal.
type Colour string

// The colours of charts, in the terminal's own palette.
const (
	Cyan   Colour = "36"
	Yellow Colour = "33"
)

// Chart is stairs over a cost, drawn in Braille characters, two by four dots each.
type Chart struct {
	X, Y   string // what the axes are
	Log    bool   // the X axis is logarithmic
	Stairs []Stairs
	Marks  []Mark
	// FormatX and FormatY format the numbers on the axes; step is the distance between two.
	FormatX func(x float64) string
	FormatY func(y, step float64) string
}

// The sizes of a chart in characters. It is as wide as the terminal, within reason,
// and a fifth of that high.
const (
	narrowestChart = 40
	widestChart    = 140
	lowestChart    = 8
	highestChart   = 18
	plainWidth     = 80 // without a terminal
)

// Chart draws a chart, 80 columns wide if the console is not a terminal.
func (c *Console) Chart(chart *Chart) {
	width := c.width()
	if width == 0 {
		width = plainWidth
	}
	for _, line := range chart.draw(min(width, widestChart)) {
		var b strings.Builder
		for _, part := range line {
			if c.colour && part.colour != "" {
				b.WriteString("\x1b[" + part.colour + "m" + part.text + "\x1b[0m")
			} else {
				b.WriteString(part.text)
			}
		}
		c.write(strings.TrimRight(b.String(), " ") + "\n")
	}
}

// Terminal reports whether the console is a terminal.
func (c *Console) Terminal() bool { return c.width() > 0 }

// A span is text of one colour.
type span struct{ text, colour string }

const dimmed = "2"

// draw returns the lines of the chart, none wider than width if that is at least
// narrowestChart.
func (c *Chart) draw(width int) [][]span {
	low, high, ok := c.bounds()
	if !ok {
		return nil
	}
	rows := min(max(width/5, lowestChart), highestChart)
	yTicks, step := Steps(low.Y, high.Y, 2*rows/5)
	margin := 0
	labels := make([]string, len(yTicks))
	for i, y := range yTicks {
		labels[i] = Safe(c.FormatY(y, step))
		margin = max(margin, Width(labels[i]))
	}
	columns := max(width, narrowestChart) - margin - 2
	p := &canvas{columns, rows, c.Log, low, high, make([]cell, columns*rows)}
	for i := range c.Stairs {
		p.stairs(&c.Stairs[i])
	}
	for _, m := range c.Marks {
		p.mark(m)
	}

	lines := [][]span{c.legend(width)}
	for row := range rows {
		label, axis := strings.Repeat(" ", margin), " │"
		for i, y := range yTicks {
			if _, at := p.dot(XY{low.X, y}); at/4 == row {
				label, axis = strings.Repeat(" ", margin-Width(labels[i]))+labels[i], " ┤"
			}
		}
		lines = append(lines, append([]span{{label + axis, dimmed}}, p.line(row)...))
	}
	return append(lines, c.xAxis(p, margin)...)
}

// legend is the line above the chart. What does not fit is left out.
func (c *Chart) legend(width int) []span {
	line := []span{{Safe(c.Y), dimmed}}
	used := Width(line[0].text)
	add := func(sign, name string, colour Colour) {
		text := " " + Safe(name)
		if room := width - used - 3 - Width(sign); room >= 8 {
			text = Fit(text, room)
			line = append(line, span{"   ", ""}, span{sign, string(colour)}, span{text, ""})
			used += 3 + Width(sign) + Width(text)
		}
	}
	for _, s := range slices.Backward(c.Stairs) {
		sign := "⠒⠒"
		if s.Dotted {
			sign = "⠂⠂"
		}
		add(sign, s.Name, s.Colour)
	}
	for _, m := range c.Marks {
		add(string(m.Sign), m.Name, m.Colour)
	}
	return line
}

// xAxis returns the lines below the chart.
func (c *Chart) xAxis(p *canvas, margin int) [][]span {
	axis := []rune(strings.Repeat("─", p.columns))
	numbers := []rune(strings.Repeat(" ", margin+2+p.columns))
	free := 0
	for _, x := range c.xTicks(p) {
		dot, _ := p.dot(XY{x, p.low.Y})
		label := []rune(Safe(c.FormatX(x)))
		from := min(max(margin+2+dot/2-len(label)/2, 0), len(numbers)-len(label))
		if from < free {
			continue
		}
		axis[dot/2] = '┬'
		copy(numbers[from:], label)
		free = from + len(label) + 2
	}
	name := Safe(c.X)
	if c.Log {
		name += ", logarithmic"
	}
	name = Fit(name, len(numbers))
	pad := strings.Repeat(" ", margin+1)
	return [][]span{
		{{pad + "└" + string(axis), dimmed}},
		{{string(numbers), dimmed}},
		{{strings.Repeat(" ", len(numbers)-Width(name)) + name, dimmed}},
	}
}

// bounds returns the least and largest coordinates, with some room if they are equal.
func (c *Chart) bounds() (low, high XY, ok bool) {
	var all []XY
	for _, s := range c.Stairs {
		all = append(all, s.Points...)
	}
	for _, m := range c.Marks {
		all = append(all, m.At)
	}
	if len(all) == 0 {
		return low, high, false
	}
	low, high = all[0], all[0]
	for _, at := range all {
		low, high = XY{min(low.X, at.X), min(low.Y, at.Y)}, XY{max(high.X, at.X), max(high.Y, at.Y)}
	}
	if low.X == high.X {
		low.X, high.X = low.X/2, high.X*2
	}
	if low.Y == high.Y {
		low.Y, high.Y = low.Y-0.01, high.Y+0.01
	}
	return low, high, true
}

// xTicks returns the numbers below the chart.
func (c *Chart) xTicks(p *canvas) []float64 {
	const apart = 10 // columns for a number and the gap beside it
	if c.Log {
		return LogSteps(p.low.X, p.high.X, float64(p.columns)/apart)
	}
	at, _ := Steps(p.low.X, p.high.X, max(2, p.columns/apart))
	return at
}

// A canvas is the part of a chart within the axes.
type canvas struct {
	columns, rows int
	log           bool
	low, high     XY
	cells         []cell
}

type cell struct {
	dots   rune // of a Braille character
	sign   rune // instead of it
	colour Colour
}

// dot returns the dot of a point, from the upper left corner.
func (p *canvas) dot(at XY) (x, y int) {
	along := (at.X - p.low.X) / (p.high.X - p.low.X)
	if p.log {
		along = (math.Log(at.X) - math.Log(p.low.X)) / (math.Log(p.high.X) - math.Log(p.low.X))
	}
	up := (at.Y - p.low.Y) / (p.high.Y - p.low.Y)
	return int(math.Round(along * float64(2*p.columns-1))), int(math.Round((1 - up) * float64(4*p.rows-1)))
}

// braille holds the bit of each dot of a Braille character, by row and column.
var braille = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (p *canvas) set(x, y int, colour Colour) {
	c := &p.cells[y/4*p.columns+x/2]
	c.dots |= braille[y%4][x%2]
	c.colour = colour
}

func (p *canvas) stairs(s *Stairs) {
	for i, at := range s.Points {
		x, y := p.dot(at)
		to, nextY := 2*p.columns-1, y
		if i+1 < len(s.Points) {
			to, nextY = p.dot(s.Points[i+1])
		}
		for ; x < to; x++ {
			if !s.Dotted || x%2 == 0 {
				p.set(x, y, s.Colour)
			}
		}
		for up := min(y, nextY); up <= max(y, nextY); up++ {
			if !s.Dotted || up%2 == 0 {
				p.set(to, up, s.Colour)
			}
		}
	}
}

func (p *canvas) mark(m Mark) {
	x, y := p.dot(m.At)
	c := &p.cells[y/4*p.columns+x/2]
	c.sign, c.colour = m.Sign, m.Colour
}

// line returns one row of characters, neighbours of one colour together.
func (p *canvas) line(row int) []span {
	var line []span
	for _, c := range p.cells[row*p.columns : (row+1)*p.columns] {
		sign := ' '
		switch {
		case c.sign != 0:
			sign = c.sign
		case c.dots != 0:
			sign = 0x2800 + c.dots
		}
		if n := len(line); n > 0 && (line[n-1].colour == string(c.colour) || sign == ' ') {
			line[n-1].text += string(sign)
		} else {
			line = append(line, span{string(sign), string(c.colour)})
		}
	}
	return line
}
