package zoo

import (
	"errors"
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

// A parquetFile writes a Parquet file row group by row group: zstd level 1, plain
// encoding, no dictionary, no statistics. Softmax outputs hardly repeat, and a
// higher level saves about a hundredth.
type parquetFile struct {
	out *atomicfile.File
	w   *file.Writer
}

// createParquet begins a file. meta is a list of keys and values.
func createParquet(path string, pageSize int64, meta []string, fields ...schema.Node) (*parquetFile, error) {
	out, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	p := &parquetFile{out: out}
	err = p.try(func() error {
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
	if err := p.try(p.w.Close); err != nil {
		return err
	}
	return p.out.Sync()
}

// writeColumn writes one column of a row group, a batch at a time.
func writeColumn[T any](g file.SerialRowGroupWriter, rows int, batch func(from, to int) []T) error {
	c, err := g.NextColumn()
	if err != nil {
		return err
	}
	for from := 0; from < rows; from += batchRows {
		if err := writeBatch(c, batch(from, min(rows, from+batchRows))); err != nil {
			return err
		}
	}
	return c.Close()
}

func writeBatch[T any](c file.ColumnChunkWriter, values []T) error {
	var err error
	switch v := any(values).(type) {
	case []int32:
		_, err = c.(*file.Int32ColumnChunkWriter).WriteBatch(v, nil, nil)
	case []parquet.ByteArray:
		_, err = c.(*file.ByteArrayColumnChunkWriter).WriteBatch(v, nil, nil)
	case []parquet.FixedLenByteArray:
		_, err = c.(*file.FixedLenByteArrayColumnChunkWriter).WriteBatch(v, nil, nil)
	default:
		err = errors.ErrUnsupported
	}
	return err
}

// A rowWriter writes full outputs as they come: the column probs, one
// FIXED_LEN_BYTE_ARRAY of 2C bytes a row. It holds one page in memory.
type rowWriter struct {
	*parquetFile
	width    int // bytes a row
	pageRows int
	page     []byte // rows not yet handed on
	batch    []parquet.FixedLenByteArray
	group    file.SerialRowGroupWriter
	column   file.ColumnChunkWriter
	pages    int // in the open row group
}

func createRows(path, model, split string, samples, classes int) (*rowWriter, error) {
	width := 2 * classes
	node, err := schema.NewPrimitiveNode("probs", parquet.Repetitions.Required, parquet.Types.FixedLenByteArray, -1, int32(width))
	if err != nil {
		return nil, fmt.Errorf("zoo: %s: %w", path, err)
	}
	rows := max(1, pageBytes/width)
	p, err := createParquet(path, int64(rows*width), []string{
		"encas-zoo.format", strconv.Itoa(FormatVersion),
		"model", model,
		"split", split,
		"shape", fmt.Sprintf("%d,%d", samples, classes),
		"dtype", "<f2",
	}, node)
	if err != nil {
		return nil, err
	}
	return &rowWriter{parquetFile: p, width: width, pageRows: rows, page: make([]byte, 0, rows*width)}, nil
}

// write adds one row of little-endian float16.
func (w *rowWriter) write(row []uint16) error {
	at := len(w.page)
	w.page = w.page[:at+w.width]
	putUint16(w.page[at:], row)
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
	for rest := w.page; len(rest) > 0; {
		w.batch = w.batch[:0]
		for len(rest) > 0 && len(w.batch) < batchRows {
			w.batch = append(w.batch, rest[:w.width:w.width])
			rest = rest[w.width:]
		}
		if err := writeBatch(w.column, w.batch); err != nil {
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

func (w *rowWriter) finish() error {
	if err := w.try(w.flush); err != nil {
		return err
	}
	if err := w.try(w.closeGroup); err != nil {
		return err
	}
	w.page = nil
	return w.parquetFile.finish()
}

// An answerWriter writes the answers of a model that gives no probabilities: the
// columns label (INT32) and confidence (FIXED_LEN_BYTE_ARRAY of 2, float16).
type answerWriter struct {
	*parquetFile
	labels      []int32
	confidences []uint16
}

func createAnswers(path, model, split string, samples int) (*answerWriter, error) {
	label, err := schema.NewPrimitiveNode("label", parquet.Repetitions.Required, parquet.Types.Int32, -1, -1)
	if err != nil {
		return nil, fmt.Errorf("zoo: %s: %w", path, err)
	}
	confidence, err := schema.NewPrimitiveNode("confidence", parquet.Repetitions.Required, parquet.Types.FixedLenByteArray, -1, 2)
	if err != nil {
		return nil, fmt.Errorf("zoo: %s: %w", path, err)
	}
	p, err := createParquet(path, pageBytes, []string{
		"encas-zoo.format", strconv.Itoa(FormatVersion),
		"model", model,
		"split", split,
		"shape", strconv.Itoa(samples),
		"dtype", "<f2",
	}, label, confidence)
	if err != nil {
		return nil, err
	}
	return &answerWriter{parquetFile: p}, nil
}

func (w *answerWriter) write(label, confidence uint16) error {
	w.labels = append(w.labels, int32(label))
	w.confidences = append(w.confidences, confidence)
	if len(w.labels)*6 >= groupBytes {
		return w.try(w.flush)
	}
	return w.out.Err()
}

func (w *answerWriter) flush() error {
	n := len(w.labels)
	if n == 0 {
		return nil
	}
	g := w.w.AppendRowGroup()
	if err := writeColumn(g, n, func(from, to int) []int32 { return w.labels[from:to] }); err != nil {
		return err
	}
	var bytes [2 * batchRows]byte
	var batch [batchRows]parquet.FixedLenByteArray
	err := writeColumn(g, n, func(from, to int) []parquet.FixedLenByteArray {
		putUint16(bytes[:], w.confidences[from:to])
		for i := range to - from {
			batch[i] = bytes[2*i : 2*i+2]
		}
		return batch[:to-from]
	})
	if err != nil {
		return err
	}
	w.labels, w.confidences = w.labels[:0], w.confidences[:0]
	return g.Close()
}

func (w *answerWriter) finish() error {
	if err := w.try(w.flush); err != nil {
		return err
	}
	return w.parquetFile.finish()
}

// writeSplit writes the labels and sample ids of a split: the columns id (UTF8) and
// label (INT32).
func writeSplit(path, split string, labels []uint16, ids []string) (*atomicfile.File, error) {
	id, err := schema.NewPrimitiveNodeLogical("id", parquet.Repetitions.Required, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
	if err != nil {
		return nil, fmt.Errorf("zoo: %s: %w", path, err)
	}
	label, err := schema.NewPrimitiveNode("label", parquet.Repetitions.Required, parquet.Types.Int32, -1, -1)
	if err != nil {
		return nil, fmt.Errorf("zoo: %s: %w", path, err)
	}
	p, err := createParquet(path, pageBytes, []string{
		"encas-zoo.format", strconv.Itoa(FormatVersion),
		"split", split,
		"samples", strconv.Itoa(len(labels)),
	}, id, label)
	if err != nil {
		return nil, err
	}
	const groupRows = 1 << 18
	var idBatch [batchRows]parquet.ByteArray
	var labelBatch [batchRows]int32
	err = p.try(func() error {
		for start := 0; start < len(labels); start += groupRows {
			n := min(groupRows, len(labels)-start)
			g := p.w.AppendRowGroup()
			err := writeColumn(g, n, func(from, to int) []parquet.ByteArray {
				for i := from; i < to; i++ {
					idBatch[i-from] = parquet.ByteArray(ids[start+i])
				}
				return idBatch[:to-from]
			})
			if err != nil {
				return err
			}
			err = writeColumn(g, n, func(from, to int) []int32 {
				for i := from; i < to; i++ {
					labelBatch[i-from] = int32(labels[start+i])
				}
				return labelBatch[:to-from]
			})
			if err != nil {
				return err
			}
			if err := g.Close(); err != nil {
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
