package front

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBest compares layers with those of the definition: a model is in the layer after the last
// of those that beat it.
func TestBest(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		models := make([]Model, 1+rng.IntN(30))
		for i := range models {
			models[i] = Model{Name: fmt.Sprint(i), Cost: float64(rng.IntN(12)), Correct: rng.IntN(12)}
		}
		// Of equal models the first by name beats the others.
		beats := func(a, b Model) bool {
			if a.Cost == b.Cost && a.Correct == b.Correct {
				return a.Name < b.Name
			}
			return a.Cost <= b.Cost && a.Correct >= b.Correct
		}
		layer := map[string]int{}
		var of func(m Model) int
		of = func(m Model) int {
			if _, known := layer[m.Name]; !known {
				layer[m.Name] = 0
				for _, other := range models {
					if other.Name != m.Name && beats(other, m) {
						layer[m.Name] = max(layer[m.Name], of(other)+1)
					}
				}
			}
			return layer[m.Name]
		}
		sizes := map[int]int{}
		for _, m := range models {
			sizes[of(m)]++
		}
		most := rng.IntN(len(models) + 2)
		chosen := best(models, most)
		if len(chosen) != min(most, len(models)) {
			t.Fatalf("%d of %d models chosen, wanted %d", len(chosen), len(models), most)
		}
		if most > 0 {
			mostAccurate := func(of []Model) int {
				return slices.MaxFunc(of, func(a, b Model) int { return cmp.Compare(a.Correct, b.Correct) }).Correct
			}
			if got, want := mostAccurate(chosen), mostAccurate(models); got != want {
				t.Fatalf("the most accurate of %d models of %d has %d correct, not %d", most, len(models), got, want)
			}
		}
		got := map[int]int{}
		for _, m := range chosen {
			got[layer[m.Name]]++
		}
		left := most
		for l := range len(sizes) {
			want := min(left, sizes[l])
			left -= want
			if got[l] != want {
				t.Fatalf("%d models of layer %d of %d, wanted %d of %v", got[l], l, sizes[l], want, models)
			}
		}
	}
}
