package kernel

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

func TestCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			bins := 1 + rng.IntN(128)
			tables := randomTables(rng, n, 2, bins)
			t1, t2 := guardOf(tables[0], n%3), guardOf(tables[1], n%2)
			cells := guard[uint16](n, n%4)
			Cells(cells.s, t1.s, t2.s, bins)
			cells.check(t, "Cells")
			want := make([]uint16, n)
			cellsGeneric(want, tables[0], tables[1], bins)
			if !slices.Equal(cells.s, want) {
				t.Fatalf("n %d, %d bins: cells differ", n, bins)
			}
		}
	})
}

// TestHistograms compares Count, Count1, Delta and Delta1 with their references,
// on skewed, single-celled and random data.
func TestHistograms(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	eachPath(t, func(t *testing.T) {
		check := func(n, bins, offset int) {
			tables := randomTables(rng, n, 4, bins)
			switch rng.IntN(5) {
			case 0: // one cell holds all
				copy(tables[0], slices.Repeat([]byte{byte(2*bins - 1)}, n))
				copy(tables[1], tables[0])
			case 1: // no cell is hot
				for i := range tables[0] {
					tables[0][i], tables[1][i] = byte(rng.IntN(2*bins)), byte(rng.IntN(2*bins))
				}
			case 2: // nothing differs
				copy(tables[3], tables[2])
			case 3: // all differs
				for i, b := range tables[2] {
					tables[3][i] = b ^ 1
				}
			}
			t1, from, to := guardOf(tables[0], offset), guardOf(tables[2], offset+1), guardOf(tables[3], offset+2)
			cells := guard[uint16](n, offset)
			cellsGeneric(cells.s, tables[0], tables[1], bins)
			start := fill(bins*bins, func() int32 { return rng.Int32() - 1<<30 })
			compare := func(what string, size int, run, reference func(hist []int32)) {
				t.Helper()
				hist, want := guardOf(start[:size], offset), slices.Clone(start[:size])
				run(hist.s)
				reference(want)
				hist.check(t, what)
				if !slices.Equal(hist.s, want) {
					t.Fatalf("%s: n %d, %d bins: histograms differ", what, n, bins)
				}
			}
			compare("Count", bins*bins, func(h []int32) { Count(h, cells.s) }, func(h []int32) { countGeneric(h, cells.s) })
			compare("Count1", bins, func(h []int32) { Count1(h, t1.s) }, func(h []int32) { count1Generic(h, t1.s) })
			compare("Delta", bins*bins, func(h []int32) { Delta(h, cells.s, from.s, to.s) }, func(h []int32) { deltaGeneric(h, cells.s, from.s, to.s) })
			compare("Delta1", bins, func(h []int32) { Delta1(h, t1.s, from.s, to.s) }, func(h []int32) { delta1Generic(h, t1.s, from.s, to.s) })
		}
		for _, n := range lengths {
			check(n, 1+rng.IntN(128), n%3)
		}
		for range 8 {
			check(70_001, 1+rng.IntN(128), 0)
		}
	})
}

// TestHistogramsRefuse says that a bin or a cell outside the histogram is a panic
// and never a write outside.
func TestHistogramsRefuse(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		for _, n := range []int{1, 3, 31, 32, 33, 64, 100, 1000} {
			for _, at := range []int{0, n / 2, n - 1} {
				table, same := make([]byte, n), make([]byte, n)
				table[at] = 50<<1 | 1
				cells := make([]uint16, n)
				cells[at] = 50
				for what, run := range map[string]func(hist []int32){
					"Count":  func(h []int32) { Count(h, cells) },
					"Count1": func(h []int32) { Count1(h, table) },
					"Delta":  func(h []int32) { Delta(h, cells, same, table) },
					"Delta1": func(h []int32) { Delta1(h, table, same, table) },
				} {
					for _, size := range []int{0, 1, 50} {
						hist := guard[int32](size, 0)
						panics(t, what, func() { run(hist.s) })
						hist.check(t, what)
					}
					run(make([]int32, 51))
				}
			}
		}
	})
}

