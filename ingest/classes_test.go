package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// pictures makes a folder of files that are copies of one small picture, or have the text
// given.
func pictures(t testing.TB, files map[string]string) string {
	t.Helper()
	picture, err := os.ReadFile("../infer/imaging/testdata/rgba.png")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		data := []byte(text)
		if text == "" {
			data = picture
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// oneEach makes a folder of class folders with one picture each.
func oneEach(t testing.TB, classes ...string) string {
	files := map[string]string{}
	for _, class := range classes {
		files[class+"/x.png"] = ""
	}
	return pictures(t, files)
}

// labelsOf are the labels of a split by the first folder of their ids.
func labelsOf(t testing.TB, dir, split string) map[string]uint16 {
	t.Helper()
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	labels, ids, err := z.Labels(split)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint16{}
	for i, id := range ids {
		folder, _, _ := strings.Cut(id, "/")
		out[folder] = labels[i]
	}
	return out
}

// Folders of 200 classes of 1,000, as ImageNet-A and ImageNet-R have them, are labelled by
// the names of a zoo, wherever these come from.
func TestSubsetOf1000Classes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var wnids []string // n, eight digits, all different
	for _, i := range rng.Perm(1000) {
		wnids = append(wnids, fmt.Sprintf("n%08d", 1440764+i*9973))
	}
	var subset []string
	want := map[string]uint16{}
	for _, i := range rng.Perm(1000)[:200] {
		subset = append(subset, wnids[i])
	}
	some := oneEach(t, subset...)

	// The names are a file's, in an order of its own.
	o := options(t, some, fakes(t, "a"))
	o.ClassNames = wnids
	run(t, o)
	for class, name := range wnids {
		if slices.Contains(subset, name) {
			want[name] = uint16(class)
		}
	}
	if got := labelsOf(t, o.Zoo, "val"); !maps.Equal(got, want) {
		t.Error("by names from a file: other labels")
	}

	// The names are those of the training folders: numbered in their order.
	o = options(t, oneEach(t, wnids...), fakes(t, "a"))
	o.Data = append(o.Data, Data{Split: "some", Path: some})
	slices.Reverse(o.Data)
	run(t, o)
	for name := range want {
		smaller := 0
		for _, other := range wnids {
			if other < name {
				smaller++
			}
		}
		want[name] = uint16(smaller)
	}
	if got := labelsOf(t, o.Zoo, "some"); !maps.Equal(got, want) {
		t.Error("by names of folders: other labels")
	}
	// And by those that the zoo has now.
	o.Data = []Data{{Split: "again", Path: some}}
	run(t, o)
	if got := labelsOf(t, o.Zoo, "again"); !maps.Equal(got, want) {
		t.Error("by names of the zoo: other labels")
	}
}

// The labels of such folders are those that Python works out from torchvision's numbers of
// all 1,000.
func TestSubsetAgainstTorchvision(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("imports torchvision")
	}
	python := torchtest.Python(t)
	rng := rand.New(rand.NewPCG(2, 2))
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("n%d", 1440764+i*9973)) // as text in another order than as numbers
	}
	var subset []string
	for _, i := range rng.Perm(1000)[:200] {
		subset = append(subset, names[i])
	}
	all, some := oneEach(t, names...), oneEach(t, subset...)
	o := options(t, some, fakes(t, "a"))
	o.Data = []Data{{Split: "some", Path: some}, {Split: "all", Path: all}}
	run(t, o)
	out, err := exec.Command(python, "-c", `
import json, os, sys, torchvision
number = torchvision.datasets.ImageFolder(sys.argv[1]).class_to_idx
print(json.dumps({name: number[name] for name in os.listdir(sys.argv[2])}))`, all, some).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]uint16
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	if got := labelsOf(t, o.Zoo, "some"); len(want) != 200 || !maps.Equal(got, want) {
		t.Errorf("%d labels, Python has %d, or others", len(got), len(want))
	}
}

