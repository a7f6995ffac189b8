package optimize

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

// readCIFAR10 returns rows from..to-1 of 29 real CIFAR-10 classifiers' outputs.
func readCIFAR10(t testing.TB, from, to int) *Problem {
	t.Helper()
	const classes = 10
	dir := sharedtest.Dir(t, "cifar10")
	values := func(name string, size int) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		data = data[10+int(binary.LittleEndian.Uint16(data[8:])):]
		return data[from*size : to*size]
	}
	labels := make([]int64, to-from)
	if err := binary.Read(bytes.NewReader(values("labels.npy", 8)), binary.LittleEndian, labels); err != nil {
		t.Fatal(err)
	}
	short := make([]uint16, len(labels))
	for i, l := range labels {
		short[i] = uint16(l)
	}
	rows := readCSV(t, filepath.Join(dir, "models.csv"))
	var models []Model
	for _, row := range rows {
		cost, err := strconv.ParseFloat(row["gmacs"], 64)
		if err != nil {
			t.Fatal(err)
		}
		bits := make([]uint16, (to-from)*classes)
		if err := binary.Read(bytes.NewReader(values(row["name"]+".npy", 2*classes)), binary.LittleEndian, bits); err != nil {
			t.Fatal(err)
		}
		models = append(models, Model{Name: row["name"], Cost: cost, Lists: outputs.BuildLists(bits, classes)})
	}
	p, err := NewProblem(short, classes, models)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readCSV(t testing.TB, path string) []map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, r := range records[1:] {
		row := make(map[string]string)
		for i, name := range records[0] {
			row[name] = r[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestExactFrontsOfCIFAR10(t *testing.T) {
	t.Parallel()
	p := readCIFAR10(t, 0, 5000)
	dir := sharedtest.Dir(t, "fronts")
	f, err := os.Open(filepath.Join(dir, "grid_fine_78.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fine, err := ReadGrid(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, grid := range map[string]Grid{"paper": PaperGrid(), "fine": fine} {
		for length := 2; length <= 3; length++ {
			if testing.Short() && length == 3 {
				continue
			}
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				r, err := Search(context.Background(), p, Options{Algorithm: "exact", Grid: grid, MaxModels: length})
				if err != nil {
					t.Fatal(err)
				}
				want := readCSV(t, filepath.Join(dir, fmt.Sprintf("cifar10_%s_k%d.csv", name, length)))
				if len(r.Front) != len(want) {
					t.Fatalf("%d cascades on the front, the reference has %d", len(r.Front), len(want))
				}
				for i, row := range want {
					e, _ := strconv.ParseFloat(row["error"], 64)
					cost, _ := strconv.ParseFloat(row["gflops"], 64)
					point := r.Front[i]
					if wrong := p.Samples() - point.Correct; wrong != int(math.Round(e*50)) || math.Abs(point.Cost-cost) > 1e-6 {
						t.Errorf("point %d: %d wrong at %v GFLOPs, the reference has %v %% and %v", i, wrong, point.Cost, e, cost)
					}
				}
			})
		}
	}
}

func BenchmarkExactTriplesCIFAR10(b *testing.B) {
	p := readCIFAR10(b, 0, 5000)
	for b.Loop() {
		if _, err := Search(context.Background(), p, Options{Algorithm: "exact", MaxModels: 3}); err != nil {
			b.Fatal(err)
		}
	}
}

func hypervolumes(r *Result, p *Problem, ref front.Reference) (linear, log float64) {
	var errors, costs []float64
	for _, point := range r.Front {
		errors = append(errors, 1-float64(point.Correct)/float64(p.Samples()))
		costs = append(costs, point.Cost)
	}
	linear = front.Hypervolume(errors, costs, ref)
	ref.Log = true
	return linear, front.Hypervolume(errors, costs, ref)
}

// The published optimizer had 600,000 evaluations and three seeds.
func TestAutoBeatsPublishedFronts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds, with the race detector minutes")
	}
	p := readCIFAR10(t, 0, 5000)
	dir := sharedtest.Dir(t, "fronts")
	ref := cifar10Reference
	r, err := Search(context.Background(), p, Options{Algorithm: "auto", Paper: true, Grid: PaperGrid(), MaxModels: 5})
	if err != nil {
		t.Fatal(err)
	}
	linear, log := hypervolumes(r, p, ref)
	t.Logf("auto: %.5f linear, %.5f log, %d cascades, ended after %.1f s", linear, log, len(r.Front), r.Elapsed.Seconds())
	var best CurvePoint // of the published fronts, each hypervolume on its own
	for seed := 1; seed <= 3; seed++ {
		errors, costs := readFront(t, filepath.Join(dir, fmt.Sprintf("cifar10_gomea600k_s%d.csv", seed)))
		ref.Log = false
		best.Linear = max(best.Linear, front.Hypervolume(errors, costs, ref))
		ref.Log = true
		best.Log = max(best.Log, front.Hypervolume(errors, costs, ref))
	}
	if linear <= best.Linear || log <= best.Log {
		t.Errorf("the best published fronts have %.5f and %.5f", best.Linear, best.Log)
	}
	for _, c := range r.Curve {
		if c.Linear > best.Linear && c.Log > best.Log {
			t.Logf("the best published fronts have %.5f and %.5f; passed within %.1f s, after %d evaluations", best.Linear, best.Log, c.Elapsed.Seconds(), c.Evaluations)
			break
		}
	}
}

// The hypervolumes of the reference fronts were computed by other code.
func TestHypervolumeOfReferenceFronts(t *testing.T) {
	t.Parallel()
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
		linear := front.Hypervolume(errors, costs, ref)
		ref.Log = true
		log := front.Hypervolume(errors, costs, ref)
		if math.Abs(linear-want[0]) > 5e-6 || math.Abs(log-want[1]) > 5e-6 {
			t.Errorf("%s: %.6f linear, %.6f log, want %v", name, linear, log, want)
		}
	}
}

// cifar10Reference is the point the reference fronts are measured against: 40 %
// error and the most expensive model.
var cifar10Reference = front.Reference{WorstError: 0.4, HighestCost: 5.387266, LowestCost: 0.010902}

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
