package zoo

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

const damageSamples, damageClasses = 5, 3

// damageZoo makes a zoo with a model of rows, net, and one of answers, api.
func damageZoo(t testing.TB) *Zoo {
	z := newZoo(t, damageClasses, damageSamples)
	w := write(t, z)
	addModel(t, w, "net", "search", randomRows(3, damageSamples, damageClasses))
	m, err := w.NewModel(Model{Name: "api", Answers: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range damageSamples {
		if err := m.WriteAnswer("search", uint16(i%damageClasses), one); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return z
}

// readThrough reads what is in the archive of a model.
func readThrough(z *Zoo, model string) (values []uint16, err error) {
	r, err := z.Predictions(model, "search")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	buf, more := make([]uint16, 2*damageClasses), make([]uint16, 2*damageClasses)
	for {
		var n int
		if model == "api" {
			n, err = r.ReadAnswers(buf, more)
			values = append(values, more[:n]...)
		} else {
			n, err = r.ReadRows(buf)
			n *= damageClasses
		}
		values = append(values, buf[:n]...)
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return values, err
		}
	}
}

// damages gives the bytes of a file with every kind of damage, one after the other.
func damages(data []byte, yield func(what string, damaged []byte) bool) {
	for n := range data {
		if !yield(fmt.Sprintf("cut to %d bytes", n), data[:n]) {
			return
		}
	}
	for at := range data {
		d := slices.Clone(data)
		mask := []byte{1, 0x80, 0xFF}[at%3]
		d[at] ^= mask
		if !yield(fmt.Sprintf("byte %d ^ %#x", at, mask), d) {
			return
		}
	}
	for at := 0; at < len(data); at += 13 {
		d := slices.Concat(data[:at], []byte("garbage"), data[at:])
		if !yield(fmt.Sprintf("garbage at %d", at), d) {
			return
		}
		if !yield(fmt.Sprintf("zeros from %d", at), slices.Concat(data[:at], make([]byte, len(data)-at))) {
			return
		}
		if at+8 <= len(data) && !yield(fmt.Sprintf("8 bytes missing at %d", at), slices.Delete(slices.Clone(data), at, at+8)) {
			return
		}
	}
	yield("text", []byte(strings.Repeat("sample,label\n", 100)))
	yield("twice", slices.Repeat(data, 2))
}

// eachDamage puts every damaged form of the file at path in its place.
func eachDamage(t *testing.T, path string, f func(what string, damaged []byte)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages(data, func(what string, damaged []byte) bool {
		if err := os.WriteFile(path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		f(what, damaged)
		return !t.Failed()
	})
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedArchive(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	for _, model := range []string{"net", "api"} {
		path := z.archivePath("search", model, false)
		whole, _ := os.ReadFile(path)
		good, err := readThrough(z, model)
		if err != nil {
			t.Fatal(err)
		}
		eachDamage(t, path, func(what string, damaged []byte) {
			got, err := readThrough(z, model)
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%s: the error does not name the file: %v", what, err)
			}
			// What can be read is at least of the right form.
			if err == nil && len(got) != len(good) {
				t.Errorf("%s: %d values instead of %d", what, len(got), len(good))
			}
			if err == nil && len(damaged) < len(whole)/2 {
				t.Errorf("%s: no error", what)
			}
			for i, v := range got {
				if v > one && (model == "net" || i%2 == 0) {
					t.Errorf("%s: value %#x", what, v)
				}
			}
			// And Verify sees every change.
			if len(what)%7 == 0 {
				expectError(t, z.Verify(t.Context(), nil), path)
			}
		})
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestDamagedSplit(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	path := z.splitPath("search")
	labels, ids, err := z.Labels("search")
	if err != nil {
		t.Fatal(err)
	}
	eachDamage(t, path, func(what string, _ []byte) {
		l, i, err := z.Labels("search")
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%s: the error does not name the file: %v", what, err)
			}
		} else if !slices.Equal(l, labels) || !slices.Equal(i, ids) {
			t.Errorf("%s: other labels or ids, and no error", what)
		}
	})
}

func TestDamagedIndex(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	s, _ := z.Split("search")
	m, _ := z.Model("net")
	meta := z.indexMeta(m.Splits["search"], s)
	path := z.indexPath("search", "net")
	whole, err := readIndex(path, meta, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.unmap()
	// On disk every damaged file would be a mapping and a rebuilt file: look at the
	// bytes.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages(data, func(what string, damaged []byte) bool {
		// At an odd address, too: the numbers are then copied.
		for _, d := range [][]byte{damaged, append(make([]byte, 1, len(damaged)+1), damaged...)[1:]} {
			l, err := parseIndex(d, meta)
			if err == nil && !sameLists(l, whole.lists) {
				t.Errorf("%s: other lists, and no error", what)
			}
		}
		return !t.Failed()
	})
	for _, n := range []int{0, 1, len(data) / 2} {
		os.WriteFile(path, data[:n], 0o666)
		if _, err := readIndex(path, meta, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	os.Remove(path)
	os.Mkdir(path, 0o777)
	if _, err := readIndex(path, meta, nil); err == nil {
		t.Error("a folder is an index")
	}
}

// TestWrongArchive puts whole archives of something else in the place of one.
func TestWrongArchive(t *testing.T) {
	t.Parallel()
	other := func(classes, n int, rows ...uint16) string {
		z := newZoo(t, classes, n)
		w := write(t, z)
		addModel(t, w, "net", "search", rows)
		w.Close()
		return z.archivePath("search", "net", false)
	}
	z := damageZoo(t)
	path := z.archivePath("search", "net", false)
	for _, c := range []struct{ from, want string }{
		{other(3, 1, one, 0, 0), "1 rows instead of 5"},
		{other(2, 5, one, 0, one, 0, one, 0, one, 0, one, 0), "4 bytes a row instead of 6"},
		{z.archivePath("search", "api", false), "2 columns instead of 1"},
		{z.splitPath("search"), "2 columns instead of 1"},
		{z.indexPath("search", "net"), "Parquet"},
	} {
		data, err := os.ReadFile(c.from)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(path, data, 0o666)
		_, err = readThrough(z, "net")
		expectError(t, err, path, c.want)
	}
	os.Remove(path)
	_, err := readThrough(z, "net")
	expectError(t, err, path)
}

// badRows writes an archive past all checks, and has the model name it.
func badRows(t *testing.T, z *Zoo, rows []uint16) {
	t.Helper()
	path := z.archivePath("search", "net", false)
	w, err := createRows(path, "net", "search", len(rows)/z.classes, z.classes)
	if err != nil {
		t.Fatal(err)
	}
	for row := range slices.Chunk(rows, z.classes) {
		if err := w.write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.finish(); err != nil {
		t.Fatal(err)
	}
	if err := w.out.Rename(); err != nil {
		t.Fatal(err)
	}
	m, _ := z.Model("net")
	m.Splits["search"] = Archive{Rows: damageSamples, Bytes: w.out.Size(), SHA256: w.out.SHA256()}
	z.models["net"] = m
}

func TestBadRows(t *testing.T) {
	t.Parallel()
	z := damageZoo(t)
	good := randomRows(3, damageSamples, damageClasses)
	for _, c := range []struct {
		row  []uint16
		want string
	}{
		{[]uint16{0x7E00, 0, 0}, "class 0 is NaN"},
		{[]uint16{0, 0x8000, one}, "class 1 is -0, below 0"},
		{[]uint16{one, one, 0}, "sum to 2"},
		{[]uint16{0, 0, 0}, "sum to 0"},
	} {
		rows := slices.Clone(good)
		copy(rows[3*damageClasses:], c.row)
		badRows(t, z, rows)
		_, err := readThrough(z, "net")
		expectError(t, err, z.archivePath("search", "net", false), "row 3", c.want)
		os.RemoveAll(filepath.Join(z.Dir(), "index"))
		_, err = z.OpenIndex(t.Context(), "search", []string{"net"}, nil)
		expectError(t, err, z.archivePath("search", "net", false), "row 3", c.want)
	}
}

func FuzzArchive(f *testing.F) {
	z := damageZoo(f)
	for _, path := range []string{z.archivePath("search", "net", false), z.archivePath("search", "api", false), z.splitPath("search")} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	path := filepath.Join(f.TempDir(), "fuzz.parquet")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		named := func(err error) {
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("the error does not name the file: %v", err)
			}
		}
		labels, ids, err := readSplit(path, Split{Samples: damageSamples}, damageClasses)
		named(err)
		if err == nil && (len(labels) != damageSamples || len(ids) != damageSamples) {
			t.Errorf("%d labels, %d ids", len(labels), len(ids))
		}
		tab, err := openTable(path, damageSamples, column{"probs", parquet.Types.FixedLenByteArray, 2 * damageClasses})
		named(err)
		if err != nil {
			return
		}
		defer tab.close()
		r := Reader{t: tab, classes: damageClasses, rows: fixedPages{pages: pages{t: tab}, width: 2 * damageClasses}}
		rows := 0
		for buf := make([]uint16, 2*damageClasses); ; {
			n, err := r.ReadRows(buf)
			rows += n
			if err == io.EOF {
				break
			}
			named(err)
			if err != nil {
				return
			}
			for row := range slices.Chunk(buf[:n*damageClasses], damageClasses) {
				if err := outputs.CheckRow(row); err != nil {
					t.Error(err)
				}
			}
		}
		if rows != damageSamples {
			t.Errorf("%d rows", rows)
		}
	})
}

func FuzzIndex(f *testing.F) {
	z := damageZoo(f)
	s, _ := z.Split("search")
	m, _ := z.Model("net")
	meta := z.indexMeta(m.Splits["search"], s)
	data, err := os.ReadFile(z.indexPath("search", "net"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseIndex(data, meta)
		if err == nil {
			if err := outputs.CheckLists(&l, damageSamples, damageClasses); err != nil {
				t.Error(err)
			}
		}
	})
}
