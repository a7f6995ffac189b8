package parquet

import (
	"bytes"
	"errors"
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

// TestNulls reads up to the first null, at every place of a batch.
func TestNulls(t *testing.T) {
	t.Parallel()
	for _, place := range []int{0, 1, 37, batchCells - 1, batchCells, 9000} {
		var values []string
		for i := range 10000 {
			values = append(values, fmt.Sprint("value ", i%100))
		}
		values[place] = ""
		for _, dictionary := range []bool{false, true} {
			f, err := NewFile(bytes.NewReader(texts(t, values, dictionary)), "texts", Limits{Page: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			cells, err := Open(f, 0, 0, 0, func(b []byte) string { return string(b) })
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			err = cells.Each(5, len(values), func(v []string) error {
				got = append(got, v...)
				return nil
			})
			nulls, err2 := Open(f, 0, 0, 0, func(b []byte) string { return string(b) })
			if err2 != nil {
				t.Fatal(err2)
			}
			nulls.Nulls = true
			var all []string
			if err := nulls.Each(5, len(values), func(v []string) error { all = append(all, v...); return nil }); err != nil || !slices.Equal(all, values) {
				t.Errorf("null in place %d, dictionary %v: %d values, %v", place, dictionary, len(all), err)
			}
			if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), fmt.Sprintf("texts: row %d,", 5+place)) || !slices.Equal(got, values[:place]) {
				t.Errorf("null in place %d, dictionary %v: %d values, %v", place, dictionary, len(got), err)
			}
		}
	}
}

// TestRowCounts reads columns that have more or fewer cells than their row group has rows.
func TestRowCounts(t *testing.T) {
	t.Parallel()
	f, err := NewFile(bytes.NewReader(texts(t, []string{"a", "b", "c"}, false)), "texts", Limits{Page: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for rows, want := range map[int]string{2: "more than the 2 rows", 3: "", 4: "after 3 of the 4 rows"} {
		cells, err := Open(f, 0, 0, 0, func(b []byte) string { return string(b) })
		if err != nil {
			t.Fatal(err)
		}
		err = cells.Each(0, rows, func([]string) error { return nil })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d rows: %v", rows, err)
		}
	}
}

// Every compression and version of pages gives the same cells.
func TestCompressions(t *testing.T) {
	var values []string
	for i := range 3000 {
		values = append(values, strings.Repeat("x", 1+i%7*i%50))
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
