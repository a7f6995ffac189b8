package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Together returns the level at which the intervals of several accuracies, Wilson's,
// contain all true ones at once with a probability of level. hits has, by classifier,
// which of the same samples are answered correctly.
//
// The samples are weighted anew, so often, with Poisson weights of mean 1 (a bootstrap);
// the largest deviation of an accuracy from its own, in standard errors, is noted, and
// its quantile is what intervals must reach (studentised maximum; Romano, Wolf: Exact and
// approximate stepdown methods for multiple hypothesis testing, JASA 100, 2005). What
// the classifiers have in common makes it smaller than Bonferroni's. The same seed gives
// the same level.
func Together(hits [][]bool, level float64, resamples int, seed uint64) float64 {
	accuracies, errors := make([]float64, len(hits)), make([]float64, len(hits))
	for k, of := range hits {
		n, a := float64(len(of)), share(of)
		accuracies[k], errors[k] = a, math.Sqrt(a*(1-a)/n)
	}
	turns := turnsOf(hits)
	largest := make([]float64, resamples)
	random := rand.New(rand.NewPCG(seed, 0))
	weights := make([]int32, len(hits[0]))
	for r := range largest {
		total, correct := int32(0), int32(0)
		for i := range weights {
			weights[i] = poisson(random.Float64())
			total += weights[i]
		}
		for k := range hits {
			for _, turn := range turns[k] {
				correct += turn.by * weights[turn.sample]
			}
			if errors[k] > 0 && total > 0 {
				largest[r] = max(largest[r], math.Abs(float64(correct)/float64(total)-accuracies[k])/errors[k])
			}
		}
	}
	slices.Sort(largest)
	z := stat.Quantile(level, stat.Empirical, largest, nil)
	// A single interval needs no less.
	return max(level, 1-2*distuv.UnitNormal.Survival(z))
}

// A turn is a sample whose answer is correct unlike that of the classifier before, or
// wrong unlike it: by is 1 or -1.
type turn struct{ sample, by int32 }

// turnsOf returns what makes each classifier differ from the one before; the first from
// one that is never correct. Neighbours on a front differ on few samples.
func turnsOf(hits [][]bool) [][]turn {
	turns := make([][]turn, len(hits))
	before := make([]bool, len(hits[0]))
	for k, of := range hits {
		for i, hit := range of {
			if hit && !before[i] {
				turns[k] = append(turns[k], turn{int32(i), 1})
			} else if !hit && before[i] {
				turns[k] = append(turns[k], turn{int32(i), -1})
			}
		}
		before = of
	}
	return turns
}

// poisson returns the quantile of the Poisson distribution of mean 1.
func poisson(quantile float64) int32 {
	n, p := int32(0), math.Exp(-1)
	for quantile >= p && p > 0 {
		quantile -= p
		n++
		p /= float64(n)
	}
	return n
}

// share returns that of the samples answered correctly.
func share(hits []bool) float64 {
	n := 0
	for _, hit := range hits {
		if hit {
			n++
		}
	}
	return float64(n) / float64(len(hits))
}
