package npy

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// ReadFloat16 reads the next items of a float16 array as bits, at most len(dst)
// of them, and returns how many. A whole number of rows is read when len(dst) is
// a multiple of RowLen. At the end of the array the error is io.EOF. No other
// error comes together with items.
func (r *Reader) ReadFloat16(dst []uint16) (int, error) {
	if err := r.want("float16", r.dtype.Kind == Float && r.dtype.Size == 2); err != nil {
		return 0, err
	}
	return read(r, dst, func(dst []uint16, b []byte) error {
		for i := range dst {
			dst[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
		return nil
	})
}

// ReadFloat32 reads the next items of a float32 array; see ReadFloat16.
func (r *Reader) ReadFloat32(dst []float32) (int, error) {
	if err := r.want("float32", r.dtype.Kind == Float && r.dtype.Size == 4); err != nil {
		return 0, err
	}
	return read(r, dst, func(dst []float32, b []byte) error {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		return nil
	})
}

// ReadFloat64 reads the next items of an array of floats of any width, exactly, or of
// bools as 0 and 1; see ReadFloat16.
func (r *Reader) ReadFloat64(dst []float64) (int, error) {
	if err := r.want("floats", r.dtype.Kind == Float || r.dtype.Kind == Bool); err != nil {
		return 0, err
	}
	size := r.dtype.Size
	var half [1]uint16
	var single [1]float32
	return read(r, dst, func(dst []float64, b []byte) error {
		for i := range dst {
			switch size {
			case 1:
				dst[i] = float64(b[i])
			case 2:
				half[0] = binary.LittleEndian.Uint16(b[2*i:])
				kernel.F16ToF32(single[:], half[:])
				dst[i] = float64(single[0])
			case 4:
				dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
			default:
				dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
			}
		}
		return nil
	})
}

// ReadInt64 reads the next items of an array of integers of any width, or of
// bools as 0 and 1; see ReadFloat16. A uint64 above the largest int64 is an
// error.
func (r *Reader) ReadInt64(dst []int64) (int, error) {
	k := r.dtype.Kind
	if err := r.want("integers", k == Int || k == Uint || k == Bool); err != nil {
		return 0, err
	}
	size := r.dtype.Size
	return read(r, dst, func(dst []int64, b []byte) error {
		for i := range dst {
			item := b[i*size:]
			var u uint64
			switch size {
			case 1:
				u = uint64(item[0])
			case 2:
				u = uint64(binary.LittleEndian.Uint16(item))
			case 4:
				u = uint64(binary.LittleEndian.Uint32(item))
			case 8:
				u = binary.LittleEndian.Uint64(item)
			}
			switch {
			case k == Int:
				shift := 64 - 8*size
				dst[i] = int64(u<<shift) >> shift
			case u > math.MaxInt64:
				return fmt.Errorf("%w: row %d holds %d, beyond the largest int64", ErrUnsupported, r.row(r.done-len(dst)+i), u)
			default:
				dst[i] = int64(u)
			}
		}
		return nil
	})
}

// ReadStrings reads the next items of an array of strings, without the zero
// characters that pad them; see ReadFloat16.
func (r *Reader) ReadStrings(dst []string) (int, error) {
	if err := r.want("strings", r.dtype.Kind == String); err != nil {
		return 0, err
	}
	size := r.dtype.Size
	var s []byte
	return read(r, dst, func(dst []string, b []byte) error {
		for i := range dst {
			s = s[:0]
			item := b[i*size : (i+1)*size]
			for len(item) > 0 && binary.LittleEndian.Uint32(item[len(item)-4:]) == 0 {
				item = item[:len(item)-4]
			}
			for ; len(item) > 0; item = item[4:] {
				c := binary.LittleEndian.Uint32(item)
				if c > utf8.MaxRune || !utf8.ValidRune(rune(c)) {
					return fmt.Errorf("%w: row %d holds the number %#x, which is not a character", ErrFormat, r.row(r.done-len(dst)+i), c)
				}
				s = utf8.AppendRune(s, rune(c))
			}
			dst[i] = string(s) // of its own length
		}
		return nil
	})
}

// want refuses a read of another type than the array's.
func (r *Reader) want(what string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: it holds %s, not %s", ErrUnsupported, r.dtype, what)
}

// read fills dst from the stream, a buffer at a time.
func read[T any](r *Reader, dst []T, decode func(dst []T, b []byte) error) (int, error) {
	if len(dst) == 0 && r.Remaining() > 0 {
		return 0, nil
	}
	n := 0
	for n == 0 || n < len(dst) && r.Remaining() > 0 {
		b, err := r.next(len(dst) - n)
		if err != nil {
			return 0, err
		}
		items := len(b) / r.dtype.Size
		if err := decode(dst[n:n+items], b); err != nil {
			return 0, err
		}
		n += items
	}
	return n, nil
}
