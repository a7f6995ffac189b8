package ingest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/nat"
	"github.com/encas-zoo/encas-zoo/supernet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// stored counts what a zoo's outputs of models answer correctly on val.
func stored(t *testing.T, dir string, names []string) (results []nat.Result) {
	t.Helper()
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	labels, _, err := z.Labels("val")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		r := nat.Result{Samples: len(labels)}
		for i, row := range slices.Collect(slices.Chunk(rows(t, z, name, "val"), z.Classes())) {
			if outputs.Top(row) == int(labels[i]) {
				r.Correct++
			}
		}
		results = append(results, r)
	}
	return results
}

// sameCounts evaluates the subnets of some entries at once, and compares with what Run
// stores of them.
func sameCounts(t *testing.T, o Options) (counts []nat.Result) {
	t.Helper()
	res := run(t, o)
	if len(res.Added) != len(o.Models) {
		t.Fatalf("%+v", res)
	}
	var genomes []supernet.Genome
	var names []string
	for _, entry := range o.Models {
		genomes, names = append(genomes, entry.Genome), append(names, entry.As)
	}
	e, err := NewEvaluator(context.Background(), o.Models[0].Name, o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var said []int
	counts, err = e.Evaluate(context.Background(), o.Models[0].Name, genomes, func(n int) { said = append(said, n) })
	if err != nil {
		t.Fatal(err)
	}
	if want := stored(t, o.Zoo, names); !slices.Equal(counts, want) {
		t.Errorf("%v, the zoo has %v", counts, want)
	}
	if !slices.IsSorted(said) || said[len(said)-1] != len(genomes) {
		t.Errorf("it said %v", said)
	}
	alone, err := e.Evaluate(context.Background(), o.Models[0].Name, genomes[2:3], func(int) {})
	if err != nil || alone[0] != counts[2] {
		t.Errorf("%v alone, %v beside others: %v", alone, counts[2], err)
	}
	return counts
}

func TestEvaluator(t *testing.T) {
	t.Parallel()
	entries, _ := fakeSubnets(t, t.TempDir(), 12)
	o := options(t, writeImages(t, 60), entries)
	o.Calibrate, o.CalibrateImages = writeImages(t, 200), 150
	counts := sameCounts(t, o)
	if slices.Min(corrects(counts)) == slices.Max(corrects(counts)) {
		t.Errorf("all are equal: %v", counts)
	}
	// A shim that has room for few images at a time.
	text, err := os.ReadFile(entries[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entries[0].Name, []byte("fake most 70 "+strings.TrimPrefix(string(text), "fake ")), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Zoo = filepath.Join(t.TempDir(), "zoo")
	sameCounts(t, o)
}

func corrects(results []nat.Result) (correct []int) {
	for _, r := range results {
		correct = append(correct, r.Correct)
	}
	return correct
}

// Facts tell data and recalibrations apart.
func TestEvaluatorFacts(t *testing.T) {
	t.Parallel()
	entries, _ := fakeSubnets(t, t.TempDir(), 2)
	images, train := writeImages(t, 30), writeImages(t, 130)
	facts := func(change func(*Options)) []nat.Fact {
		o := options(t, images, nil)
		o.Calibrate = train
		change(&o)
		e, err := NewEvaluator(context.Background(), entries[0].Name, o)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if overlap := e.Overlap(nil); overlap != 0 && o.Calibrate != images {
			t.Errorf("%d images in common", overlap)
		} else if overlap == 0 && o.Calibrate == images {
			t.Error("no images in common")
		}
		return e.Facts()
	}
	before := facts(func(*Options) {})
	if again := facts(func(*Options) {}); !slices.Equal(again, before) {
		t.Errorf("%v, then %v", before, again)
	}
	for name, change := range map[string]func(*Options){
		"images":      func(o *Options) { o.Data[0].Path = writeImages(t, 31) },
		"limit":       func(o *Options) { o.Limit = 20 },
		"calibration": func(o *Options) { o.Calibrate = images },
		"number":      func(o *Options) { o.CalibrateImages = 64 },
		"seed":        func(o *Options) { o.Seed = 5 },
	} {
		if slices.Equal(facts(change), before) {
			t.Errorf("another %s gives the same facts", name)
		}
	}
}

func TestEvaluatorErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	entries, _ := fakeSubnets(t, dir, 2)
	file := entries[0].Name
	images := writeImages(t, 90)
	for want, change := range map[string]func(*Options){
		"with --calibrate":           func(o *Options) { o.Calibrate = "" },
		"on one labelled data set":   func(o *Options) { o.Data[0].Unlabelled = true },
		"absent":                     func(o *Options) { o.Data[0].Path = filepath.Join(dir, "absent") },
		"has 2 names, and the zoo 5": func(o *Options) { o.ClassNames = []string{"a", "b"} },
	} {
		o := options(t, images, nil)
		o.Calibrate = images
		change(&o)
		if _, err := NewEvaluator(context.Background(), file, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	o := options(t, images, nil)
	o.Calibrate = images
	if _, err := NewEvaluator(context.Background(), fakes(t, "a")[0].Name, o); err == nil {
		t.Error("a file without a supernet")
	}
	e, err := NewEvaluator(context.Background(), file, o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Evaluate(ctx, file, []supernet.Genome{e.Space().Largest()}, func(int) {}); err == nil {
		t.Error("interrupted, and no error")
	}
	if _, err := e.Evaluate(context.Background(), file, []supernet.Genome{{1, 1}}, func(int) {}); err == nil || !strings.Contains(err.Error(), "a genome of 2 numbers") {
		t.Error(err)
	}
	// Other weights of the same supernet are loaded, another supernet is refused.
	before, err := e.Evaluate(context.Background(), file, []supernet.Genome{e.Space().Largest()}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	differ := false
	for _, seed := range []string{"seed 3", "seed 4", "seed 5"} {
		other := filepath.Join(dir, "other.pt")
		if err := os.WriteFile(other, []byte(strings.Replace(string(text), "seed 9", seed, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		after, err := e.Evaluate(context.Background(), other, []supernet.Genome{e.Space().Largest()}, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		differ = differ || after[0] != before[0]
	}
	if !differ {
		t.Error("other weights give the same counts")
	}
}

// TestEvaluatorOnTorch counts what subnets of a small supernet answer through the real torch.
func TestEvaluatorOnTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("exports a network")
	}
	python, shim, dir := torchtest.Python(t), torchtest.Path(t), t.TempDir()
	table, err := supernet.Family("ofa-mbv3-w1.0")
	if err != nil {
		t.Fatal(err)
	}
	table.Resolutions, table.Stages = []int{16, 24}, table.Stages[:2]
	exporter := export.New(python, nil)
	defer exporter.Close()
	file := filepath.Join(dir, "super.pt")
	meta, err := exporter.Supernet(context.Background(), export.SupernetRequest{Table: table, Classes: testClasses, Seed: 2, Out: file})
	if err != nil {
		t.Fatal(err)
	}
	space, err := meta.Space()
	if err != nil {
		t.Fatal(err)
	}
	genomes, err := space.Sample(5, supernet.Linear, 3)
	if err != nil {
		t.Fatal(err)
	}
	var entries []Entry
	for _, g := range genomes {
		entries = append(entries, subnetEntry(file, g))
	}
	o := options(t, writeImages(t, 60), entries)
	o.Shim, o.Threads, o.Calibrate, o.CalibrateImages = shim, 1, writeImages(t, 100), 64
	sameCounts(t, o)
}
