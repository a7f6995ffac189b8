// Package parquet reads Parquet files that others wrote, damaged and hostile ones
// too: nothing is allocated or unpacked beyond what the file's real size and the
// caller's limits allow. A library reads the footer, once it has been checked; pages
// and cells are decoded here, because its readers allocate what a page claims, and loop
// forever on a page that claims more values than it has.
package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// Limits are the largest sizes that are read.
type Limits struct {
	Page     int // bytes of a page, uncompressed
	Header   int // bytes of the header of a page; 0 for 16 MiB
	Elements int // of the schema: columns, the groups that they are in, and the root; 0 for 262,144
}

// A File is an open Parquet file.
type File struct {
	// Name is for messages. Errors of a file without a name do not say that they are
	// about a Parquet file.
	Name string

	footer *footer
	in     io.ReaderAt
	size   int64
	limits Limits
}

// NewFile reads the footer of the Parquet file in r, which stays the caller's to
// close.
func NewFile(r parquet.ReaderAtSeeker, name string, limits Limits) (*File, error) {
	if limits.Header == 0 {
		limits.Header = 16 << 20
	}
	if limits.Elements == 0 {
		limits.Elements = 1 << 18
	}
	f := &File{Name: name, in: r, limits: limits}
	err := f.try(func() (err error) {
		if f.size, err = r.Seek(0, io.SeekEnd); err != nil {
			return err
		}
		return f.readFooter()
	})
	return f, err
}

// readFooter reads the footer that the file ends in, which must be well formed, so that the
// library allocates by numbers that fit the file.
func (f *File) readFooter() error {
	var end [8]byte // length of the footer, magic
	if f.size < 12 {
		return errors.New("it is too short for a Parquet file")
	}
	if _, err := f.in.ReadAt(end[:], f.size-8); err != nil {
		return err
	}
	if string(end[4:]) != "PAR1" {
		return errors.New("it does not end like a Parquet file")
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > f.size-12 {
		return errors.New("its footer is longer than the file")
	}
	b := make([]byte, min(n, maxFooter+1))
	if _, err := f.in.ReadAt(b, f.size-8-n); err != nil {
		return err
	}
	var err error
	f.footer, err = readFooter(b, f.limits.Elements)
	return err
}

// try calls the Parquet library and names the file in its errors.
func (f *File) try(call func() error) error {
	err := try(call)
	if err != nil && f.Name != "" {
		err = fmt.Errorf("%s: it cannot be read as Parquet (%w): it is cut short or damaged, or not a Parquet file; write it again", f.Name, err)
	}
	return err
}

// try turns what the library panics with into an error.
func try(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return call()
}

// Rows is the number of rows that the file claims to have.
func (f *File) Rows() int64 { return f.footer.meta.NumRows }

// Groups is the number of row groups.
func (f *File) Groups() int { return len(f.footer.groups) }

// GroupRows is the number of rows that a row group claims to have.
func (f *File) GroupRows(group int) int64 { return f.footer.groups[group].rows }

// GroupBytes is the size that a row group claims to have, uncompressed.
func (f *File) GroupBytes(group int) int64 { return f.footer.groups[group].bytes }

// ColumnSize is the size that a column of a row group claims to have, uncompressed.
func (f *File) ColumnSize(group, column int) (n int64, err error) {
	err = f.try(func() error {
		c, err := f.footer.chunk(group, column)
		n = c.uncompressed
		return err
	})
	return n, err
}

// Metadata returns the value of a key of the file's own metadata, or nil.
func (f *File) Metadata(key string) *string { return f.footer.meta.KeyValueMetadata().FindValue(key) }

// Schema describes the columns.
func (f *File) Schema() *schema.Schema { return f.footer.meta.Schema }

// ColumnName returns the name of the top-level column that a leaf column is in.
func (f *File) ColumnName(column int) string {
	return f.Schema().Column(column).ColumnPath()[0]
}
