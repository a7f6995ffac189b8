package optimize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// ErrNothingFeasible is returned, wrapped with the reason, when no cascade meets the
// limits of a search.
var ErrNothingFeasible = errors.New("optimize: no cascade within the limits")

// An algorithm proposes cascades until it is done, its budget is spent or ctx ends.
type algorithm struct {
	maxModels int                    // default length of the longest chain
	evals     int64                  // default budget; 0: none
	check     func(o *Options) error // and change what the algorithm decides itself; may be nil
	search    func(ctx context.Context, r *run) (Proof, error)
}

var algorithms = map[string]*algorithm{
	"auto":        {maxModels: 8, search: auto},
	"ensemble":    {maxModels: 32, check: checkEnsemble, search: ensemble},
	"exact":       {maxModels: 2, check: checkExact, search: exact},
	"gomea":       {maxModels: 5, evals: 600_000, search: gomea},
	"gomea-exact": {maxModels: 6, evals: 50_000_000, check: checkGomeaExact, search: gomeaExact}, // every value of a threshold tried counts
	"greedy":      {maxModels: cascade.MaxStages, check: checkGreedy, search: greedy},
	"nsga2":       {maxModels: 5, evals: 600_000, search: nsga2},
	"random":      {maxModels: 5, evals: 100_000, search: random},
}

// Algorithms returns the names of the search algorithms.
func Algorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

// Search runs an algorithm and returns the front it found. When ctx ends or the time is
// up it returns the front found so far, with the status [Interrupted]. The result depends
// on the problem and the options but not on Threads or Memory.
func Search(ctx context.Context, p *Problem, o Options) (*Result, error) {
	if _, err := o.complete(); err != nil {
		return nil, err
	}
	clock := newClock(o)
	o.end = clock.end()
	t, err := newTrial(ctx, p, o, 1)
	if err != nil {
		return nil, err
	}
	t.options.Time = clock.ofSearch(o.folds(p))
	result, scores, err := t.search(ctx)
	if err != nil {
		return nil, err
	}
	if o.folds(p) > 0 && ctx.Err() != nil {
		result.Status = Interrupted // the folds are missing
	}
	if o.folds(p) == 0 || ctx.Err() != nil {
		return result, result.choose(o)
	}
	start := time.Now()
	clock.searched()
	inTime, cancel := until(ctx, o.end)
	defer cancel()
	folds, err := t.repeat(inTime, o, clock, func(done int) {
		if o.Progress != nil {
			o.Progress(Progress{Done: int64(done), Total: int64(o.folds(p)), Unit: "folds searched again", Evaluations: result.Evaluations, Elapsed: result.Elapsed})
		}
	})
	result.Elapsed += time.Since(start)
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(err, inTime.Err()) && len(folds) >= fewFolds:
	case err != nil && errors.Is(err, inTime.Err()):
		result.Status = Interrupted
		return result, result.choose(o)
	case err != nil:
		return nil, err
	}
	t.expectAll(result, scores, folds)
	return result, result.choose(o)
}

// choose is Choose of what was found.
func (r *Result) choose(o Options) (err error) {
	r.Front, err = Choose(r.Front, o)
	return err
}

// Choose drops from points, ascending in cost, of a search by evidence those that are less
// accurate than required or expected to be no more accurate than a cheaper one. What counts is
// what is expected or, if that is not known, what was found.
func Choose(points []front.Point, o Options) ([]front.Point, error) {
	if !o.Evidence {
		return points, nil
	}
	best := math.Inf(-1)
	points = slices.DeleteFunc(points, func(p front.Point) bool {
		worse := p.Likely() < o.MinAccuracy || p.Expected != nil && p.Likely() <= best
		best = max(best, p.Likely())
		return worse
	})
	if len(points) == 0 {
		return nil, fmt.Errorf("%w: none of those searched is expected to reach an accuracy of %g on other samples, the best one %.4g", ErrNothingFeasible, o.MinAccuracy, best)
	}
	return points, nil
}

// search is Search of a problem as it is.
func search(ctx context.Context, p *Problem, o Options) (*Result, error) {
	r, algorithm, err := newRun(p, o)
	if err != nil {
		return nil, err
	}
	if cheapest := p.cheapest().Cost; o.Join == nil && o.Shards == 0 && (cheapest > r.limits.worst || !r.limits.mayBegin(cheapest, p.Samples())) {
		return nil, r.nothingFeasible(Finished)
	}
	parent := ctx
	if o.Time > 0 && o.Join == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Time)
		defer cancel()
	}
	stop := r.reportProgress()
	defer stop()
	result := &Result{Algorithm: r.options.Algorithm}
	result.Proof, err = algorithm.search(ctx, r)
	if err == nil {
		err = r.checkFinished()
	}
	if err != nil && errors.Is(err, ctx.Err()) && o.Join == nil {
		result.Status, err = Interrupted, r.interrupt()
	}
	if err != nil {
		return nil, err
	}
	result.Searched = result.Status == Finished
	part := o.Shards > 0
	result.Parts = cmp.Or(o.own(result.Status), r.parts)
	if r.options.SaveAtEnd && r.options.Save != nil && result.Status == Finished && (part || len(r.archive.front()) > 0) {
		if err := r.save(); err != nil {
			return nil, err
		}
	}
	// What was found is worth this work even if the search was interrupted.
	if r.truncated() && !part {
		if result.Corrected, err = r.refine(context.WithoutCancel(parent)); err != nil {
			return nil, err
		}
	}
	result.Evaluations = r.evaluations.Load()
	r.recorder.record(result.Evaluations, r.archive)
	result.Elapsed, result.Curve = r.recorder.elapsed(), r.recorder.curve
	closing, cancel := Closing(parent, o.end)
	defer cancel()
	if result.Front, err = r.points(closing); err != nil {
		return nil, err
	}
	if len(result.Front) == 0 && !part {
		if parent.Err() != nil {
			return nil, parent.Err()
		}
		return nil, r.nothingFeasible(result.Status)
	}
	return result, nil
}

