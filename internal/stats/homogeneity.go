package stats

import (
	"cmp"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// leastExpected is how many samples a category must be expected to have in both sets for
// the distribution of the statistic to be close to its limit (Cochran: Some methods for
// strengthening the common χ² tests, 1954).
const leastExpected = 5

// A Homogeneity is the result of a chi-square test of homogeneity.
type Homogeneity struct {
	ChiSquare float64
	Freedom   int     // degrees; 0: there is nothing to compare
	P         float64 // probability of a statistic as large if both sets are drawn alike
}

// SameShares tests whether two sets of samples, counted by category, are drawn from the
// same distribution: Pearson's chi-square test (On the criterion..., 1900). Neighbouring
// categories are merged until each is expected to have enough samples in both sets.
// The two must have the same categories.
func SameShares(a, b []int) Homogeneity {
	a, b = merge(a, b)
	h := Homogeneity{Freedom: max(0, len(a)-1), P: 1}
	if h.Freedom == 0 {
		return h
	}
	totalA, totalB := total(a), total(b)
	for i := range a {
		share := float64(a[i]+b[i]) / (totalA + totalB)
		offA, offB := float64(a[i])-share*totalA, float64(b[i])-share*totalB
		h.ChiSquare += offA*offA/(share*totalA) + offB*offB/(share*totalB)
	}
	h.P = distuv.ChiSquared{K: float64(h.Freedom)}.Survival(h.ChiSquare)
	return h
}

// merge merges each category that is too small with those after it, and what is left at the
// end with the last one. Which are merged depends on the sums over both sets alone.
func merge(a, b []int) (mergedA, mergedB []int) {
	totalA, totalB := total(a), total(b)
	fewer := min(totalA, totalB)
	countA, countB := 0, 0
	for i := range a {
		countA, countB = countA+a[i], countB+b[i]
		if float64(countA+countB)*fewer >= leastExpected*(totalA+totalB) {
			mergedA, mergedB = append(mergedA, countA), append(mergedB, countB)
			countA, countB = 0, 0
		}
	}
	if last := len(mergedA) - 1; last >= 0 {
		mergedA[last] += countA
		mergedB[last] += countB
	}
	return mergedA, mergedB
}

func total(counts []int) (sum float64) {
	for _, n := range counts {
		sum += float64(n)
	}
	return sum
}

// Holm adjusts the p-values of several tests: those below a level are then wrong to be, all
// together, with at most that probability (Holm: A simple sequentially rejective multiple
// test procedure, 1979).
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	adjusted, least := make([]float64, len(p)), 0.0
	for rank, i := range order {
		least = max(least, min(1, p[i]*float64(len(p)-rank)))
		adjusted[i] = least
	}
	return adjusted
}
