package export

import (
	"context"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// TestPretrained exports models with weights from the libraries' own caches, made up
// for the test: the file holds those weights, and says whose they are.
func TestPretrained(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	python := torchtest.Python(t)
	for library, cases := range map[string][]struct{ name, tag, license string }{
		"torchvision": {{"resnet18", "IMAGENET1K_V1", "bsd-3-clause"}},
		"timm": {
			{"resnet18.a1_in1k", "a1_in1k", "apache-2.0"},
			{"hf_hub:timm/resnet18.a1_in1k", "made_up", "cc0-1.0"},
		},
	} {
		t.Run(library, func(t *testing.T) {
			if err := exec.Command(python, "-c", "import "+library).Run(); err != nil {
				t.Skipf("%s has no %s", python, library)
			}
			home := t.TempDir()
			t.Setenv("TORCH_HOME", filepath.Join(home, "torch"))
			t.Setenv("HF_HOME", filepath.Join(home, "huggingface"))
			t.Setenv("HF_HUB_OFFLINE", "1")
			out, err := exec.Command(python, "testdata/pretrained.py", library).Output()
			if err != nil {
				t.Fatal(err)
			}
			checkpoint := strings.TrimSpace(string(out))
			e := New(python, nil)
			defer e.Close()
			for _, c := range cases {
				file := filepath.Join(home, "model.pt")
				meta, err := e.Export(context.Background(), Request{Source: library, Name: c.name, Pretrained: true, Out: file})
				if err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
				if meta.Checkpoint != checkpoint || !meta.Pretrained || meta.Tag != c.tag || meta.License != c.license || meta.Classes != 1000 {
					t.Errorf("%s: %+v, want the weights %s, the tag %s and the licence %s", c.name, meta, checkpoint, c.tag, c.license)
				}
				if read, err := ReadMeta(file); err != nil || !reflect.DeepEqual(read, meta) {
					t.Errorf("%s: in the file %+v (%v)", c.name, read, err)
				}
				random, err := e.Export(context.Background(), Request{Source: library, Name: c.name, Out: file, Seed: 3})
				if err != nil || random.Checkpoint == checkpoint || random.Pretrained {
					t.Errorf("%s with random weights: %+v, %v", c.name, random, err)
				}
			}
			if library == "timm" {
				_, err := e.Export(context.Background(), Request{Name: "resnet34.a1_in1k", Pretrained: true, Out: filepath.Join(home, "x.pt")})
				if err == nil || !strings.Contains(err.Error(), "cache") {
					t.Errorf("weights that are not there: %v", err)
				}
			}
		})
	}
}
