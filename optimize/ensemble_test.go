package optimize

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// slowEnsemble repeats the selection of one rung on full outputs and returns the
// most samples that any ensemble looked at has right.
func slowEnsemble(d *cascade.Dense, limit float64, rounds int) (best int, taken []int) {
	right := func(models []int) int {
		correct := 0
		for i, label := range d.Labels {
			sum := make([]float64, d.Classes)
			for _, m := range models {
				for c, p := range d.Outputs[modelName(m)][i*d.Classes : (i+1)*d.Classes] {
					sum[c] += float64(p)
				}
			}
			if class, _ := firstLargest(sum); class == int(label) {
				correct++
			}
		}
		return correct
	}
	cost := func(models []int) float64 {
		total := 0.0
		for m := range len(d.Costs) {
			if slices.Contains(models, m) {
				total += d.Costs[modelName(m)]
			}
		}
		return total
	}
	for range rounds {
		most, choice, choiceCost := -1, -1, 0.0
		for m := range len(d.Outputs) {
			models := append(slices.Clone(taken), m)
			c := cost(models)
			if c > limit {
				continue
			}
			if r := right(models); r > most || r == most && c < choiceCost-1e-9 {
				most, choice, choiceCost = r, m, c
			}
		}
		best = max(best, most)
		taken = append(taken, choice)
	}
	return best, taken
}

func TestEnsembleEqualsItsDefinition(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 8, 6, 120, 6)
	s, _, err := newRun(p, Options{Algorithm: "ensemble"})
	if err != nil {
		t.Fatal(err)
	}
	e := &selection{run: s, left: math.MaxInt64}
	if err := e.begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	rungs := slices.Clone(e.rungs)
	for range 4 {
		if err := e.grow(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range rungs {
		best, taken := slowEnsemble(d, r.limit, 5)
		if int(r.best) != best {
			t.Errorf("limit %v: %d right, want %d", r.limit, r.best, best)
		}
		var models []int
		for _, m := range r.set.members {
			for range m.weight {
				models = append(models, int(m.model))
			}
		}
		slices.Sort(models)
		if slices.Sort(taken); !slices.Equal(models, taken) {
			t.Errorf("limit %v: %v, want %v", r.limit, models, taken)
		}
	}
	r, err := Search(context.Background(), p, Options{Algorithm: "ensemble"})
	if err != nil {
		t.Fatal(err)
	}
	weighted := false
	for _, point := range r.Front {
		for _, s := range point.Stages {
			weighted = weighted || s.Weight != 1
		}
		for _, reach := range point.Reach {
			if reach != p.Samples() {
				t.Errorf("%v exits early", point.Cascade)
			}
		}
	}
	if !weighted {
		t.Error("no ensemble has weights")
	}
}
