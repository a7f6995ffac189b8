package zoo

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

const (
	// pageBytes is the size of a page before compression: what reading and writing
	// hold in memory at a time.
	pageBytes = 1 << 20
	// groupBytes bounds a row group. Other readers load one at a time.
	groupBytes = 8 << 20
	// batchRows bounds how many values are handed to the Parquet writer at once.
	batchRows = 1024
)

// A column is what a column of a file of this package is.
type column struct {
	name     string
	physical parquet.Type
	width    int // bytes a row, 0 if it varies
}

var (
	idColumn         = column{"id", parquet.Types.ByteArray, 0}
	labelColumn      = column{"label", parquet.Types.Int32, 4}
	confidenceColumn = column{"confidence", parquet.Types.FixedLenByteArray, 2}
)

func probsColumn(classes int) column {
	return column{"probs", parquet.Types.FixedLenByteArray, 2 * classes}
}

func (c column) node() (schema.Node, error) {
	if c == idColumn {
		return schema.NewPrimitiveNodeLogical(c.name, parquet.Repetitions.Required, schema.StringLogicalType{}, c.physical, -1, -1)
	}
	return schema.NewPrimitiveNode(c.name, parquet.Repetitions.Required, c.physical, -1, int32(c.width))
}

// A parquetFile writes a Parquet file row group by row group: zstd level 1, plain
// encoding, no dictionary, no statistics. Softmax outputs hardly repeat, and a
// higher level saves about a hundredth.
type parquetFile struct {
	out  *atomicfile.File
	w    *file.Writer
	rest func() error // writes what is not handed on yet
}

