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
	// textsPerByte and moreTexts bound the texts of a file, in bytes, by its size: paths, which
	// compress best, do so about ten to one.
	textsPerByte = 64
	moreTexts    = 1 << 20
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

// readParquet takes memory as ids are read, not as the file claims rows: they must differ, and
// what differs does not compress to nothing.
func readParquet(in *os.File) ([]Answer, error) {
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	f, err := parquet.NewFile(in, in.Name(), parquet.Limits{Page: maxPage})
	if err != nil {
		return nil, err
	}
	t := &table{File: f, texts: map[string]string{}, room: textsPerByte*info.Size() + moreTexts}
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

// A table is a Parquet file whose columns are being read, that of the ids first.
type table struct {
	*parquet.File
	all   []Answer
	texts map[string]string // those met, each kept once
	room  int64             // for more of them, in bytes
}

// text returns a text that is kept.
func (t *table) text(text string) (string, error) {
	if kept, ok := t.texts[text]; ok {
		return kept, nil
	}
	if t.room -= int64(len(text)); t.room < 0 {
		return "", errors.New("its texts are far longer than the file: it is damaged; write it again")
	}
	t.texts[text] = text
	return text, nil
}

// fill reads a column into the answers.
func (t *table) fill(name string, column int) error {
	order := binary.LittleEndian
	switch physical := t.Schema().Column(column).PhysicalType(); {
	case name == "id" || name == nameColumn:
		set := func(row int, text string) (err error) {
			t.all[row].Name, err = t.text(text)
			return err
		}
		if name == "id" {
			rows := map[string]int{}
			set = func(row int, text string) error {
				if before, ok := rows[text]; ok {
					return repeated(before, row, text)
				}
				text, err := t.text(text)
				rows[text] = row
				t.all = append(t.all, Answer{ID: text})
				return err
			}
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
		set := func(row int, v float64) error { t.all[row].Confidence = v; return nil }
		switch physical {
		case arrow.Types.Float:
			return fill(t, column, 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }, set)
		case arrow.Types.Double:
			return fill(t, column, 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }, set)
		}
	default:
		set := func(row, v int) error { t.all[row].Stage = v; return nil }
		if name == "class" {
			set = func(row, v int) error { t.all[row].Class = v; return nil }
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

// fill reads a column of all row groups, which have the rows that the file claims.
func fill[T any](t *table, column, width int, convert func([]byte) T, set func(row int, v T) error) error {
	row := 0
	for group := range t.Groups() {
		n := t.GroupRows(group)
		if n < 0 || n > t.Rows()-int64(row) {
			return fmt.Errorf("%s: row group %d claims %d rows, of which %d are left in the file: it is damaged; write it again", t.Name, group, n, t.Rows()-int64(row))
		}
		cells, err := parquet.Open(t.File, group, column, width, convert)
		if err != nil {
			return err
		}
		err = cells.Each(row, int(n), func(values []T) error {
			for _, v := range values {
				if err := set(row, v); err != nil {
					return fmt.Errorf("%s: %w", t.Name, err)
				}
				row++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if int64(row) != t.Rows() {
		return fmt.Errorf("%s: the column %q has %d of the file's %d rows: it is damaged; write it again", t.Name, t.ColumnName(column), row, t.Rows())
	}
	return nil
}
