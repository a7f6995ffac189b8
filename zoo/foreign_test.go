package zoo

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// foreignZoo makes a zoo whose files other programs are asked to read: every valid
// float16, several row groups, answers, an index.
func foreignZoo(t *testing.T) (z *Zoo, rows []uint16) {
	if testing.Short() {
		t.Skip("needs a large zoo")
	}
	rows = slices.Concat(everyPattern(), randomRows(1, 250_000, 26))
	n := len(rows) / 26
	z = newZoo(t, 26, n)
	w := write(t, z)
	addModel(t, w, "net", "search", rows)
	m, err := w.NewModel(Model{Name: "api", Answers: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := m.WriteAnswer("search", uint16(i%26), uint16(1+i%one)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return z, rows
}

// TestParquetGo reads the archives with a second implementation of Parquet in Go.
func TestParquetGo(t *testing.T) {
	t.Parallel()
	z, rows := foreignZoo(t)
	open := func(path string) *parquet.File {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		p, err := parquet.OpenFile(f, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	column := func(p *parquet.File, index int, each func(i int, v parquet.Value)) {
		i := 0
		for _, g := range p.RowGroups() {
			pages := g.ColumnChunks()[index].Pages()
			for {
				page, err := pages.ReadPage()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				values := make([]parquet.Value, page.NumValues())
				if _, err := page.Values().ReadValues(values); err != nil && err != io.EOF {
					t.Fatal(err)
				}
				for _, v := range values {
					each(i, v)
					i++
				}
			}
			pages.Close()
		}
		if i != len(rows)/26 {
			t.Errorf("column %d has %d values", index, i)
		}
	}

	net := open(z.archivePath("search", "net", false))
	if n := len(net.RowGroups()); n < 2 {
		t.Errorf("%d row groups", n)
	}
	for key, want := range map[string]string{"model": "net", "split": "search", "shape": fmt.Sprintf("%d,26", len(rows)/26), "dtype": "<f2"} {
		if got, _ := net.Lookup(key); got != want {
			t.Errorf("metadata %s is %q instead of %q", key, got, want)
		}
	}
	bad := 0
	column(net, 0, func(i int, v parquet.Value) {
		b := v.ByteArray()
		for c := range 26 {
			if binary.LittleEndian.Uint16(b[2*c:]) != rows[26*i+c] {
				bad++
			}
		}
	})
	api := open(z.archivePath("search", "api", false))
	column(api, 0, func(i int, v parquet.Value) {
		if v.Int32() != int32(i%26) {
			bad++
		}
	})
	column(api, 1, func(i int, v parquet.Value) {
		if binary.LittleEndian.Uint16(v.ByteArray()) != uint16(1+i%one) {
			bad++
		}
	})
	labels := randomLabels(len(rows)/26, 26)
	split := open(z.splitPath("search"))
	column(split, 0, func(i int, v parquet.Value) {
		if v.String() != fmt.Sprint(i) {
			bad++
		}
	})
	column(split, 1, func(i int, v parquet.Value) {
		if v.Int32() != int32(labels[i]) {
			bad++
		}
	})
	if bad > 0 {
		t.Errorf("%d values differ", bad)
	}
}

// TestPyArrow reads archives, split and index with pyarrow, and compares what it saw.
func TestPyArrow(t *testing.T) {
	python := os.Getenv("ENCAS_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import pyarrow, numpy").CombinedOutput(); err != nil {
		t.Skipf("needs python3 with pyarrow and numpy (or their interpreter in ENCAS_PYTHON): %v %s", err, out)
	}
	z, rows := foreignZoo(t)
	n := len(rows) / 26
	c := exec.Command(python, "testdata/read.py", z.archivePath("search", "net", false), z.archivePath("search", "api", false), z.splitPath("search"), z.indexPath("search", "net"))
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var got struct {
		Rows, Answers, Labels, IDs, Classes, Values, Tail, Top, Correct string
		Shape                                                           []int
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !slices.Equal(got.Shape, []int{n, 26}) {
		t.Errorf("shape %v", got.Shape)
	}
	labels := randomLabels(n, 26)
	var answers, tops []uint16
	var correct []byte
	var ids bytes.Buffer
	l := BuildLists(rows, 26)
	for i := range n {
		fmt.Fprintln(&ids, i)
		answers = append(answers, uint16(i%26), uint16(1+i%one))
		tops = append(tops, l.TopClass[i], l.TopValue[i])
		c := byte(0)
		if l.TopClass[i] == labels[i] {
			c = 1
		}
		correct = append(correct, c)
	}
	sum := func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
	for what, pair := range map[string][2]string{
		"rows":    {got.Rows, sum(bytesOf(rows))},
		"answers": {got.Answers, sum(bytesOf(answers))},
		"labels":  {got.Labels, sum(bytesOf(labels))},
		"ids":     {got.IDs, sum(ids.Bytes())},
		"classes": {got.Classes, sum(bytesOf(l.Classes))},
		"values":  {got.Values, sum(bytesOf(l.Values))},
		"tail":    {got.Tail, sum(bytesOf(l.Tail))},
		"top":     {got.Top, sum(bytesOf(tops))},
		"correct": {got.Correct, sum(correct)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: pyarrow read something else", what)
		}
	}
}
