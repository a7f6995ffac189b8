package optimize

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A HeldOut says what choosing the most accurate cascade within a cost is worth on
// samples that it was not chosen on. Every sample of the problem is held out once, by
// the search of one fold; counts are of all folds together.
type HeldOut struct {
	Limit           float64 // on the mean cost, on the samples searched
	SearchedCorrect int     // of the cascades chosen, on the samples they were chosen on
	Searched        int     // samples; each counts in all folds but one
	Correct         int     // of the same cascades on the samples held out
	Samples         int     // held out: all of the problem
	Cost            float64 // mean over the samples held out
}

// CrossValidate cuts the samples into folds at random, by the seed of the options.
// For each fold it searches all others and evaluates on the fold what was found. It
// returns what came of it at costs in equal ratios along the fronts. Options that
// belong to one search, such as Save, are not used. report is told of folds done.
func CrossValidate(ctx context.Context, p *Problem, o Options, folds int, report func(done int)) ([]HeldOut, error) {
	if folds < 2 || folds > p.Samples() {
		return nil, fmt.Errorf("%d folds of %d samples are not possible, only 2 or more with a sample each", folds, p.Samples())
	}
	o.Save, o.Resume, o.Progress, o.Outputs = nil, nil, nil, nil
	order := rand.New(rand.NewPCG(o.Seed, uint64(folds))).Perm(p.Samples())
	fronts, held := make([][]front.Point, folds), make([]*Problem, folds)
	for fold := range folds {
		from, to := fold*len(order)/folds, (fold+1)*len(order)/folds
		held[fold] = p.Subset(sorted(order[from:to]))
		r, err := Search(ctx, p.Subset(sorted(slices.Concat(order[:from], order[to:]))), o)
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
			best := points[front.BestWithin(points, limit)]
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

func sorted(x []int) []int {
	x = slices.Clone(x)
	slices.Sort(x)
	return x
}

// Subset returns the problem on some of its samples, in the order given.
func (p *Problem) Subset(samples []int) *Problem {
	s := &Problem{classes: p.classes, models: slices.Clone(p.models)}
	s.labels = pick(p.labels, 1, samples)
	for m := range s.models {
		all := p.models[m].Lists
		s.models[m].Lists = kernel.Lists{
			K:        all.K,
			Classes:  pick(all.Classes, all.K, samples),
			Values:   pick(all.Values, all.K, samples),
			Tail:     pick(all.Tail, 1, samples),
			TopClass: pick(all.TopClass, 1, samples),
			TopValue: pick(all.TopValue, 1, samples),
		}
	}
	return s
}

// pick returns some of the rows of so many values each.
func pick[T any](all []T, values int, rows []int) []T {
	picked := make([]T, 0, values*len(rows))
	for _, r := range rows {
		picked = append(picked, all[r*values:(r+1)*values]...)
	}
	return picked
}

// Evaluate returns what a cascade does on the problem's samples, by the models' lists.
func (p *Problem) Evaluate(c cascade.Cascade) (cascade.Evaluation, error) {
	if err := c.Validate(); err != nil {
		return cascade.Evaluation{}, err
	}
	s := &search{Problem: p, Options: Options{Confidence: c.Confidence, Threads: 1, Memory: 1}}
	for i := range p.models {
		s.lists = append(s.lists, p.models[i].Lists)
	}
	w := s.newWorker()
	var members []member
	alive := make([]int, p.Samples())
	for i := range alive {
		alive[i] = i
	}
	correct := 0
	reach, costs := make([]int, len(c.Stages)), make([]float64, len(c.Stages))
	for i, stage := range c.Stages {
		m, ok := p.Find(stage.Model)
		if !ok {
			return cascade.Evaluation{}, fmt.Errorf("stage %d: no model named %q", i+1, stage.Model)
		}
		members = append(members, member{uint16(m), uint8(stage.Weight)})
		if c.Rule == cascade.RuleLast {
			members = []member{{uint16(m), 1}}
		}
		reach[i], costs[i] = len(alive), p.models[m].Cost
		weight := w.sum(normalize(nil, members))
		cut := uint32(math.MaxUint32)
		last := i == len(c.Stages)-1
		if !last {
			cut = Grid{stage.Threshold}.cuts(weight)[0]
		}
		on := alive[:0]
		for _, i := range alive {
			switch {
			case !last && w.best[i] <= cut:
				on = append(on, i)
			case w.class[i] == p.labels[i]:
				correct++
			}
		}
		alive = on
	}
	return cascade.NewEvaluation(costs, correct, reach, p.Samples()), nil
}
