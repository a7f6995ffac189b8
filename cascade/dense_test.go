package cascade

import (
	"encoding/binary"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readVectors returns the made-up predictions that the published evaluation was
// run on: 12 models, 500 samples, 50 classes.
func readVectors(t *testing.T, outputs string) *Dense {
	t.Helper()
	d := &Dense{Classes: 50, Costs: map[string]float64{}, Outputs: map[string][]float32{}}
	for i, b := range npyValues(t, "flops.npy", 8, 12) {
		d.Costs[strconv.Itoa(i)] = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	for _, b := range npyValues(t, "labels.npy", 8, 500) {
		d.Labels = append(d.Labels, uint16(binary.LittleEndian.Uint64(b)))
	}
	all := make([]float32, 0, 12*500*50)
	for _, b := range npyValues(t, outputs, 4, cap(all)) {
		all = append(all, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	for rows := range slices.Chunk(all, 500*50) {
		d.Outputs[strconv.Itoa(len(d.Outputs))] = rows
	}
	return d
}

// npyValues returns the raw values of a .npy file of format version 1.
func npyValues(t *testing.T, name string, size, count int) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	data = data[10+int(binary.LittleEndian.Uint16(data[8:])):]
	if len(data) != size*count {
		t.Fatalf("%s: %d bytes of values, want %d x %d", name, len(data), count, size)
	}
	return slices.Collect(slices.Chunk(data, size))
}

// A vector is a genome of the publication and what the published code computed
// for it, in float32.
type vector struct {
	cascade Cascade
	slots   []int // of each stage, the slot of the genome it stands in
	wrong   int
	run     []int // samples run in each slot
	gflops  float64
}

func readGenomes(t *testing.T, name string) []vector {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(row []string, name string) float64 {
		v, err := strconv.ParseFloat(row[slices.Index(rows[0], name)], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	slots := 0
	for _, h := range rows[0] {
		if strings.HasPrefix(h, "net") {
			slots++
		}
	}
	var vectors []vector
	for _, row := range rows[1:] {
		v := vector{
			wrong:  int(column(row, "n_wrong_f32")),
			gflops: column(row, "gflops_f32"),
		}
		for slot := range slots {
			v.run = append(v.run, int(column(row, "run"+strconv.Itoa(slot))))
			net := int(column(row, "net"+strconv.Itoa(slot)))
			if net == 0 {
				continue
			}
			if n := len(v.cascade.Stages); n > 0 {
				v.cascade.Stages[n-1].Threshold = float32(0.02 * column(row, "thr"+strconv.Itoa(slot)))
			}
			v.cascade.Stages = append(v.cascade.Stages, Stage{Model: strconv.Itoa(net - 1), Weight: 1})
			v.slots = append(v.slots, slot)
		}
		vectors = append(vectors, v)
	}
	return vectors
}

// onThreshold lists, for each genome of boundary.csv (counted from 0) where the
// published float32 sums and exact ones send different numbers of samples on, by
// how many the reach of each slot differs, and the samples that explain it:
// their confidence lies on a threshold up to the rounding of float32.
var onThreshold = map[int]struct{ reach, samples []int }{
	27:  {[]int{0, 0, 0, -2, 0}, []int{0, 21, 145, 273, 296, 361, 429}},
	33:  {[]int{0, 0, -1, 0, 0}, []int{104, 112, 133, 316, 382, 407, 429, 435, 489, 498}},
	35:  {[]int{0, 0, -1, 0, 0}, []int{63, 134, 177, 212, 280, 329, 334, 378, 482}},
	37:  {[]int{0, 0, -1, -1, -1}, []int{1, 56, 90, 150, 256, 348, 386, 407}},
	38:  {[]int{0, 0, 0, -1, -1}, []int{295, 333, 348}},
	51:  {[]int{0, 0, -1, -1, -1}, []int{12, 217, 263, 333}},
	61:  {[]int{0, 0, -1, 0, 0}, []int{29, 270, 312, 387, 444}},
	91:  {[]int{0, 0, 0, 0, -1}, []int{31, 145, 205, 224, 255, 289, 291, 407, 454, 483}},
	92:  {[]int{0, 0, -1, 0, 0}, []int{37, 232, 292, 386, 499}},
	100: {[]int{0, 0, 0, 0, -1}, []int{89, 102, 130, 360, 405, 435, 482}},
	101: {[]int{0, 0, 0, 1, 0}, []int{108, 167, 174, 246, 247, 262, 312, 327, 352, 448, 480}},
	116: {[]int{0, 0, -1, -1, -1}, []int{81, 114, 149, 153, 278, 340}},
	121: {[]int{0, 0, -1, -1, 0}, []int{44, 100, 316, 390, 441, 494}},
	157: {[]int{0, 0, 0, 0, -1}, []int{57, 75, 312, 411}},
	179: {[]int{0, 0, -1, -1, -1}, []int{34, 68, 169, 257, 331, 395}},
	185: {[]int{0, 0, 0, -1, 0}, []int{16, 76, 138, 270, 379, 403, 494}},
	194: {[]int{0, 0, 0, 1, 0}, []int{48, 141, 190, 347, 393, 407, 450, 476}},
}

func TestDenseGivesPublishedResults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ genomes, outputs string }{
		{"vectors.csv", "outputs.npy"},
		{"edge.csv", "outputs.npy"},
		{"size2.csv", "outputs.npy"},
		{"size3.csv", "outputs.npy"},
		{"size8.csv", "outputs.npy"},
		{"boundary.csv", "boundary_outputs.npy"},
	} {
		t.Run(c.genomes, func(t *testing.T) {
			d := readVectors(t, c.outputs)
			for row, v := range readGenomes(t, c.genomes) {
				if len(v.cascade.Stages) == 0 {
					if err := v.cascade.Validate(); err == nil {
						t.Errorf("row %d: a genome without a model is a valid cascade", row)
					}
					continue
				}
				e, err := d.Evaluate(v.cascade)
				if err != nil {
					t.Fatalf("row %d: %v", row, err)
				}
				if wrong := len(d.Labels) - e.Correct; wrong != v.wrong {
					t.Errorf("row %d: %d wrong answers, published %d", row, wrong, v.wrong)
				}
				run := make([]int, len(v.run))
				for stage, slot := range v.slots {
					run[slot] = e.Reach[stage]
				}
				difference := make([]int, len(run))
				for slot := range run {
					difference[slot] = run[slot] - v.run[slot]
				}
				want := make([]int, len(run))
				if near := onThreshold[row]; c.genomes == "boundary.csv" && near.reach != nil {
					want = near.reach
					if got := samplesOnThreshold(d, v.cascade); !slices.Equal(got, near.samples) {
						t.Errorf("row %d: samples %v lie on a threshold, want %v", row, got, near.samples)
					}
				} else if math.Abs(e.Cost-v.gflops) > 1e-6*v.gflops {
					t.Errorf("row %d: %v GFLOPs, published %v", row, e.Cost, v.gflops)
				}
				if !slices.Equal(difference, want) {
					t.Errorf("row %d: reach differs from the published by %v, want %v", row, difference, want)
				}
			}
		})
	}
}

// samplesOnThreshold returns the samples that reach a stage with a confidence
// within float32's rounding of that stage's threshold.
func samplesOnThreshold(d *Dense, c Cascade) []int {
	var samples []int
	for i := range d.Labels {
		sum := make([]float64, d.Classes)
		for stage, at := range c.Stages[:len(c.Stages)-1] {
			for class, p := range d.Outputs[at.Model][i*d.Classes : (i+1)*d.Classes] {
				sum[class] += float64(p)
			}
			_, s := largest(sum)
			above := s/float64(stage+1) - float64(at.Threshold)
			if math.Abs(above) < 1.2e-7 {
				samples = append(samples, i)
				break
			}
			if above > 0 {
				break
			}
		}
	}
	return samples
}
