package calibrate

import (
	"math"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// bins is the number of bins of the expected calibration error, as in Guo et al.
const bins = 15

// A Reliability compares how often a model is correct with how confident it is: it has
// the samples by their confidence, the largest probability, in 15 bins of equal width.
type Reliability struct {
	n, right   [bins]int
	confidence [bins]float64
}

// Add adds the output on a sample, float16 bits, and its label.
func (r *Reliability) Add(row []uint16, label uint16) {
	top := outputs.Top(row)
	r.AddAnswer(row[top], top == int(label))
}

// AddAnswer adds an answer: its confidence, float16 bits, and whether it is correct.
func (r *Reliability) AddAnswer(confidence uint16, correct bool) {
	var c [1]float32
	kernel.F16ToF32(c[:], []uint16{confidence})
	// Bin b is ((b-1)/15, b/15].
	b := max(0, int(math.Ceil(float64(c[0])*bins))-1)
	r.n[b]++
	r.confidence[b] += float64(c[0])
	if correct {
		r.right[b]++
	}
}

// Error returns the expected calibration error: the difference between the mean
// confidence of a bin and its share of correct answers, averaged over the samples.
// Without samples it is 0.
func (r *Reliability) Error() float64 {
	var sum float64
	n := 0
	for b := range r.n {
		sum += math.Abs(float64(r.right[b]) - r.confidence[b])
		n += r.n[b]
	}
	return sum / float64(max(n, 1))
}
