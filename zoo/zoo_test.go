package zoo

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

const one = outputs.OneBits

// fixed holds every valid probability in fixed point.
var fixed = func() (t [one + 1]uint32) {
	for h := range t {
		kernel.Fixed(t[h:h+1], []uint16{uint16(h)})
	}
	return t
}()

// newZoo makes a zoo with one split, search, of n samples.
func newZoo(t testing.TB, classes, n int) *Zoo {
	t.Helper()
	z, err := Create(filepath.Join(t.TempDir(), "zoo"), classes)
	if err != nil {
		t.Fatal(err)
	}
	w := write(t, z)
	if err := w.AddSplit("search", randomLabels(n, classes), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z
}

func write(t testing.TB, z *Zoo) *Writer {
	t.Helper()
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func randomLabels(n, classes int) []uint16 {
	r := rand.New(rand.NewPCG(uint64(n), uint64(classes)))
	labels := make([]uint16, n)
	for i := range labels {
		labels[i] = uint16(r.IntN(classes))
	}
	return labels
}

// randomRows makes n outputs of very different sharpness, with ties and zeros.
func randomRows(seed uint64, n, classes int) []uint16 {
	r := rand.New(rand.NewPCG(seed, 1))
	rows := make([]uint16, n*classes)
	for row := range slices.Chunk(rows, classes) {
		left := uint32(outputs.One)
		for _, c := range r.Perm(classes) {
			v := largest(left / uint32(1+r.IntN(5)))
			row[c] = v
			left -= fixed[v]
		}
		if left > outputs.One/100 {
			clear(row)
			row[r.IntN(classes)] = one
		}
	}
	return rows
}

// largest returns the largest probability of at most v units.
func largest(v uint32) uint16 {
	i, ok := slices.BinarySearch(fixed[:], v)
	if !ok {
		i--
	}
	return uint16(i)
}

func addModel(t testing.TB, w *Writer, name, split string, rows []uint16) {
	t.Helper()
	m, err := w.NewModel(Model{Name: name, Columns: map[string]string{"gflops": "1.5"}})
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, m, split, rows)
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
}

func writeRows(t testing.TB, m *ModelWriter, split string, rows []uint16) {
	t.Helper()
	for row := range slices.Chunk(rows, m.w.z.classes) {
		if err := m.WriteRow(split, row); err != nil {
			t.Fatal(err)
		}
	}
}

func readAll(t testing.TB, z *Zoo, model, split string) []uint16 {
	t.Helper()
	r, err := z.Predictions(model, split)
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

// expectFiles compares the files of a zoo with a list, in which the slug of a model
// is written {name}.
func expectFiles(t *testing.T, z *Zoo, want ...string) {
	t.Helper()
	for i, w := range want {
		if before, rest, ok := strings.Cut(w, "{"); ok {
			name, after, _ := strings.Cut(rest, "}")
			want[i] = before + slug(name) + after
		}
	}
	var got []string
	err := filepath.WalkDir(z.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !recordName.MatchString(d.Name()) { // of a writer that is open
			rel, _ := filepath.Rel(z.Dir(), path)
			got = append(got, filepath.ToSlash(rel))
		}
		return err
	})
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the zoo has the files\n\t%s\ninstead of\n\t%s\n%v", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), err)
	}
}

// unseal takes the checksums out of files, as those of older programs have none.
func unseal(t testing.TB, paths ...string) {
	t.Helper()
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfterN(string(data), "\n", 3)
		if len(lines) != 3 || !strings.Contains(lines[1], `"checksum"`) {
			t.Fatalf("%s has no checksum", path)
		}
		if err := os.WriteFile(path, []byte(lines[0]+lines[2]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// expectError tests that err says all of the texts.
func expectError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that says %q", texts)
		return
	}
	for _, s := range texts {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error %q does not say %q", err, s)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ n, classes int }{{1, 2}, {10, 2}, {280_000, 2}, {5000, 10}, {100, 17}, {3001, 1000}, {20, 65535}} {
		if testing.Short() && size.n*size.classes > 50_000 {
			continue
		}
		z := newZoo(t, size.classes, size.n)
		rows := randomRows(1, size.n, size.classes)
		w := write(t, z)
		addModel(t, w, "a", "search", rows)
		w.Close()
		z, err := Open(z.Dir())
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, z, "a", "search"); !slices.Equal(got, rows) {
			t.Errorf("%d x %d: the rows read differ from those written", size.n, size.classes)
		}
		labels, ids, err := z.Labels("search")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(labels, randomLabels(size.n, size.classes)) || len(ids) != size.n || ids[0] != "0" {
			t.Errorf("%d x %d: labels or ids read differ from those written", size.n, size.classes)
		}
		m, err := z.Model("a")
		if err != nil || m.Columns["gflops"] != "1.5" || m.Splits["search"].Rows != size.n {
			t.Errorf("model read: %v, %v", m, err)
		}
	}
}

