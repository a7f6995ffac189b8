// Package holdout measures what the fronts of searches are worth on samples that the
// searches did not see.
//
// The samples of a zoo are split at random into those to search on and the others, again
// and again. A user fixes a budget, takes the cascade the search proposes within it, and
// serves it; the error on the other samples, averaged over budgets, is the deployed
// error. It cannot be improved by long fronts, and nothing is chosen on the samples it
// is measured on.
package holdout

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// A Zoo is the samples and models that methods are compared on.
type Zoo struct {
	Name    string
	Problem *optimize.Problem
}

// A Method finds a front.
type Method struct {
	Name   string
	Search func(ctx context.Context, p *optimize.Problem, seed uint64) (*optimize.Result, error)
}

// Budgets are limits on the mean cost: evenly spaced in its logarithm, and evenly.
type Budgets struct{ Log, Linear []float64 }

// budgets is the number of budgets of each kind.
const budgets = 300

// NewBudgets returns budgets from the cost of the cheapest model to that of the most
// accurate one on the problem's samples, the cheapest of several.
func NewBudgets(p *optimize.Problem) Budgets {
	models := p.Models()
	low, high, most := math.Inf(1), 0.0, -1
	for i, m := range models {
		low = min(low, m.Cost)
		if correct := p.Correct(i); correct > most || correct == most && m.Cost < high {
			most, high = correct, m.Cost
		}
	}
	return budgetsBetween(low, high)
}

func budgetsBetween(low, high float64) (b Budgets) {
	for i := range budgets {
		share := float64(i) / (budgets - 1)
		b.Log = append(b.Log, low*math.Pow(high/low, share))
		b.Linear = append(b.Linear, low+(high-low)*share)
	}
	return b
}

// A Result is what a method's front is worth in one split of the samples. Errors are
// shares of samples, means over the budgets.
type Result struct {
	Zoo     string  `json:"zoo"`
	Samples int     `json:"samples"` // searched
	Split   int     `json:"split"`   // which random split, from 0
	Method  string  `json:"method"`
	Log     float64 `json:"log"` // deployed error, budgets even in the logarithm of cost
	Linear  float64 `json:"linear"`
	// The same on the samples that were searched.
	SearchLog    float64 `json:"search_log"`
	SearchLinear float64 `json:"search_linear"`
	Cascades     int     `json:"cascades"` // on the front
	Seconds      float64 `json:"seconds"`
	Claim        *Claim  `json:"claim,omitempty"` // nil if the front has none to make
	// Excess is how much more accurate the front's cascades were expected to be than they
	// are on the other samples, their mean; nil if nothing was expected.
	Excess  *float64 `json:"excess,omitempty"`
	Covered float64  `json:"covered,omitempty"` // share of the cascades whose interval holds that
	// Easier is how much more accurate the single models are on the samples searched than on
	// the others, their mean: what the luck of the draw adds to Excess.
	Easier float64 `json:"easier"`
}

// A Claim is the sentence that a search ends with: a cascade is at most a margin less
// accurate than the most accurate single model, as far as the search knows, and costs less.
type Claim struct {
	Margin float64 `json:"margin"`
	Saving float64 `json:"saving"` // share of the model's cost, on the samples searched
	False  bool    `json:"false"`  // the cascade is less accurate than claimed on the other samples
	Gain   float64 `json:"gain"`   // by how much it is more accurate there than the model
}

// Measure searches n samples of a zoo, drawn at random by the number of the split, and
// returns what the front is worth on the others.
func Measure(ctx context.Context, z Zoo, m Method, n, split int) (*Result, error) {
	start := time.Now()
	s, err := search(ctx, z, m, n, split)
	if err != nil {
		return nil, err
	}
	points, tested := s.found.Front, s.tested
	r := &Result{Zoo: z.Name, Samples: n, Split: split, Method: m.Name, Cascades: len(points), Seconds: time.Since(start).Seconds()}
	b := NewBudgets(z.Problem)
	r.SearchLog, r.Log = deployed(points, tested, b.Log)
	r.SearchLinear, r.Linear = deployed(points, tested, b.Linear)
	r.Claim = claim(s.searched, s.others, s.found, tested)
	r.Excess, r.Covered = judge(points, tested)
	for m := range s.searched.Models() {
		r.Easier += (accuracy(s.searched, m) - accuracy(s.others, m)) / float64(len(s.searched.Models()))
	}
	return r, nil
}

