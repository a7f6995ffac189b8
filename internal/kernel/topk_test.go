package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// topKDefinition sorts the whole row.
func topKDefinition(k int, row []uint16) (classes, values []uint16, sum uint64) {
	order := make([]int, len(row))
	for c, h := range row {
		order[c] = c
		sum += uint64(valueOf(h) * One)
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(row[b]) - int(row[a]) })
	classes, values = make([]uint16, k), make([]uint16, k)
	for j := range k {
		classes[j] = NoClass
		if j < len(order) {
			classes[j], values[j] = uint16(order[j]), row[order[j]]
		}
	}
	return classes, values, sum
}

// softmaxRow is a row as a confident classifier makes it.
func softmaxRow(rng *rand.Rand, classes int) []uint16 {
	logits := make([]float64, classes)
	for c := range logits {
		logits[c] = 2 * rng.NormFloat64()
	}
	logits[rng.IntN(classes)] += 8
	p := make([]float32, classes)
	softmax(p, logits, 1)
	row := make([]uint16, classes)
	f16FromF32Generic(row, p)
	return row
}

func checkTopK(t *testing.T, row []uint16, offset int) {
	t.Helper()
	for _, k := range []int{16, 32} {
		src, classes, values := guardOf(row, offset), guard[uint16](k, offset), guard[uint16](k, offset+1)
		sum := TopK(classes.s, values.s, src.s)
		classes.check(t, "TopK classes")
		values.check(t, "TopK values")
		src.check(t, "TopK row")
		wantClasses, wantValues, wantSum := topKDefinition(k, row)
		if !slices.Equal(classes.s, wantClasses) || !slices.Equal(values.s, wantValues) {
			t.Fatalf("C %d, K %d:\n got %d\n     %#x\nwant %d\n     %#x", len(row), k, classes.s, values.s, wantClasses, wantValues)
		}
		if sum != wantSum {
			t.Fatalf("C %d, K %d: sum %d, want %d", len(row), k, sum, wantSum)
		}
	}
}

func TestTopK(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			checkTopK(t, fill(n, probability(rng)), rng.IntN(4))
			checkTopK(t, fill(n, func() uint16 { return uint16(rng.IntN(3)) }), 1)
			checkTopK(t, fill(n, func() uint16 { return 0x3C00 }), 0)
			checkTopK(t, make([]uint16, n), 3)
			if n > 0 {
				checkTopK(t, softmaxRow(rng, n), 0)
			}
			up, down := make([]uint16, n), make([]uint16, n)
			for i := range up {
				up[i], down[i] = uint16(i), uint16(n-i)
			}
			checkTopK(t, up, 0)
			checkTopK(t, down, 0)
		}
		for _, n := range []int{21_843, 65_535} {
			checkTopK(t, fill(n, probability(rng)), 1)
			checkTopK(t, softmaxRow(rng, n), 0)
			checkTopK(t, fill(n, func() uint16 { return 0x3C00 }), 0)
		}
	})
}

func FuzzTopK(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, uint8(0))
	f.Add(slices.Repeat([]byte{0x00, 0x3C}, 40), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, offset uint8) {
		row := make([]uint16, min(len(data)/2, NoClass))
		for c := range row {
			row[c] = (uint16(data[2*c]) | uint16(data[2*c+1])<<8) % 0x3C01
		}
		for _, p := range Paths() {
			func() {
				defer Force(p)()
				checkTopK(t, row, int(offset%5))
			}()
		}
	})
}

func BenchmarkTopK(b *testing.B) {
	for _, c := range []struct {
		name       string
		classes, k int
	}{{"C=1000,K=16", 1000, 16}, {"C=100,K=16", 100, 16}, {"C=10,K=16", 10, 16}, {"C=32,K=32", 32, 32}, {"C=21843,K=16", 21_843, 16}} {
		rng := rand.New(rand.NewPCG(5, 5))
		rows := make([][]uint16, 256)
		for i := range rows {
			rows[i] = softmaxRow(rng, c.classes)
		}
		classes, values := make([]uint16, c.k), make([]uint16, c.k)
		b.Run(c.name, func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(int64(2 * c.classes))
				for i := 0; b.Loop(); i++ {
					TopK(classes, values, rows[i%len(rows)])
				}
			})
		})
	}
}
