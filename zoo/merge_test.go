package zoo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const mergeClasses = 20

// A part describes a zoo to be merged.
type part struct {
	classes int
	names   []string
	splits  map[string]int               // samples
	labels  map[string][]uint16          // others than usual
	ids     map[string][]string          // likewise
	models  map[string]map[string]uint64 // name, split: the seed of the outputs
	columns map[string]map[string]string // of models
	lists   []string                     // models without full outputs
}

// make writes the zoo.
func (p part) make(t testing.TB, dir string) *Zoo {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if p.classes == 0 {
		p.classes = mergeClasses
	}
	z, err := Create(dir, p.classes)
	must(err)
	w := write(t, z)
	if p.names != nil {
		must(w.SetClassNames(p.names))
	}
	for split, n := range p.splits {
		labels := randomLabels(n, p.classes)
		if p.labels[split] != nil {
			labels = p.labels[split]
		}
		must(w.AddSplit(split, labels, p.ids[split]))
	}
	for name, splits := range p.models {
		m := Model{Name: name, Columns: map[string]string{"gflops": "1"}}
		for column, value := range p.columns[name] {
			m.Columns[column] = value
		}
		if slices.Contains(p.lists, name) {
			lists := map[string]Lists{}
			for split, seed := range splits {
				lists[split] = BuildLists(randomRows(seed, p.splits[split], p.classes), p.classes)
			}
			must(w.AddIndexOnly(m, lists))
			continue
		}
		mw, err := w.NewModel(m)
		must(err)
		for split, seed := range splits {
			writeRows(t, mw, split, randomRows(seed, p.splits[split], p.classes))
		}
		must(mw.Commit())
	}
	must(w.Close())
	return z
}

