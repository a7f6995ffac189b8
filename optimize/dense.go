package optimize

import "fmt"

// An Evaluation is what a cascade does on a split.
type Evaluation struct {
	Correct   int     // samples answered right
	Reach     []int   // samples that reach each stage
	Cost      float64 // mean cost of a sample
	WorstCost float64 // cost of a sample that reaches the last stage
}

// Dense evaluates cascades on full outputs held in memory, word for word as the
// definition has it. It is the referee for every faster form and is written to
// be read, not to be quick.
type Dense struct {
	Classes int
	Labels  []uint16    // of the N samples
	Costs   []float64   // of the M models
	Outputs [][]float32 // for each model N rows of Classes values
}

// Evaluate runs the cascade on every sample. Sums are float64: exact for
// outputs that were float16 and for up to 255 members. Measures of confidence
// other than [MaxProbability] are for such outputs alone.
func (d *Dense) Evaluate(c Cascade) (Evaluation, error) {
	if err := c.Validate(len(d.Outputs)); err != nil {
		return Evaluation{}, err
	}
	n := len(d.Labels)
	for m, outputs := range d.Outputs {
		if len(outputs) != n*d.Classes {
			return Evaluation{}, fmt.Errorf("model %d has %d outputs instead of %d x %d", m, len(outputs), n, d.Classes)
		}
	}
	reach := make([]int, len(c.Models))
	correct := 0
	sum := make([]float64, d.Classes)
	for i, label := range d.Labels {
		clear(sum)
		weight := 0.0
		for stage, m := range c.Models {
			reach[stage]++
			w := float64(c.Weight(stage))
			if c.Rule == RuleLast {
				clear(sum)
				weight, w = 0, 1
			}
			weight += w
			for class, p := range d.Outputs[m][i*d.Classes : (i+1)*d.Classes] {
				sum[class] += w * float64(p)
			}
			prediction, confidence := largest(sum)
			if c.Confidence != MaxProbability {
				confidence = d.measure(c.Confidence, sum, weight)
			}
			if stage == len(c.Models)-1 || confidence > weight*float64(c.Thresholds[stage]) {
				if prediction == int(label) {
					correct++
				}
				break
			}
		}
	}
	return newEvaluation(c, d.Costs, correct, reach, n), nil
}

// measure returns the confidence of sums, times the weight.
func (d *Dense) measure(c Confidence, sum []float64, weight float64) float64 {
	fixed := make([]uint32, len(sum))
	for class, s := range sum {
		fixed[class] = uint32(s * one)
	}
	return float64(c.dense(fixed, uint32(weight), make([]uint32, len(sum)))) / one
}

// largest returns the class of the largest value, the lowest such class on a
// tie, and the value.
func largest(sum []float64) (class int, value float64) {
	for c, v := range sum {
		if c == 0 || v > value {
			class, value = c, v
		}
	}
	return class, value
}

// newEvaluation prices a cascade that so many of n samples reach each stage of.
func newEvaluation(c Cascade, costs []float64, correct int, reach []int, n int) Evaluation {
	e := Evaluation{Correct: correct, Reach: reach}
	total := 0.0
	for stage, m := range c.Models {
		// The conversion keeps product and sum apart on processors that would
		// round them at once: costs are the same everywhere.
		total += float64(costs[m] * float64(reach[stage]))
		e.WorstCost += costs[m]
	}
	e.Cost = total / float64(n)
	return e
}
