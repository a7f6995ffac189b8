package importer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

func TestParseSplits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		texts []string
		want  []Cut
	}{
		{nil, nil},
		{[]string{"test"}, []Cut{{Split: "test"}}},
		{[]string{"search=0:5000", "test=5000:10000"}, []Cut{{Split: "search", To: 5000}, {Split: "test", From: 5000, To: 10000}}},
		{[]string{"search=:10", "test=10:"}, []Cut{{Split: "search", To: 10}, {Split: "test", From: 10, To: -1}}},
		{[]string{"all=:"}, []Cut{{Split: "all", To: -1}}},
		{[]string{"search=0.5", "test=.5"}, []Cut{{Split: "search", Share: 0.5}, {Split: "test", Share: 0.5}}},
		{[]string{"a=0.7", "b=0.2", "c=0.1"}, []Cut{{Split: "a", Share: 0.7}, {Split: "b", Share: 0.2}, {Split: "c", Share: 0.1}}},
		{[]string{"all=1"}, []Cut{{Split: "all", Share: 1}}},
		{[]string{"search=val", "test"}, []Cut{{Split: "search", Set: "val"}, {Split: "test"}}},
	} {
		got, err := ParseSplits(c.texts)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %+v, %v, want %+v", c.texts, got, err, c.want)
		}
	}
	for _, c := range []struct {
		texts []string
		says  []string
	}{
		{[]string{""}, []string{"cannot name a split"}},
		{[]string{"=0:5"}, []string{"cannot name a split"}},
		{[]string{"../x"}, []string{"../x", "cannot name a split"}},
		{[]string{".x"}, []string{"cannot name a split"}},
		{[]string{strings.Repeat("x", 65)}, []string{"cannot name a split"}},
		{[]string{"a="}, []string{"neither a range"}},
		{[]string{"a=x/y"}, []string{"neither a range"}},
		{[]string{"a=5:5"}, []string{"no rows"}},
		{[]string{"a=5:2"}, []string{"no rows"}},
		{[]string{"a=-1:2"}, []string{"-1", "not a row number"}},
		{[]string{"a=0:x"}, []string{`"x"`, "not a row number"}},
		{[]string{"a=0:99999999999"}, []string{"not a row number"}},
		{[]string{"a=0"}, []string{"share above 0"}},
		{[]string{"a=-0.5"}, []string{"share above 0"}},
		{[]string{"a=5000"}, []string{"share", "0:5000"}},
		{[]string{"a=nan"}, []string{"share"}},
		{[]string{"a=0.6", "b=0.5"}, []string{"sum to 1.1"}},
		{[]string{"a=0:5", "a=5:9"}, []string{"different names"}},
		{[]string{"a=0:5", "A=5:9"}, []string{"different names"}},
		{[]string{"a=0:5", "b=4:9"}, []string{`"a" and "b" overlap`}},
		{[]string{"a=5:", "b=0:6"}, []string{"overlap"}},
		{[]string{"a=5:", "b=7:"}, []string{"overlap"}},
		{[]string{"a=0:5", "b=0.5"}, []string{"range of rows", "share", "one kind"}},
		{[]string{"a=0:5", "b"}, []string{"one kind"}},
		{[]string{"a=0.5", "b=val"}, []string{"one kind"}},
	} {
		_, err := ParseSplits(c.texts)
		wantSays(t, err, c.says...)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	single := []Set{{Labels: make([]uint16, 10)}}
	own := []Set{{Name: "test", Labels: make([]uint16, 3)}, {Name: "val", Labels: make([]uint16, 4)}}
	for _, c := range []struct {
		name string
		sets []Set
		cuts []string
		want [][]uint8
	}{
		{"all", single, []string{"x"}, [][]uint8{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
		{"ranges", single, []string{"b=7:", "a=1:3"}, [][]uint8{{none, 1, 1, none, none, none, none, 0, 0, 0}}},
		{"own", own, nil, [][]uint8{{0, 0, 0}, {1, 1, 1, 1}}},
		{"own, one of them", own, []string{"val"}, [][]uint8{nil, {0, 0, 0, 0}}},
		{"own, mapped", own, []string{"search=val", "test"}, [][]uint8{{1, 1, 1}, {0, 0, 0, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cuts, err := ParseSplits(c.cuts)
			if err != nil {
				t.Fatal(err)
			}
			p, err := newPlan(c.sets, cuts, 1)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(p.of, c.want, slices.Equal) {
				t.Errorf("got %v, want %v", p.of, c.want)
			}
		})
	}
	for _, c := range []struct {
		name string
		sets []Set
		cuts []string
		says []string
	}{
		{"no cuts", single, nil, []string{"--split search"}},
		{"range too long", single, []string{"a=5:11"}, []string{"rows 5 to 10", "10 samples"}},
		{"range beyond", single, []string{"a=10:"}, []string{"10 samples"}},
		{"share too small", single, []string{"a=0.01"}, []string{"none of the 10 samples"}},
		{"two names", single, []string{"a", "b"}, []string{"all samples"}},
		{"no such own split", single, []string{"a=val"}, []string{`no "val"`}},
		{"range of own", own, []string{"a=0:2"}, []string{"test, val", "of its own"}},
		{"share of own", own, []string{"a=0.5"}, []string{"of its own"}},
		{"unknown", own, []string{"a=train"}, []string{`no split "train"`, "test, val"}},
		{"taken twice", own, []string{"a=val", "val"}, []string{"taken twice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cuts, err := ParseSplits(c.cuts)
			if err != nil {
				t.Fatal(err)
			}
			_, err = newPlan(c.sets, cuts, 1)
			wantSays(t, err, c.says...)
		})
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	counts := func(of []uint8) map[uint8]int {
		n := map[uint8]int{}
		for _, k := range of {
			n[k]++
		}
		return n
	}
	cuts := func(texts ...string) []Cut {
		c, err := ParseSplits(texts)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	cut := func(n int, seed uint64, texts ...string) []uint8 {
		of, err := cutRows(n, cuts(texts...), seed)
		if err != nil {
			t.Fatal(err)
		}
		return of
	}
	// Shares that sum to 1 leave no sample over, however they are rounded.
	for n := 3; n < 200; n++ {
		of := cut(n, 1, "a=0.34", "b=0.33", "c=0.33")
		if c := counts(of); c[none] != 0 || c[0]+c[1]+c[2] != n {
			t.Fatalf("%d samples: %v", n, c)
		}
	}
	if c := counts(cut(20683, 1, "a=0.5", "b=0.25")); c[0] != 10342 || c[1] != 5170 || c[none] != 5171 {
		t.Errorf("counts %v", c)
	}
	// The same seed gives the same samples on every machine, today and later.
	if got, want := cut(12, 7, "a=0.5", "b=0.5"), []uint8{0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("seed 7 gives %v, want %v", got, want)
	}
	if slices.Equal(cut(1000, 1, "a=0.5"), cut(1000, 2, "a=0.5")) {
		t.Error("the seed changes nothing")
	}
	// Every row is as likely as another: over many seeds each of 10 rows is drawn
	// about half of the times.
	drawn := make([]int, 10)
	for seed := range uint64(4000) {
		for i, k := range cut(10, seed, "a=0.5") {
			if k == 0 {
				drawn[i]++
			}
		}
	}
	for i, n := range drawn {
		if n < 1840 || n > 2160 { // 5 standard deviations
			t.Errorf("row %d is drawn %d times of 4000", i, n)
		}
	}
}

// Whatever the texts, what is accepted is consistent and can be applied.
func FuzzParseSplits(f *testing.F) {
	f.Add("search=0:5000 test=5000:")
	f.Add("a=0.5 b=0.5")
	f.Add("search=val test")
	f.Add("a=1e-300 b=:3 =")
	f.Fuzz(func(t *testing.T, text string) {
		cuts, err := ParseSplits(strings.Split(text, " "))
		if err != nil {
			return
		}
		p, err := newPlan([]Set{{Labels: make([]uint16, 100)}}, cuts, 1)
		if err != nil {
			return
		}
		for number := range p.names {
			if !slices.Contains(p.of[0], uint8(number)) {
				t.Fatalf("%q: split %q is empty", text, p.names[number])
			}
		}
	})
}

// Samples that another split of the zoo has already are noticed: drawn again they are
// refused, named they are warned of.
func TestSharedSamples(t *testing.T) {
	t.Parallel()
	src := mustOpen(t, "npy", OpenOptions{}, manyModels(t, 2, 400, 7))
	other := manyModels(t, 2, 400, 7) // other models, of the same samples
	for from, to := range map[string]string{"m0": "n0", "m1": "n1"} {
		if err := os.Rename(filepath.Join(other, from+".npy"), filepath.Join(other, to+".npy")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(other, "models.csv"), []byte("name,gflops\nn0,1\nn1,2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	z, _ := mustImport(t, dir, src, "search=0.5")
	before := z.Fingerprint()
	for _, c := range []struct {
		src    *Source
		splits []string
		says   string
	}{
		{src, []string{"test=0.5"}, `200 samples of the split "test" are in the zoo's split "search", too`},
		{src, []string{"test=0.25"}, "--split search=SHARE --split test=0.25"},
		{src, []string{"test=0.5", "cal=0.5"}, "200 samples"},
		{mustOpen(t, "npy", OpenOptions{}, other), []string{"test=0.5"}, "200 samples"},
	} {
		_, err := Import(t.Context(), dir, c.src, Options{Splits: mustCut(t, c.splits...), Seed: 1})
		wantSays(t, err, c.says)
	}
	if z, err := zoo.Open(dir); err != nil || z.Fingerprint() != before {
		t.Errorf("the zoo changed, %v", err)
	}
	if _, sum := mustImport(t, dir, src, "search=0.5", "test=0.5"); sum.Imported != 2 || len(sum.Warnings) > 2 {
		t.Errorf("%+v", sum)
	}
	_, sum := mustImport(t, dir, src, "again")
	if !slices.ContainsFunc(sum.Warnings, func(w string) bool {
		return strings.Contains(w, `200 samples of the split "again" are in the zoo's split "search"`)
	}) {
		t.Errorf("%q", sum.Warnings)
	}
}
