package ingest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func TestPermutation(t *testing.T) {
	t.Parallel()
	words := func(s string) []string { return strings.FieldsFunc(s, func(c rune) bool { return c == ',' }) }
	for _, c := range []struct {
		labels, names string
		want          []int
		says          string
	}{
		{"cat,dog,hen", "cat,dog,hen", nil, ""},
		{"Cat,Guinea pig,hen", "cat,guinea_pig,hen", nil, ""},
		{"dog,hen,cat", "cat,dog,hen", []int{2, 0, 1}, ""},
		{"", "cat,dog,hen", nil, ""},
		{"cat,dog", "", nil, ""},
		{"dog,cat", "cat,dog,hen", nil, ""}, // another width, which is refused elsewhere
		{"tench,crane,crane", "crane,tench,x", nil, "does not know 2 of those by name"},
		{"tench,crane,crane", "tench,crane,crane", nil, ""},
		{"tench,crane,crane", "crane,tench,crane", []int{1, 0, 2}, ""},
		{"cardigan,Cardigan,hen", "Cardigan,cardigan,hen", []int{1, 0, 2}, ""}, // ImageNet has both
		{"tench,goldfish,shark", "n01440764,n01443537,n01484850", nil, ""},
		{"cat,dog,others", "cat,dog,rest", nil, ""},
		{"dog,cat,others", "cat,dog,rest", nil, "does not know 1 of those by name: \"rest\"; it knows \"dog\", \"cat\", \"others\""},
	} {
		got, err := permutation(words(c.names), [][]string{words(c.labels)})
		if !slices.Equal(got, c.want) || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s for %s: %v, %v, want %v %q", c.labels, c.names, got, err, c.want, c.says)
		}
	}
}

// named writes a model of the fake shim whose file says what its outputs are called, and
// returns its line in a list.
func named(t *testing.T, dir, name, text string, labels []string, aliases ...[]string) string {
	t.Helper()
	meta, err := json.Marshal(map[string]any{
		"format": 3, "image_size": [2]int{8, 8}, "std": [3]int{1, 1, 1}, "crop_pct": 1, "crop_mode": "center",
		"interpolation": "bicubic", "classes": len(labels), "labels": labels, "aliases": aliases, "checkpoint": name,
	})
	if err != nil {
		t.Fatal(err)
	}
	// A zip archive may have text before it.
	model := []byte("fake " + text + "\n")
	var rest bytes.Buffer
	z := zip.NewWriter(&rest)
	z.SetOffset(int64(len(model)))
	w, err := z.Create("m/extra/encas.json")
	if err == nil {
		_, err = w.Write(meta)
	}
	if err = errors.Join(err, z.Close(), os.WriteFile(filepath.Join(dir, name+".pt"), append(model, rest.Bytes()...), 0o644)); err != nil {
		t.Fatal(err)
	}
	return name + ".pt\n"
}

