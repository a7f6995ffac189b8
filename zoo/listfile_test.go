package zoo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// TestListFile: parts of the lists are those of the index, whether it is there, missing, damaged or
// cannot be written.
func TestListFile(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ n, classes int }{{1, 2}, {9, 16}, {77, 32}, {1003, 100}} {
		z := newZoo(t, size.classes, size.n)
		w := write(t, z)
		rows := randomRows(1, size.n, size.classes)
		addModel(t, w, "a", "search", rows)
		w.Close()
		all := BuildLists(rows, size.classes)
		check := func(what string) {
			t.Helper()
			l, err := z.OpenLists(t.Context(), "a", "search")
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			defer l.Close()
			for from := 0; from < size.n; {
				part := z.NewLists(min(1+from%7*5, size.n-from))
				if err := l.Read(&part, from); err != nil {
					t.Fatal(err)
				}
				if !sameLists(part, all.Slice(from, from+part.Len())) {
					t.Errorf("%d x %d, %s: the lists from %d on are wrong", size.n, size.classes, what, from)
				}
				from += part.Len()
			}
		}
		check("made while writing")
		path := z.indexPath("search", "a")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		for what, change := range map[string]func() error{
			"missing": func() error { return os.Remove(path) },
			"damaged": func() error { return os.WriteFile(path, data, 0o666) },
			"short":   func() error { return os.Truncate(path, int64(len(data)/2)) },
			"empty":   func() error { return os.Truncate(path, 0) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			check(what)
		}
		// A file in the place of the folder.
		if err := os.RemoveAll(filepath.Join(z.Dir(), "index")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(z.Dir(), "index"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		check("not written")
	}
}

// TestListFileBytes: every byte of a file counts, however it is read.
func TestListFileBytes(t *testing.T) {
	t.Parallel()
	const n, classes = 5, 4
	z := newZoo(t, classes, n)
	w := write(t, z)
	addModel(t, w, "a", "search", randomRows(1, n, classes))
	w.Close()
	m, err := z.Model("a")
	if err != nil {
		t.Fatal(err)
	}
	s, err := z.Split("search")
	if err != nil {
		t.Fatal(err)
	}
	path := z.indexPath("search", "a")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] ^= 0x10
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		l, err := z.openLists(t.Context(), m, s)
		mapped, old := z.loadIndex(t.Context(), m, s)
		if (err == nil) != (old == nil) {
			t.Errorf("byte %d: %v, of all at once %v", i, err, old)
		}
		if err == nil {
			l.Close()
		}
		if old == nil {
			mapped.unmap()
		}
		data[i] ^= 0x10
	}
}

// TestListFileCutShort: what was there when the file was opened may be gone later.
func TestListFileCutShort(t *testing.T) {
	t.Parallel()
	const n, classes = 500, 4
	z := newZoo(t, classes, n)
	w := write(t, z)
	addModel(t, w, "a", "search", randomRows(1, n, classes))
	w.Close()
	l, err := z.OpenLists(t.Context(), "a", "search")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Truncate(z.indexPath("search", "a"), 1000); err != nil {
		t.Fatal(err)
	}
	part := outputs.NewLists(100, classes)
	if err := l.Read(&part, 300); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("error %v", err)
	}
	if _, err := z.OpenLists(t.Context(), "b", "search"); !errors.Is(err, ErrNoModel) {
		t.Errorf("error %v", err)
	}
	if _, err := z.OpenLists(t.Context(), "a", "test"); !errors.Is(err, ErrNoSplit) {
		t.Errorf("error %v", err)
	}
}
