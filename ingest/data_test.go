package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// Broken images are all named before a model runs and before there is a split, and can be
// dropped for good.
func TestBrokenImages(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 12 {
		files[fmt.Sprintf("a/%02d.png", i)] = "broken"
		files[fmt.Sprintf("b/%02d.png", i)] = ""
	}
	images := pictures(t, files)
	o := options(t, images, fakes(t, "a"))
	_, err := Run(context.Background(), o)
	for _, want := range []string{"12 of 24 images", "--skip-broken", "a/00.png: not a JPEG", "a/09.png", "and 2 more"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "a/10.png") {
			t.Fatalf("error %v, want one with %q", err, want)
		}
	}
	if _, err := os.Stat(o.Zoo); err == nil {
		t.Error("there is a zoo")
	}
	o.SkipBroken = true
	run(t, o)
	before := contents(t, o.Zoo)
	if got := labelsOf(t, o.Zoo, "val"); len(got) != 1 || got["b"] != 1 {
		t.Errorf("labels %v", got)
	}
	if res := run(t, o); len(res.Skipped) != 1 {
		t.Errorf("the same again: %+v", res)
	}
	o.Models = append(o.Models, fakes(t, "x", "b")[1])
	if res := run(t, o); len(res.Added) != 1 || contents(t, o.Zoo)["split val"] != before["split val"] {
		t.Errorf("with a further model: %+v", res)
	}
	for i := range 12 {
		os.Remove(filepath.Join(images, fmt.Sprintf("b/%02d.png", i)))
	}
	o.Zoo += "2"
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "none of its 12 images") {
		t.Errorf("error %v", err)
	}
}

// A run that ended before its first model was done leaves nothing that binds the next one.
func TestMendedData(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 20)
	o := options(t, images, fakes(t, "a: fail"))
	if res := run(t, o); len(res.Failed) != 1 {
		t.Fatalf("%+v", res)
	}
	if err := os.Remove(filepath.Join(images, "class0", "0000.png")); err != nil {
		t.Fatal(err)
	}
	o.Models = fakes(t, "a")
	if res := run(t, o); len(res.Added) != 1 {
		t.Fatalf("%+v", res)
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := z.Split("val"); err != nil || s.Samples != 19 {
		t.Errorf("%+v, %v", s, err)
	}
	// Now there is a model, and the split stays as it is.
	if err := os.Remove(filepath.Join(images, "class1", "0001.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "already has 19 samples, not 18") {
		t.Errorf("error %v", err)
	}
}

// Neither do the classes of a run without a model.
func TestMendedClasses(t *testing.T) {
	t.Parallel()
	fails, works := fakes(t, "a: fail"), fakes(t, "a")
	o := options(t, oneEach(t, "cat", "dog", "junk"), fails)
	o.Data = append(o.Data, Data{Split: "other", Path: o.Data[0].Path})
	run(t, o)
	o.Data, o.Models = []Data{{Split: "val", Path: oneEach(t, "dog", "fox")}}, works
	if res := run(t, o); len(res.Added) != 1 {
		t.Fatalf("%+v", res)
	}
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	if z.Classes() != 2 || !slices.Equal(z.ClassNames(), []string{"dog", "fox"}) || len(z.Splits()) != 1 {
		t.Errorf("%d classes %q, splits %v", z.Classes(), z.ClassNames(), z.Splits())
	}
	contents(t, o.Zoo)

	// What does not contradict stays: two runs may begin a zoo together.
	o.Zoo += "2"
	o.Data, o.Models = []Data{{Split: "val", Path: oneEach(t, "dog", "fox")}}, fails
	run(t, o)
	o.Data, o.Models = []Data{{Split: "more", Path: oneEach(t, "0", "1")}}, works
	run(t, o)
	if z, err = zoo.Open(o.Zoo); err != nil || len(z.Splits()) != 2 || z.ClassNames() == nil {
		t.Errorf("classes %q, splits %v, %v", z.ClassNames(), z.Splits(), err)
	}
}

// A split that another process replaces while a model runs does not get its rows.
func TestSplitReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	o := options(t, writeImages(t, 20), fakes(t, "a: sleep 2000"))
	replaced := false
	o.Progress = func(p Progress) {
		if replaced || len(p.Models) == 0 {
			return
		}
		replaced = true
		z, err := zoo.Open(o.Zoo)
		if err != nil {
			t.Error(err)
			return
		}
		w, err := z.Write()
		if err != nil {
			t.Error(err)
			return
		}
		defer w.Close()
		if err := w.AddSplit("val", make([]uint16, 20), nil); err != nil {
			t.Error(err)
		}
	}
	res, err := Run(context.Background(), o)
	if err != nil || len(res.Failed) != 1 || !strings.Contains(res.Failed[0].Reason.Error(), "split val was removed from the zoo or replaced") {
		t.Errorf("%+v, %v", res, err)
	}
	contents(t, o.Zoo)
}

