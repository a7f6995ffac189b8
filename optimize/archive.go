package optimize

import (
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
func (p plan) has(model int) bool {
	return slices.ContainsFunc(p.members, func(m member) bool { return int(m.model) == model })
}

// cascade returns the plan with thresholds of a grid and the models' names.
func (s *search) cascade(p plan) cascade.Cascade {
	c := cascade.Cascade{Rule: p.rule, Confidence: s.Confidence}
	for _, m := range p.members {
		c.Stages = append(c.Stages, cascade.Stage{Model: s.models[m.model].Name, Weight: int(m.weight)})
	}
	for stage, g := range p.exits {
		c.Stages[stage].Threshold = s.Grid[g]
	}
	return c
}

// An archive keeps, for every number of correct answers, the cheapest cascade
// that gives it. As accuracy has only N+1 values, that is the whole front, exact,
// and an offer costs one comparison. Costs are totals over the N samples.
//
// Work is split into numbered units. Among cascades of equal cost and accuracy
// the one of the lowest unit stays, within a unit the one offered first, so that
// the outcome does not depend on which thread did which unit.
type archive struct {
	feasible func(plan) bool // whether a plan meets the limits on its members
	cost     []float64       // by correct answers: the total an offer must stay below
	plans    []plan          // the cascades; one without members stands for none
	units    []int           // the unit each came from
}

// newArchive returns an empty archive for n samples that takes feasible cascades
// of at most the given mean cost and at least minCorrect correct answers.
func newArchive(n int, maxCost float64, minCorrect int, feasible func(plan) bool) *archive {
	a := &archive{
		feasible: feasible,
		cost:     make([]float64, n+1),
		plans:    make([]plan, n+1),
		units:    make([]int, n+1),
	}
	limit := math.Nextafter(maxCost*float64(n), math.Inf(1))
	for correct := range a.cost {
		a.cost[correct] = limit
		if correct < minCorrect {
			a.cost[correct] = math.Inf(-1)
		}
	}
	return a
}

// copy returns an archive that holds what a holds; the plans are shared.
func (a *archive) copy() *archive {
	return &archive{a.feasible, slices.Clone(a.cost), slices.Clone(a.plans), slices.Clone(a.units)}
}

// offer keeps a copy of the plan if it is the cheapest so far for its number of
// correct answers, and reports whether it is.
func (a *archive) offer(unit, correct int, total float64, p plan) bool {
	if !(total < a.cost[correct]) || !a.feasible(p) {
		return false
	}
	a.cost[correct], a.plans[correct], a.units[correct] = total, p.clone(), unit
	return true
}

// merge takes over what b has found.
func (a *archive) merge(b *archive) {
	for correct, p := range b.plans {
		if len(p.members) == 0 {
			continue
		}
		cost := b.cost[correct]
		if cost < a.cost[correct] || cost == a.cost[correct] && len(a.plans[correct].members) > 0 && b.units[correct] < a.units[correct] {
			a.cost[correct], a.plans[correct], a.units[correct] = cost, p, b.units[correct]
		}
	}
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
