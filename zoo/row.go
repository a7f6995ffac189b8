package zoo

import (
	"encoding/binary"
	"fmt"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// checkRow reports the first thing that keeps row from being a softmax output.
func checkRow(row []uint16) error {
	if err := checkValues(row); err != nil {
		return err
	}
	var sum uint64
	for _, v := range row {
		sum += uint64(fixed[v])
	}
	return checkSum(sum)
}

// checkValues reports the first value that is not in [0, 1].
func checkValues(row []uint16) error {
	if probabilities(row) {
		return nil
	}
	for c, v := range row {
		if v > one {
			return badValue(c, v)
		}
	}
	return nil
}

// probabilities reports whether all values are in [0, 1]. It looks at four at a
// time: a value below 0x8000 is too large where adding 0x7FFF-one reaches 0x8000.
func probabilities(values []uint16) bool {
	const top, low = 0x8000_8000_8000_8000, 0x7FFF_7FFF_7FFF_7FFF
	const add = (0x7FFF - one) * 0x0001_0001_0001_0001
	var bad uint64
	b := bytesOf(values)
	for ; len(b) >= 8; b = b[8:] {
		x := binary.NativeEndian.Uint64(b)
		bad |= x | (x&low + add)
	}
	for _, v := range values[len(values)&^3:] {
		bad |= uint64(v) | (uint64(v)&0x7FFF + 0x7FFF - one)
	}
	return bad&top == 0
}

// below reports whether all classes are below n or NoClass, four at a time in two
// pairs: in 32 bits, a class c reaches bit 16 of c+0x10000-n where it is not below n,
// and of c+1 where it is NoClass.
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

func badValue(class int, v uint16) error {
	what := "above 1"
	switch {
	case v&0x7C00 == 0x7C00 && v&0x3FF != 0:
		what = "not a number"
	case v&0x7FFF == 0x7C00:
		what = "infinite"
	case v&0x8000 != 0:
		what = "negative"
	}
	return fmt.Errorf("class %d is %s (float16 bits 0x%04X); probabilities are in [0, 1]", class, what, v)
}

func checkSum(sum uint64) error {
	if sum+sumTolerance < unit || sum > unit+sumTolerance {
		return fmt.Errorf("the probabilities sum to %.6g, not to 1 within 0.01", float64(sum)/unit)
	}
	return nil
}

func checkAnswer(label, confidence uint16, classes int) error {
	if int(label) >= classes {
		return fmt.Errorf("label %d, but the zoo has the classes 0 to %d", label, classes-1)
	}
	if confidence > one {
		return fmt.Errorf("the confidence is not in [0, 1] (float16 bits 0x%04X)", confidence)
	}
	return nil
}

// RoundRow rounds one output, the probability of every class, to float16 bits, as
// [ModelWriter.WriteRow] and [BuildLists] take them. The error says which value is no
// probability, or that they do not sum to 1. dst is as long as probabilities.
func RoundRow(dst []uint16, probabilities []float32) error {
	kernel.F16FromF32(dst, probabilities)
	for c, v := range dst {
		if v == 0x8000 { // -0, or a negative number that rounds to it
			dst[c] = 0
		}
	}
	return checkRow(dst)
}
