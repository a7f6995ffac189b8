package scripts

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// TestGPUScript runs what measures a GPU on the CPU, at tiny sizes, so that it works when
// there is one.
func TestGPUScript(t *testing.T) {
	if testing.Short() {
		t.Skip("packs programs and runs torch for two minutes")
	}
	python := os.Getenv("ENCAS_TORCH_PYTHON")
	if python == "" {
		t.Skip("needs a Python with torch, timm and pyarrow in $ENCAS_TORCH_PYTHON: make test makes one")
	}
	torchtest.Path(t)
	if out, err := exec.Command(python, "-c", "import torch, timm, pyarrow, PIL").CombinedOutput(); err != nil {
		t.Fatalf("%s: %s", python, out)
	}
	folder, out := t.TempDir(), t.TempDir()
	for _, args := range [][]string{{"pack", folder}, {"run", folder, "--device", "cpu", "--quick", "--nat", "--out", out}} {
		if text, err := exec.Command("./gpu", args...).CombinedOutput(); err != nil {
			t.Fatalf("scripts/gpu %v: %v\n%s", args, err, text)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Parts []struct{ Part string } }
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range report.Parts {
		seen[p.Part] = true
	}
	for _, part := range []string{"shim", "tests of the shim", "outputs against Python's", "a model that fails", "together and alone", "throughput", "cascade", "supernets", "nat"} {
		if !seen[part] {
			t.Errorf("the report has nothing of %q", part)
		}
	}
}
