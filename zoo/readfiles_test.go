package zoo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A zoo that is read again reads what has changed, whichever way, and nothing else.
func TestReadAgain(t *testing.T) {
	t.Parallel()
	z := manyModels(t, 40)
	old := time.Now().Add(-time.Hour)
	var names []string
	load := func(models, damaged int) {
		t.Helper()
		if err := z.load(); err != nil {
			t.Fatal(err)
		}
		if len(z.Models()) != models || len(z.Damaged()) != damaged {
			t.Fatalf("%d models and %d damaged instead of %d and %d", len(z.Models()), len(z.Damaged()), models, damaged)
		}
	}
	load(40, 0)
	for _, m := range z.Models() {
		names = append(names, m.Name)
		if err := os.Chtimes(z.modelPath(slug(m.Name)), old, old); err != nil {
			t.Fatal(err)
		}
	}
	load(40, 0)

	// What is as it was is not read: its content is another one here, and nobody could know.
	path := z.modelPath(slug(names[0]))
	info, _ := os.Stat(path)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("}"), 0)
	f.Close()
	os.Chtimes(path, old, info.ModTime())
	load(40, 0)
	// Once it is new, it is.
	now := time.Now().Add(-time.Minute)
	os.Chtimes(path, now, now)
	load(39, 1)
	load(39, 1)
	// What has another time, size or place, too.
	other, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	w := write(t, other)
	for _, value := range []string{"1", "2", "3"} {
		if err := w.SetColumns(map[string]map[string]string{names[1]: {"price": value}}); err != nil {
			t.Fatal(err)
		}
		load(39, 1)
		if m, _ := z.Model(names[1]); m.Columns["price"] != value {
			t.Errorf("the price is %q instead of %s", m.Columns["price"], value)
		}
	}
	if err := w.RemoveModels(names[2], names[0]); err != nil {
		t.Fatal(err)
	}
	load(38, 0)
	// What was read just after it was written is read again, as it may have changed since within
	// one tick of the clock, and nothing else told.
	path = z.modelPath(slug(names[3]))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range []time.Duration{0, settled / 2, -time.Hour} { // the clock of a network may go ahead
		at := time.Now().Add(-since)
		for _, step := range []struct {
			content       byte
			good, damaged int
		}{{whole[0], 38, 0}, {'}', 37, 1}, {whole[0], 38, 0}, {'}', 37, 1}, {whole[0], 38, 0}} {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt([]byte{step.content}, 0)
			if err := errors.Join(err, f.Close(), os.Chtimes(path, at, at)); err != nil {
				t.Fatal(err)
			}
			load(step.good, step.damaged)
		}
	}
	// A model whose split has gone is damaged, though its file is as it was.
	if err := z.writeHead(nil); err != nil {
		t.Fatal(err)
	}
	load(0, 38)
	fresh, err := Open(z.Dir())
	if err != nil || len(fresh.Damaged()) != 38 {
		t.Errorf("%v, %v", fresh.Damaged(), err)
	}
}

// manyModels makes a zoo of so many models with as many facts as ingest writes, and without the
// files of their predictions.
func manyModels(b testing.TB, models int) *Zoo {
	z := newZoo(b, 1000, 50_000)
	if err := os.MkdirAll(filepath.Join(z.dir, "models"), 0o777); err != nil {
		b.Fatal(err)
	}
	for i := range models {
		m := Model{Name: fmt.Sprintf("hf_hub:owner%d/vit_base_patch16_224.augreg2_in21k_ft_in1k-%d", i%97, i), Columns: map[string]string{
			"activation": "", "architecture": "vit_base_patch16_224", "batch": "256", "checkpoint": fmt.Sprintf("%064x", i), "crop_mode": "center", "crop_pct": "0.9",
			"data:search": fmt.Sprintf("%064x", 7), "data:test": fmt.Sprintf("%064x", 8), "device": "NVIDIA H100 80GB HBM3", "gflops": fmt.Sprint(1 + i%400), "gflops_fvcore": "16.9",
			"image_size": "224x224", "interpolation": "bicubic", "latency_ms": "4.81", "library_version": "1.0.15", "license": "apache-2.0", "memory_mb": "1841", "params": "86567656",
			"precision": "fp32", "preprocessing": "resize 248 bicubic; center 224; mean 0.5,0.5,0.5; std 0.5,0.5,0.5", "recipe": `{"file": "x.pt", "size": [224, 224]}`, "source": "timm",
			"tag": "augreg2_in21k_ft_in1k", "throughput": "1832.1", "torch": "2.6.0+cu124",
		}, Splits: map[string]Archive{"search": {Rows: 50_000, Bytes: 70_123_456, SHA256: fmt.Sprintf("%064x", i)}}}
		path := z.modelPath(slug(m.Name))
		data, err := encodeJSON(path, modelJSON(m))
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			b.Fatal(err)
		}
	}
	return z
}