// A searched is what a method found on some samples of a zoo, and what that is worth on the
// others.
type searched struct {
	searched, others *optimize.Problem
	found            *optimize.Result
	tested           []cascade.Evaluation // of the front, on the others
}

// search searches n samples of a zoo, drawn at random by the number of the split.
func search(ctx context.Context, z Zoo, m Method, n, split int) (*searched, error) {
	p := z.Problem
	if n >= p.Samples() {
		return nil, fmt.Errorf("%d of %d samples leave none to measure on", n, p.Samples())
	}
	order := rand.New(rand.NewPCG(uint64(split), uint64(n))).Perm(p.Samples())
	slices.Sort(order[:n])
	slices.Sort(order[n:])
	s := &searched{searched: p.Subset(order[:n]), others: p.Subset(order[n:])}
	var err error
	if s.found, err = m.Search(ctx, s.searched, uint64(split)+1); err != nil {
		return nil, fmt.Errorf("%s, %d samples of %s, split %d: %w", m.Name, n, z.Name, split, err)
	}
	s.tested = make([]cascade.Evaluation, len(s.found.Front))
	for i, point := range s.found.Front {
		if s.tested[i], err = s.others.Evaluate(point.Cascade); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func accuracy(p *optimize.Problem, model int) float64 {
	return float64(p.Correct(model)) / float64(p.Samples())
}

// judge compares what is expected of cascades with what they do on the other samples.
func judge(points []front.Point, tested []cascade.Evaluation) (excess *float64, covered float64) {
	if len(points) == 0 || points[0].Expected == nil {
		return nil, 0
	}
	mean, n := 0.0, float64(len(points))
	for i, p := range points {
		truth := tested[i].Accuracy()
		mean += (p.Expected.Accuracy - truth) / n
		if p.Expected.Interval[0] <= truth && truth <= p.Expected.Interval[1] {
			covered += 1 / n
		}
	}
	return &mean, covered
}

// deployed returns the mean error of the cascades that are chosen within budgets, on the
// samples searched and on the others.
func deployed(points []front.Point, tested []cascade.Evaluation, budgets []float64) (search, test float64) {
	for _, best := range chosen(points, budgets) {
		search += (1 - points[best].Accuracy()) / float64(len(budgets))
		test += (1 - tested[best].Accuracy()) / float64(len(budgets))
	}
	return search, test
}

// chosen returns the cascade that is chosen within each budget.
func chosen(points []front.Point, budgets []float64) []int {
	best := make([]int, len(budgets))
	for i, budget := range budgets {
		// The cheapest cascade is what there is below its cost.
		best[i] = max(0, front.BestWithin(points, budget))
	}
	return best
}

// claim returns what is claimed of a front: of the cascade that stands in for the most
// accurate single model.
func claim(search, test *optimize.Problem, found *optimize.Result, tested []cascade.Evaluation) *Claim {
	points := found.Front
	f := &front.Front{Points: points, Split: front.Split{Samples: search.Samples()}}
	for i, m := range search.Models() {
		model := front.Model{Name: m.Name, Cost: m.Cost, Correct: search.Correct(i)}
		if found.Models != nil {
			model.Expected = &found.Models[i]
		}
		f.Models = append(f.Models, model)
	}
	choice, ok := f.Choose(front.Limits{})
	if !ok || choice.Instead < 0 {
		return nil
	}
	model, _ := test.Find(choice.Best.Name)
	gain := float64(tested[choice.Instead].Correct-test.Correct(model)) / float64(test.Samples())
	return &Claim{
		Margin: choice.Margin, Saving: f.Saving(choice), Gain: gain,
		False: gain < -choice.Margin-1e-9, // far below what one sample makes
	}
}
