package zoo

import (
	"encoding/binary"
	"errors"
)

// Parquet's metadata is in Thrift's compact protocol. A thriftReader walks over it
// without allocating, to find the few numbers of a page header, and to make sure
// that a footer is what it says before a library allocates by its numbers.
//
// The first error sticks: all later values are zero.
type thriftReader struct {
	b   []byte
	err error
}

var errThrift = errors.New("its metadata is no valid Thrift")

// The types of the compact protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// maxThriftDepth is more than Parquet's metadata ever nests.
const maxThriftDepth = 16

func (r *thriftReader) fail() {
	r.b, r.err = nil, errThrift
}

func (r *thriftReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *thriftReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// int reads a number of type i16, i32 or i64.
func (r *thriftReader) int() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *thriftReader) skipBytes(n uint64) {
	if n > uint64(len(r.b)) {
		r.fail()
		return
	}
	r.b = r.b[n:]
}

// fields calls f for every field of a struct. f reads the field's value or skips it.
func (r *thriftReader) fields(f func(id int64, typ byte)) {
	id := int64(0)
	for r.err == nil {
		head := r.byte()
		typ := head & 15
		if typ == thriftStop {
			return
		}
		if delta := int64(head >> 4); delta != 0 {
			id += delta
		} else {
			id = r.int()
		}
		f(id, typ)
	}
}

// list reads the head of a list or set. Every element takes at least a byte, so the
// length is at most what is left.
func (r *thriftReader) list() (n int, typ byte) {
	head := r.byte()
	size := uint64(head >> 4)
	if size == 15 {
		size = r.uvarint()
	}
	if size > uint64(len(r.b)) {
		r.fail()
		return 0, 0
	}
	return int(size), head & 15
}

// skip walks over the value of a field.
func (r *thriftReader) skip(typ byte, depth int) {
	if depth > maxThriftDepth {
		r.fail()
		return
	}
	switch typ {
	case thriftTrue, thriftFalse: // the type is the value
	case thriftByte:
		r.byte()
	case thriftI16, thriftI32, thriftI64:
		r.uvarint()
	case thriftDouble:
		r.skipBytes(8)
	case thriftBinary:
		r.skipBytes(r.uvarint())
	case thriftList, thriftSet:
		n, typ := r.list()
		for range n {
			r.skipElement(typ, depth+1)
		}
	case thriftMap:
		n := r.uvarint()
		if n == 0 || r.err != nil {
			return
		}
		types := r.byte()
		for ; n > 0 && r.err == nil; n-- {
			r.skipElement(types>>4, depth+1)
			r.skipElement(types&15, depth+1)
		}
	case thriftStruct:
		r.fields(func(_ int64, typ byte) { r.skip(typ, depth+1) })
	default:
		r.fail()
	}
}

// skipElement walks over an element of a collection, where a bool has a byte of its
// own.
func (r *thriftReader) skipElement(typ byte, depth int) {
	if r.err != nil {
		return
	}
	if typ == thriftTrue || typ == thriftFalse {
		r.byte()
		return
	}
	r.skip(typ, depth)
}

// checkFooter walks over a Parquet footer (FileMetaData: 2 schema) and reports
// whether it is well formed and of a file like this package's.
func checkFooter(b []byte) error {
	r := thriftReader{b: b}
	r.fields(func(id int64, typ byte) {
		if id == 2 && typ == thriftList {
			// One root with at most two columns is what this package writes. (A schema
			// that nests without end would be read by recursion.)
			ahead := r
			if n, _ := ahead.list(); n > 3 {
				r.fail()
				return
			}
		}
		r.skip(typ, 0)
	})
	return r.err
}

// A pageHeader is what is needed of Parquet's PageHeader.
type pageHeader struct {
	kind         int64 // 0 for a data page
	uncompressed int64
	compressed   int64
	values       int64
	encoding     int64 // 0 for plain
}

// parsePageHeader reads the header at the beginning of b (PageHeader: 1 type, 2
// uncompressed_page_size, 3 compressed_page_size, 5 data_page_header with 1
// num_values, 2 encoding) and returns its length.
func parsePageHeader(b []byte) (h pageHeader, n int, err error) {
	h = pageHeader{kind: -1, uncompressed: -1, compressed: -1, values: -1, encoding: -1}
	r := thriftReader{b: b}
	number := func(typ byte, v *int64) {
		if typ != thriftI32 {
			r.fail()
			return
		}
		*v = r.int()
	}
	r.fields(func(id int64, typ byte) {
		switch id {
		case 1:
			number(typ, &h.kind)
		case 2:
			number(typ, &h.uncompressed)
		case 3:
			number(typ, &h.compressed)
		case 5:
			if typ != thriftStruct {
				r.fail()
				return
			}
			r.fields(func(id int64, typ byte) {
				switch id {
				case 1:
					number(typ, &h.values)
				case 2:
					number(typ, &h.encoding)
				default:
					r.skip(typ, 2)
				}
			})
		default:
			r.skip(typ, 1)
		}
	})
	return h, len(b) - len(r.b), r.err
}
