package importer

import (
	"errors"
	"fmt"
	"math"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// oneBits is the float16 1, the largest valid probability.
const oneBits = 0x3C00

// sumTolerance is how far a row's sum may be from 1, in units of 2^-24: 0.01.
const sumTolerance = kernel.One / 100

var (
	errNotNumber = errors.New("fix the model's output and save it again")
	errNotProbs  = errors.New("rows must be probabilities; if these are logits, import with --logits")
)

// A converter turns rows of a source into valid float16 probabilities. Its
// buffers are reused from row to row.
type converter struct {
	logits  bool
	singles []float32
	doubles []float64
	fixed   []uint32
}

func newConverter(classes int, logits bool) *converter {
	return &converter{logits: logits, singles: make([]float32, classes), doubles: make([]float64, classes), fixed: make([]uint32, classes)}
}

// from16 converts a row of float16 bits; dst and src may be the same.
func (c *converter) from16(dst, src []uint16) error {
	if c.logits {
		kernel.F16ToF32(c.singles, src)
		return c.from32(dst, c.singles)
	}
	copy(dst, src)
	return c.check(dst, func(i int) float64 {
		kernel.F16ToF32(c.singles[:1], dst[i:i+1])
		return float64(c.singles[0])
	})
}

// from32 converts a row of float32.
func (c *converter) from32(dst []uint16, src []float32) error {
	if c.logits {
		for i, v := range src {
			c.doubles[i] = float64(v)
		}
		return c.from64(dst, c.doubles)
	}
	kernel.F16FromF32(dst, src)
	return c.check(dst, func(i int) float64 { return float64(src[i]) })
}

// from64 converts a row of float64. It overwrites src where it applies softmax.
func (c *converter) from64(dst []uint16, src []float64) error {
	if c.logits {
		if err := softmax(src); err != nil {
			return err
		}
	}
	for i, v := range src {
		c.singles[i] = roundToOdd(v)
	}
	kernel.F16FromF32(dst, c.singles)
	return c.check(dst, func(i int) float64 { return src[i] })
}

// check makes sure that a converted row is probabilities that sum to 1, and
// turns -0 into 0. source gives the value before conversion, for the message.
func (c *converter) check(row []uint16, source func(class int) float64) error {
	for i, h := range row {
		if h <= oneBits {
			continue
		}
		if h == 0x8000 {
			row[i] = 0
			continue
		}
		switch v := source(i); {
		case math.IsNaN(v) || math.IsInf(v, 0):
			return fmt.Errorf("the value of class %d is %v: %w", i, v, errNotNumber)
		case v < 0:
			return fmt.Errorf("the value of class %d is %v, below 0: %w", i, v, errNotProbs)
		default:
			return fmt.Errorf("the value of class %d is %v, above 1: %w", i, v, errNotProbs)
		}
	}
	kernel.Fixed(c.fixed, row)
	var sum int64
	for _, v := range c.fixed {
		sum += int64(v)
	}
	if d := sum - kernel.One; d < -sumTolerance || d > sumTolerance {
		return fmt.Errorf("the values sum to %.4g, not 1: %w", float64(sum)/kernel.One, errNotProbs)
	}
	return nil
}

// softmax replaces logits by probabilities. The largest logit is subtracted
// first, so that no exponential overflows.
func softmax(v []float64) error {
	largest := math.Inf(-1)
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("the logit of class %d is %v: %w", i, x, errNotNumber)
		}
		largest = max(largest, x)
	}
	sum := 0.0
	for i, x := range v {
		v[i] = math.Exp(x - largest)
		sum += v[i]
	}
	for i := range v {
		v[i] /= sum
	}
	return nil
}

// roundToOdd rounds float64 to float32 so that rounding the result to float16
// gives what rounding the float64 itself would: an inexact result gets an odd
// last bit, and so never looks like a tie or like an exact value.
func roundToOdd(v float64) float32 {
	f := float32(v)
	if float64(f) == v || math.IsNaN(v) || math.IsInf(float64(f), 0) {
		return f
	}
	b := math.Float32bits(f)
	if b&1 == 0 {
		// f is one of v's two neighbours; the other one is odd.
		if (float64(f) > v) == (v > 0) {
			b--
		} else {
			b++
		}
	}
	return math.Float32frombits(b)
}
