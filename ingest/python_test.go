package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/imaging/turbojpeg"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// value is the number float16 bits of a probability stand for.
func value(bits uint16) float64 {
	e, m := bits>>10, float64(bits&0x3FF)
	if e == 0 {
		return m * 0x1p-24
	}
	return math.Ldexp(1024+m, int(e)-25)
}

// TestAgainstPython runs models with random weights from names and from files, and
// compares every output with what torch, Pillow and torchvision give in Python.
func TestAgainstPython(t *testing.T) {
	if testing.Short() {
		t.Skip("exports and runs networks")
	}
	python, shim := torchtest.Python(t), torchtest.Path(t)
	if d, err := turbojpeg.NewDecoder(); err != nil {
		t.Skip(err)
	} else {
		d.Close()
	}
	images, models := t.TempDir(), t.TempDir()
	for i, name := range []string{"ycc420.jpg", "ycc444.jpg", "cmyk.jpg", "rgba.png", "palette.png", "grey16.png", "lossy.webp", "grey.jpg", "ycc422.jpg"} {
		data, err := os.ReadFile(filepath.Join("../infer/imaging/testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(images, []string{"0", "1"}[i/5])
		os.MkdirAll(dir, 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(python, append([]string{"testdata/reference.py"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("reference.py: %v\n%s", err, out)
		}
		return string(out)
	}
	script("models", models)
	entries, err := ParseList(strings.NewReader(`
linear.pt size=64
cnn.pt size=64
vit.pt size=64
torchvision/resnet18
torchvision/mobilenet_v2
torchvision/no_such_model
`), "list", models)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Zoo: filepath.Join(t.TempDir(), "zoo"), Classes: 1000, Data: []Data{{Split: "val", Path: images}}, Models: entries,
		Shim: shim, Device: "cpu", Python: python, ModelsDir: models, Seed: 11,
		Batch: 8, GroupMemory: 1 << 30, Log: func(s string) { t.Log(s) },
	}
	res := run(t, o)
	if len(res.Added) != 5 || len(res.Failed) != 1 || !strings.Contains(res.Failed[0].Reason.Error(), "knows no model no_such_model") {
		t.Fatalf("%+v", res)
	}
	if res := run(t, o); len(res.Skipped) != 5 {
		t.Errorf("the second time: %+v", res)
	}
	script("run", "../infer/export", models, images, "11", "linear", "cnn", "vit", "resnet18", "mobilenet_v2")
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range z.Models() {
		sameAsPython(t, z, m.Name, "val", filepath.Join(models, filepath.Base(m.Name)+".bin"))
	}
	for name, want := range map[string]struct {
		params string
		gflops float64
	}{"torchvision/resnet18": {"11689512", 1.814}, "torchvision/mobilenet_v2": {"3504872", 0.3008}} {
		m, err := z.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := m.Cost("gflops"); err != nil || math.Abs(g/want.gflops-1) > 0.01 || m.Columns["params"] != want.params {
			t.Errorf("%s: %v GFLOPs and %s parameters, want %v and %s (%v)", name, g, m.Columns["params"], want.gflops, want.params, err)
		}
		t.Logf("%s: gflops %s, as fvcore %s", name, m.Columns["gflops"], m.Columns["gflops_fvcore"])
	}
}

// sameAsPython compares a model's outputs for a split with what Python wrote to a file:
// float32, little-endian. They may round to another float16, seldom, and no more.
func sameAsPython(t *testing.T, z *zoo.Zoo, model, split, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, classes := rows(t, z, model, split), z.Classes()
	want := make([]float32, len(got))
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, want); err != nil || len(data) != 4*len(got) {
		t.Fatalf("%s: %d bytes for %d outputs (%v)", file, len(data), len(got), err)
	}
	ties, worst := 0, 0.0
	for i, w := range want {
		diff := math.Abs(value(got[i]) - float64(w))
		worst = max(worst, diff)
		// The exact float16 of w lies within half a step of it.
		step := math.Ldexp(1, max(int(math.Floor(math.Log2(float64(w)))), -14)-10)
		if diff > step/2 {
			ties++
			if diff > step/2+1e-7+1e-4*float64(w) {
				t.Fatalf("%s: output %d is %v, in Python %v", model, i, value(got[i]), w)
			}
		}
	}
	for i := 0; i < len(want); i += classes {
		if a, b := top(got[i:i+classes]), topFloat(want[i:i+classes]); got[i+a] != got[i+b] {
			t.Errorf("%s: image %d is of class %d, in Python %d", model, i/classes, a, b)
		}
	}
	t.Logf("%s: %d of %d outputs rounded the other way, largest difference %.2g", model, ties, len(want), worst)
	if ties > len(want)/200 {
		t.Errorf("%s: %d of %d outputs are another float16", model, ties, len(want))
	}
}

func top(v []uint16) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

func topFloat(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

// BenchmarkResNet18 runs batches of 8 at 224 pixels on one thread, in turns with the
// same in Python, where the eager model runs.
func BenchmarkResNet18(b *testing.B) {
	python, path := torchtest.Python(b), torchtest.Path(b)
	shim, err := torch.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	exporter := export.New(python, nil)
	defer exporter.Close()
	file := filepath.Join(b.TempDir(), "resnet18.pt")
	if _, err := exporter.Export(context.Background(), export.Request{Source: "torchvision", Name: "resnet18", Out: file}); err != nil {
		b.Fatal(err)
	}
	exporter.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := shim.Threads(1); err != nil {
		b.Fatal(err)
	}
	m, err := shim.Load(file, "cpu", torch.Float32, 1000)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	pixels, probs := make([]byte, 8*224*224*3), make([]uint16, 8000)
	one := [3]float32{1, 1, 1}
	const batches = 5
	torchtest.Turns(b, python, `
import sys, time, torch, torchvision
torch.set_num_threads(1)
m = torchvision.models.resnet18().eval()
x = torch.zeros(8, 224, 224, 3, dtype=torch.uint8)
with torch.inference_mode():
    for _ in sys.stdin:
        begin = time.process_time()
        for _ in range(int(sys.argv[1])):
            m(x.permute(0, 3, 1, 2).contiguous().float().div(255).sub(1).div(1)).softmax(1).half()
        print(time.process_time() - begin)`, []string{strconv.Itoa(batches)}, 8*batches, func() {
		for range batches {
			if err := m.Run(pixels, 8, 224, 224, one, one, probs); err != nil {
				b.Fatal(err)
			}
		}
	})
}
