package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
)

// batchCells is how many cells are decoded at a time.
const batchCells = 4096

// Cells reads the cells of a leaf column of one row group as values of type T.
// After a call of Next that returns true, Values holds the next cells and Reps,
// if the column is repeated, their repetition levels; Missing is true if the
// cell after them is null, or an empty list, and then reading cannot go on.
type Cells[T any] struct {
	Values  []T
	Reps    []uint32
	Missing bool

	// Nulls may be set before the first call of Next: then null cells of a column that is
	// not repeated are zero values, and none is missing.
	Nulls bool

	file           *File
	column         string
	pages          *Pages
	maxRep, maxDef int
	width          int // bytes a value, 0 if it varies
	convert        func([]byte) T
	dictionary     []T

	// The current page.
	left               int // cells not returned yet
	repLevels          hybrid
	defLevels, indices hybrid
	defs, index        []uint32
	decode             func(n int) error // appends n values
	data               []byte            // of plain values not decoded yet
	at                 int               // the next of split values
}

// codecs are the compressions that are read.
var codecs = []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Brotli, compress.Codecs.Zstd}

// ErrMissing is the error to report if Missing is true.
var ErrMissing = errors.New("the value is missing (null, or an empty list); fill it in, or leave the sample out of all files")

// Bits is the width of booleans. They are converted from a byte, 0 or 1.
const Bits = -1

// Open opens a leaf column of a row group. A value has width bytes, or its length
// before it if width is 0; convert receives its bytes, which it must not keep.
func Open[T any](f *File, group, column, width int, convert func([]byte) T) (*Cells[T], error) {
	pages := f.Pages(column)
	if err := f.try(func() error { return pages.Open(group) }); err != nil {
		return nil, err
	}
	if !slices.Contains(codecs, pages.Codec) {
		return nil, fmt.Errorf("%s: the column %q has the compression %s, which is not supported: write it with zstd or snappy", f.Name, f.ColumnName(column), pages.Codec)
	}
	d := f.Schema().Column(column)
	c := &Cells[T]{
		file: f, column: f.ColumnName(column), pages: pages,
		maxRep: int(d.MaxRepetitionLevel()), maxDef: int(d.MaxDefinitionLevel()),
		width: width, convert: convert,
		Reps: make([]uint32, batchCells), defs: make([]uint32, batchCells), index: make([]uint32, batchCells),
	}
	return c, nil
}

// Next decodes the next cells; it returns false at the end of the column.
func (c *Cells[T]) Next() (bool, error) {
	c.Values, c.Missing = c.Values[:0], false
	for c.left == 0 {
		more, err := c.nextPage()
		if err != nil || !more {
			return false, err
		}
	}
	n := min(c.left, batchCells)
	err := c.damaged(c.batch(n))
	c.left -= n
	return err == nil, err
}

// Each calls f with the cells of the column, which has one in each of the row group's
// rows, some at a time. first is the number of the group's first row, for messages. The
// error wraps ErrMissing if a cell is missing.
func (c *Cells[T]) Each(first, rows int, f func(cells []T) error) error {
	end := first + rows
	for more := true; more; {
		var err error
		if more, err = c.Next(); err != nil {
			return err
		}
		if len(c.Values) > end-first {
			return fmt.Errorf("%s: the column %q has more than the %d rows of its row group: the file is damaged; write it again", c.file.Name, c.column, rows)
		}
		if err := f(c.Values); err != nil {
			return err
		}
		first += len(c.Values)
		if c.Missing {
			return fmt.Errorf("%s: row %d, column %q: %w", c.file.Name, first, c.column, ErrMissing)
		}
	}
	if first < end {
		return fmt.Errorf("%s: the column %q ends after %d of the %d rows of its row group: the file is damaged; write it again", c.file.Name, c.column, rows-(end-first), rows)
	}
	return nil
}

// damaged wraps the errors of decoding.
func (c *Cells[T]) damaged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: the column %q is damaged (%w); write the file again", c.file.Name, c.column, err)
}

// batch decodes n cells of the page.
func (c *Cells[T]) batch(n int) error {
	if err := c.repLevels.read(c.Reps[:n]); err != nil {
		return err
	}
	if err := c.defLevels.read(c.defs[:n]); err != nil {
		return err
	}
	if c.maxDef > 0 && c.Nulls && c.maxRep == 0 {
		return c.batchOfNulls(n)
	}
	if c.maxDef > 0 {
		if i := slices.IndexFunc(c.defs[:n], func(d uint32) bool { return d != uint32(c.maxDef) }); i >= 0 {
			c.Missing, n = true, i
		}
	}
	return c.decode(n)
}