func TestClasses(t *testing.T) {
	t.Parallel()
	numbers := func(from, to int, without ...string) (names []string) {
		for i := from; i <= to; i++ {
			if name := fmt.Sprint(i); !slices.Contains(without, name) {
				names = append(names, name)
			}
		}
		return names
	}
	file := func(labels ...string) map[string]string {
		files := map[string]string{"labels.csv": ""}
		for i, label := range labels {
			files["labels.csv"] += fmt.Sprintf("%d.png,%s\n", i, label)
			files[fmt.Sprintf("%d.png", i)] = ""
		}
		return files
	}
	for _, c := range []struct {
		name          string
		first, second []string          // class folders; the zoo is made of the first
		label         map[string]string // or files, instead of second
		classes       int               // --classes of the first run
		names         []string          // --class-names of the second
		want          string            // labels of the second, in the order of ids, or a part of the error
	}{
		{name: "another order", first: []string{"a", "b", "c"}, second: []string{"c", "a", "b"}, want: "0 1 2"},
		{name: "some of them", first: []string{"a", "b", "c"}, second: []string{"c", "b"}, want: "1 2"},
		{name: "composed otherwise", first: []string{"caf\u00e9", "tea"}, second: []string{"cafe\u0301", "tea"}, want: "0 1"},
		{name: "none of them", first: []string{"a", "b", "c"}, second: []string{"images"}, want: `"images" is none of the classes "a", "b", "c"`},
		{name: "as many others", first: []string{"a", "b"}, second: []string{"x", "y"}, want: `2 of 2 names ("x", "y") are none of the classes "a", "b"`},
		{name: "as many others, with their names", first: []string{"a", "b"}, second: []string{"x", "y"}, names: []string{"y", "x"}, want: "1 0"},
		{name: "one more", first: []string{"a", "b"}, second: []string{"a", "b", "c"}, want: `"c"`},
		{name: "names without a zoo's", first: numbers(0, 4), second: []string{"a", "b"}, want: "it is not known which of them these are"},
		{name: "names that are given", first: numbers(0, 4), second: []string{"a", "b"}, names: []string{"e", "b", "d", "a", "c"}, want: "3 1"},
		{name: "too few names", first: numbers(0, 4), second: []string{"a", "b"}, names: []string{"a", "b"}, want: "--class-names has 2 names, and the zoo 5 classes"},
		{name: "numbers for names", first: []string{"a", "b", "c"}, second: numbers(0, 2), want: "0 1 2"},
		{name: "a gap", first: numbers(0, 11), second: numbers(0, 11, "7"), want: "0 1 10 11 2 3 4 5 6 8 9"},
		{name: "a gap and names", first: []string{"a", "b", "c"}, second: numbers(0, 2, "1"), want: "0 2"},
		{name: "from 1, but no names", first: numbers(0, 11), second: numbers(1, 11), want: "it is not known which of them these are"},
		{name: "from 1, but names", first: []string{"a", "b", "c"}, second: numbers(1, 2), want: `("1", "2") are none of the classes "a"`},
		{name: "from 1 by name", first: numbers(1, 12), second: numbers(2, 11), want: "9 10 1 2 3 4 5 6 7 8"},
		{name: "leading zeros", first: numbers(1, 10), second: []string{"02", "10"}, want: "1 9"},
		{name: "from 1 in a file", first: numbers(1, 3), label: file("3", "1", "2"), want: "2 0 1"},
		{name: "from 0 in a file, not so in the zoo", first: numbers(1, 3), label: file("0", "1"), want: `("0") are none of the classes "1", "2", "3"`},
		{name: "numbers in a file", first: []string{"a", "b", "c"}, label: file("2", "0"), want: "2 0"},
		{name: "a number too large", first: []string{"a", "b", "c"}, label: file("2", "3"), want: "image 1.png has label 3 and the zoo 3 classes"},
		{name: "names in a file", first: []string{"a", "b", "c"}, label: file("c", "b", "c"), want: "2 1 2"},
		{name: "a name in a file that is none", first: []string{"a", "b", "c"}, label: file("c", "B", "c"), want: `1 of 2 names ("B") are none`},
		{name: "ambiguous", first: []string{"n1", "n2", "n3"}, second: []string{"crane", "crow"}, names: []string{"crane", "crane", "crow"}, want: `"crane" is the name of more than one class`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options(t, oneEach(t, c.first...), fakes(t, "a"))
			o.Classes = c.classes
			run(t, o)
			second := c.label
			if second == nil {
				second = map[string]string{}
				for _, class := range c.second {
					second[class+"/x.png"] = ""
				}
			}
			o.Data, o.ClassNames = []Data{{Split: "second", Path: pictures(t, second)}}, c.names
			_, err := Run(context.Background(), o)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want one with %q", err, c.want)
				}
				return
			}
			z, err := zoo.Open(o.Zoo)
			if err != nil {
				t.Fatal(err)
			}
			labels, ids, err := z.Labels("second")
			if err != nil {
				t.Fatal(err)
			}
			byID := map[string]uint16{}
			for i, id := range ids {
				byID[id] = labels[i]
			}
			var got []string
			for _, id := range slices.Sorted(slices.Values(ids)) {
				got = append(got, fmt.Sprint(byID[id]))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("labels %v of %q, want %s", got, slices.Sorted(slices.Values(ids)), c.want)
			}
		})
	}
}

