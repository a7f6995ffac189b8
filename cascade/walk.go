package cascade

import (
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A Walk is one sample on its way through a cascade, for those that run a model only if
// the stage before does not answer. Its zero value has passed no stage. It takes 4 bytes a
// class between stages.
type Walk struct {
	sum    []uint32 // of outputs or votes so far, in fixed point
	weight uint32
	stages int // passed
}

// A Verdict is what a stage makes of a sample.
type Verdict struct {
	Class      int     // the answer
	Confidence float64 // what the threshold is compared with
	Exits      bool
}

// Passed is the number of stages that the sample has passed.
func (w *Walk) Passed() int { return w.stages }

// Step takes the sample through its next stage. row has the full output of that stage's
// model on the sample, as valid float16 bits, one a class. The cascade must be valid and the
// sample must not have exited. Verdicts are those of [Dense] and [Replay], bit for bit.
func (c Cascade) Step(w *Walk, row []uint16) Verdict {
	stage := c.Stages[w.stages]
	if w.stages == 0 {
		w.sum = make([]uint32, len(row))
	}
	w.stages++
	output := make([]uint32, len(row))
	kernel.Fixed(output, row)
	weight := uint32(stage.Weight)
	if c.Rule == RuleLast {
		clear(w.sum)
		w.weight, weight = 0, 1
	}
	w.weight += weight
	if c.Rule == RuleVote {
		w.sum[first(output)] += weight * one
	} else {
		for class, p := range output {
			w.sum[class] += weight * p
		}
	}
	answer := first(w.sum)
	confidence := w.sum[answer]
	if c.Confidence != MaxProbability {
		confidence = c.Confidence.dense(w.sum, w.weight, output)
	}
	whole := float64(w.weight) * one
	return Verdict{
		Class:      answer,
		Confidence: float64(confidence) / whole,
		Exits:      w.stages == len(c.Stages) || float64(confidence) > float64(w.weight)*float64(stage.Threshold)*one,
	}
}
