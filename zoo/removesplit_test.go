package zoo

import (
	"errors"
	"os"
	"slices"
	"testing"
)

func TestRemoveSplit(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 4, 10)
	w := write(t, z)
	for _, split := range []string{"test", "pool"} {
		if err := w.AddSplit(split, randomLabels(6, 4), nil); err != nil {
			t.Fatal(err)
		}
	}
	onTest := randomRows(3, 6, 4)
	both, err := w.NewModel(Model{Name: "both", Columns: map[string]string{"gflops": "1", "data:search": "a", "data:test": "b", "imported.search": "c"}})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, both, "search", randomRows(1, 10, 4))
	writeRows(t, both, "test", onTest)
	if err := w.RemoveSplit("test"); err == nil {
		t.Error("a split was removed while a model was written")
	}
	if err := both.Commit(); err != nil {
		t.Fatal(err)
	}
	addModel(t, w, "one", "search", randomRows(2, 10, 4))

	models, only := z.ModelsOn("search")
	if !slices.Equal(models, []string{"both", "one"}) || !slices.Equal(only, []string{"one"}) {
		t.Errorf("models on search %q, on no other %q", models, only)
	}
	if err := w.RemoveSplit("none"); !errors.Is(err, ErrNoSplit) {
		t.Errorf("a split that is not there: %v", err)
	}
	for _, split := range []string{"search", "pool"} {
		if err := w.RemoveSplit(split); err != nil {
			t.Fatal(err)
		}
	}
	check := func(z *Zoo) {
		t.Helper()
		if err := z.Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
		m, err := z.Model("both")
		if err != nil || z.HasModel("one") || len(z.Splits()) != 1 {
			t.Fatalf("%v; splits %v", err, z.Splits())
		}
		if len(m.Columns) != 2 || m.Columns["data:test"] != "b" {
			t.Errorf("columns %v", m.Columns)
		}
		if !slices.Equal(readAll(t, z, "both", "test"), onTest) {
			t.Error("the other split has other rows")
		}
	}
	check(z)
	again, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	check(again)
	expectFiles(t, z, "lock", "zoo.json", "splits/test.parquet", "models/{both}.json", "archive/test/{both}.parquet", "index/test/{both}.index.arrow")

	// Its name is free again.
	if err := w.AddSplit("search", randomLabels(3, 4), nil); err != nil {
		t.Fatal(err)
	}
	addModel(t, w, "new", "search", randomRows(5, 3, 4))
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// A split without models is replaced by another writer, one with models is not.
func TestUnusedSplitIsReplaced(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 4, 10)
	w := write(t, z)
	if err := w.AddSplit("search", []uint16{0, 1, 2}, nil); err != nil {
		t.Fatal(err)
	}
	expectError(t, w.AddSplit("search", []uint16{0, 1}, nil), "already has 3 samples")
	w.Close()
	w = write(t, z)
	// It may come from a writer that was killed in between.
	if err := os.Remove(z.splitPath("search")); err != nil {
		t.Fatal(err)
	}
	if err := w.AddUnlabelled("search", 2, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	w = write(t, z)
	if err := w.AddSplit("search", []uint16{3, 1}, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	labels, ids, err := z.Labels("search")
	if err != nil || !slices.Equal(labels, []uint16{3, 1}) || !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("labels %v of %q, %v", labels, ids, err)
	}
	addModel(t, w, "one", "search", randomRows(2, 2, 4))
	w.Close()
	w = write(t, z)
	expectError(t, w.AddSplit("search", []uint16{3, 2}, []string{"a", "b"}), "already exists", "remove that split first")
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 4, 10)
	w := write(t, z)
	if err := w.SetClassNames([]string{"a", "b", "c", "d"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Renew(z.Dir(), 3); !errors.Is(err, ErrLocked) {
		t.Errorf("a zoo that is being written: %v", err)
	}
	w.Close()
	if _, err := Renew(z.Dir(), 1); err == nil {
		t.Error("a zoo of one class")
	}
	z, err := Renew(z.Dir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range []*Zoo{z, again} {
		if z.Classes() != 3 || z.ClassNames() != nil || len(z.Splits()) != 0 {
			t.Errorf("%d classes, called %q, and splits %v", z.Classes(), z.ClassNames(), z.Splits())
		}
	}
	expectFiles(t, z, "lock", "zoo.json")
	w = write(t, z)
	if err := w.AddSplit("search", randomLabels(5, 3), nil); err != nil {
		t.Fatal(err)
	}
	addModel(t, w, "net", "search", randomRows(1, 5, 3))
	w.Close()
	_, err = Renew(z.Dir(), 3)
	expectError(t, err, "has 1 models")
}

// TestRemovalInterrupted: whatever a removal has come to, the same one again completes it.
func TestRemovalInterrupted(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	w := write(t, z)
	addModel(t, w, "a", "search", []uint16{one, 0})
	addModel(t, w, "b", "search", []uint16{one, 0})
	w.Close()
	if z.HasRemains("a") || z.HasRemains("c") {
		t.Error("remains of a model that is there, or never was")
	}
	os.Remove(z.modelPath(slug("a"))) // and then it was killed
	z, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if !z.HasRemains("a") || z.HasRemains("b") {
		t.Error("no remains of a removed model")
	}
	w = write(t, z)
	if err := w.RemoveModels("b", "a"); !errors.Is(err, ErrNoModel) || !z.HasModel("b") {
		t.Errorf("a name that is not there: %v", err)
	}
	if err := w.RemoveModels("b"); err != nil {
		t.Error(err)
	}
	w.Close()
	expectFiles(t, z, "lock", "zoo.json", "splits/search.parquet")
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	dir := z.Dir()
	if err := write(t, z).Discard(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a zoo without models is there")
	}
	z = damageZoo(t)
	if err := write(t, z).Discard(); err != nil {
		t.Error(err)
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
