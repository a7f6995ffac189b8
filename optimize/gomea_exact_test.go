package optimize

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// Chains of two have one threshold, so that a search of all of them finds the
// exact front.
func TestGOMEAExactFindsAllPairs(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 1, 4, 60, 5)
	for _, rule := range cascade.Rules() {
		for _, limits := range []Options{{}, {MaxCost: 8}, {MaxWorstCost: 12, MinAccuracy: 0.6}} {
			o := limits
			o.Rules, o.MaxModels, o.Grid = []cascade.Rule{rule}, 2, shortGrid
			o.Algorithm = "exact"
			want, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Algorithm = "gomea-exact"
			got, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(points(got), points(want)) {
				t.Errorf("rule %v, %+v: front %v, want %v", rule, limits, points(got), points(want))
			}
		}
	}
}

// No change of a single threshold may improve what the solver arrives at, and it
// must have offered all it has looked at.
func TestThresholdSolver(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 2, 6, 200, 8)
	s, _, err := newRun(p, Options{Algorithm: "gomea-exact", Grid: shortGrid, Evals: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	c, v := newChainCoding(s), newThresholdSolver(s.newSoleWorker(), s.options.MaxModels)
	v.budget = s.left()
	space, rng := c.space(), rand.New(rand.NewPCG(1, 1))
	genes := make([]uint16, len(c.alphabet))
	for range 100 {
		space.Draw(rng, genes)
		plan, ok := c.decode(genes)
		rate := c.rate
		if !ok {
			continue
		}
		evaluate := func() outcome {
			e, err := d.Evaluate(s.eval.cascade(plan))
			if err != nil {
				t.Fatal(err)
			}
			return outcome{int32(e.Correct), s.eval.totalCost(plan, e.Reach)}
		}
		got := v.solve(plan, rate)
		if want := evaluate(); got != want {
			t.Fatalf("%v: %+v by the solver, %+v by the definition", plan, got, want)
		}
		for stage, exit := range plan.exits {
			for g := range s.eval.grid {
				plan.exits[stage] = uint8(g)
				r := evaluate()
				if float64(r.correct)-rate*r.total > float64(got.correct)-rate*got.total {
					t.Fatalf("threshold %d of %v is better at %d", stage, plan, g)
				}
				if s.archive.totals[r.correct] > r.total {
					t.Fatalf("%v was looked at and not offered", plan)
				}
			}
			plan.exits[stage] = exit
		}
	}
}

// A chain longer than the solver can take is offered as it is; gomea-exact, which would have nothing
// to solve, refuses them.
func TestThresholdsOfLongChainsStay(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 2, solvedStages+2, 20, 4)
	o := Options{Algorithm: "auto", Grid: shortGrid, MaxModels: solvedStages + 2}
	r := runOf(t, p, o)
	o.Algorithm = "gomea-exact"
	if _, _, err := newRun(p, o); err == nil || !strings.Contains(err.Error(), "at most 128 models, not 130") {
		t.Errorf("gomea-exact of 130 models: %v", err)
	}
	v := newThresholdSolver(r.newSoleWorker(), r.options.MaxModels)
	for _, stages := range []int{solvedStages, solvedStages + 1} {
		long := plan{rule: cascade.RuleLast, exits: slices.Repeat([]uint8{2}, stages-1)}
		for m := range stages {
			long.members = append(long.members, member{uint16(m), 1})
		}
		before := slices.Clone(long.exits)
		v.budget = r.left()
		got := v.solve(long, 1e-3)
		e, err := d.Evaluate(r.eval.cascade(long))
		if err != nil {
			t.Fatal(err)
		}
		if got != (outcome{int32(e.Correct), r.eval.totalCost(long, e.Reach)}) {
			t.Errorf("%d stages: %+v, by the definition %d correct", stages, got, e.Correct)
		}
		if stages > solvedStages && !slices.Equal(long.exits, before) {
			t.Errorf("%d stages: thresholds changed", stages)
		}
	}
}
