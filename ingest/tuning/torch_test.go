package tuning

import (
	"context"
	"errors"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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

// tinyTable writes a table of a small supernet.
func tinyTable(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(`{"name": "tiny", "resolutions": [8, 12], "stem": {"widths": [8, 16], "stride": 2, "activation": "relu"},
		"stages": [{"widths": [16], "depths": [1, 2], "kernels": [3, 5], "expansions": [2], "stride": 2, "activation": "h-swish", "se": true}],
		"head": {"kind": "mix", "widths": [32], "activation": "relu"}, "shortcut": "identity", "shrink": "matrix", "genes": "block",
		"eps": 1e-5, "calibration": "biased",
		"images": {"mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2], "interpolation": "bilinear", "crop": 1}}`), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTorch trains a table from nothing until it tells three colours apart: in one go, and
// interrupted once, which gives the same weights; then it fine-tunes what came out.
func TestTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	dir := t.TempDir()
	table := filepath.Join(dir, "tiny.json")
	tinyTable(t, table)
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

// TestKilledOnTorch kills a process that trains a network, by SIGKILL at random moments, most of
// them after some checkpoint; it ends with the weights of one that was not killed.
func TestKilledOnTorch(t *testing.T) {
	request := func(dir, data, python, library string) Request {
		return Request{
			Options: Options{Settings: Settings{Epochs: 8, Batch: 16, Momentum: .9, Decay: 1e-4, Sandwich: true, Average: 3, Augment: augment.Options{Crop: .3, Flip: true, CutMix: .5, RandAugment: 9}, Seed: 1}, Device: "cpu", Threads: 1, Workers: 1, Every: 1},
			File:    filepath.Join(dir, "start.pt"), Data: data, Out: filepath.Join(dir, "out.pt"), Python: python, Library: library, Log: func(string) {},
		}
	}
	const folder, data, library = "ENCAS_TEST_FOLDER", "ENCAS_TEST_DATA", "ENCAS_TEST_LIBRARY"
	if dir := os.Getenv(folder); dir != "" {
		if _, err := Run(context.Background(), request(dir, os.Getenv(data), "", os.Getenv(library))); err != nil {
			t.Fatal(err)
		}
		return
	}
	if testing.Short() {
		t.Skip("trains a network")
	}
	python, lib, dir, images := torchtest.Python(t), torchtest.Path(t), t.TempDir(), colours(t, 96)
	tinyTable(t, filepath.Join(dir, "tiny.json"))
	start := request(dir, images, python, lib)
	start.File, start.Out, start.Epochs, start.Average = filepath.Join(dir, "tiny.json"), filepath.Join(dir, "start.pt"), 1, 0
	if _, err := Run(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	whole, err := Run(t.Context(), request(dir, images, python, lib))
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	out := filepath.Join(dir, "out.pt")
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	kills, resumed := 0, 0
	for {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledOnTorch$")
		cmd.Env = append(os.Environ(), folder+"="+dir, data+"="+images, library+"="+lib)
		var text strings.Builder
		cmd.Stdout, cmd.Stderr = &text, &text
		before, _ := os.Stat(out + ".part")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var failed error
		ended := make(chan struct{})
		go func() { defer close(ended); failed = cmd.Wait() }()
		next := func() bool { // a checkpoint
			now, err := os.Stat(out + ".part")
			return err == nil && (before == nil || now.ModTime() != before.ModTime())
		}
		for kills < 8 && !next() {
			select {
			case <-ended:
			case <-time.After(time.Millisecond):
				continue
			}
			break
		}
		if kills < 8 {
			time.Sleep(time.Duration(r.Float64() * float64(took) / 10))
			cmd.Process.Kill()
		}
		<-ended
		if failed == nil {
			break
		}
		if kills++; kills > 8 {
			t.Fatalf("%v\n%s", failed, text.String())
		}
		if _, err := os.Stat(out + ".part"); err == nil {
			resumed++
		}
	}
	t.Logf("killed %d times, %d of them with a checkpoint", kills, resumed)
	if kills < 5 || resumed < 3 {
		t.Errorf("killed %d times, %d of them with a checkpoint", kills, resumed)
	}
	if meta, err := export.ReadMeta(out); err != nil || meta.Checkpoint != whole.Checkpoint {
		t.Errorf("killed %d times it gives %s and not %s (%v)", kills, meta.Checkpoint, whole.Checkpoint, err)
	}
}
