package optimize

import (
	"context"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// exact tries all chains of up to three distinct models with all thresholds. Its front is
// optimal for that length and grid, unless it tries a part of them.
func exact(ctx context.Context, r *run) (Proof, error) {
	if r.options.Join != nil {
		return r.join(ctx, r.options.Join)
	}
	if err := r.tryChains(ctx, r.options.MaxModels); err != nil || r.options.Shards > 0 {
		return Proof{}, err
	}
	return r.proofOfChains(r.options.MaxModels), nil
}

func checkExact(o *Options) error {
	if o.MaxModels > 3 {
		return optionf("max-models", "algorithm exact tries chains of up to 3 models, not %d", o.MaxModels)
	}
	if o.Evals != 0 {
		return optionf("evals", "algorithm exact tries all chains and takes no budget of evaluations")
	}
	return nil
}

// tryChains offers every chain of at most length models, 1 to 3, with all thresholds.
func (r *run) tryChains(ctx context.Context, length int) error {
	for _, rule := range r.options.Rules {
		margins := r.eval.newMargins(rule, r.options.Memory) // workers have cached nothing yet
		phases := []func() error{
			func() error { return r.trySingles(ctx, rule) },
			func() error { return r.tryPairs(ctx, rule, margins) },
			func() error { return r.tryTriples(ctx, rule, margins) },
		}
		for _, phase := range phases[:length] {
			if err := phase(); err != nil {
				return err
			}
		}
	}
	return nil
}

// proofOfChains is what trying all chains of at most so many models proves.
func (r *run) proofOfChains(length int) Proof {
	o := &r.options
	p := Proof{Length: length, Models: len(r.eval.models), Thresholds: len(o.Grid), Rules: o.Rules, Confidence: o.Confidence, Include: o.Include}
	// The lists have the answer of every model alone, which is all of its vote, and its
	// largest output.
	if length > 1 && !r.eval.complete() && (o.uses(cascade.RuleMean) || o.uses(cascade.RuleLast) && o.Confidence != cascade.MaxProbability) {
		p.Listed = r.eval.listed()
	}
	return p
}

// trySingles offers every model alone, as far as the budget goes.
func (r *run) trySingles(ctx context.Context, rule cascade.Rule) error {
	e, models := r.eval, len(r.eval.models)
	if evals := r.options.Evals; evals > 0 {
		before := slices.Index(r.options.Rules, rule) * models // with another rule
		models = int(min(int64(models), max(0, evals-int64(before))))
	}
	return r.parallel(ctx, "models", models, func(w *worker) func(int) {
		return func(m int) {
			p := plan{rule, []member{{uint16(m), 1}}, nil}
			reach := []int{e.samples()}
			w.archive.offer(kernel.Correct(e.singles[m]), e.totalCost(p, reach), p, reach)
			r.evaluations.Add(1)
		}
	})
}