// TestNamedOutputs is TestByName without torch: heads that are wider or narrower than the zoo,
// in another order, or of other names, beside the same with a file of classes.
func TestNamedOutputs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	words := strings.Fields
	if err := os.WriteFile(filepath.Join(dir, "map.csv"), []byte("output,class\n1,class4\n2,class0\n3,class3\n5,class1\n7,class2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	wide := words("x class4 class0 class3 y class1 z class2")
	text := named(t, dir, "wide", "seed 3 classes 8", wide) +
		named(t, dir, "alias", "seed 3 classes 8", words("0 1 2 3 4 5 6 7"), words("x CLASS4 class0 Class_3 y class1 z"), []string{"", "", "class0", "class3", "", "", "", "class2"}, []string{"", "class4", "class0", "class3", "", "class1", "", "class2"}) +
		named(t, dir, "soft", "softmax seed 3 classes 8", wide) +
		named(t, dir, "few", "seed 4 classes 3", words("class3 class0 class1")) +
		named(t, dir, "turned", "seed 5", words("class1 class2 class3 class4 class0")) +
		named(t, dir, "other", "seed 6 classes 6", words("class0 class1 class2 class3 p q")) +
		named(t, dir, "lies", "seed 6 classes 7", words("class0 class1 class2 class3 class4 x")) +
		"wide.pt name=file classes=map.csv\nsoft.pt name=soft-file classes=map.csv\n" +
		named(t, dir, "plain", "seed 5", words("a b c d e"))
	o := options(t, writeImages(t, 20), list(t, dir, text))
	var notes []string
	o.Log = func(s string) { notes = append(notes, s) }
	res := run(t, o)
	failed := failures(res)
	for name, want := range map[string]string{
		"other": `called "class0", "class1", "class2", "class3", ... (6 in all), and knows 4 of the zoo's 5 classes by name, not "class4"; write classes=FILE`,
		"lies":  "it gives 7 numbers an image, and names 6",
	} {
		if !strings.Contains(failed[name], want) {
			t.Errorf("%s: %q, want %q", name, failed[name], want)
		}
		delete(failed, name)
	}
	if len(failed) > 0 {
		t.Error(failed)
	}
	for _, want := range []string{
		"wide: 5 of its 8 outputs are classes of the zoo by name; the other 3 are left out",
		`few: 3 of its 3 outputs are classes of the zoo by name; no output is called "class2", "class4", which get probability 0`,
		"turned: its classes are in another order than the zoo's; they are matched by name",
	} {
		if !slices.Contains(notes, want) {
			t.Errorf("no note %q in %q", want, notes)
		}
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wide", "alias"} {
		if !slices.Equal(rows(t, z, name, "val"), rows(t, z, "file", "val")) {
			t.Errorf("%s: by name and by a file differ", name)
		}
		if got := column(t, o.Zoo, name, zoo.ColumnClassMap); got != byName {
			t.Errorf("%s: class_map is %q", name, got)
		}
	}
	if !slices.Equal(rows(t, z, "soft", "val"), rows(t, z, "soft-file", "val")) {
		t.Error("probabilities by name and by a file differ")
	}
	turned, plain := rows(t, z, "turned", "val"), rows(t, z, "plain", "val")
	for i := range turned {
		if row, class := i/5*5, i%5; turned[i] != plain[row+(class+4)%5] {
			t.Fatalf("turned: output %d is not that of its name", i)
		}
	}
	for row := range slices.Chunk(rows(t, z, "few", "val"), testClasses) {
		if row[2] != 0 || row[4] != 0 || row[0] == 0 || row[1] == 0 || row[3] == 0 {
			t.Fatalf("few: %v", row)
		}
	}
	if again := run(t, o); len(again.Skipped) != len(res.Added) {
		t.Errorf("again: %+v", again)
	}
}

// TestNamedByModels runs data that say no names: the zoo has those of the first model that
// names as many outputs as there are classes, whenever it comes.
func TestNamedByModels(t *testing.T) {
	t.Parallel()
	dir, words := t.TempDir(), strings.Fields
	images := pictures(t, map[string]string{"labels.csv": "a.png,0\nb.png,4\n", "a.png": "", "b.png": ""})
	wide := named(t, dir, "wide", "seed 3 classes 8", words("x ant bee cat dog elk y z"))
	right := named(t, dir, "right", "seed 4", words("ant bee cat dog elk"))
	turned := named(t, dir, "turned", "seed 4", words("elk ant bee cat dog"))
	plain := "right.pt name=plain classes=map.csv\n"
	if err := os.WriteFile(filepath.Join(dir, "map.csv"), []byte("output,class\n0,0\n1,1\n2,2\n3,3\n4,4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, lists := range [][]string{
		{wide + right + turned + plain}, // the smallest number of classes that has room for the labels
		{plain, right + turned + wide},  // a zoo that had no names
	} {
		o := options(t, images, nil)
		o.Zoo = filepath.Join(t.TempDir(), "zoo")
		if len(lists) > 1 {
			o.Classes = 5
		}
		said := 0
		o.Log = func(s string) {
			if s == `neither zoo nor data name the classes: they are called as right calls its outputs, "ant", "bee", "cat", "dog", ... (5 in all)` {
				said++
			}
		}
		for _, text := range lists {
			o.Models = list(t, dir, text)
			if res := run(t, o); len(res.Failed) > 0 {
				t.Fatalf("%q: %+v", text, res.Failed)
			}
		}
		z, err := zoo.Open(o.Zoo)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(z.ClassNames(), words("ant bee cat dog elk")) || said != 1 {
			t.Errorf("%q: classes %q, said %d times", lists, z.ClassNames(), said)
		}
		right, turned := rows(t, z, "right", "val"), rows(t, z, "turned", "val")
		for i := range turned {
			if row, class := i/5*5, i%5; turned[i] != right[row+(class+1)%5] {
				t.Fatalf("%q: output %d is not that of its name", lists, i)
			}
		}
	}
}

// Labels that are slips, or counted from 1, are told which they may be, and where they are.
func TestSlipsOfLabels(t *testing.T) {
	t.Parallel()
	images := map[string]string{"a.png": "", "b.png": "", "c.png": ""}
	with := func(labels string) string {
		all := maps.Clone(images)
		all["labels.csv"] = labels
		return pictures(t, all)
	}
	for _, c := range []struct {
		labels string
		names  []string
		says   string
	}{
		{"file,label\na.png,cat\nb.png,zebraa\nc.png,zebraa\n", []string{"cat", "dog", "zebra", "ant", "bee"}, `"zebraa" (labels.csv line 3) may be "zebra"`},
		{"a.png,Cat\nb.png,dog\nc.png,bee\n", []string{"cat", "dog", "zebra", "ant", "bee"}, `"Cat" (labels.csv line 1) may be "cat"`},
		{"a.png,1\nb.png,5\nc.png,3\n", nil, "counted from 0; the labels seem to be counted from 1: subtract 1 from each"},
	} {
		o := options(t, with(c.labels), fakes(t, "a"))
		o.Classes, o.ClassNames = 5, c.names
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.labels, err, c.says)
		}
	}
}

