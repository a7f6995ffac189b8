// Package parquet reads the columns of Parquet files that somebody else made,
// be they damaged. The library behind it reads footers and pages; cells are decoded
// here, because its column readers loop for ever on a page that claims more values
// than it has.
package parquet

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// A File is an open Parquet file. The library panics on some damaged files, so
// every call into it goes through try.
type File struct {
	Name string // for messages

	r *file.Reader
}

// NewFile reads the footer of the Parquet file in r, which stays the caller's to
// close. Pages of more than maxPage bytes, uncompressed, are refused.
func NewFile(r parquet.ReaderAtSeeker, name string, maxPage int) (*File, error) {
	f := &File{Name: name}
	err := f.try(func() (err error) {
		props := parquet.NewReaderProperties(pageAllocator{memory.NewGoAllocator(), maxPage})
		// Without it a column of a row group is read into memory whole.
		props.BufferedStreamEnabled = true
		f.r, err = file.NewParquetReader(r, file.WithReadProps(props))
		return err
	})
	return f, err
}

// try calls the Parquet library and turns what it panics with into an error.
func (f *File) try(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			err = fmt.Errorf("%s: it cannot be read as Parquet (%w): it is cut short or damaged, or no Parquet file; write it again", f.Name, err)
		}
	}()
	return call()
}

// A pageAllocator refuses sizes that only a damaged or hostile file asks for. The
// library's allocators return no error, so it panics, inside try.
type pageAllocator struct {
	memory.Allocator
	largest int
}

func (a pageAllocator) Allocate(size int) []byte {
	a.check(size)
	return a.Allocator.Allocate(size)
}

func (a pageAllocator) Reallocate(size int, b []byte) []byte {
	a.check(size)
	return a.Allocator.Reallocate(size, b)
}

func (a pageAllocator) check(size int) {
	if size > a.largest {
		panic(fmt.Sprintf("a page of %d bytes, at most %d are read; write it with smaller pages or row groups", size, a.largest))
	}
}

// Rows is the number of rows that the file claims to have.
func (f *File) Rows() int64 { return f.r.NumRows() }

// Groups is the number of row groups.
func (f *File) Groups() int { return f.r.NumRowGroups() }

// GroupRows is the number of rows that a row group claims to have.
func (f *File) GroupRows(group int) int64 { return f.r.MetaData().RowGroup(group).NumRows() }

// GroupBytes is the size that a row group claims to have, uncompressed.
func (f *File) GroupBytes(group int) int64 { return f.r.MetaData().RowGroup(group).TotalByteSize() }

// ColumnSize is the size that a column of a row group claims to have, uncompressed.
func (f *File) ColumnSize(group, column int) (n int64, err error) {
	err = f.try(func() error {
		m, err := f.r.MetaData().RowGroup(group).ColumnChunk(column)
		if err == nil {
			n = m.TotalUncompressedSize()
		}
		return err
	})
	return n, err
}

// Metadata returns the value of a key of the file's own metadata, or nil.
func (f *File) Metadata(key string) *string { return f.r.MetaData().KeyValueMetadata().FindValue(key) }

// Schema describes the columns.
func (f *File) Schema() *schema.Schema { return f.r.MetaData().Schema }

// ColumnName returns the name of the top-level column that a leaf column is in.
func (f *File) ColumnName(column int) string {
	return f.Schema().Column(column).ColumnPath()[0]
}

// pages opens the pages of a leaf column of a row group.
func (f *File) pages(group, column int) (p file.PageReader, err error) {
	var m *metadata.ColumnChunkMetaData
	err = f.try(func() error {
		m, err = f.r.MetaData().RowGroup(group).ColumnChunk(column)
		return err
	})
	if err != nil {
		return nil, err
	}
	codecs := compress.Codecs
	if c := m.Compression(); !slices.Contains([]compress.Compression{codecs.Uncompressed, codecs.Snappy, codecs.Gzip, codecs.Brotli, codecs.Zstd}, c) {
		return nil, fmt.Errorf("%s: the column %q has the compression %s, which is not supported: write it with zstd or snappy", f.Name, f.ColumnName(column), c)
	}
	err = f.try(func() error {
		p, err = f.r.RowGroup(group).GetColumnPageReader(column)
		return err
	})
	return p, err
}
