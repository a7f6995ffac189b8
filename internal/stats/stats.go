// Package stats has intervals and tests of accuracies counted on samples.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Wilson returns Wilson's score interval for a share of which hits of n samples
// were counted (Wilson: Probable inference, the law of succession, and statistical
// inference, 1927). level is its coverage, 0.95 for 95 %, which it keeps well
// even near 0 and 1. Without samples it is all of [0, 1].
func Wilson(hits, n int, level float64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	return wilson(float64(hits)/float64(n), float64(n), level)
}

func wilson(share, samples, level float64) (low, high float64) {
	z := distuv.UnitNormal.Quantile((1 + level) / 2)
	middle := share + z*z/(2*samples)
	half := z * math.Sqrt(share*(1-share)/samples+z*z/(4*samples*samples))
	scale := 1 + z*z/samples
	// Rounding may leave the share itself, if it is 0 or 1, a little outside.
	return max(0, min(share, (middle-half)/scale)), min(1, max(share, (middle+half)/scale))
}

// OnOthers returns an interval for the share counted on n other samples if it is expected
// to be share after n samples were seen. Both counts vary, and so does what selection added
// to the first: it is as wide as Wilson's interval for 0.3 n samples, where exact knowledge
// of the last would leave 0.5.
func OnOthers(share float64, n int, level float64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	low, high = wilson(share, 0.3*float64(n), level)
	return min(low, share), max(high, share)
}

// Pairs counts how two classifiers do on the same samples.
type Pairs struct {
	Samples    int
	OnlyFirst  int // samples on which only the first is correct
	OnlySecond int
}

// Difference returns by how much the first is more accurate than the second.
func (p Pairs) Difference() float64 {
	return float64(p.OnlyFirst-p.OnlySecond) / float64(p.Samples)
}

// Bootstrap returns the percentile interval of the difference over so many
// resamples (Efron: Bootstrap methods, 1979). The samples are resampled, each with
// both predictions, so that what is hard for both does not count.
// The same seed gives the same interval.
func (p Pairs) Bootstrap(resamples int, level float64, seed uint64) (low, high float64) {
	// Drawing samples with replacement and counting the two kinds that matter is
	// drawing the two counts from a multinomial distribution.
	source := rand.NewPCG(seed, 0)
	n := float64(p.Samples)
	draw := func(of, share float64) float64 {
		if of == 0 || share == 0 {
			return 0
		}
		return distuv.Binomial{N: of, P: min(1, share), Src: source}.Rand()
	}
	differences := make([]float64, resamples)
	for i := range differences {
		first := draw(n, float64(p.OnlyFirst)/n)
		second := 0.0
		if p.OnlySecond > 0 {
			second = draw(n-first, float64(p.OnlySecond)/float64(p.Samples-p.OnlyFirst))
		}
		differences[i] = (first - second) / n
	}
	slices.Sort(differences)
	return stat.Quantile((1-level)/2, stat.Empirical, differences, nil),
		stat.Quantile((1+level)/2, stat.Empirical, differences, nil)
}

// McNemar returns the two-sided p-value of McNemar's test in its exact form: how
// likely the samples on which only one is correct would be divided at least as
// unevenly if both classifiers were equally good.
func (p Pairs) McNemar() float64 {
	n := p.OnlyFirst + p.OnlySecond
	if n == 0 {
		return 1
	}
	tail := distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(p.OnlyFirst, p.OnlySecond)))
	return min(1, 2*tail)
}
