package optimize

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// folds cuts the samples at random into so many parts. cut returns the samples of one of them
// and all others, ascending.
func (p *Problem) folds(folds int, seed uint64) (cut func(fold int) (held, others []int)) {
	order := rand.New(rand.NewPCG(seed, uint64(folds))).Perm(p.Samples())
	return func(fold int) (held, others []int) {
		from, to := fold*len(order)/folds, (fold+1)*len(order)/folds
		others = slices.Concat(order[:from], order[to:])
		slices.Sort(others)
		return slices.Sorted(slices.Values(order[from:to])), others
	}
}

// A fold is what was found without a part of the samples, and its results on that part.
type fold struct {
	samples       int // held out
	front, models tried
}

// tried are cascades with what they were judged by, and their correct answers on samples
// held out.
type tried struct {
	scores  []scored
	correct []int
}

// fewFolds are enough to expect something by, if the time is up before all are done.
const fewFolds = 2

// foldBytes is how much the lists of a fold's models, which are copied, take at most: of many
// models those are left out that are the least accurate for their cost, which fronts hardly have.
const foldBytes = 1 << 30

// shortlist returns the problem with as many models as have lists of so many bytes, the most
// accurate for their cost by what they answer correctly and those that are required; p itself if these are all.
func (p *Problem) shortlist(bytes int, required []string, correct func(model int) int) *Problem {
	most := max(bytes/outputs.ListBytes(p.Samples(), p.classes), len(required)+1)
	if len(p.models) <= most {
		return p
	}
	rated := make([]front.Model, len(p.models))
	for m, model := range p.models {
		rated[m] = front.Model{Name: model.Name, Cost: model.Cost, Correct: correct(m)}
	}
	list := front.Shortlist(rated, required, most)
	short := *p
	short.models = slices.DeleteFunc(slices.Clone(p.models), func(m Model) bool { return !list[m.Name] })
	return &short
}

// correctWithout returns, by fold and model, how many of the samples that are not held out a model on its own
// answers correctly. It reads the answers of each model once.
func (p *Problem) correctWithout(folds int, cut func(fold int) (held, others []int)) [][]int {
	holds := make([]int, p.Samples()) // the fold that holds a sample out
	without := make([][]int, folds)
	for fold := range folds {
		held, _ := cut(fold)
		for _, i := range held {
			holds[i] = fold
		}
		without[fold] = make([]int, len(p.models))
	}
	for m := range p.models {
		all, in := 0, make([]int, folds)
		for i, answer := range p.models[m].Lists.TopClass {
			if answer == p.labels[i] {
				all++
				in[holds[i]]++
			}
		}
		for fold := range folds {
			without[fold][m] = all - in[fold]
		}
	}
	return without
}

// foldPart is the part of a search's effort that each of its repetitions may take.
const foldPart = 0.25

// repeat searches again without each fold of the samples, and evaluates on it what was
// found. If ctx ends it returns its error, with the folds that are done.
func (t *trial) repeat(ctx context.Context, o Options, clock *clock, report func(done int)) ([]fold, error) {
	number := o.folds(t.problem)
	cut := t.problem.folds(number, o.Seed)
	o.Save, o.Resume, o.Join, o.Progress, o.Outputs, o.Snap, o.Folds = nil, nil, nil, nil, nil, false, 0
	o.MinAccuracy, o.Thorough = 0, false
	if o.Algorithm == "exact" {
		o.Algorithm = "auto" // begins with the same chains, and may be stopped
	}
	if o.Evals > 0 {
		o.Evals = max(1, int64(foldPart*float64(o.Evals)))
	}
	correct := sync.OnceValue(func() [][]int { return t.problem.correctWithout(number, cut) })
	var folds []fold
	for i := range number {
		report(i)
		part, rest := cut(i)
		short := t.problem.shortlist(foldBytes, o.Include, func(model int) int { return correct()[i][model] })
		if i > 0 && short != t.problem {
			runtime.GC() // what the last fold copied goes before this one copies as much
		}
		held, others := short.subset(ctx, part), short.subset(ctx, rest)
		if err := ctx.Err(); err != nil {
			return folds, err
		}
		o := o
		if o.Algorithm == "auto" && !o.Evidence && o.Evals == 0 && clock.limit == 0 {
			o.Evals = o.pairs(others) + int64(foldPart*effort/float64(others.Samples()))
		}
		o.Time = clock.ofFold(number - i)
		f, err := newTrial(ctx, others, o, foldPart)
		if err != nil {
			return folds, err
		}
		result, scores, err := f.search(ctx)
		clock.folded(o.Time)
		if errors.Is(err, ErrNothingFeasible) {
			continue
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return folds, err
		}
		out := fold{samples: held.Samples(), front: tried{scores: scores}, models: tried{scores: f.models()}}
		for _, p := range result.Front {
			if err := ctx.Err(); err != nil {
				return folds, err
			}
			e, err := held.Evaluate(p.Cascade)
			if err != nil {
				return nil, err
			}
			out.front.correct = append(out.front.correct, e.Correct)
		}
		for m := range held.models {
			out.models.correct = append(out.models.correct, held.Correct(m))
		}
		folds = append(folds, out)
	}
	return folds, nil
}

