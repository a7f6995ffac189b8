package front

import (
	"cmp"
	"math"
	"slices"
)

// A Reference fixes how a hypervolume is measured. Costs are divided by
// HighestCost (linear axis), or their logarithms scaled so that LowestCost
// becomes 0 and HighestCost 1 (Log); errors are divided by WorstError. The
// hypervolume is the area of the unit square that the front dominates.
type Reference struct {
	WorstError  float64 `json:"error"` // share of samples, 0.4 for 40 %
	HighestCost float64 `json:"cost"`
	Log         bool    `json:"-"`
	LowestCost  float64 `json:"cheapest"` // used if Log
}

// LeastCost returns the cost at which a logarithmic axis begins that shows these: the lowest
// one or, as there is no logarithm of 0, a tenth of the lowest that is above 0 if any of them
// is 0, which is shown there. It is 0 if all are.
func LeastCost(costs []float64) float64 {
	least, free := math.Inf(1), false
	for _, cost := range costs {
		if cost > 0 {
			least = min(least, cost)
		} else {
			free = true
		}
	}
	switch {
	case math.IsInf(least, 1):
		return 0
	case free:
		return least / 10
	}
	return least
}

// defaultError is the error of the default reference: that of the publication.
const defaultError = 0.4

// beyondAll is how many times the largest error and cost of fronts those of a reference
// beyond all of them are.
const beyondAll = 1.1

// suit fills in what is 0 of a reference, for fronts given by the errors and costs of
// their points. The default is 40 % error and the highest of all costs that may be paid,
// unless one of the fronts lies beyond it and would have no area at all: of models that all
// cost the same, or of which none reaches 60 %. Then it is a tenth beyond the largest error
// and the largest cost of all fronts.
func (ref Reference) suit(highest float64, errors, costs [][]float64) Reference {
	suited := ref
	suited.WorstError, suited.HighestCost = cmp.Or(ref.WorstError, defaultError), cmp.Or(ref.HighestCost, highest)
	worst, most, inside := 0.0, highest, true
	for i := range errors {
		inside = inside && suited.Inside(errors[i], costs[i]) > 0
		worst, most = max(worst, slices.Max(errors[i])), max(most, slices.Max(costs[i]))
	}
	if inside {
		return suited
	}
	if ref.WorstError == 0 {
		suited.WorstError = max(defaultError, min(1, math.Ceil(100*beyondAll*worst)/100))
	}
	if ref.HighestCost == 0 {
		suited.HighestCost = beyondAll * most
	}
	return suited
}

// Suit fills in what is 0 of a reference, so that it lies beyond a front given by the errors
// (shares of samples) and the costs of its points: see [Compare].
func (ref Reference) Suit(errors, costs []float64) Reference {
	ref.LowestCost = cmp.Or(ref.LowestCost, LeastCost(costs))
	return ref.suit(slices.Max(costs), [][]float64{errors}, [][]float64{costs})
}

// Inside returns how many points, given by their errors and costs, have both below the
// reference. The others add nothing to a hypervolume.
func (ref Reference) Inside(errors, costs []float64) (inside int) {
	for i, cost := range costs {
		if cost < ref.HighestCost && errors[i] < ref.WorstError {
			inside++
		}
	}
	return inside
}

// Hypervolume returns the exact area dominated by points given by their error
// (share of samples) and cost. Points need not be sorted or non-dominated;
// those beyond the reference add nothing.
func Hypervolume(errors, costs []float64, ref Reference) float64 {
	type point struct{ x, y float64 }
	var points []point
	for i, cost := range costs {
		x := cost / ref.HighestCost
		if ref.Log {
			x = math.Log(max(cost, ref.LowestCost)/ref.LowestCost) / math.Log(ref.HighestCost/ref.LowestCost)
		}
		if y := errors[i] / ref.WorstError; x < 1 && y < 1 {
			points = append(points, point{max(x, 0), y})
		}
	}
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y))
	})
	area, lowest := 0.0, 1.0
	for _, p := range points {
		if p.y < lowest {
			area += (1 - p.x) * (lowest - p.y)
			lowest = p.y
		}
	}
	return area
}
