package ui

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// -update rewrites the expected drawings in testdata.
var update = flag.Bool("update", false, "update the expected drawings in testdata")

// fixedChart has a front of thirty cascades above five models.
func fixedChart(log bool) *Chart {
	front := Stairs{Name: "front", Colour: Cyan}
	for i := range 30 {
		cost := 0.01 * math.Pow(1.28, float64(i))
		front.Points = append(front.Points, XY{cost, 0.97 - 0.3/math.Pow(1+cost*20, 0.8)})
	}
	models := Stairs{Name: "best single model", Colour: Yellow, Dotted: true}
	for i := range 5 {
		cost := 0.015 * math.Pow(3.7, float64(i))
		models.Points = append(models.Points, XY{cost, 0.95 - 0.27/math.Pow(1+cost*15, 0.8)})
	}
	return &Chart{
		X: "gflops", Y: "accuracy", Log: log,
		Stairs:  []Stairs{models, front},
		Marks:   []Mark{{Name: "cascade 20", At: front.Points[20], Sign: '◆', Colour: Cyan}, {Name: "wrn\x1b[2J", At: models.Points[4], Sign: '◇', Colour: Yellow}},
		FormatX: func(x float64) string { return fmt.Sprintf("%g", x) },
		FormatY: func(y, step float64) string { return fmt.Sprintf("%.0f %%", 100*y) },
	}
}

func TestChart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		width  int
		log    bool
		colour bool
	}{
		{"log_80", 80, true, false},
		{"linear_80", 80, false, false},
		{"log_42", 42, true, false},
		{"piped", 0, true, false},
		{"colour_60", 60, true, true},
	} {
		c, out, _ := fake(test.width)
		c.colour = test.colour
		c.Chart(fixedChart(test.log))
		width := test.width
		if width == 0 {
			width = plainWidth
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if !test.colour && Width(line) > width {
				t.Errorf("%s: a line %d wide: %q", test.name, Width(line), line)
			}
		}
		if !test.colour && strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: escape codes without colour: %q", test.name, out)
		}
		path := filepath.Join("testdata", "chart_"+test.name+".txt")
		if *update {
			if err := os.MkdirAll("testdata", 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(out.String()), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("%s is drawn otherwise (-update accepts it):\n%s\nwant\n%s", test.name, out, want)
		}
	}
}

// Whatever is drawn, nothing panics and all points lie within the axes.
func TestChartOfLittle(t *testing.T) {
	t.Parallel()
	for name, points := range map[string][]XY{
		"nothing":   nil,
		"one":       {{1, 0.5}},
		"one level": {{1, 0.5}, {1e9, 0.5}},
		"one cost":  {{1, 0.5}, {1, 0.6}},
		"tiny":      {{1e-300, 0}, {1e300, 1}},
		"close":     {{1, 0.5}, {1 + 1e-12, 0.5 + 1e-12}},
	} {
		for _, log := range []bool{false, true} {
			for _, width := range []int{1, 40, 80, 400} {
				chart := fixedChart(log)
				chart.Stairs, chart.Marks = []Stairs{{Name: name, Points: points}}, nil
				c, out, _ := fake(width)
				c.Chart(chart)
				if (out.Len() > 0) != (len(points) > 0) {
					t.Errorf("%s, log %v, width %d: drew %q", name, log, width, out)
				}
			}
		}
	}
}