// merged merges zoos and opens the result, which must be undamaged.
func merged(t *testing.T, dir string, zoos ...*Zoo) (*Zoo, Merged) {
	t.Helper()
	result, err := Merge(t.Context(), dir, zoos, MergeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	z, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return z, result
}

// usual is the splits of most parts.
var usual = map[string]int{"search": 50, "test": 30}

func TestMerge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := part{splits: usual, models: map[string]map[string]uint64{"a": {"search": 1, "test": 2}, "both": {"search": 3}},
		columns: map[string]map[string]string{"both": {"latency_ms": "1", "data:search": "x"}}}.make(t, filepath.Join(dir, "a"))
	b := part{splits: map[string]int{"search": 50, "test": 30, "pool": 7}, models: map[string]map[string]uint64{"b/1": {"search": 4}, "both": {"search": 3, "test": 5}},
		columns: map[string]map[string]string{"both": {"latency_ms": "2", "data:search": "x", "data:test": "y"}}}.make(t, filepath.Join(dir, "b"))
	lists := part{splits: usual, models: map[string]map[string]uint64{"list": {"search": 6}}, lists: []string{"list"}}.make(t, filepath.Join(dir, "c"))
	empty := part{splits: map[string]int{"search": 49}}.make(t, filepath.Join(dir, "empty"))

	repairs := notes
	var notes []string
	out := filepath.Join(dir, "out")
	result, err := Merge(t.Context(), out, []*Zoo{a, empty, b, lists}, MergeOptions{Note: func(text string) { notes = append(notes, text) }})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b/1", "both", "list"}; !slices.Equal(result.Added, want) || len(result.Skipped)+len(result.Failed) > 0 || result.Copied > 0 || result.Linked == 0 {
		t.Errorf("%+v", result)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "the split search of "+empty.Dir()) || !strings.Contains(notes[1], "latency_ms of 1 models") {
		t.Errorf("notes: %q", notes)
	}
	// The others can go.
	for _, z := range []*Zoo{a, b, lists, empty} {
		for _, m := range z.Models() {
			for split, archive := range m.Splits {
				if archive.IndexOnly {
					continue
				}
				source, err1 := os.Stat(z.archivePath(split, m.Name, false))
				target, err2 := os.Stat(filepath.Join(out, "archive", split, slug(m.Name)+".parquet"))
				if err := errors.Join(err1, err2); err != nil {
					t.Fatal(err)
				}
				if m.Name != "both" && !os.SameFile(source, target) {
					t.Errorf("%s on %s was copied", m.Name, split)
				}
			}
		}
		if err := os.RemoveAll(z.Dir()); err != nil {
			t.Fatal(err)
		}
	}
	z, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	said := repairs(z)
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, z, "lock", "zoo.json", "splits/search.parquet", "splits/test.parquet", "splits/pool.parquet",
		"models/{a}.json", "models/{b/1}.json", "models/{both}.json", "models/{list}.json",
		"archive/search/{a}.parquet", "archive/search/{b/1}.parquet", "archive/search/{both}.parquet", "archive/test/{a}.parquet", "archive/test/{both}.parquet",
		"index/search/{a}.index.arrow", "index/search/{b/1}.index.arrow", "index/search/{both}.index.arrow", "index/search/{list}.arrow", "index/test/{a}.index.arrow", "index/test/{both}.index.arrow")
	for _, test := range []struct {
		model, split string
		seed         uint64
	}{{"a", "search", 1}, {"a", "test", 2}, {"b/1", "search", 4}, {"both", "search", 3}, {"both", "test", 5}} {
		want := randomRows(test.seed, usual[test.split], mergeClasses)
		if !slices.Equal(readAll(t, z, test.model, test.split), want) {
			t.Errorf("%s on %s: other rows", test.model, test.split)
		}
		if !sameLists(openIndexOf(t, z, test.split, test.model).Lists(test.model), BuildLists(want, mergeClasses)) {
			t.Errorf("%s on %s: other lists", test.model, test.split)
		}
	}
	if !sameLists(openIndexOf(t, z, "search", "list").Lists("list"), BuildLists(randomRows(6, 50, mergeClasses), mergeClasses)) {
		t.Error("list: other lists")
	}
	if both, _ := z.Model("both"); both.Columns["latency_ms"] != "1" || both.Columns["data:test"] != "y" {
		t.Errorf("columns of both: %v", both.Columns)
	}
	if slices.ContainsFunc(*said, func(note string) bool { return !strings.Contains(note, "lists of the 32 largest classes alone") }) {
		t.Errorf("the zoo had to repair something: %q", *said)
	}
}

// Models of further zoos are added to a zoo that there is, and the same call again changes
// nothing. The result does not depend on how often it is called.
func TestMergeAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	models := func(seeds ...uint64) map[string]map[string]uint64 {
		all := map[string]map[string]uint64{}
		for _, s := range seeds {
			all[fmt.Sprint("m", s)] = map[string]uint64{"search": s}
		}
		return all
	}
	a := part{splits: usual, models: models(1, 2)}.make(t, filepath.Join(dir, "a"))
	b := part{splits: usual, models: models(2, 3)}.make(t, filepath.Join(dir, "b"))
	out := filepath.Join(dir, "out")
	merged(t, out, a)
	// A model that was replaced has the other of its archive's names.
	w := write(t, a)
	mw, err := w.ReplaceModel(Model{Name: "m4"})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, mw, "search", randomRows(9, 50, mergeClasses))
	if err := mw.Commit(); err != nil {
		t.Fatal(err)
	}
	if mw, err = w.ReplaceModel(Model{Name: "m4"}); err != nil {
		t.Fatal(err)
	}
	writeRows(t, mw, "search", randomRows(4, 50, mergeClasses))
	if err := mw.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	z, result := merged(t, out, a, b)
	if !slices.Equal(result.Added, []string{"m3", "m4"}) || !slices.Equal(result.Skipped, []string{"m1", "m2"}) {
		t.Errorf("%+v", result)
	}
	before := z.Fingerprint()
	again, result := merged(t, out, b, a, b)
	if again.Fingerprint() != before || len(result.Added) > 0 || len(result.Skipped) != 4 {
		t.Errorf("%+v", result)
	}
	whole := part{splits: usual, models: models(1, 2, 3, 4)}.make(t, filepath.Join(dir, "whole"))
	w = write(t, whole)
	w.SetColumns(map[string]map[string]string{"m4": {"gflops": "1"}})
	w.Close()
	w = write(t, again)
	w.SetColumns(map[string]map[string]string{"m4": {"gflops": "1"}})
	w.Close()
	if whole.Fingerprint() != again.Fingerprint() {
		t.Error("the merged zoo is not the one that one writer makes")
	}
}

