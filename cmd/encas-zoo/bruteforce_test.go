package main

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// The exact fronts of made-up models equal those of trying everything, here, on the
// files that were imported.
func TestFrontsByTryingEverything(t *testing.T) {
	t.Parallel()
	const models, samples, classes = 5, 120, 6
	dir := t.TempDir()
	if err := makeOutputs(filepath.Join(dir, "made"), models, samples, classes); err != nil {
		t.Fatal(err)
	}
	program(t, dir, "import", "--zoo", "z", "--format", "npy", "--split", "search=0:60", "--split", "test=60:120", "made")
	var paper, sharp []float32
	for g := range 51 {
		paper = append(paper, float32(0.02*float64(g)))
	}
	var text bytes.Buffer
	for _, x := range []float64{0, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1} {
		sharp = append(sharp, float32(x))
		fmt.Fprintln(&text, x)
	}
	if err := os.WriteFile(filepath.Join(dir, "sharp.txt"), text.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	made := readMade(t, filepath.Join(dir, "made"), models, samples, classes)
	for name, grid := range map[string][]float32{"paper": paper, "sharp.txt": sharp} {
		for length := 2; length <= 3; length++ {
			t.Run(fmt.Sprint(name, length), func(t *testing.T) {
				t.Parallel()
				out := fmt.Sprint(name, "-", length)
				program(t, dir, "optimize", "--zoo", "z", "--algorithm", "exact", "--rule", "mean", "--grid", name, "--max-models", fmt.Sprint(length), "--out", out, "--quiet")
				got := readCSV(t, filepath.Join(dir, out, report.CSVFile))
				want := made.front(60, grid, length)
				if len(got) != len(want) {
					t.Fatalf("%d cascades, want %d", len(got), len(want))
				}
				for i, w := range want {
					correct, cost := parse(t, got[i][0]), parse(t, got[i][3])
					if correct != w.correct || math.Abs(cost-w.cost) > 1e-6*w.cost {
						t.Errorf("row %d: %v right at %v GFLOPs, want %v at %v", i, correct, cost, w.correct, w.cost)
					}
				}
			})
		}
	}
}

// madeOutputs is what makeOutputs wrote: values in units of 2^-24, after rounding to
// float16, [model][sample][class].
type madeOutputs struct {
	labels []int64
	values [][][]uint32
	costs  []float64
}

func readMade(t *testing.T, dir string, models, samples, classes int) madeOutputs {
	t.Helper()
	open := func(name string) *npy.Reader {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		r, err := npy.NewReader(f, npy.Unknown)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	made := madeOutputs{labels: make([]int64, samples)}
	if n, err := open("labels.npy").ReadInt64(made.labels); n != samples || err != nil {
		t.Fatal(n, err)
	}
	for m := range models {
		floats, bits := make([]float32, samples*classes), make([]uint16, samples*classes)
		if n, err := open(fmt.Sprintf("m%02d.npy", m)).ReadFloat32(floats); n != len(floats) || err != nil {
			t.Fatal(n, err)
		}
		kernel.F16FromF32(bits, floats)
		units := make([]uint32, len(bits))
		kernel.Fixed(units, bits)
		made.values = append(made.values, slices.Collect(slices.Chunk(units, classes)))
		made.costs = append(made.costs, 0.01*math.Pow(2, float64(m)))
	}
	return made
}

type madePoint struct{ correct, cost float64 }

// front evaluates every chain of at most length models at all thresholds on the first n
// samples, by the definition: a stage averages the outputs of its model and of those
// before it; a sample whose largest average is above the threshold is answered, any
// other goes on.
func (made madeOutputs) front(n int, grid []float32, length int) []madePoint {
	cheapest := make(map[int]float64)
	var try func(chain []int, sums [][]uint32, open []bool, correct int, cost float64)
	try = func(chain []int, sums [][]uint32, open []bool, correct int, cost float64) {
		for m := range made.values {
			if slices.Contains(chain, m) {
				continue
			}
			// With m as its next stage, and its last.
			next := make([][]uint32, n)
			most, right := make([]float64, n), make([]bool, n)
			all, reach := correct, 0
			for i := range n {
				if !open[i] {
					continue
				}
				reach++
				next[i] = slices.Clone(made.values[m][i])
				for c := range next[i] {
					if sums != nil {
						next[i][c] += sums[i][c]
					}
				}
				best := slices.Max(next[i])
				most[i] = float64(best) / (1 << 24)
				right[i] = slices.Index(next[i], best) == int(made.labels[i])
				if right[i] {
					all++
				}
			}
			total := cost + made.costs[m]*float64(reach)/float64(n)
			if old, ok := cheapest[all]; !ok || total < old {
				cheapest[all] = total
			}
			if len(chain)+1 == length {
				continue
			}
			for _, threshold := range grid {
				answered, goOn := correct, slices.Clone(open)
				for i := range n {
					// Both sides are exact in float64.
					if open[i] && most[i] > float64(threshold)*float64(len(chain)+1) {
						goOn[i] = false
						if right[i] {
							answered++
						}
					}
				}
				try(append(slices.Clone(chain), m), next, goOn, answered, total)
			}
		}
	}
	try(nil, nil, slices.Repeat([]bool{true}, n), 0, 0)
	var front []madePoint
	least := math.Inf(1)
	for _, correct := range slices.Backward(slices.Sorted(maps.Keys(cheapest))) {
		if cost := cheapest[correct]; cost < least {
			least = cost
			front = append(front, madePoint{float64(correct), cost})
		}
	}
	slices.Reverse(front)
	return front
}
