package optimize

// Thin drops from a front, ascending in cost, the points that are hardly worth their
// cost: those whose accuracy is less than gain above that of the next cheaper point
// kept. gain is a share of the samples, 0.001 for a tenth of a percentage point. The
// cheapest point is kept.
func Thin(front []Point, samples int, gain float64) []Point {
	var kept []Point
	for _, p := range front {
		// The tolerance lets a gain of just so many samples pass.
		if len(kept) == 0 || float64(p.Correct-kept[len(kept)-1].Correct) >= gain*float64(samples)*(1-1e-12) {
			kept = append(kept, p)
		}
	}
	return kept
}