// Columns are those of the first zoo that has them, whether the model is put together anew or is
// there.
func TestMergeColumns(t *testing.T) {
	t.Parallel()
	one := map[string]map[string]uint64{"m": {"search": 1}}
	with := func(columns map[string]string) part {
		return part{splits: usual, models: one, columns: map[string]map[string]string{"m": columns}}
	}
	dir := t.TempDir()
	a := with(map[string]string{"latency_ms": "1", "note": ""}).make(t, filepath.Join(dir, "a"))
	b := with(map[string]string{"latency_ms": "2", "price": "3", "set:price": "1", "note": "b", "data:search": "x", "data:test": "nothing"}).make(t, filepath.Join(dir, "b"))
	c := with(map[string]string{"price": "4", "params": "5"}).make(t, filepath.Join(dir, "c"))
	bare := part{splits: usual, models: one}.make(t, filepath.Join(dir, "bare"))
	m, _ := bare.Model("m")
	m.Columns = nil
	if err := bare.writeModel(m); err != nil {
		t.Fatal(err)
	}
	bare, err := Open(bare.Dir())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"gflops": "1", "latency_ms": "1", "note": "", "price": "3", "set:price": "1", "params": "5", "data:search": "x"}
	for i, zoos := range [][]*Zoo{{bare, a, b, c}, {a, b, c}, {b, c}} {
		target := filepath.Join(dir, []string{"new", "bare", "a"}[i])
		var notes []string
		result, err := Merge(t.Context(), target, zoos, MergeOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil || !slices.Equal(result.Added, []string{"m"}) {
			t.Fatalf("%s: %+v, %v", target, result, err)
		}
		for _, note := range []string{"the column latency_ms of 1 models has another value", "the column price of 1 models has another value", "the column note of 1 models has another value",
			"the column params of 1 models is that of a later zoo", "the column price of 1 models is that of a later zoo"} {
			if !slices.ContainsFunc(notes, func(text string) bool { return strings.HasPrefix(text, note) }) {
				t.Errorf("%s: it does not say %q: %q", target, note, notes)
			}
		}
		z, result := merged(t, target, zoos...)
		if m, _ := z.Model("m"); !maps.Equal(m.Columns, want) {
			t.Errorf("%s: %v", target, m.Columns)
		}
		if !slices.Equal(result.Skipped, []string{"m"}) {
			t.Errorf("%s, again: %+v", target, result)
		}
	}
}