// batchOfNulls decodes n cells of the page, some of which may be null.
func (c *Cells[T]) batchOfNulls(n int) error {
	first, present := len(c.Values), 0
	for _, d := range c.defs[:n] {
		if d == uint32(c.maxDef) {
			present++
		}
	}
	if err := c.decode(present); err != nil {
		return err
	}
	// From the last cell on, each value goes to its place.
	c.Values = append(c.Values, make([]T, n-present)...)
	for i, from := n-1, first+present; i >= 0; i-- {
		var value T
		if c.defs[i] == uint32(c.maxDef) {
			from--
			value = c.Values[from]
		}
		c.Values[first+i] = value
	}
	return nil
}

// nextPage goes to the next page of cells; it returns false at the end.
func (c *Cells[T]) nextPage() (bool, error) {
	page, err := c.pages.Next()
	if err == io.EOF {
		return false, nil
	}
	if err := c.file.try(func() error { return err }); err != nil {
		return false, err
	}
	data := page.Data
	switch page.Kind {
	case dictionaryPage:
		if c.width == Bits {
			return false, c.damaged(errors.New("a dictionary of booleans"))
		}
		c.data = data
		c.dictionary = nil
		values := c.Values
		c.Values = nil
		err := c.plain(page.Values)
		c.dictionary, c.Values = c.Values, values
		return true, c.damaged(err)
	case dataPage:
		if c.repLevels, data, err = levels(data, c.maxRep, -1, page.repEncoding); err == nil {
			c.defLevels, data, err = levels(data, c.maxDef, -1, page.defEncoding)
		}
	case dataPageV2:
		if c.repLevels, data, err = levels(data, c.maxRep, page.repBytes, parquet.Encodings.RLE); err == nil {
			c.defLevels, data, err = levels(data, c.maxDef, page.defBytes, parquet.Encodings.RLE)
		}
	default:
		return true, nil // an index page, which is not needed
	}
	if err != nil {
		return false, c.damaged(err)
	}
	c.left = page.Values
	switch encoding := page.Encoding; {
	case c.width == Bits && encoding == parquet.Encodings.Plain:
		c.data, c.at, c.decode = data, 0, c.packed
	case c.width == Bits && encoding == parquet.Encodings.RLE:
		if c.indices, _, err = levels(data, 1, -1, encoding); err != nil {
			return false, c.damaged(err)
		}
		c.decode = c.run
	case c.width == Bits:
		return false, c.damaged(fmt.Errorf("booleans in the encoding %s", encoding))
	case encoding == parquet.Encodings.Plain:
		c.data, c.decode = data, c.plain
	case encoding == parquet.Encodings.RLEDict || encoding == parquet.Encodings.PlainDict:
		if len(data) == 0 || data[0] > 32 {
			return false, c.damaged(errors.New("no bit width of the dictionary's indices"))
		}
		c.indices = hybrid{data: data[1:], width: int(data[0])}
		c.decode = c.looked
	case encoding.String() == "BYTE_STREAM_SPLIT" && c.width > 0:
		c.data, c.at, c.decode = data, 0, c.split
	default:
		return false, fmt.Errorf("%s: the column %q has the encoding %s, which is not supported: write it with the plain or the dictionary encoding", c.file.Name, c.column, encoding)
	}
	return true, nil
}

var errShort = errors.New("a page ends before its values do")

// plain decodes values that follow each other.
func (c *Cells[T]) plain(n int) error {
	for range n {
		size := c.width
		if size == 0 {
			if len(c.data) < 4 {
				return errShort
			}
			size = int(binary.LittleEndian.Uint32(c.data))
			c.data = c.data[4:]
		}
		if size > len(c.data) {
			return errShort
		}
		c.Values = append(c.Values, c.convert(c.data[:size]))
		c.data = c.data[size:]
	}
	return nil
}

// packed decodes booleans of a bit each.
func (c *Cells[T]) packed(n int) error {
	if c.at+n > 8*len(c.data) {
		return errShort
	}
	for range n {
		c.Values = append(c.Values, c.convert([]byte{c.data[c.at/8] >> (c.at % 8) & 1}))
		c.at++
	}
	return nil
}

