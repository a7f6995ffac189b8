package importer

import (
	"errors"
	"fmt"
	"math"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

const (
	fixOutput  = "fix the model's output and save it again"
	needsProbs = "rows must be probabilities; if these are logits, import with --logits"
)

// A converter turns rows of a source into valid float16 probabilities. Its
// buffers are reused from row to row.
type converter struct {
	logits  bool
	singles []float32
	doubles []float64
}

func newConverter(classes int, logits bool) *converter {
	return &converter{logits: logits, singles: make([]float32, classes), doubles: make([]float64, classes)}
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

// from64 converts a row of float64. It overwrites src if it applies softmax.
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

// check makes sure that a converted row is a valid output, and turns -0 into 0.
// source gives the value before conversion, for the message.
func (c *converter) check(row []uint16, source func(class int) float64) error {
	outputs.ClearNegativeZeros(row)
	err := outputs.CheckRow(row)
	if err == nil {
		return nil
	}
	hint := needsProbs
	if bad := (*outputs.ValueError)(nil); errors.As(err, &bad) {
		bad.Value = source(bad.Class)
		if math.IsNaN(bad.Value) || math.IsInf(bad.Value, 0) {
			hint = fixOutput
		}
	}
	return fmt.Errorf("%w: %s", err, hint)
}

// softmax replaces logits by probabilities. The largest logit is subtracted
// first, so that no exponential overflows.
func softmax(v []float64) error {
	largest := math.Inf(-1)
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("the logit of class %d is %v: %s", i, x, fixOutput)
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