// What cannot be merged is named, and leaves no zoo behind.
func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	one := map[string]map[string]uint64{"m": {"search": 1}}
	numbered := make([]string, mergeClasses)
	for i := range numbered {
		numbered[i] = fmt.Sprint("class ", i)
	}
	other := slices.Clone(numbered)
	other[3], other[4] = other[4], other[3]
	ids := make([]string, usual["search"])
	for i := range ids {
		ids[i] = fmt.Sprint("x", i)
	}
	labels := randomLabels(usual["search"], mergeClasses)
	labels[7] = (labels[7] + 1) % mergeClasses
	for what, test := range map[string]struct {
		a, b part
		want []string
	}{
		"classes":     {part{splits: usual, models: one}, part{classes: 19, splits: usual, models: one}, []string{"20 classes", "19", "leave one of them out"}},
		"class names": {part{splits: usual, models: one, names: numbered}, part{splits: usual, models: one, names: other}, []string{`"class 4" is the name of class 4`, "leave one of them out"}},
		"samples":     {part{splits: usual, models: one}, part{splits: map[string]int{"search": 49}, models: one}, []string{`"search" has 50 samples`, "and 49", " --split search --force"}},
		"labels":      {part{splits: usual, models: one}, part{splits: usual, labels: map[string][]uint16{"search": labels}, models: one}, []string{`"search" has other labels or sample ids`, " --split search --force"}},
		"ids":         {part{splits: usual, models: one}, part{splits: usual, ids: map[string][]string{"search": ids}, models: one}, []string{`"search" has other labels or sample ids`, " --split search --force"}},
		"case":        {part{splits: usual, models: one}, part{splits: map[string]int{"Search": 50}, models: map[string]map[string]uint64{"m": {"Search": 1}}}, []string{"case only", " --split Search --force"}},
		"outputs":     {part{splits: usual, models: one}, part{splits: usual, models: map[string]map[string]uint64{"m": {"search": 2}}}, []string{`"m"`, `other outputs on the split "search"`, "encas-zoo zoo remove --zoo ", " -- m"}},
		"lists":       {part{splits: usual, models: one}, part{splits: usual, models: one, lists: []string{"m"}}, []string{`"m"`, "other outputs"}},
		"checkpoint": {part{splits: usual, models: one, columns: map[string]map[string]string{"m": {"checkpoint": "1"}}},
			part{splits: usual, models: map[string]map[string]uint64{"m": {"test": 1}}, columns: map[string]map[string]string{"m": {"checkpoint": "2"}}}, []string{`"m"`, "another checkpoint"}},
		"no models": {part{splits: usual}, part{splits: usual}, []string{"no model to merge"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a, b := test.a.make(t, filepath.Join(dir, "a")), test.b.make(t, filepath.Join(dir, "b"))
			out := filepath.Join(dir, "out")
			_, err := Merge(t.Context(), out, []*Zoo{a, b}, MergeOptions{})
			expectError(t, err, test.want...)
			if _, err := os.Stat(out); err == nil {
				t.Error("it left a zoo")
			}
			// The same of a zoo that there is.
			before := a.Fingerprint()
			_, err = Merge(t.Context(), a.Dir(), []*Zoo{b}, MergeOptions{})
			expectError(t, err, test.want...)
			if now, err := Open(a.Dir()); err != nil || now.Fingerprint() != before {
				t.Errorf("the zoo changed: %v", err)
			}
		})
	}
	t.Run("itself", func(t *testing.T) {
		t.Parallel()
		a, b := part{splits: usual, models: one}.make(t, filepath.Join(t.TempDir(), "a")), part{splits: usual, models: one}.make(t, filepath.Join(t.TempDir(), "b"))
		dir := t.TempDir()
		in := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
		part{splits: usual, models: one}.make(t, filepath.Join(a.Dir(), "archive", "nested"))
		if err := errors.Join(os.Symlink(a.Dir(), in("link")), os.Symlink("link", in("links")), os.Symlink(filepath.Join(a.Dir(), "archive", "nested"), in("deep")),
			os.Symlink(filepath.Join(a.Dir(), "none"), in("dangling"))); err != nil {
			t.Fatal(err)
		}
		_, err := Merge(t.Context(), a.Dir()+"/.", []*Zoo{b, a}, MergeOptions{})
		expectError(t, err, a.Dir()+"/. is one of the zoos to merge, and cannot be merged into itself")
		for _, out := range []string{filepath.Join(a.Dir(), "archive", "nested"), filepath.Join(a.Dir(), "archive", "new", "newer"), in("link"), in("links", "new", "newer"), in("deep"), in("deep", "new")} {
			_, err := Merge(t.Context(), out, []*Zoo{b, a}, MergeOptions{})
			expectError(t, err, out+" is the zoo "+a.Dir()+", which is one of those to merge, or in it")
		}
		if _, err := Merge(t.Context(), in("dangling"), []*Zoo{a}, MergeOptions{}); err == nil {
			t.Error("through a link to what is not there")
		}
		_, err = Merge(t.Context(), filepath.Join(b.Dir(), "zoo.json", "new"), []*Zoo{a}, MergeOptions{})
		expectError(t, err, filepath.Join(b.Dir(), "zoo.json", "new"))
		expectFiles(t, a, "lock", "zoo.json", "splits/search.parquet", "splits/test.parquet", "models/{m}.json", "archive/search/{m}.parquet", "index/search/{m}.index.arrow",
			"archive/nested/lock", "archive/nested/zoo.json", "archive/nested/splits/search.parquet", "archive/nested/splits/test.parquet", "archive/nested/models/{m}.json",
			"archive/nested/archive/search/{m}.parquet", "archive/nested/index/search/{m}.index.arrow")
		merged(t, a.Dir()+"2", a) // beside it, with a name that begins as its own
		_, err = Merge(t.Context(), a.Dir(), nil, MergeOptions{})
		expectError(t, err, "no zoos")
		w := write(t, a)
		defer w.Close()
		if _, err := Merge(t.Context(), a.Dir(), []*Zoo{b}, MergeOptions{}); !errors.Is(err, ErrLocked) {
			t.Errorf("beside a writer: %v", err)
		}
	})
}

