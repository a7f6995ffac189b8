package kernel

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomCuts makes g ascending cuts, some of them equal.
func randomCuts(rng *rand.Rand, g int) []uint32 {
	cuts := fill(g, func() uint32 { return rng.Uint32N(3 * One) })
	for i := range cuts {
		if i > 0 && rng.IntN(10) == 0 {
			cuts[i] = cuts[i-1]
		}
	}
	slices.Sort(cuts)
	return cuts
}

func TestBins(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	eachPath(t, func(t *testing.T) {
		check := func(n, g, offset int) {
			cuts := guardOf(randomCuts(rng, g), offset)
			sums := guardOf(fill(n, func() uint32 {
				if g > 0 && rng.IntN(2) == 0 {
					return cuts.s[rng.IntN(g)] + rng.Uint32N(3) - 1 // around a cut
				}
				if rng.IntN(8) == 0 {
					return 0xFFFFFFFF - rng.Uint32N(2)
				}
				return rng.Uint32N(4 * One)
			}), offset)
			class := guardOf(fill(n, func() uint16 { return uint16(rng.IntN(3) * 0x7FFF) }), offset)
			labels := guardOf(fill(n, func() uint16 { return uint16(rng.IntN(3) * 0x7FFF) }), offset)
			table := guard[byte](n, offset)
			Bins(table.s, sums.s, class.s, labels.s, cuts.s)
			table.check(t, "Bins")
			for i, got := range table.s {
				bin := 0
				for _, c := range cuts.s {
					if c < sums.s[i] {
						bin++
					}
				}
				want := byte(bin << 1)
				if class.s[i] == labels.s[i] {
					want++
				}
				if got != want {
					t.Fatalf("n %d, %d cuts, sample %d: %d, want %d", n, g, i, got, want)
				}
			}
		}
		for _, n := range lengths {
			check(n, rng.IntN(MaxCuts+1), n%5)
		}
		for g := range MaxCuts + 1 {
			check(130, g, 1)
		}
	})
}

// randomTables makes set tables as searches see them: most samples in the last
// bins, later tables surer.
func randomTables(rng *rand.Rand, n, k, bins int) [][]byte {
	tables := make([][]byte, k)
	for j := range tables {
		tables[j] = fill(n, func() byte {
			bin := bins - 1
			if rng.IntN(3) == 0 {
				bin = rng.IntN(bins)
			}
			right := byte(0)
			if rng.IntN(10) > 0 {
				right = 1
			}
			return byte(bin<<1) | right
		})
	}
	return tables
}

// evaluateDefinition follows every sample through its stages.
func evaluateDefinition(tables [][]byte, exits []byte) (reach []int, correct int) {
	reach = make([]int, len(tables))
	for i := range tables[0] {
		for j, t := range tables {
			reach[j]++
			if j == len(tables)-1 || int(t[i]>>1) > int(exits[j])/2-1 {
				correct += int(t[i] & 1)
				break
			}
		}
	}
	return reach, correct
}

func TestMissing(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	eachPath(t, func(t *testing.T) {
		check := func(n, k, bins, offset int) {
			exits := fill(k, func() byte { return byte(2 * (1 + rng.IntN(bins))) })
			if rng.IntN(2) == 0 {
				exits[k-1] = 0
			}
			known := guardOf(fill((n+63)/64, func() uint64 { return rng.Uint64() & rng.Uint64() }), offset)
			held := guardOf(fill((n+63)/64, rng.Uint64), offset)
			numbers, asked := guard[int32](n, offset), guardOf(fill((n+63)/64, rng.Uint64), offset)
			var guards []guarded[byte]
			var tables [][]byte
			for _, table := range randomTables(rng, n, k, bins) {
				g := guardOf(table, offset)
				guards, tables = append(guards, g), append(tables, g.s)
				offset++
			}
			got := &Subset{numbers.s[:0], asked.s}
			Missing(got, tables, exits, known.s, held.s)
			numbers.check(t, "Missing numbers")
			asked.check(t, "Missing bits")
			known.check(t, "Missing known")
			held.check(t, "Missing held")
			for _, g := range guards {
				g.check(t, "Missing tables")
			}
			var want []int32
			for i := range n {
				reaches := true
				for j, exit := range exits[:k-1] {
					reaches = reaches && tables[j][i] < exit
				}
				bit := func(of []uint64) bool { return of[i/64]>>(i%64)&1 == 1 }
				if reaches && !bit(known.s) && (!bit(held.s) || tables[k-1][i] >= exits[k-1]) {
					want = append(want, int32(i))
				}
			}
			if !slices.Equal(got.Numbers, want) || !slices.Equal(got.Bits, subsetOf(n, want, 0).Bits) {
				t.Fatalf("n %d, k %d, exits %d: %d, want %d", n, k, exits, got.Numbers, want)
			}
		}
		for _, n := range lengths {
			check(n, 1+rng.IntN(6), 1+rng.IntN(127), n%3)
		}
		for k := 1; k <= 20; k++ {
			for _, n := range []int{0, 1, 63, 64, 65, 4099} {
				check(n, k, 78, k%3)
			}
		}
	})
}

