package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/apache/thrift/lib/go/thrift"
)

// A thriftReader walks over Parquet's metadata, which is in Thrift's compact protocol:
// it finds the few numbers of a page header, and checks a footer before a library
// allocates by its numbers. Nothing it reads is longer than the bytes that are there.
type thriftReader struct{ thrift.TProtocol }

func newThriftReader(b []byte) thriftReader {
	return thriftReader{thrift.NewTCompactProtocolConf(&thrift.TMemoryBuffer{Buffer: bytes.NewBuffer(b)}, nil)}
}

var errThrift = errors.New("its metadata is not valid Thrift")

// maxThriftDepth is more than Parquet's metadata ever nests.
const maxThriftDepth = 16

// fields calls f for every field of a struct. f reads the field's value or skips it.
func (r thriftReader) fields(f func(id int16, typ thrift.TType) error) error {
	ctx := context.Background()
	if _, err := r.ReadStructBegin(ctx); err != nil {
		return err
	}
	for {
		_, typ, id, err := r.ReadFieldBegin(ctx)
		if err != nil {
			return err
		}
		if typ == thrift.STOP {
			return r.ReadStructEnd(ctx)
		}
		if err := f(id, typ); err != nil {
			return err
		}
	}
}

// skip walks over the value of a field.
func (r thriftReader) skip(typ thrift.TType) error {
	return thrift.Skip(context.Background(), r, typ, maxThriftDepth)
}

// number reads the field of a number that is at its place in numbers, and skips
// others.
func (r thriftReader) number(id int16, typ thrift.TType, numbers ...*int64) error {
	if id < 1 || int(id) > len(numbers) || numbers[id-1] == nil {
		return r.skip(typ)
	}
	if typ != thrift.I32 {
		return fmt.Errorf("field %d is no number", id)
	}
	v, err := r.ReadI32(context.Background())
	*numbers[id-1] = int64(v)
	return err
}

// maxSchemaDepth is more than schemas nest. The library reads them by recursion.
const maxSchemaDepth = 32

var errSchema = errors.New("its schema has too many columns, nests too deeply, or is not a tree")

// schema reads a schema: a tree, each node before its children (SchemaElement: 5
// num_children).
func (r thriftReader) schema(elements int) error {
	typ, n, err := r.ReadListBegin(context.Background())
	if err != nil {
		return err
	}
	if n > elements || typ != thrift.STRUCT {
		return errSchema
	}
	left := append(make([]int64, 0, maxSchemaDepth), 1) // nodes to come, by depth
	for range n {
		var children int64
		err := r.fields(func(id int16, typ thrift.TType) error {
			if typ != thrift.I32 {
				return r.skip(typ)
			}
			return r.number(id, typ, nil, nil, nil, nil, &children)
		})
		if err != nil {
			return err
		}
		for len(left) > 0 && left[len(left)-1] == 0 {
			left = left[:len(left)-1]
		}
		if len(left) == 0 || children < 0 || len(left) == maxSchemaDepth {
			return errSchema
		}
		left[len(left)-1]--
		left = append(left, children)
	}
	return nil
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
	r := newThriftReader(b)
	err = r.fields(func(id int16, typ thrift.TType) error {
		if typ != thrift.STRUCT {
			return r.number(id, typ, &h.kind, &h.uncompressed, &h.compressed)
		}
		return r.fields(func(sub int16, typ thrift.TType) (err error) {
			switch {
			case id == 5 && h.kind == dataPage:
				return r.number(sub, typ, &h.values, &h.encoding, &h.defEncoding, &h.repEncoding)
			case id == 7 && h.kind == dictionaryPage:
				return r.number(sub, typ, &h.values, &h.encoding)
			case id == 8 && h.kind == dataPageV2 && sub == 7 && typ == thrift.BOOL:
				compressed, err := r.ReadBool(context.Background())
				h.plain = !compressed
				return err
			case id == 8 && h.kind == dataPageV2:
				return r.number(sub, typ, &h.values, nil, nil, &h.encoding, &h.defBytes, &h.repBytes)
			}
			return r.skip(typ)
		})
	})
	if err != nil {
		return h, 0, fmt.Errorf("%w: %v", errThrift, err)
	}
	return h, len(b) - r.left(), nil
}
