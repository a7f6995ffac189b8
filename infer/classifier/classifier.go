// Package classifier makes probabilities of classes out of pixels: a model's file, how an
// image is made into its input, and what its outputs are.
package classifier

import (
	"errors"
	"fmt"
	"slices"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// A Classifier is a loaded model and how it is run. It is used from one goroutine at a
// time, and must be closed.
type Classifier struct {
	*torch.Model
	Head    Outputs
	Width   int // of a row of the model's outputs; that of the classes, if nothing else is said
	Classes int

	input     imaging.Preprocessing
	mean, std [3]float32

	// What is kept between batches.
	raw, narrow []float32
	wide, sums  []float64
	own         []uint16
}

// Load loads the model in a file. The recipe's Outputs, Head, may be set later: until then
// the model's outputs are taken for logits, one a class.
func Load(shim *torch.Shim, path, device string, r Recipe, classes int) (*Classifier, error) {
	precision, err := torch.ParsePrecision(r.Precision)
	if err != nil {
		return nil, err
	}
	m, err := shim.Load(path, device, precision, classes)
	if err != nil {
		return nil, err
	}
	return Of(m, r, classes)
}

// Of makes a classifier of a loaded model, which it closes. For the recipe see [Load].
func Of(m *torch.Model, r Recipe, classes int) (_ *Classifier, err error) {
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	c := &Classifier{Model: m, Head: r.Outputs, Width: classes, Classes: classes}
	if c.Head.Activation == "" {
		c.Head.Activation = Softmax
	}
	if r.Outputs.ClassMap != nil {
		c.Width = len(r.Outputs.ClassMap)
	}
	if c.input, err = r.Input.Preprocessing(); err != nil {
		return nil, err
	}
	if c.mean, c.std, err = r.Input.Normalization(); err != nil {
		return nil, err
	}
	return c, nil
}

// A RowError is what is wrong with the output for one image of a batch.
type RowError struct {
	Row int
	Err error
}

func (e *RowError) Error() string { return e.Err.Error() }
func (e *RowError) Unwrap() error { return e.Err }

var errNotANumber = errors.New("its output is not a number")

// Classify runs n images, [n][height][width][3], and fills probs, [n][classes], with
// float16 bits. The error is a RowError if it is that of one image.
func (c *Classifier) Classify(pixels []byte, n int, probs []uint16) error {
	if c.Head.Activation == Softmax && c.Head.ClassMap == nil {
		if err := c.Run(pixels, n, c.input.Height, c.input.Width, c.mean, c.std, probs); err != nil {
			return err
		}
		for i, v := range probs {
			if v&0x7FFF > 0x7C00 {
				return &RowError{i / c.Classes, errNotANumber}
			}
		}
	} else if err := c.classifyRaw(pixels, n, probs); err != nil {
		return err
	}
	c.reorder(probs)
	return nil
}

// classifyRaw makes probabilities of what the model itself returns.
func (c *Classifier) classifyRaw(pixels []byte, n int, probs []uint16) error {
	c.raw = sized(c.raw, n*c.Width)
	rows, width, err := c.Raw(pixels, n, c.raw)
	if err != nil {
		return err
	}
	if width != c.Width {
		return fmt.Errorf("%w: it gives %d numbers an image, and %d were expected", torch.ErrBadOutput, width, c.Width)
	}
	for i := range n {
		row := rows[i*width:][:width]
		if slices.ContainsFunc(row, func(v float32) bool { return v != v }) {
			return &RowError{i, errNotANumber}
		}
		if row, err = c.probabilities(row); err != nil {
			return &RowError{i, err}
		}
		if err := outputs.RoundRow(probs[i*c.Classes:][:c.Classes], row); err != nil {
			return &RowError{i, err}
		}
	}
	return nil
}

// Raw runs n images and returns what the model itself returns, n rows in room if that is
// large enough, and the width of a row.
func (c *Classifier) Raw(pixels []byte, n int, room []float32) (rows []float32, width int, err error) {
	return c.Outputs(pixels, n, c.input.Height, c.input.Width, c.mean, c.std, room, outputs.MaxClasses)
}

// probabilities makes those of the classes of one row of outputs, which it may change. They
// are there until it is called again.
func (c *Classifier) probabilities(row []float32) ([]float32, error) {
	o := c.Head
	if o.ClassMap == nil || o.Activation != Softmax {
		if err := o.Activation.Apply(row); err != nil {
			return nil, err
		}
	}
	if o.ClassMap == nil {
		return row, nil
	}
	c.wide, c.sums, c.narrow = sized(c.wide, len(row)), sized(c.sums, c.Classes), sized(c.narrow, c.Classes)
	for i, v := range row {
		c.wide[i] = float64(v)
	}
	if o.Activation == Softmax {
		o.ClassMap.Softmax(c.wide)
	}
	if err := o.ClassMap.Sum(c.sums, c.wide); err != nil {
		return nil, err
	}
	for i, v := range c.sums {
		c.narrow[i] = float32(v)
	}
	return c.narrow, nil
}

// sized returns room for n numbers, that of before if it is enough.
func sized[T any](room []T, n int) []T { return slices.Grow(room[:0], n)[:n] }

// reorder puts rows into the order of the classes.
func (c *Classifier) reorder(probs []uint16) {
	if c.Head.Order == nil {
		return
	}
	c.own = sized(c.own, c.Classes)
	for row := range slices.Chunk(probs, c.Classes) {
		copy(c.own, row)
		for class, output := range c.Head.Order {
			row[class] = c.own[output]
		}
	}
}
