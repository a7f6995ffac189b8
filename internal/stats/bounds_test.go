package stats

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func TestBinomialTail(t *testing.T) {
	t.Parallel()
	for hits := range 12 {
		want := 0.0
		for k := range hits + 1 {
			want += distuv.Binomial{N: 20, P: 0.3}.Prob(float64(k))
		}
		if got := BinomialTail(hits, 20, 0.3); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d of 20: %v, want %v", hits, got, want)
		}
	}
}

// Every share of the coverage that Clopper and Pearson's interval promises is kept.
func TestClopperPearson(t *testing.T) {
	t.Parallel()
	const n = 30
	for _, share := range []float64{0.001, 0.02, 0.1, 0.31, 0.5, 0.97} {
		covered := 0.0
		for hits := range n + 1 {
			if low, high := ClopperPearson(hits, n, 0.9); low <= share && share <= high {
				covered += distuv.Binomial{N: n, P: share}.Prob(float64(hits))
			}
		}
		if covered < 0.9 {
			t.Errorf("share %v: covered in %v", share, covered)
		}
	}
	if low, high := ClopperPearson(0, 10, 0.95); low != 0 || math.Abs(high-0.3084971) > 1e-6 {
		t.Errorf("0 of 10: %v..%v", low, high)
	}
}

// What is 0 or 1 has the widest distribution of a mean: there both parts are summed
// exactly, and no p-value is too small.
func TestHoeffdingBentkusIsValid(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 100, 1000} {
		for _, bound := range []float64{0.02, 0.1, 0.5, 0.9} {
			for _, level := range []float64{0.01, 0.1} {
				claimed := 0.0
				for hits := range n + 1 {
					if HoeffdingBentkus(float64(hits)/float64(n), n, bound) <= level {
						claimed += distuv.Binomial{N: float64(n), P: bound}.Prob(float64(hits))
					}
				}
				if claimed > level {
					t.Errorf("%d samples, bound %v: claimed in %v, level %v", n, bound, claimed, level)
				}
			}
		}
	}
	// exp(-100·D) with D = 0.1 ln(0.1/0.2) + 0.9 ln(0.9/0.8), and e·P(Bin(100, 0.2) <= 10).
	if got, want := HoeffdingBentkus(0.1, 100, 0.2), math.Exp(-100*(0.1*math.Log(0.5)+0.9*math.Log(1.125))); math.Abs(got-min(want, math.E*BinomialTail(10, 100, 0.2))) > 1e-12 {
		t.Errorf("p = %v, Hoeffding's %v", got, want)
	}
	if p := HoeffdingBentkus(0.3, 100, 0.2); p != 1 {
		t.Errorf("above the bound, p = %v", p)
	}
	if z := HoeffdingScore(0.3, 100, 0.2); z > -2 || HoeffdingScore(0.1, 100, 0.2) < 2 {
		t.Errorf("score %v", z)
	}
}