// ids are the sample ids of a split.
func ids(t *testing.T, dir, split string) []string {
	t.Helper()
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	names, err := z.IDs(split)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSharesOfOneSet(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 50)
	o := options(t, images, fakes(t, "a"))
	o.Seed = 3
	o.Data = []Data{{Split: "search", Path: images, Share: 0.5}, {Split: "test", Path: images + "/", Share: 0.3}}
	run(t, o)
	search, test := ids(t, o.Zoo, "search"), ids(t, o.Zoo, "test")
	if len(search) != 25 || len(test) != 15 {
		t.Errorf("shares of %d and %d images", len(search), len(test))
	}
	for _, id := range test {
		if slices.Contains(search, id) {
			t.Errorf("%s is in both", id)
		}
	}
	before := contents(t, o.Zoo)
	if res := run(t, o); len(res.Skipped) != 1 {
		t.Errorf("the same again: %+v", res)
	}
	again := o
	again.Zoo += "2"
	run(t, again)
	if got := contents(t, again.Zoo); got["split search"] != before["split search"] || got["a on test"] != before["a on test"] {
		t.Error("the same command gives other shares")
	}
	for _, c := range []struct {
		data []Data
		want string
	}{
		{[]Data{{Split: "more", Path: images, Share: 0.5}}, "images of the share for split more are in split search already; these have 0.8 of its images, so that a share of 0.5 is more than is left; for other shares, draw all anew in one command"},
		{[]Data{{Split: "more", Path: images, Share: 0.1}}, "already; only what is left, 0.2, can be drawn beside them, if all are named in one command, in this order: --data search=" + images + ":0.5 --data test="},
		{[]Data{{Split: "more", Path: images, Share: 0.2}, {Split: "again", Path: images, Share: 0.2}}, "are in split search already; name all of them in one command, in this order: --data search=" + images + ":0.5 --data test=" + images + ":0.3 --data more=" + images + ":0.2 --seed 3"},
		{[]Data{{Split: "more", Path: images, Share: 0.2}, {Split: "search", Path: images, Share: 0.4}}, "the share for split more goes with another one for split search than it has already; name all of them in one command, in this order: --data search="},
		{[]Data{{Split: "more", Path: images, Share: 0.5}, {Split: "rest", Path: images, Share: 0.6}}, "its shares sum to 1.1, which is more than 1"},
		{[]Data{{Split: "more", Path: images, Share: 0.5}, {Split: "rest", Path: images}}, "split rest takes all of it"},
	} {
		o.Data = c.data
		if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.data, err, c.want)
		}
	}
	// What it says works.
	o.Data = []Data{{Split: "search", Path: images, Share: 0.5}, {Split: "test", Path: images, Share: 0.3}, {Split: "more", Path: images, Share: 0.2}}
	run(t, o)
	if more := ids(t, o.Zoo, "more"); len(more) != 10 || !slices.Equal(ids(t, o.Zoo, "search"), search) {
		t.Errorf("a further share of %d images", len(more))
	}
	// Other images of the same names are no overlap.
	o.Data = []Data{{Split: "other", Path: writeImages(t, 60), Share: 0.5}}
	for _, id := range slices.Concat(search, test) {
		path := filepath.Join(o.Data[0].Path, id)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, 0), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, o)
}

// TestSharesBesideNamesakes draws a share that overlaps an earlier one, beside a split of other
// images with the same names that comes before it.
func TestSharesBesideNamesakes(t *testing.T) {
	t.Parallel()
	images, namesakes := writeImages(t, 50), writeImages(t, 50)
	files, err := filepath.Glob(filepath.Join(namesakes, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, append(data, 0), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	o := options(t, images, fakes(t, "a"))
	o.Data = []Data{{Split: "before", Path: namesakes}, {Split: "search", Path: images, Share: 0.5}}
	run(t, o)
	o.Data = []Data{{Split: "test", Path: images, Share: 0.4}}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "images of the share for split test are in split search already") {
		t.Errorf("a share that overlaps another one: %v", err)
	}
}

// TestOrders lists the orders in which shares are tried: each once, their own first.
func TestOrders(t *testing.T) {
	t.Parallel()
	all := orders(3)
	seen := map[string]bool{}
	for _, order := range all {
		if !slices.Equal(slices.Sorted(slices.Values(order)), []int{0, 1, 2}) {
			t.Errorf("%v is no order", order)
		}
		seen[fmt.Sprint(order)] = true
	}
	if len(seen) != 6 || len(all) != 6 || !slices.Equal(all[0], []int{0, 1, 2}) {
		t.Errorf("%v", all)
	}
}

// The images of all splits are read in one go: what is done never falls, and ends with all.
func TestReadingProgress(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 30)
	o := options(t, images, fakes(t, "a"))
	o.Data = []Data{{Split: "search", Path: images, Share: 0.5}, {Split: "test", Path: images, Share: 0.5}}
	var done, total int64
	o.Progress = func(p Progress) {
		if len(p.Models) > 0 {
			return
		}
		if p.Done < done || total != 0 && p.Total != total {
			t.Errorf("%d of %d after %d of %d", p.Done, p.Total, done, total)
		}
		done, total = p.Done, p.Total
	}
	run(t, o)
	if done != 30 || total != 30 {
		t.Errorf("in the end %d of %d", done, total)
	}
}
