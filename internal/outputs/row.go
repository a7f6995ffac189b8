package outputs

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// sumTolerance is how far the sum of a row may be from 1, in fixed point: 0.01.
// Rounding 1000 probabilities to float16 moves it by less than a twentieth of that.
const sumTolerance = One / 100

// fixed holds every valid probability in fixed point.
var fixed = func() (t [OneBits + 1]uint32) {
	var bits [OneBits + 1]uint16
	for h := range bits {
		bits[h] = uint16(h)
	}
	kernel.Fixed(t[:], bits[:])
	return t
}()

// A ValueError reports a value that is not a probability.
type ValueError struct {
	Class int
	Value float64
}

func (e *ValueError) Error() string {
	switch {
	case math.IsNaN(e.Value) || math.IsInf(e.Value, 0):
		return fmt.Sprintf("the value of class %d is %v", e.Class, e.Value)
	case math.Signbit(e.Value):
		return fmt.Sprintf("the value of class %d is %v, below 0", e.Class, e.Value)
	}
	return fmt.Sprintf("the value of class %d is %v, above 1", e.Class, e.Value)
}

// CheckRow reports the first reason why row is not a softmax output.
func CheckRow(row []uint16) error {
	if err := CheckValues(row); err != nil {
		return err
	}
	var sum uint64
	for _, v := range row {
		sum += uint64(fixed[v])
	}
	return CheckSum(sum)
}

// CheckValues returns a *ValueError for the first value that is not in [0, 1].
func CheckValues(row []uint16) error {
	if probabilities(row) {
		return nil
	}
	for c, v := range row {
		if v > OneBits {
			var value [1]float32
			kernel.F16ToF32(value[:], row[c:c+1])
			return &ValueError{c, float64(value[0])}
		}
	}
	return nil
}

// CheckSum checks the sum of a row, in fixed point.
func CheckSum(sum uint64) error {
	if sum+sumTolerance < One || sum > One+sumTolerance {
		return fmt.Errorf("the values sum to %.6g, not 1 (within 0.01)", float64(sum)/One)
	}
	return nil
}

// CheckLabel reports whether a label is a class.
func CheckLabel(label int64, classes int) error {
	if label < 0 || label >= int64(classes) {
		return fmt.Errorf("label %d, but the classes are 0 to %d", label, classes-1)
	}
	return nil
}

// CheckConfidence checks the confidence of an answer, as float16 bits.
func CheckConfidence(bits uint16) error {
	if bits > OneBits {
		return fmt.Errorf("the confidence is not in [0, 1] (float16 bits 0x%04X)", bits)
	}
	return nil
}

// ClearNegativeZeros replaces the values that are -0 by 0.
func ClearNegativeZeros(row []uint16) {
	for c, v := range row {
		if v == 0x8000 {
			row[c] = 0
		}
	}
}

// Top returns the class of the largest value of a valid row, the lowest of several.
func Top(row []uint16) int {
	best := 0
	for c, v := range row {
		if v > row[best] {
			best = c
		}
	}
	return best
}

// RoundRow rounds the probabilities of all classes to float16 bits and checks them.
// dst is as long as probabilities.
func RoundRow(dst []uint16, probabilities []float32) error {
	kernel.F16FromF32(dst, probabilities)
	ClearNegativeZeros(dst)
	return CheckRow(dst)
}

// probabilities reports whether all values are in [0, 1], four at a time: a value
// below 0x8000 is too large if adding 0x7FFF-OneBits reaches 0x8000.
func probabilities(values []uint16) bool {
	const top, low = 0x8000_8000_8000_8000, 0x7FFF_7FFF_7FFF_7FFF
	const add = (0x7FFF - OneBits) * 0x0001_0001_0001_0001
	var bad uint64
	b := bytesOf(values)
	for ; len(b) >= 8; b = b[8:] {
		x := binary.NativeEndian.Uint64(b)
		bad |= x | (x&low + add)
	}
	for _, v := range values[len(values)&^3:] {
		bad |= uint64(v) | (uint64(v)&0x7FFF + 0x7FFF - OneBits)
	}
	return bad&top == 0
}

// below reports whether all classes are below n or NoClass, four at a time in two
// pairs: in 32 bits, a class c reaches bit 16 of c+0x10000-n unless it is below n,
// and of c+1 if it is NoClass.
func below(classes []uint16, n int) bool {
	const each, ones = 0x0000_FFFF_0000_FFFF, 0x0000_0001_0000_0001
	add := uint64(0x10000-n) * ones
	var bad uint64
	b := bytesOf(classes)
	for ; len(b) >= 8; b = b[8:] {
		x := binary.NativeEndian.Uint64(b)
		e, o := x&each, x>>16&each
		bad |= (e+add)&^(e+ones) | (o+add)&^(o+ones)
	}
	for _, c := range classes[len(classes)&^3:] {
		bad |= (uint64(c) + add) &^ (uint64(c) + 1)
	}
	return bad&(ones<<16) == 0
}

// bytesOf returns the memory of v.
func bytesOf(v []uint16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 2*len(v))
}
