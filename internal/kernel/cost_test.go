package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// round is float64 arithmetic done the long way, one rounding an operation.
func round(op func(z, x, y *big.Float) *big.Float, x, y float64) float64 {
	f, _ := op(new(big.Float).SetPrec(53), big.NewFloat(x), big.NewFloat(y)).Float64()
	return f
}

func TestCost3(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 1))
	eachPath(t, func(t *testing.T) {
		for _, cols := range lengths[1:140] {
			rows := 1 + rng.IntN(4)
			n := 1 + rng.IntN(50_000)
			count := func() int32 { return int32(rng.IntN(n + 1)) }
			reach2, reach3 := guardOf(fill(rows, count), cols%3), guardOf(fill(rows*cols, count), cols%3)
			c1, c2, c3 := rng.Float64(), rng.Float64()*100, rng.Float64()*1e4
			cost := guard[float64](rows*cols, cols%2)
			Cost3(cost.s, reach2.s, reach3.s, n, c1, c2, c3)
			cost.check(t, "Cost3")
			for i, got := range cost.s {
				x := round((*big.Float).Mul, c1, float64(n))
				y := round((*big.Float).Mul, c2, float64(reach2.s[i/cols]))
				z := round((*big.Float).Mul, c3, float64(reach3.s[i]))
				want := round((*big.Float).Quo, round((*big.Float).Add, round((*big.Float).Add, x, y), z), float64(n))
				if got != want {
					t.Fatalf("%d columns, entry %d: %v, want %v", cols, i, got, want)
				}
			}
		}
		Cost3(nil, nil, nil, 1, 1, 1, 1)
	})
}

func TestImproving(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			for share := range 3 {
				best := guardOf(fill(500, func() float64 { return float64(rng.IntN(20)) }), n%3)
				best.s[7] = math.Inf(1)
				correct := guardOf(fill(n, func() int32 { return int32(rng.IntN(500)) }), n%5)
				cost := guardOf(fill(n, func() float64 {
					if rng.IntN(20) == 0 {
						return math.NaN()
					}
					return float64(rng.IntN(20) * share)
				}), n%3)
				dst := guard[int32](n, n%2)
				m := Improving(dst.s, correct.s, cost.s, best.s)
				dst.check(t, "Improving")
				want := make([]int32, n)
				want = want[:improvingGeneric(want, correct.s, cost.s, best.s)]
				if !slices.Equal(dst.s[:m], want) {
					t.Fatalf("n %d: %d, want %d", n, dst.s[:m], want)
				}
			}
		}
		for _, bad := range []int32{-1, 5, math.MaxInt32, math.MinInt32} {
			for _, n := range []int{1, 7, 8, 9, 16, 33} {
				correct := make([]int32, n)
				correct[n-1] = bad
				panics(t, "Improving", func() { Improving(make([]int32, n), correct, make([]float64, n), make([]float64, 5)) })
			}
		}
	})
}

func BenchmarkCost3(b *testing.B) {
	cost, reach3, reach2 := make([]float64, 51*51), make([]int32, 51*51), make([]int32, 51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(12 * len(cost)))
		for b.Loop() {
			Cost3(cost, reach2, reach3, 20_683, 1, 2, 3)
		}
	})
}

func BenchmarkImproving(b *testing.B) {
	rng := rand.New(rand.NewPCG(16, 1))
	best := fill(20_684, func() float64 { return 0.01 })
	correct := fill(51*51, func() int32 { return int32(15_000 + rng.IntN(3000)) })
	cost := fill(51*51, rng.Float64)
	dst := make([]int32, len(cost))
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(12 * len(cost)))
		for b.Loop() {
			Improving(dst, correct, cost, best)
		}
	})
}
