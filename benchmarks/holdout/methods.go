package holdout

import (
	"context"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// rulesFor returns the rules to search a problem with: where outputs cannot be averaged,
// because models give answers only, vote takes the place of mean.
func rulesFor(p *optimize.Problem, rules []cascade.Rule) []cascade.Rule {
	if !slices.ContainsFunc(p.Models(), func(m optimize.Model) bool { return m.Answers }) {
		return rules
	}
	votes := []cascade.Rule{cascade.RuleVote}
	if slices.Contains(rules, cascade.RuleLast) {
		votes = append(votes, cascade.RuleLast)
	}
	return votes
}

// Default is the method of optimize without flags.
const Default = "default"

// Methods returns the methods that are compared; each search runs on so many threads.
func Methods(threads int) []Method {
	both := []cascade.Rule{cascade.RuleMean, cascade.RuleLast}
	paper, fine := optimize.PaperGrid(), optimize.FineGrid()
	list := []struct {
		name string
		o    optimize.Options
	}{
		{"single models", optimize.Options{Algorithm: "exact", MaxModels: 1}},
		{"exact 2, paper grid", optimize.Options{Algorithm: "exact", MaxModels: 2, Grid: paper}},
		{"exact 2", optimize.Options{Algorithm: "exact", MaxModels: 2, Grid: fine}},
		{"exact 3, paper grid", optimize.Options{Algorithm: "exact", MaxModels: 3, Grid: paper}},
		{"exact 3", optimize.Options{Algorithm: "exact", MaxModels: 3, Grid: fine}},
		{"gomea, published space, 600,000 evaluations", optimize.Options{Algorithm: "gomea", Paper: true, Grid: paper, MaxModels: 5, Evals: 600_000}},
		{"auto, published space", optimize.Options{Algorithm: "auto", Paper: true, Grid: paper, MaxModels: 5}},
		{"auto, most correct answers", optimize.Options{Algorithm: "auto", Rules: both, Grid: fine, Snap: true}},
		{Default, optimize.Options{Algorithm: "auto", Rules: both, Grid: fine, Snap: true, Evidence: true, Folds: 5}},
	}
	var methods []Method
	for _, m := range list {
		methods = append(methods, Method{m.name, func(ctx context.Context, p *optimize.Problem, seed uint64) (*optimize.Result, error) {
			o := m.o
			o.Seed, o.Threads, o.Rules = seed, threads, rulesFor(p, o.Rules)
			r, err := optimize.Search(ctx, p, o)
			if err == nil {
				err = ctx.Err() // a front that was interrupted is not the method's
			}
			if err != nil {
				return nil, err
			}
			for i := range r.Front {
				if e := r.Front[i].Expected; e != nil {
					e.Interval[0], e.Interval[1] = stats.OnOthers(e.Accuracy, p.Samples(), 0.95)
				}
			}
			return r, nil
		}})
	}
	return methods
}

// DefaultMethod is that of optimize without flags.
func DefaultMethod(threads int) Method {
	methods := Methods(threads)
	return methods[slices.IndexFunc(methods, func(m Method) bool { return m.Name == Default })]
}
