package zoo

import (
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// readListed reads all rows of a model's lists.
func readListed(t *testing.T, z *Zoo, model, split string) []uint16 {
	t.Helper()
	r, err := z.Listed(model, split)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []uint16
	buf := make([]uint16, 7*z.classes)
	for {
		n, err := r.ReadRows(buf)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, buf[:n*z.classes]...)
	}
}

// Of lists alone a search has what it has of full outputs, and rows are as far as the lists
// tell: valid, the largest classes exact, the rest never more than there was.
func TestKeepLists(t *testing.T) {
	t.Parallel()
	const classes, n = 50, 60
	z := newZoo(t, classes, n)
	w := write(t, z)
	rows := randomRows(1, n, classes)
	addModel(t, w, "full", "search", rows)
	w.KeepLists(true)
	addModel(t, w, "lists", "search", rows)
	m, err := w.NewModel(Model{Name: "api", Answers: true})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := m.WriteAnswer("search", 3, half); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	expectFiles(t, z, "lock", "zoo.json", "splits/search.parquet", "models/{full}.json", "models/{lists}.json", "models/{api}.json",
		"archive/search/{full}.parquet", "index/search/{full}.index.arrow", "index/search/{lists}.arrow", "archive/search/{api}.parquet", "index/search/{api}.index.arrow")
	z, err = Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	said := notes(z)
	if err := z.Verify(t.Context(), nil); err != nil || len(*said) != 1 {
		t.Errorf("%v, %q", err, *said)
	}
	want := openIndexOf(t, z, "search", "full").Lists("full")
	if !sameLists(openIndexOf(t, z, "search", "lists").Lists("lists"), want) {
		t.Error("other lists")
	}
	listed := readListed(t, z, "lists", "search")
	if len(listed) != len(rows) {
		t.Fatalf("%d values instead of %d", len(listed), len(rows))
	}
	for i := range n {
		row, got := rows[i*classes:(i+1)*classes], listed[i*classes:(i+1)*classes]
		if err := outputs.CheckRow(got); err != nil {
			t.Errorf("row %d: %v", i, err)
		}
		again := BuildLists(got, classes)
		if again.TopClass[0] != want.TopClass[i] || !slices.Equal(again.Values, want.Values[i*want.K:(i+1)*want.K]) || again.Tail[0] > want.Tail[i] {
			t.Errorf("row %d of %v became %v", i, row, got)
		}
	}
	if _, err := z.Predictions("lists", "search"); !errors.Is(err, ErrIndexOnly) {
		t.Error(err)
	}
	if _, err := z.Listed("full", "search"); !errors.Is(err, ErrNoSplit) {
		t.Error(err)
	}
	flip(t, z.listsPath("search", "lists", false), 2000)
	_, err = z.Listed("lists", "search")
	expectError(t, err, "encas-zoo zoo remove --zoo "+z.Dir()+" -- lists`")
}

// Lists of something else in the place of a model's are not believed: of another model, of the
// same one on a split of the same samples, or of one that it was before.
func TestExchangedLists(t *testing.T) {
	t.Parallel()
	const classes, n = 40, 30
	z := newZoo(t, classes, n)
	w := write(t, z)
	w.KeepLists(true)
	if err := w.AddSplit("again", randomLabels(n, classes), nil); err != nil {
		t.Fatal(err)
	}
	addModel(t, w, "b", "search", randomRows(2, n, classes))
	m, err := w.NewModel(Model{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "search", randomRows(3, n, classes))
	writeRows(t, m, "again", randomRows(4, n, classes))
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	path := func() string {
		stored, _ := z.Model("a")
		return z.predictionsPath("search", "a", stored.Splits["search"])
	}
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	before := read(path())
	if m, err = w.ReplacePredictions("a", []string{"search"}); err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "search", randomRows(1, n, classes))
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	b, _ := z.Model("b")
	a, _ := z.Model("a")
	others := map[string][]byte{"of another model": read(z.predictionsPath("search", "b", b.Splits["search"])),
		"of another split": read(z.predictionsPath("again", "a", a.Splits["again"])), "of an earlier model": before}
	right := read(path())
	put := func(data []byte) {
		if err := errors.Join(os.WriteFile(path()+".new", data, 0o666), os.Rename(path()+".new", path())); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		os.Chtimes(path(), old, old)
	}
	for _, want := range []string{"of another model", "SHA-256"} {
		for what, data := range others {
			t.Log(what)
			put(right)
			if !sameLists(openIndexOf(t, z, "search", "a").Lists("a"), BuildLists(randomRows(1, n, classes), classes)) {
				t.Error("other lists")
			}
			put(data) // though they were right a moment ago
			_, err := z.OpenIndex(t.Context(), "search", []string{"a", "b"}, nil)
			expectError(t, err, path(), want)
			_, err = z.Listed("a", "search")
			expectError(t, err, path(), want)
		}
		forgetChecksums(t, z, "a") // then by what every version writes
	}
}

