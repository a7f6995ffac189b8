package optimize

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The tests of this file prove on small inputs of our own what others prove on the
// reference data, which a clone does not have.

// Genomes are read as the published code reads them: its results in testdata/vectors
// are those of the cascades that the genomes decode to.
func TestGenomesOfVectorsAreReadAsPublished(t *testing.T) {
	t.Parallel()
	d := readVectors(t, "outputs.npy")
	p, _ := newZoo(t, 1, len(d.Outputs), 20, 3) // the coding needs the number of models alone
	for _, name := range []string{"vectors.csv", "edge.csv", "size2.csv", "size3.csv", "size8.csv"} {
		vectors := readGenomes(t, name)
		slots := len(vectors[0].run)
		c := newCodingOf(t, p, Options{Algorithm: "gomea", Grid: PaperGrid(), Paper: true, MaxModels: slots})
		for row, v := range vectors {
			plan, ok := c.decode(v.genes)
			if !ok {
				if len(v.cascade.Models) > 0 {
					t.Errorf("%s, row %d: %v is no cascade", name, row, v.genes)
				}
				continue
			}
			e, err := d.Evaluate(plan.cascade(c.Grid, MaxProbability))
			if err != nil {
				t.Fatal(err)
			}
			if wrong := len(d.Labels) - e.Correct; wrong != v.wrong || math.Abs(e.Cost-v.gflops) > 1e-6*v.gflops {
				t.Errorf("%s, row %d: %d wrong at %v, published %d at %v", name, row, wrong, e.Cost, v.wrong, v.gflops)
			}
		}
	}
}

// The exact fronts on both grids, of pairs and of triples, equal those of trying
// everything.
func TestExactFrontsOnBothGrids(t *testing.T) {
	t.Parallel()
	everything := func(Cascade, Evaluation) bool { return true }
	p, d := newZoo(t, 29, 4, 40, 10)
	for name, grid := range map[string]Grid{"paper": PaperGrid(), "fine": FineGrid()} {
		for length := 2; length <= 3; length++ {
			if testing.Short() && length == 3 {
				continue
			}
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				t.Parallel()
				r, err := Search(context.Background(), p, Options{Algorithm: "exact", Grid: grid, MaxModels: length})
				if err != nil {
					t.Fatal(err)
				}
				want := bruteForce(t, d, RuleMean, MaxProbability, grid, length, everything)
				if got := points(r); !slices.Equal(got, want) {
					t.Errorf("front %v, brute force %v", got, want)
				}
			})
		}
	}
}

// paperSearch runs a search of the published space and returns the hypervolumes of its
// front, by the problem's own reference.
func paperSearch(t *testing.T, p *Problem, o Options) (linear, log float64) {
	t.Helper()
	o.Paper, o.Grid = true, PaperGrid()
	r, err := Search(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Evals > 0 && r.Evaluations > o.Evals {
		t.Errorf("%s: %d evaluations of %d", o.Algorithm, r.Evaluations, o.Evals)
	}
	ref := newRecorder(Reference{}, p).reference
	return hypervolumes(r, p, ref)
}

// The default algorithm finds better fronts of the published space than the published
// algorithm with any of three seeds.
func TestAutoBeatsGOMEA(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds, with the race detector minutes")
	}
	for seed := range uint64(3) {
		p, _ := newZoo(t, 80+seed, 8, 500, 10)
		linear, log := paperSearch(t, p, Options{Algorithm: "auto", MaxModels: 5, Evals: 20_000_000})
		for s := uint64(1); s <= 3; s++ {
			otherLinear, otherLog := paperSearch(t, p, Options{Algorithm: "gomea", Evals: 20_000, Seed: s})
			t.Logf("zoo %d: auto %.5f linear, %.5f log; gomea of seed %d %.5f and %.5f", seed, linear, log, s, otherLinear, otherLog)
			if linear <= otherLinear || log <= otherLog {
				t.Errorf("zoo %d: %.5f linear and %.5f log, gomea of seed %d has %.5f and %.5f", seed, linear, log, s, otherLinear, otherLog)
			}
		}
	}
}

