package optimize

import (
	"cmp"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/front"
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
	var costs []float64
	for _, m := range p.models {
		costs = append(costs, m.Cost)
	}
	least := min(front.LeastCost(costs), high)
	var b budgets
	for i := range budgetsOfAKind {
		part := float64(i) / (budgetsOfAKind - 1)
		b = append(b, ratio(least, high, part), low+(high-low)*part)
	}
	return b
}

// ratio returns the cost a part of the way from one to another in equal ratios.
func ratio(low, high, part float64) float64 {
	if low >= high {
		return high
	}
	return low * math.Pow(high/low, part)
}

// stairs returns at most so many models: those that no other one beats in both cost and
// accuracy, and then the most accurate of the others.
func (p *Problem) stairs(most int) []int {
	models := make([]int, len(p.models))
	correct := make([]int, len(p.models))
	for m := range models {
		models[m], correct[m] = m, p.Correct(m)
	}
	slices.SortStableFunc(models, func(a, b int) int {
		return cmp.Or(cmp.Compare(p.models[a].Cost, p.models[b].Cost), cmp.Compare(correct[b], correct[a]))
	})
	best := -1
	var stairs, others []int
	for _, m := range models {
		if correct[m] > best {
			best, stairs = correct[m], append(stairs, m)
		} else {
			others = append(others, m)
		}
	}
	slices.SortStableFunc(others, func(a, b int) int { return cmp.Compare(correct[b], correct[a]) })
	all := append(stairs, others...)
	return all[:min(most, len(all))]
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