// A reader that has built an index writes it, whatever became of the model meanwhile. It is never
// in the place of lists that are all there is.
func TestIndexBesideLists(t *testing.T) {
	t.Parallel()
	const classes, n = 40, 30
	z := newZoo(t, classes, n)
	w := write(t, z)
	defer w.Close()
	addModel(t, w, "net", "search", randomRows(1, n, classes))
	reader, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	net, _ := reader.Model("net")
	s, _ := reader.Split("search")
	labels, _, err := reader.readSplit(s)
	if err != nil {
		t.Fatal(err)
	}
	built, err := reader.buildLists(t.Context(), net, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveModel("net"); err != nil {
		t.Fatal(err)
	}
	w.KeepLists(true)
	for seed := range uint64(3) { // whose lists take turns with two names
		m, err := w.ReplaceModel(Model{Name: "net"})
		if err != nil {
			t.Fatal(err)
		}
		writeRows(t, m, "search", randomRows(10+seed, n, classes))
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := reader.saveIndex(reader.indexPath("search", "net"), built, labels, reader.indexMeta(net.Splits["search"], s)); err != nil {
			t.Fatal(err)
		}
		if err := z.Verify(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if !sameLists(openIndexOf(t, z, "search", "net").Lists("net"), BuildLists(randomRows(10+seed, n, classes), classes)) {
			t.Error("other lists")
		}
	}
	// The next writer removes what it wrote.
	w.Close()
	write(t, z).Close()
	expectFiles(t, z, "lock", "zoo.json", "splits/search.parquet", "models/{net}.json", "index/search/{net}.arrow")
}

// An index where earlier versions wrote it, under a name of lists, is not read, and removed.
func TestIndexOfEarlierVersion(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	index, old := z.indexPath("search", "net"), z.listsPath("search", "net", false)
	if err := os.Rename(index, old); err != nil {
		t.Fatal(err)
	}
	openIndexOf(t, z, "search", "net")
	if _, err := os.Stat(index); err != nil {
		t.Error(err)
	}
	write(t, z).Close()
	if _, err := os.Stat(old); err == nil {
		t.Error("the old index is still there")
	}
	openIndexOf(t, z, "search", "net")
}

// Complete lists lose nothing.
func TestCompleteLists(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{2, 16, 17, 32} {
		z := newZoo(t, classes, 40)
		w := write(t, z)
		rows := randomRows(uint64(classes), 40, classes)
		if err := w.AddIndexOnly(Model{Name: "m"}, map[string]Lists{"search": BuildLists(rows, classes)}); err != nil {
			t.Fatal(err)
		}
		if !z.ListsComplete() || z.ListsSmaller() || !slices.Equal(readListed(t, z, "m", "search"), rows) {
			t.Errorf("%d classes: other rows", classes)
		}
		// Where lists are no smaller outputs are kept.
		w.KeepLists(true)
		addModel(t, w, "kept", "search", rows)
		if !slices.Equal(readAll(t, z, "kept", "search"), rows) {
			t.Errorf("%d classes: other rows", classes)
		}
	}
}

// Whatever a model is replaced by, there is one of the two at any time, and nothing else.
func TestReplaceLists(t *testing.T) {
	t.Parallel()
	const classes, n = 40, 30
	z := newZoo(t, classes, n)
	w := write(t, z)
	seed := uint64(0)
	last := ""
	for _, kind := range []string{"full", "lists", "lists", "full", "full", "lists", "full", "lists", "lists", "lists"} {
		before := z.Fingerprint()
		w.KeepLists(kind == "lists")
		m, err := w.ReplaceModel(Model{Name: "net"})
		if err != nil {
			t.Fatal(err)
		}
		seed++
		writeRows(t, m, "search", randomRows(seed, n, classes))
		if last != "" {
			// The old one is whole for others until the new one is complete; they may build its index.
			old, err := Open(z.Dir())
			if err != nil {
				t.Fatal(err)
			}
			if !sameLists(openIndexOf(t, old, "search", "net").Lists("net"), BuildLists(randomRows(seed-1, n, classes), classes)) || old.Fingerprint() != before {
				t.Errorf("%s to %s: the old lists are others", last, kind)
			}
		}
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
		check := func() {
			t.Helper()
			now, err := Open(z.Dir())
			if err != nil {
				t.Fatal(err)
			}
			if err := now.Verify(t.Context(), nil); err != nil {
				t.Fatalf("%s to %s: %v", last, kind, err)
			}
			if !sameLists(openIndexOf(t, now, "search", "net").Lists("net"), BuildLists(randomRows(seed, n, classes), classes)) {
				t.Errorf("%s to %s: other lists", last, kind)
			}
			stored, _ := now.Model("net")
			files := []string{"lock", "zoo.json", "splits/search.parquet", "models/{net}.json"}
			second := ""
			if stored.Splits["search"].Second {
				second = ".2"
			}
			if kind == "full" {
				files = append(files, "archive/search/{net}"+second+".parquet", "index/search/{net}.index.arrow")
			} else {
				files = append(files, "index/search/{net}"+second+".arrow")
			}
			expectFiles(t, now, files...)
		}
		check()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w = write(t, z) // cleans
		check()
		last = kind
	}
	// A removal that was interrupted is known by the lists that are left.
	w.KeepLists(true)
	addModel(t, w, "gone", "search", randomRows(1, n, classes))
	if err := os.Remove(z.modelPath(slug("gone"))); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if now, err := Open(z.Dir()); err != nil || !now.HasRemains("gone") || now.HasRemains("other") {
		t.Errorf("nothing remains of a model (%v)", err)
	}
	w = write(t, z)
	if z.HasRemains("gone") {
		t.Error("the next writer leaves it")
	}
	// The index of a model that is replaced by lists must not take their place.
	if err := w.RemoveModel("net"); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, z, "lock", "zoo.json", "splits/search.parquet")
	w.KeepLists(false)
	addModel(t, w, "net", "search", randomRows(1, n, classes))
	w.KeepLists(true)
	m, err := w.ReplaceModel(Model{Name: "net"})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, "search", randomRows(2, n, classes)[:classes])
	m.Abort()
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(z.listsPath("search", "net", true)); err == nil {
		t.Error("lists of a model that was not completed")
	}
}
