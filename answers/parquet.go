package answers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	arrow "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/encas-zoo/encas-zoo/internal/parquet"
)

const (
	// groupRows is how many rows a row group has.
	groupRows = 1 << 16
	// maxPage bounds a page, uncompressed. Writers make pages of about 1 MB.
	maxPage = 64 << 20
	// rowsPerByte bounds how many rows a file of a size can have: ids, which differ, take
	// much more.
	rowsPerByte = 16
)

// writeParquet writes row groups of plain columns, compressed.
func writeParquet(b *bytes.Buffer, all []Answer) error {
	text := func(name string) schema.Node {
		return schema.Must(schema.NewPrimitiveNodeLogical(name, arrow.Repetitions.Required, schema.StringLogicalType{}, arrow.Types.ByteArray, -1, -1))
	}
	root, err := schema.NewGroupNode("schema", arrow.Repetitions.Required, schema.FieldList{
		text("id"), schema.NewInt32Node("class", arrow.Repetitions.Required, -1), text(nameColumn),
		schema.NewFloat64Node("confidence", arrow.Repetitions.Required, -1), schema.NewInt32Node("stage", arrow.Repetitions.Required, -1),
	}, -1)
	if err != nil {
		return err
	}
	// Only Write is shown to the Parquet writer: it closes what it can close.
	w := file.NewParquetWriter(struct{ io.Writer }{b}, root, file.WithWriterProps(arrow.NewWriterProperties(
		arrow.WithVersion(arrow.V2_LATEST), arrow.WithCompression(compress.Codecs.Zstd),
		arrow.WithDictionaryDefault(false), arrow.WithStats(false), arrow.WithCreatedBy("encas-zoo"))))
	for len(all) > 0 {
		n := min(groupRows, len(all))
		if err := writeGroup(w.AppendRowGroup(), all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return w.Close()
}

func writeGroup(g file.SerialRowGroupWriter, rows []Answer) error {
	return errors.Join(
		writeColumn(g, rows, (*file.ByteArrayColumnChunkWriter).WriteBatch, func(a *Answer) arrow.ByteArray { return arrow.ByteArray(a.ID) }),
		writeColumn(g, rows, (*file.Int32ColumnChunkWriter).WriteBatch, func(a *Answer) int32 { return int32(a.Class) }),
		writeColumn(g, rows, (*file.ByteArrayColumnChunkWriter).WriteBatch, func(a *Answer) arrow.ByteArray { return arrow.ByteArray(a.Name) }),
		writeColumn(g, rows, (*file.Float64ColumnChunkWriter).WriteBatch, func(a *Answer) float64 { return a.Confidence }),
		writeColumn(g, rows, (*file.Int32ColumnChunkWriter).WriteBatch, func(a *Answer) int32 { return int32(a.Stage) }),
		g.Close())
}

// writeColumn writes the next column of a row group.
func writeColumn[W, T any](g file.SerialRowGroupWriter, rows []Answer, write func(w W, values []T, defs, reps []int16) (int64, error), value func(*Answer) T) error {
	c, err := g.NextColumn()
	if err != nil {
		return err
	}
	values := make([]T, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	if _, err := write(c.(W), values, nil, nil); err != nil {
		return err
	}
	return c.Close()
}

func readParquet(in *os.File) ([]Answer, error) {
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	f, err := parquet.NewFile(in, in.Name(), parquet.Limits{Page: maxPage})
	if err != nil {
		return nil, err
	}
	if n := f.Rows(); n < 0 || n > min(rowsPerByte*info.Size(), math.MaxInt32) {
		return nil, fmt.Errorf("%s: it claims %d rows in %d bytes: it is damaged; write it again", f.Name, n, info.Size())
	}
	t := &table{File: f, all: make([]Answer, f.Rows())}
	places := map[string]int{}
	for i := range f.Schema().NumColumns() {
		if c := f.Schema().Column(i); len(c.ColumnPath()) == 1 && c.MaxRepetitionLevel() == 0 {
			places[c.Name()] = i
		}
	}
	for _, name := range columns {
		at, ok := places[name]
		if !ok && name != nameColumn {
			return nil, fmt.Errorf("%s: %w", f.Name, missing(name))
		}
		if ok {
			if err := t.fill(name, at); err != nil {
				return nil, err
			}
		}
	}
	for row, a := range t.all {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", f.Name, row, err)
		}
	}
	return t.all, nil
}

// A table is a Parquet file whose columns are being read.
type table struct {
	*parquet.File
	all []Answer
}

// fill reads a column into the answers.
func (t *table) fill(name string, column int) error {
	order := binary.LittleEndian
	switch physical := t.Schema().Column(column).PhysicalType(); {
	case name == "id" || name == nameColumn:
		set := func(a *Answer, text string) { a.Name = text }
		if name == "id" {
			set = func(a *Answer, text string) { a.ID = text }
		}
		switch physical {
		case arrow.Types.ByteArray:
			return fill(t, column, 0, func(b []byte) string { return string(b) }, set)
		case arrow.Types.Int32:
			return fill(t, column, 4, func(b []byte) string { return strconv.Itoa(int(int32(order.Uint32(b)))) }, set)
		case arrow.Types.Int64:
			return fill(t, column, 8, func(b []byte) string { return strconv.FormatInt(int64(order.Uint64(b)), 10) }, set)
		}
	case name == "confidence":
		set := func(a *Answer, v float64) { a.Confidence = v }
		switch physical {
		case arrow.Types.Float:
			return fill(t, column, 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }, set)
		case arrow.Types.Double:
			return fill(t, column, 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }, set)
		}
	default:
		set := func(a *Answer, v int) { a.Stage = v }
		if name == "class" {
			set = func(a *Answer, v int) { a.Class = v }
		}
		switch physical {
		case arrow.Types.Int32:
			return fill(t, column, 4, func(b []byte) int { return int(int32(order.Uint32(b))) }, set)
		case arrow.Types.Int64:
			return fill(t, column, 8, func(b []byte) int { return int(int64(order.Uint64(b))) }, set)
		}
	}
	return fmt.Errorf("%s: the column %q holds %s: id and name are texts, class and stage integers, confidence is a float or a double", t.Name, name, t.Schema().Column(column).PhysicalType())
}

// fill reads a column of all row groups.
func fill[T any](t *table, column, width int, convert func([]byte) T, set func(a *Answer, v T)) error {
	row := 0
	for group := range t.Groups() {
		n := t.GroupRows(group)
		if n < 0 || n > int64(len(t.all)-row) {
			return fmt.Errorf("%s: row group %d claims %d rows, of which %d are left in the file: it is damaged; write it again", t.Name, group, n, len(t.all)-row)
		}
		cells, err := parquet.Open(t.File, group, column, width, convert)
		if err != nil {
			return err
		}
		err = cells.Each(row, int(n), func(values []T) error {
			for _, v := range values {
				set(&t.all[row], v)
				row++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if row != len(t.all) {
		return fmt.Errorf("%s: the column %q has %d of the file's %d rows: it is damaged; write it again", t.Name, t.ColumnName(column), row, len(t.all))
	}
	return nil
}
