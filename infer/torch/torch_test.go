package torch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

var (
	mean = [3]float32{0.485, 0.456, 0.406}
	std  = [3]float32{0.229, 0.224, 0.225}
)

const side = 24

func open(t testing.TB, path string) *torch.Shim {
	t.Helper()
	s, err := torch.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// modelsDir holds the models of testdata/models.py, once a test has asked for them.
var (
	modelsDir  string
	modelsOnce sync.Once
	modelsErr  error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if modelsDir != "" {
		os.RemoveAll(modelsDir)
	}
	os.Exit(code)
}

// models makes the models of testdata/models.py for all tests, which only read them.
func models(t *testing.T) string {
	t.Helper()
	python := torchtest.Python(t)
	modelsOnce.Do(func() {
		if modelsDir, modelsErr = os.MkdirTemp("", "encas-zoo-test-"); modelsErr != nil {
			return
		}
		if out, err := exec.Command(python, "testdata/models.py", modelsDir).CombinedOutput(); err != nil {
			modelsErr = fmt.Errorf("models.py: %v\n%s", err, out)
		}
	})
	if modelsErr != nil {
		t.Fatal(modelsErr)
	}
	return modelsDir
}

// half rounds a number in [0, 1] to float16 bits, to nearest even.
func half(f float32) uint16 {
	if f < 0x1p-14 {
		return uint16(math.RoundToEven(float64(f) * 0x1p24))
	}
	b := math.Float32bits(f)
	b += 0xFFF + b>>13&1
	return uint16(b>>13 - (127-15)<<10)
}

func TestModels(t *testing.T) {
	t.Parallel()
	shim := open(t, torchtest.Path(t))
	dir := models(t)
	pixels, err := os.ReadFile(filepath.Join(dir, "pixels.bin"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadFile(filepath.Join(dir, "names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for line := range strings.Lines(string(names)) {
		var name string
		var parameters int64
		var macs float64
		if _, err := fmt.Sscan(line, &name, &parameters, &macs); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			m, err := shim.Load(filepath.Join(dir, name+".pt"), "cpu", torch.Float32, 10)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			probs := make([]uint16, 20)
			err = m.Run(pixels, 2, side, side, mean, std, probs)
			if name == "raises" {
				if err == nil || !strings.Contains(err.Error(), "shape '[2, 7, 11, 13]' is invalid") || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, name+".bin"))
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, 20)
			binary.Read(bytes.NewReader(data), binary.LittleEndian, want)
			for i, w := range want {
				if name == "nan" {
					if probs[i]&0x7FFF <= 0x7C00 {
						t.Errorf("output %d: %04x, want NaN", i, probs[i])
					}
				} else if probs[i] != half(w) {
					t.Errorf("output %d: %04x, want %04x (%v)", i, probs[i], half(w), w)
				}
			}
			counts, err := m.Count(side, side)
			if err != nil || counts.MACs != macs {
				t.Errorf("%v multiply-adds, want %v (%v)", counts.MACs, macs, err)
			}
			extra := map[string]float64{
				"cnn":       2*12*12*8 + 5*12*12*8 + 24*24*4,
				"attention": 5 * 16 * 16,
			}[name]
			if counts.FVCore != macs+extra {
				t.Errorf("fvcore's count %v, want %v", counts.FVCore, macs+extra)
			}
			if n := m.Parameters(); n != parameters {
				t.Errorf("%d parameters, want %d", n, parameters)
			}
			one, err1 := m.Memory(1, side, side)
			eight, err8 := m.Memory(8, side, side)
			if err1 != nil || err8 != nil || one < side*side*3*4 || eight < 4*one {
				t.Errorf("memory %d for one image, %d for eight (%v %v)", one, eight, err1, err8)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	shim := open(t, torchtest.Path(t))
	dir := models(t)
	text := filepath.Join(t.TempDir(), "text.pt")
	if err := os.WriteFile(text, []byte("not a model"), 0o644); err != nil {
		t.Fatal(err)
	}
	linear := filepath.Join(dir, "linear.pt")
	for _, c := range []struct {
		path, device string
		p            torch.Precision
		want         error
		text         string
	}{
		{text, "cpu", torch.Float32, torch.ErrNotTorchScript, "text.pt"},
		{filepath.Join(dir, "absent.pt"), "cpu", torch.Float32, fs.ErrNotExist, "absent.pt"},
		{linear, "cpu", torch.Float16, nil, "float16 does not run on a CPU"},
		{linear, "toaster", torch.Float32, nil, "toaster"},
	} {
		_, err := shim.Load(c.path, c.device, c.p, 10)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s on %s: error %q, want %v with %q", c.path, c.device, err, c.want, c.text)
		}
	}
	if err := shim.Device("cpu"); err != nil {
		t.Error(err)
	}
	if err := shim.Device("toaster"); err == nil {
		t.Error("a toaster is a device")
	}
	m, err := shim.Load(linear, "cpu", torch.Float32, 11)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	pixels := make([]byte, side*side*3)
	if err := m.Run(pixels, 1, side, side, mean, std, make([]uint16, 11)); !errors.Is(err, torch.ErrBadOutput) || !strings.Contains(err.Error(), "[1, 10] instead of [1, 11]") {
		t.Errorf("10 classes for 11: %v", err)
	}
	if err := m.Run(pixels, 2, side, side, mean, std, make([]uint16, 22)); err == nil {
		t.Error("a short buffer was taken")
	}
	// More than any machine has.
	if _, err := m.Memory(1<<20, 1<<14, 1<<14); !errors.Is(err, torch.ErrOutOfMemory) {
		t.Errorf("3 PiB of images: %v", err)
	}
}

func TestBFloat16(t *testing.T) {
	t.Parallel()
	shim := open(t, torchtest.Path(t))
	dir := models(t)
	pixels, err := os.ReadFile(filepath.Join(dir, "pixels.bin"))
	if err != nil {
		t.Fatal(err)
	}
	var outputs [2][]uint16
	for i, p := range []torch.Precision{torch.Float32, torch.BFloat16} {
		m, err := shim.Load(filepath.Join(dir, "linear.pt"), "cpu", p, 10)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		outputs[i] = make([]uint16, 20)
		if err := m.Run(pixels, 2, side, side, mean, std, outputs[i]); err != nil {
			t.Fatal(err)
		}
	}
	different := 0
	for i := range outputs[0] {
		d := int(outputs[0][i]) - int(outputs[1][i])
		if d != 0 {
			different++
		}
		if max(d, -d) > 64 {
			t.Errorf("output %d: %04x in float32, %04x in bfloat16", i, outputs[0][i], outputs[1][i])
		}
	}
	if different == 0 {
		t.Error("bfloat16 changed nothing")
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	if _, err := torch.Open(filepath.Join(t.TempDir(), "none.so")); !errors.Is(err, torch.ErrNoShim) || !strings.Contains(err.Error(), "encas-zoo shim build") {
		t.Errorf("no file: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := torch.Open(text); !errors.Is(err, torch.ErrNoShim) {
		t.Errorf("a text file: %v", err)
	}
}

func TestFake(t *testing.T) {
	t.Parallel()
	shim := open(t, torchtest.Fake(t))
	path := filepath.Join(t.TempDir(), "m")
	if err := os.WriteFile(path, []byte("fake seed 3 most 2"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := shim.Load(path, "cpu", torch.Float32, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	probs := make([]uint16, 15)
	if err := m.Run(make([]byte, 3*12), 3, 2, 2, mean, std, probs); !errors.Is(err, torch.ErrOutOfMemory) {
		t.Errorf("three images: %v", err)
	}
	if err := m.Run(make([]byte, 2*12), 2, 2, 2, mean, std, probs[:10]); err != nil || probs[0] == 0 || probs[0] > 0x3C00 {
		t.Errorf("two images: %v, %04x", err, probs[0])
	}
}

// TestLeaks loads, runs and frees one model many times.
func TestLeaks(t *testing.T) {
	shim := open(t, torchtest.Path(t))
	dir := models(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	resident := func() (bytes int64) {
		status, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Skip(err)
		}
		var size int64
		fmt.Sscan(string(status), &size, &bytes)
		return bytes * int64(os.Getpagesize())
	}
	pixels, probs := make([]byte, 8*side*side*3), make([]uint16, 80)
	cycle := func(n int) {
		for i := range n {
			m, err := shim.Load(filepath.Join(dir, []string{"cnn.pt", "attention.pt"}[i%2]), "cpu", torch.Float32, 10)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Run(pixels, 8, side, side, mean, std, probs); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Count(side, side); err != nil {
				t.Fatal(err)
			}
			m.Close()
		}
	}
	cycle(50)
	before := resident()
	cycle(200)
	if after := resident(); after > before+16<<20 {
		t.Errorf("resident memory grew from %d to %d bytes over 200 models", before, after)
	} else {
		t.Logf("resident memory %d bytes before 200 models, %d after", before, after)
	}
}
