package zoo

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

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

// randomRows makes n softmax outputs of different sharpness, with ties and zeros.
func randomRows(seed uint64, n, classes int) []uint16 {
	r := rand.New(rand.NewPCG(seed, 1))
	rows := make([]uint16, 0, n*classes)
	row := make([]uint16, classes)
	for range n {
		clear(row)
		left := uint32(unit)
		for left > 0 {
			c := r.IntN(classes)
			if row[c] != 0 {
				if slices.Index(row, 0) < 0 {
					break
				}
				continue
			}
			row[c] = largest(left/uint32(1+r.IntN(4)) + 1)
			left -= min(left, fixed[row[c]])
			if r.IntN(40) == 0 && left < sumTolerance {
				break
			}
		}
		if left > sumTolerance {
			clear(row)
			row[r.IntN(classes)] = one
		}
		rows = append(rows, row...)
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
	for row := range slices.Chunk(rows, w.z.classes) {
		if err := m.WriteRow(split, row); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Commit(); err != nil {
		t.Fatal(err)
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

func TestRoundTrip(t *testing.T) {
	for _, size := range []struct{ n, classes int }{{1, 2}, {10, 2}, {3000, 2}, {5000, 10}, {100, 17}, {3001, 1000}, {20, 65535}} {
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
		if err != nil || m.Columns["gflops"] != "1.5" {
			t.Errorf("model read: %v, %v", m, err)
		}
	}
}

func TestOpenNothing(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing: %v", err)
	}
}