func TestEnter(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			share, offset := rng.IntN(65), n%3
			var numbers []int32
			for i := range n {
				if rng.IntN(64) < share {
					numbers = append(numbers, int32(i))
				}
			}
			word := func() uint64 { return rng.Uint64() & (1<<(n&63) - 1) }
			table := guardOf(fill(n, func() byte { return byte(rng.IntN(256)) }), offset)
			known, held := guardOf(fill((n+63)/64, word), offset), guardOf(fill((n+63)/64, word), offset)
			entries := guardOf(fill(len(numbers), func() byte { return byte(rng.IntN(256)) }), offset)
			sure := guardOf(fill(len(numbers), func() byte { return 255 * byte(rng.IntN(2)) }), offset)
			wantTable, wantKnown, wantHeld := slices.Clone(table.s), slices.Clone(known.s), slices.Clone(held.s)
			for r, i := range numbers {
				wantTable[i] = entries.s[r]
				wantHeld[i/64] |= 1 << (i % 64)
				if sure.s[r] != 0 {
					wantKnown[i/64] |= 1 << (i % 64)
				}
			}
			Enter(table.s, known.s, held.s, subsetOf(n, numbers, offset), entries.s, sure.s)
			for _, g := range []guarded[byte]{table, entries, sure} {
				g.check(t, "Enter bytes")
			}
			known.check(t, "Enter known")
			held.check(t, "Enter held")
			if !slices.Equal(table.s, wantTable) || !slices.Equal(known.s, wantKnown) || !slices.Equal(held.s, wantHeld) {
				t.Fatalf("n %d, %d samples: not as defined", n, len(numbers))
			}
		}
	})
}

func TestSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			class := func() uint16 { return uint16(rng.IntN(3)) * 0x7FFF }
			a, b := guardOf(fill(n, class), n%3), guardOf(fill(n, class), n%5)
			want := 0
			for i := range n {
				if a.s[i] == b.s[i] {
					want++
				}
			}
			if got := Same(a.s, b.s); got != want {
				t.Fatalf("n %d: %d, want %d", n, got, want)
			}
		}
	})
}

// randomBits are the bits of n samples, of some stretches many and of others few.
func randomBits(rng *rand.Rand, n int) []uint64 {
	bits := make([]uint64, (n+63)/64)
	share := 0
	for i := range n {
		if i%64 == 0 {
			share = []int{0, 2, 30, 64}[rng.IntN(4)]
		}
		if rng.IntN(64) < share {
			bits[i/64] |= 1 << (i % 64)
		}
	}
	return bits
}

func TestPass(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			exit, table := byte(rng.IntN(256)), guardOf(randomTables(rng, n, 1, 127)[0], n%3)
			samples := guardOf(randomBits(rng, n), n%3)
			want, left, correct := slices.Clone(samples.s), 0, 0
			for i, b := range table.s {
				if want[i/64]>>(i%64)&1 == 1 && b >= exit {
					want[i/64] &^= 1 << (i % 64)
					left++
					correct += int(b & 1)
				}
			}
			gotLeft, gotCorrect := Pass(samples.s, table.s, exit)
			samples.check(t, "Pass samples")
			table.check(t, "Pass table")
			if gotLeft != left || gotCorrect != correct || !slices.Equal(samples.s, want) {
				t.Fatalf("n %d, exit %d: %d left, %d correct, want %d and %d", n, exit, gotLeft, gotCorrect, left, correct)
			}
		}
	})
}

