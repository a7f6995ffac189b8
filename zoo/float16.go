package zoo

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// one is the bits of the float16 1, the largest probability.
const one = 0x3C00

// unit is 1 as an integer multiple of 2^-24, the unit of all sums.
const unit = 1 << 24

// sumTolerance is how far the sum of an output may be from 1, in units: 0.01.
// Rounding 1000 probabilities to float16 moves it by less than a twentieth of that.
const sumTolerance = unit / 100

// fixed holds every valid probability in units of 2^-24.
var fixed = func() (t [one + 1]uint32) {
	for h := range t {
		exponent, mantissa := h>>10, uint32(h&0x3FF)
		if exponent == 0 {
			t[h] = mantissa
		} else {
			t[h] = (mantissa | 0x400) << (exponent - 1)
		}
	}
	return t
}()

// putUint16 stores v at the beginning of dst, little-endian.
func putUint16(dst []byte, v []uint16) {
	if len(v) == 0 {
		return
	}
	n := copy(dst[:2*len(v)], unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 2*len(v)))
	swapPairs(dst[:n])
}

// getUint16 fills dst from the little-endian bytes at the beginning of src.
func getUint16(dst []uint16, src []byte) {
	if len(dst) == 0 {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 2*len(dst))
	copy(b, src[:len(b)])
	swapPairs(b)
}

// swapPairs turns little-endian pairs into the machine's order and back.
func swapPairs(b []byte) {
	if !cpu.IsBigEndian {
		return
	}
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
}
