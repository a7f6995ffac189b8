package demo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// writeImages writes images of two classes, of which one is brighter, in MNIST's form.
func writeImages(t *testing.T, dir string, n int) string {
	t.Helper()
	const side = 28
	write := func(name string, shape []int, data []byte) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte{0, 0, 8, byte(len(shape))})
		for _, d := range shape {
			binary.Write(w, binary.BigEndian, uint32(d))
		}
		w.Write(data)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	labels, pixels := make([]byte, n), make([]byte, n*side*side)
	for i := range labels {
		labels[i] = byte(i % 2)
		for j := range side * side {
			pixels[i*side*side+j] = byte((i*7919+j*104729)%128) + 100*labels[i]
		}
	}
	write("train-labels-idx1-ubyte.gz", []int{n}, labels)
	return write("train-images-idx3-ubyte.gz", []int{n, side, side}, pixels)
}

// TestTrain trains both supernets for two epochs, and one again that is killed after the
// first: it ends with the same weights.
func TestTrain(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	python, dir := torchtest.Python(t), t.TempDir()
	images := writeImages(t, dir, 256)
	train := func(table, out string) *exec.Cmd {
		cmd := exec.Command(python, "train.py", table+".json", images, "--out", out, "--epochs", "2", "--batch", "64")
		cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
		return cmd
	}
	for _, table := range []string{"attentive", "mobile"} {
		if out, err := train(table, filepath.Join(dir, table+".pth")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	again := filepath.Join(dir, "again.pth")
	killed := train("attentive", again)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(again + ".part"); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) || time.Since(begun) > 2*time.Minute {
			t.Fatalf("no checkpoint: %v", err)
		}
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.Wait()
	out, err := train("attentive", again).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("epoch 1/2")) {
		t.Fatalf("it does not go on: %v\n%s", err, out)
	}
	const compare = `
import sys, torch
a, b = (torch.load(path)["state_dict"] for path in sys.argv[1:])
assert list(a) == list(b)
assert all(torch.equal(a[k], b[k]) for k in a), "other weights"
assert all(torch.isfinite(v).all() for v in a.values())
`
	if out, err := exec.Command(python, "-c", compare, filepath.Join(dir, "attentive.pth"), again).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
