package zoo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
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
	t.Parallel()
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

// TestBuildLists compares the lists with their definition.
func TestBuildLists(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{2, 15, 16, 17, 31, 32, 33, 100, 1000} {
		const n = 50
		rows := randomRows(uint64(classes), n, classes)
		l := BuildLists(rows, classes)
		if err := outputs.CheckLists(&l, n, classes); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			row := rows[i*classes : (i+1)*classes]
			order := make([]int, classes)
			for c := range order {
				order[c] = c
			}
			slices.SortStableFunc(order, func(a, b int) int { return int(row[b]) - int(row[a]) })
			rest, listed := 0, min(l.K, classes)
			for k := range l.K {
				class, value := uint16(NoClass), uint16(0)
				if k < classes {
					class, value = uint16(order[k]), row[order[k]]
				}
				if l.Classes[i*l.K+k] != class || l.Values[i*l.K+k] != value {
					t.Fatalf("%d classes, row %d, place %d: class %d, value %#x instead of %d, %#x", classes, i, k, l.Classes[i*l.K+k], l.Values[i*l.K+k], class, value)
				}
			}
			for _, c := range order[listed:] {
				rest += int(fixed[row[c]])
			}
			tail := 0
			if classes > l.K {
				tail = rest / (classes - l.K)
			}
			if l.Tail[i] != uint32(tail) || l.TopClass[i] != uint16(order[0]) || l.TopValue[i] != row[order[0]] {
				t.Fatalf("%d classes, row %d: tail %d instead of %d", classes, i, l.Tail[i], tail)
			}
			if l.Tail[i] > fixed[l.Values[i*l.K+l.K-1]] && classes > l.K {
				t.Fatalf("%d classes, row %d: the tail is above the last value", classes, i)
			}
		}
	}
}

// TestStaleIndex puts right index files of something else in the place of one.
func TestStaleIndex(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 20, 30)
	said := notes(z)
	w := write(t, z)
	a, b := randomRows(1, 30, 20), randomRows(2, 30, 20)
	addModel(t, w, "a", "search", a)
	addModel(t, w, "b", "search", b)
	labels := slices.Repeat([]uint16{3}, 30)
	if err := w.AddSplit("other", labels, nil); err != nil {
		t.Fatal(err)
	}
	m, _ := w.ExtendModel("a")
	writeRows(t, m, "other", a)
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	for what, from := range map[string]string{
		"of another model": z.indexPath("search", "b"),
		"of another split": z.indexPath("other", "a"), // from the same rows
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(z.indexPath("search", "a"), data, 0o666)
		*said = nil
		if !sameLists(openIndexOf(t, z, "search", "a").Lists("a"), BuildLists(a, 20)) {
			t.Errorf("an index %s was believed", what)
		}
		if len(*said) != 1 || !strings.Contains((*said)[0], "made from another") {
			t.Errorf("notes on an index %s: %q", what, *said)
		}
		*said = nil
		openIndexOf(t, z, "search", "a")
		if len(*said) != 0 {
			t.Errorf("it was not rebuilt: %q", *said)
		}
	}

	// A model that is removed and made again with other rows has another index.
	if err := w.RemoveModel("a"); err != nil {
		t.Fatal(err)
	}
	addModel(t, w, "a", "search", b)
	if !sameLists(openIndexOf(t, z, "search", "a").Lists("a"), BuildLists(b, 20)) {
		t.Error("the index of a removed model was believed")
	}
}

