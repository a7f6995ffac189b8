package optimize

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// A trial is one search of a problem as its options ask for it, by evidence or not.
type trial struct {
	problem  *Problem
	outputs  func(model string) (cascade.Rows, error) // full ones, on the problem's samples; may be nil
	settings Settings                                 // that change nothing unless the search is by evidence
	softened *Problem                                 // what is searched
	options  Options                                  // of that
}

// effort is what a search by evidence may take: cascades times the samples they are
// evaluated on, besides those of at most two models.
const effort = 1.8e12

// A search by evidence ends before that if a part of the effort gains less than a part of
// the standard error of an accuracy.
const (
	settledErrors = 0.003
	settledParts  = 4
)

// costOfCopies is how many times the limit on the cost copies may cost: what their samples
// do within it must not be lost, see trial.choose.
const costOfCopies = 1.1

// newTrial prepares a search with completed options that may take a part of the effort. If ctx
// ends it returns its error.
func newTrial(ctx context.Context, p *Problem, o Options, part float64) (*trial, error) {
	t := &trial{problem: p, outputs: o.Outputs, softened: p, options: o, settings: Settings{Copies: 1, Reach: 1}}
	t.options.Folds = 0
	// The folds may be interrupted, and parts are joined.
	t.options.SaveAtEnd = o.SaveAtEnd || o.Folds > 0 || o.Shards > 0
	if !o.Evidence {
		return t, ctx.Err()
	}
	t.settings = newSettings(p)
	if t.settings.Copies > 1 {
		r := newReference(ctx, p, o.Threads)
		t.settings.Softening = min(t.settings.Softening, r.trusted(ctx))
		t.softened = t.settings.soften(ctx, p, r, o.Threads)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	t.options.MinAccuracy = 0 // is one on what is expected
	t.options.charge = int(math.Round(t.settings.Charge * float64(t.settings.Copies)))
	t.options.leastReach = t.settings.Reach * t.settings.Copies
	if !o.Thorough && o.Time == 0 && o.Evals == 0 {
		t.options.Evals = t.options.pairs(p) + int64(part*effort/float64(t.softened.Samples()))
		t.options.patience = patience{
			gain:        settledErrors * math.Sqrt(p.typicalError()/float64(p.Samples())),
			evaluations: int64(part * effort / settledParts / float64(t.softened.Samples())),
		}
	}
	if t.softened != p {
		t.options.Outputs = nil // they are not those of the copies; see evaluate
		t.options.overCost = costOfCopies
		if report := o.Progress; report != nil {
			t.options.Progress = func(now Progress) {
				now.Correct /= t.settings.Copies
				report(now)
			}
		}
	}
	return t, nil
}

// pairs is the number of cascades of at most two models.
func (o *Options) pairs(p *Problem) int64 {
	models := int64(len(p.models))
	return int64(len(o.Rules)) * (models + models*(models-1)*int64(len(o.Grid)))
}

// search searches. It returns, beside the result, what each cascade of the front was
// chosen by.
func (t *trial) search(ctx context.Context) (*Result, []scored, error) {
	result, err := search(ctx, t.softened, t.options)
	if err != nil {
		return nil, nil, err
	}
	scores := make([]scored, len(result.Front))
	for i, p := range result.Front {
		score := p.Correct - t.options.charge*(len(p.Stages)-1)
		scores[i] = scored{p.Cost, float64(score) / float64(t.softened.Samples())}
	}
	if t.options.Evidence {
		result.Settings = &t.settings
		result.Proof = Proof{} // it is of the copies and their labels
	}
	if t.softened == t.problem {
		return result, scores, nil
	}
	if err := t.evaluate(ctx, result.Front); err != nil {
		return nil, nil, err
	}
	result.Front, scores = t.choose(result.Front, scores)
	if len(result.Front) == 0 {
		return nil, nil, fmt.Errorf("%w: those found cost a little more than %g", ErrNothingFeasible, t.options.MaxCost)
	}
	return result, scores, nil
}

// choose returns the points that remain a front on the problem's own samples, ascending in
// cost there and in score: copies cost a little more or less than their samples. Those
// beyond the limit on cost go, and those that are not measured, unless none is.
func (t *trial) choose(points []front.Point, scores []scored) (kept []front.Point, their []scored) {
	var within, measured []int
	for i, p := range points {
		scores[i].cost = p.Cost
		if p.Cost <= slack*t.options.MaxCost {
			within = append(within, i)
			if t.measured(p) {
				measured = append(measured, i)
			}
		}
	}
	if len(measured) > 0 {
		within = measured
	}
	slices.SortFunc(within, func(a, b int) int {
		return cmp.Or(cmp.Compare(scores[a].cost, scores[b].cost), cmp.Compare(scores[b].score, scores[a].score))
	})
	for _, i := range within {
		if last := len(their) - 1; last < 0 || scores[i].score > their[last].score {
			kept, their = append(kept, points[i]), append(their, scores[i])
		}
	}
	return kept, their
}

// measured reports whether enough samples reach every stage of a cascade that is not there
// because it must be.
func (t *trial) measured(p front.Point) bool {
	for stage, n := range p.Reach {
		if n < t.settings.Reach && !slices.Contains(t.options.Include, p.Stages[stage].Model) {
			return false
		}
	}
	return true
}

// evaluate gives the points of a front their results on the problem's own samples and
// labels.
func (t *trial) evaluate(ctx context.Context, points []front.Point) error {
	cascades := make([]cascade.Cascade, len(points))
	evaluations := make([]cascade.Evaluation, len(points))
	var err error
	for i, p := range points {
		cascades[i] = p.Cascade
		if evaluations[i], err = t.problem.Evaluate(p.Cascade); err != nil {
			return err
		}
	}
	eval := newEvaluator(t.problem, t.options.Grid, t.options.Confidence, t.options.uses(cascade.RuleVote))
	eval.tabulateSingles(t.options.Threads)
	if t.outputs != nil && !eval.complete() {
		split := t.problem.split(t.outputs)
		split.Threads = t.options.Threads
		if evaluations, err = split.Evaluate(context.WithoutCancel(ctx), cascades); err != nil {
			return err
		}
	}
	for i, e := range evaluations {
		points[i] = front.Point{Cascade: cascades[i], Evaluation: e}
	}
	closing, cancel := Closing(ctx, t.options.end)
	defer cancel()
	eval.bound(closing, points, t.options.Rules, t.options.Threads)
	return nil
}