// TestNotesOfNames says of classes without an output why they have none.
func TestNotesOfNames(t *testing.T) {
	t.Parallel()
	var classes []string
	for i := range 98 {
		classes = append(classes, fmt.Sprintf("class%d", i))
	}
	outputs := append(slices.Clone(classes[:97]), "class96", "Crane") // class97 is missing
	classes = append(classes, "crane", "crane")
	dir := t.TempDir()
	images := pictures(t, map[string]string{"labels.csv": "a.png,0\nb.png,4\n", "a.png": "", "b.png": ""})
	o := options(t, images, list(t, dir, named(t, dir, "m", "seed 3 classes 99", outputs)))
	o.Classes, o.ClassNames = len(classes), classes
	var notes []string
	o.Log = func(s string) { notes = append(notes, s) }
	run(t, o)
	want := `m: 96 of its 99 outputs are classes of the zoo by name; the other 3 are left out; no output is called "class97", which get probability 0; ` +
		`one output is, and several classes are, called "crane", "crane", which get probability 0; several outputs are called "class96", which get probability 0`
	if !slices.Contains(notes, want) {
		t.Errorf("no note %q in %q", want, notes)
	}
}

// TestNamedMeanwhile names the classes of a zoo that another process has named since it was
// opened.
func TestNamedMeanwhile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "zoo")
	ours, err := zoo.Create(dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := theirs.Write()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.SetClassNames([]string{"cat", "dog"}), w.Close()); err != nil {
		t.Fatal(err)
	}
	said := ""
	r := &runner{o: Options{Zoo: dir, Log: func(s string) { said += s }}, zoo: ours, classes: 2}
	if err := r.nameClasses(t.Context(), []*planned{{name: "m", meta: export.Meta{Labels: []string{"dog", "cat"}}}}); err != nil {
		t.Fatal(err)
	}
	again, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"cat", "dog"}; !slices.Equal(again.ClassNames(), want) || said != "" {
		t.Errorf("the classes are called %q, want %q; it says %q", again.ClassNames(), want, said)
	}
}
