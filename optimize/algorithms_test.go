package optimize

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// Algorithms over genomes find all of the front when the budget suffices for all
// genomes, and within limits too.
func TestGenomeSearchEqualsBruteForce(t *testing.T) {
	p, d := newZoo(t, 1, 4, 60, 5)
	grid := Grid{0.5, 0.75, 1}
	for _, name := range []string{"gomea", "nsga2"} {
		for _, limits := range []Options{
			{Rule: RuleMean, Evals: 1 << 40},
			{Rule: RuleLast, Evals: 1 << 40},
			{Rule: RuleBoth, MaxModels: 2, Evals: 1 << 40},
			{MaxCost: 6, Evals: 1 << 40},
			{MaxWorstCost: 12, Evals: 1 << 40},
			{MinAccuracy: 0.6, Evals: 1 << 40},
			{MaxModels: 1, Evals: 1 << 40},
			{MaxParams: 9, Include: []int{1}, Evals: 1 << 40},
		} {
			o := limits
			o.Algorithm, o.Grid, o.Paper = name, grid, true
			if o.MaxModels == 0 {
				o.MaxModels = 3
			}
			t.Run(fmt.Sprintf("%s/%v/%d/%g,%g,%g", name, o.Rule, o.MaxModels, o.MaxCost, o.MaxWorstCost, o.MinAccuracy), func(t *testing.T) {
				r, err := Search(context.Background(), p, o)
				if err != nil {
					t.Fatal(err)
				}
				c := newCodingOf(t, p, o)
				want := bruteForceGenomes(t, d, c, func(p plan, e Evaluation) bool {
					return c.feasible(p) && (limits.MaxCost == 0 || e.Cost <= limits.MaxCost) &&
						float64(e.Correct) >= limits.MinAccuracy*float64(len(d.Labels))
				})
				if got := points(r); !slices.Equal(got, want) {
					t.Errorf("front %v, brute force %v", got, want)
				}
				empty := 1.0 // genomes without a model
				for _, values := range c.alphabet[c.MaxModels:] {
					empty *= float64(values)
				}
				if float64(r.Evaluations) != c.genomes()-empty && o.Include == nil { // others are not looked for
					t.Errorf("%d evaluations of %v genomes, %v of them empty", r.Evaluations, c.genomes(), empty)
				}
			})
		}
	}
}

// What a search does within limits stays within them, and no more evaluations are
// made than asked for.
func TestLimitsAndBudget(t *testing.T) {
	p, _ := newZoo(t, 2, 8, 300, 10)
	for _, name := range Algorithms() {
		o := smallSearch(name)
		free, err := Search(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		if free.Evaluations > o.Evals && o.Evals > 0 || slices.Contains([]string{"gomea", "nsga2", "random"}, name) && free.Evaluations != o.Evals {
			t.Errorf("%s: %d evaluations of %d", name, free.Evaluations, o.Evals)
		}
		middle := free.Front[len(free.Front)/2]
		for _, limits := range []Options{
			{MaxCost: middle.Cost},
			{MaxWorstCost: middle.WorstCost},
			{MinAccuracy: float64(middle.Correct) / float64(p.Samples())},
			{MaxParams: 40, Include: []int{2, 1}},
		} {
			if name == "greedy" {
				limits.Include = nil // it takes none
			}
			t.Run(fmt.Sprintf("%s/%.3g,%.3g,%.3g", name, limits.MaxCost, limits.MaxWorstCost, limits.MinAccuracy), func(t *testing.T) {
				o := o
				o.MaxCost, o.MaxWorstCost, o.MinAccuracy = limits.MaxCost, limits.MaxWorstCost, limits.MinAccuracy
				o.MaxParams, o.Include = limits.MaxParams, limits.Include
				r, err := Search(context.Background(), p, o)
				if err != nil {
					t.Fatal(err)
				}
				for _, point := range r.Front {
					if limits.MaxCost > 0 && point.Cost > limits.MaxCost || limits.MaxWorstCost > 0 && point.WorstCost > limits.MaxWorstCost || point.Correct < middle.Correct && limits.MinAccuracy > 0 {
						t.Errorf("%+v is beyond the limits", point.Evaluation)
					}
					for _, m := range limits.Include {
						if !slices.Contains(point.Cascade.Models, m) {
							t.Errorf("%v lacks model %d", point.Cascade, m)
						}
					}
					params := 0.0
					for m := range p.models {
						if slices.Contains(point.Cascade.Models, m) {
							params += p.models[m].Params
						}
					}
					if limits.MaxParams > 0 && params > limits.MaxParams {
						t.Errorf("%v has %v parameters", point.Cascade, params)
					}
				}
			})
		}
	}
}
