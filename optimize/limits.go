package optimize

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// limits say which cascades an archive takes and in which form. Those on members are
// for that form.
type limits struct {
	models   []Model
	required []int        // models that every cascade must have, ascending
	rule     cascade.Rule // of cascades with one stage, in which rules do not differ
	worst    float64      // cost of all members
	params   float64      // of the distinct members
	total    float64      // cost of all samples
	correct  int          // least score
	charge   int          // correct answers that every model beyond the first must be worth
	reach    int          // least samples that a stage must be reached by, if it is reached
}

func newLimits(p *Problem, o *Options, required []int) *limits {
	n := p.Samples()
	return &limits{
		models:   p.models,
		required: required,
		rule:     o.Rules[0],
		worst:    slack * o.MaxWorstCost,
		params:   slack * o.MaxParams,
		total:    slack * o.MaxCost * max(1, o.overCost) * float64(n),
		correct:  int(math.Ceil(o.MinAccuracy*float64(n) - 1e-9)),
		charge:   o.charge,
		reach:    o.leastReach,
	}
}

// mayBegin reports whether a cascade may begin with a model of this cost, which all of so many samples pay.
func (l *limits) mayBegin(cost float64, samples int) bool {
	return float64(cost*float64(samples)) <= l.total
}

// slack lets what is just at a limit be within it, however its cost is rounded.
const slack = 1 + 1e-12

// WithinCost drops from points those whose mean cost, which has changed since they were found, is
// above a limit; 0 is none.
func WithinCost(points []front.Point, limit float64) ([]front.Point, error) {
	if limit == 0 || len(points) == 0 {
		return points, nil
	}
	cheapest := math.Inf(1)
	points = slices.DeleteFunc(points, func(p front.Point) bool {
		cheapest = min(cheapest, p.Cost)
		return p.Cost > slack*limit
	})
	if len(points) == 0 {
		return nil, fmt.Errorf("%w: the cost limit is %g, and the cheapest of those found costs %.6g on all samples", ErrNothingFeasible, limit, cheapest)
	}
	return points, nil
}

// canonical returns the form in which an archive keeps a plan that so many samples
// reach each stage of. It does the same on these samples:
//
//   - Stages that no sample reaches go, but for models that every cascade must have:
//     these come last, by name and with weight 1, and all samples exit before them.
//   - Weights have no common divisor, and with rule last or a single member they are 1.
//   - A single member has the first rule of the search.
//
// The plan returned is valid until the next call with the same room.
func (l *limits) canonical(room *plan, p plan, reach []int) plan {
	reached := len(p.members)
	for reach[reached-1] == 0 {
		reached--
	}
	c := plan{p.rule, append(room.members[:0], p.members[:reached]...), append(room.exits[:0], p.exits[:reached-1]...)}
	divisor := uint8(0)
	for _, m := range c.members {
		divisor = gcd(divisor, m.weight)
	}
	for stage := range c.members {
		if c.members[stage].weight /= divisor; c.rule == cascade.RuleLast {
			c.members[stage].weight = 1
		}
	}
	for _, m := range l.requiredAfter(p.members, reached) {
		// What reaches it has a bin above some threshold, and so above the lowest.
		c.members, c.exits = append(c.members, m), append(c.exits, 0)
	}
	if len(c.members) == 1 {
		c.rule = l.rule
	}
	room.members, room.exits = c.members, c.exits
	return c
}

// requiredAfter returns the models that every cascade must have and that of these
// members only those after the first so many are.
func (l *limits) requiredAfter(members []member, first int) []member {
	var after []member
	if first < len(members) {
		for _, m := range l.required {
			if !has(members[:first], m) && has(members[first:], m) {
				after = append(after, member{uint16(m), 1})
			}
		}
	}
	return after
}

func gcd(a, b uint8) uint8 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// measured reports whether enough samples reach every stage that samples reach at all.
func (l *limits) measured(reach []int) bool {
	for stage := len(reach) - 1; stage > 0 && reach[stage] < l.reach; stage-- {
		if reach[stage] > 0 {
			return false
		}
	}
	return true
}

// within reports whether a plan is within the limits on its members.
func (l *limits) within(p plan) bool {
	return l.worstCost(p) <= l.worst && l.paramsOf(p) <= l.params &&
		!slices.ContainsFunc(l.required, func(m int) bool { return !p.has(m) })
}

// cut returns the longest chain within the limits that is left of one if no sample
// reaches its last stages, and how many of its stages are. It returns the chain itself
// if that is within the limits, and none if nothing is.
func (l *limits) cut(chain []member) (cut []member, stages int) {
	cut = chain
	for stages = len(chain); stages > 0 && !l.within(plan{members: cut}); stages-- {
		cut = append(slices.Clone(chain[:stages-1]), l.requiredAfter(chain, stages-1)...)
	}
	return cut, stages
}

// compare orders plans of equal accuracy and cost: what needs less to be deployed comes
// first. It returns 0 for equal plans alone and depends on names, not on what other
// models there are.
func (l *limits) compare(a, b plan) int {
	byName := func(a, b member) int { return cmp.Compare(a.model, b.model) } // models are in order of name
	byWeight := func(a, b member) int { return cmp.Compare(a.weight, b.weight) }
	return cmp.Or(
		cmp.Compare(l.costTogether(a), l.costTogether(b)),
		cmp.Compare(len(a.members), len(b.members)),
		cmp.Compare(l.characters(a), l.characters(b)),
		slices.CompareFunc(a.members, b.members, byName),
		cmp.Compare(a.rule, b.rule),
		slices.CompareFunc(a.members, b.members, byWeight),
		slices.Compare(a.exits, b.exits),
	)
}

// characters counts the characters of the members' names together.
func (l *limits) characters(p plan) int {
	n := 0
	for _, m := range p.members {
		n += utf8.RuneCountInString(l.models[m.model].Name)
	}
	return n
}

// worstCost is the cost of all members of a plan together.
func (l *limits) worstCost(p plan) float64 {
	total := 0.0
	for _, m := range p.members {
		total += l.models[m.model].Cost
	}
	return total
}

// costTogether is worstCost, rounded alike for the same costs in any order.
func (l *limits) costTogether(p plan) float64 {
	members := slices.SortedFunc(slices.Values(p.members), func(a, b member) int {
		return cmp.Compare(l.models[a.model].Cost, l.models[b.model].Cost)
	})
	return l.worstCost(plan{members: members})
}

// paramsOf is the sum over the distinct members of a plan, or 0 if it is not limited.
func (l *limits) paramsOf(p plan) float64 {
	if math.IsInf(l.params, 1) {
		return 0
	}
	total := 0.0
	for _, m := range normalize(nil, p.members) {
		total += l.models[m.model].Params
	}
	return total
}
