package zoo

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

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
