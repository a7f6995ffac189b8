package importer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// orderedRows puts a stream of rows into the order of the samples, through a temporary
// file.
type orderedRows struct {
	Rows
	file    string  // of the rows, for messages
	order   []int32 // places of the rows; -1: left out
	samples int
	spool   *os.File
	sorted  *bufio.Reader // the rows in order
	given   int
	buf     []byte
}

func (r *orderedRows) Next(row []uint16) error {
	if r.sorted == nil {
		if err := r.sort(row); err != nil {
			return err
		}
	}
	if r.given == r.samples {
		return io.EOF
	}
	if _, err := io.ReadFull(r.sorted, r.buf); err != nil {
		return fmt.Errorf("the temporary file to read %s: %w", r.file, err)
	}
	for i := range row {
		row[i] = binary.LittleEndian.Uint16(r.buf[2*i:])
	}
	r.given++
	return nil
}

// sort writes all rows to where they belong.
func (r *orderedRows) sort(row []uint16) (err error) {
	if r.spool, err = newSpool(r.file); err != nil {
		return err
	}
	r.buf = make([]byte, 2*len(row))
	for i := 0; ; i++ {
		err := r.Rows.Next(row)
		if errors.Is(err, io.EOF) && i == len(r.order) {
			break
		}
		if err == nil && i == len(r.order) || errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: it no longer has %d rows", r.file, len(r.order))
		}
		if err != nil {
			return err
		}
		if r.order[i] < 0 {
			continue
		}
		for k, bits := range row {
			binary.LittleEndian.PutUint16(r.buf[2*k:], bits)
		}
		if _, err := r.spool.WriteAt(r.buf, int64(r.order[i])*int64(len(r.buf))); err != nil {
			return spoolError(r.file, err)
		}
	}
	r.sorted = bufio.NewReaderSize(io.NewSectionReader(r.spool, 0, int64(r.samples)*int64(len(r.buf))), 1<<18)
	return nil
}

func (r *orderedRows) Close() error {
	return errors.Join(r.Rows.Close(), closeSpool(r.spool))
}

// newSpool makes a temporary file to read another one.
func newSpool(file string) (*os.File, error) {
	f, err := os.CreateTemp("", "encas-zoo-import-*")
	if err != nil {
		return nil, fmt.Errorf("a temporary file to read %s: %w", file, err)
	}
	// If the system allows it the file has no name from now on, and cannot be left
	// behind.
	_ = os.Remove(f.Name())
	return f, nil
}

func spoolError(file string, err error) error {
	return fmt.Errorf("the temporary file to read %s: %w; TMPDIR chooses its folder", file, err)
}

func closeSpool(f *os.File) error {
	if f == nil {
		return nil
	}
	err := f.Close()
	_ = os.Remove(f.Name()) // already gone on most systems
	return err
}

// A transposer gives the rows of a table that is written column after column.
type transposer struct {
	file    string // that is read, for messages
	columns int
	spool   *os.File
	rows    int       // in the spool
	given   int       // of these
	block   []float64 // some rows of the spool, by column
	stride  int       // rows that a column has in block
	first   int       // the row of the spool that block begins with
	buf     []byte
}

// blockValues bounds the values of a block: 8 MB.
const blockValues = 1 << 20

// begin takes the next rows, whose columns are written one after another.
func (t *transposer) begin(rows int) error {
	if t.spool == nil {
		var err error
		if t.spool, err = newSpool(t.file); err != nil {
			return err
		}
	}
	t.rows, t.given, t.first, t.stride = rows, 0, 0, 0
	return nil
}

// write writes values of a column, from the given row on.
func (t *transposer) write(column, row int, values []float64) error {
	t.buf = t.buf[:0]
	for _, v := range values {
		t.buf = binary.LittleEndian.AppendUint64(t.buf, math.Float64bits(v))
	}
	if _, err := t.spool.WriteAt(t.buf, 8*(int64(column)*int64(t.rows)+int64(row))); err != nil {
		return spoolError(t.file, err)
	}
	return nil
}

// next fills a row and returns io.EOF after the last that was begun.
func (t *transposer) next(values []float64) error {
	if t.given == t.rows {
		return io.EOF
	}
	if t.stride == 0 || t.given >= t.first+t.stride {
		if err := t.readBlock(); err != nil {
			return err
		}
	}
	at := t.given - t.first
	for column := range values {
		values[column] = t.block[column*t.stride+at]
	}
	t.given++
	return nil
}

// readBlock reads the next rows from the spool.
func (t *transposer) readBlock() error {
	t.first = t.given
	t.stride = min(max(blockValues/t.columns, 1), t.rows-t.given)
	if n := t.stride * t.columns; cap(t.block) < n {
		t.block = make([]float64, n)
	}
	t.block = t.block[:t.stride*t.columns]
	if cap(t.buf) < 8*t.stride {
		t.buf = make([]byte, 8*t.stride)
	}
	buf := t.buf[:8*t.stride]
	for column := range t.columns {
		if _, err := t.spool.ReadAt(buf, 8*(int64(column)*int64(t.rows)+int64(t.first))); err != nil {
			return fmt.Errorf("the temporary file to read %s: %w", t.file, err)
		}
		for i := range t.stride {
			t.block[column*t.stride+i] = math.Float64frombits(binary.LittleEndian.Uint64(buf[8*i:]))
		}
	}
	return nil
}

func (t *transposer) Close() error { return closeSpool(t.spool) }
