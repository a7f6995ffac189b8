package nat

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/supernet"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(b)) }

// TestInterpolantIsPySOTs compares with what pySOT 0.3.3 and SciPy were recorded to say;
// testdata/surrogate.py made the file.
func TestInterpolantIsPySOTs(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "surrogate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Interpolants []struct {
			Low, High         []int // High is the exclusive bound
			Genomes, Queries  []supernet.Genome
			Errors, Predicted []float64
		}
		Correlations []struct {
			A, B                    []float64
			RMSE, Spearman, Kendall float64
		}
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	for i, c := range recorded.Interpolants {
		var space []supernet.Gene
		var genes []int
		for g := range c.Low {
			space, genes = append(space, supernet.Gene{Low: c.Low[g], High: c.High[g] - 1}), append(genes, g)
		}
		p, err := interpolate(space, genes, c.Genomes, c.Errors)
		if err != nil {
			t.Fatal(err)
		}
		for k, q := range c.Queries {
			if got := p.predict(q, nil); !near(got, c.Predicted[k], 1e-6) {
				t.Errorf("interpolant %d, %v: %v, pySOT's %v", i, q, got, c.Predicted[k])
			}
		}
	}
	for _, c := range recorded.Correlations {
		if q := judge(c.A, c.B); !near(q.RMSE, c.RMSE, 1e-9) || !near(q.Spearman, c.Spearman, 1e-9) || !near(q.Kendall, c.Kendall, 1e-9) {
			t.Errorf("%+v, SciPy's %v, %v, %v", q, c.RMSE, c.Spearman, c.Kendall)
		}
	}
}

// sampled returns genomes of a space and what a made-up function makes of them.
func sampled(t *testing.T, n int, seed uint64) ([]supernet.Gene, []supernet.Genome, []float64) {
	t.Helper()
	space := testSpace(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	var genomes []supernet.Genome
	var values []float64
	for range n {
		genomes = append(genomes, space.Random(rng))
		values = append(values, 100*madeUp(space, genomes[len(genomes)-1]))
	}
	return space.Genes(), genomes, values
}

// The ensemble ranks what it has not seen, and is the same on any number of processors.
func TestSurrogate(t *testing.T) {
	space, genomes, values := sampled(t, 120, 1)
	s, err := newSurrogate(context.Background(), space, genomes, values, 100, 7)
	if err != nil {
		t.Fatal(err)
	}
	_, others, came := sampled(t, 200, 2)
	predicted := s.predict(others)
	if q := judge(predicted, came); q.Spearman < 0.9 || q.Kendall < 0.75 || q.Kendall > q.Spearman {
		t.Errorf("%+v", q)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	alone, err := newSurrogate(context.Background(), space, genomes, values, 100, 7)
	if err != nil || !slices.Equal(alone.predict(others), predicted) {
		t.Errorf("on one processor it is another one: %v", err)
	}
}

// With hardly any genomes, or such as differ in few genes, there is a surrogate all the same.
func TestSurrogateOfLittle(t *testing.T) {
	t.Parallel()
	space := []supernet.Gene{{Low: 0, High: 3}, {Low: 1, High: 9}, {Low: 0, High: 0}, {Low: 0, High: 3}}
	for _, genomes := range [][]supernet.Genome{
		{{0, 1, 0, 0}, {0, 2, 0, 0}},
		{{0, 1, 0, 0}, {1, 2, 0, 1}, {2, 3, 0, 2}, {3, 4, 0, 3}},
		{{0, 1, 0, 0}, {0, 1, 0, 0}, {3, 9, 0, 0}},
	} {
		values := []float64{20, 30, 40, 50}[:len(genomes)]
		s, err := newSurrogate(context.Background(), space, genomes, values, 20, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range s.predict(genomes[:1]) {
			if !near(v, values[i], 1e-3) {
				t.Errorf("%v: predicted %v, it was %v", genomes, v, values[i])
			}
		}
	}
	if _, err := newSurrogate(context.Background(), space, []supernet.Genome{{0, 1, 0, 0}}, []float64{20}, 20, 1); !errors.Is(err, errSingular) {
		t.Errorf("of one genome: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := newSurrogate(ctx, space, []supernet.Genome{{0, 1, 0, 0}, {0, 2, 0, 0}}, []float64{20, 30}, 20, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
