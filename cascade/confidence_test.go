package cascade

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A set has the same confidence whatever its weights are multiplied by: the first stage
// of a cascade is searched with weight 1 and evaluated with its own.
func TestConfidenceOfMultiples(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		sums := make([]uint32, 2+rng.IntN(15))
		left := uint32(one)
		for i := range sums {
			sums[i] = rng.Uint32N(left/2 + 1)
			left -= sums[i]
		}
		slices.Sort(sums)
		slices.Reverse(sums)
		weight := 2 + rng.Uint32N(4)
		multiples := slices.Clone(sums)
		for i := range multiples {
			multiples[i] *= weight
		}
		for _, c := range []Confidence{MaxProbability, Margin, Entropy} {
			for _, others := range []int{0, 84} {
				if got, want := c.Of(multiples, weight, others), weight*c.Of(sums, 1, others); got != want {
					t.Fatalf("%v of %v with weight %d and %d others: %d, of weight 1 %d", c, sums, weight, others, got, want)
				}
			}
		}
	}
}
