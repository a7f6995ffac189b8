package ingest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/supernet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// fakeSubnets writes super.pt, a supernet of the fake shim, into a folder, and returns n of
// its subnets, as entries and as lines of a list.
func fakeSubnets(t testing.TB, dir string, n int) ([]Entry, string) {
	t.Helper()
	table := supernet.Table{
		Name: "tiny", License: "own", Resolutions: []int{8, 12}, Stem: supernet.Stem{Widths: []int{8, 12}, Stride: 2, Activation: supernet.ReLU},
		Stages: []supernet.Stage{
			{Widths: []int{16}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5}, Expansions: []int{2}, Stride: 2, Activation: supernet.ReLU},
		},
		Head: supernet.Head{Kind: supernet.Mix, Widths: []int{32}, Activation: supernet.ReLU}, Shortcut: supernet.Identity, Shrink: supernet.Crop,
		Genes: supernet.ByBlock, Eps: 1e-5, Calibration: supernet.Unbiased,
		Images: supernet.Images{Mean: [3]float64{.5, .5, .5}, Std: [3]float64{.5, .5, .5}, Interpolation: "bilinear", Crop: 0.875},
	}
	space, err := supernet.New(table, testClasses)
	if err != nil {
		t.Fatal(err)
	}
	torchtest.WriteFake(t, filepath.Join(dir, "super.pt"), "seed 9 supernet 13", export.Meta{
		Format: export.Format, Name: "tiny", Source: "supernet", Classes: testClasses, Checkpoint: "0123", ImageSize: [2]int{12, 12}, Pretrained: true,
		Mean: table.Images.Mean, Std: table.Images.Std, CropPct: 0.875, CropMode: "center", Interpolation: "bilinear", License: "own", Supernet: &table,
	})
	genomes, err := space.Sample(n, supernet.Linear, 1)
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, g := range genomes {
		fmt.Fprintf(&list, "super.pt genome=%v\n", g)
	}
	entries, err := ParseList(strings.NewReader(list.String()), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries, list.String()
}

