package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// TestOtherHeads runs TorchScript files with a background class and with the 21,841 outputs
// of ImageNet-21k on data of 1,000 classes, and compares every output with Python.
func TestOtherHeads(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Python")
	}
	t.Parallel()
	python, shim := torchtest.Python(t), torchtest.Path(t)
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/classmap.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("classmap.py: %v\n%s", err, out)
	}
	names, err := importer.ReadClassNames(filepath.Join(dir, "names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const text = `
background.pt size=64 crop_pct=1 classes=background-first
background-softmax.pt size=64 crop_pct=1 classes=background-first
wide.pt size=64 crop_pct=1 classes=names.csv
wide-softmax.pt size=64 crop_pct=1 classes=names.csv
wide-log.pt size=64 crop_pct=1 classes=names.csv activation=log
wide-sigmoid.pt size=64 crop_pct=1 classes=names.csv activation=sigmoid
`
	o := Options{
		Zoo: filepath.Join(dir, "zoo"), Classes: len(names), ClassNames: names,
		Data: []Data{{Split: "val", Path: filepath.Join(dir, "images")}}, Models: list(t, dir, text+`
background.pt size=64 name=unsaid
wide.pt size=64 name=wide-unsaid
wide.pt size=64 name=wide-background classes=background-first
wide.pt size=64 name=outside classes=outside.csv
wide.pt size=64 name=strange classes=strange.csv
`), Shim: shim, Device: "cpu", Batch: 8, Log: func(s string) { t.Log(s) },
	}
	res := run(t, o)
	failed := failures(res)
	for name, want := range map[string]string{
		"unsaid":          "it gives 1001 numbers an image, and the zoo has 1000 classes, one less: output 0 is often a background class; if it is, write classes=background-first in its line",
		"wide-unsaid":     "it gives 21841 numbers an image, and the zoo has 1000 classes",
		"wide-background": "classes=background-first means that it gives 1001 numbers",
		"outside":         "outside.csv names output 21841",
		"strange":         `"n00000000" is not a class`,
	} {
		if !strings.Contains(failed[name], want) {
			t.Errorf("%s: %q, want %q", name, failed[name], want)
		}
		delete(failed, name)
	}
	if len(failed) > 0 || len(res.Added) != 6 {
		t.Fatalf("added %q, failed %v", res.Added, failed)
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range z.Models() {
		data, err := os.ReadFile(filepath.Join(dir, m.Name+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		got := rows(t, z, m.Name, "val")
		want := make([]float32, 6*len(names))
		if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, want); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d outputs, want %d", m.Name, len(got), len(want))
		}
		for i, w := range want {
			// The exact float16 of w lies within half a step of it.
			step := math.Ldexp(1, max(math.Ilogb(max(float64(w), 1e-9)), -14)-10)
			if d := math.Abs(value(got[i]) - float64(w)); d > step/2+1e-7+1e-4*float64(w) {
				t.Errorf("%s: image %d, class %d: %v, in Python %v", m.Name, i/len(names), i%len(names), value(got[i]), w)
				break
			}
		}
		if worst := slices.Max(want); worst < 0.01 && m.Name != "wide-sigmoid" {
			t.Errorf("%s: no output above %v: the comparison shows little", m.Name, worst)
		}
	}

	// The same map in numbers is the same model, another map another one.
	o.Models = list(t, dir, strings.ReplaceAll(text, "names.csv", "numbers.csv"))
	if res := run(t, o); len(res.Skipped) != 6 {
		t.Errorf("again: %+v", res)
	}
	o.Models = list(t, dir, "wide.pt size=64 crop_pct=1 classes=other.csv")
	if got := failures(run(t, o))["wide"]; !strings.Contains(got, "different class_map") {
		t.Errorf("with another map: %q", got)
	}
	before := rows(t, z, "wide", "val")
	o.Replace = true
	if res := run(t, o); len(res.Added) != 1 {
		t.Errorf("replaced: %+v", res)
	}
	if z, err = zoo.Open(o.Zoo); err != nil {
		t.Fatal(err)
	}
	after := rows(t, z, "wide", "val")
	for i := range after {
		if row, class := i/1000*1000, i%1000; before[row+class] != after[row+(class+1)%1000] {
			t.Errorf("replaced: output %d is not that of the class before", i)
			break
		}
	}
}

// TestClassMap is TestOtherHeads without torch, and with fewer outputs than classes.
func TestClassMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"few.csv":   "output,class\n0,class4\n1,class1\n2,4\n",
		"six.csv":   "class,output\n0,1\n1,2\n2,3\n3,4\n4,5\n",
		"large.csv": "output,class\n0,5\n1,2\n",
		"empty.csv": "output,class\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t, writeImages(t, 20), fakes(t,
		"first: seed 3 classes 6 |classes=background-first",
		fmt.Sprintf("file: seed 3 classes 6 |classes=%q", filepath.Join(dir, "six.csv")),
		fmt.Sprintf("few: softmax classes 3 |classes=%q", filepath.Join(dir, "few.csv")),
		fmt.Sprintf("large: classes 6 |classes=%q", filepath.Join(dir, "large.csv")),
		fmt.Sprintf("empty: classes 6 |classes=%q", filepath.Join(dir, "empty.csv")),
		"plain: classes 6", "one: classes 1 |classes=background-first", "five: |classes=background-first"))
	var notes []string
	o.Log = func(s string) { notes = append(notes, s) }
	failed := failures(run(t, o))
	for name, want := range map[string]string{
		"large": "class 5, but there are 5 classes", "empty": "no output is mapped", "plain": "write classes=background-first in its line",
		"one": "one number an image", "five": "for the background and the zoo's 5 classes, and it gives 5",
	} {
		if !strings.Contains(failed[name], want) {
			t.Errorf("%s: %q, want %q", name, failed[name], want)
		}
		delete(failed, name)
	}
	if len(failed) > 0 {
		t.Error(failed)
	}
	if want := "few: few.csv makes no output one of 3 of the zoo's 5 classes, which get probability 0"; !slices.Contains(notes, want) {
		t.Errorf("no note %q in %q", want, notes)
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	if first, file := rows(t, z, "first", "val"), rows(t, z, "file", "val"); !slices.Equal(first, file) {
		t.Error("a background by name and by a file differ")
	}
	for row := range slices.Chunk(rows(t, z, "few", "val"), testClasses) {
		if row[0] != 0 || row[2] != 0 || row[3] != 0 || math.Abs(value(row[1])+value(row[4])-1) > 1e-3 {
			t.Fatalf("few: %v", row)
		}
	}
}

// What a file says of its outputs is about them, and not about the classes they are mapped to.
func TestHeadOfMeta(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ classes, want string }{
		{"", "3 [background a b]"},
		{BackgroundFirst, "2 [a b]"},
		{"map.csv", "0 []"},
	} {
		p := &planned{meta: export.Meta{Classes: 3, Labels: []string{"background", "a", "b"}}}
		head{classes: c.classes}.applyTo(p)
		if got := fmt.Sprint(p.meta.Classes, p.meta.Labels); got != c.want {
			t.Errorf("classes=%s: %s, want %s", c.classes, got, c.want)
		}
	}
}

// TestClassMapCounts makes a zoo whose number of classes a model with a background says,
// and one with a file does not.
func TestClassMapCounts(t *testing.T) {
	t.Parallel()
	images := pictures(t, map[string]string{"labels.csv": "a.png,0\nb.png,4\n", "a.png": "", "b.png": ""})
	path := filepath.Join(t.TempDir(), "map.csv")
	if err := os.WriteFile(path, []byte("output,class\n0,0\n1,4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := options(t, images, fakes(t, fmt.Sprintf("file: classes 2 |classes=%q", path), "first: classes 6 |classes=background-first"))
	if res := run(t, o); !strings.Contains(failures(res)["file"], "give their number with --classes") || !slices.Equal(res.Added, []string{"first"}) {
		t.Errorf("%+v", res)
	}
	if z, err := zoo.Open(o.Zoo); err != nil || z.Classes() != 5 {
		t.Errorf("%v, %v", z, err)
	}
	file := o.Models[:1]
	noted := false
	o.Log = func(s string) {
		noted = noted || strings.Contains(s, "plain has 6 outputs, and the labels go up to 4: if its output 0 is a background class")
	}
	o.Zoo, o.Models = o.Zoo+"1", fakes(t, "plain: classes 6")
	if res := run(t, o); len(res.Added) != 1 || !noted {
		t.Errorf("a background class perhaps: %+v, noted %v", res, noted)
	}
	o.Zoo, o.Classes, o.Models = o.Zoo+"2", 5, file
	if res := run(t, o); len(res.Added) != 1 {
		t.Errorf("with --classes: %+v", res)
	}
}
