package serve_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/bundletest"
	"github.com/encas-zoo/encas-zoo/serve"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/supernet"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// supernetZoo ingests subnets of two small supernets of random weights, one of either kind of
// calibration, over the splits search and test.
func supernetZoo(t *testing.T, images string) (*zoo.Zoo, ingest.Options) {
	t.Helper()
	dir := t.TempDir()
	e := export.New(torchtest.Python(t), nil)
	defer e.Close()
	o := ingest.Options{
		Zoo: filepath.Join(dir, "zoo"), Data: []ingest.Data{{Split: "search", Path: images, Share: 0.5}, {Split: "test", Path: images, Share: 0.5}},
		Shim: torchtest.Path(t), Device: "cpu", Batch: 8, Seed: 1, Threads: 1, Calibrate: bundletest.Pictures(t, 90), CalibrateImages: 70,
	}
	for _, family := range []string{"attentive", "ofa-proxyless"} {
		table, err := supernet.Family(family)
		if err != nil {
			t.Fatal(err)
		}
		table.Resolutions, table.Images.Crop, table.Stages = []int{16, 24}, 1, table.Stages[:2]
		if family == "attentive" {
			table.Images.Input = 20 // it resizes its images itself
		}
		file := filepath.Join(dir, family+".pt")
		meta, err := e.Supernet(context.Background(), export.SupernetRequest{Table: table, Classes: bundletest.Classes, Seed: 2, Out: file})
		if err != nil {
			t.Fatal(err)
		}
		space, err := meta.Space()
		if err != nil {
			t.Fatal(err)
		}
		genomes, err := space.Sample(3, supernet.Log, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range genomes {
			o.Models = append(o.Models, ingest.Entry{Source: "file", Name: file, As: fmt.Sprintf("%s/%d", family, i), Genome: g})
		}
	}
	if res, err := ingest.Run(context.Background(), o); err != nil || len(res.Added) != len(o.Models) {
		t.Fatal(res, err)
	}
	z, err := study.Open(context.Background(), o.Zoo, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return z, o
}

// TestSubnetsAnswerAsEvaluated bundles cascades with subnets, takes everything else away, runs
// them, and compares every answer with that of the stored outputs.
func TestSubnetsAnswerAsEvaluated(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	images := bundletest.Pictures(t, 60)
	z, o := supernetZoo(t, images)
	source, err := study.ReadRun(bundletest.Search(t, z))
	if err != nil {
		t.Fatal(err)
	}
	x := ingest.NewExtractor(o)
	defer x.Close()
	rng := rand.New(rand.NewPCG(3, 4))
	bundled := map[string]cascade.Cascade{}
	for trial := range 3 {
		c := cascade.Cascade{Rule: cascade.Rule(trial % 3)}
		for i := range 3 {
			c.Stages = append(c.Stages, cascade.Stage{Model: o.Models[rng.IntN(len(o.Models))].As, Weight: 1 + i, Threshold: 0.2 + float32(rng.IntN(8))/100})
		}
		dir := filepath.Join(t.TempDir(), "bundle")
		b, err := study.Bundle(context.Background(), z, source, study.BundleOptions{Cascade: &c, Dir: dir, Extract: x.ExtractModel}, study.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range b.Stages {
			m, err := z.Model(s.ExportedStage.Model)
			if err != nil {
				t.Fatal(err)
			}
			if s.Origin.Genome != m.Columns[zoo.ColumnGenome] || s.Origin.Calibration != m.Columns[zoo.ColumnCalibration] || s.Origin.Checkpoint == m.Columns[zoo.ColumnCheckpoint] || s.File.Bytes > 2<<20 {
				t.Errorf("%v: %+v, of %v", c, s.Model, m.Columns)
			}
		}
		bundled[dir] = c
	}
	want := map[string]map[string]answers.Answer{}
	for dir, c := range bundled {
		want[dir] = map[string]answers.Answer{}
		for _, split := range []string{"search", "test"} {
			all, err := study.Answers(context.Background(), z, split, c, study.Watch{})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range all {
				want[dir][a.ID] = a
			}
		}
	}
	if err := os.RemoveAll(filepath.Dir(o.Zoo)); err != nil {
		t.Fatal(err)
	}
	for dir, c := range bundled {
		r, err := serve.RunJob(context.Background(), serve.Job{Machine: serve.Machine{Shim: o.Shim, Device: "cpu", Batch: 8, Threads: 1}, Bundle: dir, Data: images})
		if err != nil {
			t.Fatal(err)
		}
		var stages []int
		for _, a := range r.Answers {
			if a != want[dir][a.ID] {
				t.Errorf("%v: %+v, want %+v", c, a, want[dir][a.ID])
			}
			stages = append(stages, a.Stage)
		}
		if len(r.Answers) != 60 {
			t.Errorf("%v: %d answers", c, len(r.Answers))
		}
		slices.Sort(stages)
		t.Logf("%v: answered by the stages %v", c, slices.Compact(stages))
	}
}

// TestSubnetsOfEarlierVersions: what an earlier version ingested does not say how it is run,
// until the same ingest is run again with --replace.
func TestSubnetsOfEarlierVersions(t *testing.T) {
	t.Parallel()
	table, err := supernet.Family("ofa-proxyless")
	if err != nil {
		t.Fatal(err)
	}
	table.Resolutions, table.Stages = []int{16}, table.Stages[:1]
	space, err := supernet.New(table, bundletest.Classes)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := space.Decode(space.Smallest())
	if err != nil {
		t.Fatal(err)
	}
	dir, images := t.TempDir(), bundletest.Pictures(t, 40)
	file := filepath.Join(dir, "super.pt")
	torchtest.WriteFake(t, file, fmt.Sprintf("seed 9 supernet %d", len(plan)), export.Meta{
		Format: export.Format, Source: "supernet", Classes: bundletest.Classes, Checkpoint: "0123", Pretrained: true, Supernet: &table,
	})
	o := ingest.Options{
		Zoo: filepath.Join(dir, "zoo"), Data: []ingest.Data{{Split: "search", Path: images}}, Shim: torchtest.Fake(t), Device: "cpu", Batch: 8,
		Models: []ingest.Entry{{Source: "file", Name: file, As: "small", Genome: space.Smallest()}}, Calibrate: images,
	}
	ingested := func() *zoo.Zoo {
		if res, err := ingest.Run(context.Background(), o); err != nil || len(res.Added) != 1 {
			t.Fatal(res, err)
		}
		z, err := study.Open(context.Background(), o.Zoo, study.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	z := ingested()
	source, err := study.ReadRun(bundletest.Search(t, z))
	if err != nil {
		t.Fatal(err)
	}
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.SetColumns(map[string]map[string]string{"small": {zoo.ColumnRecipe: ""}}), w.Close()); err != nil {
		t.Fatal(err)
	}
	x := ingest.NewExtractor(o)
	defer x.Close()
	bundled := study.BundleOptions{Dir: filepath.Join(dir, "bundle"), Extract: x.ExtractModel}
	if _, err := study.Bundle(context.Background(), z, source, bundled, study.Watch{}); err == nil || !strings.Contains(err.Error(), "run the same ingest again with --replace") {
		t.Errorf("without its recipe: %v", err)
	}
	o.Replace = true
	b, err := study.Bundle(context.Background(), ingested(), source, bundled, study.Watch{})
	if err != nil || b.Stages[0].Origin.Genome != space.Smallest().String() || b.Verify() != nil {
		t.Errorf("ingested again: %+v, %v", b, err)
	}
}