func TestSettle(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			exit, keep, code := byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))
			to, table := guardOf(fill(n, func() byte { return byte(rng.IntN(256)) }), n%3), guardOf(randomTables(rng, n, 1, 127)[0], n%3)
			want := slices.Clone(to.s)
			for i, b := range table.s {
				if b >= exit {
					want[i] = b&keep | code
				}
			}
			Settle(to.s, table.s, exit, keep, code)
			to.check(t, "Settle to")
			if !slices.Equal(to.s, want) {
				t.Fatalf("n %d, exit %d, keep %d, code %d: not as defined", n, exit, keep, code)
			}
		}
	})
}

func TestCompact(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			samples, to := randomBits(rng, n), guard[byte](n, n%3)
			from := guardOf(fill(n, func() byte { return byte(rng.IntN(256)) }), n%3)
			var want []byte
			for i, b := range from.s {
				if samples[i/64]>>(i%64)&1 == 1 {
					want = append(want, b)
				}
			}
			got := to.s[:Compact(to.s, guardOf(samples, n%3).s, from.s)]
			to.check(t, "Compact to")
			if !slices.Equal(got, want) {
				t.Fatalf("n %d: %d, want %d", n, got, want)
			}
		}
	})
}

func TestEvaluate(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	eachPath(t, func(t *testing.T) {
		check := func(n, k, bins, offset int) {
			exits := fill(k-1, func() byte { return byte(2 * (1 + rng.IntN(bins))) })
			if k > 1 && rng.IntN(4) == 0 {
				exits[rng.IntN(k-1)] = 254
			}
			var guards []guarded[byte]
			var tables [][]byte
			for _, table := range randomTables(rng, n, k, bins) {
				g := guardOf(table, offset)
				guards, tables = append(guards, g), append(tables, g.s)
				offset++
			}
			reach := guard[int](k, 1)
			for i := range reach.s {
				reach.s[i] = -1
			}
			correct := Evaluate(tables, exits, reach.s)
			reach.check(t, "Evaluate reach")
			for _, g := range guards {
				g.check(t, "Evaluate tables")
			}
			wantReach, wantCorrect := evaluateDefinition(tables, exits)
			if correct != wantCorrect || !slices.Equal(reach.s, wantReach) {
				t.Fatalf("n %d, k %d, exits %d: %d %d, want %d %d", n, k, exits, correct, reach.s, wantCorrect, wantReach)
			}
		}
		for _, n := range lengths {
			check(n, 1+rng.IntN(6), 1+rng.IntN(127), n%3)
		}
		for k := 1; k <= 20; k++ {
			for _, n := range []int{0, 1, 63, 64, 65, 20_683} {
				check(n, k, 78, k%3)
			}
		}
		check(200_000, 3, 51, 0) // counters of one byte a lane run over here
		for _, value := range []byte{0, 1, 254, 255} {
			tables := [][]byte{slices.Repeat([]byte{value}, 70_001), slices.Repeat([]byte{value}, 70_001)}
			reach := make([]int, 2)
			correct := Evaluate(tables, []byte{254}, reach)
			wantReach, wantCorrect := evaluateDefinition(tables, []byte{254})
			if correct != wantCorrect || !slices.Equal(reach, wantReach) {
				t.Fatalf("all %d: %d %d, want %d %d", value, correct, reach, wantCorrect, wantReach)
			}
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	f.Add([]byte{1, 200, 3, 255, 0, 8}, []byte{100})
	f.Add(slices.Repeat([]byte{255, 6}, 300), []byte{10, 20, 254})
	f.Fuzz(func(t *testing.T, data, exits []byte) {
		exits = slices.Clone(exits)
		if len(exits) > 20 {
			exits = exits[:20]
		}
		for i := range exits {
			exits[i] = max(exits[i]&^1, 2)
		}
		k := len(exits) + 1
		n := len(data) / k
		tables := make([][]byte, k)
		for j := range tables {
			tables[j] = data[j*n:][:n]
		}
		wantReach, wantCorrect := evaluateDefinition(tables, exits)
		for _, p := range Paths() {
			func() {
				defer Force(p)()
				reach := make([]int, k)
				if correct := Evaluate(tables, exits, reach); correct != wantCorrect || !slices.Equal(reach, wantReach) {
					t.Fatalf("%v: %d %d, want %d %d", p, correct, reach, wantCorrect, wantReach)
				}
			}()
		}
	})
}

func TestCorrect(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	eachPath(t, func(t *testing.T) {
		for _, n := range append(lengths, 70_001) {
			table := guardOf(fill(n, func() byte { return byte(rng.Uint32()) | byte(n&1) }), n%3)
			if got, want := Correct(table.s), correctGeneric(table.s); got != want {
				t.Fatalf("length %d: %d, want %d", n, got, want)
			}
		}
	})
}

func BenchmarkBins(b *testing.B) {
	z := bigZoo()
	n := len(z.labels)
	s := NewSums(n, 16)
	Single(s, z.lists[0], 1)
	table := make([]byte, n)
	for _, g := range []int{51, 78, 127} {
		cuts := paperCuts(g, 1)
		b.Run("G="+itoa(g), func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(int64(9 * n))
				for b.Loop() {
					Bins(table, s.Top, s.TopClass, z.labels, cuts)
				}
			})
		})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	for _, k := range []int{2, 3, 5, 8} {
		tables := randomTables(rand.New(rand.NewPCG(9, 9)), 20_683, k, 51)
		exits, reach := slices.Repeat([]byte{80}, k-1), make([]int, k)
		b.Run("k="+itoa(k), func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(int64(k * 20_683))
				for b.Loop() {
					Evaluate(tables, exits, reach)
				}
			})
		})
	}
}

