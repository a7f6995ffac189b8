package optimize

import (
	"context"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// ensemble is greedy ensemble selection with replacement (Caruana, Niculescu-Mizil,
// Crew, Ksikes: Ensemble selection from libraries of models, ICML 2004), once for
// every limit of a ladder of costs. Each ensemble begins with the best model within
// its limit and adds, again and again, the model with which it has most correct answers;
// one that is a member already gains weight, which costs nothing except in the published
// space. An ensemble is a cascade that never exits early, so its cost is the worst-case
// cost. All ensembles met on the way are offered.
func ensemble(ctx context.Context, r *run) (Proof, error) {
	rule := r.options.Rules[0]
	e := &selection{run: r, rule: rule, first: r.eval.firstOf(rule), left: r.options.Evals}
	if e.left == 0 {
		e.left = math.MaxInt64
	}
	if err := e.begin(ctx); err != nil {
		return Proof{}, err
	}
	for round := 1; round < ensembleRounds && e.left > 0 && len(e.rungs) > 0; round++ {
		if err := e.grow(ctx); err != nil {
			return Proof{}, err
		}
	}
	return Proof{}, nil
}

const (
	ensembleRungs    = 32 // limits, from the cheapest model's cost to that of all models
	ensembleRounds   = 64 // models added, at most
	ensemblePatience = 8  // rounds without a better ensemble
)

func checkEnsemble(o *Options) error {
	i := slices.IndexFunc(o.Rules, func(rule cascade.Rule) bool { return rule != cascade.RuleLast })
	if i < 0 {
		return optionf("rule", "algorithm ensemble averages outputs or votes: it cannot use rule last")
	}
	if o.Grid[len(o.Grid)-1] != 1 {
		return optionf("grid", "algorithm ensemble needs a grid that ends in 1, the threshold that lets no sample exit")
	}
	o.Rules, o.Confidence = o.Rules[i:i+1], cascade.MaxProbability // thresholds are not used
	return nil
}

// A selection is the growing ensembles of all rungs of the ladder.
type selection struct {
	run   *run
	rule  cascade.Rule
	first int     // number of the first model's lists
	left  int64   // evaluations
	rungs []*rung // still growing
}

// A rung is the ensemble selected within one limit of cost.
type rung struct {
	limit float64
	set   *selected
	best  int32 // most correct answers so far
	stale int   // rounds since
}

// A selected is an ensemble and what it needs to grow; rungs share them.
type selected struct {
	members []member // in the order they were added
	cost    float64
	sums    *kernel.Sums
}

// A candidate is a model that an ensemble may add.
type candidate struct {
	to   *selected
	take uint16
}

// begin puts the best model within its limit on every rung.
func (e *selection) begin(ctx context.Context) error {
	costs := e.run.eval.costs
	plans := make([]plan, 0, len(costs))
	low, high := front.LeastCost(costs), 0.0
	for m := range costs[:min(int64(len(costs)), e.left)] {
		plans = append(plans, plan{members: []member{{uint16(m), 1}}})
		high += costs[m]
	}
	high = min(high, e.run.options.MaxCost, e.run.limits.worst)
	outcomes, err := e.run.evaluateAll(ctx, "models", plans)
	if err != nil {
		return err
	}
	e.left -= int64(len(plans))
	start := make(map[int]*selected) // by the model it begins with
	for r := range ensembleRungs {
		limit := ratio(low, high, float64(r)/(ensembleRungs-1))
		best := -1
		for m, out := range outcomes {
			if costs[m] <= limit && e.run.limits.paramsOf(plans[m]) <= e.run.limits.params && (best < 0 || out.correct > outcomes[best].correct ||
				out.correct == outcomes[best].correct && costs[m] < costs[best]) {
				best = m
			}
		}
		if len(e.run.limits.required) > 0 {
			best = e.run.limits.required[0]
		}
		if best < 0 {
			continue
		}
		if start[best] == nil {
			if start[best], err = e.start(ctx, best); err != nil {
				return err
			}
		}
		if start[best].cost <= limit {
			e.rungs = append(e.rungs, &rung{limit: limit, set: start[best]})
		}
	}
	return nil
}

// start returns an ensemble of one model, or of all required models.
func (e *selection) start(ctx context.Context, model int) (*selected, error) {
	sums := kernel.NewSums(e.run.eval.samples(), e.run.eval.listed())
	kernel.Single(sums, &e.run.eval.lists[e.first+model], 1)
	set := &selected{[]member{{uint16(model), 1}}, e.run.eval.costs[model], sums}
	if len(e.run.limits.required) < 2 || e.left == 0 {
		return set, nil
	}
	for _, m := range e.run.limits.required[1:] {
		set = e.take(candidate{set, uint16(m)})
	}
	p, _ := e.plan(set.members)
	e.left--
	_, err := e.run.evaluateAll(ctx, "models", []plan{p})
	return set, err
}

// with returns the members after a model was added and what they cost. In the published
// space a model may occur more than once and is paid for each time.
func (e *selection) with(c candidate) ([]member, float64) {
	members := slices.Clone(c.to.members)
	if !e.run.options.Paper {
		for i := range members {
			if members[i].model == c.take {
				members[i].weight++
				return members, c.to.cost
			}
		}
	}
	return append(members, member{c.take, 1}), c.to.cost + e.run.eval.costs[c.take]
}

// grow lets every rung add the model with which it has most correct answers.
func (e *selection) grow(ctx context.Context) error {
	limits := make(map[*selected]float64) // the largest of the rungs that share it
	var sets []*selected
	for _, r := range e.rungs {
		if _, ok := limits[r.set]; !ok {
			sets = append(sets, r.set)
		}
		limits[r.set] = max(limits[r.set], r.limit)
	}
	var candidates []candidate
	for _, set := range sets {
		for m := range e.run.eval.models {
			c := candidate{set, uint16(m)}
			members, cost := e.with(c)
			if len(members) <= e.run.options.MaxModels && cost <= limits[set] && e.run.limits.paramsOf(plan{members: members}) <= e.run.limits.params {
				candidates = append(candidates, c)
			}
		}
	}
	candidates = candidates[:min(int64(len(candidates)), e.left)]
	outcomes, err := e.run.evaluateEach(ctx, "ensembles evaluated", len(candidates), func(w *worker) func(i int) outcome {
		table := make([]byte, e.run.eval.samples())
		return func(i int) outcome {
			c := candidates[i]
			w.combine(table, c.to.sums, e.listsOf(c.to.members), member{uint16(e.first) + c.take, 1})
			w.evaluations.Add(1)
			correct := kernel.Correct(table)
			members, _ := e.with(c)
			p, reach := e.plan(members)
			total := e.run.eval.totalCost(p, reach)
			w.archive.offer(correct, total, p, reach)
			return outcome{int32(correct), total}
		}
	})
	if err != nil {
		return err
	}
	e.left -= int64(len(candidates))
	grown := make(map[candidate]*selected)
	growing := e.rungs[:0]
	for _, r := range e.rungs {
		best := -1
		for i, c := range candidates {
			if c.to != r.set {
				continue
			}
			if _, cost := e.with(c); cost <= r.limit && (best < 0 || outcomes[i].correct > outcomes[best].correct ||
				outcomes[i].correct == outcomes[best].correct && outcomes[i].total < outcomes[best].total) {
				best = i
			}
		}
		if best < 0 {
			continue
		}
		c := candidates[best]
		if grown[c] == nil {
			grown[c] = e.take(c)
		}
		r.set = grown[c]
		r.stale++
		if outcomes[best].correct > r.best {
			r.best, r.stale = outcomes[best].correct, 0
		}
		if r.stale < ensemblePatience {
			growing = append(growing, r)
		}
	}
	e.rungs = growing
	return nil
}

// listsOf returns members by the numbers of their lists.
func (e *selection) listsOf(members []member) []member {
	lists := slices.Clone(members)
	for i := range lists {
		lists[i].model += uint16(e.first)
	}
	return lists
}

// plan returns the cascade that is an ensemble: all its thresholds are 1, and all
// samples reach every stage.
func (e *selection) plan(members []member) (p plan, reach []int) {
	p.rule, p.members = e.rule, members
	for stage := range members {
		reach = append(reach, e.run.eval.samples())
		if stage > 0 {
			p.exits = append(p.exits, uint8(len(e.run.eval.grid)-1))
		}
	}
	return p, reach
}

// take returns an ensemble with one more model.
func (e *selection) take(c candidate) *selected {
	lists := e.run.eval.lists[e.first:]
	var parts []*kernel.Lists
	var weights []uint32
	for _, m := range c.to.members {
		parts, weights = append(parts, &lists[m.model]), append(weights, uint32(m.weight))
	}
	sums := kernel.NewSums(e.run.eval.samples(), c.to.sums.K)
	kernel.Extend(sums, c.to.sums, parts, weights, &lists[c.take], 1)
	members, cost := e.with(c)
	return &selected{members, cost, sums}
}
