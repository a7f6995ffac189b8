package front

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHypervolume(t *testing.T) {
	t.Parallel()
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

// A hypervolume is the area of those cells, between all coordinates that occur, that
// some point dominates.
func TestHypervolumeIsTheAreaOfItsCells(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		ref := Reference{WorstError: 0.4, HighestCost: 5, LowestCost: 0.01, Log: seed%2 == 1}
		var errors, costs, xs, ys []float64
		xs, ys = []float64{0, 1}, []float64{0, 1}
		type point struct{ x, y float64 }
		var all []point
		for range rng.IntN(30) {
			e, cost := 0.5*rng.Float64(), 0.005*math.Pow(1200, rng.Float64())
			if rng.IntN(4) == 0 && len(errors) > 0 { // equal coordinates
				e = errors[rng.IntN(len(errors))]
			}
			errors, costs = append(errors, e), append(costs, cost)
			x := cost / ref.HighestCost
			if ref.Log {
				x = math.Log10(cost/0.01) / math.Log10(500)
			}
			p := point{min(max(x, 0), 1), min(e/ref.WorstError, 1)}
			all, xs, ys = append(all, p), append(xs, p.x), append(ys, p.y)
		}
		slices.Sort(xs)
		slices.Sort(ys)
		want := 0.0
		for i := range xs[1:] {
			for j := range ys[1:] {
				if slices.ContainsFunc(all, func(p point) bool { return p.x <= xs[i] && p.y <= ys[j] }) {
					want += (xs[i+1] - xs[i]) * (ys[j+1] - ys[j])
				}
			}
		}
		if got := Hypervolume(errors, costs, ref); math.Abs(got-want) > 1e-9 {
			t.Errorf("seed %d: %v, its cells have %v", seed, got, want)
		}
	}
}

// What is free is at the left end of a logarithmic axis, which begins below all else.
func TestFreeCosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		costs []float64
		want  float64
	}{{[]float64{3, 2, 5}, 2}, {[]float64{0, 2, 5}, 0.2}, {[]float64{0, 0}, 0}, {nil, 0}} {
		if got := LeastCost(c.costs); got != c.want {
			t.Errorf("%v: %v, want %v", c.costs, got, c.want)
		}
	}
	errors, costs := []float64{0.2, 0.1}, []float64{0, 2}
	ref := Reference{}.Suit(errors, costs)
	ref.Log = true
	if got := Hypervolume(errors, costs, ref); math.Abs(got-0.5) > 1e-12 { // half of the errors up to 40 %, at no cost
		t.Errorf("%v, %+v", got, ref)
	}
	f := newFront()
	f.Points[0].Costs, f.Points[0].Cost, f.Points[0].WorstCost, f.Models[0].Cost = []float64{0}, 0, 0, 0
	if places := f.Spread(3); len(places) < 2 || places[0] != 0 {
		t.Errorf("%v", places)
	}
	for _, cost := range Ladder([][]Point{f.Points, f.Points[:1]}, 5) {
		if !(cost > 0) || math.IsInf(cost, 1) {
			t.Errorf("a step at %v", cost)
		}
	}
}
