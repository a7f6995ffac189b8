package optimize

import (
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// Models that are free are searched like others: what is found is as evaluated, begins at no
// cost, and is no better than any cascade can be.
func TestFreeModels(t *testing.T) {
	whole := exampleProblem(t)
	models := slices.Clone(whole.Models())
	slices.SortFunc(models, byCost)
	for i := range models[:2] {
		models[i].Cost = 0
	}
	p, err := NewProblem(whole.labels, whole.Classes(), models[:8])
	if err != nil {
		t.Fatal(err)
	}
	evals := int64(300_000)
	if testing.Short() {
		evals = 20_000
	}
	for _, o := range []Options{
		{Algorithm: "exact"}, {Algorithm: "exact", MaxModels: 3, Grid: Grid{0.5, 0.9}}, {Algorithm: "greedy"}, {Algorithm: "ensemble"},
		{Algorithm: "gomea", Evals: 3000}, {Algorithm: "nsga2", Evals: 3000}, {Algorithm: "gomea-exact", Evals: 100_000}, {Algorithm: "random", Evals: 3000},
		{Algorithm: "auto", Rules: []cascade.Rule{cascade.RuleMean, cascade.RuleLast}, Evidence: true, Folds: 3, Evals: evals},
		{Algorithm: "exact", MaxCost: 1e-30, MaxModels: 2},
	} {
		r, err := Search(t.Context(), p, o)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if r.Front[0].Cost != 0 {
			t.Errorf("%s: the front begins at %v", o.Algorithm, r.Front[0].Cost)
		}
		for _, point := range r.Front {
			e, err := p.Evaluate(point.Cascade)
			if err != nil {
				t.Fatal(err)
			}
			if e.Correct != point.Correct || e.Cost != point.Cost || point.Bound < point.Correct {
				t.Errorf("%s: %v has %d correct at %v, found as %d at %v with the bound %d", o.Algorithm, point.Cascade, e.Correct, e.Cost, point.Correct, point.Cost, point.Bound)
			}
			if x := point.Expected; x != nil && !(x.Accuracy >= 0 && x.Accuracy <= 1) {
				t.Errorf("%v is expected to have %v", point.Cascade, x.Accuracy)
			}
		}
		for _, c := range r.Curve {
			if !(c.Linear >= 0 && c.Linear <= 1 && c.Log >= 0 && c.Log <= 1) {
				t.Errorf("%s: hypervolumes %v, %v", o.Algorithm, c.Linear, c.Log)
			}
		}
	}
}
