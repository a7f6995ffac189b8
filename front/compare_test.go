package front

import (
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
