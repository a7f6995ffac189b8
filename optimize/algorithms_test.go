package optimize

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// Algorithms over genomes find all of the front when the budget suffices for all
// genomes, and within limits too.
func TestGenomeSearchEqualsBruteForce(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 1, 4, 60, 5)
	grid := Grid{0.5, 0.75, 1}
	for _, name := range []string{"gomea", "nsga2"} {
		for _, limits := range []Options{
			{Rules: []cascade.Rule{cascade.RuleMean}, Evals: 1 << 40},
			{Rules: []cascade.Rule{cascade.RuleLast}, Evals: 1 << 40},
			{Rules: bothRules, MaxModels: 2, Evals: 1 << 40},
			{MaxCost: 6, Evals: 1 << 40},
			{MaxWorstCost: 12, Evals: 1 << 40},
			{MinAccuracy: 0.6, Evals: 1 << 40},
			{MaxModels: 1, Evals: 1 << 40},
			{MaxParams: 9, Include: []string{"m1"}, Evals: 1 << 40},
		} {
			o := limits
			o.Algorithm, o.Grid, o.Paper = name, grid, true
			if o.MaxModels == 0 {
				o.MaxModels = 3
			}
			t.Run(fmt.Sprintf("%s/%v/%d/%g,%g,%g", name, o.Rules, o.MaxModels, o.MaxCost, o.MaxWorstCost, o.MinAccuracy), func(t *testing.T) {
				r, err := Search(context.Background(), p, o)
				if err != nil {
					t.Fatal(err)
				}
				c, run := newCodingOf(t, p, o)
				want := bruteForceGenomes(t, d, c, run, limits)
				if got := points(r); !slices.Equal(got, want) {
					t.Errorf("front %v, brute force %v", got, want)
				}
				empty := 1.0 // genomes without a model
				for _, values := range c.alphabet[c.run.options.MaxModels:] {
					empty *= float64(values)
				}
				if float64(r.Evaluations) != c.space().Size()-empty && o.Include == nil { // others are not looked for
					t.Errorf("%d evaluations of %v genomes, %v of them empty", r.Evaluations, c.space().Size(), empty)
				}
			})
		}
	}
}

// What a search does within limits stays within them, and no more evaluations are
// made than asked for.
func TestLimitsAndBudget(t *testing.T) {
	t.Parallel()
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
			{MaxParams: 40, Include: []string{"m2", "m1"}},
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
						if !names(point, m) {
							t.Errorf("%v lacks model %s", point.Cascade, m)
						}
					}
					params := 0.0
					for m := range p.models {
						if names(point, p.models[m].Name) {
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

// Distinct random cascades without end are all there are: the front of every chain of
// distinct models.
func TestRandomEqualsBruteForce(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 1, 4, 60, 5)
	grid := Grid{0.5, 0.75, 1}
	for _, rule := range cascade.Rules() {
		want := bruteForce(t, d, rule, cascade.MaxProbability, grid, 3, func(cascade.Cascade, cascade.Evaluation) bool { return true })
		r, err := Search(context.Background(), p, Options{Algorithm: "random", Rules: []cascade.Rule{rule}, Grid: grid, MaxModels: 3, Evals: 1 << 40})
		if err != nil {
			t.Fatal(err)
		}
		if got := points(r); !slices.Equal(got, want) {
			t.Errorf("rule %v: front %v, brute force %v", rule, got, want)
		}
	}
}

// Greedy constructions make single cascades and no whole front. None of what they make
// is better than the front of all there is in their space, but much of it lies there,
// and its best is no worse than the most accurate model.
func TestGreedyConstructionsAgainstBruteForce(t *testing.T) {
	t.Parallel()
	everything := func(cascade.Cascade, cascade.Evaluation) bool { return true }
	reached := make(map[string]int) // points on the front of all there is, by algorithm
	for seed := range uint64(10) {
		p, d := newZoo(t, 20+seed, 4, 80, 6)
		grid := Grid{0.3, 0.6, 0.9, 1}
		alone := bruteForce(t, d, cascade.RuleLast, cascade.MaxProbability, grid, 1, everything)
		for name, front := range map[string][][2]float64{
			"greedy":   bruteForce(t, d, cascade.RuleLast, cascade.MaxProbability, grid, 4, everything),
			"ensemble": allEnsembles(t, d, 6),
		} {
			o := Options{Algorithm: name, Grid: grid, MaxModels: 4}
			r, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range points(r) {
				if name == "ensemble" && !enumerated(r, got, 6) {
					continue // heavier than those enumerated
				}
				i := slices.IndexFunc(front, func(best [2]float64) bool { return best[0] >= got[0] && best[1] <= got[1] })
				if i < 0 {
					t.Errorf("%s, seed %d: %v is beyond the front %v of all there is", name, seed, got, front)
				} else if front[i] == got {
					reached[name]++
				}
			}
			best, most := points(r)[len(r.Front)-1], alone[len(alone)-1]
			if best[0] < most[0] {
				t.Errorf("%s, seed %d: at most %v right, one model alone has %v", name, seed, best[0], most[0])
			}
		}
	}
	for _, name := range []string{"greedy", "ensemble"} {
		if reached[name] < 30 { // of some 50 points
			t.Errorf("%s reaches the front of all there is %d times only", name, reached[name])
		}
	}
}

// enumerated reports whether the cascade of a point has a total weight of at most weight.
func enumerated(r *Result, point [2]float64, weight int) bool {
	i := slices.IndexFunc(r.Front, func(p front.Point) bool { return float64(p.Correct) == point[0] })
	total := 0
	for _, s := range r.Front[i].Stages {
		total += s.Weight
	}
	return total <= weight
}

// allEnsembles returns the front of all means of models with a total weight of at most
// weight.
func allEnsembles(t *testing.T, d *cascade.Dense, weight int) [][2]float64 {
	t.Helper()
	cheapest := make(map[int]float64)
	var extend func(c cascade.Cascade, from, left int)
	extend = func(c cascade.Cascade, from, left int) {
		if len(c.Stages) > 0 {
			e, err := d.Evaluate(c)
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := cheapest[e.Correct]; !ok || e.Cost < old {
				cheapest[e.Correct] = e.Cost
			}
		}
		for m := from; m < len(d.Outputs); m++ {
			for w := 1; w <= left; w++ {
				extend(cascade.Cascade{Stages: append(slices.Clone(c.Stages), cascade.Stage{Model: modelName(m), Weight: w, Threshold: 1})}, m+1, left-w)
			}
		}
	}
	extend(cascade.Cascade{}, 0, weight)
	return frontOf(cheapest)
}
