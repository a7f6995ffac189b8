package stats

import (
	"math"
	"testing"
)

// Values of R's fisher.test and of sums by hand.
func TestFisher(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, n, b, m int
		want       float64
	}{
		{3, 4, 1, 4, 0.4857142857142857}, // the lady tasting tea
		{0, 4, 4, 4, 1.0 / 35},
		{0, 20, 809, 1000, 2.4e-14},
		{5, 10, 50, 100, 1},
		{0, 5, 0, 7, 1},
		{5, 5, 7, 7, 1},
		{1, 10, 11, 14, 0.002759456185220083},
	} {
		got := Fisher(c.a, c.n, c.b, c.m)
		if c.want > 1e-10 && math.Abs(got-c.want) > 1e-9 || c.want <= 1e-10 && got > 1e-10 {
			t.Errorf("%d of %d and %d of %d: %v, want %v", c.a, c.n, c.b, c.m, got, c.want)
		}
		if again := Fisher(c.b, c.m, c.a, c.n); math.Abs(again-got) > 1e-9 {
			t.Errorf("%d of %d and %d of %d: %v, the other way round %v", c.a, c.n, c.b, c.m, got, again)
		}
	}
}
