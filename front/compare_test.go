package front

import (
	"math"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

func TestCompareFronts(t *testing.T) {
	t.Parallel()
	at := func(correct int, cost float64) Point {
		return Point{Evaluation: cascade.Evaluation{Samples: 100, Correct: correct, Cost: cost}}
	}
	a := []Point{at(50, 1), at(70, 2), at(90, 5)}
	b := []Point{at(40, 1), at(70, 2), at(80, 3), at(95, 9)}
	for _, c := range []struct {
		a, b []Point
		want float64
	}{{a, b, 0.5}, {b, a, 1.0 / 3}, {a, a, 1}, {nil, a, 0}, {a, nil, 1}} {
		if got := Coverage(c.a, c.b, Point.Accuracy); got != c.want {
			t.Errorf("coverage %v, want %v", got, c.want)
		}
	}
	for cost, want := range map[float64]int{0.9: -1, 1: 0, 4.9: 1, 100: 2} {
		if got := BestWithin(a, cost); got != want {
			t.Errorf("within %v: %v, want %v", cost, got, want)
		}
	}
	for correct, want := range map[int]int{0: 0, 51: 1, 90: 2, 91: -1} {
		if got := CheapestFrom(a, float64(correct)); got != want {
			t.Errorf("%d correct: %v, want %v", correct, got, want)
		}
	}
	models := []Model{{Cost: 3, Correct: 70}, {Cost: 1, Correct: 50}, {Cost: 2, Correct: 70}, {Cost: 2.5, Correct: 60}}
	for cost, want := range map[float64]int{0.9: -1, 1: 1, 2 * (1 - 1e-12): 2, 9: 2} {
		if got := BestWithin(models, cost); got != want {
			t.Errorf("best model within %v: %v, want %v", cost, got, want)
		}
	}
}

// The default reference is the usual one, unless that leaves out one of the fronts: then it
// lies beyond all of them, and every front has an area.
func TestDefaultReference(t *testing.T) {
	t.Parallel()
	front := func(most float64, points ...[2]float64) *Front { // correct of 100, cost
		f := &Front{Models: []Model{{Cost: most}}}
		for _, p := range points {
			f.Points = append(f.Points, Point{Evaluation: cascade.Evaluation{Samples: 100, Correct: int(p[0]), Cost: p[1]}})
			f.Models = append(f.Models, Model{Cost: p[1]})
		}
		return f
	}
	usual := front(9, [2]float64{50, 1}, [2]float64{80, 3})
	for name, c := range map[string]struct {
		fronts      []*Front
		error, cost float64
	}{
		"usual":                         {[]*Front{usual, usual}, 0.4, 9},
		"one cost":                      {[]*Front{front(2, [2]float64{80, 2}), front(2, [2]float64{90, 2})}, 0.4, 2.2},
		"one of them at the cost":       {[]*Front{usual, front(9, [2]float64{90, 9})}, 0.55, 9.9},
		"hard":                          {[]*Front{front(4, [2]float64{30, 1}, [2]float64{50, 4})}, 0.77, 4.4},
		"one of them hard":              {[]*Front{usual, front(9, [2]float64{60, 1})}, 0.55, 9.9},
		"accurate only at the cost":     {[]*Front{front(4, [2]float64{50, 1}, [2]float64{70, 4})}, 0.55, 4.4},
		"more wrong than can be beyond": {[]*Front{front(4, [2]float64{5, 1}, [2]float64{20, 3})}, 1, 4.4},
	} {
		names := make([]string, len(c.fronts))
		r := Compare(names, c.fronts, Reference{}, nil, true)
		if math.Abs(r.Reference.WorstError-c.error) > 1e-12 || math.Abs(r.Reference.HighestCost-c.cost) > 1e-12 || r.Reference.LowestCost > c.fronts[0].Points[0].Cost {
			t.Errorf("%s: %+v", name, r.Reference)
		}
		for i, run := range r.Runs {
			if !(run.Linear > 0 && run.Log > 0 && run.Inside > 0) {
				t.Errorf("%s: front %d has no area: %+v", name, i, run)
			}
		}
	}
	// A front that errs always has none, and one beyond a reference that was asked for.
	for _, ref := range []Reference{{}, {WorstError: 0.2, HighestCost: 5}} {
		if r := Compare([]string{""}, []*Front{front(2, [2]float64{0, 1})}, ref, nil, true); r.Runs[0].Inside != 0 || r.Runs[0].Linear != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// The best within a cost is the best by the accuracies that are compared.
func TestCompareShowsTheBestByWhatItCompares(t *testing.T) {
	t.Parallel()
	f := newFront()
	f.Points = f.Points[1:3] // 70 % and 80 % of the samples searched
	f.Points[0].Expected, f.Points[1].Expected = &Expected{0.65, [2]float64{0, 1}}, &Expected{0.6, [2]float64{0, 1}}
	for searched, want := range map[bool]float64{true: 0.8, false: 0.65} {
		c := Compare([]string{"a"}, []*Front{f}, Reference{}, []float64{1, 9}, searched)
		if at := c.Runs[0].At; at[0].Accuracy != nil || at[1].Accuracy == nil || *at[1].Accuracy != want {
			t.Errorf("searched %v: %+v", searched, at)
		}
	}
}

// Results of different parts of the samples are told apart, and of how many samples they are.
func TestCompareDifferentSamples(t *testing.T) {
	t.Parallel()
	all, measured, unmeasured, other := newFront(), newDrawnFront(true), newDrawnFront(false), newDrawnFront(true)
	*other.Drawn() = *NewDrawn(Draw(measured.Drawn().Samples, other.Split.Samples, 8), 8)
	other.Drawn().Measured = measured.Drawn().Measured
	fronts := []*Front{all, measured, unmeasured, other}
	for i, a := range fronts {
		for j, b := range fronts {
			if a.SameSamples(b) != (i == j) {
				t.Errorf("fronts %d and %d: same samples %t", i, j, i != j)
			}
		}
	}
	d := measured.Drawn()
	for searched, want := range map[bool]int{true: d.Samples, false: d.Measured} {
		if c := Compare([]string{"a"}, []*Front{measured}, Reference{}, nil, searched); c.Runs[0].Samples != want {
			t.Errorf("searched %t: of %d samples, want %d", searched, c.Runs[0].Samples, want)
		}
	}
	if c := Compare([]string{"a", "b"}, []*Front{all, unmeasured}, Reference{}, nil, false); c.Runs[0].Samples != all.Split.Samples || c.Runs[1].Samples != unmeasured.Drawn().Samples {
		t.Errorf("%+v", c.Runs)
	}
}