// A damaged model fails by name, the others go on, and once it is restored the same call
// completes the zoo.
func TestMergeDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := part{splits: usual, models: map[string]map[string]uint64{"good": {"search": 1}, "bad": {"search": 2}}}.make(t, filepath.Join(dir, "a"))
	archive, file := a.archivePath("search", "bad", false), a.modelPath(slug("bad"))
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func(){
		"a bit":   func() { b := slices.Clone(whole); b[len(b)/2] ^= 1; os.WriteFile(archive, b, 0o666) },
		"cut":     func() { os.WriteFile(archive, whole[:len(whole)-1], 0o666) },
		"missing": func() { os.Remove(archive) },
		"folder":  func() { os.Remove(archive); os.Mkdir(archive, 0o777) },
		"model":   func() { os.WriteFile(file, []byte("{"), 0o666) },
	} {
		t.Run(what, func(t *testing.T) {
			described, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			damage()
			from, err := Open(a.Dir())
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "out "+what)
			result, err := Merge(t.Context(), out, []*Zoo{from}, MergeOptions{})
			if err != nil || !slices.Equal(result.Added, []string{"good"}) || len(result.Failed) != 1 || result.Failed[0].Model != "bad" {
				t.Fatalf("%+v, %v", result, err)
			}
			os.Remove(archive)
			if err := errors.Join(os.WriteFile(archive, whole, 0o666), os.WriteFile(file, described, 0o666)); err != nil {
				t.Fatal(err)
			}
			z, result := merged(t, out, a)
			if !slices.Equal(result.Added, []string{"bad"}) || !slices.Equal(result.Skipped, []string{"good"}) {
				t.Errorf("%+v", result)
			}
			if !slices.Equal(readAll(t, z, "bad", "search"), randomRows(2, 50, mergeClasses)) {
				t.Error("other rows")
			}
		})
	}
}

