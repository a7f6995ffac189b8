package importer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// Predictions come through bit for bit: those of made-up models, and the published ones
// of CIFAR-10 where the reference data is there.
func TestPredictions(t *testing.T) {
	t.Parallel()
	t.Run("made", func(t *testing.T) {
		t.Parallel()
		const models, samples = 7, 1000
		dir, right := makePredictions(t, models, samples)
		testPredictions(t, dir, models, samples, "m3", 0.125, right)
	})
	t.Run("CIFAR-10", func(t *testing.T) {
		t.Parallel()
		// models.csv says 92.60 %.
		testPredictions(t, sharedtest.Dir(t, "cifar10"), 29, 10000, "cy_resnet20", 0.040813, 9260)
	})
}

// makePredictions writes models m0, m1, ... of 10 classes in the layout of the reference
// data. Each costs half as much again as the one before; m3 costs 0.125. It returns on
// how many samples m3 is right.
func makePredictions(t *testing.T, models, samples int) (dir string, right int) {
	t.Helper()
	const classes = 10
	r := rand.New(rand.NewPCG(5, 29))
	truth := make([]int64, samples)
	for i := range truth {
		truth[i] = r.Int64N(classes)
	}
	f := files{"labels.npy": npyFile("<i8", fmt.Sprintf("(%d,)", samples), truth)}
	list := "name,source,params,gmacs,note\n"
	for m := range models {
		bits, row := make([]uint16, samples*classes), make([]float32, classes)
		for i, label := range truth {
			// A sharpness of 0.1 to 20: sure answers, near ties, values below 2^-14.
			sharp, sum := math.Exp(5*r.Float64()-2), 0.0
			for c := range row {
				x := r.Float64()
				if c == int(label) {
					x += 0.1 * float64(m+1)
				}
				row[c] = float32(math.Exp(sharp * x))
				sum += float64(row[c])
			}
			for c := range row {
				row[c] = float32(float64(row[c]) / sum)
			}
			kernel.F16FromF32(bits[i*classes:(i+1)*classes], row)
			if m == 3 && outputs.Top(bits[i*classes:(i+1)*classes]) == int(label) {
				right++
			}
		}
		f[fmt.Sprintf("m%d.npy", m)] = npyFile("<f2", fmt.Sprintf("(%d, %d)", samples, classes), bits)
		list += fmt.Sprintf("m%d,made up,%d,%g,\"a note, with a comma\"\n", m, 1000*m, 0.125*math.Pow(1.5, float64(m-3)))
	}
	f["models.csv"] = []byte(list)
	return f.write(t), right
}

// testPredictions imports a folder and compares the zoo with the files, for one of the
// models in full.
func testPredictions(t *testing.T, src string, models, samples int, model string, wantCost float64, wantRight int) {
	cuts, err := ParseSplits([]string{fmt.Sprintf("search=0:%d", samples/2), fmt.Sprintf("test=%d:%d", samples/2, samples)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open("npy", []string{src}, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dir := filepath.Join(t.TempDir(), "zoo")
	var last Progress
	sum, err := Import(t.Context(), dir, s, Options{Splits: cuts, Progress: func(p Progress) { last = p }})
	if err != nil {
		t.Fatal(err)
	}
	rows := int64(models * samples)
	if sum.Imported != models || sum.Skipped != 0 || sum.Rows != rows || len(sum.Warnings) != 0 {
		t.Errorf("summary %+v", sum)
	}
	if last.Models != models || last.Todo != models || last.Rows != rows || last.OfRows != rows {
		t.Errorf("last progress %+v", last)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := z.Model(model)
	if err != nil {
		t.Fatal(err)
	}
	if cost, err := m.Cost("gflops"); err != nil || cost != wantCost {
		t.Errorf("cost %v, %v", cost, err)
	}
	if _, ok := m.Columns["gmacs"]; ok || m.Columns["source"] == "" {
		t.Errorf("columns %v", m.Columns)
	}
	labels := readZooLabels(t, z, "search")
	labels = append(labels, readZooLabels(t, z, "test")...)
	f, err := os.Open(filepath.Join(src, model+".npy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := npy.NewReader(f, npy.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]uint16, 10*samples)
	if n, err := r.ReadFloat16(want); n != len(want) || err != nil {
		t.Fatal(n, err)
	}
	got := readZooRows(t, z, model, "search")
	got = append(got, readZooRows(t, z, model, "test")...)
	if !slices.Equal(got, want) {
		t.Errorf("the predictions of %s changed", model)
	}
	right := 0
	for i := range labels {
		if outputs.Top(got[10*i:10*i+10]) == int(labels[i]) {
			right++
		}
	}
	if right != wantRight {
		t.Errorf("%s is right on %d of %d, want %d", model, right, samples, wantRight)
	}
}

func readZooLabels(t *testing.T, z *zoo.Zoo, split string) []uint16 {
	t.Helper()
	labels, _, err := z.Labels(split)
	if err != nil {
		t.Fatal(err)
	}
	return labels
}

// readZooRows returns all of a model's outputs on a split.
func readZooRows(t *testing.T, z *zoo.Zoo, model, split string) []uint16 {
	t.Helper()
	r, err := z.Predictions(model, split)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []uint16
	rows := make([]uint16, 100*z.Classes())
	for {
		n, err := r.ReadRows(rows)
		all = append(all, rows[:n*z.Classes()]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readZooAnswers reads the answers of a model to all samples of a split, and the confidences.
func readZooAnswers(t *testing.T, z *zoo.Zoo, model, split string) (answers, confidences []uint16) {
	t.Helper()
	r, err := z.Predictions(model, split)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := z.Split(split)
	if err != nil {
		t.Fatal(err)
	}
	answers, confidences = make([]uint16, s.Samples), make([]uint16, s.Samples)
	if n, err := r.ReadAnswers(answers, confidences); n != s.Samples || err != nil {
		t.Fatal(n, err)
	}
	return answers, confidences
}
