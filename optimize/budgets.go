package optimize

import (
	"math"
)

// budgets are limits on the mean cost of a sample from that of the cheapest model to that
// of the most accurate one: half of them evenly spaced, half evenly in the logarithm. What
// a search finds is judged by what it has within them.
type budgets []float64

const budgetsOfAKind = 100

func (p *Problem) budgets() budgets {
	low, high, most := math.Inf(1), 0.0, -1
	for m := range p.models {
		cost, correct := p.models[m].Cost, p.Correct(m)
		low = min(low, cost)
		if correct > most || correct == most && cost < high {
			most, high = correct, cost
		}
	}
	var b budgets
	for i := range budgetsOfAKind {
		part := float64(i) / (budgetsOfAKind - 1)
		b = append(b, low*math.Pow(high/low, part), low+(high-low)*part)
	}
	return b
}

// A scored is the mean cost of a cascade and what it is judged by.
type scored struct{ cost, score float64 }

// within returns the index of the highest score within a budget, the first of several; the
// cheapest if all cost more.
func within(all []scored, budget float64) int {
	best, cheapest := -1, 0
	for i, s := range all {
		if s.cost <= slack*budget && (best < 0 || s.score > all[best].score) {
			best = i
		}
		if s.cost < all[cheapest].cost {
			cheapest = i
		}
	}
	if best < 0 {
		return cheapest
	}
	return best
}

// mean returns the highest score within a budget, averaged over the budgets.
func (b budgets) mean(all []scored) float64 {
	sum := 0.0
	for _, budget := range b {
		sum += all[within(all, budget)].score
	}
	return sum / float64(len(b))
}