func TestOpenIndexErrors(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	w := write(t, z)
	addModel(t, w, "m", "search", []uint16{one, 0})
	w.AddSplit("test", []uint16{0}, nil)
	open := func(split string, models ...string) error {
		ix, err := z.OpenIndex(t.Context(), split, models, nil)
		if err == nil {
			ix.Close()
		}
		return err
	}
	if err := open("none"); !errors.Is(err, ErrNoSplit) {
		t.Errorf("no such split: %v", err)
	}
	if err := open("search", "m", "n"); !errors.Is(err, ErrNoModel) {
		t.Errorf("no such model: %v", err)
	}
	if err := open("test", "m"); !errors.Is(err, ErrNoSplit) {
		t.Errorf("no predictions: %v", err)
	}
	if err := open("search"); err != nil {
		t.Errorf("no models: %v", err)
	}
	if err := open("search", "m", "m"); err != nil {
		t.Errorf("the same model twice: %v", err)
	}
	ix := openIndexOf(t, z, "search", "m")
	if l := ix.Lists("n"); l.K != 0 || ix.Split() != "search" || !slices.Equal(ix.Models(), []string{"m"}) {
		t.Error("Lists of a model that was not asked for, Split, Models")
	}
	if err := errors.Join(ix.Close(), ix.Close()); err != nil {
		t.Error(err)
	}

	os.Remove(z.indexPath("search", "m"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := z.OpenIndex(ctx, "search", []string{"m"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestCancelBuild cancels after the first model; what was built stays.
func TestCancelBuild(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 4, 100)
	w := write(t, z)
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprint(i))
		addModel(t, w, names[i], "search", randomRows(uint64(i), 100, 4))
	}
	os.RemoveAll(filepath.Join(z.Dir(), "index"))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := z.OpenIndex(ctx, "search", names, func(done, total int) {
		if total != 40 {
			t.Errorf("%d models to build", total)
		}
		if done == 1 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	built, _ := filepath.Glob(filepath.Join(z.Dir(), "index", "search", "*.arrow"))
	if len(built) == 0 || len(built) == 40 {
		t.Errorf("%d built", len(built))
	}
	left := 0
	last := -1
	if _, err := z.OpenIndex(t.Context(), "search", names, func(done, total int) { left, last = total, done }); err != nil {
		t.Fatal(err)
	}
	if left != 40-len(built) || last != left {
		t.Errorf("%d of %d built the second time, after %d the first time", last, left, len(built))
	}
}

// TestUnwritableIndex keeps the lists in memory where the folder takes no files.
func TestUnwritableIndex(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 4, 100)
	said := notes(z)
	w := write(t, z)
	a, b := randomRows(1, 100, 4), randomRows(2, 100, 4)
	addModel(t, w, "a", "search", a)
	addModel(t, w, "b", "search", b)
	w.Close()
	// A file in the folder's place stops root, too.
	os.RemoveAll(filepath.Join(z.Dir(), "index"))
	os.WriteFile(filepath.Join(z.Dir(), "index"), nil, 0o666)
	ix := openIndexOf(t, z, "search", "a", "b")
	if !sameLists(ix.Lists("a"), BuildLists(a, 4)) || !sameLists(ix.Lists("b"), BuildLists(b, 4)) {
		t.Error("lists in memory differ")
	}
	all := strings.Join(*said, "\n")
	if strings.Count(all, "kept in memory") != 1 || !strings.Contains(all, "the search index of 2 models") {
		t.Errorf("notes: %q", *said)
	}
}

func TestIndexOnly(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 40, 60)
	w := write(t, z)
	w.AddSplit("test", randomLabels(10, 40), nil)
	search, test := BuildLists(randomRows(1, 60, 40), 40), BuildLists(randomRows(2, 10, 40), 40)
	m := Model{Name: "simulated", Columns: map[string]string{"gflops": "4"}}
	if err := w.AddIndexOnly(m, map[string]Lists{"search": search, "test": test}); err != nil {
		t.Fatal(err)
	}
	if err := w.AddIndexOnly(m, map[string]Lists{"search": search}); !errors.Is(err, ErrModelExists) {
		t.Errorf("twice: %v", err)
	}
	m.Name = "wrong"
	expectError(t, w.AddIndexOnly(m, nil), "no lists")
	expectError(t, w.AddIndexOnly(m, map[string]Lists{"search": test}), "lengths", `"wrong"`)
	expectError(t, w.AddIndexOnly(m, map[string]Lists{"none": search}), "no such split")
	for what, change := range map[string]func(l *Lists){
		"class":     func(l *Lists) { l.Classes[20] = 40 },
		"value":     func(l *Lists) { l.Values[20] = one + 1 },
		"tail":      func(l *Lists) { l.Tail[3] = outputs.One + 1 },
		"top class": func(l *Lists) { l.TopClass[5]++ },
		"top value": func(l *Lists) { l.TopValue[5]++ },
	} {
		l := BuildLists(randomRows(1, 60, 40), 40)
		change(&l)
		if err := w.AddIndexOnly(m, map[string]Lists{"search": l}); err == nil {
			t.Errorf("lists with a wrong %s", what)
		}
	}
	w.Close()
	expectFiles(t, z, "lock", "zoo.json", "splits/search.parquet", "splits/test.parquet", "models/{simulated}.json", "index/search/{simulated}.arrow", "index/test/{simulated}.arrow")
	write(t, z).Close() // does not take the index for a leftover

	z, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	said := notes(z)
	got, _ := z.Model("simulated")
	if a := got.Splits["test"]; !a.IndexOnly || a.Rows != 10 {
		t.Errorf("archive: %+v", a)
	}
	if !sameLists(openIndexOf(t, z, "search", "simulated").Lists("simulated"), search) {
		t.Error("lists differ")
	}
	if _, err := z.Predictions("simulated", "search"); !errors.Is(err, ErrIndexOnly) {
		t.Errorf("Predictions: %v", err)
	}
	if err := z.Verify(t.Context(), nil); err != nil || len(*said) != 1 || !strings.Contains((*said)[0], "lists of the 16 largest classes alone") {
		t.Errorf("Verify: %v, notes %q", err, *said)
	}
	flip(t, z.listsPath("search", "simulated", false), 3000)
	_, err = z.OpenIndex(t.Context(), "search", []string{"simulated"}, nil)
	expectError(t, err, z.listsPath("search", "simulated", false), "encas-zoo zoo remove --zoo "+z.Dir()+" -- simulated`")
	expectError(t, z.Verify(t.Context(), nil), z.listsPath("search", "simulated", false), "SHA-256")
}

// TestParseIndexInPlace: the lists of a mapped file are not copies.
func TestParseIndexInPlace(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	s, _ := z.Split("search")
	m, _ := z.Model("net")
	data, err := os.ReadFile(z.indexPath("search", "net"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := parseIndex(data, z.indexMeta(m.Splits["search"], s))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{bytesOf(l.Classes), bytesOf(l.Values), bytesOf(l.Tail), bytesOf(l.TopClass), bytesOf(l.TopValue)} {
		first, begin := uintptr(unsafe.Pointer(&part[0])), uintptr(unsafe.Pointer(&data[0]))
		if first < begin || first >= begin+uintptr(len(data)) {
			t.Error("a column was copied")
		}
	}
}

// TestIndexCutShort: a search goes on with an index whose file another program cuts short.
func TestIndexCutShort(t *testing.T) {
	t.Parallel()
	const samples, classes = 20_000, 20
	z := newZoo(t, classes, samples)
	w := write(t, z)
	rows := randomRows(1, samples, classes)
	addModel(t, w, "net", "search", rows)
	w.Close()
	ix := openIndexOf(t, z, "search", "net")
	if err := os.Truncate(z.indexPath("search", "net"), 100); err != nil {
		t.Fatal(err)
	}
	if !sameLists(ix.Lists("net"), BuildLists(rows, classes)) {
		t.Error("other lists")
	}
}
