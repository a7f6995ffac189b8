package optimize

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

// bruteForceGenomes evaluates every genome with the dense oracle and returns the
// correct answers and costs of the front within limits.
func bruteForceGenomes(t *testing.T, d *cascade.Dense, c *coding, r *run, limits Options) [][2]float64 {
	t.Helper()
	feasible := func(p plan, e cascade.Evaluation) bool {
		return r.limits.within(p) && (limits.MaxCost == 0 || e.Cost <= limits.MaxCost) &&
			float64(e.Correct) >= limits.MinAccuracy*float64(len(d.Labels))
	}
	cheapest := make(map[int]float64)
	genes := make([]uint16, len(c.alphabet))
	for {
		if p, ok := c.decode(genes); ok {
			e, err := d.Evaluate(r.eval.cascade(p))
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := cheapest[e.Correct]; feasible(p, e) && (!ok || e.Cost < old) {
				cheapest[e.Correct] = e.Cost
			}
		}
		i := 0
		for ; i < len(genes); i++ {
			if genes[i]++; int(genes[i]) < c.alphabet[i] {
				break
			}
			genes[i] = 0
		}
		if i == len(genes) {
			return frontOf(cheapest)
		}
	}
}

// newCodingOf returns the coding that a run with these options uses, and the run.
func newCodingOf(t testing.TB, p *Problem, o Options) (*coding, *run) {
	t.Helper()
	r, _, err := newRun(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return newCoding(r), r
}

func TestGenomesAreReadAsPublished(t *testing.T) {
	t.Parallel()
	p := readCIFAR10(t, 0, 5000)
	c, r := newCodingOf(t, p, Options{Algorithm: "gomea", Grid: PaperGrid()})
	w := r.newWorker()
	for seed := 1; seed <= 3; seed++ {
		rows := readCSV(t, filepath.Join(sharedtest.Dir(t, "fronts"), fmt.Sprintf("cifar10_gomea600k_s%d.csv", seed)))
		for i, row := range rows {
			var genes []uint16
			for _, text := range strings.Fields(row["genome"]) {
				gene, err := strconv.ParseUint(text, 10, 16)
				if err != nil {
					t.Fatal(err)
				}
				genes = append(genes, uint16(gene))
			}
			plan, ok := c.decode(genes)
			if !ok {
				t.Fatalf("seed %d, row %d: no model", seed, i)
			}
			correct, reach := w.evaluate(plan)
			cost := r.eval.totalCost(plan, reach) / float64(p.Samples())
			e, _ := strconv.ParseFloat(row["error_pct"], 64)
			published, _ := strconv.ParseFloat(row["gflops"], 64)
			if wrong := p.Samples() - correct; wrong != int(math.Round(e*50)) || math.Abs(cost-published) > 1e-6 {
				t.Errorf("seed %d, row %d: %d wrong at %v, published %v %% at %v", seed, i, wrong, cost, e, published)
			}
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 1, 4, 20, 3)
	c, r := newCodingOf(t, p, Options{Algorithm: "gomea", Rules: bothRules, Grid: shortGrid, MaxModels: 3})
	for _, test := range []struct {
		genes []uint16
		want  string
	}{
		{[]uint16{1, 2, 3, 4, 5, 0}, "m0@0.9,m1@1,m2"},
		{[]uint16{0, 2, 3, 4, 5, 0}, "m1@1,m2"},
		{[]uint16{1, 0, 4, 4, 1, 1}, "last:m0@0.25,m3"},
		{[]uint16{2, 2, 0, 3, 1, 0}, "m1@0.75,m1"},
		{[]uint16{0, 0, 1, 3, 1, 0}, "m0"},
	} {
		plan, ok := c.decode(test.genes)
		if !ok {
			t.Fatalf("%v is no cascade", test.genes)
		}
		if got := r.eval.cascade(plan).String(); got != test.want {
			t.Errorf("%v is %s, want %s", test.genes, got, test.want)
		}
	}
	if _, ok := c.decode([]uint16{0, 0, 0, 3, 1, 0}); ok {
		t.Error("a genome without a model is a cascade")
	}
	if got := c.space().Size(); got != 5*5*5*6*6*2 {
		t.Errorf("%v genomes", got)
	}
}
