package ingest

import (
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// list reads a list of models in a folder.
func list(t testing.TB, dir, text string) []Entry {
	t.Helper()
	entries, err := ParseList(strings.NewReader(text), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// failures are the reasons of a result, by model.
func failures(res Result) map[string]string {
	out := map[string]string{}
	for _, f := range res.Failed {
		out[f.Model] = f.Reason.Error()
	}
	return out
}

// near compares the stored outputs of two models, within two steps of float16.
func near(t *testing.T, z *zoo.Zoo, a, b string) {
	t.Helper()
	x, y := rows(t, z, a, "val"), rows(t, z, b, "val")
	for i := range x {
		if d := math.Abs(value(x[i]) - value(y[i])); d > 1e-3*value(x[i])+1e-7*2 {
			t.Errorf("%s and %s: output %d is %v and %v", a, b, i, value(x[i]), value(y[i]))
			return
		}
	}
}

// TestHeads runs TorchScript files as people save them, right and wrong, over images. What
// a refusal advises is tried, too.
func TestHeads(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Python")
	}
	t.Parallel()
	python, shim := torchtest.Python(t), torchtest.Path(t)
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/heads.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("heads.py: %v\n%s", err, out)
	}
	var text strings.Builder
	want := map[string]string{} // what refuses a model; "" for one that is added
	for _, c := range []struct{ file, overrides, refused string }{
		{"logits", "", ""},
		{"logits", "activation=softmax", ""},
		{"logits", "activation=sigmoid", ""},
		{"logits", "activation=none", "activation=none means that its outputs are probabilities"},
		{"logits", "activation=log", "activation=log means that its outputs are logarithms"},
		{"softmax", "", ""},
		{"softmax", "activation=none", ""},
		{"softmax", "activation=softmax", "write activation=none in its line"},
		{"softmax", "activation=log", "activation=log means"},
		{"logsoftmax", "", ""},
		{"logsoftmax", "activation=log", ""},
		{"sigmoid", "", "write activation=sigmoid in its line"},
		{"sigmoid", "activation=sigmoid", ""},
		{"sigmoid", "activation=softmax", ""}, // if somebody insists
		{"sigmoid", "activation=none", "activation=sigmoid divides each row by its sum"},
		{"between", "", "sum to 1.2 an image"},
		{"percents", "", "look like percents"},
		{"flat", "", ""},
		{"few", "", "it gives 4 numbers an image, and the zoo has 5 classes"},
		{"one", "", "one number an image"},
		{"features", "", "it gives 384 numbers an image, and the zoo has 5 classes"},
		{"map", "", "has shape [1, 8, 6, 6] instead of [1, classes]"},
		{"dropout", "", "depends on chance"},
		{"noise", "", "depends on chance"},
		{"norm", "", "depends on the other images of the batch"},
		{"batch", "", "write batch=1 in its line"},
		{"batch", "batch=1", ""},
		{"scripted", "", ""}, // eval() reaches it
		{"single", "", ""},
		{"dynamic", "", ""},
		{"quantized", "", ""},
		{"quantized-single", "", ""},
		{"quantized", "gflops=0.25", ""},
	} {
		name := strings.TrimSpace(c.file + " " + c.overrides)
		fmt.Fprintf(&text, "%s.pt size=8 name=%q %s\n", c.file, name, c.overrides)
		want[name] = c.refused
	}
	var notes []string
	o := Options{
		Zoo: filepath.Join(dir, "zoo"), Data: []Data{{Split: "val", Path: writeImages(t, 20)}}, Models: list(t, dir, text.String()),
		Shim: shim, Device: "cpu", Batch: 8, Log: func(s string) { notes = append(notes, s) },
	}
	res := run(t, o)
	failed := failures(res)
	for name, refused := range want {
		reason, bad := failed[name]
		if bad != (refused != "") || !strings.Contains(reason, refused) {
			t.Errorf("%s: %q, want %q", name, reason, refused)
		}
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{"logits", "softmax"}, {"logits", "logsoftmax"}, {"logits", "logsoftmax activation=log"}, {"logits", "softmax activation=none"},
		{"logits", "logits activation=softmax"}, {"sigmoid activation=sigmoid", "logits activation=sigmoid"}, {"logits", "single"}, {"logits", "scripted"}, {"quantized", "quantized-single"},
	} {
		near(t, z, pair[0], pair[1])
	}
	for name, columns := range map[string]string{
		"logits":                     "activation= gflops=9.216e-06 gflops_from= batch=8",
		"softmax":                    "activation=none gflops=9.216e-06 gflops_from= batch=8",
		"logsoftmax activation=log":  "activation=log gflops=9.216e-06 gflops_from= batch=8",
		"sigmoid activation=sigmoid": "activation=sigmoid gflops=9.216e-06 gflops_from= batch=8",
		// A convolution of 8 times 27 weights at 4 x 4 places and 128 times 5 weights; and
		// 8 times 27 at 6 x 6, 288 times 5.
		"quantized":             "activation= gflops=4.096e-06 gflops_from= batch=8",
		"quantized gflops=0.25": "activation= gflops=0.25 gflops_from=given batch=8",
		"dynamic":               "activation= gflops=9.216e-06 gflops_from= batch=8",
		"quantized-single":      "activation= gflops=4.096e-06 gflops_from= batch=1",
		"single":                "activation= gflops=9.216e-06 gflops_from= batch=1",
		"batch batch=1":         "activation= gflops=9.216e-06 gflops_from= batch=1",
	} {
		m, err := z.Model(name)
		if err != nil {
			t.Error(err)
			continue
		}
		got := ""
		for _, column := range []string{"activation", "gflops", "gflops_from", "batch"} {
			got += " " + column + "=" + m.Columns[column]
		}
		if got[1:] != columns {
			t.Errorf("%s: %s, want %s", name, got[1:], columns)
		}
	}
	for _, note := range []string{
		"softmax: its outputs are probabilities (it ends with softmax) and are stored as they are",
		"single: runs one image at a time, as it does not run 8 at a time",
		"batch batch=1: its output for an image depends on the other images of the batch",
	} {
		if n := len(slices.DeleteFunc(slices.Clone(notes), func(s string) bool { return !strings.HasPrefix(s, note) })); n != 1 {
			t.Errorf("%d notes %q, want one, among %q", n, note, notes)
		}
	}

	// The same again: all there is, and nothing to do; another word for it is another model.
	if again := run(t, o); len(again.Skipped) != len(res.Added) || len(again.Added) > 0 {
		t.Errorf("again: %+v", again)
	}
	o.Models = list(t, dir, "logits.pt size=8 activation=sigmoid\nquantized.pt size=8 gflops=2")
	if got := failures(run(t, o)); !strings.Contains(got["logits"], "different activation") || !strings.Contains(got["quantized"], "different gflops") {
		t.Errorf("with other overrides: %v", got)
	}
}

// TestProbe is TestHeads without torch.
func TestProbe(t *testing.T) {
	t.Parallel()
	var notes []string
	o := options(t, writeImages(t, 20), fakes(t, "good", "chance: chance 900", "little: chance 1", "mixes: mixes", "alone: mixes |batch=1",
		"single: single", "softmax: softmax", "sigmoid: sigmoid", "again: sigmoid |activation=sigmoid", "log: log |activation=log", "free: free",
		"told: free |gflops=2", "narrow: classes 4"))
	o.Log = func(s string) { notes = append(notes, s) }
	res := run(t, o)
	got := failures(res)
	for name, want := range map[string]string{
		"chance": "depends on chance", "mixes": "depends on the other images", "sigmoid": "as after a sigmoid", "narrow": "it gives 4 numbers",
	} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 || len(res.Added) != 9 {
		t.Errorf("%+v", res)
	}
	for _, want := range []string{"single: runs one image at a time", "softmax: its outputs are probabilities", "alone: its output for an image depends", "free: none of its operators"} {
		if !slices.ContainsFunc(notes, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no note %q in %q", want, notes)
		}
	}
	if len(notes) != 4 {
		t.Errorf("notes %q", notes)
	}
}

// TestWidth takes the number of classes from the output of the first model that runs,
// unless its outputs may be features.
func TestWidth(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 6)
	data := t.TempDir()
	files, err := filepath.Glob(filepath.Join(images, "*", "*.png"))
	if err != nil || len(files) != 6 {
		t.Fatal(files, err)
	}
	var val strings.Builder
	for i, path := range files {
		name := fmt.Sprintf("%d.png", i)
		if err := os.Rename(path, filepath.Join(data, name)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&val, "%s %d\n", name, i%4)
	}
	if err := os.WriteFile(filepath.Join(data, "val.txt"), []byte(val.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	o := options(t, data, fakes(t, "text: broken", "features: classes 384", "dead: fail", "right: classes 5", "wrong: classes 6"))
	res := run(t, o)
	got := failures(res)
	if !slices.Equal(res.Added, []string{"right"}) || !strings.Contains(got["features"], "write --classes 384 if they are classes") || !strings.Contains(got["wrong"], "the zoo has 5 classes") {
		t.Errorf("%+v", res)
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil || z.Classes() != 5 {
		t.Errorf("%v, %v", z, err)
	}
	o.Zoo += "2"
	o.Classes = 384
	if res := run(t, o); !slices.Equal(res.Added, []string{"features"}) {
		t.Errorf("%+v", res)
	}
	o.Zoo += "3"
	o.Classes = 0
	o.Models = fakes(t, "features: classes 384")
	if res := run(t, o); len(res.Failed) != 1 {
		t.Errorf("%+v", res)
	}
	if _, err := os.Stat(o.Zoo); !os.IsNotExist(err) {
		t.Errorf("features made a zoo: %v", err)
	}
}

// column is what a zoo keeps of a model.
func column(t *testing.T, dir, model, name string) string {
	t.Helper()
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := z.Model(model)
	if err != nil {
		t.Fatal(err)
	}
	return m.Columns[name]
}

// TestFewAtATime looks at more images than run at a time before it takes outputs for those
// of a sigmoid: of two classes the logits of one image are easily in [0, 1].
func TestFewAtATime(t *testing.T) {
	t.Parallel()
	python, shim := torchtest.Python(t), torchtest.Path(t)
	dir := t.TempDir()
	if out, err := exec.Command(python, "-c", `
import sys, torch
class Two(torch.nn.Module):
    # The first image, whose mean is 128, gives 0.5 and 0.4.
    def forward(self, x):
        y = x.mean((1, 2, 3)) - 128 / 255
        return torch.stack([0.5 + 9 * y, 0.4 - 9 * y], 1)
torch.jit.trace(Two(), torch.rand(2, 3, 8, 8)).save(sys.argv[1])`, filepath.Join(dir, "two.pt")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for class, greys := range [][]uint8{{128, 250}, {20, 60}} {
		for i, grey := range greys {
			path := filepath.Join(dir, "images", fmt.Sprint(class), fmt.Sprintf("%d.png", i))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			m := image.NewGray(image.Rect(0, 0, 8, 8))
			for p := range m.Pix {
				m.Pix[p] = grey
			}
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(png.Encode(f, m), f.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, batch := range []int{1, 2, 3, 8} {
		res := run(t, Options{
			Zoo: filepath.Join(dir, fmt.Sprint("zoo", batch)), Data: []Data{{Split: "val", Path: filepath.Join(dir, "images")}},
			Models: list(t, dir, "two.pt size=8 crop_pct=1 mean=0,0,0 std=1,1,1"), Shim: shim, Device: "cpu", Batch: batch,
		})
		if len(res.Added) != 1 {
			t.Errorf("batch %d: %+v", batch, res)
		}
	}
}
