package importer

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// The published CIFAR-10 predictions come through bit for bit.
func TestCIFAR10(t *testing.T) {
	t.Parallel()
	src := sharedtest.Dir(t, "cifar10")
	cuts, err := ParseSplits([]string{"search=0:5000", "test=5000:10000"})
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
	if sum.Imported != 29 || sum.Skipped != 0 || sum.Rows != 290000 || len(sum.Warnings) != 0 {
		t.Errorf("summary %+v", sum)
	}
	if last.Models != 29 || last.Todo != 29 || last.Rows != 290000 || last.OfRows != 290000 {
		t.Errorf("last progress %+v", last)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := z.Model("cy_resnet20")
	if err != nil {
		t.Fatal(err)
	}
	if cost, err := m.Cost("gflops"); err != nil || cost != 0.040813 {
		t.Errorf("cost %v, %v", cost, err)
	}
	if _, ok := m.Columns["gmacs"]; ok || m.Columns["source"] == "" {
		t.Errorf("columns %v", m.Columns)
	}
	labels := readZooLabels(t, z, "search")
	labels = append(labels, readZooLabels(t, z, "test")...)
	f, err := os.Open(filepath.Join(src, "cy_resnet20.npy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := npy.NewReader(f, npy.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]uint16, 100000)
	if n, err := r.ReadFloat16(want); n != 100000 || err != nil {
		t.Fatal(n, err)
	}
	got := readZooRows(t, z, "cy_resnet20", "search")
	got = append(got, readZooRows(t, z, "cy_resnet20", "test")...)
	if !slices.Equal(got, want) {
		t.Error("the predictions of cy_resnet20 changed")
	}
	right := 0
	for i := range labels {
		if top(got[10*i:10*i+10]) == labels[i] {
			right++
		}
	}
	if right != 9260 { // 92.60 % in models.csv
		t.Errorf("cy_resnet20 is right on %d of 10000", right)
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
