package optimize

import "slices"

// Coverage returns the share of b's points that a's points match or beat: that have
// one among a's that is at least as accurate and costs no more. Fronts of the same
// samples only can be compared so. Without points b counts as covered.
func Coverage(a, b []Point) float64 {
	covered := 0
	for _, q := range b {
		if slices.ContainsFunc(a, func(p Point) bool { return p.Correct >= q.Correct && p.Cost <= q.Cost }) {
			covered++
		}
	}
	if len(b) == 0 {
		return 1
	}
	return float64(covered) / float64(len(b))
}

// BestWithin returns the most accurate of a front's points that cost at most so
// much, the cheapest of several, and whether there is any.
func BestWithin(front []Point, cost float64) (best Point, ok bool) {
	for _, p := range front {
		if p.Cost <= cost && (!ok || p.Correct > best.Correct || p.Correct == best.Correct && p.Cost < best.Cost) {
			best, ok = p, true
		}
	}
	return best, ok
}

// CheapestFrom returns the cheapest of a front's points with at least so many right
// answers, the most accurate of several, and whether there is any.
func CheapestFrom(front []Point, correct int) (best Point, ok bool) {
	for _, p := range front {
		if p.Correct >= correct && (!ok || p.Cost < best.Cost || p.Cost == best.Cost && p.Correct > best.Correct) {
			best, ok = p, true
		}
	}
	return best, ok
}