// run decodes booleans of which those that follow each other are written once.
func (c *Cells[T]) run(n int) error {
	if err := c.indices.read(c.index[:n]); err != nil {
		return err
	}
	for _, bit := range c.index[:n] {
		c.Values = append(c.Values, c.convert([]byte{byte(bit)}))
	}
	return nil
}

// looked decodes indices into the dictionary.
func (c *Cells[T]) looked(n int) error {
	if err := c.indices.read(c.index[:n]); err != nil {
		return err
	}
	for _, i := range c.index[:n] {
		if int64(i) >= int64(len(c.dictionary)) {
			return fmt.Errorf("index %d into a dictionary of %d values", i, len(c.dictionary))
		}
		c.Values = append(c.Values, c.dictionary[i])
	}
	return nil
}

// split decodes values whose first bytes come first, then their second ones, and so
// on (BYTE_STREAM_SPLIT).
func (c *Cells[T]) split(n int) error {
	stride := len(c.data) / c.width
	if c.at+n > stride {
		return errShort
	}
	value := make([]byte, c.width)
	for range n {
		for k := range value {
			value[k] = c.data[k*stride+c.at]
		}
		c.Values = append(c.Values, c.convert(value))
		c.at++
	}
	return nil
}

// levels takes the levels from the beginning of a page and returns what follows. In
// pages of version 1 (length -1) their length comes before them.
func levels(data []byte, largest, length int, encoding parquet.Encoding) (hybrid, []byte, error) {
	h := hybrid{width: bits.Len(uint(largest))}
	if largest == 0 && length < 0 {
		return h, data, nil
	}
	if length < 0 {
		if encoding != parquet.Encodings.RLE {
			return h, nil, fmt.Errorf("levels in the encoding %s", encoding)
		}
		if len(data) < 4 {
			return h, nil, errShort
		}
		length = int(binary.LittleEndian.Uint32(data))
		data = data[4:]
	}
	if length > len(data) {
		return h, nil, errShort
	}
	// Writers may add levels to columns that have none; they are skipped.
	if largest > 0 {
		h.data = data[:length]
	}
	return h, data[length:], nil
}

// A hybrid decodes Parquet's mix of repeated values and bit-packed ones. One of
// width 0 yields zeros without end.
type hybrid struct {
	data  []byte
	width int    // bits a value, at most 32
	left  int    // values left in the current run
	value uint32 // of a run of one repeated value
	group bool   // the run is bit-packed, from bit on
	bit   int
}

// read decodes exactly len(dst) values.
func (h *hybrid) read(dst []uint32) error {
	if h.width == 0 {
		clear(dst)
		return nil
	}
	for len(dst) > 0 {
		if h.left == 0 {
			if err := h.nextRun(); err != nil {
				return err
			}
		}
		n := min(h.left, len(dst))
		for i := range n {
			if h.group {
				dst[i] = h.unpack()
			} else {
				dst[i] = h.value
			}
		}
		if h.left -= n; h.left == 0 && h.group {
			h.data = h.data[h.bit/8:]
		}
		dst = dst[n:]
	}
	return nil
}

// nextRun reads the header of a run.
func (h *hybrid) nextRun() error {
	header, n := binary.Uvarint(h.data)
	if n <= 0 || header>>1 == 0 || header>>1 > math.MaxInt32/8 {
		return errShort
	}
	h.data = h.data[n:]
	count := int(header >> 1)
	if h.group = header&1 == 1; h.group {
		// A group is 8 values, width bytes.
		if count*h.width > len(h.data) {
			return errShort
		}
		h.left, h.bit = 8*count, 0
		return nil
	}
	size := (h.width + 7) / 8
	if size > len(h.data) {
		return errShort
	}
	h.left, h.value = count, 0
	for i, b := range h.data[:size] {
		h.value |= uint32(b) << (8 * i)
	}
	h.data = h.data[size:]
	return nil
}

// unpack returns the next value of a bit-packed run.
func (h *hybrid) unpack() uint32 {
	var word [8]byte
	copy(word[:], h.data[h.bit/8:])
	v := binary.LittleEndian.Uint64(word[:]) >> (h.bit % 8) & (1<<h.width - 1)
	h.bit += h.width
	return uint32(v)
}
