package optimize

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// The tests of this file prove on small inputs of our own what others prove on the
// reference data, which a clone does not have.

// readVectors returns the made-up predictions that the published evaluation was run on:
// 12 models, 500 samples, 50 classes.
func readVectors(t *testing.T) *cascade.Dense {
	t.Helper()
	const models, samples, classes = 12, 500, 50
	values := func(name string, values any) {
		data, err := os.ReadFile(filepath.Join("..", "cascade", "testdata", "vectors", name))
		if err != nil {
			t.Fatal(err)
		}
		data = data[10+int(binary.LittleEndian.Uint16(data[8:])):]
		if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
	}
	labels, costs, outputs := make([]int64, samples), make([]float64, models), make([]float32, models*samples*classes)
	values("labels.npy", labels)
	values("flops.npy", costs)
	values("outputs.npy", outputs)
	d := &cascade.Dense{Classes: classes, Costs: map[string]float64{}, Outputs: map[string][]float32{}}
	for _, label := range labels {
		d.Labels = append(d.Labels, uint16(label))
	}
	var names []string
	for m := range models {
		names = append(names, modelName(m))
	}
	slices.Sort(names) // the order in which a problem has its models
	for m, name := range names {
		d.Costs[name] = costs[m]
		d.Outputs[name] = outputs[m*samples*classes : (m+1)*samples*classes]
	}
	return d
}

// Genomes are read as the published code reads them: what it computed for those of
// cascade/testdata/vectors is what the cascades give that they decode to.
func TestGenomesOfVectorsAreReadAsPublished(t *testing.T) {
	t.Parallel()
	d := readVectors(t)
	p, _ := newZoo(t, 1, len(d.Outputs), 20, 3) // of which the coding needs the models' names
	for _, name := range []string{"vectors.csv", "edge.csv", "size2.csv", "size3.csv", "size8.csv"} {
		rows := readCSV(t, filepath.Join("..", "cascade", "testdata", "vectors", name))
		slots := 0
		for column := range rows[0] {
			if strings.HasPrefix(column, "net") {
				slots++
			}
		}
		c, r := newCodingOf(t, p, Options{Algorithm: "gomea", Grid: PaperGrid(), Paper: true, MaxModels: slots})
		for i, row := range rows {
			number := func(column string) float64 {
				x, err := strconv.ParseFloat(row[column], 64)
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			var genes []uint16
			for slot := range slots {
				genes = append(genes, uint16(number(fmt.Sprint("net", slot))))
			}
			for slot := 1; slot < slots; slot++ {
				genes = append(genes, uint16(number(fmt.Sprint("thr", slot))))
			}
			plan, ok := c.decode(genes)
			if any := slices.Max(genes[:slots]) > 0; ok != any {
				t.Errorf("%s, row %d: %v is a cascade: %v", name, i, genes, ok)
			}
			if !ok {
				continue
			}
			e, err := d.Evaluate(r.eval.cascade(plan))
			if err != nil {
				t.Fatal(err)
			}
			wrong, gflops := len(d.Labels)-e.Correct, number("gflops_f32")
			if wrong != int(number("n_wrong_f32")) || math.Abs(e.Cost-gflops) > 1e-6*gflops {
				t.Errorf("%s, row %d: %d wrong at %v, published %s at %v", name, i, wrong, e.Cost, row["n_wrong_f32"], gflops)
			}
		}
	}
}

// The exact fronts on both grids, of pairs and of triples, equal those of trying
// everything.
func TestExactFrontsOnBothGrids(t *testing.T) {
	t.Parallel()
	everything := func(cascade.Cascade, cascade.Evaluation) bool { return true }
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
				want := bruteForce(t, d, cascade.RuleMean, cascade.MaxProbability, grid, length, everything)
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
	ref := newRecorder(front.Reference{}, p).reference
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
