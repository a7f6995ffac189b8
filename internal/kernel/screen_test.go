package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// guardScreened is room for n samples in guarded memory.
func guardScreened(t *testing.T, n, offset int) (*Screened, func()) {
	n += screenPast
	sums, right := guard[uint32](n, offset), guard[uint16](n, offset+2)
	sure, open := guard[byte](n, offset+1), guard[int32](n, offset)
	return &Screened{Sums: sums.s, Right: right.s, Sure: sure.s, Open: open.s}, func() {
		t.Helper()
		sums.check(t, "Screened.Sums")
		right.check(t, "Screened.Right")
		sure.check(t, "Screened.Sure")
		open.check(t, "Screened.Open")
	}
}

// subsetOf is the given samples of n, in guarded memory.
func subsetOf(n int, numbers []int32, offset int) *Subset {
	bits := make([]uint64, (n+63)/64)
	for _, i := range numbers {
		bits[i>>6] |= 1 << (i & 63)
	}
	return &Subset{guardOf(numbers, offset).s, guardOf(bits, offset).s}
}

// screenWith compares Screen's answers about some samples with the definition of a set's
// sum, and those of every path with the reference's. It returns how many it left open.
func screenWith(t *testing.T, z *zoo, weights []uint32, numbers []int32, least uint32, offset int) int {
	t.Helper()
	var members []Stances
	for _, l := range z.lists {
		members = append(members, guardOf(NewStances(l, z.labels), offset).s)
	}
	n, samples := len(numbers), subsetOf(len(z.labels), numbers, offset)
	var want *Screened
	for _, p := range Paths() {
		restore := Force(p)
		got, check := guardScreened(t, n, offset)
		open := Screen(got, samples, members, weights, least)
		restore()
		check()
		got.Sums, got.Right, got.Sure, got.Open = got.Sums[:n], got.Right[:n], got.Sure[:n], got.Open[:open]
		if p == Generic {
			want = got
		} else if !slices.Equal(got.Sums, want.Sums) || !slices.Equal(got.Right, want.Right) || !slices.Equal(got.Sure, want.Sure) || !slices.Equal(got.Open, want.Open) {
			t.Fatalf("%d samples, weights %d, least %d: %v and %v differ", n, weights, least, p, Generic)
		}
	}

	for r, i := range numbers {
		sums, _ := define(int(i), z.lists, weights)
		best, class := bestOf(sums)
		right, said := class == z.labels[i], want.Sums[r]
		switch {
		case want.Sure[r] != 0:
			if want.Sure[r] != math.MaxUint8 || said != best || want.Right[r] == 1 != right {
				t.Fatalf("sample %d: %d, correct %d; want %d of class %d, label %d", i, said, want.Right[r], best, class, z.labels[i])
			}
		case want.Right[r] != 0:
			t.Fatalf("sample %d: correct, but not surely", i)
		case slices.Contains(want.Open, int32(r)):
		case said == math.MaxUint32:
			if best < least || right {
				t.Fatalf("sample %d: wrong, least %d; want %d of class %d, label %d", i, least, best, class, z.labels[i])
			}
		case said < best || said >= least:
			t.Fatalf("sample %d: at most %d, least %d; want %d", i, said, least, best)
		}
	}

	for _, p := range Paths() {
		for _, members := range [][]Stances{members, nil} {
			restore := Force(p)
			got := NewScreened(len(z.labels))
			for r := range got.Sums { // as after others
				got.Sums[r], got.Right[r], got.Sure[r] = math.MaxUint32, 1, 1
			}
			Decide(got, samples, z.labels, z.lists, members, weights, least)
			restore()
			for r, i := range numbers {
				if members != nil && !slices.Contains(want.Open, int32(r)) {
					if got.Sums[r] != want.Sums[r] || got.Right[r] != want.Right[r] || got.Sure[r] != want.Sure[r] {
						t.Fatalf("sample %d, %v: not as screened", i, p)
					}
					continue
				}
				sums, _ := define(int(i), z.lists, weights)
				if best, class := bestOf(sums); got.Sums[r] != best || got.Right[r] == 1 != (class == z.labels[i]) || got.Sure[r] != math.MaxUint8 {
					t.Fatalf("sample %d, %v: decided as %d, correct %d; want %d of class %d, label %d", i, p, got.Sums[r], got.Right[r], best, class, z.labels[i])
				}
			}
		}
	}
	return len(want.Open)
}

