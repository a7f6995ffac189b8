package tuning

import (
	"context"
	"errors"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest/augment"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
)

// colours are pictures of noise around one colour for each class.
func colours(t *testing.T, n int) string {
	t.Helper()
	dir, r := t.TempDir(), rand.New(rand.NewPCG(3, 4))
	for i := range n {
		class := i % testClasses
		m := image.NewRGBA(image.Rect(0, 0, 12, 12))
		for p := range m.Pix {
			m.Pix[p] = uint8(r.IntN(200))
			if p%4 == class {
				m.Pix[p] += 50
			}
			if p%4 == 3 {
				m.Pix[p] = 255
			}
		}
		path := filepath.Join(dir, "class"+strconv.Itoa(class), strconv.Itoa(i)+".png")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, m), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTorch trains a table from nothing until it tells three colours apart: in one go, and
// interrupted once, which gives the same weights; then it fine-tunes what came out.
func TestTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	dir := t.TempDir()
	table := filepath.Join(dir, "tiny.json")
	if err := os.WriteFile(table, []byte(`{"name": "tiny", "resolutions": [8, 12], "stem": {"widths": [8, 16], "stride": 2, "activation": "relu"},
		"stages": [{"widths": [16], "depths": [1, 2], "kernels": [3, 5], "expansions": [2], "stride": 2, "activation": "h-swish", "se": true}],
		"head": {"kind": "mix", "widths": [32], "activation": "relu"}, "shortcut": "identity", "shrink": "matrix", "genes": "block",
		"eps": 1e-5, "calibration": "biased",
		"images": {"mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2], "interpolation": "bilinear", "crop": 1}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	r := Request{
		Options: Options{Settings: Settings{Epochs: 6, Batch: 16, Momentum: .9, Decay: 1e-4, Sandwich: true, Average: 2, Augment: augment.Options{Shift: 1, Flip: true}, Seed: 1}, Device: "cpu", Threads: 1, Workers: 2},
		File:    table, Data: colours(t, 96), Python: torchtest.Python(t), Library: torchtest.Path(t),
	}
	r.Log = func(note string) { t.Log(note) }
	train := func(ctx context.Context, r Request, out string) (meta export.Meta, last Progress, err error) {
		r.Out = filepath.Join(dir, out)
		report := r.Progress
		r.Progress = func(p Progress) {
			last = p
			if report != nil {
				report(p)
			}
		}
		meta, err = Run(ctx, r)
		return meta, last, err
	}
	whole, last, err := train(t.Context(), r, "whole.pt")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("loss %.3f", last.Loss)
	if !(last.Loss < .3) {
		t.Errorf("the loss is still %v", last.Loss)
	}
	if len(whole.Labels) != testClasses || whole.Labels[2] != "class2" || !whole.Pretrained {
		t.Errorf("its metadata: %+v", whole)
	}

	ctx, cancel := context.WithCancel(t.Context())
	interrupted := r
	interrupted.Progress = func(p Progress) {
		if p.Done >= 5*96 {
			cancel()
		}
	}
	if _, _, err := train(ctx, interrupted, "parts.pt"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	parts, _, err := train(t.Context(), r, "parts.pt")
	if err != nil || parts.Checkpoint != whole.Checkpoint {
		t.Errorf("interrupted it gives %s and not %s (%v)", parts.Checkpoint, whole.Checkpoint, err)
	}

	tune := r
	tune.File, tune.Epochs, tune.Average, tune.Augment.CutMix = filepath.Join(dir, "whole.pt"), 1, 0, .5
	tuned, _, err := train(t.Context(), tune, "tuned.pt")
	if err != nil || tuned.Checkpoint == whole.Checkpoint {
		t.Errorf("fine-tuned: %s, %v", tuned.Checkpoint, err)
	}

	// As a model the file is its largest subnet, which knows the colours.
	set, err := dataset.Open(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	shim := openShim(t, r.Library)
	m, err := shim.Load(filepath.Join(dir, "whole.pt"), "cpu", torch.Float32, testClasses)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	reader, correct := set.NewReader(), 0
	defer reader.Close()
	for i := range set.Len() {
		img, err := reader.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		logits, _, err := m.Outputs(img.Pix, 1, 12, 12, [3]float32{.4, .4, .4}, [3]float32{.2, .2, .2}, nil, testClasses)
		if err != nil {
			t.Fatal(err)
		}
		best := 0
		for c, v := range logits {
			if v > logits[best] {
				best = c
			}
		}
		if best == int(set.Labels[i]) {
			correct++
		}
	}
	if correct < 90 {
		t.Errorf("as a model it tells %d of %d", correct, set.Len())
	}
}
