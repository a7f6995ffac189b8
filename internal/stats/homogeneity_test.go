package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSameShares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		a, b    []int
		chi     float64
		freedom int
		p       float64
	}{
		{"two by two", []int{60, 40}, []int{40, 60}, 8, 1, 0.004677735},
		{"two by three", []int{10, 20, 30}, []int{20, 20, 20}, 10.0/3 + 2, 2, 0.069483},
		{"equal", []int{30, 70}, []int{300, 700}, 0, 1, 1},
		{"one category", []int{30}, []int{50}, 0, 0, 1},
		{"one in use", []int{30, 0, 0}, []int{50, 0, 0}, 0, 0, 1},
		{"too few samples", []int{3, 1}, []int{1, 3}, 0, 0, 1},
		// 4 + 2 samples are too few for two sets of 100: they join the category after them.
		{"merged forward", []int{4, 56, 40}, []int{2, 38, 60}, 8, 1, 0.004677735},
		{"merged backward", []int{60, 38, 2}, []int{40, 56, 4}, 8, 1, 0.004677735},
		{"none", nil, nil, 0, 0, 1},
	} {
		got := SameShares(c.a, c.b)
		if math.Abs(got.ChiSquare-c.chi) > 1e-9 || got.Freedom != c.freedom || math.Abs(got.P-c.p) > 1e-6 {
			t.Errorf("%s: %+v, want %v with %d degrees of freedom, p %v", c.name, got, c.chi, c.freedom, c.p)
		}
	}
}

// The p-value must be the share of random divisions of the samples whose statistic is as
// large.
func TestSameSharesByPermutation(t *testing.T) {
	t.Parallel()
	for _, c := range [][2][]int{{{40, 30, 30}, {50, 20, 30}}, {{100, 20}, {90, 40}}, {{8, 8, 20, 40}, {60, 50, 95, 210}}} {
		a, b := c[0], c[1]
		want := SameShares(a, b)
		var samples []int
		for category := range a {
			samples = append(samples, slices.Repeat([]int{category}, a[category]+b[category])...)
		}
		n := 0
		for _, k := range a {
			n += k
		}
		rng := rand.New(rand.NewPCG(1, 2))
		const draws = 20000
		larger := 0
		for range draws {
			rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
			x, y := make([]int, len(a)), make([]int, len(a))
			for i, category := range samples {
				if i < n {
					x[category]++
				} else {
					y[category]++
				}
			}
			if SameShares(x, y).ChiSquare >= want.ChiSquare-1e-9 {
				larger++
			}
		}
		if share := float64(larger) / draws; math.Abs(share-want.P) > 0.03 {
			t.Errorf("%v against %v: p %.4f, by permutation %.4f", a, b, want.P, share)
		}
	}
}

func TestHolm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ p, want []float64 }{
		{nil, []float64{}},
		{[]float64{0.3}, []float64{0.3}},
		{[]float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02}},
		{[]float64{0.6, 0.7}, []float64{1, 1}},
		{[]float64{0.02, 0.02}, []float64{0.04, 0.04}},
	} {
		got := Holm(c.p)
		if len(got) != len(c.want) {
			t.Fatalf("%v: %v", c.p, got)
		}
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-12 {
				t.Errorf("%v: %v, want %v", c.p, got, c.want)
			}
		}
	}
}
