package optimize

import (
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// snap returns the cascade of a plan with every threshold moved into the middle of the gap
// around it: between the largest confidence of a sample that goes on and the smallest of
// one that exits. On the split searched nothing changes; on other samples such a threshold
// is less arbitrary than a grid value next to a sample. A threshold that every sample, or
// none, exceeds stays.
func (w *worker) snap(p plan) cascade.Cascade {
	c := w.eval.cascade(p)
	alive := make([]int32, w.eval.samples())
	for i := range alive {
		alive[i] = int32(i)
	}
	for stage, g := range p.exits {
		weight := w.sum(w.eval.set(nil, p, stage))
		cut := w.eval.cuts(weight)[g]
		around := newGaps(1)[0]
		next := alive[:0]
		for _, i := range alive {
			if !around.add(w.best[i], w.best[i] > cut) {
				next = append(next, i)
			}
		}
		if middle, ok := around.middle(weight); ok {
			c.Stages[stage].Threshold = middle
		}
		alive = next
	}
	return c
}

// A gap is between the largest confidence of a sample that goes on at a stage and the
// smallest of one that exits, in fixed point times the stage's weight.
type gap struct {
	stays int64 // the largest; -1: no sample goes on
	exits int64 // the smallest; math.MaxInt64: none exits
}

// newGaps returns n gaps around which no sample is known.
func newGaps(n int) []gap { return slices.Repeat([]gap{{-1, math.MaxInt64}}, n) }

// add takes account of a sample's confidence, and returns whether it exits.
func (g *gap) add(confidence uint32, exits bool) bool {
	if exits {
		g.exits = min(g.exits, int64(confidence))
	} else {
		g.stays = max(g.stays, int64(confidence))
	}
	return exits
}

func (g *gap) merge(other gap) {
	g.stays, g.exits = max(g.stays, other.stays), min(g.exits, other.exits)
}

// middle returns a threshold about in the middle, with no more digits than its distance to
// the samples is worth, unless no sample goes on or none exits.
func (g gap) middle(weight uint32) (threshold float32, ok bool) {
	if g.stays < 0 || g.exits == math.MaxInt64 {
		return 0, false
	}
	scale := float64(weight) * kernel.One
	stays, exits := float64(g.stays)/scale, float64(g.exits)/scale
	middle := (stays + exits) / 2
	for digits := 2; digits <= maxDigits; digits++ {
		unit := math.Pow(10, float64(digits))
		threshold = float32(math.Round(middle*unit) / unit)
		if t := float64(threshold); stays <= t && t < exits && (math.Abs(t-middle) <= (exits-stays)/4 || digits == maxDigits) {
			return threshold, true
		}
	}
	threshold = float32(middle)
	return threshold, stays <= float64(threshold) && float64(threshold) < exits
}

// maxDigits is as many as a threshold may need.
const maxDigits = 9
