package optimize

import (
	"context"
	"fmt"

	"github.com/encas-zoo/encas-zoo/front"
)

// A HeldOut is what choosing the best cascade within a cost is worth on samples
// that it was not chosen on. Every sample of the problem is held out once, by the search
// of one fold; counts are of all folds together.
type HeldOut struct {
	Limit           float64 // on the mean cost, on the samples searched
	SearchedCorrect int     // of the cascades chosen, on the samples they were chosen on
	Searched        int     // samples; each counts in all folds but one
	Correct         int     // of the same cascades on the samples held out
	Samples         int     // held out: all of the problem
	Cost            float64 // mean over the samples held out
}

// CrossValidate cuts the samples into folds at random, by the seed of the options. For
// each fold it searches all others and evaluates on the fold what was found. It returns
// the results at costs in equal ratios along the fronts. Options that belong to one
// search, such as Save, are not used. report is called with the number of folds done.
func CrossValidate(ctx context.Context, p *Problem, o Options, folds int, report func(done int)) ([]HeldOut, error) {
	if folds < 2 || folds > p.Samples() {
		return nil, fmt.Errorf("%d folds of %d samples are not possible, only 2 or more with a sample each", folds, p.Samples())
	}
	o.Save, o.Resume, o.Join, o.Shard, o.Shards, o.Progress, o.Outputs, o.Folds = nil, nil, nil, 0, 0, nil, nil, 0
	cut := p.folds(folds, o.Seed)
	fronts, held := make([][]front.Point, folds), make([]*Problem, folds)
	for fold := range folds {
		out, in := cut(fold)
		held[fold] = p.subset(ctx, out)
		r, err := Search(ctx, p.subset(ctx, in), o)
		if err == nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("fold %d of %d: %w", fold+1, folds, err)
		}
		fronts[fold] = r.Front
		report(fold + 1)
	}
	var results []HeldOut
	for _, limit := range front.Ladder(fronts, 5) {
		h := HeldOut{Limit: limit}
		total := 0.0
		for fold, points := range fronts {
			best := points[0] // fronts ascend in cost and in what was chosen by
			for _, p := range points {
				if p.Cost <= slack*limit {
					best = p
				}
			}
			e, err := held[fold].Evaluate(best.Cascade)
			if err != nil {
				return nil, err
			}
			h.SearchedCorrect += best.Correct
			h.Searched += p.Samples() - held[fold].Samples()
			h.Correct += e.Correct
			h.Samples += held[fold].Samples()
			total += e.Cost * float64(held[fold].Samples())
		}
		h.Cost = total / float64(h.Samples)
		results = append(results, h)
	}
	return results, nil
}
