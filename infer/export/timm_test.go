package export

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// TestTimm exports models of timm with random weights, and asks for some that are no
// classifiers or are misspelt.
func TestTimm(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	python := torchtest.Python(t)
	if err := exec.Command(python, "-c", "import timm").Run(); err != nil {
		t.Skipf("%s has no timm", python)
	}
	e := New(python, nil)
	defer e.Close()
	file := filepath.Join(t.TempDir(), "model.pt")
	for _, c := range []struct {
		source, name, sizeOf string
		size                 *[2]int
		image, train         int
	}{
		{"timm", "resnet18", "", nil, 288, 224},
		{"", "resnet18.a1_in1k", "test", nil, 288, 224},
		{"", "resnet18.a1_in1k", "train", nil, 224, 224},
		{"", "resnet18", "train", &[2]int{64, 64}, 64, 224},
		{"timm", "vit_tiny_patch16_224", "test", nil, 224, 224},
	} {
		meta, err := e.Export(context.Background(), Request{Source: c.source, Name: c.name, Size: c.size, SizeOf: c.sizeOf, Out: file})
		if err != nil || meta.Classes != 1000 || meta.ImageSize != [2]int{c.image, c.image} || meta.TrainSize != [2]int{c.train, c.train} {
			t.Errorf("%+v: %+v, %v", c, meta, err)
		}
	}
	for name, want := range map[string]string{
		"vit_small_patch14_dinov2":           "it has no classifier",
		"vit_base_patch16_clip_224.openai":   "it has no classifier: its 512 outputs are an embedding",
		"resnet18.a1_in1kk":                  "timm knows no weights resnet18.a1_in1kk; did you mean resnet18.a1_in1k",
		"resnet18.zzz":                       "timm knows no weights resnet18.zzz; it has resnet18.",
		"resnt18":                            "timm knows no model resnt18; did you mean resnet18",
		"efficientnet_b0.ra_in1k.and_so_on":  "timm knows no weights",
		"something_of_a_kind_that_is_no_net": "timm knows no model something_of_a_kind_that_is_no_net",
	} {
		_, err := e.Export(context.Background(), Request{Source: "timm", Name: name, Out: file})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := e.Export(context.Background(), Request{Name: "resnt18", Out: file}); err == nil || !strings.Contains(err.Error(), "neither timm nor torchvision knows a model resnt18; did you mean resnet18") {
		t.Errorf("a bare name: %v", err)
	}
}
