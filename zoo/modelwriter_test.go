package zoo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

const half, quarter, minusZero = 0x3800, 0x3400, 0x8000

func TestWriteRow(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 4, 3)
	w := write(t, z)
	m, err := w.NewModel(Model{Name: "net"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WriteRow("search", []uint16{half, half, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		row  []uint16
		want string
	}{
		{nil, "0 values"},
		{[]uint16{one, 0, 0}, "3 values, the zoo has 4 classes"},
		{[]uint16{one, 0, 0, 0, 0}, "5 values"},
		{[]uint16{0, 0, 0x7E00, 0}, "class 2 is NaN"},
		{[]uint16{0xFE01, 0, 0, 0}, "class 0 is NaN"},
		{[]uint16{0, 0x7C00, 0, 0}, "class 1 is +Inf"},
		{[]uint16{0, 0xFC00, 0, 0}, "class 1 is -Inf"},
		{[]uint16{0, 0, 0, 0x8001}, "class 3 is -5.960464477539063e-08, below 0"},
		{[]uint16{0xBC00, one, one, 0}, "class 0 is -1, below 0"},
		{[]uint16{0x3C01, 0, 0, 0}, "class 0 is 1.0009765625, above 1"},
		{[]uint16{0x7BFF, 0, 0, 0}, "class 0 is 65504, above 1"},
		{[]uint16{0, 0, 0, 0}, "sum to 0,"},
		{[]uint16{one, one, one, one}, "sum to 4,"},
		{[]uint16{half, half, 0x2500, 0}, "sum to 1.01953,"},
	} {
		expectError(t, m.WriteRow("search", c.row), `"net"`, `"search"`, "row 1", c.want)
	}
	expectError(t, m.WriteRow("test", []uint16{one, 0, 0, 0}), "no such split")
	expectError(t, m.WriteAnswer("search", 1, one), "takes no answers")
	// A sum of 1.0076, within the tolerance, and negative zeros.
	writeRows(t, m, "search", []uint16{half, quarter, 0x33FF, 0x2000, minusZero, minusZero, one, minusZero})
	expectError(t, m.WriteRow("search", []uint16{one, 0, 0, 0}), "more rows than the 3 samples")
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(); err == nil {
		t.Error("committed twice")
	}
	if err := m.WriteRow("search", []uint16{one, 0, 0, 0}); err == nil {
		t.Error("a row after Commit")
	}
	want := []uint16{half, half, 0, 0, half, quarter, 0x33FF, 0x2000, 0, 0, one, 0}
	if got := readAll(t, z, "net", "search"); !slices.Equal(got, want) {
		t.Errorf("rows %x", got)
	}
}

func TestCommitErrors(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 2)
	w := write(t, z)
	if err := w.AddSplit("test", []uint16{0}, nil); err != nil {
		t.Fatal(err)
	}
	begin := func() *ModelWriter {
		t.Helper()
		m, err := w.NewModel(Model{Name: "m"})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	expectError(t, begin().Commit(), "no rows")

	m := begin()
	if _, err := w.NewModel(Model{Name: "m"}); !errors.Is(err, ErrModelExists) {
		t.Errorf("begun twice: %v", err)
	}
	expectError(t, w.RemoveModel("m"), "being written")
	writeRows(t, m, "search", []uint16{one, 0})
	expectError(t, m.Commit(), "1 rows", "2 samples", `"m"`)

	m = begin()
	writeRows(t, m, "search", []uint16{one, 0, one, 0})
	m.Abort()
	m.Abort()
	expectFiles(t, z, "lock", "splits/search.parquet", "splits/test.parquet", "zoo.json")
	expectError(t, m.Commit(), "aborted")

	// Splits may alternate, and each must be complete.
	m = begin()
	writeRows(t, m, "search", []uint16{one, 0})
	writeRows(t, m, "test", []uint16{half, half})
	writeRows(t, m, "search", []uint16{0, one})
	m.SetColumn("params", "\xff")
	expectError(t, m.Commit(), `"m"`, "UTF-8")
	m = begin()
	writeRows(t, m, "search", []uint16{one, 0, 0, one})
	writeRows(t, m, "test", []uint16{half, half})
	m.SetColumn("params", "12")
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.NewModel(Model{Name: "m"}); !errors.Is(err, ErrModelExists) {
		t.Errorf("there already: %v", err)
	}
	if !slices.Equal(readAll(t, z, "m", "search"), []uint16{one, 0, 0, one}) || !slices.Equal(readAll(t, z, "m", "test"), []uint16{half, half}) {
		t.Error("alternating splits are mixed up")
	}

	// A writer that is closed gives up what is open and takes nothing more.
	open, _ := w.NewModel(Model{Name: "open"})
	writeRows(t, open, "test", []uint16{one, 0})
	w.Close()
	if err := open.Commit(); err == nil {
		t.Error("committed after Close")
	}
	if _, err := w.NewModel(Model{Name: "late"}); err == nil {
		t.Error("a model after Close")
	}
	if m, err := z.Model("m"); err != nil || m.Columns["params"] != "12" {
		t.Errorf("columns: %v, %v", m.Columns, err)
	}
	if w.AddSplit("late", []uint16{0}, nil) == nil || w.RemoveModel("m") == nil {
		t.Error("changes after Close")
	}
	if z.HasModel("open") || !z.HasModel("m") {
		t.Error("models after Close")
	}
}

func TestExtendModel(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 2)
	w := write(t, z)
	w.AddSplit("test", []uint16{0}, nil)
	addModel(t, w, "m", "search", []uint16{one, 0, 0, one})
	if _, err := w.ExtendModel("n"); !errors.Is(err, ErrNoModel) {
		t.Errorf("extending nothing: %v", err)
	}
	m, err := w.ExtendModel("m")
	if err != nil {
		t.Fatal(err)
	}
	expectError(t, m.WriteRow("search", []uint16{one, 0}), "already")
	writeRows(t, m, "test", []uint16{half, half})
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	z, err = Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	got, _ := z.Model("m")
	if len(got.Splits) != 2 || got.Columns["gflops"] != "1.5" {
		t.Errorf("extended: %+v", got)
	}
	if !slices.Equal(readAll(t, z, "m", "search"), []uint16{one, 0, 0, one}) || !slices.Equal(readAll(t, z, "m", "test"), []uint16{half, half}) {
		t.Error("rows of the extended model")
	}
	// An extension that is given up leaves the model as it was.
	w = write(t, z)
	w.AddSplit("third", []uint16{0}, nil)
	m, _ = w.ExtendModel("m")
	writeRows(t, m, "third", []uint16{half, half})
	m.Abort()
	if got, _ := z.Model("m"); len(got.Splits) != 2 {
		t.Errorf("after Abort: %+v", got)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const n = 3_000
	z := newZoo(t, 100, n)
	w := write(t, z)
	m, err := w.NewModel(Model{Name: "api", Answers: true})
	if err != nil {
		t.Fatal(err)
	}
	labels, confidences := randomLabels(n, 100), make([]uint16, n)
	for i := range n {
		confidences[i] = uint16(i * 5)
		if i == 7 {
			expectError(t, m.WriteAnswer("search", 100, one), `"api"`, "row 7", "label 100")
			expectError(t, m.WriteAnswer("search", 1, 0x7E00), "row 7", "confidence")
			expectError(t, m.WriteAnswer("search", 1, 0x3C01), "row 7", "confidence")
			expectError(t, m.WriteRow("search", make([]uint16, 100)), "no rows of probabilities")
		}
		c := confidences[i]
		if i == 1 {
			c = minusZero
		}
		if err := m.WriteAnswer("search", labels[i], c); err != nil {
			t.Fatal(err)
		}
	}
	confidences[0], confidences[1] = 1, 1 // 0 is kept as the smallest value above it
	expectError(t, m.WriteAnswer("search", 1, one), "more rows")
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if z, err = Open(z.Dir()); err != nil {
		t.Fatal(err)
	}
	if m, _ := z.Model("api"); !m.Answers {
		t.Error("the model is not marked")
	}
	r, err := z.Predictions("api", "search")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.ReadRows(make([]uint16, 100)); err == nil {
		t.Error("rows of a model with answers")
	}
	var gotLabels, gotConfidences []uint16
	for l, c := make([]uint16, 999), make([]uint16, 999); ; {
		k, err := r.ReadAnswers(l, c)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		gotLabels, gotConfidences = append(gotLabels, l[:k]...), append(gotConfidences, c[:k]...)
	}
	if !slices.Equal(gotLabels, labels) || !slices.Equal(gotConfidences, confidences) {
		t.Error("answers read differ from those written")
	}
	check := func(what string) {
		l := openIndexOf(t, z, "search", "api").Lists("api")
		if !slices.Equal(l.TopClass, labels) || !slices.Equal(l.TopValue, confidences) || l.Classes[1] != NoClass || l.Classes[l.K] != labels[1] {
			t.Errorf("%s: the lists of answers are wrong", what)
		}
	}
	check("made while writing")
	os.Remove(z.indexPath("search", "api"))
	check("built")
}

// TestReaderArguments: room that is no multiple of the classes is refused.
func TestReaderArguments(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 3, 2)
	w := write(t, z)
	addModel(t, w, "m", "search", []uint16{one, 0, 0, 0, 0, one})
	r, err := z.Predictions("m", "search")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, n := range []int{0, 2, 4} {
		if _, err := r.ReadRows(make([]uint16, n)); err == nil || err == io.EOF {
			t.Errorf("room for %d values: %v", n, err)
		}
	}
	if _, err := r.ReadAnswers(make([]uint16, 1), make([]uint16, 1)); err == nil || err == io.EOF {
		t.Errorf("answers of a model with rows: %v", err)
	}
	if n, err := r.ReadRows(make([]uint16, 30)); n != 2 || err != nil {
		t.Errorf("all rows: %d, %v", n, err)
	}
	for range 2 {
		if n, err := r.ReadRows(make([]uint16, 3)); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
	}
}

// TestParallelWriters writes several models of one writer at once.
func TestParallelWriters(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 50, 400)
	w := write(t, z)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 3 {
				name := fmt.Sprint(g, "-", i)
				addModel(t, w, name, "search", randomRows(uint64(10*g+i), 400, 50))
				if i == 1 {
					if err := w.RemoveModel(name); err != nil {
						t.Error(err)
					}
				}
				z.Models()
				z.Fingerprint()
			}
		})
	}
	wg.Wait()
	w.Close()
	z, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if len(z.Models()) != 8 {
		t.Errorf("%d models", len(z.Models()))
	}
	for g := range 4 {
		if !slices.Equal(readAll(t, z, fmt.Sprint(g, "-2"), "search"), randomRows(uint64(10*g+2), 400, 50)) {
			t.Errorf("rows of %d-2 differ", g)
		}
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestTwoWriters(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	w := write(t, z)
	other, err := Open(z.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Write(); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	addModel(t, w, "m", "search", []uint16{one, 0})
	w.Close()
	w.Close()
	// The second one sees what the first one did.
	w = write(t, other)
	if _, err := w.NewModel(Model{Name: "m"}); !errors.Is(err, ErrModelExists) {
		t.Errorf("the model of the first writer: %v", err)
	}
}

// TestNoRoomForIndex: lists that would take too much memory are not made while
// writing, but on first use.
func TestNoRoomForIndex(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 3)
	w := write(t, z)
	if !w.keep(maxKept - 1) {
		t.Fatal("no room at all")
	}
	addModel(t, w, "m", "search", []uint16{one, 0, 0, one, half, half})
	if _, err := os.Stat(z.indexPath("search", "m")); err == nil {
		t.Error("an index was written")
	}
	if w.kept != maxKept-1 {
		t.Errorf("%d bytes kept", w.kept)
	}
	if l := openIndexOf(t, z, "search", "m").Lists("m"); !sameLists(l, BuildLists([]uint16{one, 0, 0, one, half, half}, 2)) {
		t.Error("lists differ")
	}
}

// TestLeftovers puts what a killed writer may leave, and what is not ours, into the
// folders.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	w := write(t, z)
	addModel(t, w, "m", "search", []uint16{one, 0})
	w.Close()
	for _, f := range []string{
		".tmp-1", "models/.tmp-2", "splits/.tmp-3", "archive/search/.tmp-4", "index/search/.tmp-5",
		"archive/search/" + slug("gone") + ".parquet", "index/search/" + slug("gone") + ".arrow", "splits/gone.parquet",
	} {
		os.WriteFile(z.Dir()+"/"+f, []byte("x"), 0o666)
	}
	long := time.Now().Add(-2 * time.Hour)
	os.Chtimes(z.Dir()+"/index/search/.tmp-5", long, long)
	os.Chtimes(z.Dir()+"/.tmp-1", long, long)
	foreign := []string{"README.md", "models/notes.txt", "models/mine.json", "splits/notes.txt", "archive/search/mine.parquet", "index/search/mine.arrow", "archive/search/x.txt"}
	reading, err := atomicfile.Create(z.Dir() + "/index/search/reading") // by a process that lives
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Discard()
	for _, f := range foreign {
		os.WriteFile(z.Dir()+"/"+f, []byte("x"), 0o666)
	}
	write(t, z).Close()
	reading.Close()
	if err := reading.Rename(); err != nil {
		t.Error(err)
	}
	foreign = append(foreign, "index/search/reading")
	expectFiles(t, z, append(foreign, "lock", "zoo.json", "splits/search.parquet", "models/{m}.json", "archive/search/{m}.parquet", "index/search/{m}.index.arrow")...)
}
