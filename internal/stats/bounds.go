package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// BinomialTail returns the exact p-value of the hypothesis that a share is at least
// bound, in (0, 1), if hits of n samples were counted: the probability of so few.
func BinomialTail(hits, n int, bound float64) float64 {
	return distuv.Binomial{N: float64(n), P: bound}.CDF(float64(hits))
}

// HoeffdingBentkus returns the p-value of the hypothesis that the mean of something in
// [0, 1] is at least bound, in (0, 1), if that of n samples is mean: the smaller of
// Hoeffding's and Bentkus's (Bates, Angelopoulos, Lei, Malik, Jordan: Distribution-free,
// risk-controlling prediction sets, JACM 68, 2021, section 3.1).
func HoeffdingBentkus(mean float64, n int, bound float64) float64 {
	hoeffding := math.Exp(-float64(n) * divergence(min(mean, bound), bound))
	bentkus := math.E * BinomialTail(int(math.Ceil(float64(n)*mean-1e-9)), n, bound)
	return min(1, hoeffding, bentkus)
}

// HoeffdingScore returns by how many standard errors, about, the mean of something in
// [0, 1] is below bound, by Hoeffding's exponent.
func HoeffdingScore(mean float64, n int, bound float64) float64 {
	return math.Copysign(math.Sqrt(2*float64(n)*divergence(mean, bound)), bound-mean)
}

// divergence is that of Bernoulli distributions of means a and b (Kullback, Leibler).
func divergence(a, b float64) float64 {
	sum := 0.0
	if a > 0 {
		sum += a * math.Log(a/b)
	}
	if a < 1 {
		sum += (1 - a) * math.Log((1-a)/(1-b))
	}
	return max(0, sum)
}
