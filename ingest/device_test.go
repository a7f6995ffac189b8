package ingest

import (
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// writePhotographs makes n JPEG files of 500 x 375 pixels, about as large as
// ImageNet's, as links to a few different ones.
func writePhotographs(b *testing.B, n int) string {
	b.Helper()
	dir := b.TempDir()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("class%d", i%2), fmt.Sprintf("%06d.jpg", i))
		os.MkdirAll(filepath.Dir(path), 0o755)
		if i >= 16 {
			first := filepath.Join(dir, fmt.Sprintf("class%d", i%2), fmt.Sprintf("%06d.jpg", i%16))
			if err := os.Link(first, path); err != nil {
				b.Fatal(err)
			}
			continue
		}
		m := image.NewRGBA(image.Rect(0, 0, 500, 375))
		for y := range 375 {
			for x := range 500 {
				wave := math.Sin(float64(x*(i+3))/37) * math.Cos(float64(y*(i+5))/29)
				grain := float64((x*7919+y*104729+i)%61) - 30
				o := m.PixOffset(x, y)
				for c := range 3 {
					m.Pix[o+c] = uint8(128 + 60*wave + grain*float64(c+1)/3)
				}
				m.Pix[o+3] = 255
			}
		}
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := jpeg.Encode(f, m, &jpeg.Options{Quality: 90}); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	return dir
}

// BenchmarkDevice ingests resnet50 and a ViT-B/16, together, over a folder of
// photographs, and says beside the rate of the whole run that of decoding alone and
// that of each model in Python over tensors that lie on the device already. It runs
// on $ENCAS_BENCH_DEVICE (cuda), in $ENCAS_BENCH_PRECISION (fp16), over
// $ENCAS_BENCH_IMAGES (20000) images, with the torch of $ENCAS_TORCH_PYTHON.
func BenchmarkDevice(b *testing.B) {
	env := func(key, otherwise string) string {
		if v := os.Getenv(key); v != "" {
			return v
		}
		return otherwise
	}
	device := env("ENCAS_BENCH_DEVICE", "cuda")
	precision, err := torch.ParsePrecision(env("ENCAS_BENCH_PRECISION", "fp16"))
	if err != nil {
		b.Fatal(err)
	}
	n, err := strconv.Atoi(env("ENCAS_BENCH_IMAGES", "20000"))
	if err != nil {
		b.Fatal(err)
	}
	python, path := torchtest.Python(b), torchtest.Path(b)
	shim, err := torch.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := shim.Device(device); err != nil {
		b.Skip(err)
	}
	images := writePhotographs(b, n)
	size := min(256, n)

	set, err := dataset.Open(images)
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	start := time.Now()
	p := imaging.Preprocessing{Height: 224, Width: 224, CropPct: 0.875, Filter: imaging.Bilinear}
	err = eachBatch(context.Background(), set, p, size, runtime.NumCPU(), func(*batch) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("decoding alone: %.0f images/s on %d cores", float64(n)/time.Since(start).Seconds(), runtime.NumCPU())

	entries, err := ParseList(strings.NewReader("torchvision/resnet50 crop_pct=0.875\ntorchvision/vit_b_16\n"), "list", ".")
	if err != nil {
		b.Fatal(err)
	}
	o := Options{
		Zoo: filepath.Join(b.TempDir(), "zoo"), Classes: 1000, Data: []Data{{Split: "val", Path: images}}, Models: entries,
		Shim: path, Device: device, Precision: precision, Python: python, ModelsDir: b.TempDir(), Seed: 1,
		Batch: size, GroupMemory: 8 << 30, Timing: 2 * time.Second, Log: func(s string) { b.Log(s) },
	}
	var first, last time.Time
	o.Progress = func(p Progress) {
		if first.IsZero() {
			first = time.Now() // files are made, models loaded and timed
		}
		last = time.Now()
	}
	res, err := Run(context.Background(), o)
	if err != nil || len(res.Failed) > 0 {
		b.Fatalf("%+v, %v", res, err)
	}
	if n > size {
		b.Logf("both models: %.0f images/s each", float64(n-size)/last.Sub(first).Seconds())
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range z.Models() {
		out, err := exec.Command(python, "-c", `
import sys, time, torch, torchvision
name, device, precision, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
m = torchvision.models.get_model(name).eval().to(device)
x = torch.randint(0, 256, (n, 3, 224, 224), dtype=torch.uint8, device=device)
def sync():
    if device != "cpu":
        torch.cuda.synchronize()
kind = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.bfloat16)
with torch.inference_mode(), torch.autocast(device.split(":")[0], dtype=kind, enabled=precision != "fp32"):
    for runs in (1, 3):
        sync(); begin = time.time()
        for _ in range(runs):
            m(x.float().div(255)).float().softmax(1).half().cpu()
        sync()
print(f"{n * runs / (time.time() - begin):.0f}")`, filepath.Base(m.Name), device, precision.String(), strconv.Itoa(size)).CombinedOutput()
		if err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		b.Logf("%s on %s, %s: %s images/s in batches of %s from Go, %s in Python", m.Name, m.Columns["device"], precision,
			m.Columns["throughput"], m.Columns["batch"], strings.TrimSpace(string(out)))
	}
}
