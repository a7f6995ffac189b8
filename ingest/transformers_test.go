package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// TestTransformers runs folders that transformers saved, and a model of the hub from its
// cache, and compares with what it gives in Python, images prepared by its own processors,
// classes matched by name.
func TestTransformers(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	python, shim := torchtest.Python(t), torchtest.Path(t)
	if err := exec.Command(python, "-c", "import transformers").Run(); err != nil {
		t.Skipf("%s has no transformers", python)
	}
	dir, images := t.TempDir(), writeImages(t, 20)
	home := t.TempDir()
	t.Setenv("HF_HOME", home)
	t.Setenv("HF_HUB_OFFLINE", "1")
	if out, err := exec.Command(python, "testdata/transformers_models.py", dir, images, filepath.Join(home, "hub")).CombinedOutput(); err != nil {
		t.Fatalf("transformers_models.py: %v\n%s", err, out)
	}
	good := []string{"vit", "a vit", "convnext", "deit", "clip", "turned", "our/tiny-vit"}
	o := Options{
		Zoo: filepath.Join(t.TempDir(), "zoo"), Data: []Data{{Split: "val", Path: images}},
		Models: list(t, dir, "vit\n\"a vit\"\nhf:convnext\n./deit\n"+filepath.Join(dir, "clip")+"\nturned\nhf:our/tiny-vit\nhf:our/tiny-vt\nhf:our/half\nheadless\nunprepared\nunscaled\npickled\n"),
		Shim:   shim, Device: "cpu", Python: python, ModelsDir: t.TempDir(), Pretrained: true, Batch: 8, Log: func(s string) { t.Log(s) },
	}
	res := run(t, o)
	got := failures(res)
	if !slices.Equal(slices.Sorted(slices.Values(res.Added)), slices.Sorted(slices.Values(good))) {
		t.Errorf("added %v; %v", res.Added, got)
	}
	for name, want := range map[string]string{
		"headless":    "it has no classifier: its weights lack classifier.",
		"unprepared":  "does not say how its images are prepared",
		"unscaled":    "do_normalize is off",
		"pickled":     "safetensors",
		"our/tiny-vt": fmt.Sprintf("cannot be exported: our/tiny-vt is not, or not wholly, in the cache of Hugging Face (%s), and HF_HUB_OFFLINE forbids to fetch it; did you mean our/tiny-vit?", filepath.Join(home, "hub")),
		"our/half":    "our/half is not, or not wholly, in the cache of Hugging Face",
	} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range good {
		data, err := os.ReadFile(filepath.Join(dir, strings.Replace(name, "our/tiny-", "", 1)+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		got := rows(t, z, name, "val")
		want := make([]float32, len(got))
		if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, want); err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if d := math.Abs(value(got[i]) - float64(w)); d > 1e-3*float64(w)+1e-5 {
				t.Errorf("%s: output %d is %v, in Python %v", name, i, value(got[i]), w)
				break
			}
		}
	}
}

// TestUnreachable asks for models of the hub where there is neither cache nor network: each is
// one sentence.
func TestUnreachable(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Python")
	}
	python := torchtest.Python(t)
	if err := exec.Command(python, "-c", "import transformers, timm").Run(); err != nil {
		t.Skipf("%s has no transformers or no timm", python)
	}
	home := t.TempDir()
	for _, name := range []string{"HF_HOME", "TORCH_HOME"} {
		t.Setenv(name, home)
	}
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:9") // where nothing listens
	// The hub is tried again and again, which a test need not wait for.
	t.Setenv("PYTHONUSERBASE", t.TempDir())
	hurry, err := exec.Command(python, "-m", "site", "--user-site").Output()
	if len(hurry) == 0 {
		t.Fatal(err)
	}
	if err := os.MkdirAll(strings.TrimSpace(string(hurry)), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(strings.TrimSpace(string(hurry)), "hurry.pth"), []byte("import time; time.sleep = lambda seconds: None\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, proxy := range []string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
		t.Setenv(proxy, "http://127.0.0.1:9")
	}
	var said strings.Builder
	o := options(t, writeImages(t, 10), list(t, t.TempDir(), "hf:our/net\ntimm/resnet10t.c3_in1k\ntorchvision/squeezenet1_1\n"))
	o.Python, o.ModelsDir, o.Pretrained, o.Stderr = python, t.TempDir(), true, &said
	got := failures(run(t, o))
	for name, want := range map[string]string{
		"our/net":                   "cannot be exported: our/net is not, or not wholly, in the cache of Hugging Face (" + filepath.Join(home, "hub") + "), and http://127.0.0.1:9 cannot be reached",
		"resnet10t.c3_in1k":         "resnet10t.c3_in1k is not, or not wholly, in the cache of Hugging Face",
		"torchvision/squeezenet1_1": "its weights are not in the cache of torch (" + filepath.Join(home, "hub") + "), and the site that has them cannot be reached",
	} {
		if !strings.Contains(got[name], want) || strings.Contains(got[name], "\n") {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if strings.Contains(said.String(), "Retrying") {
		t.Errorf("it says too much:\n%s", said.String())
	}
}
