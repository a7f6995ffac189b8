package ingest

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// TestByName runs ImageNet heads of 1,000, 11,221, 11,821, 21,841 and 21,843 outputs with
// random weights on images in folders of synsets, and compares every output with what timm's
// lists of synsets make of it in Python.
func TestByName(t *testing.T) {
	if testing.Short() {
		t.Skip("exports networks")
	}
	t.Parallel()
	python, shim := torchtest.Python(t), torchtest.Path(t)
	if err := exec.Command(python, "-c", "from timm.data import ImageNetInfo").Run(); err != nil {
		t.Skipf("%s has no timm", python)
	}
	dir, models := t.TempDir(), t.TempDir()
	list21k := []string{"vit_tiny_patch16_224.augreg_in21k", "mobilenetv3_large_100.miil_in21k", "convnext_nano.in12k"}
	usual := []string{"resnet10t.c3_in1k", "torchvision/squeezenet1_1"}
	out, err := exec.Command(python, append([]string{"testdata/byname.py", "../infer/export", dir, "11", "wide"}, append(list21k, usual...)...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("byname.py: %v\n%s", err, out)
	}
	names, err := importer.ReadClassNames(filepath.Join(dir, "names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	line := func(name string) string { return name + " size=64\n" }
	lines := func(names []string) (text string) {
		for _, name := range names {
			text += line(name)
		}
		return text
	}
	wide := "wide.pt size=64 classes=imagenet\n"
	sorted := slices.Sorted(slices.Values(names)) // as ImageNetHead numbers them
	for _, c := range []struct {
		name, images, models string
		classes              int
		names                []string // of the data
		file                 string   // what Python gives
		order, in            []string // the synsets of the zoo's classes, and of those of the file
		says                 []string // notes
	}{
		{"names", "images", lines(list21k) + lines(usual) + wide, 0, names, ".bin", names, names, []string{
			"vit_tiny_patch16_224.augreg_in21k: 999 of its 21843 outputs are classes of the zoo by name; the other 20844 are left out; no output is called \"n04399382\"",
			"convnext_nano.in12k: 993 of its 11821 outputs",
			"resnet10t.c3_in1k: its classes are in another order than the zoo's; they are matched by name",
		}},
		{"few", "words", lines(usual) + wide, 0, nil, ".few.bin", make([]string, 6), make([]string, 6), []string{
			"torchvision/squeezenet1_1: 6 of its 1000 outputs are classes of the zoo by name; the other 994 are left out",
		}},
		{"some of ImageNet", "images", lines(list21k[:1]) + lines(usual), 0, nil, ".bin", sorted, names, []string{
			"the classes of the data are some of ImageNet's 1,000, by their WordNet ids: they are numbered as there",
		}},
		{"numbered", "numbers", lines(usual[1:]) + lines(usual[:1]) + wide, 0, nil, ".bin", sorted, names, []string{
			"they are called as torchvision/squeezenet1_1 calls its outputs, \"tench\"", "wide: 999 of its 21841 outputs",
		}},
	} {
		var notes []string
		o := Options{
			Zoo: filepath.Join(dir, "zoo "+c.name), Classes: c.classes, ClassNames: c.names, Data: []Data{{Split: "val", Path: filepath.Join(dir, c.images)}},
			Models: list(t, dir, c.models), Shim: shim, Device: "cpu", Python: python, ModelsDir: models, Seed: 11, Batch: 8,
			Log: func(s string) { notes = append(notes, s) },
		}
		res := run(t, o)
		for _, f := range res.Failed {
			// The teddy bear is one of six: too many to go without.
			if c.name != "few" || f.Model != "wide" || !strings.Contains(f.Reason.Error(), `knows 5 of the zoo's 6 classes by name, not "teddy"`) {
				t.Errorf("%s: %s: %v", c.name, f.Model, f.Reason)
			}
		}
		for _, want := range c.says {
			if !strings.Contains(strings.Join(notes, "\n"), want) {
				t.Errorf("%s: no note %q in:\n%s", c.name, want, strings.Join(notes, "\n"))
			}
		}
		z, err := zoo.Open(o.Zoo)
		if err != nil {
			t.Fatal(err)
		}
		if z.Classes() != len(c.order) || z.ClassNames() == nil {
			t.Fatalf("%s: %d classes, %d names", c.name, z.Classes(), len(z.ClassNames()))
		}
		for _, m := range z.Models() {
			got := rows(t, z, m.Name, "val")
			for i, row := range expected(t, filepath.Join(dir, strings.ReplaceAll(m.Name, "/", "-")+c.file), z.Classes()) {
				for k, w := range row {
					class := k
					if c.in[k] != c.order[k] {
						class = slices.Index(c.order, c.in[k])
					}
					if g := value(got[i*len(row)+class]); math.Abs(g-float64(w)) > 1e-3*float64(w)+2e-7 {
						t.Fatalf("%s: %s: image %d, class %d: %v, in Python %v", c.name, m.Name, i, class, g, w)
					}
				}
			}
		}
		if again := run(t, o); len(again.Skipped) != len(res.Added) {
			t.Errorf("%s: again: %+v", c.name, again)
		}
	}
}

// expected reads rows of float32.
func expected(t *testing.T, path string, width int) (out [][]float32) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]float32, len(data)/4)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, all); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(slices.Chunk(all, width))
}
