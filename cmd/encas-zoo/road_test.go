package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

// TestRoad follows scripts/road over a tenth of its images: published weights, real images,
// outputs compared with Python's, cascades searched and evaluated.
func TestRoad(t *testing.T) {
	if testing.Short() {
		t.Skip("runs networks")
	}
	sharedtest.Dir(t, "cifar10_resnets")
	sharedtest.Dir(t, "cifar10_images")
	shim := torchtest.Path(t)
	t.Setenv("ENCAS_TORCH_SHIM", shim)
	t.Setenv("ENCAS_TORCH_PYTHON", torchtest.Python(t))
	t.Setenv("ENCAS_PYTHON", sharedtest.Python(t))
	encas, err := exec.LookPath("encas-zoo")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out, err := exec.Command("../../scripts/road", encas, dir, "1000").CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("scripts/road: %v\n%s", err, out)
	case strings.HasPrefix(string(out), "road: skipped"):
		t.Skip(strings.TrimSpace(string(out)))
	}
	compared := regexp.MustCompile(`(?m)^(\w+) +1,000 images, accuracy ([\d.]+)% and in Python ([\d.]+)%`).FindAllStringSubmatch(string(out), -1)
	// Of all 10,000 images: the weights expect the original pixels.
	want := map[string]float64{"resnet20": 81.0, "resnet32": 82.6, "resnet44": 82.7, "resnet56": 83.2}
	for _, m := range compared {
		accuracy, err := strconv.ParseFloat(m[2], 64)
		if err != nil || m[2] != m[3] || math.Abs(accuracy-want[m[1]]) > 4.5 {
			t.Errorf("%s: accuracy %s, in Python %s, of all images %v", m[1], m[2], m[3], want[m[1]])
		}
	}
	if len(compared) != len(want) {
		t.Errorf("%d networks compared with Python:\n%s", len(compared), out)
	}
	var list struct {
		Models []struct {
			Name    string            `json:"name"`
			Columns map[string]string `json:"columns"`
		} `json:"models"`
	}
	if err := json.Unmarshal([]byte(program(t, dir, "zoo", "list", "--zoo", "zoo", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	published := map[string]float64{"resnet20": 0.041, "resnet32": 0.069, "resnet44": 0.097, "resnet56": 0.125}
	for _, m := range list.Models {
		if g, err := strconv.ParseFloat(m.Columns["gflops"], 64); err != nil || math.Abs(g-published[m.Name]) > 0.0006 {
			t.Errorf("%s: %v GFLOPs, %v published (%v)", m.Name, g, published[m.Name], err)
		}
	}
	for _, file := range []string{"run/front.json", "run/certified.json", "run/report.html"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
}
