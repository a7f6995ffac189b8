package optimize

import (
	"fmt"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// slowGreedy is GreedyCascade as the publication has it, on full outputs.
func slowGreedy(d *cascade.Dense, grid Grid, reference int, multiplier float64) cascade.Cascade {
	answer := func(m, i int) (right bool, confidence float64) {
		row := make([]float64, d.Classes)
		for c, p := range d.Outputs[modelName(m)][i*d.Classes : (i+1)*d.Classes] {
			row[c] = float64(p)
		}
		class, confidence := firstLargest(row)
		return class == int(d.Labels[i]), confidence
	}
	var open []int
	for i := range d.Labels {
		open = append(open, i)
	}
	c := cascade.Cascade{Rule: cascade.RuleLast}
	used := make([]bool, len(d.Outputs))
	for {
		best, bestThreshold, bestRatio := -1, 0.0, 0.0
		var bestRest []int
		for m := range used {
			if used[m] {
				continue
			}
			for _, threshold := range append(Grid{-1}, grid...) {
				answered, right, reference0 := 0, 0, 0
				var rest []int
				for _, i := range open {
					hit, confidence := answer(m, i)
					if confidence <= float64(threshold) {
						rest = append(rest, i)
						continue
					}
					answered++
					if hit {
						right++
					}
					if hit, _ := answer(reference, i); hit {
						reference0++
					}
				}
				if float64(right) < multiplier*float64(reference0)-1e-9 {
					continue
				}
				if ratio := float64(answered) / d.Costs[modelName(m)]; ratio > bestRatio {
					best, bestThreshold, bestRatio, bestRest = m, float64(threshold), ratio, rest
				}
				break // the smallest threshold that will do
			}
		}
		used[best] = true
		c.Stages = append(c.Stages, cascade.Stage{Model: modelName(best), Weight: 1})
		if open = bestRest; len(open) == 0 {
			if len(c.Stages) == 1 {
				c.Rule = cascade.RuleMean // as a model alone is written
			}
			return c
		}
		c.Stages[len(c.Stages)-1].Threshold = float32(bestThreshold)
	}
}

func TestGreedyEqualsItsDefinition(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 7, 150, 6)
	s, _, err := newRun(p, Options{Algorithm: "greedy"})
	if err != nil {
		t.Fatal(err)
	}
	b := newCascadeBuilder(s)
	longest := 0
	for reference := range p.models {
		for _, percent := range greedyPercents {
			got, ok := b.build(t.Context(), reference, percent)
			want := slowGreedy(d, s.eval.grid, reference, float64(percent)/100)
			if !ok || fmt.Sprint(s.eval.cascade(got)) != fmt.Sprint(want) {
				t.Errorf("reference %d, %d %%: %v, want %v", reference, percent, s.eval.cascade(got), want)
			}
			longest = max(longest, len(want.Stages))
		}
	}
	if longest < 4 {
		t.Errorf("the longest cascade has %d models", longest)
	}
}

func TestGreedyWithinLimits(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 7, 150, 6)
	for _, o := range []Options{{MaxModels: 2}, {MaxWorstCost: 1.2 * d.Costs["m6"]}, {MaxParams: 40}} {
		o.Algorithm = "greedy"
		s, _, err := newRun(p, o)
		if err != nil {
			t.Fatal(err)
		}
		b := newCascadeBuilder(s)
		built := 0
		for reference := range p.models {
			for _, percent := range greedyPercents {
				plan, ok := b.build(t.Context(), reference, percent)
				if !ok {
					continue
				}
				if built++; len(plan.members) > s.options.MaxModels || !s.limits.within(plan) {
					t.Errorf("reference %d, %d %%: %v is beyond the limits", reference, percent, plan)
				}
			}
		}
		if built != len(p.models)*len(greedyPercents) {
			t.Errorf("%+v: %d cascades", o, built)
		}
	}
}
