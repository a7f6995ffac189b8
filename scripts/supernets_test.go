package scripts

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// head copies the first n items of a file of MNIST's form.
func head(t *testing.T, from, to string, n int) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Skip("the images of Debian's dataset-fashion-mnist are not there: ", err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	begin, size := 8, 1 // of labels
	if data[3] == 3 {
		begin, size = 16, 28*28
	}
	binary.BigEndian.PutUint32(data[4:], uint32(n))
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data[:begin+n*size])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// images writes the first images of Fashion-MNIST as a folder of MNIST's form.
func images(t *testing.T, dir string, train, test int) {
	t.Helper()
	for _, kind := range []string{"images-idx3", "labels-idx1"} {
		for of, n := range map[string]int{"train": train, "t10k": test} {
			name := of + "-" + kind + "-ubyte.gz"
			head(t, filepath.Join("/usr/share/datasets/fashion-mnist", name), filepath.Join(dir, name), n)
		}
	}
}

// subnets returns the lines of a list of subnets that name one.
func subnets(t *testing.T, list string) []string {
	t.Helper()
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	return slices.DeleteFunc(lines, func(s string) bool { return !strings.Contains(s, ".pt genome=") })
}

// TestSupernets runs a few subnets of the supernets of the demonstration over a few images, and
// searches and evaluates cascades of them.
func TestSupernets(t *testing.T) {
	if testing.Short() {
		t.Skip("runs networks")
	}
	python, shim, dir := torchtest.Python(t), torchtest.Path(t), t.TempDir()
	images(t, dir, 1800, 500)
	program := filepath.Join(dir, "encas-zoo")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/encas-zoo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command("./supernets", program, filepath.Join(dir, "out"), "3")
	cmd.Env = append(os.Environ(), "FASHION_MNIST="+dir, "ENCAS_TORCH_PYTHON="+python, "ENCAS_TORCH_SHIM="+shim)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"attentive28", "6 models added", "cascades of 6 models on the split search (300 samples)", "On the split test (500 samples)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	evaluated := subnets(t, filepath.Join(dir, "out", "evaluated.txt"))
	if len(evaluated) != 6 {
		t.Errorf("evaluated.txt has the subnets %q and not 3 of each supernet", evaluated)
	}
	// How many are on the fronts of so few images differs from processor to processor.
	fronts := subnets(t, filepath.Join(dir, "out", "fronts.txt"))
	if len(fronts) < 2 {
		t.Errorf("fronts.txt has the subnets %q and not one of each supernet", fronts)
	}
	for _, s := range fronts {
		if !slices.Contains(evaluated, s) {
			t.Errorf("%s of fronts.txt was never evaluated", s)
		}
	}
	run := exec.Command(program, "evaluate", "--zoo", filepath.Join(dir, "out", "zoo"), "--split", "test", "--cascade", "mobile/3.0.6.6.6.6.6.6.6.6", "--json")
	if out, err = run.Output(); err != nil {
		t.Fatal(err)
	}
	var largest struct{ Cascades []struct{ Accuracy float64 } }
	if err := json.Unmarshal(out, &largest); err != nil {
		t.Fatal(err)
	}
	if a := largest.Cascades[0].Accuracy; a < 0.87 || a > 0.96 {
		t.Errorf("the largest subnet of mobile.pt is right for %.1f %% of 500 images, and was for 91.7 %% of 10,000", 100*a)
	}
}
