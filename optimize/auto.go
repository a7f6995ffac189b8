package optimize

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// auto is the default: all short chains exactly, then Pareto local search over longer
// chains with all thresholds of a changed place solved exactly, and evolution, which
// recombines what may be far apart on the front, in turns, until neither improves the
// front. Of many models evolution has the first turn.
func auto(ctx context.Context, r *run) (proof Proof, err error) {
	length := min(2, r.options.MaxModels)
	if !r.affordsPairs() {
		length = 1
	}
	if err := r.tryChains(ctx, length); err != nil {
		return Proof{}, err
	}
	if r.affordsSingles() {
		proof = r.proofOfChains(length)
	}
	if len(r.limits.required) > length {
		if err := r.offerRequired(ctx); err != nil {
			return Proof{}, err
		}
	}
	if r.options.MaxModels <= length {
		return proof, nil
	}
	if err := r.tryVotes(ctx); err != nil {
		return Proof{}, err
	}
	x, err := newExplorer(r)
	if err != nil {
		return Proof{}, err
	}
	return proof, x.explore(ctx)
}

// affordsSingles reports whether the budget suffices for every model alone.
func (r *run) affordsSingles() bool {
	evals := r.options.Evals
	return evals == 0 || evals >= int64(len(r.options.Rules)*len(r.eval.models))
}

// affordsPairs reports whether the budget suffices for all chains of two. If it does not,
// the local search begins from single models: a part of the pairs would spend on a few
// models what is better spent around the best.
func (r *run) affordsPairs() bool {
	evals := r.options.Evals
	return evals == 0 || evals >= r.options.pairs(r.problem)
}

// offerRequired offers the chain of the models that every cascade must have, by cost: what
// short chains cannot give the local search to start from.
func (r *run) offerRequired(ctx context.Context) error {
	budget, required, costs := r.left(), r.limits.required, r.eval.costs
	return r.parallel(ctx, "chains of the required models", 1, func(w *worker) func(int) {
		return func(int) {
			for _, rule := range r.options.Rules {
				p := plan{rule: rule, exits: make([]uint8, len(required)-1)}
				for _, m := range required {
					p.members = append(p.members, member{uint16(m), 1})
				}
				slices.SortStableFunc(p.members, func(a, b member) int { return cmp.Compare(costs[a.model], costs[b.model]) })
				for g := range r.eval.grid {
					if budget == 0 {
						return
					}
					budget--
					for stage := range p.exits {
						p.exits[stage] = uint8(g)
					}
					w.evaluateAndOffer(p, w.archive)
				}
			}
		}
	})
}

// An explorer improves a front by local search and evolution in turns.
type explorer struct {
	r *run
	exploration
	budgets budgets                 // that what is found is judged by
	known   [scopes]map[string]bool // Explored, to look up
}

// An exploration is how far an explorer has come: which places of the front have been
// explored, and the generation of evolution. A cascade that takes the place of an equal
// one is not explored. What is of the present round counts once the run has finished its
// units.
type exploration struct {
	Explored [scopes][][]byte `json:"explored"` // by placeKey
	Round    [][]byte         `json:"round"`
	Scope    scope            `json:"scope"` // of the round
	End      int              `json:"end"`   // the unit after its last
	Spent    bool             `json:"spent"` // the round uses up the budget
	Local    bool             `json:"local"` // local search is under way, not evolution
	Settled  generation       `json:"settled"`
	Present  generation       `json:"present"` // of the round, if that is one; else Settled
	Gained   mark             `json:"gained"`
}

// A patience ends an exploration that so many evaluations gain less than gain: in the mean
// score, as a share of the samples, of what was found within budgets. The zero value never
// does.
type patience struct {
	gain        float64
	evaluations int64
}

// A mark is the moment at which what was found was last so much better.
type mark struct {
	Evaluations int64   `json:"evaluations"`
	Score       float64 `json:"score"`
}

// settled reports whether what was found has not become much better for long enough.
func (x *explorer) settled() bool {
	patience := x.r.options.patience
	if patience.gain == 0 {
		return false
	}
	now := mark{x.r.evaluations.Load(), x.r.archive.worth(x.budgets)}
	if now.Score >= x.Gained.Score+patience.gain {
		x.Gained = now
	}
	return now.Evaluations-x.Gained.Evaluations > patience.evaluations
}

// smallZoo is the number of models up to which local search comes before evolution: the
// neighbourhoods are small then, and soon explored.
const smallZoo = 100

// newExplorer returns an explorer that begins or continues, if the run is resumed.
func newExplorer(r *run) (*explorer, error) {
	x := &explorer{r: r, budgets: r.problem.budgets(), exploration: exploration{Local: len(r.eval.models) <= smallZoo}}
	if r.resumed != nil {
		if err := json.Unmarshal(r.resumed, &x.exploration); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadState, err)
		}
		if x.Scope < 0 || x.Scope >= scopes {
			return nil, fmt.Errorf("%w: scope %d", ErrBadState, x.Scope)
		}
		if r.checkpoint.units > max(x.End, r.nextUnit) {
			return nil, fmt.Errorf("%w: it has %d units of work finished of %d", ErrBadState, r.checkpoint.units, max(x.End, r.nextUnit))
		}
		if r.checkpoint.units < x.End { // the round was not finished
			x.Round, x.Spent, x.Present = nil, false, x.Settled
		}
		r.nextUnit = max(r.nextUnit, r.checkpoint.units)
	}
	for scope := range x.known {
		x.known[scope] = make(map[string]bool)
		for _, place := range x.Explored[scope] {
			x.known[scope][string(place)] = true
		}
	}
	r.own = &x.exploration
	return x, nil
}

// explore gives local search and evolution their turns.
func (x *explorer) explore(ctx context.Context) error {
	for {
		if !x.Local {
			if err := x.evolve(ctx); err != nil {
				return err
			}
			x.Local = true
		}
		if err := x.localSearch(ctx); err != nil {
			return err
		}
		places := x.r.archive.front()
		if x.Spent || x.settled() || len(places) < 2 || slices.Equal(x.r.archive.frontKey(places), x.Present.Front) {
			return nil
		}
		x.Local = false
	}
}
