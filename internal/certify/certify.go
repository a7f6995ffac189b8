// Package certify decides what can be claimed of cascades on samples they were not
// chosen on, so that no claim is wrong with a given confidence.
//
// Whoever tests all cascades of a front finds some that were lucky. A fixed sequence
// avoids that: the cascades are tested in an order that was settled on other samples, each
// at the full level, up to the first failure (Maurer, Hothorn, Lehmacher: Multiple
// comparisons in drug clinical trials and preclinical assays, 1995). To claim something
// false, the first false claim in that order must pass its test, so the probability of any
// false claim is at most the level. Ordering a front by how likely the claims look on the
// samples searched is Pareto testing (Laufer-Goldshtein, Fisch, Barzilay, Jaakkola:
// Efficiently controlling multiple risks with Pareto testing, ICLR 2023), in the framework
// of Learn then test (Angelopoulos, Bates, Candès, Jordan, Lei, 2021).
package certify

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/encas-zoo/encas-zoo/internal/stats"
)

// Figures are those of a cascade on the samples of a split.
type Figures struct {
	stats.Pairs // the cascade, and the model it is compared with
	Correct     int
	Cost        float64 // mean over the samples
	WorstCost   float64 // of any sample
	Classes     []Class
}

// A Class counts the samples with one label.
type Class struct{ Samples, Correct int }

// A Claim is what is to be certified of a cascade: all of its conditions together.
type Claim struct {
	Margin     float64 // not less accurate than the model by so much, a share; unless Error is given
	Error      float64 // a share of wrong answers below that; 0: compare with the model
	MaxCost    float64 // a mean cost below that; 0: any
	WorstClass float64 // an accuracy above that in every class; 0: any
}

// A condition is tested on samples.
type condition interface {
	// score returns by how many standard errors, about, the condition is met.
	score(f Figures) float64
	// p returns the p-value of the hypothesis that the condition is not met.
	p(f Figures) float64
}

func (c Claim) conditions() []condition {
	all := []condition{notWorse{c.Margin}}
	if c.Error > 0 {
		all[0] = fewErrors{c.Error}
	}
	if c.MaxCost > 0 {
		all = append(all, costBelow{c.MaxCost})
	}
	if c.WorstClass > 0 {
		all = append(all, everyClass{c.WorstClass})
	}
	return all
}

// Score returns how likely a claim looks: the score of its weakest condition.
func (c Claim) Score(f Figures) float64 {
	lowest := math.Inf(1)
	for _, condition := range c.conditions() {
		lowest = min(lowest, condition.score(f))
	}
	return lowest
}

// P returns the p-value of the hypothesis that a claim is false. If it is, one condition
// is not met and the p-value of that one is valid; the largest is at least as large.
func (c Claim) P(f Figures) float64 {
	largest := 0.0
	for _, condition := range c.conditions() {
		largest = max(largest, condition.p(f))
	}
	return largest
}

// A Result is that of one test.
type Result struct {
	Cascade int     // its index
	Score   float64 // on the samples searched: what the order is by
	P       float64 // on the others
	Passed  bool    // certified
}

// Test tests a claim of cascades, in descending order of their scores on the samples
// searched, on others. It stops at the first one that fails: with a probability of at most
// level any that passes does not deserve it. Of cascades with the same score the first
// one is tested first.
func (c Claim) Test(level float64, searched, others []Figures) []Result {
	results := make([]Result, len(searched))
	for i, f := range searched {
		results[i] = Result{Cascade: i, Score: c.Score(f)}
	}
	slices.SortStableFunc(results, func(a, b Result) int { return cmp.Compare(b.Score, a.Score) })
	for place := range results {
		r := &results[place]
		r.P = c.P(others[r.Cascade])
		if r.Passed = r.P <= level; !r.Passed {
			return results[:place+1]
		}
	}
	return results
}

const (
	// power is the probability with which the number of samples that Needed returns would
	// do if all shares are as they were on the samples at hand.
	power = 0.8
	// mostTimes is how many times the samples at hand are considered.
	mostTimes = 1000
)

// Needed returns about how many samples would do to certify a claim that failed, if its
// cascade does on them as on those at hand: with a probability of 80 %. It is 0 if a
// thousand times as many would not.
func (c Claim) Needed(f Figures, level float64) int {
	if c.Score(f) <= 0 {
		return 0
	}
	normal := distuv.UnitNormal
	strict := normal.Survival(normal.Quantile(1-level) + normal.Quantile(power))
	passes := func(times float64) bool { return c.P(f.times(times)) <= strict }
	low, high := 1.0, 2.0
	for !passes(high) {
		if low, high = high, 2*high; high > 2*mostTimes {
			return 0
		}
	}
	for high/low > 1.02 {
		if middle := math.Sqrt(low * high); passes(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return twoDigits(high * float64(f.Samples))
}

// times returns the figures on so many times the samples.
func (f Figures) times(factor float64) Figures {
	scale := func(n int) int { return int(math.Round(factor * float64(n))) }
	f.Pairs = stats.Pairs{Samples: scale(f.Samples), OnlyFirst: scale(f.OnlyFirst), OnlySecond: scale(f.OnlySecond)}
	f.Correct = min(scale(f.Correct), f.Samples)
	f.Classes = slices.Clone(f.Classes)
	for i, c := range f.Classes {
		f.Classes[i] = Class{scale(c.Samples), scale(c.Correct)}
	}
	return f
}

// twoDigits rounds up to two significant digits.
func twoDigits(x float64) int {
	step := math.Pow(10, max(0, math.Floor(math.Log10(x))-1))
	return int(math.Ceil(x/step) * step)
}
