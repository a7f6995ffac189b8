package optimize

import (
	"context"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// tryVotes offers votes of three that local search and evolution can start from. Pairs are
// no such start: of two votes that differ one overrules the other, so the pair does what
// one model does for less, or the lower class wins, which is no better than chance. Of the
// models that no cheaper one beats it tries each two together with each more expensive one
// that decides where they differ, at all thresholds.
func (r *run) tryVotes(ctx context.Context) error {
	chains := r.votesOfThree()
	grid := len(r.eval.grid)
	if !r.affordsVotes(int64(len(chains)) * windowEvaluations(3, 0, grid)) {
		return nil
	}
	return r.parallel(ctx, "votes of three", len(chains), func(w *worker) func(int) {
		window := newWindow(w)
		return func(unit int) {
			p := plan{cascade.RuleVote, chains[unit], []uint8{0, 0}}
			window.solve(p, w.tabulate(p, -1), 0)
		}
	})
}

// affordsVotes reports whether the budget suffices for so many evaluations after all pairs.
func (r *run) affordsVotes(evaluations int64) bool {
	evals, pairs := r.options.Evals, r.options.pairs(r.problem)
	return evals == 0 || evals >= pairs+evaluations
}

// votesOfThree returns the chains that tryVotes tries.
func (r *run) votesOfThree() (chains [][]member) {
	if !r.options.uses(cascade.RuleVote) || r.options.MaxModels < 3 || len(r.limits.required) > 0 {
		return nil
	}
	decisive := uint8(2)
	if r.options.Paper { // no weights
		decisive = 1
	}
	front := r.frontOfSingles()
	for z := range front {
		for y := range z {
			for x := range y {
				chains = append(chains, []member{{front[x], 1}, {front[y], 1}, {front[z], decisive}})
			}
		}
	}
	return chains
}

// frontOfSingles returns the models that are more accurate than all cheaper ones, in order
// of cost.
func (r *run) frontOfSingles() (front []uint16) {
	most := -1
	for _, m := range r.eval.byCost() {
		if correct := r.problem.Correct(m); correct > most {
			most = correct
			front = append(front, uint16(m))
		}
	}
	return front
}