// GOMEA comes within 0.2 % of the hypervolumes of the exact front of triples, having
// evaluated 4 % of all genomes.
func TestGOMEAReachesTheExactFront(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("evaluates 480,000 cascades")
	}
	for seed := range uint64(2) {
		p, _ := newZoo(t, 81+seed, 8, 500, 10)
		linear, log := paperSearch(t, p, Options{Algorithm: "exact", MaxModels: 3})
		for s := uint64(1); s <= 3; s++ {
			got, gotLog := paperSearch(t, p, Options{Algorithm: "gomea", MaxModels: 3, Evals: 80_000, Seed: s})
			t.Logf("zoo %d, seed %d: %.5f linear and %.5f log, exact %.5f and %.5f", seed, s, got, gotLog, linear, log)
			if got < linear*(1-0.002) || gotLog < log*(1-0.002) {
				t.Errorf("zoo %d, seed %d: hypervolume %.5f linear and %.5f log, of the exact front %.5f and %.5f", seed, s, got, gotLog, linear, log)
			}
		}
	}
}

// FineGrid is the list of decimals that it is described as, and is read from such a list.
func TestFineGridInDecimals(t *testing.T) {
	t.Parallel()
	var want []int // in hundred-thousandths
	for _, part := range []struct{ from, to, step int }{
		{0, 98000, 2000}, {98200, 99800, 200}, {99820, 99980, 20}, {99982, 99998, 2}, {100000, 100000, 1},
	} {
		for x := part.from; x <= part.to; x += part.step {
			want = append(want, x)
		}
	}
	text := "# thresholds\n"
	for _, x := range want {
		text += fmt.Sprintf("%d.%05d\n\n", x/100000, x%100000)
	}
	read, err := ReadGrid(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, grid := range map[string]Grid{"FineGrid": FineGrid(), "read": read} {
		if len(grid) != len(want) || len(want) != 78 {
			t.Fatalf("%s: %d thresholds, want %d", name, len(grid), len(want))
		}
		for i, x := range want {
			if math.Abs(float64(grid[i])-float64(x)/1e5) > 1e-7 {
				t.Errorf("%s: threshold %d is %v, want %v", name, i, grid[i], float64(x)/1e5)
			}
		}
	}
}

// A hypervolume is the area of those cells, between all coordinates that occur, that
// some point dominates.
func TestHypervolumeIsTheAreaOfItsCells(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		ref := Reference{WorstError: 0.4, DearestCost: 5, CheapestCost: 0.01, Log: seed%2 == 1}
		var errors, costs, xs, ys []float64
		xs, ys = []float64{0, 1}, []float64{0, 1}
		type point struct{ x, y float64 }
		var all []point
		for range rng.IntN(30) {
			e, cost := 0.5*rng.Float64(), 0.005*math.Pow(1200, rng.Float64())
			if rng.IntN(4) == 0 && len(errors) > 0 { // equal coordinates
				e = errors[rng.IntN(len(errors))]
			}
			errors, costs = append(errors, e), append(costs, cost)
			x := cost / ref.DearestCost
			if ref.Log {
				x = math.Log10(cost/0.01) / math.Log10(500)
			}
			p := point{min(max(x, 0), 1), min(e/ref.WorstError, 1)}
			all, xs, ys = append(all, p), append(xs, p.x), append(ys, p.y)
		}
		slices.Sort(xs)
		slices.Sort(ys)
		want := 0.0
		for i := range xs[1:] {
			for j := range ys[1:] {
				if slices.ContainsFunc(all, func(p point) bool { return p.x <= xs[i] && p.y <= ys[j] }) {
					want += (xs[i+1] - xs[i]) * (ys[j+1] - ys[j])
				}
			}
		}
		if got := Hypervolume(errors, costs, ref); math.Abs(got-want) > 1e-9 {
			t.Errorf("seed %d: %v, its cells have %v", seed, got, want)
		}
	}
}
