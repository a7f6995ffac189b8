package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/supernet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// extracted extracts models of a zoo that are subnets, as they were ingested, and ingests the
// files into another zoo, which it returns.
func extracted(t *testing.T, o Options, models []Entry) (from, to *zoo.Zoo) {
	t.Helper()
	from, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	x := NewExtractor(o)
	defer x.Close()
	dir := t.TempDir()
	var files []Entry
	for i, e := range models {
		m, err := from.Model(e.As)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprint(i, ".pt"))
		if err := x.ExtractModel(context.Background(), m.Name, sourceOf(t, m), m.Columns[zoo.ColumnCalibration], file); err != nil {
			t.Fatal(err)
		}
		files = append(files, Entry{Source: "file", Name: file, As: e.As})
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
	o.Zoo, o.Models, o.Calibrate = filepath.Join(dir, "zoo"), files, ""
	if res := run(t, o); len(res.Added) != len(models) {
		t.Fatalf("%+v", res)
	}
	if to, err = zoo.Open(o.Zoo); err != nil {
		t.Fatal(err)
	}
	return from, to
}

func sourceOf(t *testing.T, m zoo.Model) (s classifier.Source) {
	t.Helper()
	if err := json.Unmarshal([]byte(m.Columns[zoo.ColumnRecipe]), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// sameModels compares subnets with what their files became.
func sameModels(t *testing.T, from, to *zoo.Zoo, models []Entry, columns ...string) {
	t.Helper()
	checkpoints := map[string]bool{}
	for _, e := range models {
		a, err := from.Model(e.As)
		if err != nil {
			t.Fatal(err)
		}
		b, err := to.Model(e.As)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(rows(t, from, e.As, "val"), rows(t, to, e.As, "val")) {
			t.Errorf("%s: its file gives other outputs", e.As)
		}
		for _, column := range append(columns, "genome", "supernet", "resolution", "calibration", "ptflops", "license", "params", "image_size", "preprocessing", "source", "architecture", "weights") {
			if a.Columns[column] != b.Columns[column] {
				t.Errorf("%s: %s is %q, and of its file %q", e.As, column, a.Columns[column], b.Columns[column])
			}
		}
		if s := sourceOf(t, b); s.Genome != "" {
			t.Errorf("%s: the file is taken for a supernet: %+v", e.As, s)
		}
		checkpoints[a.Columns["checkpoint"]], checkpoints[b.Columns["checkpoint"]] = true, true
	}
	if len(checkpoints) != len(models)+1 {
		t.Errorf("%d different checkpoints of a supernet and %d subnets", len(checkpoints), len(models))
	}
}

func TestExtract(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	entries, list := fakeSubnets(t, dir, 4)
	entries[1].As, entries[1].CropPct, entries[1].Interpolation = "other", 0.5, "bicubic"
	o := options(t, writeImages(t, 30), entries)
	o.Calibrate, o.CalibrateImages, o.Seed = writeImages(t, 200), 150, 3
	run(t, o)
	from, to := extracted(t, o, entries)
	sameModels(t, from, to, entries)

	// An entry by itself, which is what a list of it would give.
	x := NewExtractor(o)
	defer x.Close()
	file := filepath.Join(dir, "one.pt")
	if err := os.WriteFile(file, []byte("earlier"), 0o644); err != nil {
		t.Fatal(err)
	}
	meta, err := x.Extract(context.Background(), entries[0], file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := to.Model(entries[0].As)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := export.ReadMeta(file); err != nil || read.Subnet == nil || *read.Subnet != *meta.Subnet || read.Supernet != nil || read.Name != entries[0].As ||
		read.Checkpoint != m.Columns["checkpoint"] || read.Classes != testClasses || !read.Pretrained {
		t.Errorf("the file states %+v, %v", read, err)
	}
	again, err := ParseList(strings.NewReader(strings.ReplaceAll(list, "super.pt", "one.pt")), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Extract(context.Background(), again[0], filepath.Join(dir, "twice.pt")); err == nil || !strings.Contains(err.Error(), "the file holds no supernet") {
		t.Errorf("a subnet of a subnet: %v", err)
	}
	if _, err := x.Extract(context.Background(), entries[0], filepath.Join(dir, "absent", "one.pt")); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("into a folder that is not there: %v", err)
	}

	// Other images, another number of them or another seed are another calibration.
	if m, err = from.Model(entries[0].As); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"images": func(o *Options) { o.Calibrate = writeImages(t, 199) },
		"number": func(o *Options) { o.CalibrateImages = 64 },
		"seed":   func(o *Options) { o.Seed = 5 },
	} {
		other := o
		change(&other)
		x := NewExtractor(other)
		defer x.Close()
		file := filepath.Join(dir, name+".pt")
		err := x.ExtractModel(context.Background(), m.Name, sourceOf(t, m), m.Columns["calibration"], file)
		if err == nil || !strings.Contains(err.Error(), m.Columns["calibration"]) || !strings.Contains(err.Error(), `would make that "unbiased, `) {
			t.Errorf("other %s: %v", name, err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("other %s: a file was written", name)
		}
	}
}

// A model that an earlier version ingested did not keep how it is run: --replace runs it again,
// though nothing of it differs.
func TestReplaceWithoutRecipe(t *testing.T) {
	t.Parallel()
	entries, _ := fakeSubnets(t, t.TempDir(), 2)
	o := options(t, writeImages(t, 20), entries)
	o.Calibrate = o.Data[0].Path
	run(t, o)
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	name := entries[0].As
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetColumns(map[string]map[string]string{name: {zoo.ColumnRecipe: ""}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if res := run(t, o); len(res.Skipped) != 2 {
		t.Errorf("without --replace: %+v", res)
	}
	o.Replace = true
	if res := run(t, o); !slices.Equal(res.Added, []string{name}) || len(res.Skipped) != 1 {
		t.Errorf("with --replace: %+v", res)
	}
	if z, err = zoo.Open(o.Zoo); err != nil {
		t.Fatal(err)
	}
	if m, err := z.Model(name); err != nil || sourceOf(t, m).Genome == "" {
		t.Errorf("it keeps %q (%v)", m.Columns[zoo.ColumnRecipe], err)
	}
}

// TestExtractOnTorch extracts subnets of small supernets, of both kinds of calibration, and runs
// the files: they give what the subnets give, bit for bit.
func TestExtractOnTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	for _, family := range []string{"attentive", "ofa-mbv3-w1.0"} {
		t.Run(family, func(t *testing.T) {
			file, space := torchSupernet(t, family)
			genomes, err := space.Sample(4, supernet.Log, 3)
			if err != nil {
				t.Fatal(err)
			}
			var entries []Entry
			for _, g := range genomes {
				entries = append(entries, Entry{Source: "file", Name: file, As: g.String(), Genome: g})
			}
			o := options(t, writeImages(t, 20), entries)
			o.Shim, o.Threads, o.Calibrate, o.CalibrateImages = torchtest.Path(t), 1, writeImages(t, 100), 64
			if res := run(t, o); len(res.Added) != 4 {
				t.Fatalf("%+v", res)
			}
			from, to := extracted(t, o, entries)
			sameModels(t, from, to, entries, "gflops", "gflops_fvcore")
		})
	}
}