// stanceShapes are zoos of many and of few classes, with short and long lists.
var stanceShapes = []struct{ n, classes, k int }{{1000, 120, 16}, {300, 10, 16}, {200, 40, 32}, {300, 3, 16}, {100, 1, 16}}

func TestScreen(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	for _, sh := range stanceShapes {
		for _, models := range []int{1, 2, 3, 4, 5, 8, 16, 17} { // the assembly takes up to 16
			z := newZoo(sh.n, sh.classes, sh.k, models, uint64(100*models+sh.classes))
			weights := make([]uint32, models)
			total := uint32(0)
			for m := range weights {
				weights[m] = 1 + rng.Uint32N(3)
				total += weights[m]
			}
			open, seen := 0, 0
			all := make([]int32, sh.n)
			for i := range all {
				all[i] = int32(i)
			}
			for range 6 {
				// Of some stretches many samples, of others few or none.
				var samples []int32
				share := 0
				for i := range sh.n {
					if i%64 == 0 {
						share = []int{0, 1, 3, 30, 64}[rng.IntN(5)]
					}
					if rng.IntN(64) < share {
						samples = append(samples, int32(i))
					}
				}
				samples = samples[:rng.IntN(len(samples)+1)]
				least := rng.Uint32N(total * One)
				open += screenWith(t, z, weights, samples, least, rng.IntN(3))
				open += screenWith(t, z, weights, samples, 0, rng.IntN(3))
				seen += 2 * len(samples)
				screenWith(t, z, weights, all, least, 0)
			}
			if open > seen*2/3 {
				t.Errorf("%d models, %d classes: %d of %d samples are open", models, sh.classes, open, seen)
			}
		}
	}
}

// What would read or write outside is refused, on every path.
func TestSubsetsRefuse(t *testing.T) {
	const n = 100
	z := newZoo(n, 20, 16, 2, 1)
	stances := []Stances{NewStances(z.lists[0], z.labels), NewStances(z.lists[1], z.labels)}
	to, some := NewScreened(n), subsetOf(n, []int32{3, 70, 99}, 0)
	tables, known := randomTables(newRand(), n, 2, 20), make([]uint64, 2)
	entries, sure := make([]byte, 3), make([]byte, 3)
	wrong := map[string]*Subset{
		"a bit after the last sample": {[]int32{3, 70, 99, 100}, []uint64{1 << 3, 1<<6 | 1<<35 | 1<<36}},
		"too few bits":                {[]int32{3}, []uint64{1 << 3}},
		"too many bits":               {[]int32{3}, []uint64{1 << 3, 0, 0}},
		"fewer numbers than bits":     {[]int32{3, 70}, some.Bits},
		"more numbers than bits":      {[]int32{3, 4, 70, 99}, some.Bits},
	}
	eachPath(t, func(t *testing.T) {
		for what, subset := range wrong {
			panics(t, what, func() { Screen(to, subset, stances, nil, 0) })
			panics(t, what, func() { Decide(to, subset, z.labels, z.lists, stances, nil, 0) })
			size := len(subset.Numbers)
			panics(t, what, func() { Enter(tables[0], known, known, subset, make([]byte, size), make([]byte, size)) })
			if len(subset.Numbers) == 4 && len(subset.Bits) == 2 && subset.Numbers[3] == 99 || what == "fewer numbers than bits" {
				continue // the bits alone are right
			}
			panics(t, what, func() { Pass(slices.Clone(subset.Bits), tables[0], 4) })
			panics(t, what, func() { Compact(make([]byte, n), subset.Bits, tables[0]) })
		}
		panics(t, "no room for what is screened", func() { Screen(NewScreened(2), some, stances, nil, 0) })
		panics(t, "room for other samples", func() { Decide(NewScreened(n-1), some, z.labels, z.lists, stances, nil, 0) })
		panics(t, "stances of other samples", func() { Screen(to, some, []Stances{stances[0], stances[1][1:]}, nil, 0) })
		panics(t, "no tables", func() { Missing(NewSubset(n), nil, nil, known, known) })
		panics(t, "too few exits", func() { Missing(NewSubset(n), tables, []byte{4}, known, known) })
		panics(t, "too few bits", func() { Missing(NewSubset(n), tables, []byte{4, 4}, known[:1], known) })
		panics(t, "no room for the missing", func() { Missing(NewSubset(n-1), tables, []byte{4, 4}, known, known) })
		panics(t, "too few entries", func() { Enter(tables[0], known, known, some, entries[:2], sure) })
		panics(t, "too few bits", func() { Enter(tables[0], known[:1], known, some, entries, sure) })
		panics(t, "no room", func() { Compact(make([]byte, n-1), some.Bits, tables[0]) })
		panics(t, "another length", func() { Settle(tables[0], tables[1][1:], 1, 2, 3) })
		panics(t, "another length", func() { Same(z.labels, z.labels[1:]) })
	})
}

