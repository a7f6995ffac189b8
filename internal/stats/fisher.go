package stats

import "math"

// Fisher is the p-value, of both sides, of Fisher's exact test whether two samples have the
// same share: hits of n and others of m (The logic of inductive inference, Journal of the Royal
// Statistical Society 98, 1935). It is the probability, with all margins fixed, of all tables
// that are not likelier than the one seen.
func Fisher(hits, n, others, m int) float64 {
	total := hits + others
	low, high := max(0, total-m), min(n, total)
	log := func(k int) float64 { return logChoose(n, k) + logChoose(m, total-k) }
	whole := logChoose(n+m, total)
	seen := log(hits)
	p := 0.0
	for k := low; k <= high; k++ {
		if l := log(k); l <= seen+1e-9 {
			p += math.Exp(l - whole)
		}
	}
	return min(p, 1)
}

// logChoose is the logarithm of the number of ways to choose k of n.
func logChoose(n, k int) float64 {
	lgamma := func(x int) float64 { l, _ := math.Lgamma(float64(x) + 1); return l }
	return lgamma(n) - lgamma(k) - lgamma(n-k)
}
