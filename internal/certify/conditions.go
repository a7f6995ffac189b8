package certify

import (
	"math"

	"github.com/encas-zoo/encas-zoo/internal/stats"
)

// notWorse is an accuracy that is not less than the model's by a margin, a share.
type notWorse struct{ margin float64 }

// score is infinite for a cascade that never differs from the model, if there is a margin.
func (c notWorse) score(f Figures) float64 {
	n, d := float64(f.Samples), f.Difference()
	if d+c.margin == 0 {
		return 0
	}
	variance := (float64(f.OnlyFirst+f.OnlySecond)/n - d*d) / n
	return (d + c.margin) / math.Sqrt(max(0, variance))
}

func (c notWorse) p(f Figures) float64 { return f.NotWorse(c.margin) }

// fewErrors is a share of wrong answers below a bound.
type fewErrors struct{ bound float64 }

func (c fewErrors) score(f Figures) float64 {
	return shareScore(f.Samples-f.Correct, f.Samples, c.bound)
}

func (c fewErrors) p(f Figures) float64 {
	return stats.BinomialTail(f.Samples-f.Correct, f.Samples, c.bound)
}

// everyClass is an accuracy above a bound in every class.
type everyClass struct{ bound float64 }

func (c everyClass) score(f Figures) float64 {
	lowest := math.Inf(1)
	for _, class := range f.Classes {
		if class.Samples == 0 {
			return math.Inf(-1)
		}
		lowest = min(lowest, shareScore(class.Samples-class.Correct, class.Samples, 1-c.bound))
	}
	return lowest
}

func (c everyClass) p(f Figures) float64 {
	largest := 0.0
	for _, class := range f.Classes {
		if class.Samples == 0 {
			return 1
		}
		largest = max(largest, stats.BinomialTail(class.Samples-class.Correct, class.Samples, 1-c.bound))
	}
	return largest
}

// costBelow is a mean cost below a bound. No sample costs more than all stages together, so
// a bound above that needs no test.
type costBelow struct{ bound float64 }

func (c costBelow) score(f Figures) float64 {
	if f.WorstCost <= c.bound {
		return math.Inf(1)
	}
	return stats.HoeffdingScore(f.Cost/f.WorstCost, f.Samples, c.bound/f.WorstCost)
}

func (c costBelow) p(f Figures) float64 {
	if f.WorstCost <= c.bound {
		return 0
	}
	return stats.HoeffdingBentkus(f.Cost/f.WorstCost, f.Samples, c.bound/f.WorstCost)
}

// shareScore returns by how many of its standard errors a share, of which hits of n
// samples were counted, would be below bound if it were the bound.
func shareScore(hits, n int, bound float64) float64 {
	return (bound - float64(hits)/float64(n)) / math.Sqrt(bound*(1-bound)/float64(n))
}