// FuzzScreen makes lists of few classes and few values, so that there are ties.
func FuzzScreen(f *testing.F) {
	f.Add([]byte("a seed with some variety 0123456789"), uint8(40), uint8(1), uint32(One))
	f.Add(make([]byte, 300), uint8(17), uint8(7), uint32(0))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 17}, uint8(3), uint8(2), uint32(3*One/2))
	f.Fuzz(func(t *testing.T, data []byte, classes, weight uint8, least uint32) {
		if len(data) == 0 || classes == 0 {
			return
		}
		const n = 20
		at := 0
		next := func() uint16 {
			b := data[at%len(data)]
			at++
			return uint16(b)
		}
		z := &zoo{labels: make([]uint16, n)}
		for i := range z.labels {
			z.labels[i] = next() % uint16(classes)
		}
		row := make([]uint16, classes)
		for range 3 {
			l := &Lists{K: 16, Classes: make([]uint16, n*16), Values: make([]uint16, n*16), Tail: make([]uint32, n), TopClass: make([]uint16, n), TopValue: make([]uint16, n)}
			for i := range n {
				for c := range row {
					row[c] = next() % 5 * 0x300
				}
				row[int(next())%len(row)] = 0x3000 + next()%3
				setList(l, i, row)
			}
			z.lists = append(z.lists, l)
		}
		samples := make([]int32, n)
		for i := range samples {
			samples[i] = int32(i)
		}
		screenWith(t, z, []uint32{1, 1 + uint32(weight%100), 1 + uint32(weight/3)}, samples, least%(200*One), 0)
	})
}

func BenchmarkScreen(b *testing.B) {
	z := bigZoo()
	var members []Stances
	for _, l := range z.lists {
		members = append(members, NewStances(l, z.labels))
	}
	n := len(z.labels)
	to := NewScreened(n)
	rng := newRand()
	var numbers []int32
	for i := range n {
		if rng.IntN(10) < 3 {
			numbers = append(numbers, int32(i))
		}
	}
	samples := subsetOf(n, numbers, 0)
	for _, k := range []int{2, 3, 5} {
		b.Run(itoa(k), func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(int64(8 * k * len(numbers)))
				for b.Loop() {
					Screen(to, samples, members[:k], nil, uint32(k)*One/2)
				}
			})
		})
	}
}
