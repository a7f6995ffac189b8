package outputs

import (
	"errors"
	"math"
)

// A ClassMap holds the class of each output, -1 for an output that is none. Several
// outputs may be one class.
type ClassMap []int32

// Softmax replaces logits by probabilities. Outputs that are no class have no part in it,
// and get 0.
func (m ClassMap) Softmax(row []float64) {
	for i := range row {
		if m[i] < 0 {
			row[i] = math.Inf(-1)
		}
	}
	Softmax(row)
}

// Sum fills dst with the probability of each class, the sum of those of its outputs. If
// some outputs are no class the rest is divided by what it sums to.
func (m ClassMap) Sum(dst, row []float64) error {
	clear(dst)
	total, dropped := 0.0, false
	for i, p := range row {
		if m[i] < 0 {
			dropped = true
			continue
		}
		dst[m[i]] += p
		total += p
	}
	if !dropped {
		return nil
	}
	if total == 0 {
		return errors.New("all of the probability is on outputs that are no class")
	}
	for i := range dst {
		dst[i] /= total
	}
	return nil
}

// LeftOut is how many outputs are no class.
func (m ClassMap) LeftOut() int {
	n := 0
	for _, class := range m {
		if class < 0 {
			n++
		}
	}
	return n
}

// Without is how many of so many classes have no output.
func (m ClassMap) Without(classes int) int {
	has := map[int32]bool{}
	for _, class := range m {
		if class >= 0 {
			has[class] = true
		}
	}
	return classes - len(has)
}

// Softmax replaces logits by probabilities. The largest logit is subtracted
// first, so that no exponential overflows.
func Softmax(v []float64) {
	largest := math.Inf(-1)
	for _, x := range v {
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
}