// Two classes of ImageNet are called crane: the same list of names is the same classes, and
// of others' cranes it is not known which they are.
func TestClassesOfOneName(t *testing.T) {
	t.Parallel()
	names := []string{"crane", "crow", "crane"}
	set := &dataset.Set{Labels: []uint16{0, 1, 2}, ClassNames: names, Classes: 3}
	if class, note, err := Match(set, 3, [][]string{names}); class != nil || note != "" || err != nil {
		t.Errorf("%v, %q, %v", class, note, err)
	}
	set.ClassNames = []string{"crow", "crane", "crane"}
	if _, _, err := Match(set, 3, [][]string{names}); err == nil || !strings.Contains(err.Error(), `"crane" is the name of more than one class`) {
		t.Errorf("error %v", err)
	}
	set.Labels = []uint16{0, 0}
	if class, _, err := Match(set, 3, [][]string{names}); err != nil || !slices.Equal(class, []uint16{1}) {
		t.Errorf("%v, %v", class, err)
	}
}

// What a new zoo's classes are numbered by is said if it may be a surprise.
func TestNumberingIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folders []string
		want    string // of the log
	}{
		{[]string{"1", "2", "10"}, `in the order of the numbers that name them, "1", "2", "10"`},
		{[]string{"class1", "class2", "class10"}, `as text, as torchvision does, "class1", "class10", "class2"`},
		{[]string{"0", "1", "2"}, ""},
		{[]string{"n01", "n02", "n03"}, ""},
	} {
		o := options(t, oneEach(t, c.folders...), fakes(t, "a"))
		var said []string
		o.Log = func(note string) { said = append(said, note) }
		run(t, o)
		if got := strings.Join(said, "\n"); (c.want == "") != (got == "") || strings.Count(got, c.want) != 1 && c.want != "" {
			t.Errorf("%q: it says %q, want %q once", c.folders, got, c.want)
		}
	}
	// The numbers are their names, so another order can be stated.
	o := options(t, oneEach(t, "1", "2", "10"), fakes(t, "a"))
	o.ClassNames = []string{"1", "10", "2"}
	run(t, o)
	if got := labelsOf(t, o.Zoo, "val"); !maps.Equal(got, map[string]uint16{"1": 0, "10": 1, "2": 2}) {
		t.Errorf("labels %v", got)
	}
}

