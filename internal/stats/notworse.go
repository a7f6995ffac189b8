package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Score returns the score statistic of matched pairs for the hypothesis that the first
// is less accurate than the second by margin, a share in [0, 1): its difference from
// that, divided by the standard error under the hypothesis. It is standard normal there
// with many samples, and large if the first is better than that. Without a sample that
// only one answers correctly it is as defined as with many (Tango: Equivalence test and
// confidence interval for the difference in proportions for the paired-sample design,
// Statistics in Medicine 17, 1998, equations 24 to 26; for margin 0 it is McNemar's).
func (p Pairs) Score(margin float64) float64 {
	n, first, second := float64(p.Samples), float64(p.OnlyFirst), float64(p.OnlySecond)
	// The likeliest share of samples that only the first answers correctly, given that
	// that of the second is larger by margin: the root of 2n·x² + b·x - c. (Tango solves
	// for the other share. This root is not a difference of nearly equal numbers.)
	b := (2*n+first-second)*margin - first - second
	c := first * margin * (1 - margin)
	share := (math.Sqrt(b*b+8*n*c) - b) / (4 * n)
	variance := 2*share + margin*(1-margin)
	if variance <= 0 {
		return 0 // margin 0, and all samples alike
	}
	return (first - second + n*margin) / math.Sqrt(n*variance)
}

const (
	// sharesMissed is the probability that the share of samples on which only one is
	// correct is outside the interval that is looked through for the worst case. It is
	// added to the p-value.
	sharesMissed = 1e-6
	// sharesTried is how many values in that interval are tried. The p-value changes
	// little from one to the next: they are a tenth of a standard error apart.
	sharesTried = 96
)

// NotWorse returns the one-sided p-value of the hypothesis that the first is less
// accurate than the second by margin or more, a share in [0, 1). It is valid for any
// number of samples: under the hypothesis it is at most x with a probability of at most x.
//
// The normal approximation of [Pairs.Score] promises too much if only one is correct on
// few samples, as with a cascade and the model at its end. So the probability of a score
// as large as the one observed is summed over all possible counts, for the worst share of
// samples on which only one is correct (an exact unconditional test; Hsueh, Liu, Chen:
// Unconditional exact tests for equivalence or noninferiority for paired binary
// endpoints, Biometrics 57, 2001), in an interval that misses it with a probability of
// 1e-6, which is added (Berger, Boos: P values maximized over a confidence set for the
// nuisance parameter, JASA 89, 1994).
func (p Pairs) NotWorse(margin float64) float64 {
	low, high := ClopperPearson(p.OnlyFirst+p.OnlySecond, p.Samples, 1-sharesMissed)
	// Only the second is correct on a share of at least margin.
	low, high = max(low, margin), max(high, margin)
	from, _ := likelyCounts(p.Samples, low)
	_, to := likelyCounts(p.Samples, high)
	e := newExtremes(p, margin, from, to)
	worst := 0.0
	// Even steps of the root: a count of few samples deviates by the root of its mean.
	first, last := math.Sqrt((low-margin)/2), math.Sqrt((high-margin)/2)
	for i := range sharesTried {
		root := first + (last-first)*float64(i)/(sharesTried-1)
		worst = max(worst, e.probability(root*root, margin))
	}
	return min(1, worst+sharesMissed)
}

// ClopperPearson returns the interval of a share of which hits of n samples were
// counted, that has at least this coverage whatever the share (Clopper, Pearson: The use
// of confidence or fiducial limits illustrated in the case of the binomial, 1934).
func ClopperPearson(hits, n int, level float64) (low, high float64) {
	tail, h, rest := (1-level)/2, float64(hits), float64(n-hits)
	low, high = 0, 1
	if hits > 0 {
		low = mathext.InvRegIncBeta(h, rest+1, tail)
	}
	if hits < n {
		high = mathext.InvRegIncBeta(h+1, rest, 1-tail)
	}
	return low, high
}

// likelyCounts returns the counts that a share of n samples can have; all others together
// have a probability below 1e-15.
func likelyCounts(n int, share float64) (from, to int) {
	mean := float64(n) * share
	wide := 9*math.Sqrt(mean*(1-share)) + 20
	return max(0, int(mean-wide)), min(n, int(mean+wide))
}

// extremes are the pairs whose score is at least as large as the one observed: by the
// number of samples on which only one is correct, the least number of those on which it
// is the first.
type extremes struct {
	samples      int
	from         int
	least        []int     // from the number from on; one more than the number if there are none
	logFactorial []float64 // from 0 on
}

func newExtremes(p Pairs, margin float64, from, to int) *extremes {
	e := &extremes{samples: p.Samples, from: from, least: make([]int, to-from+1), logFactorial: make([]float64, to+2)}
	for i := 2; i < len(e.logFactorial); i++ {
		e.logFactorial[i] = e.logFactorial[i-1] + math.Log(float64(i))
	}
	observed := p.Score(margin) - 1e-9
	reaches := func(n, first int) bool {
		return Pairs{p.Samples, first, n - first}.Score(margin) >= observed
	}
	// For a given number the score rises with the first's part of it.
	first := 0
	for i := range e.least {
		n := from + i
		for first > 0 && reaches(n, first-1) {
			first--
		}
		for first <= n && !reaches(n, first) {
			first++
		}
		e.least[i] = first
	}
	return e
}

// probability returns that of all extremes if only the first is correct on a share of the
// samples, and only the second on one larger by margin.
func (e *extremes) probability(share, margin float64) float64 {
	either := min(1, 2*share+margin)
	if either == 0 {
		return 1 // no counts but zero
	}
	from, to := likelyCounts(e.samples, either)
	from, to = max(from, e.from), min(to, e.from+len(e.least)-1)
	part := logOdds(share / either)
	count := e.countProbability(from, either)
	least := e.least[from-e.from]
	tail := 0.0 // probability of at least so many of n
	for first := least; first <= from; first++ {
		tail += e.pmf(from, first, part)
	}
	total := 0.0
	for n := from; ; n++ {
		total += count * tail
		if n == to {
			return min(1, max(0, total))
		}
		count *= float64(e.samples-n) / float64(n+1) * either / (1 - either)
		tail += share / either * e.pmf(n, least-1, part)
		next := e.least[n+1-e.from]
		for ; least < next; least++ {
			tail -= e.pmf(n+1, least, part)
		}
		for ; least > next; least-- {
			tail += e.pmf(n+1, least-1, part)
		}
	}
}

// countProbability returns the probability that only one is correct on n samples.
func (e *extremes) countProbability(n int, share float64) float64 {
	of := func(n int) float64 { l, _ := math.Lgamma(float64(n) + 1); return l }
	odds := logOdds(share)
	return math.Exp(of(e.samples) - of(n) - of(e.samples-n) + odds.of(n, e.samples-n))
}

// pmf returns the binomial probability of so many of n.
func (e *extremes) pmf(n, hits int, odds logs) float64 {
	if hits < 0 || hits > n {
		return 0
	}
	return math.Exp(e.logFactorial[n] - e.logFactorial[hits] - e.logFactorial[n-hits] + odds.of(hits, n-hits))
}

// logs are the logarithms of a share and of its complement.
type logs struct{ hit, miss float64 }

func logOdds(share float64) logs { return logs{math.Log(share), math.Log1p(-share)} }

// of returns the logarithm of the probability of hits and misses in a given order.
func (l logs) of(hits, misses int) float64 {
	sum := 0.0
	if hits > 0 {
		sum += float64(hits) * l.hit
	}
	if misses > 0 {
		sum += float64(misses) * l.miss
	}
	return sum
}
