package zoo

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func openIndexOf(t testing.TB, z *Zoo, split string, models ...string) *Index {
	t.Helper()
	ix, err := z.OpenIndex(context.Background(), split, models, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	return ix
}

func sameLists(a, b Lists) bool {
	return a.K == b.K && slices.Equal(a.Classes, b.Classes) && slices.Equal(a.Values, b.Values) &&
		slices.Equal(a.Tail, b.Tail) && slices.Equal(a.TopClass, b.TopClass) && slices.Equal(a.TopValue, b.TopValue)
}

// notes collects what the zoo says it did by itself.
func notes(z *Zoo) *[]string {
	var all []string
	z.Notify(func(note string) { all = append(all, note) })
	return &all
}

func TestIndex(t *testing.T) {
	for _, size := range []struct{ n, classes int }{{1, 2}, {9, 16}, {500, 17}, {77, 32}, {1000, 33}, {3001, 100}} {
		z := newZoo(t, size.classes, size.n)
		said := notes(z)
		w := write(t, z)
		var all [][]uint16
		for i, name := range []string{"a", "b", "c"} {
			rows := randomRows(uint64(i), size.n, size.classes)
			all = append(all, rows)
			addModel(t, w, name, "search", rows)
		}
		w.Close()
		check := func(what string) {
			t.Helper()
			ix := openIndexOf(t, z, "search", "a", "b", "c")
			for i, name := range []string{"a", "b", "c"} {
				if !sameLists(ix.Lists(name), BuildLists(all[i], size.classes)) {
					t.Errorf("%d x %d, %s: the lists of %q are wrong", size.n, size.classes, what, name)
				}
			}
			if !slices.Equal(ix.Labels(), randomLabels(size.n, size.classes)) {
				t.Errorf("%s: labels differ", what)
			}
		}
		check("made while writing")
		if err := os.RemoveAll(filepath.Join(z.Dir(), "index")); err != nil {
			t.Fatal(err)
		}
		check("built from the archives")
		if _, err := os.Stat(z.indexPath("search", "b")); err != nil {
			t.Error("the built index was not kept:", err)
		}
		if len(*said) > 0 {
			t.Errorf("notes without a cause: %q", *said)
		}
		os.Truncate(z.indexPath("search", "b"), 100)
		check("damaged")
		if len(*said) != 1 || !strings.Contains((*said)[0], "building it again") {
			t.Errorf("notes on a damaged index: %q", *said)
		}
	}
}