func panics(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestPrefix2(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	eachPath(t, func(t *testing.T) {
		for rows := range 7 {
			for _, cols := range append(slices.Clone(lengths[:140]), 200) {
				h := fill(rows*cols, func() int32 { return rng.Int32() })
				hist := guardOf(h, cols%3)
				Prefix2(hist.s, rows, cols)
				hist.check(t, "Prefix2")
				for r := range rows {
					for c := range cols {
						if r > 0 {
							h[r*cols+c] += h[(r-1)*cols+c]
						}
						if c > 0 {
							h[r*cols+c] += h[r*cols+c-1]
						}
						if r > 0 && c > 0 {
							h[r*cols+c] -= h[(r-1)*cols+c-1]
						}
					}
				}
				if !slices.Equal(hist.s, h) {
					t.Fatalf("%d rows, %d columns: sums differ", rows, cols)
				}
			}
		}
	})
}

// TestChains compares all thresholds at once with one cascade after another.
func TestChains(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	eachPath(t, func(t *testing.T) {
		for _, sh := range [][2]int{{0, 3}, {1, 1}, {100, 5}, {333, 51}, {1000, 20}, {257, 127}, {8192, 9}, {8500, 30}} {
			n, bins := sh[0], sh[1]
			tables := randomTables(rng, n, 3, bins)
			correct, reach2 := make([]int32, bins), make([]int32, bins)
			Chain2(correct, reach2, tables[0], tables[1])
			for g := range bins {
				reach, want := evaluateDefinition(tables[:2], []byte{byte(2 * (g + 1))})
				if int(correct[g]) != want || int(reach2[g]) != reach[1] {
					t.Fatalf("Chain2, %d bins, g %d: %d correct, %d reach; want %d, %d", bins, g, correct[g], reach2[g], want, reach[1])
				}
			}
			correct3, reach3 := make([]int32, bins*bins), make([]int32, bins*bins)
			Chain3(correct3, reach3, reach2, tables[0], tables[1], tables[2], make([]uint16, n))
			for range 200 {
				g1, g2 := rng.IntN(bins), rng.IntN(bins)
				reach, want := evaluateDefinition(tables, []byte{byte(2 * (g1 + 1)), byte(2 * (g2 + 1))})
				at := g1*bins + g2
				if int(correct3[at]) != want || int(reach2[g1]) != reach[1] || int(reach3[at]) != reach[2] {
					t.Fatalf("Chain3, %d bins, %d %d: %d correct, reach %d %d; want %d, %d", bins, g1, g2, correct3[at], reach2[g1], reach3[at], want, reach)
				}
			}
		}
	})
}

// chainData is what the histogram benchmarks share: real set tables of a chain of
// three on a grid of 51.
func chainData() (t1, t12, t123 []byte, cells []uint16) {
	z := bigZoo()
	n := len(z.labels)
	best, class := make([]uint32, n), make([]uint16, n)
	var tables [3][]byte
	for j := range tables {
		tables[j] = make([]byte, n)
		ResolveAll(best, class, z.lists[:j+1], nil)
		Bins(tables[j], best, class, z.labels, paperCuts(51, j+1))
	}
	cells = make([]uint16, n)
	Cells(cells, tables[0], tables[1], 51)
	return tables[0], tables[1], tables[2], cells
}

func BenchmarkCells(b *testing.B) {
	t1, t12, _, cells := chainData()
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(4 * len(t1)))
		for b.Loop() {
			Cells(cells, t1, t12, 51)
		}
	})
}

func BenchmarkCount(b *testing.B) {
	_, _, _, cells := chainData()
	hist := make([]int32, 51*51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(2 * len(cells)))
		for b.Loop() {
			Count(hist, cells)
		}
	})
}

func BenchmarkCount1(b *testing.B) {
	t1, _, _, _ := chainData()
	hist := make([]int32, 51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(len(t1)))
		for b.Loop() {
			Count1(hist, t1)
		}
	})
}

func BenchmarkDelta(b *testing.B) {
	_, t12, t123, cells := chainData()
	hist := make([]int32, 51*51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(4 * len(cells)))
		for b.Loop() {
			Delta(hist, cells, t12, t123)
		}
	})
}

func BenchmarkDelta1(b *testing.B) {
	t1, t12, _, _ := chainData()
	hist := make([]int32, 51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(2 * len(t1)))
		for b.Loop() {
			Delta1(hist, t1, t1, t12)
		}
	})
}

func BenchmarkPrefix2(b *testing.B) {
	hist := make([]int32, 51*51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(4 * len(hist)))
		for b.Loop() {
			Prefix2(hist, 51, 51)
		}
	})
}

func BenchmarkChain2(b *testing.B) {
	t1, t12, _, _ := chainData()
	correct, reach2 := make([]int32, 51), make([]int32, 51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(2 * len(t1)))
		for b.Loop() {
			Chain2(correct, reach2, t1, t12)
		}
	})
}

func BenchmarkChain3(b *testing.B) {
	t1, t12, t123, cells := chainData()
	correct, reach3, reach2 := make([]int32, 51*51), make([]int32, 51*51), make([]int32, 51)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(3 * len(t1)))
		for b.Loop() {
			Chain3(correct, reach3, reach2, t1, t12, t123, cells)
		}
	})
}

func FuzzChains(f *testing.F) {
	f.Add([]byte{1, 200, 3, 255, 0, 8, 9, 40, 41}, uint8(127))
	f.Add(slices.Repeat([]byte{255, 6, 7, 9}, 200), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, grid uint8) {
		bins, n := 1+int(grid)%128, len(data)/3
		tables := make([][]byte, 3)
		for j := range tables {
			tables[j] = slices.Clone(data[j*n:][:n])
			for i, b := range tables[j] {
				tables[j][i] = b>>1%byte(bins)<<1 | b&1
			}
		}
		type answer struct{ correct, reach3, reach2, bins1 []int32 }
		var want answer
		for _, p := range Paths() {
			restore := Force(p)
			got := answer{make([]int32, bins*bins), make([]int32, bins*bins), make([]int32, bins), make([]int32, bins)}
			cells := make([]uint16, n)
			Chain3(got.correct, got.reach3, got.reach2, tables[0], tables[1], tables[2], cells)
			Count1(got.bins1, tables[1])
			restore()
			if p == Generic {
				want = got
			} else if !reflect.DeepEqual(got, want) {
				t.Fatalf("%v and %v differ", p, Generic)
			}
		}
		for g1 := range bins {
			for g2 := range bins {
				reach, correct := evaluateDefinition(tables, []byte{byte(min(2*(g1+1), 255)), byte(min(2*(g2+1), 255))})
				at := g1*bins + g2
				if g1 < 127 && g2 < 127 && (int(want.correct[at]) != correct || int(want.reach3[at]) != reach[2] || int(want.reach2[g1]) != reach[1]) {
					t.Fatalf("thresholds %d %d: %d correct, reach %d %d; want %d, %d", g1, g2, want.correct[at], want.reach2[g1], want.reach3[at], correct, reach)
				}
			}
			if g1 > 3 {
				break // one cascade after another is slow
			}
		}
	})
}