// points returns the archive's front, evaluated once more. When ctx ends what is left of it is as
// it was found, with thresholds that have not been moved, and without bounds that are not known.
func (r *run) points(ctx context.Context) ([]front.Point, error) {
	samples := r.eval.samples()
	places := r.archive.front()
	outputs := r.truncated() && r.options.Shards == 0 // not those of a part
	points := make([]front.Point, len(places))
	workers := r.workersFor(len(places))
	var wrong atomic.Bool
	inPieces(r.options.Threads, len(places), func(piece, from, to int) {
		w := workers[piece]
		for i := from; i < to; i++ {
			p, correct, reach := r.archive.plan(places[i]), r.archive.correct(places[i]), r.archive.places[places[i]].reach
			if reach == nil || ctx.Err() == nil {
				var now int
				if now, reach = w.evaluate(p); now != correct || r.eval.totalCost(p, reach) != r.archive.totals[places[i]] {
					wrong.Store(true)
					return
				}
			}
			c := r.eval.cascade(p)
			if r.options.Snap && !outputs && ctx.Err() == nil {
				c = w.snap(p)
			}
			var costs []float64
			for _, m := range p.members {
				costs = append(costs, r.eval.costs[m.model])
			}
			e := cascade.NewEvaluation(costs, correct, slices.Clone(reach), samples)
			points[i] = front.Point{Cascade: c, Evaluation: e}
		}
	})
	if wrong.Load() {
		return nil, fmt.Errorf("%w: a cascade of it has other results", ErrBadState)
	}
	if r.options.Snap && outputs {
		if err := r.snapOnOutputs(ctx, points); err != nil && !errors.Is(err, ctx.Err()) {
			return nil, err
		}
	}
	if r.options.Shards == 0 {
		r.eval.bound(ctx, points, r.options.Rules, r.options.Threads)
	}
	return points, nil
}

// bound limits what cascades of the costs of a front can reach, unless ctx ends before.
func (e *evaluator) bound(ctx context.Context, points []front.Point, rules []cascade.Rule, threads int) {
	costs := make([]float64, len(points))
	for i, p := range points {
		costs[i] = p.Cost
	}
	bounds, err := e.oracleBounds(ctx, rules, threads, costs)
	if err != nil {
		return
	}
	for i, most := range bounds {
		points[i].Bound = most
	}
}

// nothingFeasible explains why the front is empty.
func (r *run) nothingFeasible(status Status) error {
	m, o := r.problem.cheapest(), &r.options
	searched := "those searched"
	if o.Evals > 0 && status == Finished {
		searched += fmt.Sprintf(" with the budget of %d evaluations", o.Evals)
	}
	switch {
	case r.parts != nil:
		return fmt.Errorf("%w was found: %s", ErrNothingFeasible, r.parts)
	case m.Cost > slack*o.MaxCost:
		return fmt.Errorf("%w: the cost limit is %g, and the cheapest model, %q, costs %g", ErrNothingFeasible, o.MaxCost, m.Name, m.Cost)
	case m.Cost > slack*o.MaxWorstCost:
		return fmt.Errorf("%w: the limit on the worst-case cost is %g, and the cheapest model, %q, costs %g", ErrNothingFeasible, o.MaxWorstCost, m.Name, m.Cost)
	case len(r.limits.required) == 0 && !math.IsInf(o.MaxParams, 1):
		return fmt.Errorf("%w: none of %s is within the limits on cost and parameters", ErrNothingFeasible, searched)
	case len(r.limits.required) > 0:
		return fmt.Errorf("%w: none of %s has all the models it must have within the limits on cost and parameters", ErrNothingFeasible, searched)
	case status == Interrupted:
		return fmt.Errorf("%w was found before the time was up", ErrNothingFeasible)
	case o.MinAccuracy > 0:
		return fmt.Errorf("%w: none of %s reaches an accuracy of %g", ErrNothingFeasible, searched, o.MinAccuracy)
	}
	return fmt.Errorf("%w was among %s", ErrNothingFeasible, searched)
}
