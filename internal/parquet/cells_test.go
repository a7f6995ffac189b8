package parquet

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// texts writes a column of texts, of which the empty ones are null.
func texts(t testing.TB, values []string, dictionary bool, more ...parquet.WriterProperty) []byte {
	t.Helper()
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{
		schema.NewByteArrayNode("text", parquet.Repetitions.Optional, -1)}, -1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root, file.WithWriterProps(parquet.NewWriterProperties(
		append(more, parquet.WithDictionaryDefault(dictionary), parquet.WithDataPageSize(1000))...)))
	c, err := w.AppendRowGroup().NextColumn()
	if err != nil {
		t.Fatal(err)
	}
	var present []parquet.ByteArray
	defs := make([]int16, len(values))
	for i, v := range values {
		if v != "" {
			present = append(present, []byte(v))
			defs[i] = 1
		}
	}
	if _, err := c.(*file.ByteArrayColumnChunkWriter).WriteBatch(present, defs, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNulls(t *testing.T) {
	t.Parallel()
	var values []string
	for i := range 10000 {
		v := ""
		if i%3 > 0 && i/500%2 == 0 {
			v = fmt.Sprint("value ", i%100)
		}
		values = append(values, v)
	}
	for _, dictionary := range []bool{false, true} {
		f, err := NewFile(bytes.NewReader(texts(t, values, dictionary)), "texts", Limits{Page: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		cells, err := Open(f, 0, 0, 0, func(b []byte) string { return string(b) })
		if err != nil {
			t.Fatal(err)
		}
		cells.Nulls = true
		var got []string
		for {
			more, err := cells.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
			if cells.Missing {
				t.Fatal("missing, although nulls are allowed")
			}
			got = append(got, cells.Values...)
		}
		if !slices.Equal(got, values) {
			t.Errorf("dictionary %v: other values than were written", dictionary)
		}

		if cells, err = Open(f, 0, 0, 0, func(b []byte) string { return string(b) }); err != nil {
			t.Fatal(err)
		}
		if more, err := cells.Next(); !more || err != nil || !cells.Missing || len(cells.Values) != 0 {
			t.Errorf("dictionary %v: the first value is null: %v, %v, %q", dictionary, more, err, cells.Values)
		}
	}
}

// Every compression and version of pages gives the same cells.
func TestCompressions(t *testing.T) {
	var values []string
	for i := range 3000 {
		values = append(values, strings.Repeat("x", i%7*i%50)) // some are null
	}
	codecs := compress.Codecs
	for _, codec := range []compress.Compression{codecs.Uncompressed, codecs.Snappy, codecs.Gzip, codecs.Brotli, codecs.Zstd} {
		for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
			for _, dictionary := range []bool{false, true} {
				data := texts(t, values, dictionary, parquet.WithCompression(codec), parquet.WithDataPageVersion(version))
				f, err := NewFile(bytes.NewReader(data), "texts", Limits{Page: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				cells, err := Open(f, 0, 0, 0, func(b []byte) string { return string(b) })
				if err != nil {
					t.Fatal(err)
				}
				cells.Nulls = true
				var got []string
				for more := true; more; {
					if more, err = cells.Next(); err != nil {
						t.Fatalf("%s, version %d, dictionary %v: %v", codec, version, dictionary, err)
					}
					got = append(got, cells.Values...)
				}
				if !slices.Equal(got, values) {
					t.Errorf("%s, version %d, dictionary %v: other values than were written", codec, version, dictionary)
				}
			}
		}
	}
}

func TestLargePage(t *testing.T) {
	t.Parallel()
	data := texts(t, []string{strings.Repeat("x", 5000)}, false)
	f, err := NewFile(bytes.NewReader(data), "large", Limits{Page: 4000})
	if err == nil {
		var cells *Cells[int]
		if cells, err = Open(f, 0, 0, 0, func(b []byte) int { return len(b) }); err == nil {
			_, err = cells.Next()
		}
	}
	if err == nil || !strings.Contains(err.Error(), "at most 4000 are read") {
		t.Errorf("error %v", err)
	}
}
