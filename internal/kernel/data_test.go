package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
)

// zoo is made-up data with the properties that matter to the kernels: models that
// agree on about 68 % of the samples, most of them confident.
type zoo struct {
	classes int
	labels  []uint16
	rows    [][]uint16 // by model, [N*C]; nil for large zoos
	lists   []*Lists
}

// newZoo makes models with lists of k classes on n samples. Some rows are made
// awkward: uniform, one-hot, full of ties.
func newZoo(n, classes, k, models int, seed uint64) *zoo {
	rng := rand.New(rand.NewPCG(seed, 1))
	z := &zoo{classes: classes, labels: make([]uint16, n)}
	for range models {
		z.lists = append(z.lists, &Lists{
			K: k, Classes: make([]uint16, n*k), Values: make([]uint16, n*k), Tail: make([]uint32, n),
			TopClass: make([]uint16, n), TopValue: make([]uint16, n),
		})
		z.rows = append(z.rows, make([]uint16, 0, n*classes))
	}
	logits := make([]float64, classes)
	p32 := make([]float32, classes)
	row := make([]uint16, classes)
	shared := make([]float64, classes)
	for i := range n {
		z.labels[i] = uint16(rng.IntN(classes))
		for c := range shared {
			shared[c] = -3
			if rng.IntN(5) == 0 {
				shared[c] = rng.NormFloat64() * 2
			}
		}
		// How far the right class stands out is common to all models.
		shared[z.labels[i]] += 10.5 + 5*rng.NormFloat64()
		awkward := rng.IntN(40)
		for m, l := range z.lists {
			for c := range logits {
				logits[c] = shared[c] + rng.NormFloat64()*1.7
			}
			softmax(p32, logits, 0.6+0.2*float64(m%3))
			f16FromF32Generic(row, p32)
			switch awkward {
			case 0:
				for c := range row {
					row[c] = uint16(c / 7 % 2)
				}
			case 1:
				clear(row)
				row[rng.IntN(classes)] = 0x3C00
			case 2:
				for c := range row {
					row[c] = 0x2000 + uint16(rng.IntN(2))
				}
			case 3: // two models that differ by a tie
				clear(row)
				row[rng.IntN(min(classes, 3))] = 0x3800
				row[rng.IntN(min(classes, 3))] = 0x3800
			}
			z.rows[m] = append(z.rows[m], row...)
			setList(l, i, row)
		}
	}
	return z
}

// setList makes list i of l from a row, by definition.
func setList(l *Lists, i int, row []uint16) {
	k := l.K
	sum := topKGeneric(l.Classes[i*k:][:k], l.Values[i*k:][:k], row)
	l.TopClass[i], l.TopValue[i] = l.Classes[i*k], l.Values[i*k]
	if len(row) > k {
		for _, v := range l.Values[i*k:][:k] {
			sum -= uint64(fixed1(v))
		}
		l.Tail[i] = uint32(sum / uint64(len(row)-k))
	}
}

func softmax(dst []float32, logits []float64, temperature float64) {
	top, sum := slices.Max(logits), 0.0
	for _, x := range logits {
		sum += math.Exp((x - top) / temperature)
	}
	for c, x := range logits {
		dst[c] = float32(math.Exp((x-top)/temperature) / sum)
	}
}

// bigZoo has the size that the targets are stated for, and is made once.
var bigZoo = sync.OnceValue(func() *zoo {
	z := newZoo(20_683, 120, 16, 5, 7)
	z.rows = nil
	return z
})

// define is the definition of a set's sum on sample i, as written down in
// docs/architecture.md.
func define(i int, members []*Lists, weights []uint32) (sums map[uint16]uint32, base uint32) {
	sums = map[uint16]uint32{}
	for m, l := range members {
		base += weights[m] * l.Tail[i]
		for _, c := range l.Classes[i*l.K:][:l.K] {
			if c != NoClass {
				sums[c] = 0
			}
		}
	}
	for c := range sums {
		for m, l := range members {
			v := l.Tail[i]
			for j, x := range l.Classes[i*l.K:][:l.K] {
				if x == c {
					v = fixed1(l.Values[i*l.K+j])
				}
			}
			sums[c] += weights[m] * v
		}
	}
	return sums, base
}

// bestOf is the prediction of a set on a sample, from its sums.
func bestOf(sums map[uint16]uint32) (best uint32, class uint16) {
	class = NoClass
	for c, v := range sums {
		if v > best || v == best && c < class {
			best, class = v, c
		}
	}
	return best, class
}

// paperCuts are the cuts of g thresholds evenly from 0 to 1 for total weight j.
func paperCuts(g, j int) []uint32 {
	cuts := make([]uint32, g)
	for i := range cuts {
		cuts[i] = uint32(float64(j) * float64(float32(i)/float32(g-1)) * One)
	}
	return cuts
}

func itoa(n int) string { return strconv.Itoa(n) }

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }
