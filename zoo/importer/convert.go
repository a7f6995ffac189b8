package importer

import (
	"errors"
	"fmt"
	"math"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

const fixOutput = "fix the model's output and save it again"

// fixFor is what to do with a value that is not finite.
func fixFor(v float64) string {
	if math.IsInf(v, -1) {
		return "if these are logarithms of probabilities, of which that of 0 is -Inf, import with --activation log; else " + fixOutput
	}
	return fixOutput
}

// sumNoise is how far from 1 the sum of probabilities in float32 is for rounding alone.
// Rows further away, such as those that were rounded to a few digits, are divided by
// their sum.
const sumNoise = 2e-5

// sumTolerance is how far from 1 the sum of probabilities may be.
const sumTolerance = 0.01 + 1e-6 // of binary fractions

// A converter turns rows of a source into valid float16 probabilities. Its
// buffers are reused from row to row.
type converter struct {
	activation Activation
	scale      float64  // that values are divided by first; 0: by nothing
	classes    ClassMap // of the outputs; nil: the outputs are the classes
	singles    []float32
	doubles    []float64 // by class
	values     []float64 // by output

	rounded         int // rows that were divided by their sum
	smallest, large float64
}

func newConverter(classes int, activation Activation) *converter {
	return &converter{activation: activation, singles: make([]float32, classes), doubles: make([]float64, classes), smallest: 1, large: 1}
}

// plain reports whether float16 probabilities need no conversion.
func (c *converter) plain() bool {
	return (c.activation == Unsaid || c.activation == NoActivation) && c.scale == 0 && c.classes == nil
}

// from16 takes a row of float16 bits as it is. If it is not valid, values has what it is.
func (c *converter) from16(row []uint16, values []float64) error {
	err := c.check(row, func(i int) float64 {
		kernel.F16ToF32(c.singles[:1], row[i:i+1])
		return float64(c.singles[0])
	})
	if err != nil {
		kernel.F16ToF32(c.singles, row)
		for i, v := range c.singles {
			values[i] = float64(v)
		}
	}
	return err
}

// from32 converts the row of float32 in singles, which is left in values too.
func (c *converter) from32(dst []uint16, values []float64) error {
	total := 0.0
	for i, v := range c.singles {
		values[i] = float64(v)
		total += values[i]
	}
	if math.Abs(total-1) <= sumNoise {
		kernel.F16FromF32(dst, c.singles)
		outputs.ClearNegativeZeros(dst)
		if outputs.CheckRow(dst) == nil {
			return nil
		}
	}
	return c.from64(dst, values)
}

// from64 converts a row of float64. A single value is about class 1 of two.
func (c *converter) from64(dst []uint16, src []float64) error {
	if err := finite(src, c.activation); err != nil {
		return err
	}
	src = append(c.values[:0], src...)
	c.values = src
	if c.scale != 0 {
		for i, v := range src {
			src[i] = v / c.scale
		}
	}
	src = c.activate(src)
	if err := c.normalise(src); err != nil {
		return err
	}
	if c.classes != nil {
		if err := c.classes.Sum(c.doubles[:len(dst)], src); err != nil {
			return err
		}
		src = c.doubles[:len(dst)]
	}
	for i, v := range src {
		c.singles[i] = roundToOdd(min(max(v, 0), 1))
	}
	kernel.F16FromF32(dst, c.singles)
	return c.check(dst, func(i int) float64 { return src[i] })
}

// finite refuses values that are no numbers. The logarithm of 0 may be -Inf.
func finite(row []float64, a Activation) error {
	for i, v := range row {
		if math.IsNaN(v) || math.IsInf(v, 1) || math.IsInf(v, -1) && a != LogActivation {
			return fmt.Errorf("%w: %s", &outputs.ValueError{Class: i, Value: v}, fixFor(v))
		}
	}
	return nil
}

// activate makes probabilities of a row.
func (c *converter) activate(v []float64) []float64 {
	if len(v) == 1 {
		p := v[0]
		switch c.activation {
		case Softmax, Sigmoid:
			p = sigmoid(p)
		case LogActivation:
			p = math.Exp(p)
		}
		c.doubles[0], c.doubles[1] = 1-p, p
		return c.doubles[:2]
	}
	switch c.activation {
	case Softmax:
		if c.classes != nil {
			c.classes.Softmax(v)
		} else {
			outputs.Softmax(v)
		}
	case LogActivation:
		for i, x := range v {
			v[i] = math.Exp(x)
		}
	case Sigmoid:
		for i, x := range v {
			v[i] = sigmoid(x)
		}
		divide(v)
	case independent:
		divide(v)
	}
	return v
}

// normalise checks that a row is of probabilities, and divides those that do not sum to
// 1 because they were rounded.
func (c *converter) normalise(v []float64) error {
	total := 0.0
	for i, p := range v {
		// What rounds to a float16 in [0, 1] is in it.
		if p < -1.0/(1<<26) || p > 1+1.0/(1<<12) {
			return &outputs.ValueError{Class: i, Value: p}
		}
		total += p
	}
	switch off := math.Abs(total - 1); {
	case !(off <= sumTolerance):
		return fmt.Errorf("the values sum to %.6g, not 1", total)
	case off > sumNoise:
		c.rounded++
		c.smallest, c.large = min(c.smallest, total), max(c.large, total)
		divide(v)
	}
	return nil
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// divide divides a row by its sum, if that is not 0.
func divide(v []float64) {
	total := 0.0
	for _, x := range v {
		total += x
	}
	if total == 0 {
		return
	}
	for i := range v {
		v[i] /= total
	}
}

// check makes sure that a converted row is a valid output, and turns -0 into 0.
// source gives the value before conversion, for the message.
func (c *converter) check(row []uint16, source func(class int) float64) error {
	outputs.ClearNegativeZeros(row)
	err := outputs.CheckRow(row)
	if bad := (*outputs.ValueError)(nil); errors.As(err, &bad) {
		bad.Value = source(bad.Class)
		if math.IsNaN(bad.Value) || math.IsInf(bad.Value, 0) {
			return fmt.Errorf("%w: %s", err, fixFor(bad.Value))
		}
	}
	return err
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
