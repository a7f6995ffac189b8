package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// TestNAT searches a few subnets of both supernets on a few images, beside random ones, and trains
// one supernet for other images, here the same, with each of the rates and from nothing.
func TestNAT(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and trains networks")
	}
	python, shim, dir := torchtest.Python(t), torchtest.Path(t), t.TempDir()
	images(t, dir, 600, 100)
	program := filepath.Join(dir, "encas-zoo")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/encas-zoo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command("./nat", program, filepath.Join(dir, "out"), "3", "1", "1", "1")
	cmd.Env = append(os.Environ(), "FASHION_MNIST="+dir, "MNIST="+dir, "ENCAS_TORCH_PYTHON="+python, "ENCAS_TORCH_SHIM="+shim)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"4 subnets evaluated", "40 subnets evaluated", "zoo: ", "MNIST, transfer-0.01", "MNIST, nothing", "mnist/zoo: "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	zoo := "-zoo=" + filepath.Join(dir, "out", "zoo")
	list := func(name string, path ...string) string {
		return "-list=" + name + "=" + filepath.Join(append([]string{dir, "out"}, path...)...)
	}
	// Trained so little, all subnets may be equally wrong, and the fronts of one each.
	models, err := exec.Command(program, "zoo", "list", "--zoo", filepath.Join(dir, "out", "mnist", "zoo")).CombinedOutput()
	for _, from := range []string{"nothing", "transfer-0.01", "transfer-0.1", "transfer-0.3"} {
		if err != nil || !strings.Contains(string(models), "\n"+from+"/") {
			t.Errorf("no subnet of %s: %v\n%s", from, err, models)
		}
	}
	for _, args := range [][]string{
		{zoo, list("nat", "mobile-nat-1", "front.txt"), list("random", "mobile-random", "front.txt")},
		{zoo, list("mobile", "mobile.txt"), list("attentive", "attentive.txt"), "-against=all"},
	} {
		args = append([]string{"run", "../benchmarks", "pools", "-cascades=false", "-splits=2", "-out=" + dir}, args...)
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil || !strings.Contains(string(out), "deployed error, linear (%), paired with ") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}
