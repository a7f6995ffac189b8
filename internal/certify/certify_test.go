package certify

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/encas-zoo/encas-zoo/internal/stats"
)

func pairs(samples, first, second int) Figures {
	return Figures{Pairs: stats.Pairs{Samples: samples, OnlyFirst: first, OnlySecond: second}}
}

// The order is that of the samples searched, and the first failure ends it, however well
// later ones would do.
func TestFixedSequence(t *testing.T) {
	t.Parallel()
	claim := Claim{Margin: 0.01}
	searched := []Figures{pairs(1000, 5, 10), pairs(1000, 40, 10), pairs(1000, 5, 5), pairs(1000, 0, 0), pairs(1000, 10, 40)}
	others := []Figures{pairs(1000, 5, 5), pairs(1000, 30, 10), pairs(1000, 5, 30), pairs(1000, 0, 0), pairs(1000, 50, 0)}
	results := claim.Test(0.1, searched, others)
	var order []int
	for place, r := range results {
		order = append(order, r.Cascade)
		if r.Passed != (r.P <= 0.1) || !r.Passed && place < len(results)-1 {
			t.Errorf("place %d: %+v", place, r)
		}
	}
	if !slices.Equal(order, []int{3, 1, 2}) {
		t.Errorf("tested %v", order)
	}
}

// Without a margin a cascade that never differs from the model is as likely better as not:
// it comes after those that look better and is not certified.
func TestAlike(t *testing.T) {
	t.Parallel()
	claim, all := Claim{}, []Figures{pairs(500, 0, 0), pairs(500, 9, 1), pairs(500, 1, 9)}
	results := claim.Test(0.1, all, all)
	if len(results) != 2 || results[0].Cascade != 1 || !results[0].Passed || results[1].Cascade != 0 || results[1].Passed {
		t.Errorf("%+v", results)
	}
	if claim.Needed(all[0], 0.1) != 0 {
		t.Error("samples that never differ would do")
	}
}

// All conditions must be met: the p-value is that of the one in most doubt.
func TestConditions(t *testing.T) {
	t.Parallel()
	f := Figures{
		Pairs: stats.Pairs{Samples: 400, OnlyFirst: 10, OnlySecond: 4}, Correct: 380, Cost: 2, WorstCost: 10,
		Classes: []Class{{200, 195}, {200, 185}},
	}
	accuracy := f.NotWorse(0.01)
	errors := stats.BinomialTail(20, 400, 0.08)
	classes := stats.BinomialTail(15, 200, 0.1) // the worse one
	cost := stats.HoeffdingBentkus(0.2, 400, 0.25)
	for _, c := range []struct {
		claim Claim
		want  float64
	}{
		{Claim{Margin: 0.01}, accuracy},
		{Claim{Error: 0.08}, errors},
		{Claim{Margin: 0.01, MaxCost: 2.5}, max(accuracy, cost)},
		{Claim{Error: 0.08, WorstClass: 0.9}, max(errors, classes)},
		{Claim{Margin: 0.01, MaxCost: 10}, accuracy}, // no sample costs more
		{Claim{Margin: 0.01, MaxCost: 1.9}, 1},
	} {
		if got := c.claim.P(f); got != c.want {
			t.Errorf("%+v: p = %v, want %v", c.claim, got, c.want)
		}
	}
	f.Classes[1] = Class{}
	if c := (Claim{Error: 0.5, WorstClass: 0.5}); c.P(f) != 1 || !math.IsInf(c.Score(f), -1) {
		t.Error("claimed of a class without samples")
	}
}

// In draws from a population no more claims are false than promised, though the cascades
// tested first look best on other draws. They differ from the model on few samples.
func TestFalseClaimsAreRare(t *testing.T) {
	t.Parallel()
	const draws, level = 600, 0.1
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		samples int
		margin  float64
	}{{250, 0.01}, {250, 0.005}, {1000, 0.005}} {
		// Half of the cascades are just as bad as may not be claimed, the others worse.
		type shares struct{ first, second float64 }
		var cascades []shares
		for i := range 16 {
			first := 0.002 * float64(i%8)
			cascades = append(cascades, shares{first, first + c.margin + 0.001*float64(i/8)})
		}
		draw := func() (all []Figures) {
			for _, s := range cascades {
				first := distuv.Binomial{N: float64(c.samples), P: s.first, Src: random}.Rand()
				second := distuv.Binomial{N: float64(c.samples) - first, P: s.second / (1 - s.first), Src: random}.Rand()
				all = append(all, pairs(c.samples, int(first), int(second)))
			}
			return all
		}
		wrong := 0
		for range draws {
			if results := (Claim{Margin: c.margin}).Test(level, draw(), draw()); results[0].Passed {
				wrong++
			}
		}
		if most := draws*level + 3*math.Sqrt(draws*level*(1-level)); float64(wrong) > most {
			t.Errorf("%d samples, margin %v: false in %d of %d draws", c.samples, c.margin, wrong, draws)
		}
	}
}

// With the number of samples that is said to do, four of five tests pass.
func TestNeeded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ first, second, margin float64 }{{0.02, 0.02, 0.005}, {0.01, 0.015, 0.01}, {0.05, 0.04, 0.005}} {
		claim := Claim{Margin: c.margin}
		small := pairs(200, int(200*c.first), int(200*c.second))
		n := claim.Needed(small, 0.1)
		if n < 200 || claim.P(small) <= 0.1 {
			t.Errorf("%+v: %d samples would do, p = %v with 200", c, n, claim.P(small))
		}
		passed := 0
		for range 400 {
			first := distuv.Binomial{N: float64(n), P: c.first, Src: random}.Rand()
			second := distuv.Binomial{N: float64(n) - first, P: c.second / (1 - c.first), Src: random}.Rand()
			if claim.P(pairs(n, int(first), int(second))) <= 0.1 {
				passed++
			}
		}
		if passed < 280 || passed > 375 {
			t.Errorf("%+v: %d samples suffice in %d of 400 draws", c, n, passed)
		}
	}
	if n := (Claim{Margin: 0.01}).Needed(pairs(200, 0, 4), 0.1); n != 0 {
		t.Errorf("worse than the margin, but %d samples would do", n)
	}
}