// folds is the number of folds of a problem: none of a single sample, nor of a part of the chains.
func (o *Options) folds(p *Problem) int {
	if p.Samples() < 2 || o.Shards > 0 {
		return 0
	}
	return min(o.Folds, p.Samples())
}

// models returns what every model on its own is judged by.
func (t *trial) models() []scored {
	scores := make([]scored, len(t.problem.models))
	for m, model := range t.problem.models {
		scores[m] = scored{model.Cost, float64(t.softened.Correct(m)) / float64(t.softened.Samples())}
	}
	return scores
}

// expectAll adds to a result what its cascades, and all models, are expected to do on other
// samples.
func (t *trial) expectAll(result *Result, scores []scored, folds []fold) {
	result.Folds = len(folds)
	for i, accuracy := range expectFront(scores, folds) {
		p := &result.Front[i]
		p.Expected = &front.Expected{Accuracy: plausible(accuracy, p.Correct, p.Samples)}
	}
	result.Models = expect(t.models(), folds, func(f fold) tried { return f.models })
	for m, accuracy := range result.Models {
		result.Models[m] = plausible(accuracy, t.problem.Correct(m), t.problem.Samples())
	}
	for _, p := range result.Front {
		if m, found := t.problem.Find(p.Stages[0].Model); found && len(p.Stages) == 1 && p.Expected != nil {
			result.Models[m] = p.Expected.Accuracy // one figure for one thing
		}
	}
}

// plausible returns an expected accuracy, or the least or the most there is to expect: 0,
// and a standard error more than the share of correct answers on the samples searched.
func plausible(expected float64, correct, samples int) float64 {
	n := float64(samples)
	share := float64(correct) / n
	return max(0, min(expected, share+math.Sqrt(max(share*(1-share), 1/n)/n), 1))
}

// expectFront is expect for a front, ascending in score: what is expected rises, too.
func expectFront(points []scored, folds []fold) []float64 {
	expected := expect(points, folds, func(f fold) tried { return f.front })
	rise(expected, points)
	for i, x := range expected {
		expected[i] = min(1, max(0, x))
	}
	return expected
}

// expect returns the accuracies that cascades with these scores are expected to have on
// other samples: their scores less what the scores of the best of their kind were too high
// in the folds, at about the same cost, on the samples held out.
func expect(points []scored, folds []fold, kind func(f fold) tried) []float64 {
	held := 0
	for _, f := range folds {
		held += f.samples
	}
	if held == 0 || len(points) == 0 {
		return nil
	}
	byCost := func(a, b scored) int { return cmp.Compare(a.cost, b.cost) }
	var costs []float64
	for _, p := range points {
		costs = append(costs, p.cost)
	}
	low, high := front.LeastCost(costs), slices.MaxFunc(points, byCost).cost
	var excess [excessSteps]float64 // at costs in equal ratios
	for step := range excess {
		budget := ratio(low, high, float64(step)/(excessSteps-1))
		for _, f := range folds {
			tried := kind(f)
			best := within(tried.scores, budget)
			excess[step] += (tried.scores[best].score*float64(f.samples) - float64(tried.correct[best])) / float64(held)
		}
	}
	// Without a fold there are fewer samples, and more luck: it falls as the root of their
	// number.
	shrink := math.Sqrt(1 - 1/float64(max(2, len(folds))))
	expected := make([]float64, len(points))
	for i, p := range points {
		at := 0
		if high > low {
			at = int(math.Log(max(p.cost, low)/low) / math.Log(high/low) * (excessSteps - 1))
		}
		around := excess[max(0, at-excessWindow):min(excessSteps, at+excessWindow+1)]
		mean := 0.0
		for _, x := range around {
			mean += x / float64(len(around))
		}
		expected[i] = p.score - shrink*mean
	}
	return expected
}

const (
	excessSteps  = 64
	excessWindow = 12 // steps to either side that are averaged
	// surest is the part of a gain in score that is always expected: the folds are too few
	// to say that a higher score is worth nothing.
	surest = 0.1
)

// rise changes expectations as little as possible, in squares, to have them rise by at
// least a part of what the scores do: isotonic regression by pooling adjacent violators.
func rise(expected []float64, points []scored) {
	type block struct {
		sum float64
		n   int
	}
	var blocks []block
	for i, x := range expected {
		blocks = append(blocks, block{x - surest*points[i].score, 1})
		for n := len(blocks); n > 1 && blocks[n-2].sum*float64(blocks[n-1].n) > blocks[n-1].sum*float64(blocks[n-2].n); n-- {
			blocks[n-2].sum += blocks[n-1].sum
			blocks[n-2].n += blocks[n-1].n
			blocks = blocks[:n-1]
		}
	}
	i := 0
	for _, b := range blocks {
		for range b.n {
			expected[i] = b.sum/float64(b.n) + surest*points[i].score
			i++
		}
	}
}