// createParquet begins a file. meta is a list of keys and values, after the format's.
func createParquet(path string, pageSize int64, columns []column, meta ...string) (*parquetFile, error) {
	out, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	p := &parquetFile{out: out, rest: func() error { return nil }}
	err = p.try(func() error {
		var fields schema.FieldList
		for _, c := range columns {
			node, err := c.node()
			if err != nil {
				return err
			}
			fields = append(fields, node)
		}
		root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
		if err != nil {
			return err
		}
		props := parquet.NewWriterProperties(
			parquet.WithVersion(parquet.V2_LATEST),
			parquet.WithCompression(compress.Codecs.Zstd),
			parquet.WithCompressionLevel(archiveLevel),
			parquet.WithDictionaryDefault(false),
			parquet.WithStats(false),
			parquet.WithDataPageSize(pageSize),
			parquet.WithBatchSize(batchRows),
			parquet.WithCreatedBy("encas-zoo"))
		// Only Write is shown to the Parquet writer: it closes what it can close.
		p.w = file.NewParquetWriter(struct{ io.Writer }{out}, root, file.WithWriterProps(props))
		meta = append([]string{"encas-zoo.format", strconv.Itoa(FormatVersion)}, meta...)
		for i := 0; i < len(meta); i += 2 {
			if err := p.w.AppendKeyValueMetadata(meta[i], meta[i+1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		out.Discard()
		return nil, err
	}
	return p, nil
}

// try runs f, which calls the Parquet writer. The writer panics on some failed
// writes and forgets others, so the file's own first error decides.
func (p *parquetFile) try(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if err != nil {
			p.out.Fail(err)
		}
		err = p.out.Err()
	}()
	return f()
}

// finish writes the footer and makes the file durable, under its temporary name.
func (p *parquetFile) finish() error {
	if err := p.try(p.rest); err != nil {
		return err
	}
	if err := p.try(p.w.Close); err != nil {
		return err
	}
	return p.out.Sync()
}

// A batchWriter writes the values from..to-1 of a column, at most batchRows.
type batchWriter func(c file.ColumnChunkWriter, from, to int) error

// writeGroup writes a row group.
func (p *parquetFile) writeGroup(rows int, columns ...batchWriter) error {
	g := p.w.AppendRowGroup()
	for _, write := range columns {
		c, err := g.NextColumn()
		if err != nil {
			return err
		}
		for from := 0; from < rows; from += batchRows {
			if err := write(c, from, min(rows, from+batchRows)); err != nil {
				return err
			}
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	return g.Close()
}

// writeLabels writes a column of labels.
func writeLabels(labels []uint16) batchWriter {
	var batch [batchRows]int32
	return func(c file.ColumnChunkWriter, from, to int) error {
		for i, label := range labels[from:to] {
			batch[i] = int32(label)
		}
		_, err := c.(*file.Int32ColumnChunkWriter).WriteBatch(batch[:to-from], nil, nil)
		return err
	}
}

// writeFixed writes a column of which each value has width bytes.
func writeFixed(values []byte, width int) batchWriter {
	var batch [batchRows]parquet.FixedLenByteArray
	return func(c file.ColumnChunkWriter, from, to int) error {
		for i := from; i < to; i++ {
			batch[i-from] = values[i*width : (i+1)*width]
		}
		_, err := c.(*file.FixedLenByteArrayColumnChunkWriter).WriteBatch(batch[:to-from], nil, nil)
		return err
	}
}

// A rowWriter writes full outputs as they come: the column probs, one
// FIXED_LEN_BYTE_ARRAY of 2C bytes a row. It holds one page in memory.
type rowWriter struct {
	*parquetFile
	width    int // bytes a row
	pageRows int
	page     []byte // rows not yet handed on
	group    file.SerialRowGroupWriter
	column   file.ColumnChunkWriter
	pages    int // in the open row group
}

func createRows(path, model, split string, samples, classes int) (*rowWriter, error) {
	width := 2 * classes
	rows := max(1, pageBytes/width)
	p, err := createParquet(path, int64(rows*width), []column{probsColumn(classes)},
		"model", model, "split", split, "shape", fmt.Sprintf("%d,%d", samples, classes), "dtype", "<f2")
	if err != nil {
		return nil, err
	}
	w := &rowWriter{parquetFile: p, width: width, pageRows: rows, page: make([]byte, 0, rows*width)}
	p.rest = func() error {
		if err := w.flush(); err != nil {
			return err
		}
		return w.closeGroup()
	}
	return w, nil
}

// write adds one row of little-endian float16.
func (w *rowWriter) write(row []uint16) error {
	at := len(w.page)
	w.page = append(w.page, bytesOf(row)...)
	swapPairs(w.page[at:])
	if len(w.page) == cap(w.page) {
		return w.try(w.flush)
	}
	return w.out.Err()
}

func (w *rowWriter) flush() error {
	if len(w.page) == 0 {
		return nil
	}
	if w.group == nil {
		w.group = w.w.AppendRowGroup()
		c, err := w.group.NextColumn()
		if err != nil {
			return err
		}
		w.column = c
	}
	write := writeFixed(w.page, w.width)
	rows := len(w.page) / w.width
	for from := 0; from < rows; from += batchRows {
		if err := write(w.column, from, min(rows, from+batchRows)); err != nil {
			return err
		}
	}
	w.page = w.page[:0]
	w.pages++
	if w.pages*w.pageRows*w.width+cap(w.page) > groupBytes {
		return w.closeGroup()
	}
	return nil
}

func (w *rowWriter) closeGroup() error {
	if w.group == nil {
		return nil
	}
	if err := w.column.Close(); err != nil {
		return err
	}
	err := w.group.Close()
	w.group, w.column, w.pages = nil, nil, 0
	return err
}

// An answerWriter writes the answers of a model that gives no probabilities: the
// columns label (INT32) and confidence (FIXED_LEN_BYTE_ARRAY of 2, float16).
type answerWriter struct {
	*parquetFile
	labels      []uint16
	confidences []byte
}

func createAnswers(path, model, split string, samples int) (*answerWriter, error) {
	p, err := createParquet(path, pageBytes, []column{labelColumn, confidenceColumn},
		"model", model, "split", split, "shape", strconv.Itoa(samples), "dtype", "<f2")
	if err != nil {
		return nil, err
	}
	w := &answerWriter{parquetFile: p}
	p.rest = w.flush
	return w, nil
}

func (w *answerWriter) write(label, confidence uint16) error {
	w.labels = append(w.labels, label)
	w.confidences = binary.LittleEndian.AppendUint16(w.confidences, confidence)
	if len(w.labels)*6 >= groupBytes {
		return w.try(w.flush)
	}
	return w.out.Err()
}

func (w *answerWriter) flush() error {
	if len(w.labels) == 0 {
		return nil
	}
	err := w.writeGroup(len(w.labels), writeLabels(w.labels), writeFixed(w.confidences, 2))
	w.labels, w.confidences = w.labels[:0], w.confidences[:0]
	return err
}

// writeSplit writes the sample ids and labels of a split: the columns id (UTF8) and, unless
// labels is nil, label (INT32).
func writeSplit(path, split string, labels []uint16, ids []string) (*atomicfile.File, error) {
	columns := []column{idColumn}
	if labels != nil {
		columns = append(columns, labelColumn)
	}
	p, err := createParquet(path, pageBytes, columns, "split", split, "samples", strconv.Itoa(len(ids)))
	if err != nil {
		return nil, err
	}
	const groupRows = 1 << 18
	err = p.try(func() error {
		for start := 0; start < len(ids); start += groupRows {
			end := min(start+groupRows, len(ids))
			writers := []batchWriter{writeTexts(ids[start:end])}
			if labels != nil {
				writers = append(writers, writeLabels(labels[start:end]))
			}
			if err := p.writeGroup(end-start, writers...); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = p.finish()
	}
	if err != nil {
		p.out.Discard()
		return nil, err
	}
	return p.out, nil
}

// writeTexts writes a column of texts.
func writeTexts(texts []string) batchWriter {
	var batch [batchRows]parquet.ByteArray
	return func(c file.ColumnChunkWriter, from, to int) error {
		for i, text := range texts[from:to] {
			batch[i] = parquet.ByteArray(text)
		}
		_, err := c.(*file.ByteArrayColumnChunkWriter).WriteBatch(batch[:to-from], nil, nil)
		return err
	}
}
