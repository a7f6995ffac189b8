package optimize

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// A member is a model and its weight in the mean.
type member struct {
	model  uint16
	weight uint8
}

// A plan is a cascade in a search's own terms: thresholds are numbers into the
// run's grid.
type plan struct {
	rule    cascade.Rule
	members []member
	exits   []uint8 // one fewer than members
}

func (p plan) clone() plan {
	return plan{p.rule, slices.Clone(p.members), slices.Clone(p.exits)}
}

// set returns the members whose outputs a stage combines.
func (p plan) set(stage int) []member {
	if p.rule == cascade.RuleLast {
		return []member{{p.members[stage].model, 1}}
	}
	return p.members[:stage+1]
}

// has reports whether a model is a member.
func (p plan) has(model int) bool { return has(p.members, model) }

func has(members []member, model int) bool {
	return slices.ContainsFunc(members, func(m member) bool { return int(m.model) == model })
}

// cascade returns the plan with thresholds of a grid and the models' names.
func (s *search) cascade(p plan) cascade.Cascade {
	c := cascade.Cascade{Rule: p.rule, Confidence: s.Confidence}
	if len(p.members) == 1 {
		c.Rule = cascade.RuleMean // a model alone is written without a rule
	}
	for _, m := range p.members {
		c.Stages = append(c.Stages, cascade.Stage{Model: s.models[m.model].Name, Weight: int(m.weight)})
	}
	for stage, g := range p.exits {
		c.Stages[stage].Threshold = s.Grid[g]
	}
	return c
}

// An archive keeps, for every number of correct answers, the cheapest cascade that
// gives it. Accuracy has only N+1 values, so that this is the whole front, exact, and
// an offer costs one comparison. Costs are totals over the N samples.
//
// What is kept has the form that [limits.canonical] gives it, and cascades of equal
// accuracy and cost have an order ([limits.compare]), so that the outcome depends on
// neither the order of offers nor on which thread made them.
type archive struct {
	*limits
	cost  []float64 // by correct answers: the total an offer must not exceed
	plans []plan    // the cascades; one without members if there is none
	room  plan      // for the form of an offer
}

// newArchive returns an empty archive for n samples that takes what is within limits.
func newArchive(n int, l *limits) *archive {
	a := &archive{limits: l, cost: make([]float64, n+1), plans: make([]plan, n+1)}
	for correct := range a.cost {
		a.cost[correct] = l.total
		if correct < l.correct {
			a.cost[correct] = math.Inf(-1)
		}
	}
	return a
}

// copy returns an archive that holds what a holds; the plans are shared.
func (a *archive) copy() *archive {
	return &archive{limits: a.limits, cost: slices.Clone(a.cost), plans: slices.Clone(a.plans)}
}

// offer keeps a plan, in canonical form, if it is within the limits and comes before
// what is known for its number of correct answers. reach counts the samples at each of
// its stages.
func (a *archive) offer(correct int, total float64, p plan, reach []int) {
	if !(total <= a.cost[correct]) {
		return
	}
	if invariants {
		a.mustOffer(correct, p, reach)
	}
	c := a.canonical(&a.room, p, reach)
	if a.takes(correct, total, c) && a.within(c) {
		a.cost[correct], a.plans[correct] = total, c.clone()
	}
}

// takes reports whether a plan in canonical form comes before what is known.
func (a *archive) takes(correct int, total float64, p plan) bool {
	if old := a.plans[correct]; total == a.cost[correct] && len(old.members) > 0 {
		return a.compare(p, old) < 0
	}
	return total <= a.cost[correct]
}

// merge takes over what b has found.
func (a *archive) merge(b *archive) {
	for correct, p := range b.plans {
		if total := b.cost[correct]; len(p.members) > 0 && a.takes(correct, total, p) {
			a.cost[correct], a.plans[correct] = total, p
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
	case !(total > 0 && total <= a.cost[correct]) || !a.within(p):
		return fmt.Errorf("a cascade of %d correct answers at a cost of %v is beyond the limits", correct, total)
	case !a.isCanonical(p):
		return fmt.Errorf("a cascade of %d correct answers has weights or a rule that the search does not keep", correct)
	}
	a.cost[correct], a.plans[correct] = total, p
	return nil
}

// isCanonical reports whether a plan is in canonical form if samples reach all of its
// stages.
func (a *archive) isCanonical(p plan) bool {
	c := a.canonical(&a.room, p, slices.Repeat([]int{1}, len(p.members)))
	return a.compare(c, p) == 0
}

// staircase sets bound[c] to the least total at which c or more correct answers
// are known, for c = 0..N, and to +Inf for c = N+1. Whatever costs strictly more
// is dominated.
func (a *archive) staircase(bound []float64) {
	least := math.Inf(1)
	bound[len(a.cost)] = least
	for correct := len(a.cost) - 1; correct >= 0; correct-- {
		if len(a.plans[correct].members) > 0 {
			least = min(least, a.cost[correct])
		}
		bound[correct] = least
	}
}

// front returns the numbers of correct answers of the cascades that no other one
// beats or equals in both accuracy and cost, ascending.
func (a *archive) front() []int {
	var front []int
	least := math.Inf(1)
	for correct := len(a.cost) - 1; correct >= 0; correct-- {
		if len(a.plans[correct].members) > 0 && a.cost[correct] < least {
			least = a.cost[correct]
			front = append(front, correct)
		}
	}
	slices.Reverse(front)
	return front
}

// placeKey names a number of correct answers and what it costs.
func (a *archive) placeKey(correct int) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(correct)), math.Float64bits(a.cost[correct]))
}
