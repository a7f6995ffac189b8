package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/klauspost/compress/zstd"
)

// Pages gives the pages of a leaf column, one row group after the other. Its errors do
// not name the file.
type Pages struct {
	Codec compress.Compression // of the row group

	f      *File
	column int
	at     int64 // in the file
	left   int64 // bytes of the column chunk
	values int64 // of the column chunk, not seen yet
	header []byte
	packed []byte
	plain  []byte
}

// A Page is a page of values, or of a dictionary.
type Page struct {
	Kind     int // of PageType in parquet.thrift
	Encoding parquet.Encoding
	Values   int
	Data     []byte // levels and values; valid until the next call, and may be changed

	defEncoding, repEncoding parquet.Encoding
	defBytes, repBytes       int
}

// Plain reports whether the page is one of plain values, of version 1.
func (p Page) Plain() bool { return p.Kind == dataPage && p.Encoding == parquet.Encodings.Plain }

// Pages returns the pages of a leaf column; Open begins with one of its row groups.
func (f *File) Pages(column int) *Pages { return &Pages{f: f, column: column} }

// Open begins the column's chunk in a row group.
func (p *Pages) Open(group int) error {
	f := p.f
	c, err := f.footer.chunk(group, p.column)
	if err != nil {
		return err
	}
	if c.encrypted {
		return errors.New("it is encrypted")
	}
	start, size := c.data, c.compressed
	if c.dictionary > 0 {
		start = min(start, c.dictionary)
	}
	if start < 0 || size < 0 || start > f.size || size > f.size-start {
		return errors.New("it runs over the end of the file")
	}
	if f.footer.meta.WriterVersion().LessThan(metadata.Parquet816FixedVersion) {
		// parquet-mr before 1.2.9 left the header of the dictionary out of the size.
		size = min(size+100, f.size-start)
	}
	p.Codec, p.at, p.left, p.values = c.codec, start, size, c.values
	return nil
}

// Next returns the next page of the row group, or io.EOF at its end.
func (p *Pages) Next() (page Page, err error) {
	if p.left == 0 || p.values <= 0 {
		return Page{}, io.EOF
	}
	h, err := p.readHeader()
	if err != nil {
		return Page{}, err
	}
	switch {
	case h.compressed < 0 || h.uncompressed < 0:
		return Page{}, fmt.Errorf("a page claims %d bytes, and %d uncompressed", h.compressed, h.uncompressed)
	case h.compressed > p.left:
		return Page{}, errors.New("a page runs over the end of its row group")
	case h.kind != dataPage && h.kind != dictionaryPage && h.kind != dataPageV2:
		p.skip(h.compressed)
		return Page{Kind: int(h.kind)}, nil
	case h.uncompressed > int64(p.f.limits.Page):
		return Page{}, fmt.Errorf("a page of %d bytes, at most %d are read; write it with smaller pages or row groups", h.uncompressed, p.f.limits.Page)
	case h.values < 0 || h.kind != dictionaryPage && h.values > p.values:
		return Page{}, fmt.Errorf("a page claims %d values, of which its row group has %d", h.values, p.values)
	}
	p.packed = slices.Grow(p.packed[:0], int(h.compressed))[:h.compressed]
	if _, err := p.f.in.ReadAt(p.packed, p.at); err != nil {
		return Page{}, unexpected(err)
	}
	p.skip(h.compressed)
	page = Page{
		Kind: int(h.kind), Encoding: parquet.Encoding(h.encoding), Values: int(h.values), Data: p.packed,
		defEncoding: parquet.Encoding(h.defEncoding), repEncoding: parquet.Encoding(h.repEncoding),
	}
	levels := int64(0) // bytes of levels, which are not compressed
	if h.kind == dataPageV2 {
		levels = h.defBytes + h.repBytes
		if h.defBytes < 0 || h.repBytes < 0 || levels > min(h.compressed, h.uncompressed) {
			return Page{}, fmt.Errorf("a page of %d bytes claims %d and %d bytes of levels", h.compressed, h.repBytes, h.defBytes)
		}
		page.defBytes, page.repBytes = int(h.defBytes), int(h.repBytes)
	}
	if p.Codec != compress.Codecs.Uncompressed && !h.plain {
		if page.Data, err = p.unpack(int(levels), int(h.uncompressed)); err != nil {
			return Page{}, err
		}
	}
	if int64(len(page.Data)) != h.uncompressed {
		return Page{}, fmt.Errorf("a page has %d bytes instead of %d", len(page.Data), h.uncompressed)
	}
	if h.kind != dictionaryPage {
		p.values -= h.values
	}
	return page, nil
}

// Values returns the number of values of the row group that have not been read, as it
// claims.
func (p *Pages) Values() int64 { return p.values }

// Rest returns the number of bytes of the row group that follow the last page read.
func (p *Pages) Rest() int64 { return p.left }

func (p *Pages) skip(n int64) { p.at, p.left = p.at+n, p.left-n }

// readHeader reads the header of the next page. Most take some 30
// bytes; statistics of long texts can make them larger.
func (p *Pages) readHeader() (pageHeader, error) {
	for room := int64(256); ; room *= 4 {
		room = min(room, p.left, int64(p.f.limits.Header))
		p.header = slices.Grow(p.header[:0], int(room))[:room]
		if _, err := p.f.in.ReadAt(p.header, p.at); err != nil {
			return pageHeader{}, unexpected(err)
		}
		h, n, err := parsePageHeader(p.header)
		if err == nil {
			p.skip(int64(n))
			return h, nil
		}
		if room == p.left || room == int64(p.f.limits.Header) {
			return pageHeader{}, err
		}
	}
}

// unpack decompresses the page in p.packed behind its levels to at most size bytes.
func (p *Pages) unpack(levels, size int) (data []byte, err error) {
	p.plain = slices.Grow(p.plain[:0], size)[:size]
	copy(p.plain, p.packed[:levels])
	packed, plain := p.packed[levels:], p.plain[levels:]
	if len(packed) == 0 && len(plain) == 0 {
		return p.plain, nil
	}
	switch p.Codec {
	case compress.Codecs.Zstd:
		plain, err = decoder().DecodeAll(packed, plain[:0:len(plain)])
		return p.plain[:levels+len(plain)], err
	case compress.Codecs.Snappy:
		// The library allocates what the block claims.
		if n, _ := binary.Uvarint(packed); n != uint64(len(plain)) {
			return nil, fmt.Errorf("a page has %d bytes instead of %d", n, len(plain))
		}
	case compress.Codecs.Gzip, compress.Codecs.Brotli:
	default:
		return nil, fmt.Errorf("the compression %s is not supported", p.Codec)
	}
	err = try(func() error {
		codec, err := compress.GetCodec(p.Codec)
		if err == nil {
			plain = codec.Decode(plain, packed)
		}
		return err
	})
	return p.plain[:levels+len(plain)], err
}

// decoder decompresses pages, from all goroutines, and never beyond the capacity it
// gets.
var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})

// unexpected turns the end of a file into an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
