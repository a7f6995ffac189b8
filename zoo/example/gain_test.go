package example_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// TestGain checks what the example is there to show: cascades found on one half of
// the samples beat, on the other half, the single models found for the same cost.
// With -v it prints the figures in the README's table.
func TestGain(t *testing.T) {
	t.Parallel()
	z, err := example.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fronts := map[int][]front.Point{}
	for _, length := range []int{1, 2, 3} {
		fronts[length] = searchFront(t, z, length)
	}
	budgets := []float64{3e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 1e-2}
	gained := map[int]float64{}
	for _, budget := range budgets {
		single := 0.0
		for _, length := range []int{1, 2, 3} {
			best := fronts[length][front.BestWithin(fronts[length], budget)]
			e, err := study.EvaluateCascade(t.Context(), z, "test", study.DefaultCost, best.Cascade, study.Watch{})
			if err != nil {
				t.Fatal(err)
			}
			test := e.Cascades[0]
			if length == 1 {
				single = test.Accuracy()
			}
			gained[length] += (test.Accuracy() - single) / float64(len(budgets))
			t.Logf("%-6g %d  search %.4f %.3g  test %.4f %.3g  %s", budget, length, best.Accuracy(), best.Cost, test.Accuracy(), test.Cost, best)
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
func searchFront(t *testing.T, z *zoo.Zoo, length int) []front.Point {
	t.Helper()
	o := study.Defaults()
	o.Algorithm, o.MaxModels, o.Grid = "exact", length, "fine"
	o.Dir = filepath.Join(t.TempDir(), strconv.Itoa(length))
	found, err := study.Search(t.Context(), z, o, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Front.Points
}