// What one zoo has damaged is taken from another that has it, whatever their order.
func TestMergeTakesTheUndamaged(t *testing.T) {
	t.Parallel()
	for _, lists := range [][]string{nil, {"m"}} {
		dir := t.TempDir()
		p := part{splits: usual, models: map[string]map[string]uint64{"m": {"search": 1, "test": 2}}, lists: lists}
		a, b := p.make(t, filepath.Join(dir, "a")), p.make(t, filepath.Join(dir, "b"))
		m, _ := a.Model("m")
		for i, damage := range []func(){
			func() { os.Remove(a.splitPath("search")) },
			func() { os.Remove(b.splitPath("test")) },
			func() { flip(t, a.predictionsPath("search", "m", m.Splits["search"]), 700) },
			func() { os.Remove(b.predictionsPath("test", "m", m.Splits["test"])) },
		} {
			damage()
			for _, zoos := range [][]*Zoo{{a, b}, {b, a}, {a, a, b}} {
				var notes []string
				out := filepath.Join(dir, "out")
				result, err := Merge(t.Context(), out, zoos, MergeOptions{Note: func(text string) { notes = append(notes, text) }})
				if err != nil || !slices.Equal(result.Added, []string{"m"}) || len(result.Failed) > 0 {
					t.Fatalf("damage %d: %+v, %v", i, result, err)
				}
				if i == 3 && (len(notes) < 2 || !strings.Contains(notes[0], "was taken")) {
					t.Errorf("notes: %q", notes)
				}
				z, err := Open(out)
				if err == nil {
					err = z.Verify(t.Context(), nil)
				}
				if err != nil {
					t.Fatalf("damage %d: %v", i, err)
				}
				if !sameLists(openIndexOf(t, z, "test", "m").Lists("m"), BuildLists(randomRows(2, usual["test"], mergeClasses), mergeClasses)) {
					t.Error("other lists")
				}
				if err := os.RemoveAll(out); err != nil {
					t.Fatal(err)
				}
			}
		}
		// What is damaged in both is not.
		os.Remove(b.predictionsPath("search", "m", m.Splits["search"]))
		result, err := Merge(t.Context(), filepath.Join(dir, "out"), []*Zoo{a, b}, MergeOptions{})
		if err != nil || len(result.Failed) != 1 || len(result.Added) > 0 {
			t.Errorf("%+v, %v", result, err)
		}
		os.Remove(b.splitPath("search"))
		_, err = Merge(t.Context(), filepath.Join(dir, "out"), []*Zoo{a, b}, MergeOptions{})
		expectError(t, err, a.splitPath("search"))
	}
}

// A model whose file one zoo cannot read is reported, unless another has all of it for certain.
func TestMergeDamagedElsewhere(t *testing.T) {
	t.Parallel()
	whole := map[string]map[string]uint64{"m": {"search": 1, "test": 2}, "good": {"search": 3}}
	for what, test := range map[string]struct {
		other  map[string]map[string]uint64 // models of the undamaged zoo
		lists  []string
		damage func(z *Zoo)
		fails  bool
	}{
		"all of it":       {map[string]map[string]uint64{"m": {"search": 1, "test": 2}}, nil, nil, false},
		"all lists of it": {map[string]map[string]uint64{"m": {"search": 1, "test": 2}}, []string{"m"}, nil, false},
		"a part":          {map[string]map[string]uint64{"m": {"search": 1}}, nil, nil, true},
		"a part of lists": {map[string]map[string]uint64{"m": {"search": 1}}, []string{"m"}, nil, true},
		"another one":     {map[string]map[string]uint64{"m": {"search": 1, "test": 7}}, nil, nil, true},
		"nothing":         {map[string]map[string]uint64{"n": {"search": 1}}, nil, nil, true},
		"lost":            {map[string]map[string]uint64{"m": {"search": 1, "test": 2}}, nil, func(z *Zoo) { os.Remove(z.archivePath("test", "m", false)) }, true},
		"two":             {map[string]map[string]uint64{"m": {"search": 1, "test": 2}}, nil, func(z *Zoo) { os.WriteFile(z.archivePath("test", "m", true), nil, 0o666) }, true},
		"without a name":  {map[string]map[string]uint64{"m": {"search": 1}}, nil, func(z *Zoo) { os.WriteFile(z.archivePath("search", "m", false), nil, 0o666) }, true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a := part{splits: usual, models: whole, lists: test.lists}.make(t, filepath.Join(dir, "a"))
			b := part{splits: usual, models: test.other, lists: test.lists}.make(t, filepath.Join(dir, "b"))
			if err := os.WriteFile(a.modelPath(slug("m")), []byte("{"), 0o666); err != nil {
				t.Fatal(err)
			}
			if test.damage != nil {
				test.damage(a)
			}
			a, err := Open(a.Dir())
			if err != nil {
				t.Fatal(err)
			}
			for i, zoos := range [][]*Zoo{{a, b}, {b, a}} {
				z, result := merged(t, filepath.Join(dir, fmt.Sprint(i)), zoos...)
				if failed := len(result.Failed) == 1; failed != test.fails || failed && test.other["m"] != nil && result.Failed[0].Model != "m" {
					t.Errorf("%+v", result)
				}
				if z.HasModel("m") != (test.other["m"] != nil) || !z.HasModel("good") {
					t.Error("models are missing")
				}
			}
			// Of a zoo that has the model already, too.
			_, result := merged(t, b.Dir(), a)
			if len(result.Failed) == 1 != test.fails || !test.fails && !slices.Equal(result.Skipped, []string{"m"}) {
				t.Errorf("%+v", result)
			}
		})
	}
}