// BenchmarkMissing asks for the entries of a stage that a cascade continues after, of which
// every other one is known.
func BenchmarkMissing(b *testing.B) {
	const n = 20_683
	for _, k := range []int{2, 3, 5} {
		rng := rand.New(rand.NewPCG(9, 9))
		tables, exits, to := randomTables(rng, n, k, 51), slices.Repeat([]byte{80}, k), NewSubset(n)
		known, held := fill((n+63)/64, rng.Uint64), make([]uint64, (n+63)/64)
		b.Run("k="+itoa(k), func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(int64(k*n + n/8))
				for b.Loop() {
					Missing(to, tables, exits, known, held)
				}
			})
		})
	}
}

// BenchmarkThresholds is what solving a threshold takes of a table: Pass, Settle, Compact.
func BenchmarkThresholds(b *testing.B) {
	const n = 20_683
	table, to, bits := randomTables(newRand(), n, 1, 51)[0], make([]byte, n), randomBits(newRand(), n)
	all := slices.Clone(bits)
	for name, kernel := range map[string]func(){
		"Pass":    func() { copy(bits, all); Pass(bits, table, 80) },
		"Settle":  func() { Settle(to, table, 80, 1, 2) },
		"Compact": func() { Compact(to, all, table) },
	} {
		b.Run(name, func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(n)
				for b.Loop() {
					kernel()
				}
			})
		})
	}
}

func BenchmarkCorrect(b *testing.B) {
	table := randomTables(rand.New(rand.NewPCG(9, 9)), 20_683, 1, 51)[0]
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(len(table)))
		for b.Loop() {
			Correct(table)
		}
	})
}

func FuzzBins(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, uint8(2))
	f.Add(slices.Repeat([]byte{255, 255, 255, 255, 0, 0, 0, 1}, 80), uint8(127))
	f.Fuzz(func(t *testing.T, data []byte, g uint8) {
		words := make([]uint32, len(data)/4)
		for i := range words {
			words[i] = binary.LittleEndian.Uint32(data[4*i:])
		}
		g = min(g, MaxCuts, uint8(min(len(words), MaxCuts)))
		cuts, sums := slices.Sorted(slices.Values(words[:g])), words
		class, labels := make([]uint16, len(sums)), make([]uint16, len(sums))
		for i, s := range sums {
			class[i], labels[i] = uint16(s), uint16(s>>16)
		}
		want := make([]byte, len(sums))
		for i, s := range sums {
			for _, c := range cuts {
				if c < s {
					want[i] += 2
				}
			}
			if class[i] == labels[i] {
				want[i]++
			}
		}
		for _, p := range Paths() {
			restore := Force(p)
			table := make([]byte, len(sums))
			Bins(table, sums, class, labels, cuts)
			restore()
			if !slices.Equal(table, want) {
				t.Fatalf("%v: %d, want %d", p, table, want)
			}
		}
	})
}
