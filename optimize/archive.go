package optimize

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// An archive keeps, for every score, the cheapest cascade that has it. The score of a
// cascade is the number of its correct answers less the charge for every model beyond the
// first ([limits.charge]; none unless the search chooses by evidence). It has only N+1
// values, so that this is the whole front, exact, and an offer costs one comparison. Costs
// are totals over the N samples.
//
// What is kept has the form that [limits.canonical] gives it, and cascades of equal
// accuracy and cost have an order ([limits.compare]), so that what it holds depends on
// neither the order of offers nor on which threads make them.
type archive struct {
	limits *limits
	cells  []float64 // -Inf for every negative score, then totals
	totals []float64 // by score: what the cost of an offer must not exceed
	places []*place  // by score; nil if nothing is kept. Few are not, and places are never changed
	room   plan      // for the form of an offer
}

// A place is a cascade that an archive keeps.
type place struct {
	plan  plan
	reach []int // how many samples reach each of its stages; nil if it was restored
}

// newArchive returns an empty archive for n samples that takes what is within limits.
func newArchive(n int, l *limits) *archive {
	below := l.charge * (cascade.MaxStages - 1)
	a := &archive{limits: l, cells: make([]float64, below+n+1), places: make([]*place, n+1)}
	a.totals = a.cells[below:]
	for i := range a.cells {
		a.cells[i] = math.Inf(-1)
		if i >= below+l.correct {
			a.cells[i] = l.total
		}
	}
	return a
}

// copy returns an archive that holds what a holds; the places are shared.
func (a *archive) copy() *archive {
	cells := slices.Clone(a.cells)
	return &archive{limits: a.limits, cells: cells, totals: cells[len(cells)-len(a.totals):], places: slices.Clone(a.places)}
}

// samples is the number of samples, and the highest score.
func (a *archive) samples() int { return len(a.totals) - 1 }

// plan returns the cascade with a score; one without members if there is none.
func (a *archive) plan(score int) plan {
	if p := a.places[score]; p != nil {
		return p.plan
	}
	return plan{}
}

// plans goes through the cascades kept, ascending in score.
func (a *archive) plans() iter.Seq2[int, plan] {
	return func(yield func(score int, p plan) bool) {
		for score, place := range a.places {
			if place != nil && !yield(score, place.plan) {
				return
			}
		}
	}
}

// offer keeps a plan, in canonical form, if it is within the limits and comes before
// what is known for its score. reach counts the samples at each of its stages.
func (a *archive) offer(correct int, total float64, p plan, reach []int) {
	if !(total <= a.known(len(p.members))[correct]) {
		return
	}
	if invariants {
		a.mustOffer(correct, p, reach)
	}
	c := a.limits.canonical(&a.room, p, reach)
	// If models are charged, the form with fewer has another score than the one that known
	// was asked about. Whether it is kept must not depend on what is known there.
	if a.limits.charge > 0 && len(c.members) < len(p.members) || !a.limits.measured(reach) {
		return
	}
	score := a.score(correct, len(c.members))
	if a.takes(score, total, c) && a.limits.within(c) {
		kept := &place{c.clone(), make([]int, len(c.members))}
		copy(kept.reach, reach) // no sample reaches the stages that are not in c, nor those put last
		a.totals[score], a.places[score] = total, kept
	}
}

// score is that of a cascade of so many models.
func (a *archive) score(correct, models int) int { return correct - a.limits.charge*(models-1) }

// known returns, by correct answers, what the cost of an offer of so many models must not
// exceed.
func (a *archive) known(models int) []float64 {
	from := a.score(len(a.cells)-len(a.totals), models)
	return a.cells[from:][:len(a.totals)]
}

// correct returns the correct answers of the cascade with a score.
func (a *archive) correct(score int) int {
	return score + a.limits.charge*(len(a.plan(score).members)-1)
}

// takes reports whether a plan in canonical form comes before what is known.
func (a *archive) takes(score int, total float64, p plan) bool {
	if old := a.places[score]; total == a.totals[score] && old != nil {
		return a.limits.compare(p, old.plan) < 0
	}
	return total <= a.totals[score]
}

// merge takes over what b has found.
func (a *archive) merge(b *archive) {
	for score, p := range b.places {
		if total := b.totals[score]; p != nil && p != a.places[score] && a.takes(score, total, p.plan) {
			a.totals[score], a.places[score] = total, p
		}
	}
	if invariants {
		a.mustHold()
	}
}

// restore puts a cascade into an empty place, and reports what is wrong with it: it
// must be one that offer could have kept there.
func (a *archive) restore(score int, total float64, p plan) error {
	switch {
	case score < 0 || score > a.samples():
		return fmt.Errorf("a score of %d of %d", score, a.samples())
	case a.places[score] != nil:
		return fmt.Errorf("two cascades with the score %d", score)
	case !(total >= 0 && total <= a.totals[score]) || !a.limits.within(p):
		return fmt.Errorf("a cascade with the score %d at a cost of %v is beyond the limits", score, total)
	case !a.isCanonical(p):
		return fmt.Errorf("a cascade with the score %d has weights or a rule that the search does not keep", score)
	}
	a.totals[score], a.places[score] = total, &place{plan: p}
	return nil
}

// isCanonical reports whether a plan is in canonical form if samples reach all of its
// stages.
func (a *archive) isCanonical(p plan) bool {
	c := a.limits.canonical(&a.room, p, slices.Repeat([]int{1}, len(p.members)))
	return a.limits.compare(c, p) == 0
}

// staircase sets bound[s] to the least total at which a score of s or more is known, for
// s = 0..N, and to +Inf for s = N+1. Whatever costs strictly more is dominated.
func (a *archive) staircase(bound []float64) {
	least := math.Inf(1)
	bound[len(a.totals)] = least
	for score := len(a.totals) - 1; score >= 0; score-- {
		if a.places[score] != nil {
			least = min(least, a.totals[score])
		}
		bound[score] = least
	}
}

// front returns the scores of the cascades that no other one beats or equals in both
// score and cost, ascending.
func (a *archive) front() []int {
	var front []int
	least := math.Inf(1)
	for score := len(a.totals) - 1; score >= 0; score-- {
		if a.places[score] != nil && a.totals[score] < least {
			least = a.totals[score]
			front = append(front, score)
		}
	}
	slices.Reverse(front)
	return front
}

// placeKey names a score and what it costs.
func (a *archive) placeKey(score int) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(score)), math.Float64bits(a.totals[score]))
}

// near returns the cascades that a score at most slack higher would put on the front,
// those of the front among them.
func (a *archive) near(slack int) []plan {
	bound := make([]float64, len(a.totals)+1)
	a.staircase(bound)
	var plans []plan
	for score, p := range a.plans() {
		if a.totals[score] < bound[min(score+slack+1, len(bound)-1)] {
			plans = append(plans, p)
		}
	}
	return plans
}

// worth returns the highest score within a budget as a share of the samples, averaged over
// the budgets.
func (a *archive) worth(b budgets) float64 {
	var all []scored
	samples := float64(a.samples())
	for _, score := range a.front() {
		all = append(all, scored{a.totals[score] / samples, float64(score) / samples})
	}
	if len(all) == 0 {
		return 0
	}
	return b.mean(all)
}

// drawn returns error and mean cost at places of the front, by their scores.
func (a *archive) drawn(places []int) (errors, costs []float64) {
	samples := float64(a.samples())
	for _, score := range places {
		errors = append(errors, 1-float64(score)/samples)
		costs = append(costs, a.totals[score]/samples)
	}
	return errors, costs
}
