package optimize

import (
	"cmp"
	"context"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// A scope says which neighbours of a cascade are explored. Narrow scopes come first: most
// of what can be gained is gained there, for a fraction of the work.
type scope int

const (
	frontModels scope = iota // add models that the front already uses, in order of cost
	allModels                // add any model, in order of cost
	anyOrder                 // add any model anywhere
	scopes
)

// A turn says which cascades of the front are explored, and how widely.
type turn struct {
	scope   scope
	notLast bool // only those of other rules than last
}

// turnsOf returns what is explored first, second and so on: each turn when those before it
// have nothing left. Of several rules, last comes last. It gains quickly with short chains,
// and its cascades would take the places on the front that those of rules mean and vote,
// better in the end, start from.
func turnsOf(rules []cascade.Rule) []turn {
	var turns []turn
	if len(rules) > 1 && slices.Contains(rules, cascade.RuleLast) {
		for scope := range scopes {
			turns = append(turns, turn{scope, true})
		}
	}
	for scope := range scopes {
		turns = append(turns, turn{scope, false})
	}
	return turns
}

// localSearch explores the neighbours of every cascade on the front: a model inserted,
// replaced or removed, neighbouring stages swapped, a weight changed. What improves the
// front is explored in turn, a wider scope when a narrower one has nothing left.
func (x *explorer) localSearch(ctx context.Context) error {
	turns := turnsOf(x.r.options.Rules)
	for i := 0; i < len(turns) && !x.Spent && !x.settled(); {
		turn := turns[i]
		chains := x.begin(turn)
		if len(chains) == 0 {
			i++
			continue
		}
		models := x.modelsIn(turn.scope)
		budgets := x.allot(ctx, chains, models, turn.scope)
		err := x.r.parallel(ctx, "cascades explored", len(chains), func(w *worker) func(int) {
			n := newNeighborhood(ctx, x.r, w, models, turn.scope)
			return func(unit int) {
				n.budget = budgets[unit]
				n.explore(chains[unit])
			}
		})
		if err != nil {
			return err
		}
		i = 0
	}
	return nil
}

// roundChains is how many chains are explored before the front is put together again:
// enough to keep many threads busy, few enough that the next ones start from a better
// front.
const roundChains = 64

// begin takes up a round: cascades of the front not explored in a turn's scope, those of
// one chain together, of at most roundChains chains.
func (x *explorer) begin(turn turn) [][]plan {
	scope, archive := turn.scope, x.r.archive
	for _, place := range x.Round {
		x.known[x.Scope][string(place)] = true
	}
	x.Explored[x.Scope] = append(x.Explored[x.Scope], x.Round...)
	x.Round, x.Scope, x.Settled = nil, scope, x.Present

	open := byChain{places: make(map[string]int)}
	for _, correct := range archive.front() {
		p, place := archive.plan(correct), archive.placeKey(correct)
		if turn.notLast && p.rule == cascade.RuleLast || x.known[scope][string(place)] {
			continue
		}
		if open.add(p, roundChains) {
			x.Round = append(x.Round, place)
		}
	}
	x.End = x.r.nextUnit + len(open.chains)
	// Long chains take longest and go first, so that no thread ends alone.
	slices.SortStableFunc(open.chains, func(a, b []plan) int { return cmp.Compare(len(b[0].members), len(a[0].members)) })
	return open.chains
}

// modelsIn returns the models that neighbours in a scope may add, ascending.
func (x *explorer) modelsIn(scope scope) []uint16 {
	var models []uint16
	if scope > frontModels {
		for m := range x.r.eval.models {
			models = append(models, uint16(m))
		}
		return models
	}
	archive := x.r.archive
	for _, correct := range archive.front() {
		for _, m := range archive.plan(correct).members {
			models = append(models, m.model)
		}
	}
	slices.Sort(models)
	return slices.Compact(models)
}

// allot returns how many evaluations exploring each of the chains may take. If the budget
// does not suffice for all, the last ones get what is left or nothing, and it is spent.
// How many a chain takes does not depend on what they find, so they are counted
// beforehand, and the budget is kept whichever thread explores what. If ctx ends they are of no
// use.
func (x *explorer) allot(ctx context.Context, chains [][]plan, models []uint16, scope scope) []int64 {
	budgets := make([]int64, len(chains))
	left := x.r.left()
	var counter *neighborhood
	if x.r.options.Evals > 0 {
		counter = newNeighborhood(ctx, x.r, nil, models, scope)
	}
	for i, chain := range chains {
		budgets[i] = left
		if counter != nil {
			counter.budget = left
			counter.explore(chain)
			left = counter.budget
			x.Spent = x.Spent || counter.spent
		}
	}
	return budgets
}
