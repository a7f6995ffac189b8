package export

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// mobile is a table of a small network.
func mobile() supernet.Table {
	return supernet.Table{
		Name: "mobile", License: "MIT", Resolutions: []int{20, 28}, Stem: supernet.Stem{Widths: []int{8, 12}, Stride: 2, Activation: supernet.Swish},
		Stages: []supernet.Stage{
			{Widths: []int{12}, Depths: []int{1}, Kernels: []int{3}, Expansions: []int{1}, Stride: 1, Activation: supernet.ReLU},
			{Widths: []int{16}, Depths: []int{1, 2}, Kernels: []int{3, 5, 7}, Expansions: []int{1, 2}, Stride: 2, Activation: supernet.HSwish, SE: true},
		},
		Head: supernet.Head{Kind: supernet.ExpandMix, Factor: 2, Widths: []int{32}, Activation: supernet.HSwish}, Shortcut: supernet.Identity,
		Shrink: supernet.Matrix, Genes: supernet.ByBlock, Eps: 1e-5, Calibration: supernet.Biased,
		Images: supernet.Images{Mean: [3]float64{.5, .5, .5}, Std: [3]float64{.5, .5, .5}, Interpolation: "bicubic", Crop: .875},
	}
}

// TestSupernetWeights exports one supernet from files with the names of several programs,
// and damaged ones.
func TestSupernetWeights(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("exports networks")
	}
	python, dir, table := torchtest.Python(t), t.TempDir(), mobile()
	text, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	described := filepath.Join(dir, "table.json")
	if err := os.WriteFile(described, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, "testdata/supernet_weights.py", "supernet.py", described, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	e := New(python, nil)
	defer e.Close()
	ctx, out := context.Background(), filepath.Join(dir, "out.pt")
	var first Meta
	for _, name := range []string{"plain", "ofa", "attentive", "encas", "namespace"} {
		meta, err := e.Supernet(ctx, SupernetRequest{Table: table, Weights: filepath.Join(dir, name), Out: out})
		// The safe loader of an old torch reads no numbers beside tensors.
		if (name == "encas" || name == "namespace") && err != nil && strings.Contains(err.Error(), "export with torch 2.4 or newer") {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		read, err := ReadMeta(out)
		if err != nil || read.Checkpoint != meta.Checkpoint || read.Supernet.Name != "mobile" || read.Classes != 7 || !read.Pretrained || read.License != "MIT" || read.ImageSize != [2]int{28, 28} || read.CropPct != 0.875 {
			t.Errorf("%s: %+v, %v", name, read, err)
		}
		if first.Checkpoint == "" {
			first = meta
		}
		if meta.Checkpoint != first.Checkpoint || meta.Checkpoint == "" {
			t.Errorf("%s holds other weights: %+v", name, meta)
		}
	}
	other, err := e.Supernet(ctx, SupernetRequest{Table: table, Weights: filepath.Join(dir, "plain"), Classes: 3, License: "own", Out: out})
	if err != nil || other.Classes != 3 || other.License != "own" || other.Checkpoint == first.Checkpoint {
		t.Errorf("a new head: %+v, %v", other, err)
	}
	// What is not a supernet's file stays.
	letter := filepath.Join(dir, "letter")
	if err := os.WriteFile(letter, []byte("Dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = e.Supernet(ctx, SupernetRequest{Table: table, Weights: filepath.Join(dir, "plain"), Out: letter})
	if text, errRead := os.ReadFile(letter); err == nil || errRead != nil || string(text) != "Dear" {
		t.Errorf("another file: %v; now it is %.10q", err, text)
	}
	// The same weights under another table are another network.
	table.Eps *= 2
	other, err = e.Supernet(ctx, SupernetRequest{Table: table, Weights: filepath.Join(dir, "plain"), Out: out})
	if identity, errRead := Checkpoint(out); err != nil || errRead != nil || other.Checkpoint != first.Checkpoint || identity == first.Identity() || identity != other.Identity() {
		t.Errorf("another table: %+v, %v, %v", other, err, errRead)
	}
	table.Eps /= 2
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"lacks":  "the file lacks first_conv.conv.weight",
		"extra":  "the table has no place for blocks.9.conv.extra.weight",
		"shape":  "the file has another shape of first_conv.conv.weight (1x3x3x3, not 12x3x3x3)",
		"nan":    "first_conv.conv.weight has numbers that are not finite",
		"twice":  "two tensors are first_conv.conv.weight",
		"words":  "note is no tensor",
		"list":   "holds no state dict",
		"empty":  "holds no state dict",
		"runs":   "cannot be read as weights alone, and what else is pickled is not run",
		"script": "is TorchScript, which runs code when it is loaded",
		"pickle": "cannot be read as weights alone",
		"text":   "cannot be read as weights alone",
		"absent": "no such file or directory",
	} {
		_, err := e.Supernet(ctx, SupernetRequest{Table: table, Weights: filepath.Join(dir, name), Out: out})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"ran", "out.pt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("there is a file %s", name)
		}
	}
	if names, _ := filepath.Glob(out + ".*"); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	table.Eps = 0
	if _, err := e.Supernet(ctx, SupernetRequest{Table: table, Out: out}); err == nil || !strings.Contains(err.Error(), "eps: 0") {
		t.Errorf("a bad table: %v", err)
	}
}

// TestSupernetSeeds makes random weights.
func TestSupernetSeeds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("exports networks")
	}
	e := New(torchtest.Python(t), nil)
	defer e.Close()
	hash := func(seed uint64) string {
		m, err := e.Supernet(context.Background(), SupernetRequest{Table: mobile(), Seed: seed, Out: filepath.Join(t.TempDir(), "x.pt")})
		if err != nil || m.Pretrained || m.Classes != 1000 {
			t.Fatalf("%+v, %v", m, err)
		}
		return m.Checkpoint
	}
	if a := hash(1); a != hash(1) || a == hash(2) {
		t.Error("weights do not follow from the seed")
	}
}

func TestNoSupernet(t *testing.T) {
	t.Parallel()
	if _, err := new(Meta).Space(); err != ErrNoSupernet {
		t.Errorf("a file of one model: %v", err)
	}
	table := mobile()
	table.Stages = nil
	if _, err := (&Meta{Classes: 3, Supernet: &table}).Space(); err == nil {
		t.Error("a bad table in a file was taken")
	}
}
