package ingest

import (
	"bytes"
	"encoding/binary"
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

// TestTransformers runs folders that transformers saved, and compares with what it gives
// in Python, images prepared by its own processors, classes matched by name.
func TestTransformers(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	python, shim := torchtest.Python(t), torchtest.Path(t)
	if err := exec.Command(python, "-c", "import transformers").Run(); err != nil {
		t.Skipf("%s has no transformers", python)
	}
	dir, images := t.TempDir(), writeImages(t, 20)
	if out, err := exec.Command(python, "testdata/transformers_models.py", dir, images).CombinedOutput(); err != nil {
		t.Fatalf("transformers_models.py: %v\n%s", err, out)
	}
	good := []string{"vit", "a vit", "convnext", "deit", "clip", "turned"}
	o := Options{
		Zoo: filepath.Join(t.TempDir(), "zoo"), Data: []Data{{Split: "val", Path: images}},
		Models: list(t, dir, "vit\n\"a vit\"\nhf:convnext\n./deit\n"+filepath.Join(dir, "clip")+"\nturned\nheadless\nunprepared\nunscaled\npickled\n"),
		Shim:   shim, Device: "cpu", Python: python, ModelsDir: t.TempDir(), Pretrained: true, Batch: 8, Log: func(s string) { t.Log(s) },
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	res := run(t, o)
	got := failures(res)
	if !slices.Equal(slices.Sorted(slices.Values(res.Added)), slices.Sorted(slices.Values(good))) {
		t.Errorf("added %v; %v", res.Added, got)
	}
	for name, want := range map[string]string{
		"headless":   "it has no classifier: its weights lack classifier.",
		"unprepared": "does not say how its images are prepared",
		"unscaled":   "do_normalize is off",
		"pickled":    "safetensors",
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
		data, err := os.ReadFile(filepath.Join(dir, name+".bin"))
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
