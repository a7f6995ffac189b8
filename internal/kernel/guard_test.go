package kernel

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// lengths holds every length around the vector widths and a few long ones.
var lengths = func() (l []int) {
	for n := range 201 {
		l = append(l, n)
	}
	return append(l, 255, 256, 257, 511, 513, 1000, 4099)
}()

// edge, while it is set, returns n bytes beside a page that cannot even be read, or
// nil for too many.
var edge func(n int) []byte

// guarded is a slice with a zone of known bytes on both sides, at an offset that
// is aligned to the element only.
type guarded[T any] struct {
	s    []T
	zone [2][]byte
}

const guardBytes = 256

// guard returns room for n elements, starting offset elements off a multiple of
// 64 bytes; or, while edge is set, at an edge of the memory that may be touched.
func guard[T any](n, offset int) guarded[T] {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if edge != nil && n > 0 {
		if b := edge(n * size); b != nil {
			return guarded[T]{s: unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)}
		}
	}
	buf := make([]T, (2*guardBytes+64)/size+offset+n)
	lead := guardBytes / size
	for uintptr(unsafe.Pointer(&buf[lead]))%64 != 0 {
		lead++
	}
	lead += offset
	g := guarded[T]{s: buf[lead : lead+n : lead+n]}
	all := unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), len(buf)*size)
	g.zone = [2][]byte{all[:lead*size], all[(lead+n)*size:]}
	for _, z := range g.zone {
		for i := range z {
			z[i] = byte(0xA5 ^ i)
		}
	}
	return g
}

// guardOf is guard with the contents of src.
func guardOf[T any](src []T, offset int) guarded[T] {
	g := guard[T](len(src), offset)
	copy(g.s, src)
	return g
}

// check fails when something was written outside the slice.
func (g guarded[T]) check(t *testing.T, what string) {
	t.Helper()
	for side, z := range g.zone {
		for i, b := range z {
			if b != byte(0xA5^i) {
				t.Fatalf("%s: wrote outside, %s the slice, byte %d", what, [...]string{"before", "after"}[side], i)
			}
		}
	}
}

// fill makes n values.
func fill[T any](n int, value func() T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = value()
	}
	return s
}

// probability makes float16 bits in range, special values among them.
func probability(rng *rand.Rand) func() uint16 {
	special := []uint16{0, 0, 1, 2, 0x3FF, 0x400, 0x401, 0x3BFF, 0x3C00, 0x3800}
	return func() uint16 {
		if rng.IntN(4) == 0 {
			return special[rng.IntN(len(special))]
		}
		return uint16(rng.IntN(0x3C01))
	}
}
