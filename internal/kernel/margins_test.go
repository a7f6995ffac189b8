package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// marginsOf returns the margins of every model of a zoo.
func (z *zoo) margins() []*Margins {
	var all []*Margins
	for _, l := range z.lists {
		m := NewMargins(len(z.labels))
		m.SetSingle(l, z.labels)
		all = append(all, m)
	}
	return all
}

// given is what a model gives the labels.
func (z *zoo) given(model int) []uint32 {
	given := make([]uint32, len(z.labels))
	z.lists[model].Given(given, z.labels)
	return given
}

// judged compares what Judge says of a set with the set's answers, and returns how many
// samples it leaves open.
func judged(t *testing.T, z *zoo, a, b *Margins, members ...*Lists) int {
	t.Helper()
	n := len(z.labels)
	best, class, may, open := make([]uint32, n), make([]uint16, n), make([]byte, n), make([]int32, n)
	ResolveAll(best, class, members, nil)
	open = open[:Judge(may, open, a, b)]
	if !slices.IsSorted(open) {
		t.Fatal("open samples out of order")
	}
	for _, i := range open {
		if may[i] != 1 {
			t.Fatalf("%d members, sample %d: open and %d", len(members), i, may[i])
		}
	}
	for i, label := range z.labels {
		if _, is := slices.BinarySearch(open, int32(i)); !is && may[i] == 1 != (class[i] == label) {
			t.Fatalf("%d members, sample %d with label %d: judged %d, and the answer is %d", len(members), i, label, may[i], class[i])
		}
	}
	return len(open)
}

// TestMargins says that what margins decide of two and of three models is what their lists
// give, for models, for votes and for the answer of the last model.
func TestMargins(t *testing.T) { eachPath(t, testMargins) }

func testMargins(t *testing.T) {
	open, all := 0, 0
	for _, sh := range shapes {
		for seed := range uint64(3) {
			z := newZoo(sh.n, sh.classes, sh.k, 4, 31+seed+uint64(sh.classes))
			for i := range sh.n { // labels that models find unlikely, too
				if i%10 == 0 {
					z.labels[i] = z.lists[i%4].Classes[i*sh.k+min(sh.classes, sh.k)-1]
				}
			}
			if seed == 2 {
				z.vote()
			}
			margins, pair := z.margins(), NewMargins(sh.n)
			best, class, room := make([]uint32, sh.n), make([]uint16, sh.n), make([]int32, sh.n)
			for x := range 4 {
				for y := range x {
					judged(t, z, margins[x], margins[y], z.lists[x], z.lists[y])
					Pair(best, class, room, z.lists[x], z.lists[y])
					pair.SetPair(margins[x], margins[y], z.given(x), z.given(y), best, class, z.labels)
					for third := range y {
						open += judged(t, z, pair, margins[third], z.lists[x], z.lists[y], z.lists[third])
						all += sh.n
					}
				}
			}
			table := make([]byte, sh.n)
			for i, c := range z.lists[3].TopClass {
				table[i] = 6
				if c == z.labels[i] {
					table[i]++
				}
			}
			pair.SetBlank()
			margins[3].SetAnswers(table)
			if n := judged(t, z, pair, margins[3], z.lists[3]); n > 0 {
				t.Errorf("%d answers left open", n)
			}
		}
	}
	if open > all/5 {
		t.Errorf("%d of %d samples left open", open, all)
	}
}

// vote makes ballots of all lists.
func (z *zoo) vote() {
	for _, l := range z.lists {
		clear(l.Values)
		clear(l.Tail)
		for i := range l.TopValue {
			l.Values[i*l.K], l.TopValue[i] = 0x3C00, 0x3C00
		}
	}
}

// guardMargins returns random margins, many of them equal or near what decides.
func guardMargins(rng *rand.Rand, n, offset int) (*Margins, guarded[uint16]) {
	m := NewMargins(n)
	near := []int16{-1 << 15, -1<<14 - 1, -3, -2, -1, 0, 1, 2, 3, 1 << 14, 1<<15 - 1}
	draw := func() int16 {
		if rng.IntN(2) == 0 {
			return near[rng.IntN(len(near))]
		}
		return int16(rng.IntN(1 << 16))
	}
	for i := range n {
		m.set(i, draw(), draw(), uint16(rng.IntN(3)))
	}
	g := guardOf(m.data, offset)
	return &Margins{n, g.s}, g
}

// TestJudge compares Judge and Foresee on every path with the reference.
func TestJudge(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			a, guardA := guardMargins(rng, n, n%3)
			b, guardB := guardMargins(rng, n, n%5)
			may, open := guard[byte](n, n%4), guard[int32](n, n%2)
			wantMay, wantOpen := make([]byte, n), make([]int32, n)
			got, want := Judge(may.s, open.s, a, b), judgeGeneric(wantMay, wantOpen, a, b, 0, 0)
			if !slices.Equal(may.s, wantMay) || !slices.Equal(open.s[:got], wantOpen[:want]) {
				t.Fatalf("n %d: judged otherwise", n)
			}
			right := guardOf(fill(n, func() byte { return byte(rng.IntN(256)) }), n%3)
			cells := guardOf(fill(n, func() uint16 { return uint16(rng.IntN(1 << 16)) }), n%2)
			f, wantF := &Forecast{}, &Forecast{}
			f.Gains[3], wantF.Gains[3] = 7, 7
			Foresee(f, cells.s, right.s, a, b)
			foreseeGeneric(wantF, cells.s, right.s, a, b, 0)
			if *f != *wantF {
				t.Fatalf("n %d: forecasts differ", n)
			}
			for what, g := range map[string]interface{ check(*testing.T, string) }{"a": guardA, "b": guardB, "may": may, "open": open, "right": right, "cells": cells} {
				g.check(t, what)
			}
		}
	})
}