// everyPattern makes rows that hold each valid float16 and sum to 1: class 0 has the
// value, the others fill up.
func everyPattern() []uint16 {
	const classes = 26
	rows := make([]uint16, (one+1)*classes)
	for v := range one + 1 {
		row := rows[v*classes : (v+1)*classes]
		row[0] = uint16(v)
		left := outputs.One - fixed[v]
		for c := 1; left > 0; c++ {
			row[c] = largest(left)
			left -= fixed[row[c]]
		}
	}
	return rows
}

func TestEveryPattern(t *testing.T) {
	t.Parallel()
	rows := everyPattern()
	z := newZoo(t, 26, one+1)
	w := write(t, z)
	addModel(t, w, "all", "search", rows)
	// Every negative zero is stored as zero, and nothing else changes.
	negative := slices.Clone(rows)
	for i, v := range negative {
		if v == 0 && i%3 == 0 {
			negative[i] = 0x8000
		}
	}
	addModel(t, w, "negative", "search", negative)
	w.Close()
	for _, name := range []string{"all", "negative"} {
		if !slices.Equal(readAll(t, z, name, "search"), rows) {
			t.Errorf("%s: bits changed", name)
		}
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 3, 2)
	w := write(t, z)
	addModel(t, w, "a", "search", randomRows(1, 2, 3))
	expectFiles(t, z, "archive/search/{a}.parquet", "index/search/{a}.index.arrow", "lock", "models/{a}.json", "splits/search.parquet", "zoo.json")
}

func TestCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, classes := range []int{-1, 0, 1, 65536} {
		if _, err := Create(filepath.Join(dir, "new"), classes); err == nil {
			t.Errorf("a zoo of %d classes", classes)
		}
	}
	if _, err := Create(filepath.Join(dir, "deep", "er"), 2); err != nil {
		t.Error(err)
	}
	if _, err := Create(filepath.Join(dir, "deep", "er"), 2); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create twice: %v", err)
	}
	// A folder with something else in it is not made a zoo: later writers remove
	// what they take for leftovers.
	_, err := Create(dir, 2)
	expectError(t, err, "not empty", "deep")
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something was put into a folder that is not a zoo: %v", entries)
	}
	// What a killed Create leaves does not stand in the way.
	killed := filepath.Join(dir, "killed")
	os.Mkdir(killed, 0o777)
	os.WriteFile(filepath.Join(killed, ".tmp-1"), nil, 0o666)
	os.WriteFile(filepath.Join(killed, "lock"), nil, 0o666)
	if _, err := Create(killed, 2); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o666)
	if _, err := Create(file, 2); err == nil {
		t.Error("a file became a zoo")
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	if _, err := Open(filepath.Join(t.TempDir(), "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing: %v", err)
	}
	z := newZoo(t, 2, 1)
	w := write(t, z)
	addModel(t, w, "m", "search", []uint16{0, one})
	w.Close()
	head, model := filepath.Join(z.Dir(), "zoo.json"), z.modelPath(slug("m"))
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	unseal(t, head, model) // as written by older programs; for a person may take the checksum out
	goodHead, goodModel := read(head), read(model)
	for _, c := range []struct {
		path, from, to string
		want           string
	}{
		{head, goodHead, "", "damaged"},
		{head, goodHead, "[]", "damaged"},
		{head, goodHead, "{}", "no format version"},
		{head, goodHead, goodHead[:len(goodHead)/2], "damaged"},
		{head, `"format": 1`, `"format": 2`, "newer"},
		{head, `"format": 1`, `"format": -1`, "damaged"},
		{head, `"classes": 2`, `"classes": 1`, "1 classes"},
		{head, `"classes": 2`, `"classes": 65536`, "65536 classes"},
		{head, `"search"`, `"../search"`, "cannot name a split"},
		{head, `"samples": 1`, `"samples": -5`, "-5 samples"},
		{head, `"samples": 1`, `"samples": 2147483648`, "2147483648 samples"},
		{head, `"samples": 1`, `"samples": 2`, "m-62c66a7a5dd70c31.json: it has 1 rows"},
		{head, `"search"`, `"other"`, "m-62c66a7a5dd70c31.json: it names the split"},
		{model, goodModel, goodModel[:len(goodModel)/3], "damaged"},
		{model, `"format": 1`, `"format": 7`, "newer"},
		{model, `"name": "m"`, `"name": "n"`, "whose file is"},
		{model, `"rows": 1`, `"rows": 3`, "3 rows"},
		{model, `"bytes": `, `"bytes": -`, "no valid size"},
		{model, `"sha256": "`, `"sha256": "x`, "no valid size and SHA-256"},
		{model, `"search"`, `"test"`, "which the zoo does not have"},
		{model, goodModel, `{"format": 1, "name": "m"}`, "no predictions"},
	} {
		before := read(c.path)
		after := strings.Replace(before, c.from, c.to, 1)
		if before == after {
			t.Fatalf("%s has no %s", c.path, c.from)
		}
		os.WriteFile(c.path, []byte(after), 0o666)
		z, err := Open(z.Dir())
		if err == nil {
			err = z.anyDamaged()
		}
		expectError(t, err, c.want, ".json")
		if (c.want == "newer") != errors.Is(err, ErrNewerFormat) {
			t.Errorf("%q wraps ErrNewerFormat: %v", err, errors.Is(err, ErrNewerFormat))
		}
		os.WriteFile(c.path, []byte(before), 0o666)
	}
	if _, err := Open(z.Dir()); err != nil {
		t.Error(err)
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	z := newZoo(t, 2, 1)
	if _, err := z.Split("test"); !errors.Is(err, ErrNoSplit) || !strings.Contains(err.Error(), "has: search") {
		t.Errorf("Split: %v", err)
	}
	if _, err := z.Model("m"); !errors.Is(err, ErrNoModel) {
		t.Errorf("Model: %v", err)
	}
	if _, err := z.Predictions("m", "search"); !errors.Is(err, ErrNoModel) {
		t.Errorf("Predictions: %v", err)
	}
	w := write(t, z)
	addModel(t, w, "m", "search", []uint16{0, one})
	if err := w.AddSplit("test", []uint16{1}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Predictions("m", "test"); !errors.Is(err, ErrNoSplit) {
		t.Errorf("Predictions: %v", err)
	}
	if !z.HasModel("m") || z.HasModel("n") {
		t.Error("HasModel")
	}
	// What is handed out is a copy.
	m, _ := z.Model("m")
	m.Columns["gflops"] = "9"
	delete(m.Splits, "search")
	if m, _ := z.Model("m"); m.Columns["gflops"] != "1.5" || len(m.Splits) != 1 {
		t.Error("a model handed out can be changed")
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	m := Model{Name: "net", Columns: map[string]string{"gflops": " 1.25 ", "zero": "0", "minus": "-1", "nan": "NaN", "inf": "+Inf", "text": "fast", "huge": "1e400"}}
	if c, err := m.Cost("gflops"); err != nil || c != 1.25 {
		t.Errorf("Cost: %v, %v", c, err)
	}
	if c, err := m.Cost("zero"); err != nil || c != 0 {
		t.Errorf("a free model: %v, %v", c, err)
	}
	for column := range maps.Keys(m.Columns) {
		if column != "gflops" && column != "zero" {
			_, err := m.Cost(column)
			expectError(t, err, "net", column)
		}
	}
	_, err := m.Cost("params")
	expectError(t, err, "net", "params", "gflops, huge")
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	build := func(order []string, change func(w *Writer)) *Zoo {
		z := newZoo(t, 4, 20)
		w := write(t, z)
		for _, name := range order {
			addModel(t, w, name, "search", randomRows(uint64(name[0]), 20, 4))
		}
		if change != nil {
			change(w)
		}
		w.Close()
		return z
	}
	z := build([]string{"a", "b", "c"}, nil)
	want := z.Fingerprint()
	if !isSHA256(want) {
		t.Errorf("fingerprint %q", want)
	}
	if again, _ := Open(z.Dir()); again.Fingerprint() != want {
		t.Error("the fingerprint changes when the zoo is opened again")
	}
	if build([]string{"c", "a", "b"}, nil).Fingerprint() != want {
		t.Error("the fingerprint depends on the order of import or on the folder")
	}
	for what, z := range map[string]*Zoo{
		"a model less": build([]string{"a", "b"}, nil),
		"other rows": build([]string{"a", "b"}, func(w *Writer) {
			addModel(t, w, "c", "search", randomRows(9, 20, 4))
		}),
		"another cost": build([]string{"a", "b"}, func(w *Writer) {
			m, _ := w.NewModel(Model{Name: "c", Columns: map[string]string{"gflops": "1.6"}})
			writeRows(t, m, "search", randomRows('c', 20, 4))
			m.Commit()
		}),
		"another split": build([]string{"a", "b", "c"}, func(w *Writer) { w.AddSplit("test", []uint16{1}, nil) }),
	} {
		if z.Fingerprint() == want {
			t.Errorf("%s: the fingerprint is the same", what)
		}
	}
}
