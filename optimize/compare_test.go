package optimize

import "testing"

func TestCompareFronts(t *testing.T) {
	at := func(correct int, cost float64) Point {
		return Point{Evaluation: Evaluation{Correct: correct, Cost: cost}}
	}
	a := []Point{at(50, 1), at(70, 2), at(90, 5)}
	b := []Point{at(40, 1), at(70, 2), at(80, 3), at(95, 9)}
	for _, c := range []struct {
		a, b []Point
		want float64
	}{{a, b, 0.5}, {b, a, 1.0 / 3}, {a, a, 1}, {nil, a, 0}, {a, nil, 1}} {
		if got := Coverage(c.a, c.b); got != c.want {
			t.Errorf("coverage %v, want %v", got, c.want)
		}
	}
	for _, c := range []struct {
		cost float64
		want int
		ok   bool
	}{{0.9, 0, false}, {1, 50, true}, {4.9, 70, true}, {100, 90, true}} {
		if got, ok := BestWithin(a, c.cost); got.Correct != c.want || ok != c.ok {
			t.Errorf("within %v: %v, %v", c.cost, got.Correct, ok)
		}
	}
	for _, c := range []struct {
		correct int
		want    float64
		ok      bool
	}{{0, 1, true}, {51, 2, true}, {90, 5, true}, {91, 0, false}} {
		if got, ok := CheapestFrom(a, c.correct); got.Cost != c.want || ok != c.ok {
			t.Errorf("%d right: %v, %v", c.correct, got.Cost, ok)
		}
	}
}
