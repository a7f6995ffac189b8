package parquet

import (
	"encoding/binary"
	"errors"
)

// Parquet's metadata is in Thrift's compact protocol. A thriftReader walks over it
// without allocating: it finds the few numbers of a page header, and checks a footer
// before a library allocates by its numbers.
//
// It keeps its first error; all later values are zero.
type thriftReader struct {
	b   []byte
	err error
}

var errThrift = errors.New("its metadata is not valid Thrift")

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

// skipElement walks over an element of a collection, in which a bool has a byte of its
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

// maxSchemaDepth is more than schemas nest. The library reads them by recursion.
const maxSchemaDepth = 32

var errSchema = errors.New("its schema has too many columns, nests too deeply, or is not a tree")

// checkFooter walks over a Parquet footer (FileMetaData: 2 schema) and reports
// whether it is well formed, with a schema of at most so many elements.
func checkFooter(b []byte, elements int) error {
	r := thriftReader{b: b}
	r.fields(func(id int64, typ byte) {
		if id == 2 && typ == thriftList {
			r.schema(elements)
		} else {
			r.skip(typ, 0)
		}
	})
	return r.err
}

// schema reads a schema: a tree, each node before its children (SchemaElement: 5
// num_children).
func (r *thriftReader) schema(elements int) {
	n, typ := r.list()
	if r.err == nil && (n > elements || typ != thriftStruct) {
		r.b, r.err = nil, errSchema
	}
	left := append(make([]int64, 0, maxSchemaDepth), 1) // nodes to come, by depth
	for range n {
		var children int64
		r.fields(func(id int64, typ byte) {
			if id == 5 && typ == thriftI32 {
				children = r.int()
			} else {
				r.skip(typ, 1)
			}
		})
		for len(left) > 0 && left[len(left)-1] == 0 {
			left = left[:len(left)-1]
		}
		if r.err == nil && (len(left) == 0 || children < 0 || len(left) == maxSchemaDepth) {
			r.b, r.err = nil, errSchema
		}
		if r.err != nil {
			return
		}
		left[len(left)-1]--
		left = append(left, children)
	}
}

// The kinds of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3
)

// A pageHeader is what is needed of Parquet's PageHeader. A number that is absent is
// -1.
type pageHeader struct {
	kind, uncompressed, compressed, values, encoding int64

	defEncoding, repEncoding int64 // of the levels, in version 1
	defBytes, repBytes       int64 // of the levels, in version 2
	plain                    bool  // version 2: not compressed
}

// parsePageHeader reads the header at the beginning of b and returns its length
// (PageHeader: 1 type, 2 uncompressed_page_size, 3 compressed_page_size, 5
// data_page_header, 7 dictionary_page_header, 8 data_page_header_v2).
func parsePageHeader(b []byte) (h pageHeader, n int, err error) {
	h = pageHeader{kind: -1, uncompressed: -1, compressed: -1, values: -1, encoding: -1,
		defEncoding: -1, repEncoding: -1, defBytes: -1, repBytes: -1}
	r := thriftReader{b: b}
	// number reads the field of a number that is at its place in numbers, and skips
	// others.
	number := func(id int64, typ byte, depth int, numbers ...*int64) {
		if id < 1 || id > int64(len(numbers)) || numbers[id-1] == nil {
			r.skip(typ, depth)
		} else if typ != thriftI32 {
			r.fail()
		} else {
			*numbers[id-1] = r.int()
		}
	}
	r.fields(func(id int64, typ byte) {
		if typ != thriftStruct {
			number(id, typ, 1, &h.kind, &h.uncompressed, &h.compressed)
			return
		}
		r.fields(func(sub int64, typ byte) {
			switch {
			case id == 5 && h.kind == dataPage:
				number(sub, typ, 2, &h.values, &h.encoding, &h.defEncoding, &h.repEncoding)
			case id == 7 && h.kind == dictionaryPage:
				number(sub, typ, 2, &h.values, &h.encoding)
			case id == 8 && h.kind == dataPageV2 && sub == 7:
				h.plain = typ == thriftFalse
				r.skip(typ, 2)
			case id == 8 && h.kind == dataPageV2:
				number(sub, typ, 2, &h.values, nil, nil, &h.encoding, &h.defBytes, &h.repBytes)
			default:
				r.skip(typ, 2)
			}
		})
	})
	return h, len(b) - len(r.b), r.err
}