// TestNumbersAndNames reads label files with class numbers and their names: the names number a
// new zoo's classes and are matched with those of an old one, and what contradicts is refused.
func TestNumbersAndNames(t *testing.T) {
	t.Parallel()
	images := func(rows string) string {
		files := map[string]string{"labels.csv": "file,label,class_name\n" + rows}
		for _, row := range strings.Fields(rows) {
			file, _, _ := strings.Cut(row, ",")
			files[file] = ""
		}
		return pictures(t, files)
	}
	first := images("a.png,0,zebra\nb.png,1,cat\nc.png,2,dog\nd.png,3,hen\ne.png,4,ape\nf.png,1,cat\n")
	o := options(t, first, fakes(t, "a"))
	run(t, o)
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"zebra", "cat", "dog", "hen", "ape"}; !slices.Equal(z.ClassNames(), want) {
		t.Fatalf("the zoo's classes are %q, want %q", z.ClassNames(), want)
	}
	for i, c := range []struct {
		rows string
		want []uint16
		says string
	}{
		{"a.png,0,ape\nb.png,1,zebra\n", []uint16{4, 0}, ""}, // a list of its own
		{"a.png,4,ape\nb.png,2,dog\n", []uint16{4, 2}, ""},   // the zoo's
		{"a.png,4,Affe\nb.png,2,dog\n", []uint16{4, 2}, ""},  // in another language
		{"a.png,4,ape\nb.png,2,\n", []uint16{4, 2}, ""},      // not for all
		{"a.png,4,ape\nb.png,2,cat\n", nil, `"cat" is class 2 here and 1 in the zoo; leave out the column of numbers`},
		{"a.png,4,ape\nb.png,4,cat\n", nil, `class 4 is "ape" on line 2 and "cat" on line 3`},
		{"a.png,1,ape\nb.png,0,ape\n", nil, `"ape" is class 1 on line 2 and 0 on line 3`},
		{"a.png,0,ape\nb.png,1,cow\n", nil, `1 of 2 names ("cow") are none of the classes`},
	} {
		split := fmt.Sprintf("s%d", i)
		o.Data = []Data{{Split: split, Path: images(c.rows)}}
		_, err := Run(context.Background(), o)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v, want %q", c.rows, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.rows, err)
			continue
		}
		if z, err = zoo.Open(o.Zoo); err != nil {
			t.Fatal(err)
		}
		if labels, _, err := z.Labels(split); err != nil || !slices.Equal(labels, c.want) {
			t.Errorf("%q: labels %v, %v, want %v", c.rows, labels, err, c.want)
		}
	}
}

// TestManyClasses matches tens of thousands of names, of which hardly any is a class: an index
// is made once, and suggestions are given up.
func TestManyClasses(t *testing.T) {
	t.Parallel()
	const classes = 20000
	set := &dataset.Set{Classes: classes, Called: map[uint16]string{}}
	known, others := make([]string, classes), make([]string, classes)
	for i := range classes {
		known[i], others[i] = fmt.Sprintf("the class of number %d", i), fmt.Sprintf("die %d. der Klassen", i)
		set.Labels, set.IDs = append(set.Labels, uint16(i)), append(set.IDs, strconv.Itoa(i))
		set.Called[uint16(i)] = others[i]
	}
	within := func(what string, f func()) {
		t.Helper()
		begin := time.Now()
		f()
		if d := time.Since(begin); d > 60*time.Second {
			t.Errorf("%s took %v", what, d)
		}
	}
	within("numbers with other names", func() {
		if class, _, err := Match(set, classes, [][]string{known}); class != nil || err != nil {
			t.Errorf("%d classes, %v", len(class), err)
		}
	})
	set.ClassNames = others
	within("other names", func() {
		if _, _, err := Match(set, classes, [][]string{known}); err == nil || !strings.Contains(err.Error(), "20000 of 20000 names") {
			t.Error(err)
		}
	})
}
