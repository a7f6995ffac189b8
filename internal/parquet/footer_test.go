package parquet

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// manyGroups makes a file of row groups of one row each.
func manyGroups(t *testing.T, groups, columns int) []byte {
	t.Helper()
	fields := schema.FieldList{}
	for i := range columns {
		fields = append(fields, schema.NewInt32Node(string(rune('a'+i)), parquet.Repetitions.Required, -1))
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root)
	for g := range groups {
		rows := w.AppendRowGroup()
		for range columns {
			c, err := rows.NextColumn()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.(*file.Int32ColumnChunkWriter).WriteBatch([]int32{int32(g)}, nil, nil); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		rows.Close()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestManyGroups: of a row group a few numbers are kept.
func TestManyGroups(t *testing.T) {
	const groups, columns = 5000, 4
	data := manyGroups(t, groups, columns)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f, err := NewFile(bytes.NewReader(data), "f", Limits{Page: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// Slices grow by a quarter, so that some of what is kept is spare.
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 120*groups*columns {
		t.Errorf("%d bytes are kept of %d row groups of %d columns", kept, groups, columns)
	}
	if f.Rows() != groups || f.Groups() != groups {
		t.Fatalf("%d rows, %d row groups", f.Rows(), f.Groups())
	}
	for _, g := range []int{0, 1, groups - 1} {
		cells, err := Open(f, g, columns-1, 4, func(b []byte) int { return int(b[0]) | int(b[1])<<8 })
		if err != nil {
			t.Fatal(err)
		}
		if err := cells.Each(g, 1, func(v []int) error {
			if len(v) == 1 && v[0] != g {
				t.Errorf("row group %d has %v", g, v)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if n, err := f.ColumnSize(g, 0); err != nil || n < 4 || f.GroupRows(g) != 1 || f.GroupBytes(g) < 4*columns {
			t.Errorf("row group %d: %d bytes, %v; %d rows, %d bytes", g, n, err, f.GroupRows(g), f.GroupBytes(g))
		}
	}
}
