package parquet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/thrift/lib/go/thrift"
)

// A library that reads a footer makes some kilobytes of every column of every row group, of which
// a file may have millions. So the row groups are read here, of which a few numbers are kept, and
// the library gets the footer without them.

// maxFooter bounds a footer, in bytes.
const maxFooter = 64 << 20

// A footer is what a file says about itself.
type footer struct {
	meta   *metadata.FileMetaData // without row groups
	groups []group
	chunks []chunk // of all row groups, one after the other
}

// A group is a row group.
type group struct {
	rows, bytes int64
	first, end  int // of its chunks
}

// A chunk is a column of a row group.
type chunk struct {
	values, compressed, uncompressed int64
	data, dictionary                 int64 // where it begins, and its dictionary; -1 if it has none
	codec                            compress.Compression
	encrypted                        bool
}

// chunk returns a column of a row group.
func (f *footer) chunk(group, column int) (chunk, error) {
	g := f.groups[group]
	if column >= g.end-g.first {
		return chunk{}, fmt.Errorf("row group %d has %d columns, not the %d of the schema", group, g.end-g.first, f.meta.Schema.NumColumns())
	}
	return f.chunks[g.first+column], nil
}

// readFooter reads a footer, whose schema has at most so many elements.
func readFooter(b []byte, elements int) (*footer, error) {
	f := &footer{}
	from, to, err := f.walk(b, elements)
	switch {
	case err != nil:
		return nil, err
	case from < 0:
		return nil, fmt.Errorf("%w: there are no row groups in it", errThrift)
	}
	const emptyList = byte(12) // of structs
	f.meta, err = metadata.NewFileMetaData(slices.Concat(b[:from], []byte{emptyList}, b[to:]), nil)
	return f, err
}

// walk reports whether a footer is well formed (FileMetaData: 2 schema, 4 row_groups), keeps its
// row groups, and returns where their list is; from is -1 if there is none.
func (f *footer) walk(b []byte, elements int) (from, to int, err error) {
	if len(b) > maxFooter {
		return 0, 0, fmt.Errorf("its footer has %d bytes, at most %d are read: it has too many row groups, or columns; write larger row groups", len(b), maxFooter)
	}
	r := newThriftReader(b)
	from = -1
	err = r.fields(func(id int16, typ thrift.TType) error {
		switch {
		case id == 2 && typ == thrift.LIST:
			return r.schema(elements)
		case id == 4 && typ == thrift.LIST && from < 0:
			from = len(b) - r.left()
			err := r.structs(func() error { return f.readGroup(r) })
			to = len(b) - r.left()
			return err
		}
		return r.skip(typ)
	})
	if err != nil && err != errSchema {
		err = fmt.Errorf("%w: %w", errThrift, err)
	}
	return from, to, err
}

var errIncomplete = errors.New("a row group, or one of its columns, lacks what it must have")

// readGroup reads a row group (RowGroup: 1 columns, 2 total_byte_size, 3 num_rows).
func (f *footer) readGroup(r thriftReader) error {
	g := group{rows: -1, first: len(f.chunks), end: -1}
	err := r.fields(func(id int16, typ thrift.TType) error {
		switch {
		case id == 1 && typ == thrift.LIST && g.end < 0:
			err := r.structs(func() error { return f.readChunk(r) })
			g.end = len(f.chunks)
			return err
		case typ == thrift.I64:
			return r.long(id, nil, &g.bytes, &g.rows)
		}
		return r.skip(typ)
	})
	if err == nil && (g.end < 0 || g.rows < 0) {
		err = errIncomplete
	}
	f.groups = append(f.groups, g)
	return err
}

// readChunk reads a column of a row group (ColumnChunk: 3 meta_data, 8 crypto_metadata).
func (f *footer) readChunk(r thriftReader) error {
	c := chunk{values: -1, compressed: -1, data: -1, dictionary: -1}
	codec := int64(-1)
	err := r.fields(func(id int16, typ thrift.TType) error {
		if id == 8 {
			c.encrypted = true
		}
		if id != 3 || typ != thrift.STRUCT {
			return r.skip(typ)
		}
		// ColumnMetaData: 4 codec, 5 num_values, 6 total_uncompressed_size,
		// 7 total_compressed_size, 9 data_page_offset, 11 dictionary_page_offset.
		return r.fields(func(id int16, typ thrift.TType) error {
			if typ == thrift.I32 {
				return r.number(id, typ, nil, nil, nil, &codec)
			}
			if typ == thrift.I64 {
				return r.long(id, nil, nil, nil, nil, &c.values, &c.uncompressed, &c.compressed, nil, &c.data, nil, &c.dictionary)
			}
			return r.skip(typ)
		})
	})
	if err == nil && !c.encrypted && (codec < 0 || c.values < 0 || c.compressed < 0 || c.data < 0) {
		err = errIncomplete
	}
	c.codec = compress.Compression(codec)
	f.chunks = append(f.chunks, c)
	return err
}

// structs calls f for every struct of a list, which is to read it.
func (r thriftReader) structs(f func() error) error {
	typ, n, err := r.ReadListBegin(context.Background())
	switch {
	case err != nil:
		return err
	case typ != thrift.STRUCT && n > 0:
		return errors.New("a list holds no structs")
	case n > r.left(): // each takes at least a byte
		return errors.New("a list is longer than what holds it")
	}
	for range n {
		if err := f(); err != nil {
			return err
		}
	}
	return r.ReadListEnd(context.Background())
}

// long reads the field of a number of 64 bits that is at its place in numbers, and skips others.
func (r thriftReader) long(id int16, numbers ...*int64) (err error) {
	if id < 1 || int(id) > len(numbers) || numbers[id-1] == nil {
		return r.skip(thrift.I64)
	}
	*numbers[id-1], err = r.ReadI64(context.Background())
	return err
}

// left is how many bytes have not been read.
func (r thriftReader) left() int {
	return int(r.Transport().(*thrift.TMemoryBuffer).RemainingBytes())
}