// Between file systems predictions are copied.
func TestMergeCopies(t *testing.T) {
	t.Parallel()
	const memory = "/dev/shm"
	elsewhere, err := os.MkdirTemp(memory, "encas-zoo-test-")
	if err != nil {
		t.Skip("no second file system: ", err)
	}
	defer os.RemoveAll(elsewhere)
	dir := t.TempDir()
	a := part{splits: usual, models: map[string]map[string]uint64{"m": {"search": 1, "test": 2}}}.make(t, filepath.Join(dir, "a"))
	if os.Link(filepath.Join(a.Dir(), "zoo.json"), filepath.Join(elsewhere, "linked")) == nil {
		t.Skip(memory + " is no other file system")
	}
	z, result := merged(t, filepath.Join(elsewhere, "out"), a)
	if result.Linked != 0 || result.Copied == 0 {
		t.Errorf("%+v", result)
	}
	if !slices.Equal(readAll(t, z, "m", "test"), randomRows(2, 30, mergeClasses)) {
		t.Error("other rows")
	}
}

// Whatever a writer does to one of the zoos afterwards, the other one, which has second names of
// its files, stays as it is; and the other way round.
func TestMergedIsIndependent(t *testing.T) {
	t.Parallel()
	for _, lists := range [][]string{nil, {"m", "n"}} {
		dir := t.TempDir()
		models := map[string]map[string]uint64{"m": {"search": 1, "test": 2}, "n": {"search": 3}}
		a := part{splits: usual, models: models, lists: lists}.make(t, filepath.Join(dir, "a"))
		out, _ := merged(t, filepath.Join(dir, "out"), a)
		again, _ := merged(t, filepath.Join(dir, "again"), out)
		for i, z := range []*Zoo{a, again} {
			w := write(t, z)
			w.KeepLists(lists != nil)
			for j, step := range []func() error{
				func() error {
					for seed := range uint64(3) { // whose files take turns with two names
						m, err := w.ReplacePredictions("m", []string{"search"})
						if err != nil {
							return err
						}
						writeRows(t, m, "search", randomRows(10+seed, usual["search"], mergeClasses))
						if err := m.Commit(); err != nil {
							return err
						}
					}
					return nil
				},
				func() error {
					m, err := w.ReplaceModel(Model{Name: "m"})
					if err != nil {
						return err
					}
					writeRows(t, m, "search", randomRows(20, usual["search"], mergeClasses))
					return m.Commit()
				},
				func() error { return w.SetColumns(map[string]map[string]string{"m": {"price": "1"}}) },
				func() error { return w.RemoveModel("n") },
				func() error { return w.RemoveSplit("search") },
				func() error { return errors.Join(w.Close(), os.RemoveAll(z.Dir())) },
			} {
				if err := step(); err != nil {
					t.Fatalf("zoo %d, step %d: %v", i, j, err)
				}
				now, err := Open(out.Dir())
				if err == nil {
					err = now.Verify(t.Context(), nil)
				}
				if err != nil || now.Fingerprint() != out.Fingerprint() {
					t.Fatalf("zoo %d, step %d: the other zoo has changed: %v", i, j, err)
				}
				for name, splits := range models {
					for split, seed := range splits {
						if !sameLists(openIndexOf(t, now, split, name).Lists(name), BuildLists(randomRows(seed, usual[split], mergeClasses), mergeClasses)) {
							t.Errorf("zoo %d, step %d: other lists of %s on %s", i, j, name, split)
						}
					}
				}
			}
		}
	}
}

