package optimize

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// On a zoo small enough to enumerate auto finds all of the front, within limits too.
func TestAutoEqualsBruteForce(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 1, 4, 60, 5)
	for _, limits := range []Options{
		{Rules: []cascade.Rule{cascade.RuleMean}},
		{Rules: []cascade.Rule{cascade.RuleLast}},
		{MaxCost: 6},
		{MaxWorstCost: 12},
		{MinAccuracy: 0.6},
		{MaxParams: 9, Include: []string{"m1"}},
	} {
		o := limits
		o.Algorithm, o.Grid, o.Paper, o.MaxModels = "auto", Grid{0.5, 0.75, 1}, true, 3
		t.Run(fmt.Sprintf("%v/%g,%g,%g", o.Rules, o.MaxCost, o.MaxWorstCost, o.MinAccuracy), func(t *testing.T) {
			r, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			c, run := newCodingOf(t, p, o)
			want := bruteForceGenomes(t, d, c, run, limits)
			if got := points(r); !slices.Equal(got, want) {
				t.Errorf("front %v, brute force %v", got, want)
			}
		})
	}
}

// A budget of evaluations is never passed, whatever the search is about when it is
// used up, and nearly all of it is used.
func TestAutoKeepsItsBudget(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 10)
	for _, rules := range [][]cascade.Rule{{cascade.RuleMean}, bothRules} {
		for _, evals := range []int64{1, 8, 9, 17, 100, 3000, 11_300, 20_000, 100_000, 1_000_000, 5_000_000} {
			o := Options{Algorithm: "auto", Rules: rules, Evals: evals, Seed: 1, Threads: 1}
			want, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Threads = 2
			got, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			if want.Evaluations > evals {
				t.Errorf("rule %v: %d evaluations of %d", rules, want.Evaluations, evals)
			}
			// What is left may be less than the next pair of thresholds or child takes.
			if window := int64(len(FineGrid()) * len(FineGrid())); want.Evaluations < evals-16*window && want.Evaluations < evals*9/10 {
				t.Errorf("rule %v: only %d evaluations of %d", rules, want.Evaluations, evals)
			}
			if !reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations {
				t.Errorf("rule %v, %d evaluations: two threads give another result than one", rules, evals)
			}
		}
	}
}

func TestTooSmallBudgetIsExplained(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 4, 6, 50, 5)
	for _, name := range []string{"auto", "gomea", "gomea-exact", "greedy", "nsga2", "random"} {
		for _, limits := range []Options{{MinAccuracy: 0.99}, {Include: []string{modelName(len(d.Costs) - 1)}, MaxWorstCost: d.Costs["m0"]}} {
			if name == "greedy" && limits.Include != nil {
				continue // it takes none
			}
			o := limits
			o.Algorithm, o.Evals = name, 1
			_, err := Search(context.Background(), p, o)
			if !errors.Is(err, ErrNothingFeasible) || !strings.Contains(err.Error(), "budget of 1 ") {
				t.Errorf("%s: error %v, want one that names the budget", name, err)
			}
		}
	}
}

// Children are cascades of the space searched, and no chain comes twice.
func TestBreed(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 2, 9, 200, 10)
	for _, o := range []Options{
		{MaxModels: 3},
		{MaxModels: 8, Rules: bothRules},
		{MaxModels: 5, Paper: true},
		{MaxModels: 4, Include: []string{"m2"}, MaxWorstCost: 30},
	} {
		o.Algorithm = "auto"
		s, _, err := newRun(p, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.tryChains(context.Background(), 2); err != nil {
			t.Fatal(err)
		}
		children := newBreeder(s, s.archive.front(), 1).breed()
		if len(children) < 20 {
			t.Fatalf("%+v: %d children", o, len(children))
		}
		chains := make(map[string]bool)
		long := 0
		for _, c := range children {
			if err := s.eval.cascade(c.plan).Validate(); err != nil {
				t.Error(err)
			}
			if len(c.members) > o.MaxModels || !s.limits.within(c.plan) {
				t.Errorf("%v is outside the limits", c.plan)
			}
			for stage, m := range c.members {
				if first := slices.IndexFunc(c.members, func(x member) bool { return x.model == m.model }); first < stage && !o.Paper {
					t.Errorf("%v has a model twice", c.plan)
				}
			}
			if !(c.rates[0] > 0) || !(c.rates[1] > 0) {
				t.Errorf("rates of exchange %v", c.rates)
			}
			if chains[string(c.chainKey())] {
				t.Errorf("%v comes twice", c.plan)
			}
			chains[string(c.chainKey())] = true
			if len(c.members) > 2 {
				long++
			}
		}
		if long == 0 {
			t.Errorf("%+v: no chain is longer than those it comes from", o)
		}
	}
}

// Among many models evolution has the first turn; interrupting it there changes
// nothing, nor do threads.
func TestEvolutionGoesFirstAmongManyModels(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, smallZoo+1, 40, 5)
	o := Options{Algorithm: "auto", Grid: shortGrid, Evals: 400_000, Seed: 3, Threads: 1}
	want, err := Search(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	got, interrupted := searchWithInterruptions(t, p, o, 3)
	if !reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations {
		t.Errorf("interrupted %d times: %d cascades, %d evaluations; uninterrupted %d, %d",
			interrupted, len(got.Front), got.Evaluations, len(want.Front), want.Evaluations)
	}
	if interrupted < 3 {
		t.Errorf("interrupted %d times", interrupted)
	}
}
