package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// An Activation is what is still to be done with a model's outputs to make them
// probabilities.
type Activation string

// The activations of a list. An empty one is found out from the first batch.
const (
	Softmax Activation = "softmax" // they are logits
	None    Activation = "none"    // they are probabilities
	Log     Activation = "log"     // they are logarithms of probabilities
	// Sigmoid: each class has a yes or no of its own. Outputs in [0, 1] are taken as the
	// probabilities of yes, others go through a sigmoid; then a row is divided by its sum.
	Sigmoid Activation = "sigmoid"
)

// normalized is Sigmoid for outputs that have been through it.
const normalized Activation = "sigmoid, applied by the model"

// ParseActivation reads softmax, sigmoid, none or log.
func ParseActivation(s string) (Activation, error) {
	if a := Activation(s); slices.Contains([]Activation{Softmax, Sigmoid, None, Log}, a) {
		return a, nil
	}
	return "", fmt.Errorf("want softmax, sigmoid, none or log")
}

// column is what the zoo keeps of an activation: nothing of softmax.
func (a Activation) column() string {
	switch a {
	case Softmax:
		return ""
	case normalized:
		return string(Sigmoid)
	}
	return string(a)
}

// sumTolerance is how far the sum of probabilities may be from 1: with nothing said, that
// rows are probabilities is believed of float32's rounding alone.
const (
	sumTolerance = 1e-3
	saidSum      = 1e-2
)

// rowsLook says what rows of outputs have in common.
type rowsLook struct {
	flat   bool    // each is one number over and over, which tells nothing
	unit   bool    // all are in [0, 1]
	least  float64 // the smallest and the largest sum of a row,
	most   float64
	logSum float64 // and the largest distance of a row's log-sum-exp from 0
}

func look(rows []float32, classes int) rowsLook {
	l := rowsLook{flat: true, unit: true, least: math.Inf(1), most: math.Inf(-1)}
	for row := range slices.Chunk(rows, classes) {
		sum, exps := 0.0, 0.0
		for _, v := range row {
			l.flat = l.flat && v == row[0]
			l.unit = l.unit && v >= 0 && v <= 1
			sum += float64(v)
			exps += math.Exp(float64(v))
		}
		l.least, l.most = min(l.least, sum), max(l.most, sum)
		l.logSum = max(l.logSum, math.Abs(math.Log(exps)))
	}
	return l
}

// sums reports whether all rows sum to x, but for a part of it.
func (l rowsLook) sums(x, tolerance float64) bool {
	return l.least >= x*(1-tolerance) && l.most <= x*(1+tolerance)
}

// activation decides from the outputs of a first batch what is to be done with a model's
// outputs, where nothing was said about it, or checks what was. Logits are on both sides
// of 0 and have any sum: rows that are all in [0, 1] are none, unless the list says so,
// and rows that also sum to 1 are probabilities.
func activation(said Activation, rows []float32, classes int) (Activation, error) {
	l := look(rows, classes)
	if math.IsNaN(l.least + l.most) {
		return cmp.Or(said, Softmax), nil // which is refused with the name of the image
	}
	probabilities := l.unit && l.sums(1, sumTolerance)
	switch {
	case said == "" && l.flat:
		return Softmax, nil
	case said == "" && probabilities:
		return None, nil
	case said == "" && l.unit && l.sums(1, saidSum):
		return "", fmt.Errorf("its outputs are between 0 and 1 and sum to %s an image: they look like coarsely rounded probabilities; write activation=none in its line to store each row divided by its sum", l.sum())
	case said == "" && l.unit:
		return "", fmt.Errorf("its outputs are between 0 and 1 and sum to %s an image, as after a sigmoid, and softmax must not follow; "+
			"write activation=sigmoid in its line to store each row divided by its sum, or activation=softmax if they are logits all the same", l.sum())
	case said == "" && l.least > 0 && nonNegative(rows) && l.sums(100, sumTolerance):
		return "", fmt.Errorf("its outputs are not negative and sum to 100 an image: they look like percents; let the model divide them by 100, or write activation=softmax in its line if they are logits")
	case said == "":
		return Softmax, nil
	case said == Softmax && probabilities && !l.flat:
		return "", fmt.Errorf("activation=softmax means that softmax is still to be applied, and its outputs are probabilities already (not negative, with the sum 1); write activation=none in its line")
	case said == None && !(l.unit && l.sums(1, saidSum)):
		return "", fmt.Errorf("activation=none means that its outputs are probabilities, and they are %s; %s", l.words(rows), otherwise(l))
	case said == Log && !(l.logSum <= saidSum):
		return "", fmt.Errorf("activation=log means that its outputs are logarithms of probabilities, and the probabilities of an image do not sum to 1 (they are %s); %s", l.words(rows), otherwise(l))
	case said == Sigmoid && l.unit:
		return normalized, nil
	}
	return said, nil
}

