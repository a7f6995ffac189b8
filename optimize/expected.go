package optimize

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// folds cuts the samples at random into so many parts, and returns for each the problem
// on it and the one on all others.
func (p *Problem) folds(folds int, seed uint64) (held, others []*Problem) {
	order := rand.New(rand.NewPCG(seed, uint64(folds))).Perm(p.Samples())
	for fold := range folds {
		from, to := fold*len(order)/folds, (fold+1)*len(order)/folds
		rest := slices.Concat(order[:from], order[to:])
		slices.Sort(rest)
		held = append(held, p.Subset(slices.Sorted(slices.Values(order[from:to]))))
		others = append(others, p.Subset(rest))
	}
	return held, others
}

// A fold is a front found without a part of the samples and its results on that part.
type fold struct {
	samples int // held out
	front   []scored
	correct []int // of each cascade, on these
}

// foldPart is the part of a search's effort that each of its repetitions may take.
const foldPart = 0.25

// repeat searches again without each fold of the samples, and evaluates on it what was
// found.
func (t *trial) repeat(ctx context.Context, o Options, report func(done int)) ([]fold, error) {
	held, others := t.problem.folds(o.Folds, o.Seed)
	time := o.Time / 2 / time.Duration(o.Folds)
	o.MinAccuracy = t.options.MinAccuracy
	o.Save, o.Resume, o.Progress, o.Outputs, o.Snap, o.Folds, o.Time = nil, nil, nil, nil, false, 0, time
	if o.Algorithm == "exact" {
		o.Algorithm = "auto" // begins with the same chains, and may be stopped
	}
	var folds []fold
	for i := range held {
		report(i)
		o := o
		if limit := o.pairs(others[i]) + int64(foldPart*effort/float64(others[i].Samples())); o.Algorithm == "auto" && !o.Evidence && o.Time == 0 {
			o.Evals = limit
		}
		f := newTrial(others[i], o, foldPart)
		result, scores, err := f.search(ctx)
		if errors.Is(err, ErrNothingFeasible) {
			continue
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		out := fold{samples: held[i].Samples(), front: scores}
		for _, p := range result.Front {
			e, err := held[i].Evaluate(p.Cascade)
			if err != nil {
				return nil, err
			}
			out.correct = append(out.correct, e.Correct)
		}
		folds = append(folds, out)
	}
	return folds, nil
}

// expect returns the accuracies that cascades with these scores are expected to have on
// other samples: their scores less what the scores of the folds' fronts were too high, at
// about the same cost, on the samples held out of them.
func expect(points []scored, folds []fold) []float64 {
	samples := 0
	for _, f := range folds {
		samples += f.samples
	}
	if len(points) == 0 || samples == 0 {
		return nil
	}
	low, high := points[0].cost, points[len(points)-1].cost
	var excess [excessSteps]float64 // at costs in equal ratios
	for step := range excess {
		budget := low * math.Pow(high/low, float64(step)/(excessSteps-1))
		for _, f := range folds {
			best := within(f.front, budget)
			excess[step] += (f.front[best].score*float64(f.samples) - float64(f.correct[best])) / float64(samples)
		}
	}
	// Without a fold there were fewer samples, and more luck: it falls as the root of their
	// number.
	shrink := math.Sqrt(1 - 1/float64(max(2, len(folds))))
	expected := make([]float64, len(points))
	for i, p := range points {
		at := 0.0
		if high > low {
			at = math.Log(p.cost/low) / math.Log(high/low) * (excessSteps - 1)
		}
		from, to := max(0, int(at)-excessWindow), min(excessSteps, int(at)+excessWindow+1)
		mean := 0.0
		for _, x := range excess[from:to] {
			mean += x / float64(to-from)
		}
		expected[i] = min(1, max(0, p.score-shrink*mean))
	}
	return expected
}

const (
	excessSteps  = 64
	excessWindow = 12 // steps to either side that are averaged
)
