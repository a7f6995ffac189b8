package zoo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	arrow "github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"

	"github.com/encas-zoo/encas-zoo/internal/memory"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/internal/parquet"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// A table is an open Parquet file that this package wrote. It may have been truncated,
// changed or replaced since, so everything in it is checked.
type table struct {
	path string
	f    *os.File
	p    *parquet.File
	rows int
}

// maxPage bounds a page after decompression. The largest ones written are batches
// of long sample ids.
const maxPage = batchRows*(maxName+4) + pageBytes

// limits fit what this package writes: page headers of some 30 bytes, and a schema of
// a root with at most two columns.
var limits = parquet.Limits{Page: maxPage, Header: 1024, Elements: 3}

// openTable opens the file at path, which must have the given number of rows and
// the given columns, all required.
func openTable(path string, rows int, columns ...column) (*table, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("zoo: %w", err)
	}
	t := &table{path: path, f: f, rows: rows}
	err = t.try(func() error {
		if t.p, err = parquet.NewFile(f, "", limits); err != nil {
			return err
		}
		if n := t.p.Rows(); n != int64(rows) {
			return fmt.Errorf("it has %d rows instead of %d", n, rows)
		}
		s := t.p.Schema()
		if n := s.NumColumns(); n != len(columns) {
			return fmt.Errorf("it has %d columns instead of %d", n, len(columns))
		}
		for i, want := range columns {
			c := s.Column(i)
			if c.Name() != want.name || c.PhysicalType() != want.physical {
				return fmt.Errorf("its column %d is %q of type %s instead of %q of type %s", i, clip(c.Name(), 80), c.PhysicalType(), want.name, want.physical)
			}
			if want.physical == arrow.Types.FixedLenByteArray && c.TypeLength() != want.width {
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

// try runs f, which calls the Parquet reader, and turns what that panics with into
// an error that names the file.
func (t *table) try(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if err != nil && err != io.EOF {
			err = damage{fmt.Errorf("zoo: %s is damaged, or not the expected file: %w", t.path, err)}
		}
	}()
	return f()
}

func (t *table) close() error { return t.f.Close() }

// pages gives the plain values of one column of a table, page by page, over all row
// groups.
type pages struct {
	t      *table
	column int
	in     *parquet.Pages
	group  int // the next row group
	rows   int // of the groups begun
}

// next returns the values of the next page and their number, or io.EOF at the end.
// The bytes are valid until the next call, and may be changed.
func (p *pages) next() (data []byte, values int, err error) {
	for p.in == nil || p.in.Rest() == 0 {
		if p.group == p.t.p.Groups() {
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
	page, err := p.in.Next()
	switch {
	case err == io.EOF:
		return nil, 0, errors.New("a row group has bytes after its last page")
	case err != nil:
		return nil, 0, err
	case !page.Plain():
		return nil, 0, errors.New("a page is not a plain data page")
	}
	return page.Data, page.Values, nil
}

// openGroup begins the column's chunk in the next row group.
func (p *pages) openGroup() error {
	n := p.t.p.GroupRows(p.group)
	if n < 0 || n > int64(p.t.rows-p.rows) {
		return fmt.Errorf("it has %d rows", n)
	}
	p.rows += int(n)
	if p.in == nil {
		p.in = p.t.p.Pages(p.column)
	}
	if err := p.in.Open(p.group); err != nil {
		return err
	}
	if v := p.in.Values(); v != n {
		return fmt.Errorf("it has %d values in %d rows", v, n)
	}
	if c := p.in.Codec; c != compress.Codecs.Zstd && c != compress.Codecs.Uncompressed {
		return fmt.Errorf("it is compressed with %s", c)
	}
	return nil
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

// What a sample takes that is read, in bytes: its label and the place of its id, twice while they grow.
// The text of an id takes its length and this much.
const (
	sampleBytes = 2 * (2 + 16)
	idBytes     = 8
)

// spareMemory is how much memory there is; 0 if that is unknown.
var spareMemory = memory.Spare

// readSplit reads the labels, nil if there are none, and ids of a split, if there is memory for them:
// a short file may hold very many.
func readSplit(path string, s Split, classes int) (labels []uint16, ids []string, err error) {
	spare, need := spareMemory(), int64(s.Samples)*sampleBytes
	tooLarge := func() error {
		return fmt.Errorf("zoo: %s: %d samples take more than %d MB of memory, and there are %d MB: make room for them, if their number is right", path, s.Samples, need>>20, spare>>20)
	}
	if spare > 0 && need > spare {
		return nil, nil, tooLarge()
	}
	columns := []column{idColumn, labelColumn}
	if s.Unlabelled {
		columns = columns[:1]
	}
	t, err := openTable(path, s.Samples, columns...)
	if err != nil {
		return nil, nil, err
	}
	defer t.close()
	full := false
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
				if need += int64(n) + idBytes; spare > 0 && need > spare {
					full = true
					return io.ErrShortBuffer
				}
				ids = append(ids, string(data[:n]))
				data = data[n:]
			}
		}
		if len(ids) != s.Samples {
			return fmt.Errorf("it has %d ids for %d samples", len(ids), s.Samples)
		}
		if s.Unlabelled {
			return nil
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
		return nil
	})
	if full {
		return nil, nil, tooLarge()
	}
	if err != nil {
		return nil, nil, err
	}
	return labels, ids, nil
}
