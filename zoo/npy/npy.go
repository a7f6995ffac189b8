// Package npy reads NumPy's .npy format as a stream: header first, then values
// in file order, a buffer of fixed size at a time. It never loads an array, so
// a file may be larger than memory, and it takes any io.Reader, so a file may
// are inside a gzip or zip stream.
//
// Format versions 1, 2 and 3 are read; values are float16, float32, float64,
// signed and unsigned integers of 1 to 8 bytes, bool, or fixed-width Unicode
// strings, in either byte order. Arrays of Python objects are refused: they are
// pickles, and reading a pickle runs code. The values of an array in Fortran order
// come column by column, as they are in the file.
//
// Files are not trusted. The header is bounded, sizes are checked for overflow,
// and nothing is allocated by a number read from the file.
package npy

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Errors to compare with errors.Is. Every error of this package that
// comes from the content of a file wraps one of them.
var (
	// ErrFormat means that the stream is not a .npy file, or a damaged one.
	ErrFormat = errors.New("not a valid .npy file")
	// ErrUnsupported means a valid .npy file that holds something this package
	// does not read: Python objects, named fields, complex numbers and the like.
	ErrUnsupported = errors.New("unsupported array")
	// ErrTruncated means that the stream ends before the array does.
	ErrTruncated = errors.New("truncated .npy file")
)

// Unknown is the size to give to NewReader when the length of the stream is not
// known in advance, as in a compressed file.
const Unknown = -1

// bufferSize bounds the memory of a Reader. It is a multiple of every item size
// up to 8 and larger than the longest string accepted.
const bufferSize = 64 << 10

// A Kind is the kind of an array's values.
type Kind byte

// The kinds of values, with NumPy's letters.
const (
	Float  Kind = 'f'
	Int    Kind = 'i'
	Uint   Kind = 'u'
	Bool   Kind = 'b'
	String Kind = 'U'
)

// A DType is the type of an array's values.
type DType struct {
	Kind      Kind
	Size      int // bytes an item; 4 times the number of characters for strings
	BigEndian bool
}

// String gives NumPy's name of the type, such as float16 or <U12.
func (d DType) String() string {
	switch d.Kind {
	case Float:
		return fmt.Sprintf("float%d", 8*d.Size)
	case Int:
		return fmt.Sprintf("int%d", 8*d.Size)
	case Uint:
		return fmt.Sprintf("uint%d", 8*d.Size)
	case Bool:
		return "bool"
	default:
		return fmt.Sprintf("<U%d", d.Size/4)
	}
}

// A Reader reads one array from a stream. It is not safe for concurrent use.
type Reader struct {
	src         io.Reader
	shape       []int
	dtype       DType
	columnMajor bool
	items       int // of the whole array
	rowLen      int // items a row
	done        int // items read so far
	ended       bool
	buf         []byte
}

// NewReader reads the header of the array in src. size is the length of the
// whole stream in bytes, header included, or Unknown. With a known size, a
// stream that is shorter or longer than its header claims is rejected here, before
// any value is read; otherwise it is rejected where it ends.
func NewReader(src io.Reader, size int64) (*Reader, error) {
	h, headerLen, err := readHeader(src)
	if err != nil {
		return nil, err
	}
	r := newReader(src, h)
	if size >= 0 {
		want := int64(r.items) * int64(h.dtype.Size)
		switch have := size - headerLen; {
		case have < want:
			return nil, r.truncated(int(max(have, 0) / int64(h.dtype.Size)))
		case have > want:
			return nil, fmt.Errorf("%w: %d bytes follow the array of shape %s; it may be several arrays in one file, save one array a file",
				ErrFormat, have-want, shapeString(h.shape))
		}
	}
	return r, nil
}

// newReader makes the reader of the values of an array, whose size was checked for
// overflow.
func newReader(src io.Reader, h header) *Reader {
	r := &Reader{src: src, shape: h.shape, dtype: h.dtype, columnMajor: h.columnMajor, items: 1, rowLen: 1}
	for i, n := range h.shape {
		r.items *= n
		if i > 0 {
			r.rowLen *= n
		}
	}
	return r
}

