package zoo

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// A table is an open Parquet file of this package's making. Everything in it is
// checked before it is believed: a file may be truncated, changed, or written by
// somebody else.
type table struct {
	path string
	f    *os.File
	r    *file.Reader
	size int64
	rows int
}

// openTable opens the file at path, which must have the given number of rows and
// the given columns, all required.
func openTable(path string, rows int, columns ...column) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("zoo: %w", err)
	}
	t := &table{path: path, f: f, rows: rows}
	err = t.try(func() error {
		if err := t.checkFooter(); err != nil {
			return err
		}
		if t.r, err = file.NewParquetReader(f); err != nil {
			return err
		}
		if n := t.r.NumRows(); n != int64(rows) {
			return fmt.Errorf("it has %d rows instead of %d", n, rows)
		}
		s := t.r.MetaData().Schema
		if n := s.NumColumns(); n != len(columns) {
			return fmt.Errorf("it has %d columns instead of %d", n, len(columns))
		}
		for i, want := range columns {
			c := s.Column(i)
			if c.Name() != want.name || c.PhysicalType() != want.physical {
				return fmt.Errorf("its column %d is %q of type %s instead of %q of type %s", i, clip(c.Name(), 80), c.PhysicalType(), want.name, want.physical)
			}
			if want.physical == parquet.Types.FixedLenByteArray && c.TypeLength() != want.width {
				return fmt.Errorf("its column %q has %d bytes a row instead of %d", want.name, c.TypeLength(), want.width)
			}
			if c.MaxDefinitionLevel() != 0 || c.MaxRepetitionLevel() != 0 {
				return fmt.Errorf("its column %q is optional or repeated", want.name)
			}
		}
		return nil
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

// checkFooter makes sure that the file ends in a well-formed footer, so that nothing
// is allocated beyond what the file is long.
func (t *table) checkFooter() error {
	info, err := t.f.Stat()
	if err != nil {
		return err
	}
	t.size = info.Size()
	var end [8]byte // length of the footer, magic
	if t.size < 12 || !info.Mode().IsRegular() {
		return errors.New("it is too short for a Parquet file")
	}
	if _, err := t.f.ReadAt(end[:], t.size-8); err != nil {
		return err
	}
	if string(end[4:]) != "PAR1" {
		return errors.New("it does not end like a Parquet file")
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > t.size-12 {
		return errors.New("its footer is longer than the file")
	}
	footer := make([]byte, n)
	if _, err := t.f.ReadAt(footer, t.size-8-n); err != nil {
		return err
	}
	return checkFooter(footer)
}

// A column is what a column of a table has to be.
type column struct {
	name     string
	physical parquet.Type
	width    int // bytes a row, 0 where it varies
}

// try runs f, which calls the Parquet reader, and turns what that panics with into
// an error that names the file.
func (t *table) try(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if err != nil && err != io.EOF {
			err = fmt.Errorf("zoo: %s is damaged, or not the file that belongs there: %w", t.path, err)
		}
	}()
	return f()
}

func (t *table) close() error { return t.f.Close() }

// maxPage bounds a page after decompression. The largest ones written are batches
// of long sample ids.
const maxPage = batchRows*(maxName+4) + pageBytes

// pages gives the plain values of one column of a table, page by page. Arrow's own
// page reader allocates what a page header asks for and unpacks without a limit;
// this one knows how large pages are.
type pages struct {
	t      *table
	column int
	group  int   // the next row group
	rows   int   // of the groups begun
	left   int64 // bytes of the open column chunk
	codec  compress.Compression
	in     *bufio.Reader
	packed []byte
	plain  []byte
}

// next returns the values of the next page and their number, or io.EOF at the end.
// The bytes are valid until the next call, and may be changed.
func (p *pages) next() (data []byte, values int, err error) {
	for p.left == 0 {
		if p.group == p.t.r.NumRowGroups() {
			if p.rows != p.t.rows {
				return nil, 0, fmt.Errorf("its row groups have %d rows instead of %d", p.rows, p.t.rows)
			}
			return nil, 0, io.EOF
		}
		if err := p.openGroup(); err != nil {
			return nil, 0, fmt.Errorf("row group %d: %w", p.group, err)
		}
		p.group++
	}
	head, err := p.in.Peek(int(min(p.left, maxHeader)))
	if err != nil {
		return nil, 0, unexpected(err)
	}
	h, n, err := parsePageHeader(head)
	if err != nil {
		return nil, 0, err
	}
	p.left -= int64(n)
	switch {
	case h.kind != 0 || h.encoding != 0:
		return nil, 0, errors.New("a page is not a plain data page")
	case h.compressed < 0 || h.compressed > p.left:
		return nil, 0, errors.New("a page runs over the end of its row group")
	case h.uncompressed < 0 || h.uncompressed > maxPage || h.values < 0 || h.values > int64(p.t.rows):
		return nil, 0, fmt.Errorf("a page claims %d values in %d bytes", h.values, h.uncompressed)
	}
	p.left -= h.compressed
	p.in.Discard(n)
	p.packed = slices.Grow(p.packed[:0], int(h.compressed))[:h.compressed]
	if _, err := io.ReadFull(p.in, p.packed); err != nil {
		return nil, 0, unexpected(err)
	}
	data = p.packed
	if p.codec == compress.Codecs.Zstd {
		p.plain = slices.Grow(p.plain[:0], int(h.uncompressed))
		if data, err = decoder().DecodeAll(p.packed, p.plain[:0:h.uncompressed]); err != nil {
			return nil, 0, err
		}
	}
	if int64(len(data)) != h.uncompressed {
		return nil, 0, fmt.Errorf("a page has %d bytes instead of %d", len(data), h.uncompressed)
	}
	return data, int(h.values), nil
}

// maxHeader bounds a page header, which takes some 30 bytes.
const maxHeader = 1024

// openGroup begins the column's chunk in the next row group.
func (p *pages) openGroup() error {
	g := p.t.r.RowGroup(p.group).MetaData()
	if n := g.NumRows(); n < 0 || n > int64(p.t.rows-p.rows) {
		return fmt.Errorf("it has %d rows", n)
	}
	p.rows += int(g.NumRows())
	c, err := g.ColumnChunk(p.column)
	if err != nil {
		return err
	}
	start, size := c.DataPageOffset(), c.TotalCompressedSize()
	if start < 0 || size < 0 || start > p.t.size || size > p.t.size-start {
		return errors.New("it runs over the end of the file")
	}
	p.codec = c.Compression()
	if p.codec != compress.Codecs.Zstd && p.codec != compress.Codecs.Uncompressed {
		return fmt.Errorf("it is compressed with %s", p.codec)
	}
	p.left = size
	section := io.NewSectionReader(p.t.f, start, size)
	if p.in == nil {
		p.in = bufio.NewReaderSize(section, 64<<10)
	} else {
		p.in.Reset(section)
	}
	return nil
}

// unexpected turns the end of a file into an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fixedPages gives the rows of a column of fixed width.
type fixedPages struct {
	pages
	width int
	rest  []byte
	row   int // the next one
}

// view returns the next rows of the current page, at most limit of them, without
// copying, or io.EOF when there are none left. They are valid until the next call.
func (p *fixedPages) view(limit int) ([]byte, error) {
	for len(p.rest) == 0 {
		data, values, err := p.next()
		if err == io.EOF && p.row != p.t.rows {
			return nil, fmt.Errorf("it ends after row %d of %d", p.row, p.t.rows)
		}
		if err == io.EOF {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("after row %d: %w", p.row, err)
		}
		if values*p.width != len(data) || values > p.t.rows-p.row {
			return nil, fmt.Errorf("after row %d: a page of %d values has %d bytes", p.row, values, len(data))
		}
		p.rest = data
	}
	n := min(len(p.rest)/p.width, limit)
	rows := p.rest[:n*p.width]
	p.rest = p.rest[n*p.width:]
	p.row += n
	return rows, nil
}

// read fills dst with whole rows and returns their number, or io.EOF when there are
// none left.
func (p *fixedPages) read(dst []byte) (rows int, err error) {
	for len(dst) >= p.width {
		b, err := p.view(len(dst) / p.width)
		if err == io.EOF && rows > 0 {
			break
		}
		if err != nil {
			return rows, err
		}
		dst = dst[copy(dst, b):]
		rows += len(b) / p.width
	}
	return rows, nil
}

var errShort = errors.New("a text runs over the end of its page")

// readSplit reads the labels and ids of a split.
func readSplit(path string, samples, classes int) (labels []uint16, ids []string, err error) {
	t, err := openTable(path, samples,
		column{"id", parquet.Types.ByteArray, 0},
		column{"label", parquet.Types.Int32, 4})
	if err != nil {
		return nil, nil, err
	}
	defer t.close()
	err = t.try(func() error {
		texts := pages{t: t, column: 0}
		for {
			data, values, err := texts.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("after row %d: %w", len(ids), err)
			}
			for range values {
				if len(data) < 4 {
					return errShort
				}
				n := binary.LittleEndian.Uint32(data)
				if data = data[4:]; uint64(n) > uint64(len(data)) {
					return errShort
				}
				ids = append(ids, string(data[:n]))
				data = data[n:]
			}
		}
		numbers := fixedPages{pages: pages{t: t, column: 1}, width: 4}
		var buf [4 * 1024]byte
		for {
			n, err := numbers.read(buf[:])
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			for i := range n {
				label := int32(binary.LittleEndian.Uint32(buf[4*i:]))
				if err := outputs.CheckLabel(int64(label), classes); err != nil {
					return fmt.Errorf("row %d: %w", len(labels), err)
				}
				labels = append(labels, uint16(label))
			}
		}
		if len(ids) != samples {
			return fmt.Errorf("it has %d ids for %d samples", len(ids), samples)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return labels, ids, nil
}