func TestSubnets(t *testing.T) {
	t.Parallel()
	entries, _ := fakeSubnets(t, t.TempDir(), 12)
	others := fakes(t, "a", "b: |size=12 interpolation=bilinear")
	// Beside them the file itself, which is an ordinary model.
	whole := entries[0]
	whole.Genome, whole.As = nil, "whole"
	images, train := writeImages(t, 30), writeImages(t, 200)
	o := options(t, images, slices.Concat(entries, others, []Entry{whole}))
	o.Calibrate, o.CalibrateImages, o.GroupMemory = train, 150, 0
	shared := 0 // how many models ran together at most
	o.Progress = func(p Progress) { shared = max(shared, len(p.Models)) }
	if res := run(t, o); len(res.Added) != 15 {
		t.Fatalf("%+v", res)
	}
	if shared < 4 {
		t.Errorf("at most %d subnets shared batches", shared)
	}
	before := contents(t, o.Zoo)
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	largest, smallest := "super/1.1.2.2.2", "super/0.0.1.0.0"
	m, err := z.Model(largest)
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]string{
		"genome": "1.1.2.2.2", "supernet": "tiny", "resolution": "12", "image_size": "12x12", "license": "own", "source": "supernet",
		"ptflops": "7.8213e-05", "params": "6457",
	} {
		if m.Columns[column] != want {
			t.Errorf("%s is %q, want %q", column, m.Columns[column], want)
		}
	}
	if s := sourceOf(t, m); s.Genome != "1.1.2.2.2" || s.File != entries[0].Name || s.Input.Height != 12 || s.Outputs.Activation != "softmax" {
		t.Errorf("it was made of %+v", s)
	}
	// Whole batches only.
	if c := m.Columns["calibration"]; !strings.HasPrefix(c, "unbiased, 128 images in batches of 64: ") {
		t.Errorf("calibration is %q", c)
	}
	if c := before["a"]; strings.Contains(c, "calibration") || strings.Contains(c, "genome") {
		t.Errorf("an ordinary model has %s", c)
	}
	outputs := map[string]string{}
	for key, rows := range before {
		if name, ok := strings.CutSuffix(key, " on val"); ok {
			if other, ok := outputs[rows]; ok {
				t.Errorf("%s and %s gave the same", name, other)
			}
			outputs[rows] = name
		}
	}

	// Again nothing runs; with any other grouping and order the zoo is the same.
	if res := run(t, o); len(res.Skipped) != 15 {
		t.Errorf("the second time %+v", res)
	}
	again := o
	again.Zoo, again.GroupMemory, again.Progress = filepath.Join(t.TempDir(), "zoo"), 1<<30, nil
	again.Models = slices.Clone(o.Models)
	slices.Reverse(again.Models)
	for part := range 2 {
		again.Shard, again.Shards = part, 2
		run(t, again)
	}
	if !maps.Equal(contents(t, again.Zoo), before) {
		t.Error("another order and other groups made another zoo")
	}

	// A recalibration with other images, another number of them or another seed makes
	// another model.
	for name, change := range map[string]func(*Options){
		"images": func(o *Options) { o.Calibrate = writeImages(t, 199) },
		"number": func(o *Options) { o.CalibrateImages = 64 },
		"seed":   func(o *Options) { o.Seed = 5 },
	} {
		other := o
		change(&other)
		res := run(t, other)
		if len(res.Failed) != 12 || !strings.Contains(res.Failed[0].Reason.Error(), "different calibration") || len(res.Skipped) != 3 {
			t.Errorf("other %s: %+v", name, res)
		}
	}
	o.CalibrateImages, o.Replace, o.Models = 64, true, entries[:1]
	if res := run(t, o); !slices.Equal(res.Added, []string{smallest}) {
		t.Errorf("replaced: %+v", res)
	}
	if after := contents(t, o.Zoo); after[smallest+" on val"] == before[smallest+" on val"] || after[largest+" on val"] != before[largest+" on val"] {
		t.Error("replacing one subnet changed the wrong outputs")
	}
	// The file itself under the name of a subnet is another model.
	o.Replace, o.Models = false, []Entry{whole}
	o.Models[0].As = largest
	if res := run(t, o); len(res.Failed) != 1 || !strings.Contains(res.Failed[0].Reason.Error(), "genome") {
		t.Errorf("the file under the name of a subnet: %+v", res)
	}
}

func TestSubnetErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	entries, _ := fakeSubnets(t, dir, 2)
	if err := os.WriteFile(filepath.Join(dir, "plain.pt"), []byte("fake"), 0o644); err != nil {
		t.Fatal(err)
	}
	list := "super.pt genome=1.1.2.2\nsuper.pt genome=1.1.9.2.2\nsuper.pt genome=0.0.1.0.0 size=12\nplain.pt size=8 genome=1.1\nsuper.pt genome=0.0.1.0.2\nsuper.pt genome=0.0.1.0.2 name=other\nsuper.pt genome=0.0.1.0.0 name=good\n"
	bad, err := ParseList(strings.NewReader(list), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	images := writeImages(t, 20)
	o := options(t, images, bad)
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "with --calibrate") {
		t.Errorf("without images to recalibrate on: %v", err)
	}
	o.Calibrate = images
	res := run(t, o)
	for i, want := range []string{"a genome of 4 numbers", "number 3, stage 1 block 1, is 9", "the subnet is one for images of 8x8", "the file holds no supernet", "genome=0.0.1.0.2 is the same subnet as genome=0.0.1.0.0", "genome=0.0.1.0.2 is the same subnet as genome=0.0.1.0.0"} {
		if i >= len(res.Failed) || !strings.Contains(res.Failed[i].Reason.Error(), want) {
			t.Fatalf("%+v, want %q", res.Failed, want)
		}
	}
	if !slices.Equal(res.Added, []string{"good"}) {
		t.Errorf("%+v", res)
	}
	for line, want := range map[string]string{
		"resnet18 genome=1.2": "only a file that 'encas-zoo supernet export' wrote has subnets",
		"super.pt genome=1.x": `number 2, "x", is not a number from 0`,
		"super.pt genome=":    "is not a number from 0",
	} {
		if _, err := ParseList(strings.NewReader(line), "list", dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	o.Models, o.Calibrate = entries, filepath.Join(dir, "absent")
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("no such images: %v", err)
	}
	o.Calibrate = writeImages(t, 1)
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "needs two images at least") {
		t.Errorf("one image: %v", err)
	}
	broken := writeImages(t, 5)
	if err := os.WriteFile(filepath.Join(broken, "class0", "bad.png"), []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Calibrate, o.Zoo = broken, filepath.Join(t.TempDir(), "zoo")
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "1 of 6 images cannot be read") {
		t.Errorf("a broken image: %v", err)
	}
	o.SkipBroken = true
	if res := run(t, o); len(res.Added) != 2 {
		t.Errorf("without the broken image: %+v", res)
	}
	// A supernet whose run fails takes its subnets alone with it.
	text, err := os.ReadFile(filepath.Join(dir, "super.pt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "super.pt"), []byte("fake fail "+strings.TrimPrefix(string(text), "fake ")), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Zoo, o.Models = filepath.Join(t.TempDir(), "zoo"), append(entries, fakes(t, "a")...)
	if res := run(t, o); len(res.Failed) != 2 || !strings.Contains(res.Failed[0].Reason.Error(), "recalibrating its batch norms: told to fail") || !slices.Equal(res.Added, []string{"a"}) {
		t.Errorf("a supernet that fails: %+v", res)
	}
}

// torchSupernet exports a small supernet of the same kind as a family, of random weights.
func torchSupernet(t *testing.T, family string) (file string, space *supernet.Space) {
	t.Helper()
	python := torchtest.Python(t)
	table, err := supernet.Family(family)
	if err != nil {
		t.Fatal(err)
	}
	table.Resolutions, table.Images.Crop = []int{16, 24}, 1
	if family == "attentive" {
		table.Images.Input = 20 // it resizes its images itself
		table.Head.Widths = []int{64, 96}
	}
	table.Stages = table.Stages[:3]
	e := export.New(python, nil)
	defer e.Close()
	file = filepath.Join(t.TempDir(), "super.pt")
	meta, err := e.Supernet(context.Background(), export.SupernetRequest{Table: table, Classes: testClasses, Seed: 2, Out: file})
	if err != nil {
		t.Fatal(err)
	}
	if space, err = meta.Space(); err != nil {
		t.Fatal(err)
	}
	return file, space
}

// TestSubnetsOnTorch runs subnets of a small supernet together and each alone: they share
// weights and batches, and nothing else.
func TestSubnetsOnTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("exports a network")
	}
	shim, dir := torchtest.Path(t), t.TempDir()
	file, space := torchSupernet(t, "attentive")
	genomes, err := space.Sample(6, supernet.Log, 3)
	if err != nil {
		t.Fatal(err)
	}
	var entries []Entry
	for _, g := range genomes {
		entries = append(entries, Entry{Source: "file", Name: file, As: g.String(), Genome: g})
	}
	o := options(t, writeImages(t, 20), entries)
	o.Shim, o.Threads, o.Calibrate, o.CalibrateImages = shim, 1, writeImages(t, 100), 64
	if res := run(t, o); len(res.Added) != 6 {
		t.Fatalf("%+v", res)
	}
	together := contents(t, o.Zoo)
	alone := o
	alone.Zoo = filepath.Join(dir, "alone")
	for _, entry := range entries {
		alone.Models = []Entry{entry}
		run(t, alone)
	}
	if !maps.Equal(contents(t, alone.Zoo), together) {
		t.Error("subnets together gave another zoo than each alone")
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range genomes {
		m, err := z.Model(g.String())
		if err != nil {
			t.Fatal(err)
		}
		want, err := space.Describe(g)
		if err != nil {
			t.Fatal(err)
		}
		if m.Columns["gflops"] != number(want.GFLOPs) || m.Columns["params"] != fmt.Sprint(want.Params) || m.Columns["image_size"] != "20x20" || m.Columns["weights"] != "random" {
			t.Errorf("%v: %v, want %+v", g, m.Columns, want)
		}
	}
}
