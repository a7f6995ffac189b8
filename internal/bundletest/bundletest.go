// Package bundletest gives tests a zoo and a run of models that a fake shim runs, so that
// they need no torch.
package bundletest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Classes is the number of classes of all that is here.
const Classes = 5

// Pictures makes a folder of class folders with n small pictures.
func Pictures(t testing.TB, n int) string {
	t.Helper()
	return torchtest.Pictures(t, n, Classes)
}

// Models are lines of a list of models, by name, and what their files tell the fake shim.
var Models = []struct{ Name, file, line string }{
	{"logits", "fake seed 1", "size=8 gflops=1"},
	{"wide", "fake seed 2", "size=12x6 crop_pct=0.9 gflops=2"},
	{"probabilities", "fake seed 3 softmax", "size=8 gflops=3"},
	{"sigmoid", "fake seed 4 sigmoid", "size=5 crop_mode=border activation=sigmoid gflops=4"},
	{"background", "fake seed 5 classes 6", "size=8 classes=background-first gflops=5"},
	{"logarithms", "fake seed 6 log", "size=9 activation=log mean=0,0,0 std=1,1,1 gflops=6"},
}

// Run ingests the fake models over the splits search and test, and searches cascades.
func Run(t testing.TB, images string) (z *zoo.Zoo, run string) {
	t.Helper()
	dir := t.TempDir()
	var list strings.Builder
	for _, m := range Models {
		if err := os.WriteFile(filepath.Join(dir, m.Name+".pt"), []byte(m.file), 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%s.pt %s\n", m.Name, m.line)
	}
	entries, err := ingest.ParseList(strings.NewReader(list.String()), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	result, err := ingest.Run(context.Background(), ingest.Options{
		Zoo: filepath.Join(dir, "zoo"), Data: []ingest.Data{{Split: "search", Path: images, Share: 0.5}, {Split: "test", Path: images, Share: 0.5}},
		Models: entries, Shim: torchtest.Fake(t), Device: "cpu", Batch: 8, GroupMemory: 1 << 20, Seed: 1,
	})
	if err != nil || len(result.Failed) > 0 {
		t.Fatal(err, result.Failed)
	}
	if z, err = study.Open(context.Background(), filepath.Join(dir, "zoo"), study.Watch{}); err != nil {
		t.Fatal(err)
	}
	return z, Search(t, z)
}

// Search searches the split search of a zoo, and returns the run folder.
func Search(t testing.TB, z *zoo.Zoo) (run string) {
	t.Helper()
	o := study.Defaults()
	o.Dir, o.Split, o.Algorithm = filepath.Join(t.TempDir(), "run"), "search", "exact"
	if _, err := study.Search(context.Background(), z, o, study.Watch{}); err != nil {
		t.Fatal(err)
	}
	return o.Dir
}

// Bundle bundles a cascade of the models of a run.
func Bundle(t testing.TB, z *zoo.Zoo, run string, c cascade.Cascade) (dir string) {
	t.Helper()
	source, err := study.ReadRun(run)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "bundle")
	if _, err := study.Bundle(context.Background(), z, source, study.BundleOptions{Cascade: &c, Dir: dir}, study.Watch{}); err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	return dir
}