// TestSetPair compares SetPair on every path with the reference.
func TestSetPair(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			a, guardA := guardMargins(rng, n, n%3)
			b, guardB := guardMargins(rng, n, n%5)
			m, guardM := guardMargins(rng, n, n%4)
			sum := func() uint32 { return uint32(rng.IntN(3)) << 24 >> rng.IntN(25) } // up to 2
			aGiven, bGiven, best := guardOf(fill(n, sum), n%3), guardOf(fill(n, sum), n%2), guardOf(fill(n, sum), n%5)
			few := func() uint16 { return uint16(rng.IntN(2)) * NoClass }
			class, labels := guardOf(fill(n, few), n%3), guardOf(fill(n, few), n%4)
			want := NewMargins(n)
			setPairGeneric(want, a, b, aGiven.s, bGiven.s, best.s, class.s, labels.s, 0)
			m.SetPair(a, b, aGiven.s, bGiven.s, best.s, class.s, labels.s)
			for i := range n {
				lead, excess, rival := m.at(i)
				if l, e, r := want.at(i); l != lead || e != excess || r != rival {
					t.Fatalf("n %d, sample %d: %d, %d and %d, want %d, %d and %d", n, i, lead, excess, rival, l, e, r)
				}
			}
			for what, g := range map[string]interface{ check(*testing.T, string) }{"m": guardM, "a": guardA, "b": guardB, "given": aGiven, "given ": bGiven, "best": best, "class": class, "labels": labels} {
				g.check(t, what)
			}
		}
	})
}

func TestSetPairRefuses(t *testing.T) {
	z := newZoo(40, 20, 16, 2, 1)
	n := len(z.labels)
	m, a, short := NewMargins(n), NewMargins(n), NewMargins(n-1)
	given, best, class := make([]uint32, n), make([]uint32, n), make([]uint16, n)
	eachPath(t, func(t *testing.T) {
		panics(t, "margins of another length", func() { m.SetPair(short, a, given, given, best, class, z.labels) })
		panics(t, "margins of another length", func() { m.SetPair(a, short, given, given, best, class, z.labels) })
		panics(t, "short values", func() { m.SetPair(a, a, given[1:], given, best, class, z.labels) })
		panics(t, "short values", func() { m.SetPair(a, a, given, given[1:], best, class, z.labels) })
		panics(t, "short sums", func() { m.SetPair(a, a, given, given, best[1:], class, z.labels) })
		panics(t, "short classes", func() { m.SetPair(a, a, given, given, best, class[1:], z.labels) })
		panics(t, "short labels", func() { m.SetPair(a, a, given, given, best, class, z.labels[1:]) })
		panics(t, "short values", func() { z.lists[0].Given(given[1:], z.labels) })
		panics(t, "short labels", func() { z.lists[0].Given(given, z.labels[1:]) })
	})
}

// Parts of margins are those of the samples.
func TestMarginsSlice(t *testing.T) {
	m, _ := guardMargins(newRand(), 1000, 0)
	for from := 0; from < 1000; from += 96 {
		part := m.Slice(from, min(from+50, 1000))
		for i := range min(from+50, 1000) - from {
			lead, excess, rival := part.at(i)
			if l, e, r := m.at(from + i); l != lead || e != excess || r != rival {
				t.Fatalf("sample %d of the part from %d differs", i, from)
			}
		}
	}
	panics(t, "Slice", func() { m.Slice(31, 64) })
}

// benchMargins are those of the large zoo: of a pair, of a third model, and which samples
// the pair has right.
func benchMargins() (pair, third *Margins, right []byte) {
	z := bigZoo()
	n := len(z.labels)
	margins := z.margins()
	best, class, room, right := make([]uint32, n), make([]uint16, n), make([]int32, n), make([]byte, n)
	Pair(best, class, room, z.lists[0], z.lists[1])
	for i, c := range class {
		if c == z.labels[i] {
			right[i] = 1
		}
	}
	pair = NewMargins(n)
	pair.SetPair(margins[0], margins[1], z.given(0), z.given(1), best, class, z.labels)
	return pair, margins[2], right
}

func BenchmarkJudge(b *testing.B) {
	pair, third, right := benchMargins()
	open := make([]int32, len(right))
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(13 * len(right)))
		for b.Loop() {
			Judge(right, open, pair, third)
		}
	})
}

func BenchmarkForesee(b *testing.B) {
	pair, third, right := benchMargins()
	rng := newRand()
	cells := fill(len(right), func() uint16 { return uint16(rng.IntN(1 << 16)) })
	f := &Forecast{}
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(15 * len(right)))
		for b.Loop() {
			Foresee(f, cells, right, pair, third)
		}
	})
}
