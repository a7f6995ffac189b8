package cascade

import "fmt"

// Dense evaluates cascades on full outputs in memory, exactly as defined. It is the
// reference for every faster implementation, and written for clarity, not for speed.
type Dense struct {
	Classes int
	Labels  []uint16             // of the N samples
	Costs   map[string]float64   // of each model
	Outputs map[string][]float32 // of each model, N rows of Classes values
}

// Evaluate runs the cascade on every sample. Sums are float64: exact for
// outputs that were float16 and for up to 255 members. Measures of confidence
// other than [MaxProbability] are for such outputs alone.
func (d *Dense) Evaluate(c Cascade) (Evaluation, error) {
	if err := c.Validate(); err != nil {
		return Evaluation{}, err
	}
	n := len(d.Labels)
	costs := make([]float64, len(c.Stages))
	for stage, s := range c.Stages {
		if outputs := d.Outputs[s.Model]; len(outputs) != n*d.Classes {
			return Evaluation{}, fmt.Errorf("model %q has %d outputs instead of %d x %d", s.Model, len(outputs), n, d.Classes)
		}
		costs[stage] = d.Costs[s.Model]
	}
	reach := make([]int, len(c.Stages))
	correct := 0
	sum := make([]float64, d.Classes)
	for i, label := range d.Labels {
		clear(sum)
		weight := 0.0
		for stage, s := range c.Stages {
			reach[stage]++
			w := float64(s.Weight)
			if c.Rule == RuleLast {
				clear(sum)
				weight, w = 0, 1
			}
			weight += w
			d.add(sum, w, s.Model, i, c.Rule)
			prediction, confidence := largest(sum)
			if c.Confidence != MaxProbability {
				confidence = d.measure(c.Confidence, sum, weight)
			}
			if stage == len(c.Stages)-1 || confidence > weight*float64(s.Threshold) {
				if prediction == int(label) {
					correct++
				}
				break
			}
		}
	}
	return NewEvaluation(costs, correct, reach, n), nil
}

// add adds a model's output on sample i, or its vote, to sums.
func (d *Dense) add(sum []float64, weight float64, model string, i int, rule Rule) {
	row := d.Outputs[model][i*d.Classes : (i+1)*d.Classes]
	if rule == RuleVote {
		answer, _ := largest(row)
		sum[answer] += weight
		return
	}
	for class, p := range row {
		sum[class] += weight * float64(p)
	}
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
func largest[T float32 | float64](values []T) (class int, value T) {
	for c, v := range values {
		if c == 0 || v > value {
			class, value = c, v
		}
	}
	return class, value
}