// otherwise is the activation that would do.
func otherwise(l rowsLook) string {
	if l.unit {
		return "activation=sigmoid divides each row by its sum"
	}
	return "activation=softmax takes logits"
}

func nonNegative(rows []float32) bool {
	return !slices.ContainsFunc(rows, func(v float32) bool { return v < 0 })
}

// words tell the range of the outputs and their sums.
func (l rowsLook) words(rows []float32) string {
	return fmt.Sprintf("between %.3g and %.3g and sum to %s an image", slices.Min(rows), slices.Max(rows), l.sum())
}

func (l rowsLook) sum() string {
	least, most := fmt.Sprintf("%.3g", l.least), fmt.Sprintf("%.3g", l.most)
	if least == most {
		return least
	}
	return least + " to " + most
}

// probabilities turns one row of outputs into probabilities, in place. The error says
// what contradicts the activation.
func (a Activation) probabilities(row []float32) error {
	sum := 0.0
	for i, v := range row {
		switch {
		case a == Log:
			row[i] = float32(math.Exp(float64(v)))
		case a == Sigmoid:
			row[i] = float32(1 / (1 + math.Exp(-float64(v))))
		case v < 0 || v > 1:
			return fmt.Errorf("its output for class %d is %v, and those for the first images were between 0 and 1; write activation=softmax in its line if they are logits", i, v)
		}
		sum += float64(row[i])
	}
	if (a == None || a == Log) && math.Abs(sum-1) > saidSum {
		return fmt.Errorf("its probabilities sum to %.4g and not to 1, as those of the first images did; write activation=sigmoid in its line to store each row divided by its sum", sum)
	}
	if !(sum > 0) {
		return errors.New("its probabilities are all 0")
	}
	for i := range row {
		row[i] = float32(float64(row[i]) / sum)
	}
	return nil
}

// A rowError is what is wrong with one row of a batch.
type rowError struct {
	row int
	error
}

// probabilities runs n images and fills probs with what a model gives for each.
func (r *runner) probabilities(m *running, pixels []byte, n int, probs []uint16) error {
	p := m.planned
	if m.activation == Softmax && m.classMap == nil {
		return m.model.Run(pixels, n, p.setting.Height, p.setting.Width, p.mean, p.std, probs)
	}
	if len(r.raw) < n*m.width {
		r.raw = make([]float32, r.o.Batch*m.width)
	}
	rows, width, err := r.outputs(m, pixels, r.raw[:n*m.width])
	if err != nil {
		return err
	}
	if width != m.width {
		return fmt.Errorf("%w: it gives %s, and gave %d before", torch.ErrBadOutput, numbers(width), m.width)
	}
	for i := range n {
		row := rows[i*width:][:width]
		if slices.ContainsFunc(row, func(v float32) bool { return v != v }) {
			return &rowError{i, errors.New("its output is not a number")}
		}
		if m.classMap != nil {
			row, err = m.toClasses(row, r.classes)
		} else {
			err = m.activation.probabilities(row)
		}
		if err != nil {
			return &rowError{i, err}
		}
		if err := zoo.RoundRow(probs[i*r.classes:][:r.classes], row); err != nil {
			return &rowError{i, err}
		}
	}
	return nil
}
