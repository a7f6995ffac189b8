package optimize

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// ensemble is greedy ensemble selection with replacement (Caruana, Niculescu-Mizil,
// Crew, Ksikes: Ensemble selection from libraries of models, ICML 2004), once for
// every limit of a ladder of costs. Each ensemble begins with the best model within
// its limit and takes in, again and again, the model that leaves most samples
// right; one that is a member already gains weight, which costs nothing unless the
// search is for the published space. An ensemble is a cascade that never exits
// early, so that its cost is the worst-case cost. All ensembles met on the way are
// offered, those taken and those not.
type ensemble struct{}

const (
	ensembleRungs    = 32 // limits, from the cheapest model's cost to that of all models
	ensembleRounds   = 64 // models taken in, at most
	ensemblePatience = 8  // rounds without a better ensemble
	ensembleModels   = 32
)

func (ensemble) maxModels() int { return ensembleModels }

func (ensemble) check(o *Options) error {
	if !o.uses(cascade.RuleMean) {
		return errors.New("algorithm ensemble averages outputs: rule last does not go with it")
	}
	if o.Grid[len(o.Grid)-1] != 1 {
		return errors.New("algorithm ensemble needs a grid that ends in 1, the threshold that lets no sample exit")
	}
	o.Rules, o.Confidence = []cascade.Rule{cascade.RuleMean}, cascade.MaxProbability // none is looked at
	return nil
}

func (ensemble) run(ctx context.Context, s *search) (proof Proof, err error) {
	e := &selection{search: s, left: s.Evals}
	if s.Evals == 0 {
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

// A selection is the growing ensembles of all rungs of the ladder.
type selection struct {
	*search
	left  int64   // evaluations
	rungs []*rung // still growing
}

// A rung is the ensemble selected within one limit of cost.
type rung struct {
	limit float64
	*selected
	best  int32 // most samples right so far
	stale int   // rounds since
}

// A selected is an ensemble and what it needs to grow; rungs share them.
type selected struct {
	members []member // in the order they were taken in
	cost    float64
	sums    *kernel.Sums
}

// A candidate is a model an ensemble may take in.
type candidate struct {
	to   *selected
	take uint16
}

// begin puts the best model within its limit on every rung.
func (e *selection) begin(ctx context.Context) error {
	plans := make([]plan, 0, len(e.models))
	low, high := e.models[e.cheapest()].Cost, 0.0
	for m := range e.models[:min(int64(len(e.models)), e.left)] {
		plans = append(plans, plan{members: []member{{uint16(m), 1}}})
		high += e.costs[m]
	}
	high = min(high, e.MaxCost, e.MaxWorstCost)
	results, err := e.evaluateAll(ctx, "models", plans)
	if err != nil {
		return err
	}
	e.left -= int64(len(plans))
	start := make(map[int]*selected) // by the model it begins with
	for r := range ensembleRungs {
		limit := low * math.Pow(high/low, float64(r)/(ensembleRungs-1))
		best := -1
		for m, result := range results {
			if e.costs[m] <= limit && e.limits.paramsOf(plans[m]) <= e.MaxParams && (best < 0 || result.correct > results[best].correct ||
				result.correct == results[best].correct && e.costs[m] < e.costs[best]) {
				best = m
			}
		}
		if len(e.required) > 0 {
			best = e.required[0]
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
			e.rungs = append(e.rungs, &rung{limit: limit, selected: start[best]})
		}
	}
	return nil
}

// start returns an ensemble of one model, or of all that every one must have.
func (e *selection) start(ctx context.Context, model int) (*selected, error) {
	sums := kernel.NewSums(e.Samples(), e.lists[model].K)
	kernel.Single(sums, &e.lists[model], 1)
	set := &selected{[]member{{uint16(model), 1}}, e.costs[model], sums}
	if len(e.required) < 2 || e.left == 0 {
		return set, nil
	}
	for _, m := range e.required[1:] {
		set = e.take(candidate{set, uint16(m)})
	}
	p, _ := e.plan(set.members)
	e.left--
	_, err := e.evaluateAll(ctx, "models", []plan{p})
	return set, err
}

// with returns the members after a model was taken in and what they cost. In the
// published space a model may stand more than once and is paid each time.
func (e *selection) with(c candidate) ([]member, float64) {
	members := slices.Clone(c.to.members)
	if !e.Paper {
		for i := range members {
			if members[i].model == c.take {
				members[i].weight++
				return members, c.to.cost
			}
		}
	}
	return append(members, member{c.take, 1}), c.to.cost + e.costs[c.take]
}

// grow lets every rung take in the model that leaves most samples right.
func (e *selection) grow(ctx context.Context) error {
	limits := make(map[*selected]float64) // the largest of the rungs that share it
	var sets []*selected
	for _, r := range e.rungs {
		if _, ok := limits[r.selected]; !ok {
			sets = append(sets, r.selected)
		}
		limits[r.selected] = max(limits[r.selected], r.limit)
	}
	var candidates []candidate
	for _, set := range sets {
		for m := range e.models {
			c := candidate{set, uint16(m)}
			members, cost := e.with(c)
			if len(members) <= e.MaxModels && cost <= limits[set] && e.limits.paramsOf(plan{members: members}) <= e.MaxParams {
				candidates = append(candidates, c)
			}
		}
	}
	candidates = candidates[:min(int64(len(candidates)), e.left)]
	results, err := e.evaluateEach(ctx, "ensembles evaluated", len(candidates), func(w *worker) func(i int) result {
		table := make([]byte, w.Samples())
		return func(i int) result {
			c := candidates[i]
			w.combine(table, c.to.sums, c.to.members, member{c.take, 1})
			w.evaluations.Add(1)
			correct := kernel.Correct(table)
			members, _ := e.with(c)
			p, reach := e.plan(members)
			total := w.totalCost(p, reach)
			w.archive.offer(correct, total, p, reach)
			return result{int32(correct), total}
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
			if c.to != r.selected {
				continue
			}
			if _, cost := e.with(c); cost <= r.limit && (best < 0 || results[i].correct > results[best].correct ||
				results[i].correct == results[best].correct && results[i].total < results[best].total) {
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
		r.selected = grown[c]
		r.stale++
		if results[best].correct > r.best {
			r.best, r.stale = results[best].correct, 0
		}
		if r.stale < ensemblePatience {
			growing = append(growing, r)
		}
	}
	e.rungs = growing
	return nil
}

// plan returns the cascade that is an ensemble: all its thresholds are 1, and all
// samples reach every stage.
func (e *selection) plan(members []member) (p plan, reach []int) {
	p.members = members
	for stage := range members {
		reach = append(reach, e.Samples())
		if stage > 0 {
			p.exits = append(p.exits, uint8(len(e.Grid)-1))
		}
	}
	return p, reach
}

// take returns an ensemble with one more model.
func (e *selection) take(c candidate) *selected {
	var parts []*kernel.Lists
	var weights []uint32
	for _, m := range c.to.members {
		parts, weights = append(parts, &e.lists[m.model]), append(weights, uint32(m.weight))
	}
	sums := kernel.NewSums(e.Samples(), c.to.sums.K)
	kernel.Extend(sums, c.to.sums, parts, weights, &e.lists[c.take], 1)
	members, cost := e.with(c)
	return &selected{members, cost, sums}
}
