package example

import (
	"testing"

	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// TestGain checks what the example is there to show: cascades found on one half of
// the samples beat, on the other half, the single models found for the same cost.
// With -v it prints the figures in the README's table.
func TestGain(t *testing.T) {
	t.Parallel()
	z := open(t)
	var names []string
	var costs []float64
	for _, m := range z.Models() {
		cost, err := m.Cost("gflops")
		if err != nil {
			t.Fatal(err)
		}
		names, costs = append(names, m.Name), append(costs, cost)
	}
	name := func(model int) string { return names[model] }

	fronts := map[int][]optimize.Point{}
	for _, length := range []int{1, 2, 3} {
		fronts[length] = searchFront(t, z, names, costs, length)
	}
	budgets := []float64{3e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 1e-2}
	gained := map[int]float64{}
	for _, budget := range budgets {
		single := 0.0
		for _, length := range []int{1, 2, 3} {
			var best optimize.Point
			for _, p := range fronts[length] {
				if p.Cost <= budget {
					best = p
				}
			}
			test := evaluate(t, z, costs, names, best.Cascade)
			accuracy := float64(test.Correct) / float64(test.Reach[0])
			if length == 1 {
				single = accuracy
			}
			gained[length] += (accuracy - single) / float64(len(budgets))
			t.Logf("%-6g %d  search %.4f %.3g  test %.4f %.3g  %s", budget, length,
				float64(best.Correct)/float64(best.Reach[0]), best.Cost, accuracy, test.Cost, best.Cascade.Format(name))
		}
	}
	for _, length := range []int{2, 3} {
		t.Logf("chains of up to %d models: %+.2f points on new samples, mean over the budgets", length, 100*gained[length])
		if gained[length] < 0.005 {
			t.Errorf("chains of up to %d models gain %.2f points over single models; the example is there to show 0.5 or more", length, 100*gained[length])
		}
	}
}

// searchFront returns the proven front of all chains of up to the given length.
func searchFront(t *testing.T, z *zoo.Zoo, names []string, costs []float64, length int) []optimize.Point {
	t.Helper()
	index, err := z.OpenIndex(t.Context(), "search", names, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	var models []optimize.Model
	for i, n := range names {
		models = append(models, optimize.Model{Name: n, Cost: costs[i], Lists: index.Lists(n)})
	}
	problem, err := optimize.NewProblem(index.Labels(), z.Classes(), models)
	if err != nil {
		t.Fatal(err)
	}
	result, err := optimize.Search(t.Context(), problem, optimize.Options{Algorithm: "exact", MaxModels: length})
	if err != nil {
		t.Fatal(err)
	}
	return result.Front
}

// evaluate runs a cascade on the split test.
func evaluate(t *testing.T, z *zoo.Zoo, costs []float64, names []string, c optimize.Cascade) optimize.Evaluation {
	t.Helper()
	labels, _, err := z.Labels("test")
	if err != nil {
		t.Fatal(err)
	}
	results, err := optimize.Reevaluate(t.Context(), labels, z.Classes(), costs, []optimize.Cascade{c},
		func(model int) (optimize.Rows, error) { return z.Predictions(names[model], "test") })
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}
