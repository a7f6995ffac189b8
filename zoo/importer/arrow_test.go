package importer

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	arrays "github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowStream is what the library datasets writes, without compression.
func arrowStream(t testing.TB) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "label", Type: arrow.PrimitiveTypes.Int64},
		{Name: "probs", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)},
	}, nil)
	b := arrays.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*arrays.StringBuilder).AppendValues([]string{"x", "y"}, nil)
	b.Field(1).(*arrays.Int64Builder).AppendValues([]int64{0, 1}, nil)
	lists := b.Field(2).(*arrays.ListBuilder)
	for _, row := range [][]float32{{0.75, 0.25}, {0.5, 0.5}} {
		lists.Append(true)
		lists.ValueBuilder().(*arrays.Float32Builder).AppendValues(row, nil)
	}
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := w.Write(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Whatever is wrong with an Arrow file, it is imported or an error, and takes no more memory
// than the file has.
func FuzzArrow(f *testing.F) {
	whole := arrowStream(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(append([]byte("ARROW1\x00\x00"), whole...))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) { readArrow(t, dir, data) })
}

func TestArrowDamage(t *testing.T) {
	t.Parallel()
	whole, dir := arrowStream(t), t.TempDir()
	for i := range whole {
		for _, value := range []byte{0x7F, 0xFF} {
			data := bytes.Clone(whole)
			data[i] = value
			readArrow(t, dir, data)
		}
		if i%8 == 0 {
			readArrow(t, dir, whole[:i])
		}
	}
}

// readArrow reads all of a file.
func readArrow(t *testing.T, dir string, data []byte) {
	files{"models.csv": []byte("name,gflops\na,1\n"), "a.arrow": data}.writeTo(t, dir)
	s, err := Open("arrow", []string{dir}, OpenOptions{})
	if err != nil {
		return
	}
	defer s.Close()
	rows, err := s.Rows(0, 0)
	if err != nil {
		return
	}
	defer rows.Close()
	row := newRow(s.Models[0], s.Classes)
	for rows.Next(row) == nil {
	}
}
