package front

import (
	"math"
	"testing"
)

func TestHypervolume(t *testing.T) {
	ref := Reference{WorstError: 0.5, HighestCost: 10, LowestCost: 0.1}
	for _, c := range []struct {
		name          string
		errors, costs []float64
		log           bool
		want          float64
	}{
		{name: "no points", want: 0},
		{name: "one point", errors: []float64{0.25}, costs: []float64{5}, want: 0.25},
		{name: "at the reference", errors: []float64{0.5, 0.1}, costs: []float64{1, 10}, want: 0},
		{name: "perfect and free", errors: []float64{0}, costs: []float64{0}, want: 1},
		{name: "two, unsorted", errors: []float64{0.1, 0.3}, costs: []float64{8, 2}, want: 0.8*0.4 + 0.2*0.4},
		{name: "dominated and equal ones add nothing", errors: []float64{0.1, 0.3, 0.3, 0.4}, costs: []float64{8, 2, 2, 9}, want: 0.8*0.4 + 0.2*0.4},
		{name: "log axis", errors: []float64{0.25}, costs: []float64{1}, log: true, want: 0.25},
		{name: "cheaper than the cheapest", errors: []float64{0.25}, costs: []float64{0.01}, log: true, want: 0.5},
	} {
		ref.Log = c.log
		if got := Hypervolume(c.errors, c.costs, ref); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
