package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestWilson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hits, n   int
		level     float64
		low, high float64
	}{
		{8, 10, 0.95, 0.4901625, 0.9433178},
		{0, 10, 0.95, 0, 0.2775328},
		{10, 10, 0.95, 0.7224672, 1},
		{1, 2, 0.95, 0.0945312, 0.9054688},
		{0, 0, 0.95, 0, 1},
	} {
		low, high := Wilson(c.hits, c.n, c.level)
		if math.Abs(low-c.low) > 1e-7 || math.Abs(high-c.high) > 1e-7 {
			t.Errorf("%d of %d: [%.7f, %.7f], want [%.7f, %.7f]", c.hits, c.n, low, high, c.low, c.high)
		}
	}
	// The interval's ends are where the score test just accepts.
	for hits := range 51 {
		low, high := Wilson(hits, 50, 0.9)
		for _, end := range []float64{low, high} {
			if end <= 1e-12 || end >= 1-1e-12 {
				continue
			}
			z := (float64(hits)/50 - end) / math.Sqrt(end*(1-end)/50)
			if math.Abs(math.Abs(z)-1.6448536) > 1e-6 {
				t.Errorf("%d of 50: the end %v lies %v deviations off", hits, end, z)
			}
		}
	}
}

// The interval is Wilson's for 0.3 times the samples.
func TestOnOthers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 50, 5000} {
		before := 0.0
		for hits := range n*3/10 + 1 {
			share := float64(hits) / (0.3 * float64(n))
			low, high := OnOthers(share, n, 0.95)
			wantLow, wantHigh := Wilson(hits, n*3/10, 0.95)
			if math.Abs(low-wantLow) > 1e-9 || math.Abs(high-wantHigh) > 1e-9 {
				t.Errorf("%v of %d: [%v, %v], Wilson's is [%v, %v]", share, n, low, high, wantLow, wantHigh)
			}
			if !(0 <= low && low <= share && share <= high && high <= 1) || low < before {
				t.Errorf("%v of %d: [%v, %v]", share, n, low, high)
			}
			before = low
		}
	}
	if low, high := OnOthers(0.7, 0, 0.95); low != 0 || high != 1 {
		t.Errorf("without samples: [%v, %v]", low, high)
	}
	if low, high := OnOthers(1, 100, 0.95); low > 0.9 || high != 1 {
		t.Errorf("all of 100: [%v, %v]", low, high)
	}
}

// What is counted on as many other samples is in the interval around what was counted on
// the first at least as often as it says.
func TestOnOthersCovers(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 6))
	const draws = 4000
	for _, share := range []float64{0.6, 0.9, 0.98} {
		for _, n := range []int{200, 1000} {
			if (1-share)*float64(n) < 20 {
				continue // so few errors are not about normally distributed
			}
			count := func() (hits int) {
				for range n {
					if rng.Float64() < share {
						hits++
					}
				}
				return hits
			}
			inside := 0
			for range draws {
				low, high := OnOthers(float64(count())/float64(n), n, 0.95)
				if others := float64(count()) / float64(n); low <= others && others <= high {
					inside++
				}
			}
			if covered := float64(inside) / draws; covered < 0.95 || covered > 0.995 {
				t.Errorf("%v on %d samples: %.3f of the counts are inside", share, n, covered)
			}
		}
	}
}

func TestMcNemar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, second int
		want          float64
	}{
		{0, 0, 1},
		{3, 3, 1},
		{1, 9, 22.0 / 1024},
		{9, 1, 22.0 / 1024},
		{0, 1, 1},
		{0, 10, 2.0 / 1024},
		{5, 15, 2 * 21700.0 / (1 << 20)},
	} {
		if got := (Pairs{100, c.first, c.second}).McNemar(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d against %d: %v, want %v", c.first, c.second, got, c.want)
		}
	}
	if got := (Pairs{1 << 20, 30000, 30500}).McNemar(); math.Abs(got-0.0425) > 1e-3 {
		t.Errorf("30000 against 30500: %v", got) // normal approximation with continuity correction
	}
}

// The interval must be the one that resampling the samples themselves gives.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	for _, p := range []Pairs{{200, 30, 10}, {200, 0, 10}, {200, 20, 0}, {50, 25, 25}} {
		differences := make([]float64, p.Samples)
		for i := range p.OnlyFirst {
			differences[i] = 1
		}
		for i := range p.OnlySecond {
			differences[p.OnlyFirst+i] = -1
		}
		rng := rand.New(rand.NewPCG(1, 1))
		means := make([]float64, 20000)
		for r := range means {
			for range differences {
				means[r] += differences[rng.IntN(len(differences))] / float64(p.Samples)
			}
		}
		slices.Sort(means)
		low, high := p.Bootstrap(20000, 0.95, 7)
		wantLow, wantHigh := means[500], means[19500]
		if step := 1.5 / float64(p.Samples); math.Abs(low-wantLow) > step || math.Abs(high-wantHigh) > step {
			t.Errorf("%+v: [%v, %v], by resampling [%v, %v]", p, low, high, wantLow, wantHigh)
		}
		if again, _ := p.Bootstrap(20000, 0.95, 7); again != low {
			t.Errorf("%+v: the same seed gives %v and %v", p, low, again)
		}
	}
	if low, high := (Pairs{Samples: 10}).Bootstrap(100, 0.95, 1); low != 0 || high != 0 {
		t.Errorf("equal classifiers differ by [%v, %v]", low, high)
	}
}

// An interval holds the share it is of, whatever rounding does at its ends.
func TestWilsonHoldsTheShare(t *testing.T) {
	t.Parallel()
	for n := 1; n < 4000; n++ {
		for _, hits := range []int{0, n / 2, n} {
			low, high := Wilson(hits, n, 0.95)
			if share := float64(hits) / float64(n); !(0 <= low && low <= share && share <= high && high <= 1) {
				t.Fatalf("%d of %d: %v to %v", hits, n, low, high)
			}
		}
	}
}