// NewRaw reads the values of an array in C order from a stream that has no header,
// such as a tensor in the file of another library. size is the length of the stream.
func NewRaw(src io.Reader, shape []int, dtype DType, size int64) (*Reader, error) {
	total := int64(dtype.Size)
	for _, n := range shape {
		if n < 0 || n > 0 && total > math.MaxInt64/int64(n) {
			return nil, fmt.Errorf("%w: shape %s overflows", ErrFormat, shapeString(shape))
		}
		if total *= int64(n); total == 0 {
			break
		}
	}
	if total != size {
		return nil, fmt.Errorf("%w: shape %s of %s takes %d bytes, but there are %d", ErrFormat, shapeString(shape), dtype, total, size)
	}
	return newReader(src, header{shape: slices.Clone(shape), dtype: dtype}), nil
}

// ColumnMajor reports whether the values come column by column (Fortran order), the
// first axis varying fastest, instead of row by row.
func (r *Reader) ColumnMajor() bool { return r.columnMajor }

// Body returns the values not read yet as they are in the stream, which it checks as the
// Reader does: it ends where the array does. The Reader must not be used any more.
func (r *Reader) Body() io.Reader { return &bodyReader{r: r} }

type bodyReader struct {
	r    *Reader
	rest []byte
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		var err error
		big := b.r.dtype.BigEndian
		b.r.dtype.BigEndian = false // nothing is swapped
		b.rest, err = b.r.next(bufferSize)
		b.r.dtype.BigEndian = big
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Shape returns the sizes of the array's axes.
func (r *Reader) Shape() []int { return slices.Clone(r.shape) }

// DType returns the type of the array's values.
func (r *Reader) DType() DType { return r.dtype }

// Rows returns the size of the first axis, 1 for a single value.
func (r *Reader) Rows() int {
	if len(r.shape) == 0 {
		return 1
	}
	return r.shape[0]
}

// RowLen returns the number of items in a row: the product of all sizes but the
// first.
func (r *Reader) RowLen() int { return r.rowLen }

// Remaining returns how many items have not been read yet.
func (r *Reader) Remaining() int { return r.items - r.done }

// next returns the bytes of at most limit further items in little-endian order.
// The slice is valid until the next call. After the last item it makes sure that
// the stream ends there (which also lets a gzip or zip stream compare its
// checksum) and returns io.EOF.
func (r *Reader) next(limit int) ([]byte, error) {
	if r.Remaining() == 0 {
		return nil, r.end()
	}
	if r.buf == nil {
		r.buf = make([]byte, bufferSize)
	}
	size := r.dtype.Size
	n := min(limit, r.Remaining(), len(r.buf)/size)
	b := r.buf[:n*size]
	if got, err := io.ReadFull(r.src, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, r.truncated(r.done + got/size)
		}
		return nil, fmt.Errorf("row %d: %w", r.row(r.done+got/size), err)
	}
	r.done += n
	if r.dtype.BigEndian {
		swap(b, r.dtype)
	}
	return b, nil
}

// end reports io.EOF when the stream ends where the array does.
func (r *Reader) end() error {
	if r.ended {
		return io.EOF
	}
	var one [1]byte
	switch n, err := io.ReadFull(r.src, one[:]); {
	case n > 0:
		return fmt.Errorf("%w: further bytes follow the array of shape %s; it may be several arrays in one file, save one array a file",
			ErrFormat, shapeString(r.shape))
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("after the last row: %w", err)
	}
	r.ended = true
	return io.EOF
}

// row returns the number of the row that holds an item.
func (r *Reader) row(item int) int {
	switch {
	case r.rowLen == 0:
		return 0
	case r.columnMajor:
		return item % r.shape[0]
	}
	return item / r.rowLen
}

// truncated is the error for a stream that ends after the given number of items.
func (r *Reader) truncated(items int) error {
	return fmt.Errorf("%w: it ends in row %d of %d (shape %s, %s); copy or save it again",
		ErrTruncated, r.row(items), r.Rows(), shapeString(r.shape), r.dtype)
}

// swap turns big-endian items into little-endian ones, in place.
func swap(b []byte, d DType) {
	unit := d.Size
	if d.Kind == String {
		unit = 4
	}
	for ; len(b) >= unit && unit > 1; b = b[unit:] {
		slices.Reverse(b[:unit])
	}
}

// shapeString prints a shape as NumPy does.
func shapeString(shape []int) string {
	s := "("
	for i, n := range shape {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprint(n)
	}
	if len(shape) == 1 {
		s += ","
	}
	return s + ")"
}
