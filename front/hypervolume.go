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

// Hypervolume returns the exact area dominated by points given by their error
// (share of samples) and cost. Points need not be sorted or non-dominated;
// those beyond the reference add nothing.
func Hypervolume(errors, costs []float64, ref Reference) float64 {
	type point struct{ x, y float64 }
	var points []point
	for i, cost := range costs {
		x := cost / ref.HighestCost
		if ref.Log {
			x = math.Log(cost/ref.LowestCost) / math.Log(ref.HighestCost/ref.LowestCost)
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
