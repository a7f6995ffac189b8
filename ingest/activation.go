package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
)

// sumTolerance is how far the sum of probabilities may be from 1 that nothing was said of:
// float32's rounding alone.
const sumTolerance = 1e-3

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
func activation(said classifier.Activation, rows []float32, classes int) (classifier.Activation, error) {
	l := look(rows, classes)
	if math.IsNaN(l.least + l.most) {
		return cmp.Or(said, classifier.Softmax), nil // which is refused with the name of the image
	}
	probabilities := l.unit && l.sums(1, sumTolerance)
	switch {
	case said == "" && l.flat:
		return classifier.Softmax, nil
	case said == "" && probabilities:
		return classifier.None, nil
	case said == "" && l.unit && l.sums(1, classifier.SumTolerance):
		return "", fmt.Errorf("its outputs are between 0 and 1 and sum to %s an image: they look like coarsely rounded probabilities; write activation=none in its line to store each row divided by its sum", l.sum())
	case said == "" && l.unit:
		return "", fmt.Errorf("its outputs are between 0 and 1 and sum to %s an image, as after a sigmoid, and softmax must not follow; "+
			"write activation=sigmoid in its line to store each row divided by its sum, or activation=softmax if they are logits all the same", l.sum())
	case said == "" && l.least > 0 && nonNegative(rows) && l.sums(100, sumTolerance):
		return "", fmt.Errorf("its outputs are not negative and sum to 100 an image: they look like percents; let the model divide them by 100, or write activation=softmax in its line if they are logits")
	case said == "":
		return classifier.Softmax, nil
	case said == classifier.Softmax && probabilities && !l.flat:
		return "", fmt.Errorf("activation=softmax means that softmax is still to be applied, and its outputs are probabilities already (not negative, with the sum 1); write activation=none in its line")
	case said == classifier.None && !(l.unit && l.sums(1, classifier.SumTolerance)):
		return "", fmt.Errorf("activation=none means that its outputs are probabilities, and they are %s; %s", l.words(rows), otherwise(l))
	case said == classifier.Log && !(l.logSum <= classifier.SumTolerance):
		return "", fmt.Errorf("activation=log means that its outputs are logarithms of probabilities, and the probabilities of an image do not sum to 1 (they are %s); %s", l.words(rows), otherwise(l))
	case said == classifier.Sigmoid && l.unit:
		return classifier.Normalized, nil
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

// advised adds to what is wrong with the output for an image what to write in the list, where
// that may be the cause.
func advised(err error) error {
	switch {
	case errors.Is(err, classifier.ErrNoProbability):
		return fmt.Errorf("%w; those for the first images were all between 0 and 1: write activation=softmax in its line if they are logits", err)
	case errors.Is(err, classifier.ErrSum):
		return fmt.Errorf("%w, as those of the first images did; write activation=sigmoid in its line to store each row divided by its sum", err)
	}
	return err
}