// A folder of links to archives elsewhere becomes one of files.
func TestMergeFollowsLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := part{splits: usual, models: map[string]map[string]uint64{"m": {"search": 1}}}.make(t, filepath.Join(dir, "a"))
	archive, moved := a.archivePath("search", "m", false), filepath.Join(dir, "moved")
	if err := os.Rename(archive, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(moved, archive); err != nil {
		t.Skip(err)
	}
	z, _ := merged(t, filepath.Join(dir, "out"), a)
	if info, err := os.Lstat(z.archivePath("search", "m", false)); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}

// Interrupted, it says how far it came, and the same call does the rest.
func TestMergeInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	models := map[string]map[string]uint64{}
	for i := range 20 {
		models[fmt.Sprint("m", i)] = map[string]uint64{"search": uint64(i)}
	}
	a := part{splits: usual, models: models}.make(t, filepath.Join(dir, "a"))
	ctx, cancel := context.WithCancel(t.Context())
	out := filepath.Join(dir, "out")
	_, err := Merge(ctx, out, []*Zoo{a}, MergeOptions{Progress: func(done, total int, model string) {
		if done == 5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	expectError(t, err, "the same command again")
	if z, _ := merged(t, out, a); z.Fingerprint() != a.Fingerprint() {
		t.Error("the merged zoo is another one")
	}
}

// mergeVariable makes the test program one that merges the zoos in the folder DIR/parts into
// DIR/out.
const mergeVariable = "ENCAS_ZOO_TEST_MERGE"

func mergeJob(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "parts", "*"))
	if err != nil {
		return err
	}
	var zoos []*Zoo
	for _, path := range paths {
		z, err := Open(path)
		if err != nil {
			return err
		}
		zoos = append(zoos, z)
	}
	_, err = Merge(context.Background(), filepath.Join(dir, "out"), zoos, MergeOptions{})
	return err
}

// TestMergeKilled kills a merge again and again. What is there is undamaged at any moment, and
// at last it is all there.
func TestMergeKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := part{splits: usual, models: map[string]map[string]uint64{}}
	for p := range 3 {
		models := map[string]map[string]uint64{}
		for i := range 12 {
			name := fmt.Sprint("m", p, "-", i)
			models[name] = map[string]uint64{"search": uint64(p*100 + i), "test": uint64(p*1000 + i)}
			want.models[name] = models[name]
		}
		part{splits: usual, models: models}.make(t, filepath.Join(dir, "parts", fmt.Sprint(p)))
	}
	whole := want.make(t, filepath.Join(dir, "whole"))
	r := rand.New(rand.NewPCG(1, 1))
	kills := 12
	if testing.Short() {
		kills = 3
	}
	for killed, wait := 0, 10*time.Millisecond; ; {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), mergeVariable+"="+dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if killed < kills {
			time.AfterFunc(time.Duration(r.Int64N(int64(wait))), func() { c.Process.Kill() })
		}
		err := c.Wait()
		if err != nil && c.ProcessState.Exited() {
			t.Fatalf("it failed after %d kills: %v", killed, err)
		}
		out := filepath.Join(dir, "out")
		z, errOpen := Open(out)
		if errOpen == nil {
			errOpen = z.Verify(t.Context(), nil)
		}
		if errOpen != nil && (err == nil || !strings.Contains(errOpen.Error(), "no zoo")) {
			t.Fatal(errOpen)
		}
		if err == nil {
			if z.Fingerprint() != whole.Fingerprint() {
				t.Error("the merged zoo is not the one that one writer makes")
			}
			files, _ := filepath.Glob(filepath.Join(out, "*", "*", ".tmp-*"))
			if len(files) > 0 {
				t.Errorf("it left %v", files)
			}
			if killed == kills {
				return
			}
			os.RemoveAll(out)
			wait = 10 * time.Millisecond
			continue
		}
		killed++
		wait += 15 * time.Millisecond
	}
}
