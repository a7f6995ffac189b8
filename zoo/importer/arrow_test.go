package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	arrays "github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowRecord has rows whose ids begin with a letter.
func arrowRecord(letter string, rows int) arrow.Record {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "label", Type: arrow.PrimitiveTypes.Int64},
		{Name: "probs", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)},
	}, nil)
	b := arrays.NewRecordBuilder(memory.DefaultAllocator, schema)
	lists := b.Field(2).(*arrays.ListBuilder)
	for i := range rows {
		b.Field(0).(*arrays.StringBuilder).Append(fmt.Sprint(letter, i))
		b.Field(1).(*arrays.Int64Builder).Append(int64(i % 2))
		lists.Append(true)
		lists.ValueBuilder().(*arrays.Float32Builder).AppendValues([]float32{0.75, 0.25}, nil)
	}
	return b.NewRecord()
}

// arrowStream is what the library datasets writes, in two batches of two rows.
func arrowStream(t testing.TB, options ...ipc.Option) []byte {
	t.Helper()
	return arrowBytes(t, []arrow.Record{arrowRecord("x", 2), arrowRecord("y", 2)}, options...)
}

func arrowBytes(t testing.TB, batches []arrow.Record, options ...ipc.Option) []byte {
	t.Helper()
	var out bytes.Buffer
	w := ipc.NewWriter(&out, append(options, ipc.WithSchema(batches[0].Schema()))...)
	for _, batch := range batches {
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// arrowFile is the same as a file.
func arrowFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first := arrowRecord("x", 2)
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(first.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(first), w.Write(arrowRecord("y", 2)), w.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Whatever is wrong with an Arrow file, it is imported or an error, and takes no more memory
// than its size allows.
func FuzzArrow(f *testing.F) {
	whole := arrowStream(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(arrowStream(f, ipc.WithZstd()))
	f.Add(arrowStream(f, ipc.WithLZ4()))
	f.Add(arrowFile(f))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) { readArrow(t, dir, data) })
}

func TestArrowDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for what, whole := range map[string][]byte{
		"plain": arrowStream(t), "zstd": arrowStream(t, ipc.WithZstd()), "lz4": arrowStream(t, ipc.WithLZ4()), "file": arrowFile(t),
	} {
		if rows, err := readArrow(t, dir, whole); rows != 4 {
			t.Fatalf("%s: %d rows: %v", what, rows, err)
		}
		step := 1
		if what == "zstd" || what == "lz4" {
			step = 7 // unpacking takes its time
		}
		for i := 0; i < len(whole); i += step {
			for _, value := range []byte{0x00, 0x7F, 0xFF} {
				data := bytes.Clone(whole)
				data[i] = value
				// In a stream nothing says how many batches there are.
				if rows, err := readArrow(t, dir, data); err == nil && rows != 4 && (what == "file" || rows != 2) {
					t.Errorf("%s: byte %d set to %#x: %d rows", what, i, value, rows)
				}
			}
			if i%8 == 0 || step > 1 {
				rows, err := readArrow(t, dir, whole[:i])
				if what == "file" && err == nil {
					t.Errorf("a file of the first %d of %d bytes: %d rows", i, len(whole), rows)
				}
			}
		}
	}
}

// An Arrow file may have no end of a stream before its footer.
func TestArrowFileWithoutEnd(t *testing.T) {
	t.Parallel()
	whole := arrowFile(t)
	end := []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}
	at := bytes.LastIndex(whole, end)
	if at >= 0 {
		whole = append(whole[:at:at], whole[at+len(end):]...)
	}
	if rows, err := readArrow(t, t.TempDir(), whole); rows != 4 {
		t.Errorf("%d rows: %v", rows, err)
	}
}

// What a batch takes is bounded for all its columns together, and by the size of the file.
func TestArrowMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what          string
		columns, rows int
		value         func(row int) float64
		want          string
	}{
		{"many columns", 40, 1 << 19, func(row int) float64 { return float64(row / 64) }, "more than 128 MB"},
		{"zeros", 1, 1 << 20, func(int) float64 { return 0 }, "1000 times"},
	} {
		b := arrays.NewFloat64Builder(memory.DefaultAllocator)
		for row := range c.rows {
			b.Append(c.value(row))
		}
		column := b.NewArray()
		var fields []arrow.Field
		var columns []arrow.Array
		for i := range c.columns {
			fields = append(fields, arrow.Field{Name: fmt.Sprint("p", i), Type: column.DataType()})
			columns = append(columns, column)
		}
		record := arrays.NewRecord(arrow.NewSchema(fields, nil), columns, int64(c.rows))
		data := arrowBytes(t, []arrow.Record{record}, ipc.WithZstd())
		_, err := readArrow(t, t.TempDir(), data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %d bytes: %v", c.what, len(data), err)
		}
	}
}

// A null of a dictionary is a missing value, as any other.
func TestArrowNullInDictionary(t *testing.T) {
	t.Parallel()
	of := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	texts := arrays.NewStringBuilder(memory.DefaultAllocator)
	texts.AppendValues([]string{"a", ""}, []bool{true, false})
	places := arrays.NewInt8Builder(memory.DefaultAllocator)
	places.AppendValues([]int8{0, 1}, nil)
	rest := arrowRecord("x", 2)
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: of}, rest.Schema().Field(1), rest.Schema().Field(2)}, nil)
	record := arrays.NewRecord(schema, []arrow.Array{arrays.NewDictionaryArray(of, places.NewArray(), texts.NewArray()), rest.Column(1), rest.Column(2)}, 2)
	rows, err := readArrow(t, t.TempDir(), arrowBytes(t, []arrow.Record{record}))
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%d rows: %v", rows, err)
	}
}

// readArrow reads all of a file and returns how many rows it has.
func readArrow(t *testing.T, dir string, data []byte) (int, error) {
	files{"models.csv": []byte("name,gflops\na,1\n"), "a.arrow": data}.writeTo(t, dir)
	s, err := Open("arrow", []string{dir}, OpenOptions{})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	rows, err := s.Rows(0, 0)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row := newRow(s.Models[0], s.Classes)
	for n := 0; ; n++ {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			if n != len(s.Sets[0].Labels) {
				t.Errorf("%d rows and %d labels", n, len(s.Sets[0].Labels))
			}
			return n, nil
		case err != nil:
			return n, err
		}
	}
}
