package optimize

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// An archive keeps, for every number of correct answers, the cheapest cascade that
// gives it. Accuracy has only N+1 values, so that this is the whole front, exact, and
// an offer costs one comparison. Costs are totals over the N samples.
//
// What is kept has the form that [limits.canonical] gives it, and cascades of equal
// accuracy and cost have an order ([limits.compare]), so that what it holds depends on
// neither the order of offers nor on which threads make them.
type archive struct {
	limits *limits
	totals []float64 // by correct answers: what the cost of an offer must not exceed
	plans  []plan    // the cascades; one without members if there is none
	room   plan      // for the form of an offer
}

// newArchive returns an empty archive for n samples that takes what is within limits.
func newArchive(n int, l *limits) *archive {
	a := &archive{limits: l, totals: make([]float64, n+1), plans: make([]plan, n+1)}
	for correct := range a.totals {
		a.totals[correct] = l.total
		if correct < l.correct {
			a.totals[correct] = math.Inf(-1)
		}
	}
	return a
}

// copy returns an archive that holds what a holds; the plans are shared.
func (a *archive) copy() *archive {
	return &archive{limits: a.limits, totals: slices.Clone(a.totals), plans: slices.Clone(a.plans)}
}

// offer keeps a plan, in canonical form, if it is within the limits and comes before
// what is known for its number of correct answers. reach counts the samples at each of
// its stages.
func (a *archive) offer(correct int, total float64, p plan, reach []int) {
	if !(total <= a.totals[correct]) {
		return
	}
	if invariants {
		a.mustOffer(correct, p, reach)
	}
	c := a.limits.canonical(&a.room, p, reach)
	if a.takes(correct, total, c) && a.limits.within(c) {
		a.totals[correct], a.plans[correct] = total, c.clone()
	}
}

// takes reports whether a plan in canonical form comes before what is known.
func (a *archive) takes(correct int, total float64, p plan) bool {
	if old := a.plans[correct]; total == a.totals[correct] && len(old.members) > 0 {
		return a.limits.compare(p, old) < 0
	}
	return total <= a.totals[correct]
}

// merge takes over what b has found.
func (a *archive) merge(b *archive) {
	for correct, p := range b.plans {
		if total := b.totals[correct]; len(p.members) > 0 && a.takes(correct, total, p) {
			a.totals[correct], a.plans[correct] = total, p
		}
	}
	if invariants {
		a.mustHold()
	}
}

// restore puts a cascade into an empty place, and reports what is wrong with it: it
// must be one that offer could have kept there.
func (a *archive) restore(correct int, total float64, p plan) error {
	switch {
	case correct < 0 || correct >= len(a.plans):
		return fmt.Errorf("%d correct answers of %d", correct, len(a.plans)-1)
	case len(a.plans[correct].members) > 0:
		return fmt.Errorf("two cascades of %d correct answers", correct)
	case !(total > 0 && total <= a.totals[correct]) || !a.limits.within(p):
		return fmt.Errorf("a cascade of %d correct answers at a cost of %v is beyond the limits", correct, total)
	case !a.isCanonical(p):
		return fmt.Errorf("a cascade of %d correct answers has weights or a rule that the search does not keep", correct)
	}
	a.totals[correct], a.plans[correct] = total, p
	return nil
}

// isCanonical reports whether a plan is in canonical form if samples reach all of its
// stages.
func (a *archive) isCanonical(p plan) bool {
	c := a.limits.canonical(&a.room, p, slices.Repeat([]int{1}, len(p.members)))
	return a.limits.compare(c, p) == 0
}

// staircase sets bound[c] to the least total at which c or more correct answers
// are known, for c = 0..N, and to +Inf for c = N+1. Whatever costs strictly more
// is dominated.
func (a *archive) staircase(bound []float64) {
	least := math.Inf(1)
	bound[len(a.totals)] = least
	for correct := len(a.totals) - 1; correct >= 0; correct-- {
		if len(a.plans[correct].members) > 0 {
			least = min(least, a.totals[correct])
		}
		bound[correct] = least
	}
}

// front returns the numbers of correct answers of the cascades that no other one
// beats or equals in both accuracy and cost, ascending.
func (a *archive) front() []int {
	var front []int
	least := math.Inf(1)
	for correct := len(a.totals) - 1; correct >= 0; correct-- {
		if len(a.plans[correct].members) > 0 && a.totals[correct] < least {
			least = a.totals[correct]
			front = append(front, correct)
		}
	}
	slices.Reverse(front)
	return front
}

// placeKey names a number of correct answers and what it costs.
func (a *archive) placeKey(correct int) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(correct)), math.Float64bits(a.totals[correct]))
}

// near returns the cascades that at most slack more correct answers would put on the
// front, those of the front among them.
func (a *archive) near(slack int) []plan {
	bound := make([]float64, len(a.totals)+1)
	a.staircase(bound)
	var plans []plan
	for correct, p := range a.plans {
		if len(p.members) > 0 && a.totals[correct] < bound[min(correct+slack+1, len(bound)-1)] {
			plans = append(plans, p)
		}
	}
	return plans
}

// drawn returns error and mean cost at places of the front.
func (a *archive) drawn(places []int) (errors, costs []float64) {
	samples := float64(len(a.plans) - 1)
	for _, correct := range places {
		errors = append(errors, 1-float64(correct)/samples)
		costs = append(costs, a.totals[correct]/samples)
	}
	return errors, costs
}
