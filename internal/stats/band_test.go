package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// answers draws which samples classifiers of given accuracies answer correctly; with
// alike they share what is hard for them.
func answers(random *rand.Rand, n int, accuracies []float64, alike bool) [][]bool {
	hits := make([][]bool, len(accuracies))
	for k := range hits {
		hits[k] = make([]bool, n)
	}
	for i := range n {
		hard := random.Float64()
		for k, a := range accuracies {
			if !alike {
				hard = random.Float64()
			}
			hits[k][i] = hard < a
		}
	}
	return hits
}

// The intervals at the level returned contain all accuracies at once about as often as
// promised; the plain ones do so less often, Bonferroni's are wider.
func TestTogetherCovers(t *testing.T) {
	t.Parallel()
	const draws, n = 200, 400
	accuracies := []float64{0.7, 0.75, 0.8, 0.83, 0.86, 0.88, 0.9, 0.91, 0.93, 0.95}
	for _, alike := range []bool{false, true} {
		random := rand.New(rand.NewPCG(7, 8))
		together, plain := 0, 0
		for range draws {
			hits := answers(random, n, accuracies, alike)
			level := Together(hits, 0.95, 400, 1)
			if bonferroni := 1 - 0.05/float64(len(accuracies)); level > bonferroni+0.003 || level < 0.95 {
				t.Errorf("level %v, Bonferroni's is %v", level, bonferroni)
			}
			covers := func(level float64) bool {
				for k, of := range hits {
					low, high := Wilson(int(math.Round(share(of)*n)), n, level)
					if accuracies[k] < low || accuracies[k] > high {
						return false
					}
				}
				return true
			}
			if covers(level) {
				together++
			}
			if covers(0.95) {
				plain++
			}
		}
		if together < 181 || plain >= together { // 190 wanted, the deviation is 3
			t.Errorf("alike %v: all contained in %d of %d draws, by plain intervals %d", alike, together, draws, plain)
		}
	}
}

// Neighbours that differ on few samples are summed by what differs: the same level as
// from sums over all samples.
func TestTogetherEqualsPlainSums(t *testing.T) {
	t.Parallel()
	hits := answers(rand.New(rand.NewPCG(1, 1)), 80, []float64{0.5, 0.9, 0.6, 0.8}, false)
	hits = append(hits, make([]bool, 80)) // never correct: nothing is uncertain
	const resamples, seed = 200, 9
	random := rand.New(rand.NewPCG(seed, 0))
	var largest []float64
	for range resamples {
		weights, total, worst := make([]float64, 80), 0.0, 0.0
		for i := range weights {
			quantile := random.Float64()
			for distuv.Poisson.CDF(distuv.Poisson{Lambda: 1}, weights[i]) <= quantile {
				weights[i]++
			}
			total += weights[i]
		}
		for _, of := range hits[:4] {
			sum, a := 0.0, share(of)
			for i, hit := range of {
				if hit {
					sum += weights[i]
				}
			}
			worst = max(worst, math.Abs(sum/total-a)/math.Sqrt(a*(1-a)/80))
		}
		largest = append(largest, worst)
	}
	above := 0
	level := Together(hits, 0.95, resamples, seed)
	z := distuv.UnitNormal.Quantile((1 + level) / 2)
	for _, x := range largest {
		if x > z+1e-9 {
			above++
		}
	}
	if above != resamples/20 {
		t.Errorf("%d of %d are above the quantile", above, resamples)
	}
	if again := Together(hits, 0.95, resamples, seed); again != level {
		t.Errorf("level %v, then %v", level, again)
	}
}
