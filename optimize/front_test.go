package optimize

import (
	"math"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

func TestHypervolume(t *testing.T) {
	ref := Reference{WorstError: 0.5, DearestCost: 10, CheapestCost: 0.1}
	for _, c := range []struct {
		name          string
		errors, costs []float64
		log           bool
		want          float64
	}{
		{name: "no points", want: 0},
		{name: "one point", errors: []float64{0.25}, costs: []float64{5}, want: 0.25},
		{name: "at the reference", errors: []float64{0.5, 0.1}, costs: []float64{1, 10}, want: 0},
		{name: "perfect and free", errors: []float64{0}, costs: []float64{0}, want: 1},
		{name: "two, unsorted", errors: []float64{0.1, 0.3}, costs: []float64{8, 2}, want: 0.8*0.4 + 0.2*0.4},
		{name: "dominated and equal ones add nothing", errors: []float64{0.1, 0.3, 0.3, 0.4}, costs: []float64{8, 2, 2, 9}, want: 0.8*0.4 + 0.2*0.4},
		{name: "log axis", errors: []float64{0.25}, costs: []float64{1}, log: true, want: 0.25},
		{name: "cheaper than the cheapest", errors: []float64{0.25}, costs: []float64{0.01}, log: true, want: 0.5},
	} {
		ref.Log = c.log
		if got := Hypervolume(c.errors, c.costs, ref); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// The hypervolumes of the reference fronts were computed by other code.
func TestHypervolumeOfReferenceFronts(t *testing.T) {
	dir := sharedtest.Dir(t, "fronts")
	for name, want := range map[string][2]float64{
		"gomea600k_s1": {0.92718, 0.89597},
		"gomea600k_s2": {0.92756, 0.89587},
		"gomea600k_s3": {0.92935, 0.89807},
		"paper_k2":     {0.91999, 0.88716},
		"paper_k3":     {0.92468, 0.89327},
		"fine_k3":      {0.92655, 0.89609},
	} {
		errors, costs := readFront(t, filepath.Join(dir, "cifar10_"+name+".csv"))
		ref := cifar10Reference
		linear := Hypervolume(errors, costs, ref)
		ref.Log = true
		log := Hypervolume(errors, costs, ref)
		if math.Abs(linear-want[0]) > 5e-6 || math.Abs(log-want[1]) > 5e-6 {
			t.Errorf("%s: %.6f linear, %.6f log, want %v", name, linear, log, want)
		}
	}
}

// cifar10Reference is the point the reference fronts are measured against: 40 %
// error and the dearest model.
var cifar10Reference = Reference{WorstError: 0.4, DearestCost: 5.387266, CheapestCost: 0.010902}

// readFront returns errors (shares) and costs of a reference front.
func readFront(t testing.TB, path string) (errors, costs []float64) {
	t.Helper()
	for _, row := range readCSV(t, path) {
		e, err := strconv.ParseFloat(row["error"]+row["error_pct"], 64)
		if err != nil {
			t.Fatal(err)
		}
		cost, err := strconv.ParseFloat(row["gflops"], 64)
		if err != nil {
			t.Fatal(err)
		}
		errors, costs = append(errors, e/100), append(costs, cost)
	}
	return errors, costs
}
